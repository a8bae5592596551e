"""Components that just the same probes go through.

No arithmetic tells them apart: the kind decides which one is named first, and the others stand beside it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.members import Group, Parts
from vedette_collector.verdicts.tracks import KINDS

Preference = tuple[int, int, tuple[int, ...], Parts]

_PLACES: Final[dict[Kind, int]] = {
    kind: place
    for place, kind in enumerate(
        (
            Kind.TARGET, Kind.ZONE, Kind.PREFIX_SET, Kind.AUTHORITY, Kind.PRODUCT, Kind.DEPENDENCY,
            Kind.HOST_CLASS, Kind.PROVIDER_REGION, Kind.PROVIDER_NETWORK, Kind.PROVIDER, Kind.TLD,
            Kind.CA_CHAIN, Kind.RESOLVER, Kind.AGENT, Kind.SITE, Kind.NETWORK, Kind.TRANSIT, Kind.FAMILY,
            Kind.ACCESS, Kind.REGION, Kind.CLIENT_STACK, Kind.RESOLVER_CLASS, Kind.PLANE,
        )
    )
}  # fmt: skip


def preference(index: Index, parts: Parts) -> Preference:
    """Sorts those that the fleet cannot tell apart: the first one is named."""
    places = tuple(sorted(_PLACES[index.kinds[group[0]]] for group in parts))
    return sum(map(len, parts)), len(parts), places, parts


def is_same(index: Index, track: Track, one: Parts, other: Parts) -> bool:
    """Whether just the same probes go through both."""
    return index.count(track, one) == index.count(track, other) == index.count(track, one + other)


def twins(index: Index, track: Track, parts: Parts, paths: Sequence[Sequence[int]]) -> list[Parts]:
    """Those in which another entity stands in place of a part of *parts*, or another group in place of one.

    *paths*: entities of probes through *parts*, of one at least, and of one for each entity that is named.
    """
    found = dict.fromkeys(_replaced(index, track, parts, paths))
    return sorted(found, key=lambda each: preference(index, each))


def _replaced(index: Index, track: Track, parts: Parts, paths: Sequence[Sequence[int]]) -> Iterator[Parts]:
    for place, group in enumerate(parts):
        before, after = parts[:place], parts[place + 1 :]
        taken = {index.kinds[each[0]] for each in (*before, *after)}
        for entity in set(paths[0]).difference(group):
            if not _can_be_told(index, track, entity) or index.kinds[entity] in taken:
                continue
            # With what every probe goes through a conjunction says no more than without.
            if not taken or index.count(track, ((entity,),)) < index.count(track):
                other = (*before, (entity,), *after)
                if is_same(index, track, parts, other):
                    yield other
        if len(group) > 1:
            yield from ((*before, each, *after) for each in _groups(index, track, group, paths) if each)


def _groups(index: Index, track: Track, group: Group, paths: Sequence[Sequence[int]]) -> Iterator[Group]:
    """Groups of another kind, each member of which is the same as one of *group*. Of agents there are none:
    what several have in common is blamed."""
    by_kind: dict[Kind, set[int]] = {}
    for entity in group:
        for path in (each for each in paths if entity in each):
            for other in path:
                if other not in group and is_same(index, track, ((entity,),), ((other,),)):
                    by_kind.setdefault(index.kinds[other], set()).add(other)
    for kind, others in by_kind.items():
        if len(others) == len(group) and kind in KINDS[track] and kind is not Kind.AGENT:
            yield tuple(sorted(others))


def _can_be_told(index: Index, track: Track, entity: int) -> bool:
    """Planes of two providers have nothing in common but the word."""
    return index.kinds[entity] in KINDS[track] and index.kinds[entity] is not Kind.PLANE
