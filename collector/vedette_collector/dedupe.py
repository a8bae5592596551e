"""Decides which results of a batch are new. Knows sequence numbers and nothing of what they carry.

A sender numbers the results of one epoch 0, 1, 2, … and sends contiguous ranges, possibly again and possibly
out of order. Per epoch there is a low mark (every seq below it is settled) and one bit for each of the next
65,536 seqs. The bits are one Python integer: a range is tested and set by a mask, the mark moves by counting
trailing ones, and no pattern of seqs, however hostile, makes it larger than 8 KiB.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

WINDOW: Final = 65_536  # seqs beyond the low mark that can be told apart
OPEN_EPOCHS: Final = 4  # per agent; an epoch is one process of the agent


class Fresh(NamedTuple):
    """What of a range is new. `offsets`, `duplicates` and `too_far` add up to the length of the range."""

    offsets: Sequence[int]  # places in the batch, ascending
    duplicates: int
    too_far: int  # beyond the window: neither applied nor settled, the sender comes again
    missed: int  # seqs that the sender gave up or had acknowledged elsewhere, never seen here
    order: int  # grows with every epoch that is opened: a later epoch has the higher number


class Window:
    """The seqs of one epoch."""

    __slots__ = ("_ahead", "low", "order")

    def __init__(self, low: int, order: int) -> None:
        self.low = low
        self.order = order
        self._ahead = 0  # bit i: seq low + i is settled; bit 0 is always clear

    def take(self, first: int, count: int, acked: int) -> Fresh:
        """Settle the seqs first … first + count - 1 and say which of them were new."""
        missed = self._pass_over(acked)
        start = first - self.low
        old = min(max(-start, 0), count)
        far = min(max(start + count - WINDOW, 0), count)
        inside = count - old - far
        if inside <= 0:
            return Fresh((), old, far, missed, self.order)
        begin = max(start, 0)
        asked = (1 << inside) - 1
        known = (self._ahead >> begin) & asked
        offsets: Sequence[int] = range(old, old + inside)
        if known:
            offsets = [old + i for i in range(inside) if not known >> i & 1]
        self._ahead |= asked << begin
        self._advance()
        return Fresh(offsets, count - far - len(offsets), far, missed, self.order)

    def _pass_over(self, acked: int) -> int:
        """The sender never sends a seq below *acked* again: waiting for one would stop the mark for ever."""
        step = acked - self.low
        if step <= 0:
            return 0
        settled = (self._ahead & ((1 << min(step, WINDOW)) - 1)).bit_count()
        self._ahead >>= step
        self.low = acked
        self._advance()
        return step - settled

    def _advance(self) -> None:
        ones = (~self._ahead & (self._ahead + 1)).bit_length() - 1
        self._ahead >>= ones
        self.low += ones


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
            window = epochs[epoch] = Window(acked, self._opened)
            if len(epochs) > OPEN_EPOCHS:
                epochs.popitem(last=False)
        epochs.move_to_end(epoch)
        return window.take(first, count, acked)

    def marks(self, agent: str) -> list[tuple[str, int]]:
        """(epoch, low mark) of every open epoch of *agent*, the one used last at the end."""
        return [(epoch, window.low) for epoch, window in self._open.get(agent, {}).items()]

    def retain(self, agents: set[str]) -> None:
        """Forget every agent that is not in *agents*."""
        for gone in self._open.keys() - agents:
            del self._open[gone]
