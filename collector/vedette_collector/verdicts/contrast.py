"""Whether what a narrower component leaves out of the one that it is part of is healthy.

What failed last is known at once; that the others are healthy is not, until they were probed since it began.
So what failed in its own turn is held against what would have: in the same time as large a share of the ones
as of the others had its turn. What was asked for was chosen, and is compared with what else was asked for.
"""

from typing import Final, NamedTuple

from vedette_collector.verdicts.answers import Around
from vedette_collector.verdicts.failures import F
from vedette_collector.verdicts.members import Parts
from vedette_collector.verdicts.sample import Candidate, Sample
from vedette_collector.verdicts.score import Settings, gain, kl

HEALTHY: Final = 6.0  # failures that are missing, or nats: e^-6 that none of so many is chance
APART: Final = 4.5  # nats by which two rates explain more than one: of few failures the rate is not known


class _Counts(NamedTuple):
    """Of the probes through some parts."""

    total: float
    per_second: float  # results
    own: int  # failed in their own turns
    asked: int  # failed, but only when they were asked for
    worked: int  # were ok when they were asked for
    waiting: int  # were asked for, and may fail
    suspects: int  # failed once in their own turns

    def less(self, part: "_Counts") -> "_Counts":
        return _Counts(
            self.total - part.total,
            self.per_second - part.per_second,
            self.own - part.own,
            self.asked - part.asked,
            self.worked - part.worked,
            self.waiting - part.waiting,
            self.suspects - part.suspects,
        )

    @property
    def turns(self) -> float:
        """How many say something in their own turns alone."""
        return max(self.total - self.asked - self.worked - self.waiting, 0.0)


class _Stratum(NamedTuple):
    """Probes that can be compared: how many failed, of how many, in the group and of what is left out."""

    failed: int
    of: float
    left_failed: int
    left: float


def is_contrast(
    sample: Sample[F],
    base: Candidate,
    group: Candidate,
    noise: float,
    settings: Settings,
    healthy: float = HEALTHY,
) -> bool:
    """Whether what the group leaves out of *base* was seen healthy, and often enough to tell: *healthy*
    failures are missing there."""
    left_total, left_failed = base.total - group.total, base.failed - group.failed
    rate = group.failed / group.total
    most = min(max(settings.contrast * rate, 2 * noise), rate) * left_total
    if left_total <= 0 or left_failed > most:
        return False
    if sample.around is None:
        strata = [_Stratum(group.failed, group.total, left_failed, left_total)]
    else:
        both = base.parts + group.parts
        since = sample.onset(both)
        inside = _counts(sample, sample.around, both, group, since)
        left = _counts(sample, sample.around, base.parts, base, since).less(inside)
        if left_failed + left.waiting + left.suspects > most:
            return False
        strata = [_of_turns(inside, left, sample.around.now - since), _of_answers(inside, left)]
    return sum(map(_missing, strata)) >= healthy and sum(map(_apart, strata)) >= APART


def _counts(sample: Sample[F], around: Around, parts: Parts, of: Candidate, since: float) -> _Counts:
    own = sample.unasked(parts)
    return _Counts(
        total=of.total,
        per_second=sample.exposure(parts),
        own=own,
        asked=of.failed - own,
        worked=sample.answers(around.worked, parts, since),
        waiting=sample.answers(around.waiting, parts),
        suspects=sample.answers(around.suspects, parts),
    )


def _of_turns(inside: _Counts, left: _Counts, seconds: float) -> _Stratum:
    """What is probed more seldom had less of a chance to fail in *seconds*, until each had its turn."""
    pace, pace_left = inside.per_second / inside.total, left.per_second / left.total
    fastest = max(pace, pace_left)
    of = inside.turns * min(max(pace / fastest, pace * seconds), 1.0)
    # What worked when it was asked for had its turns as well; it counts once, with what it is compared with.
    turns_left = left.turns if inside.asked + inside.worked else left.turns + left.worked
    of_left = turns_left * min(max(pace_left / fastest, pace_left * seconds), 1.0)
    failed = left.own + left.suspects
    return _Stratum(inside.own, max(of, float(inside.own)), failed, max(of_left, float(failed)))


def _of_answers(inside: _Counts, left: _Counts) -> _Stratum:
    """What did not answer yet may fail slowly."""
    failed = left.asked + left.waiting
    return _Stratum(inside.asked, inside.asked + inside.worked, failed, failed + left.worked)


def _missing(each: _Stratum) -> float:
    """How many failures are missing of what is left out, had it failed at the rate of what is in; not more
    than by how many nats it speaks against that."""
    if not each.of or not each.left:
        return 0.0
    rate, rate_left = min(each.failed / each.of, 1.0), each.left_failed / each.left
    return each.left * min(rate - rate_left, kl(rate_left, rate))


def _apart(each: _Stratum) -> float:
    """By how many nats two rates of failure explain more than one does."""
    return gain(each.failed, each.of, each.failed + each.left_failed, each.of + each.left)
