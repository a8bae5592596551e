"""Decides which results travel together, what is sent next, and what is given up. Knows the time as a number.

Every result gets the next seq of its epoch, and `ledger` knows what became of it. A batch is kept until the
collector says that it was applied and is durable. The broker's PUBACK only starts the wait for that: a broker
that restarts, or finds no subscriber, has acknowledged all the same.

Fresh batches go first. One that is older than the live lane allows leaves memory once the disk has it, and
goes by the replay lane, oldest first, as fast as `pace` allows. Without a disk it stays in memory, and when
memory is full the oldest goes; one whose ack was still under way may have been applied all the same, so loss
may be declared too high and never too low.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from vedette.wire import limits
from vedette.wire.failure import Lost
from vedette.wire.messages import EpochMark, Result
from vedette_agent.delivery.bases import Bases
from vedette_agent.delivery.disk import Disk
from vedette_agent.delivery.group import Group
from vedette_agent.delivery.ledger import Ledger
from vedette_agent.delivery.pace import Pace
from vedette_agent.delivery.packing import packed
from vedette_agent.delivery.parcel import Book, Parcel, State
from vedette_agent.delivery.parcels import OVERHEAD, REFUSED_SECONDS, Parcels
from vedette_agent.delivery.replay import Fetch, Replay
from vedette_agent.spool.rows import Row

MAX_BYTES: Final = 8 * 1024 * 1024  # packed, in memory
CLOCK_STEP_US: Final = 250_000  # the results of one batch were produced under one setting of the clock
STILL_US: Final = 10_000_000  # clocks that part by so much were not only set: one may have stood still
OFFLINE_SECONDS: Final = 20.0  # a batch spans no more while it cannot leave
_PACKET_TOO_LARGE: Final = 0x95  # MQTT 5 section 3.4.2.1

_encode = msgspec.json.Encoder().encode


class Outbox:
    """*is_spooled*: results also leave as rows for the disk."""

    def __init__(
        self, agent: str, epoch: str, *, is_spooled: bool = False, max_bytes: int = MAX_BYTES
    ) -> None:
        self.agent = agent
        self.is_connected = True  # else nothing is due for the broker
        self.is_resumed = False  # the collector has results of our epoch that we never sent
        self.offset_us: int | None = None  # collector's clock minus ours, as known now
        self.ledger = Ledger(epoch, is_spooled=is_spooled)
        self.pace = Pace()
        self._max_bytes = max_bytes
        self._wmb_us = 0
        self._theirs_us: int | None = None  # collector's clock minus our time since boot, as known last
        self._bases = Bases(lambda seq: seq in self.ledger.own.settled)
        self._group = Group()
        self._last: dict[str, tuple[str, str | None]] = {}
        self._parcels = Parcels()
        self._replay = Replay(agent, self.ledger, self._parcels, self.pace, self._lose)
        self.disk = Disk(self.ledger, self._parcels, self._lose)

    # What it says of itself

    @property
    def is_spooled(self) -> bool:
        return self.ledger.is_spooled

    @property
    def epoch(self) -> str:
        return self.ledger.own.epoch

    @property
    def next_seq(self) -> int:
        """= results produced in the present epoch."""
        return self.ledger.own.next_seq

    @property
    def pending(self) -> int:
        """Of all epochs."""
        return self.ledger.pending

    @property
    def floor(self) -> int:
        """Every seq of the present epoch below it is settled, or in a gap that the next heartbeat says."""
        return self.ledger.floor(self.ledger.own)

    @property
    def buffered_bytes(self) -> int:
        return self._parcels.size

    @property
    def unsafe_share(self) -> float:
        """Of the memory for batches, what those take that are nowhere else; more where it is little."""
        size = self._parcels.size
        if self.ledger.is_spooled and size * 2 > self._max_bytes:
            size = sum(len(each.payload) + OVERHEAD for each in self._parcels if not each.is_safe)
        return size / self._max_bytes

    @property
    def is_settled(self) -> bool:
        """Whether the broker or the disk has everything that was produced."""
        done = (State.SENT, State.HELD)
        return not self._group and all(each.is_safe or each.state in done for each in self._parcels)

    @property
    def is_said(self) -> bool:
        """Whether the collector has all but the backlog on disk."""
        return not self._group and all(each.is_on_disk for each in self._parcels)

    # Results in

    def clock_is(self, wmb_us: int, now: float) -> None:
        """Wall clock minus time since boot, in µs. What was gathered under another setting is closed."""
        if abs(wmb_us - self._wmb_us) > CLOCK_STEP_US:
            self.flush(now)
        if abs(wmb_us - self._wmb_us) > STILL_US:
            self.offset_us = None  # either of the two may have moved: the next exchange tells
        elif self.offset_us is not None:
            self.offset_us -= wmb_us - self._wmb_us  # as our clock moved, and not the collector's
        self._wmb_us = wmb_us

    def theirs_is(self, theirs_us: int) -> None:
        """Collector's clock minus our time since boot, in µs, as known now.

        It stays what it is, unless time since boot stood still because the whole machine did. Then the way in
        which our wall clock moved against it does not tell when earlier results were produced.
        """
        if self._theirs_us is not None and abs(theirs_us - self._theirs_us) > STILL_US:
            for book in self.ledger:
                book.is_same_boot &= book is self.ledger.own
        self._theirs_us = theirs_us
        self.offset_us = theirs_us - self._wmb_us

    def add(self, result: Result, now: float) -> float:
        """Take *result* in, and say when something is due because of it.

        A change of state of its check makes the group due at once, and so does what somebody waits for: the
        repeat of a first failure, and the answer to an ask.
        """
        book, group = self.ledger.own, self._group
        seq = book.next_seq
        text = _encode(self._bases.shaped(result, seq))
        due = float("inf")
        if not group.has_room(text) or (not self.is_connected and now - group.since > OFFLINE_SECONDS):
            self._pack(now)
            due = now if self.is_connected else due
        is_awaited = result.attempt > 1 or result.asked
        group.add(text, now, is_first=seq == 0, is_urgent=self._is_change(result) or is_awaited)
        book.next_seq = seq + 1
        if self.ledger.is_spooled:
            due = min(due, self.disk.add(text, seq, result.started_us, now, self._wmb_us))
        if group.is_full:
            self._pack(now)
            return now if self.is_connected else due
        return min(due, group.flush_at) if self.is_connected else due

    def keep(self, checks: Iterable[str]) -> None:
        """Forget the last state of every check but these, and the facts of all: they may be others now."""
        names = set(checks)
        self._last = {name: state for name, state in self._last.items() if name in names}
        self._bases.forget()

    def flush(self, now: float) -> None:
        """Close the open group and the open row whatever their age."""
        self._pack(now)
        self.disk.close(self._wmb_us)

    def begin(self, epoch: str, now: float) -> None:
        """Number results from 0 in a new epoch: which numbers the old one gave out is not certain."""
        self.flush(now)
        for parcel in self._parcels:
            # A machine that was resumed has slept by nobody's clock: what it remembers may be of any age.
            parcel.born = min(parcel.born, now - limits.LIVE_EXPIRY_SECONDS)
        self.ledger.open(epoch)
        self._bases.forget()
        self.is_resumed = False

    # The disk

    def rows(self, now: float) -> list[Row]:
        """What is to be written, now that it is *now*. What is too old for the live lane leaves memory."""
        while (parcel := self._parcels.live()) is not None and _is_late(parcel, now):
            self._late(parcel)
        return self.disk.rows(now, self._wmb_us)

    # Batches out

    def take(self, now: float) -> Parcel | Fetch | None:
        """What to send, or to read, now.

        A parcel counts as in flight until `delivered`, `refused` or `undelivered`; a fetch until `fetched`.
        """
        self._advance(now)
        return self._take_live(now) or self._replay.take(now)

    def fetched(self, fetch: Fetch, rows: Sequence[Row] | None, now: float) -> Parcel | None:
        """The parcel for what was read, to be sent at once: see `Replay.fetched`."""
        return self._replay.fetched(fetch, rows, now, self._offset)

    def expiry(self, parcel: Parcel, now: float) -> int:
        """Seconds after which the broker may drop it: we will send it again."""
        if parcel.is_replay:
            return limits.LIVE_EXPIRY_SECONDS
        return max(1, int(limits.LIVE_EXPIRY_SECONDS - (now - parcel.born)))

    def next_due(self, now: float) -> float:
        """When `take` or `rows` may have something; infinity when only another call can change that."""
        return min(self.disk.next_due(now), self.next_send(now))

    def next_send(self, now: float) -> float:
        """When `take` may have something."""
        if not self.is_connected:
            return float("inf")
        if self._parcels.can_send_live():
            return now
        return min(self._group.flush_at, self._parcels.next_timer, self._replay.next_due(now))

    def delivered(self, parcel: Parcel, now: float) -> None:
        """The broker has it; now the collector is waited for."""
        if parcel.is_replay and parcel.payload:
            self.pace.carried(parcel.count, len(parcel.payload), now - parcel.sent)
        if self._parcels.arrived(parcel):
            self._parcels.await_ack(parcel, now)

    def refused(self, parcel: Parcel, code: int, now: float) -> None:
        """The broker does not want it. Rights can be mended, so it is tried again; its size cannot."""
        if self._parcels.arrived(parcel):
            if code == _PACKET_TOO_LARGE:
                self._lose(parcel.book, parcel.first, parcel.end, Lost.REFUSED)
                self._parcels.remove(parcel)
            else:
                self._parcels.hold(parcel, now)
                if parcel.is_replay:
                    self.pace.pause(now + REFUSED_SECONDS)

    def undelivered(self, parcel: Parcel, now: float) -> None:
        """The connection was lost before PUBACK."""
        if self._parcels.arrived(parcel):
            self._requeue(parcel, now)

    def resend(self, now: float) -> None:
        """The broker or the collector may have lost what it held: send again what waits for an ack."""
        for parcel in self._parcels:
            if parcel.state is State.SENT:
                self._requeue(parcel, now)

    def forgotten(self, now: float) -> None:
        """Another collector, or one that may have missed something, which knows no facts of ours."""
        self._bases.forget()
        self.resend(now)

    # Acks in

    def acked(self, marks: Iterable[EpochMark], now: float) -> None:
        """Settle what the collector has applied durably."""
        for mark in marks:
            book = self.ledger.get(mark.epoch)
            if book is None:
                continue  # of an epoch that is settled, or of another agent with our name
            sent = book.next_seq - (len(self._group) if book is self.ledger.own else 0)
            if book is self.ledger.own and max([mark.low, *(end for _, end in mark.runs)]) > sent:
                self.is_resumed = True
            elif self.ledger.acked(mark, sent):
                self._let_go(book, now)
        self.ledger.prune()

    def refresh(self) -> None:
        """The collector misses a base: say all facts whole again."""
        self._bases.forget()

    # Inside

    def _is_change(self, result: Result) -> bool:
        """The first state of a check is none: a start must not flush once per check."""
        if result.outcome == "not_run" or result.bypass is not None:
            return False
        state = (result.outcome, result.reason)
        before = self._last.get(result.check)
        self._last[result.check] = state
        return before is not None and before != state

    def _pack(self, now: float) -> None:
        if not self._group:
            return
        born = self._group.since
        texts = self._group.closed(now)
        book = self.ledger.own
        first = book.next_seq - len(texts)
        parcel = packed(
            self.agent,
            book,
            first,
            texts,
            acked=self.ledger.known(book),
            offset_us=self._offset(book, self._wmb_us),
            wmb_us=self._wmb_us,
            born=born,
        )
        if parcel is None:
            # Only a single result can be so large: groups are closed far below the limit.
            self._lose(book, first, first + len(texts), Lost.REFUSED)
            return
        self._parcels.keep(parcel)
        self._parcels.queue(parcel, is_replay=False)
        while self._parcels.size > self._max_bytes and self._relieve():
            pass

    def _offset(self, book: Book, wmb_us: int) -> int | None:
        """Collector's clock minus ours as ours was set then."""
        if self.offset_us is None or not book.is_same_boot:
            return None
        offset = self.offset_us + self._wmb_us - wmb_us
        return offset if abs(offset) <= limits.MAX_TIME_US else None

    def _relieve(self) -> bool:
        """Let the oldest batch go; False when the network has all, and dropping would save nothing."""
        oldest = self._parcels.oldest_at_rest()
        if oldest is None:
            return False
        if oldest.is_safe:
            self._leave_to_disk(oldest)
        else:
            self._lose(oldest.book, oldest.first, oldest.end, Lost.QUEUE_FULL)
            self._parcels.remove(oldest)
        return True

    def _leave_to_disk(self, parcel: Parcel) -> None:
        for run in parcel.book.settled.missing(parcel.first, parcel.end):
            parcel.book.backlog.add(*run)
        self._parcels.remove(parcel)

    def _advance(self, now: float) -> None:
        if now >= self._group.flush_at:
            self._pack(now)
        for parcel in self._parcels.due(now):
            if parcel.state is State.SENT and parcel.is_replay:
                self.pace.slower()
            self._requeue(parcel, now)

    def _take_live(self, now: float) -> Parcel | None:
        while (parcel := self._parcels.live()) is not None:
            if _is_late(parcel, now):
                self._late(parcel)
            elif self._parcels.can_send_live():
                return self._parcels.depart(parcel, now, is_replay=False)
            else:
                return None
        return None

    def _requeue(self, parcel: Parcel, now: float) -> None:
        if _is_late(parcel, now):
            self._late(parcel)
        else:
            self._parcels.queue(parcel, is_replay=False)

    def _late(self, parcel: Parcel) -> None:
        """Too old for the live lane: the disk keeps it until its turn, or memory where there is none."""
        if parcel.is_safe:
            self._leave_to_disk(parcel)
        else:
            self._parcels.queue(parcel, is_replay=True)

    def _let_go(self, book: Book, now: float) -> None:
        """Remove the parcels whose results are all settled."""
        for parcel in self._parcels.of(book):
            if book.settled.covers(parcel.first, parcel.end):
                if parcel.attempts == 1:
                    self._parcels.took(now - parcel.sent)
                    self.pace.acked(now - parcel.sent, now, is_fresh=not parcel.is_replay)
                self._parcels.remove(parcel)

    def _lose(self, book: Book, first: int, end: int, why: Lost) -> None:
        for run in self.ledger.lose(book, first, end, why):
            if book is self.ledger.own:
                self._bases.lost(*run)


def _is_late(parcel: Parcel, now: float) -> bool:
    return now - parcel.born >= limits.LIVE_EXPIRY_SECONDS
