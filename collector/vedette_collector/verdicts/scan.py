"""Looks for the component that explains most of the failures of one track in one window.

Every entity that failures go through is a candidate; the best of them are narrowed by one more kind, to one
entity of it or to the group that failed alike.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, takewhile
from math import isclose
from typing import Final, NamedTuple

from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.contrast import is_contrast
from vedette_collector.verdicts.failures import F
from vedette_collector.verdicts.groups import FEW, narrowed, uneven, unrelated, weighed
from vedette_collector.verdicts.members import Parts
from vedette_collector.verdicts.sample import Candidate, Sample, candidate, cost
from vedette_collector.verdicts.score import Settings, surprise
from vedette_collector.verdicts.twins import Preference, is_same, preference

BASES: Final = 8  # candidates that are narrowed
GOING_ON: Final = 0.75  # of the threshold: for what is blamed already


class Best(NamedTuple):
    chosen: Candidate
    close: list[Candidate]  # explain nearly as much, of mostly the same failures


def best(
    sample: Sample[F],
    noise: float,
    settings: Settings,
    blamed: Sequence[Parts] = (),
    settled: Sequence[Parts] = (),
) -> Best | None:
    """The candidate that explains most, and those that are hardly worse. None: all that fails may be chance.

    What explains most comes first, whether its effect is large or not: a narrower one that is only larger by
    the choice of those that happened to fail first is no finding. What was *blamed* before stays so until
    another one explains clearly more: chance must not change from look to look what is said. What reaches
    beyond one that is *settled* would be a new fault, and must be convincing without the failures of the old.
    """
    singles = sorted(_singles(sample, noise), key=_rank(sample))
    found = [each for each in singles if each.surprise >= settings.threshold]
    all_of_them = list(singles)
    for base in singles[:BASES]:
        for each in narrowed(sample, base, noise, settings):
            all_of_them.append(each)
            if each.surprise >= settings.threshold and each.score >= base.score + settings.narrower:
                found.append(each)
    found.extend(each for each in unrelated(sample, noise, settings) if each.surprise >= settings.threshold)
    old = [weighed(sample, parts, noise) for parts in blamed]
    old = [each for each in old if each.surprise >= GOING_ON * settings.threshold]
    found.sort(key=_rank(sample))
    borrowing = list(
        takewhile(
            lambda each: each.parts not in blamed and _borrows(sample, each, settled, noise, settings), found
        )
    )
    found = found[len(borrowing) :]
    if not found:
        found = sorted(old, key=_rank(sample))
    if not found:
        return None
    are_alike = found[0].score <= 0.0
    if are_alike:  # what holds most of it, and not what happened to fail first
        first = min(found, key=lambda each: (-each.total, _rank(sample)(each)))
    else:
        first = _kept(sample, found[0], old, settings) or _fitting(sample, found, noise, settings)
    group = uneven(sample, first, noise) if _holds_most(sample, first) else None
    if group is not None and is_contrast(sample, first, group, noise, settings, healthy=FEW):
        # Some targets fail and others work: what most of all that is probed goes through has no part in it.
        found, old, all_of_them = (
            [each for each in some if not _holds_most(sample, each)] for some in (found, old, all_of_them)
        )
        if are_alike:
            found = [each for each in found if _names_targets(sample, each)]
        if not found:
            return None
        are_alike = False
        first = _kept(sample, found[0], old, settings) or _fitting(sample, found, noise, settings)
    elif group is not None and are_alike and first.parts not in blamed:
        # It may be some of its targets. Those that were blamed get better; others wait for the turns of all.
        targets = [each for each in old if _names_targets(sample, each)]
        if not targets:
            return None
        first = min(targets, key=_rank(sample))
    if first not in found:
        found.append(first)
    # Those with the same probes differ in what they cost, by how many of their kind there are: that is no
    # evidence, so the kind decides. It is none either that this makes one of them not convincing by itself.
    found = [each for each in dict.fromkeys(chain(found, all_of_them)) if each not in borrowing]
    same = [each for each in found if each is first or _is_same(sample, each, first)]
    chosen = min(same, key=lambda each: preference(sample.index, each.parts))
    close = [
        each for each in found if not are_alike and _is_close(sample, each, first, chosen, settings)
    ]  # of what fails alike everything explains as much, or as little
    chosen = chosen._replace(score=first.score, surprise=first.surprise)
    return Best(chosen, sorted(close, key=_rank(sample)))


def _holds_most(sample: Sample[F], each: Candidate) -> bool:
    return 2 * each.total > sample.total and not _names_targets(sample, each)


def _names_targets(sample: Sample[F], each: Candidate) -> bool:
    return any(sample.index.kinds[group[0]] is Kind.TARGET for group in each.parts)


def _is_close(
    sample: Sample[F], each: Candidate, first: Candidate, chosen: Candidate, settings: Settings
) -> bool:
    """Whether it explains nearly as much as *first*, in place of which *chosen* is named. Not one that nobody
    could tell from it: that is no matter of a few more failures."""
    return (
        len(each.parts) == 1 == len(each.parts[0])
        and first.score - each.score < settings.tie
        and 2 * _shared(sample, each, first) > first.failed
        and not is_same(sample.index, sample.track, each.parts, chosen.parts)
    )


def _kept(
    sample: Sample[F], first: Candidate, old: Sequence[Candidate], settings: Settings
) -> Candidate | None:
    """Of what was blamed before the best, if *first* is not clearly better."""
    good = [
        each
        for each in old
        if each.score > first.score - settings.narrower and 2 * _shared(sample, each, first) >= first.failed
    ]
    return min(good, key=_rank(sample), default=None)


def _borrows(
    sample: Sample[F], each: Candidate, settled: Sequence[Parts], noise: float, settings: Settings
) -> bool:
    """Whether failures of what is *settled* make it convincing."""
    for parts in settled:
        if not set(parts).isdisjoint(each.parts):  # it names the same, and would be no other incident
            continue
        both = each.parts + parts
        theirs = sample.failed_of(both)
        if not theirs:
            continue
        shared = max(sample.count(both), float(theirs))
        if 2 * shared < sample.count(parts):  # they cross: it does not grow out of it
            continue
        beyond = each.total - shared
        if beyond < 0.5:  # a part of it is no new fault
            continue
        if surprise(each.failed - theirs, beyond, noise) < settings.threshold:
            return True
    return False


def _fitting(sample: Sample[F], found: Sequence[Candidate], noise: float, settings: Settings) -> Candidate:
    """The first, or a part of it that fails alone: one failure by chance beside it makes it no larger."""
    first = found[0]
    parts = [
        each
        for each in found[1:]
        if len(each.parts) == 1 == len(each.parts[0])
        and first.score - each.score < settings.tie
        and each.total < first.total
        and _shared(sample, each, first) == each.failed
        and is_contrast(sample, first, each, noise, settings)
    ]
    return min(parts, key=lambda each: (each.total, _rank(sample)(each)), default=first)


def _shared(sample: Sample[F], one: Candidate, other: Candidate) -> int:
    """Failures that both explain: two faults of the same size at once are no alternatives."""
    return sample.failed_of(one.parts + other.parts)


def _is_same(sample: Sample[F], one: Candidate, other: Candidate) -> bool:
    """Whether exactly the same probes go through both."""
    if (one.failed, one.total) != (other.failed, other.total):
        return False
    both = max(sample.count(one.parts + other.parts), float(one.failed))
    return isclose(both, one.total) and _shared(sample, one, other) == one.failed


def _names(each: Candidate) -> int:
    return sum(len(group) for group in each.parts)


def is_worth_telling(each: Candidate, noise: float, settings: Settings, blamed: Sequence[Parts] = ()) -> bool:
    """Whether it fails by so much more than chance that somebody wants to know.

    Where nothing stands out, more noise everywhere is no fault of anything. To go on with what was *blamed*
    half as much will do.
    """
    effect = settings.effect if each.score >= settings.narrower else settings.common_effect
    return each.failed / each.total - noise >= (effect / 2 if each.parts in blamed else effect)


def _rank(sample: Sample[F]) -> Callable[[Candidate], tuple[float, Preference]]:
    return lambda each: (-round(each.score, 6), preference(sample.index, each.parts))


def _singles(sample: Sample[F], noise: float) -> Iterator[Candidate]:
    """Those that fail more than chance and their cost account for: no other is worth a second look."""
    kinds = sample.index.kinds
    sample.prepare_singles()
    for entity, failed in sample.by_entity.items():
        if kinds[entity] is Kind.PLANE:  # those of different providers have nothing in common
            continue
        if failed < 2 or failed <= noise * sample.count(((entity,),)):
            continue
        one = candidate(sample, ((entity,),), failed, cost(sample, kinds[entity]), noise)
        if one.surprise > 0.0:
            yield one
