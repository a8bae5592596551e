"""The failures of one track in one window, and by how much each thing that can be blamed explains them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from math import log
from typing import Generic, NamedTuple, Protocol, TypeVar

from vedette_collector.verdicts.component import Component, Kind, component
from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.members import Parts, Probe
from vedette_collector.verdicts.score import gain, surprise


class Failure(Protocol):
    """One probe that fails, or one of its failures."""

    probe: Probe
    entities: tuple[int, ...]
    since: float
    code: str


class Candidate(NamedTuple):
    """What could be blamed. Its rate of failures is not always worth telling: then it only explains them."""

    parts: Parts
    failed: int
    total: float
    score: float  # by how much it explains better than one rate for all, its cost taken off
    surprise: float  # by how much it is more than noise, its cost taken off


F = TypeVar("F", bound=Failure)


class Sample(Generic[F]):
    """Failures of one track in one window, with what was explained already taken out of it."""

    def __init__(
        self,
        index: Index,
        track: Track,
        failures: Sequence[F],
        count: Callable[[Parts, tuple[Parts, ...]], float],
        explained: tuple[Parts, ...] = (),
    ) -> None:
        self.index = index
        self.track = track
        self.failures = failures
        self._count = count
        self._explained = explained
        self.failed = len(failures)
        self.total = max(self.count(()), float(self.failed))
        self.by_entity = Counter(chain.from_iterable([each.entities for each in failures]))

    def count(self, parts: Parts) -> float:
        return self._count(parts, self._explained)

    def prepare(self, parts: Parts, entities: Collection[int]) -> None:
        """Counts of *parts* with each of *entities* are about to be asked for."""
        if len(entities) > 4:
            self.index.prepare(self.track, parts, entities)
            if len(self._explained) == 1:
                self.index.prepare(self.track, parts, entities, self._explained[0])

    def without(self, parts: Parts) -> "Sample[F]":
        left = [each for each in self.failures if not is_through(each.entities, parts)]
        return Sample(self.index, self.track, left, self._count, (*self._explained, parts))


class Through:
    """Whether a failure goes through any of some components."""

    __slots__ = ("_others", "_singles")

    def __init__(self, components: Iterable[Parts] = ()) -> None:
        components = list(components)
        self._singles = frozenset(entity for parts in components if len(parts) == 1 for entity in parts[0])
        self._others = [parts for parts in components if len(parts) > 1]

    def __call__(self, entities: tuple[int, ...]) -> bool:
        if not self._singles.isdisjoint(entities):
            return True
        return bool(self._others) and any(is_through(entities, parts) for parts in self._others)


def is_through(entities: tuple[int, ...], parts: Parts) -> bool:
    for group in parts:
        for entity in group:
            if entity in entities:
                break
        else:
            return False
    return True


def cost(sample: Sample[F], kind: Kind) -> float:
    """ln of how many entities could have been blamed in place of this one: of its kind, and kinds."""
    sizes = sample.index.sizes[sample.track]
    return log(max(sizes.get(kind, 1), 1)) + log(len(sizes) or 1)


def candidate(sample: Sample[F], parts: Parts, failed: int, cost: float, noise: float) -> Candidate:
    total = max(sample.count(parts), float(failed))
    return Candidate(
        parts=parts,
        failed=failed,
        total=total,
        score=gain(failed, total, sample.failed, sample.total) - cost,
        surprise=surprise(failed, total, noise) - cost,
    )


def named(index: Index, parts: Parts) -> Component:
    return component(index.entities[entity] for group in parts for entity in group)
