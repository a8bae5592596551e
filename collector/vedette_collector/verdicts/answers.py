"""What was asked for, and what came of it.

Which probes are asked for is chosen because of others that fail, so their results are kept apart from those
that came in their own turns: a target whose IPv4 address was asked for everywhere is not one that fails over
IPv4 alone.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from vedette_collector.verdicts.evidence import Share
from vedette_collector.verdicts.failures import Result, Results
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.members import Path, Probe

LASTING_SECONDS: Final = 60.0  # that an answer counts as one, or an interval
WAITING_SECONDS: Final = 10.0  # an answer that takes longer does not come any more


class Answer(NamedTuple):
    """Of a probe that was asked for: it is ok, or still to come."""

    path: Path
    since: float  # when it came, or when it was asked for


class Around(NamedTuple):
    """Of one track: the probes that are not known to fail, and yet not the same as all others."""

    now: float
    worked: Results[Result]  # they were asked for and are ok
    waiting: Results[Result]  # they were asked for, and did not answer for sure yet
    suspects: Results[Result]  # they failed once in their own turn


class Answers:
    """By probe. Times are those of observations, in seconds."""

    def __init__(self) -> None:
        self._waiting: dict[Probe, float] = {}  # since when
        self._given: dict[Probe, tuple[float, bool]] = {}  # when, and whether it was ok

    def ask(self, probe: Probe, at: float) -> None:
        given = self._given.get(probe)
        if given is None or given[0] < at:  # what was asked may be known later than its answer
            self._waiting[probe] = at

    def give(self, probe: Probe, at: float, *, is_ok: bool) -> None:
        self._waiting.pop(probe, None)
        self._given[probe] = (at, is_ok)

    def expire(self, index: Index, now: float) -> None:
        self._waiting = {probe: at for probe, at in self._waiting.items() if now - at < WAITING_SECONDS}
        self._given = {
            probe: given
            for probe, given in self._given.items()
            if now - given[0] <= max(LASTING_SECONDS, index.intervals[probe[0]])
        }

    def worked(self) -> Iterable[tuple[Probe, float]]:
        return ((probe, at) for probe, (at, is_ok) in self._given.items() if is_ok)

    def waiting(self) -> Iterable[tuple[Probe, float]]:
        return self._waiting.items()

    def share(self, probes: Iterable[Probe]) -> Share:
        """Of *probes*: how many were asked for, and how many of these failed."""
        given = [self._given[probe][1] for probe in probes if probe in self._given]
        return Share(given.count(False), len(given))

    def carry(self, place: Callable[[Probe], Probe | None]) -> "Answers":
        """The same where probes have other numbers."""
        new = Answers()
        for probe, at in self._waiting.items():
            if (there := place(probe)) is not None:
                new._waiting[there] = at
        for probe, given in self._given.items():
            if (there := place(probe)) is not None:
                new._given[there] = given
        return new
