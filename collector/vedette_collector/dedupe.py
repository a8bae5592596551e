"""Knows which results of an agent are settled. Knows sequence numbers and nothing of what they carry.

A sender numbers the results of one epoch 0, 1, 2, … and sends contiguous ranges, possibly again and possibly
out of order. Per epoch there is a low mark (every seq below it is settled) and the settled runs beyond it.

Runs and not a bit for each of the next so many seqs: after an outage a sender has hundreds of thousands of
results to hand in, oldest first, and its fresh ones must count at once, however far ahead of the mark they
are. That takes two runs. What is bounded is the number of runs, which only a broken sender makes grow.

An epoch is open until its agent has said that nothing of it is held any more. It is never forgotten before:
what is then left of it is its end, so that a copy that comes later is still known as one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MAX_RUNS: Final = 512  # per epoch
MAX_CLOSED: Final = 1024  # epochs of one agent that are remembered after their end,
CLOSED_SECONDS: Final = 7 * 86400.0  # at most so long

Run = tuple[int, int]  # first, end


class Window:
    """The settled seqs of one epoch."""

    __slots__ = ("_ends", "_starts", "low")

    def __init__(self, low: int = 0, runs: Iterable[Run] = ()) -> None:
        self.low = low
        self._starts: list[int] = []  # of the runs beyond the mark: ascending, disjoint, not touching
        self._ends: list[int] = []
        for first, end in runs:
            self._starts.append(first)
            self._ends.append(end)

    @property
    def runs(self) -> list[Run]:
        return list(zip(self._starts, self._ends, strict=True))

    @property
    def beyond(self) -> int:
        """How many seqs are settled beyond the mark."""
        return sum(self._ends) - sum(self._starts)

    def missing(self, first: int, end: int) -> list[Run]:
        """What of first … end - 1 is not settled, ascending."""
        at = max(first, self.low)
        if at >= end:
            return []
        found: list[Run] = []
        index = bisect_right(self._ends, at)
        while index < len(self._starts) and self._starts[index] < end:
            if self._starts[index] > at:
                found.append((at, self._starts[index]))
            at = self._ends[index]
            index += 1
        if at < end:
            found.append((at, end))
        return found

    def fits(self, first: int, end: int) -> bool:
        """Whether settling it keeps the number of runs in its bound."""
        if len(self._starts) < MAX_RUNS or first <= self.low:
            return True
        return bisect_left(self._ends, first) < bisect_right(self._starts, end)

    def settle(self, first: int, end: int) -> int:
        """Settle first … end - 1. Returns how many of them were not settled before."""
        begin = max(first, self.low)
        if begin >= end:
            return 0
        starts, ends = self._starts, self._ends
        if not starts and begin == self.low:
            self.low = end
            return end - begin
        left = bisect_left(ends, begin)  # the runs left … right - 1 overlap or touch the range
        right = bisect_right(starts, end)
        new = end - begin
        if left < right:
            for index in range(left, right):
                new -= min(ends[index], end) - max(starts[index], begin)
            begin, end = min(begin, starts[left]), max(end, ends[right - 1])
        starts[left:right] = [begin]
        ends[left:right] = [end]
        if starts[0] <= self.low:
            self.low = ends.pop(0)
            del starts[0]
        return new


class Epoch:
    """One process of an agent: what it produced, as far as we know, and what of that is settled."""

    __slots__ = ("base", "end", "forgiven", "heard_us", "name", "number", "said", "touched", "window")

    def __init__(self, name: str, base: int, number: int) -> None:
        self.name = name
        self.base = base  # where our books begin: what came before was no business of ours
        self.number = number  # a later process of the agent has the higher one
        self.end = base  # beyond the highest seq that was ever claimed
        self.forgiven = 0  # seqs after the base that are no business of ours either
        self.said = False  # a heartbeat spoke of it
        self.heard_us = 0  # wall time of the last claim
        self.touched = 0.0  # monotonic time of the last message of it; not kept over a restart
        self.window = Window(base)

    @property
    def produced(self) -> int:
        return self.end - self.base - self.forgiven

    @property
    def settled(self) -> int:
        return self.window.low + self.window.beyond - self.base - self.forgiven

    @property
    def pending(self) -> int:
        return self.end - self.window.low - self.window.beyond

    def claim(self, end: int, at_us: int) -> None:
        """Results up to *end* were produced."""
        if end > self.end:
            self.end = end
            self.heard_us = at_us

    def settle(self, first: int, end: int) -> int:
        """Settle a range that may begin before our books: then they begin there. Returns what was new."""
        new = 0
        if first < self.base:
            stop = min(end, self.base)
            new = stop - first
            self.forgiven += self.base - stop
            self.base = first
            first = stop
        self.claim(end, self.heard_us)
        return new + self.window.settle(first, end)

    def forgive(self, first: int, end: int) -> None:
        """Settle a range that somebody else has in his books."""
        new = self.settle(first, end)  # may forgive some itself
        self.forgiven += new

    def copy(self) -> "Epoch":
        made = Epoch(self.name, self.base, self.number)
        made.end, made.forgiven, made.said = self.end, self.forgiven, self.said
        made.heard_us, made.touched = self.heard_us, self.touched
        made.window = Window(self.window.low, self.window.runs)
        return made


class Closed(NamedTuple):
    """What is left of an epoch: every seq below `end` is settled."""

    end: int
    at_us: int


class Epochs:
    """The epochs of one agent. The open ones in the order in which they were last settled."""

    __slots__ = ("closed", "newest", "oldest", "open")

    def __init__(self) -> None:
        self.open: dict[str, Epoch] = {}
        self.closed: dict[str, Closed] = {}  # the one closed last at the end
        self.newest = 0  # highest number given so far
        self.oldest = 0  # lowest

    def begin(self, name: str, base: int, number: int, at_us: int) -> Epoch:
        """Open *name*, or give it another number when it is open."""
        epoch = self.open.get(name)
        if epoch is None:
            closed = self.closed.pop(name, None)
            epoch = self.open[name] = Epoch(name, base if closed is None else 0, number)
            epoch.heard_us = at_us
            if closed is not None:
                # It is in our books already, so no gap that begins in there may count any of it again.
                epoch.forgive(0, closed.end)
        epoch.number = number
        self.newest, self.oldest = max(self.newest, number), min(self.oldest, number)
        return epoch

    def touch(self, name: str) -> None:
        """It was the last one of which something was settled."""
        if next(reversed(self.open)) != name:
            self.open[name] = self.open.pop(name)

    def close(self, name: str, at_us: int) -> Epoch | None:
        """The epoch as it ended. None when it is not open."""
        epoch = self.open.pop(name, None)
        if epoch is not None:
            self.closed[name] = Closed(max(epoch.end, epoch.window.low), at_us)
            for old in list(self._expired(at_us)):
                del self.closed[old]
        return epoch

    def _expired(self, now_us: int) -> Iterator[str]:
        surplus = len(self.closed) - MAX_CLOSED
        for index, (name, closed) in enumerate(self.closed.items()):
            if index >= surplus and now_us - closed.at_us <= CLOSED_SECONDS * 1e6:
                return
            yield name

    def copy(self) -> "Epochs":
        made = Epochs()
        made.open = {name: epoch.copy() for name, epoch in self.open.items()}
        made.closed = dict(self.closed)
        made.newest, made.oldest = self.newest, self.oldest
        return made
