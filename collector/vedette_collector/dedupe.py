"""Decides which results of a batch are new. Knows sequence numbers and nothing of what they carry.

A sender numbers the results of one epoch 0, 1, 2, … and sends contiguous ranges, possibly again and possibly
out of order. Per epoch there is a low mark (every seq below it is settled) and the settled runs beyond it.

Runs and not a bit for each of the next so many seqs: after an outage a sender has hundreds of thousands of
results to hand in, oldest first, and its fresh ones must count at once, however far ahead of the mark they
are. That takes two runs. What is bounded is the number of runs, which only a broken sender makes grow.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

MAX_RUNS: Final = 512  # per epoch
OPEN_EPOCHS: Final = 4  # per agent; an epoch is one process of the agent


class Fresh(NamedTuple):
    """What of a range is new. `offsets`, `duplicates` and `unsettled` add up to the length of the range."""

    offsets: Sequence[int]  # places in the batch, ascending
    duplicates: int
    unsettled: int  # there are too many gaps before: nothing was settled, the sender comes again
    missed: int  # seqs that the sender gave up or had acknowledged elsewhere, never seen here
    order: int  # grows with every epoch that is opened: a later epoch has the higher number


class Window:
    """The seqs of one epoch."""

    __slots__ = ("_ends", "_starts", "_witness", "low", "order")

    def __init__(self, low: int, witness: int, order: int) -> None:
        self.low = low
        self.order = order
        self._starts: list[int] = []  # of the runs beyond the mark: ascending, disjoint, not touching
        self._ends: list[int] = []
        self._witness = witness  # the first seq that was seen here; what came before it we cannot miss

    def take(self, first: int, count: int, acked: int) -> Fresh:
        """Settle the seqs first … first + count - 1 and say which of them were new."""
        missed = self.pass_over(acked)
        begin, end = max(first, self.low), first + count
        if begin >= end:
            return Fresh((), count, 0, missed, self.order)
        left = bisect_left(self._ends, begin)  # the runs left … right - 1 overlap or touch the range
        right = bisect_right(self._starts, end)
        if left == right and begin > self.low and len(self._starts) >= MAX_RUNS:
            return Fresh((), begin - first, end - begin, missed, self.order)
        offsets: Sequence[int] = range(begin - first, count)
        known = list(zip(self._starts[left:right], self._ends[left:right], strict=True))
        if known:
            settled = {seq for start, stop in known for seq in range(max(start, begin), min(stop, end))}
            offsets = [seq - first for seq in range(begin, end) if seq not in settled]
            begin, end = min(begin, known[0][0]), max(end, known[-1][1])
        self._starts[left:right] = [begin]
        self._ends[left:right] = [end]
        self._advance()
        return Fresh(offsets, count - len(offsets), 0, missed, self.order)

    def pass_over(self, acked: int) -> int:
        """Raise the mark to *acked* and return how many seqs were missed by that.

        The sender never sends a seq below *acked* again: waiting for one would stop the mark for ever.
        """
        if acked <= self.low:
            return 0
        base = max(self.low, self._witness)
        missed = max(acked - base, 0)
        while self._starts and self._starts[0] < acked:
            start, end = self._starts.pop(0), self._ends.pop(0)
            missed -= max(min(end, acked) - max(start, base), 0)
            if end > acked:
                self._starts.insert(0, acked)
                self._ends.insert(0, end)
        self.low = acked
        self._advance()
        return missed

    def _advance(self) -> None:
        if self._starts and self._starts[0] <= self.low:
            self.low = self._ends.pop(0)
            del self._starts[0]


class Dedupe:
    """All epochs of all agents, bounded: the caller asks only for agents of the configuration."""

    def __init__(self) -> None:
        self._open: dict[str, OrderedDict[str, Window]] = {}
        self._opened = 0

    def take(self, agent: str, epoch: str, first: int, count: int, acked: int) -> Fresh:
        """Settle a range of *epoch*. An epoch seen for the first time begins at *acked*."""
        epochs = self._open.setdefault(agent, OrderedDict())
        window = epochs.get(epoch)
        if window is None:
            self._opened += 1
            window = epochs[epoch] = Window(acked, first, self._opened)
            if len(epochs) > OPEN_EPOCHS:
                epochs.popitem(last=False)
        epochs.move_to_end(epoch)
        return window.take(first, count, acked)

    def pass_over(self, agent: str, epoch: str, acked: int) -> int:
        """The sender holds acks below *acked*, or gave up waiting. Returns how many seqs were missed."""
        epochs = self._open.get(agent)
        window = None if epochs is None else epochs.get(epoch)
        return 0 if window is None else window.pass_over(acked)

    def marks(self, agent: str) -> list[tuple[str, int]]:
        """(epoch, low mark) of every open epoch of *agent*, the one used last at the end."""
        return [(epoch, window.low) for epoch, window in self._open.get(agent, {}).items()]

    def retain(self, agents: set[str]) -> None:
        """Forget every agent that is not in *agents*."""
        for gone in self._open.keys() - agents:
            del self._open[gone]
