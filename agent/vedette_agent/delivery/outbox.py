"""Decides which results travel together, what is sent next, and what is given up. Knows the time as a number.

Every result gets the next seq of its epoch and from then on is in exactly one state: pending, acknowledged by
the collector, or declared lost with a reason. At all times, over all epochs,

    produced = acknowledged + pending + lost

A batch is kept until the collector says that it was applied and is durable. The broker's PUBACK only starts
the wait for that: a broker that restarts, or finds no subscriber, has acknowledged all the same.

Fresh batches go first. One that is older than the live lane allows leaves memory once the disk has it, and
goes by the replay lane, oldest first, as fast as `pace` allows. Without a disk it stays in memory, and when
memory is full the oldest goes; one whose ack was still under way may have been applied all the same, so loss
may be declared too high and never too low.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from vedette.wire import limits
from vedette.wire.failure import Lost
from vedette.wire.messages import EpochMark, Gap, Held, Result
from vedette_agent.delivery.bases import Bases
from vedette_agent.delivery.gaps import Gaps
from vedette_agent.delivery.group import Chunk, Group
from vedette_agent.delivery.pace import Pace
from vedette_agent.delivery.packing import from_rows, packed, together
from vedette_agent.delivery.parcel import Book, Parcel, State
from vedette_agent.delivery.parcels import Parcels
from vedette_agent.delivery.runs import Run
from vedette_agent.spool.rows import Row

MAX_BYTES: Final = 8 * 1024 * 1024  # packed, in memory
CLOCK_STEP_US: Final = 250_000  # the results of one batch were produced under one setting of the clock
READ_AHEAD: Final = 10  # batches of a backlog that one reading may bring
_PACKET_TOO_LARGE: Final = 0x95  # MQTT 5 section 3.4.2.1

_encode = msgspec.json.Encoder().encode


class Fetch(NamedTuple):
    """Rows to read from disk and to give to `fetched`."""

    epoch: str
    first: int
    end: int
    most: int  # results; the first row may have more


class Backlog(NamedTuple):
    """What an earlier process left on disk."""

    epoch: str
    next_seq: int
    is_same_boot: bool
    runs: Sequence[Run]


class Outbox:
    """*is_spooled*: results also leave as rows for the disk."""

    def __init__(
        self, agent: str, epoch: str, *, is_spooled: bool = False, max_bytes: int = MAX_BYTES
    ) -> None:
        self.agent = agent
        self.is_spooled = is_spooled
        self.offset_us: int | None = None  # collector's clock minus ours, as known now
        self.is_resumed = False  # the collector has results of our epoch that we never produced
        self.gaps = Gaps()
        self.pace = Pace()
        self._max_bytes = max_bytes
        self._wmb_us = 0
        self._books: dict[str, Book] = {}  # oldest first
        self._opened = 0
        self._book = self._open_book(epoch)
        self._bases = Bases(lambda seq: seq in self._book.settled)
        self._group = Group()
        self._chunk = Chunk()
        self._last: dict[str, tuple[str, str | None]] = {}
        self._parcels = Parcels()
        self._rows: list[Row] = []
        self._settled: list[tuple[str, Run]] = []

    # What it says of itself

    @property
    def epoch(self) -> str:
        return self._book.epoch

    @property
    def next_seq(self) -> int:
        """= results produced in the present epoch."""
        return self._book.next_seq

    @property
    def pending(self) -> int:
        """Of all epochs."""
        return sum(book.pending for book in self._books.values())

    @property
    def floor(self) -> int:
        """Every seq of the present epoch below it is settled, or in a gap that the next heartbeat says."""
        return self._floor(self._book)

    @property
    def buffered_bytes(self) -> int:
        return self._parcels.size

    @property
    def is_settled(self) -> bool:
        """Whether the broker or the disk has everything that was produced."""
        done = (State.SENT, State.HELD)
        return not self._group and all(each.is_safe or each.state in done for each in self._parcels)

    def held(self) -> list[Held]:
        """The epochs of which something is here, oldest first, the present one last."""
        return [
            Held(epoch=book.epoch, next_seq=book.next_seq, floor=self._floor(book))
            for book in self._books.values()
        ]

    # Results in

    def clock_is(self, wmb_us: int, now: float) -> None:
        """Wall clock minus time since boot, in µs. What was gathered under another setting is closed."""
        if abs(wmb_us - self._wmb_us) > CLOCK_STEP_US:
            self.flush(now)
        self._wmb_us = wmb_us

    def add(self, result: Result, now: float) -> None:
        """Take *result* in. A change of state of its check makes the group due at once."""
        seq = self._book.next_seq
        text = _encode(self._bases.shaped(result, seq))
        if not self._group.has_room(text):
            self._pack(now)
        self._group.add(text, now, is_first=seq == 0, is_urgent=self._is_change(result))
        if self.is_spooled:
            self._chunk.add(text, seq, result.started_us, now)
        self._book.next_seq = seq + 1
        if self._group.is_full:
            self._pack(now)

    def keep(self, checks: Iterable[str]) -> None:
        """Forget the last state of every check but these, and the facts of all: they may be others now."""
        names = set(checks)
        self._last = {name: state for name, state in self._last.items() if name in names}
        self._bases.forget()

    def flush(self, now: float) -> None:
        """Close the open group and the open row whatever their age."""
        if self._group:
            self._pack(now)
        self._close_row()

    def begin(self, epoch: str, now: float) -> None:
        """Number results from 0 in a new epoch: which numbers the old one gave out is not certain."""
        self.flush(now)
        self._book = self._open_book(epoch)
        self._bases.forget()
        self.is_resumed = False

    # The disk

    def adopt(self, backlogs: Sequence[Backlog], gaps: Iterable[Gap]) -> None:
        """Take over what earlier processes left, oldest first. All of it is older than what is here."""
        books: dict[str, Book] = {}
        for number, left in enumerate(backlogs, -len(backlogs)):
            book = Book(left.epoch, number, next_seq=left.next_seq, is_same_boot=left.is_same_boot)
            book.settled.add(0, left.next_seq)
            for run in left.runs:
                book.settled.discard(*run)
                book.backlog.add(*run)
            books[left.epoch] = book
        self._books = books | self._books
        self.gaps.adopt(gaps)

    def rows(self, now: float) -> list[Row]:
        """What is to be written, now that it is *now*."""
        if now >= self._chunk.due:
            self._close_row()
        rows, self._rows = self._rows, []
        return rows

    def written(self, epoch: str, first: int, end: int) -> None:
        """The disk has these, durably."""
        if (book := self._books.get(epoch)) is not None:
            book.written.add(first, end)

    def dropped(self, gap: Gap) -> None:
        """The disk gave these up, or cannot read them any more. What is in memory as well is not lost."""
        book = self._books.get(gap.epoch)
        if book is None:
            return
        book.written.discard(gap.first, gap.end)
        book.backlog.discard(gap.first, gap.end)
        lost = book.settled.missing(gap.first, gap.end)
        for parcel in self._parcels.of(book):
            lost = [rest for run in lost for rest in _without(run, parcel)]
        for run in lost:
            self._lose(book, run.first, run.end, Lost(gap.reason))

    def settled(self) -> list[tuple[str, Run]]:
        """What the disk need not keep any more, since the last call."""
        settled, self._settled = self._settled, []
        return settled

    # Batches out

    def take(self, now: float) -> Parcel | Fetch | None:
        """What to send, or to read, now.

        A parcel counts as in flight until `delivered`, `refused` or `undelivered`; a fetch until `fetched`.
        """
        self._advance(now)
        return self._take_live(now) or self._take_replay(now)

    def fetched(self, fetch: Fetch, rows: Sequence[Row] | None, now: float) -> Parcel | None:
        """The parcel for what was read, to be sent at once. None when there is nothing to send.

        *rows*: those that overlap the range, ascending; None when the disk cannot be read at present.
        """
        self._parcels.reserve(-1)
        book = self._books[fetch.epoch]
        chosen = together(rows or (), fetch.first, fetch.most)
        end = fetch.first
        if chosen:
            end = chosen[-1].first + chosen[-1].count
        elif rows is not None:
            # The disk was asked for what it said it had, and it has none of it up to here.
            end = min((row.first for row in rows if row.first > fetch.first), default=fetch.end)
            for run in book.settled.missing(fetch.first, end):
                self._lose(book, run.first, run.end, Lost.CORRUPT)
        for run in book.settled.missing(end, fetch.end):
            book.backlog.add(*run)
        if not chosen or book.settled.covers(fetch.first, end):
            return None
        book.backlog.discard(chosen[0].first, end)
        parcel = from_rows(
            self.agent,
            book,
            chosen,
            acked=self._floor(book),
            offset_us=self._offset(book, chosen[0].wmb_us),
            born=now - limits.LIVE_EXPIRY_SECONDS,
        )
        if parcel is None:
            for run in book.settled.missing(fetch.first, end):
                self._lose(book, run.first, run.end, Lost.REFUSED)
            return None
        self._parcels.keep(parcel)
        self.pace.spent(parcel.count)
        return self._parcels.depart(parcel, now, is_replay=True)

    def expiry(self, parcel: Parcel, now: float) -> int:
        """Seconds after which the broker may drop it: we will send it again."""
        if parcel.is_replay:
            return limits.LIVE_EXPIRY_SECONDS
        return max(1, int(limits.LIVE_EXPIRY_SECONDS - (now - parcel.born)))

    def next_due(self, now: float) -> float:
        """When `take` or `rows` may have something; infinity when only another call can change that."""
        if self._rows or self._parcels.can_send_live():
            return now
        due = min(self._group.flush_at, self._chunk.due, self._parcels.next_timer)
        if self._parcels.has_replay_room and (self._parcels.late() or self._oldest()):
            due = min(due, now + self.pace.wait())
        return due

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
                self._drop(parcel, Lost.REFUSED)
            else:
                self._parcels.hold(parcel, now)

    def undelivered(self, parcel: Parcel, now: float) -> None:
        """The connection was lost before PUBACK."""
        if self._parcels.arrived(parcel):
            self._requeue(parcel, now)

    def forgotten(self, now: float) -> None:
        """The broker or the collector may have lost what it held: send again what waits for an ack."""
        self._bases.forget()
        for parcel in self._parcels:
            if parcel.state is State.SENT:
                self._requeue(parcel, now)

    # Acks in

    def acked(self, marks: Iterable[EpochMark], now: float) -> None:
        """Settle what the collector has applied durably."""
        for mark in marks:
            book = self._books.get(mark.epoch)
            if book is None:
                continue  # of an epoch that is settled, or of another agent with our name
            if book is self._book and max([mark.low, *(end for _, end in mark.runs)]) > book.next_seq:
                self.is_resumed = True
                continue
            new = [
                run
                for first, end in ((0, mark.low), *mark.runs)
                for run in book.settled.add(first, min(end, book.next_seq))
            ]
            if new:
                self._note_settled(book, new)
                self._let_go(book, now)
        self._prune()

    def refresh(self) -> None:
        """The collector misses a base: say all facts whole again."""
        self._bases.forget()

    # Inside

    def _open_book(self, epoch: str) -> Book:
        book = self._books[epoch] = Book(epoch, self._opened)
        self._opened += 1
        return book

    def _floor(self, book: Book) -> int:
        hidden = self.gaps.hidden(book.epoch)
        return book.settled.low if hidden is None else min(book.settled.low, hidden)

    def _is_change(self, result: Result) -> bool:
        """The first state of a check is none: a start must not flush once per check."""
        if result.outcome == "not_run":
            return False
        state = (result.outcome, result.reason)
        before = self._last.get(result.check)
        self._last[result.check] = state
        return before is not None and before != state

    def _close_row(self) -> None:
        row = self._chunk.closed(self._book.epoch, self._wmb_us)
        if row is not None and not self._book.settled.covers(row.first, row.first + row.count):
            self._rows.append(row)

    def _pack(self, now: float) -> None:
        born = self._group.since
        texts = self._group.closed(now)
        book, first = self._book, self._book.next_seq - len(texts)
        offset_us = self._offset(book, self._wmb_us)
        parcel = packed(
            self.agent, book, first, texts, acked=self._floor(book), offset_us=offset_us, born=born
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
            self._drop(oldest, Lost.QUEUE_FULL)
        return True

    def _leave_to_disk(self, parcel: Parcel) -> None:
        for run in parcel.book.settled.missing(parcel.first, parcel.end):
            parcel.book.backlog.add(*run)
        self._parcels.remove(parcel)

    def _advance(self, now: float) -> None:
        if self._group and now >= self._group.flush_at:
            self._pack(now)
        for parcel in self._parcels.due(now):
            if parcel.state is State.SENT and parcel.is_replay:
                self.pace.slower()
            self._requeue(parcel, now)

    def _take_live(self, now: float) -> Parcel | None:
        while (parcel := self._parcels.live()) is not None:
            if now - parcel.born >= limits.LIVE_EXPIRY_SECONDS:
                self._late(parcel)
            elif self._parcels.can_send_live():
                return self._parcels.depart(parcel, now, is_replay=False)
            else:
                return None
        return None

    def _take_replay(self, now: float) -> Parcel | Fetch | None:
        if not self._parcels.has_replay_room:
            return None
        parcel, book = self._parcels.late(), self._oldest()
        if (parcel is None and book is None) or not self.pace.admits(now):
            return None
        if book is not None:
            run = next(iter(book.backlog))
            if parcel is None or (book.number, run.first) < parcel.key:
                end = min(run.end, run.first + READ_AHEAD * self.pace.size)
                book.backlog.discard(run.first, end)
                self._parcels.reserve(1)
                return Fetch(book.epoch, run.first, end, self.pace.size)
        assert parcel is not None
        self.pace.spent(parcel.count)
        return self._parcels.depart(parcel, now, is_replay=True)

    def _oldest(self) -> Book | None:
        """The oldest epoch with results that are on disk alone."""
        return next((book for book in self._books.values() if book.backlog), None)

    def _requeue(self, parcel: Parcel, now: float) -> None:
        if now - parcel.born < limits.LIVE_EXPIRY_SECONDS:
            self._parcels.queue(parcel, is_replay=False)
        else:
            self._late(parcel)

    def _late(self, parcel: Parcel) -> None:
        """Too old for the live lane: the disk keeps it until its turn, or memory where there is none."""
        if parcel.is_safe:
            self._leave_to_disk(parcel)
        else:
            self._parcels.queue(parcel, is_replay=True)

    def _note_settled(self, book: Book, runs: Iterable[Run]) -> None:
        for run in runs:
            book.backlog.discard(*run)
            if self.is_spooled:
                self._settled.append((book.epoch, run))

    def _let_go(self, book: Book, now: float) -> None:
        """Remove the parcels whose results are all settled."""
        for parcel in self._parcels.of(book):
            if book.settled.covers(parcel.first, parcel.end):
                if not parcel.is_replay and parcel.attempts == 1:
                    self.pace.fresh(now - parcel.sent, now)
                self._parcels.remove(parcel)

    def _lose(self, book: Book, first: int, end: int, why: Lost) -> None:
        # What the collector is taken to know as a base could be among them.
        self._bases.forget()
        for run in book.settled.add(first, end):
            self.gaps.declare(book.epoch, run.first, run.end, why)
            self._note_settled(book, [run])

    def _drop(self, parcel: Parcel, why: Lost) -> None:
        self._lose(parcel.book, parcel.first, parcel.end, why)
        self._parcels.remove(parcel)

    def _prune(self) -> None:
        """Forget epochs of the past of which nothing is left to say."""
        for book in list(self._books.values()):
            if book is not self._book and not book.pending and not self.gaps.mention(book.epoch):
                del self._books[book.epoch]


def _without(run: Run, parcel: Parcel) -> list[Run]:
    """What of *run* is not in *parcel*."""
    parts = Run(run.first, min(run.end, parcel.first)), Run(max(run.first, parcel.end), run.end)
    return [part for part in parts if part.first < part.end]
