"""Decides what a heartbeat changes in the books of its agent. Only heartbeats declare losses.

The agent says which epochs it still holds, how far each was produced, and up to where (`floor`) everything is
acknowledged or in a gap that it names. What is below the floor, in no gap, and not settled here was
acknowledged by a collector that is not this one as it is now: by an earlier one, when our books of the epoch
begin with this heartbeat, or by ourselves before our store was restored from a backup.

Everything is bounded: how far a claim may go, how many epochs may be opened, how many may be open.
"""

from collections.abc import Container
from typing import Final

from vedette.wire import limits
from vedette.wire.failure import LOST_REASONS, Lost
from vedette.wire.messages import Gap, Heartbeat, Held
from vedette_collector.board import AgentState
from vedette_collector.cell import Moment
from vedette_collector.dedupe import CLOSED_SECONDS, Epoch, Epochs
from vedette_collector.ledger import begun, lost
from vedette_collector.store.entry import FORGIVEN, Claim, Loss, Opening

SILENT_SECONDS: Final = 300.0  # an epoch that its agent does not hold any more is closed after so long
MAX_OPEN: Final = 256  # epochs of one agent


def reach(agent: AgentState, epoch: Epoch | None, base: int, now: Moment) -> int:
    """How far results may have been produced by now. None: an epoch of which nobody knows how old it is.

    Never beyond what a mark can say: the agent could not read any ack with a larger one in it.
    """
    if epoch is None:
        end = base + agent.producible(CLOSED_SECONDS)
    else:
        end = epoch.end + agent.producible(max(now.wall - epoch.heard_us / 1e6, 0.0))
    return min(end, limits.MAX_SEQ)


def may_open(agent: AgentState, epochs: Epochs, now: Moment) -> bool:
    """Whether one more epoch may be opened; if so, it counts."""
    return len(epochs.open) < MAX_OPEN and agent.openings.admits(now.mono)


class Decision:
    """A claim while it is made. Everything that is decided is reserved at once."""

    def __init__(self, agent: AgentState, epochs: Epochs, now: Moment, *, restored: bool) -> None:
        self.claim = Claim(openings=[], ends=[], losses=[], closings=[])
        self.refused = 0  # what goes beyond a bound: the agent says it again
        self._agent = agent
        self._epochs = epochs
        self._now = now
        self._at_us = round(now.wall * 1e6)
        self._restored = restored

    def heard(self, heartbeat: Heartbeat, reading_since: float) -> None:
        """Take everything that *heartbeat* says. *reading_since*: when we began to hear all there is."""
        own = heartbeat.epoch
        gaps: dict[str, list[Gap]] = {}
        for gap in heartbeat.gaps:
            gaps.setdefault(gap.epoch, []).append(gap)
        held = {each.epoch: each for each in _held(heartbeat)}
        for name, lacking in gaps.items():
            if name not in held:
                first, end = min(gap.first for gap in lacking), max(gap.end for gap in lacking)
                held[name] = Held(epoch=name, next_seq=end, floor=first)
        # Its own last: it has the highest number of those that are opened.
        for each in sorted(held.values(), key=lambda each: each.epoch == own):
            self._epoch(each, gaps.get(each.epoch, []), _reason(heartbeat), is_own=each.epoch == own)
        # An agent of an earlier version holds nothing of an earlier process.
        if heartbeat.held_complete or not heartbeat.held:
            self._close(held.keys(), reading_since)

    def _epoch(self, held: Held, gaps: list[Gap], unnamed: str, *, is_own: bool) -> None:
        epoch = self._epochs.open.get(held.epoch)
        is_first = epoch is None or not epoch.said
        if epoch is None:
            epoch = self._opened(held, gaps, is_own=is_own)
            if epoch is None:
                return
        elif is_first:
            number = (
                self._epochs.newest + 1 if is_own and epoch.number < self._epochs.newest else epoch.number
            )
            self._open(Opening(epoch.name, epoch.base, number, True))
        epoch.touched = self._now.mono
        top = max([held.next_seq, *(gap.end for gap in gaps)])
        if top > epoch.end:
            if top > reach(self._agent, None if is_first else epoch, epoch.base, self._now):
                self.refused += 1
            else:
                epoch.claim(top, self._at_us)
                self.claim.ends.append((epoch.name, top))
        # Descending: a gap before our books moves their beginning, and the next one moves it on.
        for gap in sorted(gaps, key=lambda gap: -gap.first):
            self._lose(epoch, gap.first, gap.end, gap.reason)
        if is_first and not self._restored:
            self._forgive(epoch, held.floor)
        for first, end in epoch.window.missing(epoch.base, held.floor):
            self._lose(epoch, first, end, unnamed)

    def _forgive(self, epoch: Epoch, floor: int) -> None:
        """What was acknowledged before we saw anything of this epoch stands in another collector's books."""
        seen = epoch.window.low > epoch.base
        stop = min([floor, *(first for first, _ in epoch.window.runs[:1])])
        if not seen and stop > epoch.base:
            self._lose(epoch, epoch.base, stop, FORGIVEN)

    def _opened(self, held: Held, gaps: list[Gap], *, is_own: bool) -> Epoch | None:
        """None for an epoch that may not be opened, and for one with nothing left to account for."""
        closed = self._epochs.closed.get(held.epoch)
        if closed is not None:
            base = closed.end
            if held.next_seq <= base and not is_own:
                return None
        elif self._restored:
            base = 0
        else:
            base = min([held.floor, *(gap.first for gap in gaps)])
            if base >= held.next_seq and not is_own:
                return None
        top = max([held.next_seq, *(gap.end for gap in gaps)])
        if top > reach(self._agent, None, base, self._now) or not may_open(
            self._agent, self._epochs, self._now
        ):
            self.refused += 1
            return None
        number = self._epochs.newest + 1 if is_own else self._epochs.oldest - 1
        return self._open(Opening(held.epoch, base, number, True))

    def _open(self, opening: Opening) -> Epoch:
        self.claim.openings.append(opening)
        return begun(self._epochs, opening, self._at_us)

    def _lose(self, epoch: Epoch, first: int, end: int, reason: str) -> None:
        if end > epoch.end or not epoch.window.fits(first, end):
            self.refused += 1
            return
        if first >= end or (first >= epoch.base and not epoch.window.missing(first, end)):
            return
        loss = Loss(epoch.name, first, end, reason)
        self.claim.losses.append(loss)
        lost(self._epochs, loss)

    def _close(self, held: Container[str], reading_since: float) -> None:
        for epoch in list(self._epochs.open.values()):
            silent = self._now.mono - max(epoch.touched, reading_since)
            if epoch.name not in held and silent >= SILENT_SECONDS:
                self.claim.closings.append(epoch.name)
                self._epochs.close(epoch.name, self._at_us)


def _held(heartbeat: Heartbeat) -> list[Held]:
    """What the agent says to hold; its own epoch is always among it."""
    if any(each.epoch == heartbeat.epoch for each in heartbeat.held):
        return heartbeat.held
    own = Held(epoch=heartbeat.epoch, next_seq=heartbeat.next_seq, floor=heartbeat.acked)
    return [*heartbeat.held, own]


def _reason(heartbeat: Heartbeat) -> str:
    """What to call results below the floor that are in no gap.

    An agent of an earlier version names no gaps: it says how many results it gave up and why, not which.
    """
    if not heartbeat.held:
        counts = {reason: count for reason, count in heartbeat.lost.items() if reason in LOST_REASONS}
        most = max(counts, key=lambda reason: counts[reason], default=None)
        if most is not None and counts[most]:
            return most
    return Lost.REWIND.value
