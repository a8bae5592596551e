"""What the collector names while a drill runs, compared with what it should name."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from msgspec import DecodeError, Struct, ValidationError, json

from vedette.up import page
from vedette.up.control import DrillState
from vedette.up.world.drill import Phase

_INCIDENTS: Final = "/api/v1/incidents"
_ENDLESS_SECONDS: Final = 120.0  # for a phase that lasts until it is stopped
_LATE_SECONDS: Final = 20.0  # a verdict may come when its phase is over
_LOOK_SECONDS: Final = 0.2


class _Part(Struct, frozen=True):
    component: str
    active: bool = False


class Named(Struct, frozen=True):
    """An incident as the collector tells it, as far as a drill looks at it."""

    id: str
    state: str  # open, quiet, closed
    component: str
    headline: str
    dependents: list[_Part] = []  # components that are part of the same incident


class Verdict(Struct, frozen=True, kw_only=True):
    """A phase of a drill was named. Stable keys: `vedette drill start --json` prints them."""

    phase: str
    component: str
    is_headline: bool  # else it was named as part of an incident that another component leads
    after_seconds: float  # since the phase began
    incident: str
    headline: str


class Awaited:
    """The phases of a running drill for which a verdict is to come."""

    def __init__(self, drill: DrillState) -> None:
        self._since = drill.since or 0.0
        self._open = [phase for phase in drill.phases if phase.components]

    @property
    def is_over(self) -> bool:
        return not self._open

    def seen(self, incidents: Sequence[Named], now: float) -> list[Verdict]:
        """Which phases are named by now, and were not before. *now*: seconds since the Unix epoch."""
        found = []
        for phase in list(self._open):
            after = now - self._since - phase.after_seconds
            if after < 0:
                continue
            for incident in incidents:
                match = _match(phase, _components(incident))
                if match is not None:
                    self._open.remove(phase)
                    found.append(
                        Verdict(
                            phase=phase.name,
                            component=match,
                            is_headline=match == incident.component,
                            after_seconds=round(after, 1),
                            incident=incident.id,
                            headline=incident.headline,
                        )
                    )
                    break
        return found

    def missed(self, now: float) -> list[Phase]:
        """Phases that nothing has named in their time. Each is told once."""
        late = [phase for phase in self._open if now > self._since + _bound(phase)]
        self._open = [phase for phase in self._open if phase not in late]
        return late


def _components(incident: Named) -> list[str]:
    return [incident.component, *(part.component for part in incident.dependents if part.active)]


def _bound(phase: Phase) -> float:
    lasts = _ENDLESS_SECONDS if phase.lasts_seconds is None else phase.lasts_seconds
    return phase.after_seconds + lasts + _LATE_SECONDS


def _match(phase: Phase, components: Iterable[str]) -> str | None:
    """The first of *components* that has all the parts of one that is expected."""
    wanted = [set(expected.split(" & ")) for expected in phase.components]
    return next(
        (one for one in components if any(parts <= set(one.split(" & ")) for parts in wanted)),
        None,
    )


class _Incidents(Struct, frozen=True):
    incidents: list[Named]


async def named(page_port: int) -> list[Named]:
    """The incidents that go on; none while the collector gives no answer."""
    body = await page.get(page_port, _INCIDENTS)
    if body is None:
        return []
    try:
        return [one for one in json.decode(body, type=_Incidents).incidents if one.state == "open"]
    except (DecodeError, ValidationError):
        return []


async def watched(drill: DrillState, page_port: int) -> AsyncIterator[Verdict | Phase]:
    """Each verdict on *drill* when it is there, and each phase for which none came in its time."""
    awaited = Awaited(drill)
    while not awaited.is_over:
        incidents = await named(page_port)
        now = time.time()
        for verdict in awaited.seen(incidents, now):
            yield verdict
        for phase in awaited.missed(now):
            yield phase
        await asyncio.sleep(_LOOK_SECONDS)
