"""The failures of one track in one window, and by how much each thing that can be blamed explains them."""

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from copy import copy
from functools import cached_property
from math import inf, log
from typing import Generic, NamedTuple

from vedette_collector.verdicts.answers import LASTING_SECONDS, Around
from vedette_collector.verdicts.component import Component, Kind, component
from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.failures import F, Failures, Result, Results
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.members import Parts, Probe
from vedette_collector.verdicts.score import gain, surprise


class Candidate(NamedTuple):
    """What could be blamed. Its rate of failures is not always worth telling: then it only explains them."""

    parts: Parts
    failed: int
    total: float
    score: float  # by how much it explains better than one rate for all, its cost taken off
    surprise: float  # by how much it is more than noise, its cost taken off


class Sample(Generic[F]):
    """Failures of one track in one window, with what was explained already taken out of it."""

    def __init__(
        self,
        index: Index,
        track: Track,
        failures: Failures[F],
        count: Callable[[Parts, tuple[Parts, ...]], float],
        explained: tuple[Parts, ...] = (),
        *,
        since: float = -inf,
        around: Callable[[], Around] | None = None,
    ) -> None:
        """*around*: of a sample of newest results, what else is known of them."""
        self.index = index
        self.track = track
        self._around = around
        self._failures = failures
        self._count = count
        self._explained: tuple[Parts, ...] = ()
        left = failures.since(since)
        for parts in explained:
            left &= ~failures.through(parts, left)
        self._take(left, explained)

    @cached_property
    def around(self) -> Around | None:
        """None: of a sample of first attempts."""
        return self._around() if self._around is not None else None

    def _take(self, left: int, explained: tuple[Parts, ...]) -> None:
        self._left = left
        self._explained = explained
        self.failed = left.bit_count()
        self.total = max(self.count(()), float(self.failed))
        self.by_entity = self._failures.counts(left)

    def without(self, parts: Parts) -> "Sample[F]":
        sample = copy(self)
        sample._take(self._left & ~self._through(parts), (*self._explained, parts))
        return sample

    def count(self, parts: Parts) -> float:
        """How many probes, or results, there are."""
        return self._count(parts, self._explained)

    def exposure(self, parts: Parts) -> float:
        """How many results a second these probes have."""
        return self.index.exposure(self.track, parts, self._explained)

    def prepare(self, parts: Parts, entities: Collection[int]) -> None:
        """Counts of *parts* with each of *entities* are about to be asked for."""
        if len(entities) > 4:
            self.index.prepare(self.track, parts, entities)
            if len(self._explained) == 1:
                self.index.prepare(self.track, parts, entities, self._explained[0])

    def prepare_singles(self) -> None:
        """Counts of single entities are about to be asked for."""
        if len(self._explained) <= 1:
            self.index.prepare_vantages(self.track, ())
            for parts in self._explained:
                self.index.prepare_vantages(self.track, parts)

    def failed_of(self, parts: Parts) -> int:
        """How many failures go through all of *parts*."""
        return self._through(parts).bit_count()

    def unasked(self, parts: Parts) -> int:
        """How many of these would be known without asking."""
        return (self._through(parts) & ~self._failures.asked).bit_count()

    def answers(self, results: Results[Result], parts: Parts, since: float = -inf) -> int:
        """How many of *results*, not older than *since*, go through all of *parts*."""
        found = results.through(parts, results.since(since))
        for explained in self._explained:
            found &= ~results.through(explained, found)
        return found.bit_count()

    def onset(self, parts: Parts) -> float:
        """When what these failures, at least one, show began. One that fails since yesterday does not."""
        inside = self._through(parts)
        middle = self._failures.middle(inside)
        spread = max(LASTING_SECONDS, self.index.intervals[middle.probe[0]])  # each has its turn within that
        return self._failures.oldest(inside & self._failures.since(middle.since - spread)).since

    def inside(self, parts: Parts) -> list[F]:
        """These failures, oldest first."""
        return self._failures.selected(self._through(parts))

    def by_kinds(self, kinds: Container[Kind], parts: Parts = ()) -> dict[int, int]:
        """Of these failures, how many go through each entity of *kinds*, as far as any does."""
        of = self.index.kinds
        entities = (entity for entity in self.by_entity if of[entity] in kinds)
        return self._failures.counts(self._through(parts), entities)

    def others(self, entities: Sequence[int], probes: Container[Probe]) -> list[int]:
        """For each of *entities*, how many of these failures are of other than these *probes*."""
        counts = self._failures.counts(self._left & ~self._failures.of(probes), entities)
        return [counts.get(entity, 0) for entity in entities]

    def codes(self, entities: Iterable[int], parts: Parts = ()) -> dict[int, str]:
        """The usual failure code of these failures for each of *entities*, through which some go."""
        return self._failures.usual_codes(self._through(parts), entities)

    def began(self, entity: int) -> float:
        """When the oldest failure through *entity* began."""
        return self._failures.oldest(self._through(((entity,),))).since

    def _through(self, parts: Parts) -> int:
        return self._failures.through(parts, self._left)


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
