"""Holds the name servers of a zone against each other and against the delegation. RFC 1034 4.2, RFC 1982.

What was seen goes in; everything that is wrong comes out, the gravest first: a server that does not answer
or is lame, a delegation that says something else than the zone, a serial that is behind, other records.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Final, NamedTuple

from vedette.wire.failure import NOT_RUN_REASONS
from vedette_agent.dns.iterate.referral import MAX_SERVERS, Referral, shown
from vedette_agent.dns.iterate.walk import Server

_HALF: Final = 1 << 31
_SHOWN: Final = 4  # servers, or records, in a text

Fault = tuple[str, str]  # failure code and what people read


class Seen(NamedTuple):
    """One server at one address. None is what it did not say."""

    server: Server
    seconds: float | None = None
    rcode: str | None = None
    authoritative: bool = False
    serial: int | None = None
    names: tuple[str, ...] | None = None  # of the NS records of the zone, sorted
    record: tuple[str, ...] | None = None  # what must be the same, sorted
    code: str | None = None  # why it does not serve the zone
    why: str = ""


class Stated(NamedTuple):
    """The servers of the zone as somebody outside of it has them."""

    referral: Referral
    at: str  # "at the parent"


class Delegation(NamedTuple):
    """What stands outside of the zone, and what the zone itself says of the same addresses."""

    stated: Sequence[Stated]  # none: nobody was asked
    own: Mapping[str, frozenset[str]]  # by server with glue; what could not be asked is not in it
    families: tuple[int, ...]


class Findings(NamedTuple):
    faults: list[Fault]
    serials: int
    newest: int | None
    delegation_differs: bool | None
    servers_differ: bool | None


def compared(zone: str, seen: Sequence[Seen], delegation: Delegation, max_lag: int) -> Findings:
    """What is wrong with the servers of *zone*. *max_lag* is in steps of the serial."""
    silent = [one for one in seen if one.code is not None]
    faults = [_failing(silent)] if silent else []
    delegated = [fault for one in delegation.stated for fault in _delegation(zone, seen, one, delegation)]
    newest, late = _serials(zone, seen, max_lag)
    differing = [
        *_differing(f"the NS records of {shown(zone)}", [(one.server, one.names) for one in seen]),
        *_differing("the record", [(one.server, one.record) for one in seen]),
    ]
    answers = any(one.names is not None for one in seen)
    return Findings(
        [*faults, *delegated, *late, *differing],
        len({one.serial for one in seen if one.serial is not None}),
        newest,
        bool(delegated) if delegation.stated and answers else None,
        bool(differing) if answers else None,
    )


def behind(serial: int, newest: int) -> int:
    """Steps from *serial* forward to *newest*; ordered only below half of the circle (RFC 1982 3.2)."""
    return (newest - serial) % (1 << 32)


def newest_of(serials: Iterable[int]) -> int | None:
    """The one that no other is ahead of. Of two that lie opposite each other: the first."""
    found = list(serials)
    return (
        reduce(lambda one, other: other if 0 < behind(one, other) < _HALF else one, found) if found else None
    )


def _failing(silent: Sequence[Seen]) -> Fault:
    # Lame says more than silence: somebody has to mend a configuration. What our own side lacks says least.
    first = min(silent, key=lambda one: (one.code in NOT_RUN_REASONS, one.code != "dns.lame"))
    said = [f"{one.server} {one.why}" for one in (first, *(one for one in silent if one is not first))]
    assert first.code is not None
    return first.code, _listed(said)


def _serials(zone: str, seen: Sequence[Seen], max_lag: int) -> tuple[int | None, list[Fault]]:
    newest = newest_of(one.serial for one in seen if one.serial is not None)
    if newest is None:
        return None, []
    late = [
        f"{one.server} has serial {one.serial}"
        for one in seen
        if one.serial is not None and behind(one.serial, newest) > max_lag
    ]
    if not late:
        return newest, []
    return newest, [("dns.stale_serial", f"the newest serial of {shown(zone)} is {newest}; {_listed(late)}")]


def _differing(what: str, said: Sequence[tuple[Server, tuple[str, ...] | None]]) -> list[Fault]:
    groups: dict[tuple[str, ...], list[Server]] = {}
    for server, texts in said:
        if texts is not None:
            groups.setdefault(texts, []).append(server)
    if len(groups) < 2:
        return []
    told = [
        f"{_listed(map(str, servers))} says {_listed(texts) or 'nothing'}"
        for texts, servers in groups.items()
    ]
    return [("dns.inconsistent", f"{what}: {'; '.join(told)}")]


def _delegation(zone: str, seen: Sequence[Seen], stated: Stated, delegation: Delegation) -> list[Fault]:
    (_, servers, addresses), at = stated
    faults: list[Fault] = []
    there = set(servers)
    for one in seen:
        if len(there) < MAX_SERVERS and one.names is not None and set(one.names) != there:
            told = [
                *(f"{name} is only {at}" for name in sorted(there - set(one.names))),
                *(f"{name} is only in the zone" for name in sorted(set(one.names) - there)),
            ]
            text = f"the delegation of {shown(zone)} is not what {one.server} says: {_listed(told)}"
            faults.append(("dns.delegation", text))
            break
    for name, own in delegation.own.items():
        glue = {text for text in addresses.get(name, ()) if (6 if ":" in text else 4) in delegation.families}
        if glue and glue != own:
            text = f"{name} has {_listed(sorted(glue))} {at}, {_listed(sorted(own)) or 'nothing'} in the zone"
            faults.append(("dns.delegation", text))
    return faults


def _listed(texts: Iterable[str]) -> str:
    found = list(texts)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
