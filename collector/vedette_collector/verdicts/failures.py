"""Results, most of all failures, as the bits of long integers.

What goes through one entity is one integer, so that what goes through some of them, and not through others,
is a few operations on integers, however many results there are.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import compress
from typing import Final, Generic, Protocol, TypeVar

from vedette_collector.verdicts.members import Parts, Path, Probe

K = TypeVar("K", bound=Hashable)

FEW: Final = 8  # bits that are faster set one by one
_BITS: Final = bytes.maketrans(b"01", b"\x00\x01")


class Result(Protocol):
    """What went through some entities."""

    @property
    def path(self) -> Path: ...

    @property
    def since(self) -> float: ...


class Failure(Result, Protocol):
    """One probe that fails, or one of its failures."""

    probe: Probe
    code: str
    is_asked: bool  # it is known only because somebody asked


R = TypeVar("R", bound=Result, covariant=True)
F = TypeVar("F", bound=Failure)


class Results(Generic[R]):
    """Of one track, oldest first. The first is the lowest bit."""

    def __init__(self, results: Iterable[R]) -> None:
        self._results = sorted(results, key=_since)
        # Many share what they go through at the side of the check, or of the agent: these are few to count.
        self._by_entity = _of_members(_places([each.path for each in self._results]))

    def __len__(self) -> int:
        return len(self._results)

    def since(self, at: float) -> int:
        """Those that began at *at* or later."""
        first = bisect_left(self._results, at, key=_since)
        return (1 << len(self._results)) - (1 << first)

    def through(self, parts: Parts, within: int) -> int:
        """Those of *within* that go through all of *parts*."""
        by_entity = self._by_entity
        for group in parts:
            any_of_them = 0
            for entity in group:
                any_of_them |= by_entity.get(entity, 0)
            within &= any_of_them
        return within

    def middle(self, within: int) -> R:
        """Of at least one: as many are older as are newer."""
        number = (within.bit_count() + 1) // 2
        low, high = 0, len(self._results)
        while low < high - 1:
            place = (low + high) // 2
            if (within & ((1 << place) - 1)).bit_count() < number:
                low = place
            else:
                high = place
        return self._results[low]

    def oldest(self, within: int) -> R:
        """Of at least one."""
        return self._results[(within & -within).bit_length() - 1]


class Failures(Results[F]):
    @cached_property
    def _by_code(self) -> list[tuple[str, int]]:
        return sorted(_places([(each.code,) for each in self._results]).items())

    @cached_property
    def asked(self) -> int:
        """Those that are known only because somebody asked."""
        return _bits([n for n, each in enumerate(self._results) if each.is_asked], len(self._results))

    def of(self, probes: Container[Probe]) -> int:
        """Those of *probes*."""
        found = (place for place, each in enumerate(self._results) if each.probe in probes)
        return _bits(list(found), len(self._results))

    def counts(self, within: int, entities: Iterable[int] | None = None) -> dict[int, int]:
        """How many of *within* go through each entity, or each of *entities*; without those of none."""
        by_entity = self._by_entity
        found = {}
        for entity in by_entity if entities is None else entities:
            count = (by_entity.get(entity, 0) & within).bit_count()
            if count:
                found[entity] = count
        return found

    def usual_codes(self, within: int, entities: Iterable[int]) -> dict[int, str]:
        """For each of *entities*: of the failure codes in *within* the most frequent, of these the first."""
        codes = [code for code, _ in self._by_code]
        by_code = [bits & within for _, bits in self._by_code]
        found = {}
        for entity in entities:
            own = self._by_entity[entity]
            counts = [(bits & own).bit_count() for bits in by_code]
            found[entity] = codes[counts.index(max(counts))]
        return found

    def selected(self, within: int) -> list[F]:
        return list(compress(self._results, format(within, "b")[::-1].encode().translate(_BITS)))


class Through:
    """Whether a failure goes through any of some components."""

    __slots__ = ("_others", "_singles")

    def __init__(self, components: Iterable[Parts] = ()) -> None:
        components = list(components)
        self._singles = frozenset(entity for parts in components if len(parts) == 1 for entity in parts[0])
        self._others = [[frozenset(group) for group in parts] for parts in components if len(parts) > 1]

    def __call__(self, entities: tuple[int, ...]) -> bool:
        if not self._singles.isdisjoint(entities):
            return True
        for groups in self._others:
            for group in groups:
                if group.isdisjoint(entities):
                    break
            else:
                return True
        return False


def _since(each: Result) -> float:
    return each.since


def _places(rows: Sequence[Iterable[K]]) -> dict[K, int]:
    """For each thing that stands in any of *rows*: a bit for each row that it stands in."""
    found: defaultdict[K, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        for each in row:
            found[each].append(place)
    return {each: _bits(places, len(rows)) for each, places in found.items()}


def _of_members(of: Mapping[tuple[K, ...], int]) -> dict[K, int]:
    """The same for what is in the things that stand there."""
    found: dict[K, int] = {}
    for each, bits in of.items():
        for member in each:
            found[member] = found.get(member, 0) | bits
    return found


def _bits(places: Sequence[int], count: int) -> int:
    if len(places) <= FEW:
        few = 0
        for place in places:
            few |= 1 << place
        return few
    row = bytearray(count // 8 + 1)
    for place in places:
        row[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(row, "little")
