"""What the collector knows of one check from one agent. Decides what a result changes; knows no clock.

Only the live lane changes state and counters of it; late results have counters of their own, so a flushed
backlog cannot look like an outage. What was seen by another way to the same target (`Way`) is kept apart too:
it says nothing about the check itself.
"""

from array import array
from bisect import bisect_left
from collections import deque
from typing import Final, Literal, NamedTuple

import msgspec

from vedette.checks.model import Check
from vedette.errors import WireError
from vedette.wire.facts import Facts
from vedette.wire.facts.diff import patched
from vedette.wire.failure import FAILURE_CODES, NOT_RUN_REASONS
from vedette.wire.messages import Bypass, Outcome, Result

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

    def packed(self) -> tuple[bytes, bytes, bytes]:
        return self._at.tobytes(), self._outcome.tobytes(), self._seconds.tobytes()

    def unpack(self, packed: tuple[bytes, bytes, bytes]) -> None:
        """Take over what `packed` gave; nothing where that is of another machine, or too long."""
        if [len(data) % size for data, size in zip(packed, (8, 1, 4), strict=True)] != [0, 0, 0]:
            return
        at, outcome, seconds = array("d", packed[0]), array("b", packed[1]), array("f", packed[2])
        if len(at) == len(outcome) == len(seconds) <= BARS and all(0 <= code < 3 for code in outcome):
            self._at, self._outcome, self._seconds = at, outcome, seconds

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


Order = tuple[int, int]  # number of the epoch, seq: of two results the later one has the higher
NOTHING: Final[Order] = (-(2**53), -1)


class Way:
    """What came of probes that went around something: their counters, and the newest of them."""

    __slots__ = ("attempts", "failures", "last", "late", "not_run", "order", "taught")

    def __init__(self) -> None:
        self.attempts = 0
        self.failures: dict[str, int] = {}
        self.not_run = 0
        self.late = 0  # came through the replay lane, with whatever outcome
        self.order = NOTHING  # of `last`
        self.last: Seen | None = None  # the newest that ended in ok or fail
        self.taught: Facts | None = None  # the last facts that the verdicts learned from

    @property
    def total(self) -> int:
        return self.attempts + self.not_run + self.late

    def count(self, result: Result) -> None:
        """A live result."""
        if result.outcome == "not_run":
            self.not_run += 1
            return
        self.attempts += 1
        if result.outcome == "fail":
            reason = label(result)
            self.failures[reason] = self.failures.get(reason, 0) + 1


class Tally:
    """The counters of one check from one agent, from its first result on. A restart does not end them."""

    __slots__ = (
        "attempts",
        "buckets",
        "failures",
        "hidden_us",
        "late_attempts",
        "late_failures",
        "late_not_run",
        "latency_sum",
        "not_run",
        "position",
        "repeats",
        "repeats_failed",
        "saved",
        "ways",
    )

    def __init__(self) -> None:
        self.attempts = 0
        self.failures: dict[str, int] = {}
        self.not_run: dict[str, int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)  # not cumulative; the last one is beyond every bound
        self.latency_sum = 0.0
        self.late_attempts = 0
        self.late_failures: dict[str, int] = {}
        self.late_not_run = 0
        self.repeats = 0  # of the attempts, those that repeated a first failure at once,
        self.repeats_failed = 0  # and of these the ones that failed too
        self.ways: dict[Bypass, Way] | None = None  # None: nothing ever went around anything
        self.position = 0  # of the newest entry of the journal that is counted here
        self.saved = 0  # of the newest one that is counted in what is stored
        self.hidden_us: int | None = None  # since when the configuration does not have it

    @property
    def total(self) -> int:
        """Results that are counted here, each once."""
        own = self.attempts + sum(self.not_run.values()) + self.late_attempts + self.late_not_run
        return own if self.ways is None else own + sum(way.total for way in self.ways.values())

    def count(self, result: Result) -> None:
        """A live result, by the way of the check itself."""
        if result.outcome == "not_run":
            reason = label(result)
            self.not_run[reason] = self.not_run.get(reason, 0) + 1
            return
        self.attempts += 1
        if result.attempt != 1:
            self.repeats += 1
            self.repeats_failed += result.outcome == "fail"
        if result.outcome == "fail":
            reason = label(result)
            self.failures[reason] = self.failures.get(reason, 0) + 1
        elif result.duration_us is not None:
            seconds = result.duration_us / 1e6
            self.latency_sum += seconds
            self.buckets[bisect_left(BUCKETS, seconds)] += 1

    def count_late(self, result: Result) -> None:
        """A result that came through the replay lane."""
        if result.outcome == "not_run":
            self.late_not_run += 1
            return
        self.late_attempts += 1
        if result.outcome == "fail":
            reason = label(result)
            self.late_failures[reason] = self.late_failures.get(reason, 0) + 1

    def way(self, bypass: Bypass) -> Way:
        if self.ways is None:
            self.ways = {}
        return self.ways.setdefault(bypass, Way())

    def count_way(self, bypass: Bypass, result: Result, *, late: bool) -> None:
        """A result by another way, through either lane."""
        way = self.way(bypass)
        if late:
            way.late += 1
        else:
            way.count(result)

    def adopt(self, other: "Tally") -> None:
        """Go on from where *other* ended."""
        for name in Tally.__slots__:
            setattr(self, name, getattr(other, name))
        self.hidden_us = None

    def restart(self) -> None:
        """Count from 0 again."""
        position = self.position
        Tally.__init__(self)
        self.position = position


class Cell(Tally):
    """One check as one agent sees it: its counters, the newest verdict, and a bounded history."""

    __slots__ = (
        "agent",
        "bars",
        "base",
        "base_order",
        "blocks",
        "changed_at",
        "check",
        "episodes",
        "has_news",
        "identity",
        "last",
        "order",
        "spoiled",
        "stored_at",
        "taught",
        "told_ok",
        "told_unknown",
    )

    def __init__(self, check: Check, agent: str, identity: str = "") -> None:
        super().__init__()
        self.check = check
        self.agent = agent
        self.identity = identity  # of what is probed: another target is another cell
        self.last: Seen | None = None  # the newest run that ended in ok or fail
        self.spoiled: Seen | None = None  # set while the newest result of all is a not_run
        self.changed_at: float | None = None  # when `last` went from ok to fail or back
        self.order = NOTHING  # of the newest result
        self.bars = Bars()
        self.episodes: deque[Seen] = deque(maxlen=EPISODES)  # the last results that were not ok
        self.base: Facts | None = None  # the newest facts that came whole: differences are from these
        self.base_order = NOTHING
        self.has_news = False  # state or history is newer than the stored one,
        self.stored_at = 0.0  # of this wall time; 0 when the verdict is another one by now
        self.taught: Facts | None = None  # the last facts that the verdicts learned from
        self.told_ok = False  # the verdicts know that it is ok: they need not hear that again,
        self.told_unknown = False  # nor that nothing is known of it
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

    def whole(self, result: Result, order: Order) -> Result | None:
        """*result* with its facts in full. None when what they differ from is not here.

        What comes whole is the base of what follows.
        """
        if result.diff is None:
            if result.facts is not None and order > self.base_order:
                self.base, self.base_order = result.facts, order
            return result
        if order < self.order:
            return result  # overtaken: nobody looks at its facts
        if self.base is None or self.base_order[0] != order[0]:
            return None
        try:
            facts = patched(self.base, result.diff)
        except WireError:
            return None
        return msgspec.structs.replace(result, facts=facts, diff=None)

    def apply(self, result: Result, order: Order, now: Moment) -> bool:
        """Count a live result; the newest also becomes the state. True when the state changed by it."""
        self.blocks = None
        self.count(result)
        if order <= self.order:
            return False
        self.order = order
        self.has_news = True
        seen = Seen(result, now.wall, now.mono)
        duration = None if result.duration_us is None else result.duration_us / 1e6
        self.bars.append(now.wall, result.outcome, duration)
        if result.outcome != "ok":
            self.episodes.append(seen)
        if result.outcome == "not_run":
            changed = self.spoiled is None
            self.spoiled = seen
        else:
            before, self.last, self.spoiled = self.last, seen, None
            changed = before is None or _verdict(before.result) != _verdict(result)
            if before is None or before.result.outcome != result.outcome:
                self.changed_at = now.wall
        if changed:
            self.stored_at = 0.0
        return changed

    def apply_way(self, bypass: Bypass, result: Result, order: Order, now: Moment) -> bool:
        """Count a live result by another way. True when it is the newest verdict of that way."""
        self.blocks = None
        way = self.way(bypass)
        way.count(result)
        if order <= way.order or result.outcome == "not_run":
            return False
        way.order, way.last = order, Seen(result, now.wall, now.mono)
        self.has_news = True
        return True

    def apply_late(self, result: Result, order: Order) -> None:
        """Count a result that came through the replay lane: no verdict, no history."""
        self.blocks = None
        self.count_late(result)
        if result.facts is not None and order > self.base_order:
            self.base, self.base_order = result.facts, order


def label(result: Result) -> str:
    """The reason of a result that is not ok, from a closed set: it becomes a metric label."""
    known = FAILURE_CODES if result.outcome == "fail" else NOT_RUN_REASONS
    return result.reason if result.reason in known else UNKNOWN


def _verdict(result: Result) -> tuple[str, str | None]:
    return result.outcome, result.reason
