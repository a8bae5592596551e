"""What is stored of incidents: each as one record, written when it changed."""

import logging
from typing import Final

import msgspec

from vedette.log import fields
from vedette_collector.docket import SEVERITIES, Docket
from vedette_collector.store.database import Loaded, Writing
from vedette_collector.verdicts.incident import Incident

log = logging.getLogger("vedette.collector.store")

_REACHED: Final = {severity: f"incidents_{severity}" for severity in SEVERITIES}  # names of facts
_pack: Final = msgspec.msgpack.Encoder().encode
_incident: Final = msgspec.msgpack.Decoder(Incident)


class Cases:
    """The incidents of *docket*, and what of them is stored."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._stored: dict[str, Incident | None] = {}

    def restored(self, loaded: Loaded) -> list[Incident]:
        """What the store has. One that cannot be read, as of a later version, is left where it is."""
        found = []
        for name, packed in loaded.incidents:
            try:
                found.append(_incident.decode(packed))
            except msgspec.DecodeError as exc:
                log.warning("an incident cannot be read", extra=fields(incident=name, reason=exc))
        for severity, fact in _REACHED.items():
            self._docket.reached[severity] = loaded.facts.get(fact, 0)
        self._docket.incidents = {each.id: each for each in reversed(found)}
        self._stored = dict(self._docket.incidents)
        return found

    def writing(self) -> Writing:
        """What is new since the last call, which is taken for stored: else `forget`."""
        now = self._docket.incidents
        made = Writing(
            incidents=[
                (name, _pack(each)) for name, each in now.items() if self._stored.get(name) is not each
            ],
            gone_incidents=[name for name in self._stored if name not in now],
            facts={fact: self._docket.reached[severity] for severity, fact in _REACHED.items()},
        )
        self._stored = dict(now)
        return made

    def forget(self) -> None:
        """It was not stored: the next one has everything."""
        self._stored = dict.fromkeys(self._stored)
