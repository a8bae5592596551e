"""Groups of one kind that failed alike: within a component, and of what has nothing else in common.

The best group of each size is found by sorting: see Neill, "Fast subset scan for spatial pattern detection",
J. R. Statist. Soc. B 74 (2012).
"""

from collections.abc import Iterator
from math import inf, log
from typing import Final

from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.contrast import is_contrast
from vedette_collector.verdicts.failures import F
from vedette_collector.verdicts.members import Group, Parts
from vedette_collector.verdicts.sample import Candidate, Sample, candidate, cost
from vedette_collector.verdicts.score import Settings, choices, gain, surprise

MANY: Final = 4  # targets without anything in common: fewer are faults of their own
TELLING: Final = 3.0  # nats by which each member of a group fails more than by chance
_TOGETHER: Final = (
    (Kind.NETWORK, 2),
    (Kind.PROVIDER_NETWORK, 2),
    (Kind.RESOLVER, 2),
    (Kind.TARGET, MANY),
)
FEW: Final = 3.0  # failures that are missing of the targets of what holds most: then these are healthy
TOGETHER_SECONDS: Final = 300.0  # networks that fail alike began to within that

_WHERE: Final = (Kind.NETWORK, Kind.REGION, Kind.SITE, Kind.ACCESS)
_WAY: Final = (Kind.FAMILY, Kind.TRANSIT, Kind.RESOLVER, Kind.RESOLVER_CLASS, Kind.CLIENT_STACK)
_OF_TARGETS: Final = (*_WHERE, *_WAY, Kind.PRODUCT, Kind.PROVIDER_REGION, Kind.TARGET)
_OF_PROVIDERS: Final = (*_OF_TARGETS, Kind.PLANE)  # these have a control plane of their own
_OF_RESOLVERS: Final = (*_WHERE, Kind.TLD, Kind.ZONE, Kind.AUTHORITY, Kind.TARGET)
_OF_VANTAGES: Final = (*_WAY, Kind.PROVIDER, Kind.PRODUCT, Kind.AUTHORITY, Kind.TARGET)
_OF_WAYS: Final = (*_WHERE, Kind.PROVIDER, Kind.PROVIDER_REGION, Kind.PRODUCT, Kind.TARGET)
_NARROWED_BY: Final[dict[Kind, tuple[Kind, ...]]] = {
    **dict.fromkeys(
        (
            Kind.TARGET, Kind.ZONE, Kind.PREFIX_SET, Kind.HOST_CLASS, Kind.DEPENDENCY, Kind.AUTHORITY,
            Kind.PROVIDER_NETWORK, Kind.TLD, Kind.CA_CHAIN,
        ),
        _OF_TARGETS,
    ),
    **dict.fromkeys((Kind.PRODUCT, Kind.PROVIDER, Kind.PROVIDER_REGION), _OF_PROVIDERS),
    **dict.fromkeys((Kind.RESOLVER, Kind.RESOLVER_CLASS), _OF_RESOLVERS),
    **dict.fromkeys((Kind.SITE, Kind.NETWORK, Kind.ACCESS, Kind.REGION, Kind.AGENT), _OF_VANTAGES),
    **dict.fromkeys((Kind.FAMILY, Kind.TRANSIT, Kind.CLIENT_STACK), _OF_WAYS),
}  # fmt: skip


def narrowed(sample: Sample[F], base: Candidate, noise: float, settings: Settings) -> Iterator[Candidate]:
    kinds = sample.index.kinds
    entity = base.parts[0][0]
    kind = kinds[entity]
    for by in _NARROWED_BY.get(kind, ()):
        if by == kind or by not in sample.index.sizes[sample.track]:
            continue
        group = _best_group(sample, base, by, noise)
        if group is None or not is_contrast(sample, base, group, noise, settings):
            continue
        # The other way round as well: what else goes through the group must be healthy too.
        alone = group.parts[-1:]
        failed = sample.failed_of(alone)
        other = Candidate(alone, failed, max(sample.count(alone), float(failed)), 0.0, 0.0)
        if other.total > group.total:
            is_more = is_contrast(sample, other, group, noise, settings)
        else:  # what most probes go through is nothing that several share
            is_more = 2 * base.total <= sample.total
        if is_more:
            yield group


def uneven(sample: Sample[F], base: Candidate, noise: float) -> Candidate | None:
    """Those targets of *base* that fail, if this explains more than that all of *base* does."""
    group = _best_group(sample, base, Kind.TARGET, noise, is_one_way=False)
    if group is None:
        return None
    more = _explained(sample, group) - _explained(sample, base)
    size = len(group.parts[-1])
    of = _values(sample, base, Kind.TARGET, size)
    return group if more > choices(of, size) + log(len(sample.index.sizes[sample.track])) else None


def _explained(sample: Sample[F], each: Candidate) -> float:
    return gain(each.failed, each.total, sample.failed, sample.total)


def _best_group(
    sample: Sample[F], base: Candidate, by: Kind, noise: float, *, is_one_way: bool = True
) -> Candidate | None:
    """The best group of kind *by* within *base*; of targets those that fail in the same way, if
    *is_one_way*. None: all of it."""
    kinds = sample.index.kinds
    failed = sample.by_kinds({by}, base.parts)
    sample.prepare(base.parts, failed)
    counted = [(n, sample.count((*base.parts, (entity,))), entity) for entity, n in failed.items()]
    counted.sort(key=lambda each: (-each[0] / max(each[1], 1.0), each[2]))
    if by is Kind.TARGET and is_one_way and len(counted) > 1:
        ways = sample.codes(failed, base.parts)
        counted = [each for each in counted if ways[each[2]] == ways[counted[0][2]]]
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
    parts = (*base.parts, tuple(sorted(entity for _, _, entity in counted[:best_size])))
    of_parts = sample.failed_of(parts)
    if of_parts < best_failed:  # some failures go through two of them
        return candidate(sample, parts, of_parts, best_cost, noise)
    return Candidate(
        parts=parts,
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


def weighed(sample: Sample[F], parts: Parts, noise: float) -> Candidate:
    """What *parts*, of any form, explains, and at which cost."""
    kinds = sample.index.kinds
    failed = sample.failed_of(parts)
    first, *others = parts
    one = Candidate((first,), 0, 0.0, 0.0, 0.0)
    of = sample.index.sizes[sample.track].get(kinds[first[0]], 1)
    whole = choices(max(of, len(first)), len(first)) + log(len(sample.index.sizes[sample.track]) or 1)
    for group in others:
        of = _values(sample, one, kinds[group[0]], len(group))
        whole += choices(of, len(group)) + log(len(sample.index.sizes[sample.track]) or 1)
    return candidate(sample, parts, failed, whole, noise)


def unrelated(sample: Sample[F], noise: float, settings: Settings) -> Iterator[Candidate]:
    """Groups with nothing else in common: networks that failed together, many targets at once."""
    for kind, least in _TOGETHER:
        telling = {
            entity
            for entity, failed in sample.by_kinds({kind}).items()
            if failed >= 2
            and surprise(failed, max(sample.count(((entity,),)), failed), noise) >= TELLING
            and (kind is not Kind.PROVIDER_NETWORK or len(sample.by_kinds({Kind.TARGET}, ((entity,),))) > 1)
        }  # a network of which one target fails is this target
        if len(telling) < least:
            continue
        since = {entity: sample.began(entity) for entity in telling}
        ways = sample.codes(telling)
        counted = [(sample.by_entity[entity], sample.count(((entity,),)), entity) for entity in since]
        counted.sort(key=lambda each: (-each[0] / max(each[1], 1.0), each[2]))
        # With nothing else in common, at least they began together and fail in the same way.
        began, way = since[counted[0][2]], ways[counted[0][2]]
        together = [
            each
            for each in counted
            if abs(since[each[2]] - began) <= TOGETHER_SECONDS and ways[each[2]] == way
        ]
        of = sample.index.sizes[sample.track].get(kind, len(since))
        failed, total = 0, 0.0
        alone = -inf
        for size, (n, count, entity) in enumerate(together, 1):
            failed += n
            total += max(count, float(n))
            one = candidate(sample, ((entity,),), n, cost(sample, kind), noise)
            alone = max(alone, one.score)
            if size < least:
                continue
            whole = choices(max(of, size), size) + log(len(sample.index.sizes[sample.track]))
            group: Group = tuple(sorted(entity for _, _, entity in together[:size]))
            all_of_them = Candidate(
                parts=(group,),
                failed=failed,
                total=total,
                score=gain(failed, total, sample.failed, sample.total) - whole,
                surprise=surprise(failed, total, noise) - whole,
            )
            # One that fails and some that fail now and then are no group. Where all fail alike it may be all.
            if all_of_them.score >= alone + settings.narrower or alone <= 0.0:
                yield all_of_them
