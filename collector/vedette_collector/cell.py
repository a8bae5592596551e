"""What the collector knows of one check from one agent. Decides what a result changes; knows no clock.

The live lane feeds it; a late result never arrives here, so a flushed backlog cannot look like an outage.
"""

from array import array
from bisect import bisect_left
from collections import deque
from typing import Final, Literal, NamedTuple

from vedette.checks.model import Check
from vedette.wire.failure import FAILURE_CODES, NOT_RUN_REASONS
from vedette.wire.messages import Outcome, Result

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
UNKNOWN: Final = "unknown"  # the label of a code that this version does not know
BARS: Final = 60
EPISODES: Final = 5
KEEP_SECONDS: Final = 60.0

State = Literal["ok", "fail", "not_run", "no_data"]
_OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "fail", "not_run")


class Moment(NamedTuple):
    """One instant by two clocks of the collector, in seconds."""

    wall: float  # since the Unix epoch; for people and timestamps
    mono: float  # for ages


class Bar(NamedTuple):
    """One run in the history of a cell."""

    at: float
    outcome: Outcome
    seconds: float | None


class Bars:
    """The last runs in 13 bytes each: there is one history for every cell."""

    __slots__ = ("_at", "_outcome", "_seconds")

    def __init__(self) -> None:
        self._at = array("d")
        self._outcome = array("b")
        self._seconds = array("f")

    def append(self, at: float, outcome: Outcome, seconds: float | None) -> None:
        self._at.append(at)
        self._outcome.append(_OUTCOMES.index(outcome))
        self._seconds.append(-1.0 if seconds is None else seconds)
        if len(self._at) > BARS:
            del self._at[0], self._outcome[0], self._seconds[0]

    def __len__(self) -> int:
        return len(self._at)

    def all(self) -> list[Bar]:
        """Oldest first."""
        return [
            Bar(at, _OUTCOMES[code], None if seconds < 0 else seconds)
            for at, code, seconds in zip(self._at, self._outcome, self._seconds, strict=True)
        ]


class Seen(NamedTuple):
    """A result and when the collector had it, by its own clocks."""

    result: Result
    at: float  # wall
    mono: float


class Cell:
    """Counters since the collector started, the newest verdict, and a bounded history."""

    __slots__ = (
        "agent",
        "attempts",
        "bars",
        "blocks",
        "buckets",
        "changed_at",
        "check",
        "episodes",
        "failures",
        "last",
        "latency_sum",
        "not_run",
        "order",
        "spoiled",
    )

    def __init__(self, check: Check, agent: str) -> None:
        self.check = check
        self.agent = agent
        self.attempts = 0
        self.failures: dict[str, int] = {}
        self.not_run: dict[str, int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)  # not cumulative; the last one is beyond every bound
        self.latency_sum = 0.0
        self.last: Seen | None = None  # the newest run that ended in ok or fail
        self.spoiled: Seen | None = None  # set while the newest result of all is a not_run
        self.changed_at: float | None = None  # when `last` went from ok to fail or back
        self.order = (0, -1)  # (epoch, seq) of the newest result
        self.bars = Bars()
        self.episodes: deque[Seen] = deque(maxlen=EPISODES)  # the last results that were not ok
        self.blocks: dict[str, str] | None = None  # rendered series; None when they are out of date

    @property
    def keep_seconds(self) -> float:
        """How long a verdict is worth showing."""
        return max(3 * self.check.interval, KEEP_SECONDS)

    def is_fresh(self, mono: float) -> bool:
        return self._is_fresh(self.last, mono)

    def _is_fresh(self, seen: Seen | None, mono: float) -> bool:
        return seen is not None and mono - seen.mono <= self.keep_seconds

    def state(self, mono: float) -> State:
        """What to show now. A verdict that became too old is no data, whatever it said."""
        if self.is_fresh(mono):
            assert self.last is not None
            return "ok" if self.last.result.outcome == "ok" else "fail"
        return "not_run" if self._is_fresh(self.spoiled, mono) else "no_data"

    def apply(self, result: Result, order: tuple[int, int], now: Moment) -> bool:
        """Count a live result; the newest also becomes the state. True when the state changed by it."""
        self.blocks = None
        self._count(result)
        if order <= self.order:
            return False
        self.order = order
        seen = Seen(result, now.wall, now.mono)
        duration = None if result.duration_us is None else result.duration_us / 1e6
        self.bars.append(now.wall, result.outcome, duration)
        if result.outcome != "ok":
            self.episodes.append(seen)
        if result.outcome == "not_run":
            changed = self.spoiled is None
            self.spoiled = seen
            return changed
        before, self.last, self.spoiled = self.last, seen, None
        changed = before is None or _verdict(before.result) != _verdict(result)
        if before is None or before.result.outcome != result.outcome:
            self.changed_at = now.wall
        return changed

    def _count(self, result: Result) -> None:
        if result.outcome == "not_run":
            reason = label(result)
            self.not_run[reason] = self.not_run.get(reason, 0) + 1
            return
        self.attempts += 1
        if result.outcome == "fail":
            reason = label(result)
            self.failures[reason] = self.failures.get(reason, 0) + 1
        elif result.duration_us is not None:
            seconds = result.duration_us / 1e6
            self.latency_sum += seconds
            self.buckets[bisect_left(BUCKETS, seconds)] += 1


def label(result: Result) -> str:
    """The reason of a result that is not ok, from a closed set: it becomes a metric label."""
    known = FAILURE_CODES if result.outcome == "fail" else NOT_RUN_REASONS
    return result.reason if result.reason in known else UNKNOWN


def _verdict(result: Result) -> tuple[str, str | None]:
    return result.outcome, result.reason
