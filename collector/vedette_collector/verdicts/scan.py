"""Looks for the component that explains most of the failures of one track in one window.

Every entity that failures go through is a candidate; the best of them are narrowed by one more kind, to one
entity of it or to the group that failed alike. The best group of each size is found by sorting: see
Neill, "Fast subset scan for spatial pattern detection", J. R. Statist. Soc. B 74 (2012).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import inf, isclose, log
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from vedette_collector.verdicts.component import Component, Kind, component
from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.index import Group, Index, Parts, Probe
from vedette_collector.verdicts.score import Settings, choices, gain, surprise

BASES: Final = 8  # candidates that are narrowed
HEALTHY: Final = 6.0  # failures that were missed in what is left out: e^-6 that none comes by chance
MANY: Final = 4  # targets without anything in common: fewer are faults of their own
TELLING: Final = 3.0  # nats by which each member of a group fails more than by chance
_TOGETHER: Final = (
    (Kind.NETWORK, 2),
    (Kind.PROVIDER_NETWORK, 2),
    (Kind.RESOLVER, 2),
    (Kind.TARGET, MANY),
)
TOGETHER_SECONDS: Final = 300.0  # networks that fail alike began to within that

_WHERE: Final = (Kind.NETWORK, Kind.REGION, Kind.SITE, Kind.ACCESS)
_WAY: Final = (Kind.FAMILY, Kind.TRANSIT, Kind.RESOLVER, Kind.RESOLVER_CLASS, Kind.CLIENT_STACK)
_OF_TARGETS: Final = (*_WHERE, *_WAY, Kind.PLANE, Kind.PRODUCT, Kind.PROVIDER_REGION, Kind.TARGET)
_OF_RESOLVERS: Final = (*_WHERE, Kind.TLD, Kind.ZONE, Kind.AUTHORITY, Kind.TARGET)
_OF_VANTAGES: Final = (*_WAY, Kind.PROVIDER, Kind.PRODUCT, Kind.AUTHORITY, Kind.TARGET)
_OF_WAYS: Final = (*_WHERE, Kind.PROVIDER, Kind.PROVIDER_REGION, Kind.PRODUCT, Kind.TARGET)
_NARROWED_BY: Final[dict[Kind, tuple[Kind, ...]]] = {
    **dict.fromkeys(
        (
            Kind.TARGET, Kind.ZONE, Kind.PREFIX_SET, Kind.HOST_CLASS, Kind.DEPENDENCY, Kind.PRODUCT,
            Kind.PROVIDER_REGION, Kind.AUTHORITY, Kind.PROVIDER_NETWORK, Kind.PROVIDER, Kind.TLD,
            Kind.CA_CHAIN,
        ),
        _OF_TARGETS,
    ),
    **dict.fromkeys((Kind.RESOLVER, Kind.RESOLVER_CLASS), _OF_RESOLVERS),
    **dict.fromkeys((Kind.SITE, Kind.NETWORK, Kind.ACCESS, Kind.REGION, Kind.AGENT), _OF_VANTAGES),
    **dict.fromkeys((Kind.FAMILY, Kind.TRANSIT, Kind.CLIENT_STACK), _OF_WAYS),
}  # fmt: skip
# Of two that the fleet cannot tell apart the first one is named.
_PREFERRED: Final[dict[Kind, int]] = {
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


def best(sample: Sample[F], noise: float, settings: Settings) -> tuple[Candidate, list[Candidate]] | None:
    """The candidate that explains most, and those that are no worse. None: all that fails may be chance.

    What explains most comes first, whether its effect is large or not: a narrower one that is only larger by
    the choice of those that happened to fail first is no finding.
    """
    singles = sorted(_singles(sample, noise), key=_rank(sample))
    found = [each for each in singles if each.surprise >= settings.threshold]
    for base in singles[:BASES]:
        for each in _narrowed(sample, base, noise, settings):
            if each.surprise >= settings.threshold and each.score >= base.score + settings.narrower:
                found.append(each)
    found.extend(each for each in _unrelated(sample, noise, settings) if each.surprise >= settings.threshold)
    if not found:
        return None
    found.sort(key=_rank(sample))
    if found[0].score <= 0.0:  # all fail alike: what holds most of it, and not what happened to fail first
        found.sort(key=lambda each: (-each.total, _rank(sample)(each)))
    first = found[0]
    # Those with the same probes differ in what they cost, by how many of their kind there are: that is no
    # evidence, so the kind decides.
    same = [each for each in found if each is first or _is_same(sample, each, first)]
    chosen = min(same, key=_preference(sample))
    names = _names(chosen)
    simple = [each for each in same if each is not chosen and _names(each) <= names]
    close = [
        each
        for each in found
        if each not in same
        and len(each.parts) == 1 == len(each.parts[0])
        and first.score - each.score < settings.tie
        and 2 * _shared(sample, each, first) >= first.failed
    ]
    return chosen, [*sorted(simple, key=_preference(sample)), *close]


def _shared(sample: Sample[F], one: Candidate, other: Candidate) -> int:
    """Failures that both explain: two faults of the same size at once are no alternatives."""
    parts = one.parts + other.parts
    return sum(1 for each in sample.failures if is_through(each.entities, parts))


def _is_same(sample: Sample[F], one: Candidate, other: Candidate) -> bool:
    """Whether exactly the same probes go through both."""
    if (one.failed, one.total) != (other.failed, other.total):
        return False
    both = max(sample.count(one.parts + other.parts), float(one.failed))
    return isclose(both, one.total) and _shared(sample, one, other) == one.failed


def _names(each: Candidate) -> int:
    return sum(len(group) for group in each.parts)


def is_worth_telling(each: Candidate, noise: float, settings: Settings) -> bool:
    return each.failed / each.total - noise >= settings.effect


def _preference(sample: Sample[F]) -> Callable[[Candidate], tuple[int, int, tuple[int, ...], Parts]]:
    kinds = sample.index.kinds

    def key(each: Candidate) -> tuple[int, int, tuple[int, ...], Parts]:
        places = tuple(sorted(_PREFERRED[kinds[group[0]]] for group in each.parts))
        return _names(each), len(each.parts), places, each.parts

    return key


def _rank(sample: Sample[F]) -> Callable[[Candidate], tuple[float, tuple[int, int, tuple[int, ...], Parts]]]:
    preference = _preference(sample)
    return lambda each: (-round(each.score, 6), preference(each))


def cost(sample: Sample[F], kind: Kind) -> float:
    """ln of how many entities could have been blamed in place of this one: of its kind, and kinds."""
    sizes = sample.index.sizes[sample.track]
    return log(max(sizes.get(kind, 1), 1)) + log(len(sizes) or 1)


def _singles(sample: Sample[F], noise: float) -> Iterator[Candidate]:
    """Those that fail more than chance and their cost account for: no other is worth a second look."""
    kinds = sample.index.kinds
    for entity, failed in sample.by_entity.items():
        if failed < 2 or failed <= noise * sample.count(((entity,),)):
            continue
        one = _candidate(sample, ((entity,),), failed, cost(sample, kinds[entity]), noise)
        if one.surprise > 0.0:
            yield one


def _candidate(sample: Sample[F], parts: Parts, failed: int, cost: float, noise: float) -> Candidate:
    total = max(sample.count(parts), float(failed))
    return Candidate(
        parts=parts,
        failed=failed,
        total=total,
        score=gain(failed, total, sample.failed, sample.total) - cost,
        surprise=surprise(failed, total, noise) - cost,
    )


def _narrowed(sample: Sample[F], base: Candidate, noise: float, settings: Settings) -> Iterator[Candidate]:
    kinds = sample.index.kinds
    entity = base.parts[0][0]
    kind = kinds[entity]
    inside = Counter(chain.from_iterable([e.entities for e in sample.failures if entity in e.entities]))
    for by in _NARROWED_BY.get(kind, ()):
        if by == kind or by not in sample.index.sizes[sample.track]:
            continue
        group = _group(sample, base, inside, by, noise)
        if group is None or not _is_contrast(base, group, noise, settings):
            continue
        # The other way round as well: what else goes through the group must be healthy too.
        alone = group.parts[-1:]
        if len(alone[0]) == 1:
            failed = sample.by_entity[alone[0][0]]
        else:
            failed = sum(1 for each in sample.failures if is_through(each.entities, alone))
        other = Candidate(alone, failed, max(sample.count(alone), float(failed)), 0.0, 0.0)
        if other.total <= group.total or _is_contrast(other, group, noise, settings):
            yield group


def _group(
    sample: Sample[F], base: Candidate, inside: Mapping[int, int], by: Kind, noise: float
) -> Candidate | None:
    """The best group of kind *by* within *base*, whose failures by entity are *inside*. None: all of it."""
    kinds = sample.index.kinds
    failed = {entity: n for entity, n in inside.items() if kinds[entity] is by}
    sample.prepare(base.parts, failed)
    counted = [(n, sample.count((*base.parts, (entity,))), entity) for entity, n in failed.items()]
    counted.sort(key=lambda each: (-each[0] / max(each[1], 1.0), each[2]))
    of = _values(sample, base, by, len(counted))
    of_base = cost(sample, kinds[base.parts[0][0]])
    kinds_of_it = log(len(sample.index.sizes[sample.track]))
    best_score, best_size, best_failed, best_total, best_cost = -inf, 0, 0, 0.0, 0.0
    failed_so_far, total_so_far = 0, 0.0
    for size, (n, total, _) in enumerate(counted, 1):
        failed_so_far += n
        total_so_far += max(total, float(n))
        if total_so_far >= base.total:
            break
        whole = of_base + choices(max(of, size), size) + kinds_of_it
        score = gain(failed_so_far, total_so_far, sample.failed, sample.total) - whole
        if score > best_score:
            best_score, best_size, best_failed = score, size, failed_so_far
            best_total, best_cost = total_so_far, whole
    if best_size == 0:
        return None
    return Candidate(
        parts=(*base.parts, tuple(sorted(entity for _, _, entity in counted[:best_size]))),
        failed=best_failed,
        total=best_total,
        score=best_score,
        surprise=surprise(best_failed, best_total, noise) - best_cost,
    )


def _values(sample: Sample[F], base: Candidate, by: Kind, least: int) -> int:
    """Among how many entities of kind *by* there was a choice."""
    index = sample.index
    checks = index.checks_of(base.parts[0][0])
    if by is Kind.TARGET and checks:
        return max(len({index.check_entities[check][0] for check in checks}), least)
    return max(index.sizes[sample.track].get(by, 1), least)


def _is_contrast(base: Candidate, group: Candidate, noise: float, settings: Settings) -> bool:
    """Whether what the group leaves out of *base* was seen healthy, and often enough to tell."""
    left_total, left_failed = base.total - group.total, base.failed - group.failed
    if left_total <= 0:
        return False
    rate = group.failed / group.total
    return (
        left_failed / left_total <= max(settings.contrast * rate, 2 * noise) and left_total * rate >= HEALTHY
    )


def _unrelated(sample: Sample[F], noise: float, settings: Settings) -> Iterator[Candidate]:
    """Groups with nothing else in common: networks that failed together, many targets at once."""
    kinds = sample.index.kinds
    for kind, least in _TOGETHER:
        telling = {
            entity
            for entity, failed in sample.by_entity.items()
            if kinds[entity] is kind
            and failed >= 2
            and surprise(failed, max(sample.count(((entity,),)), failed), noise) >= TELLING
        }
        if len(telling) < least:
            continue
        since: dict[int, float] = {}
        codes: dict[int, Counter[str]] = {entity: Counter() for entity in telling}
        for each in sample.failures:
            for entity in each.entities:
                if entity in telling:
                    since[entity] = min(since.get(entity, each.since), each.since)
                    codes[entity][each.code] += 1
        counted = [(sample.by_entity[entity], sample.count(((entity,),)), entity) for entity in since]
        counted.sort(key=lambda each: (-each[0] / max(each[1], 1.0), each[2]))
        # With nothing else in common, at least they began together and fail in the same way.
        began, way = since[counted[0][2]], _usual(codes[counted[0][2]])
        together = [
            each
            for each in counted
            if abs(since[each[2]] - began) <= TOGETHER_SECONDS and _usual(codes[each[2]]) == way
        ]
        of = sample.index.sizes[sample.track].get(kind, len(since))
        failed, total = 0, 0.0
        alone = -inf
        for size, (n, count, entity) in enumerate(together, 1):
            failed += n
            total += max(count, float(n))
            one = _candidate(sample, ((entity,),), n, cost(sample, kind), noise)
            alone = max(alone, one.score)
            if size < least:
                continue
            whole = choices(max(of, size), size) + log(len(sample.index.sizes[sample.track]))
            group: Group = tuple(sorted(entity for _, _, entity in together[:size]))
            candidate = Candidate(
                parts=(group,),
                failed=failed,
                total=total,
                score=gain(failed, total, sample.failed, sample.total) - whole,
                surprise=surprise(failed, total, noise) - whole,
            )
            # One that fails and some that fail now and then are no group. Where all fail alike it may be all.
            if candidate.score >= alone + settings.narrower or alone <= 0.0:
                yield candidate


def _usual(codes: Counter[str]) -> str:
    return min(codes, key=lambda code: (-codes[code], code))


def named(index: Index, parts: Parts) -> Component:
    return component(index.entities[entity] for group in parts for entity in group)
