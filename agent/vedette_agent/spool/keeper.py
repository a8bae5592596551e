"""One group commit after the other, in the thread that owns the files.

A commit works on copies of the books and swaps them in when the disk has it: what failed has changed
nothing and is done again.
"""

import heapq
import logging
import sqlite3
import time
from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from vedette.log import fields
from vedette.wire.failure import Lost
from vedette.wire.messages import Gap
from vedette_agent.delivery.runs import Run
from vedette_agent.spool import policy
from vedette_agent.spool.books import EXACT, Book, union
from vedette_agent.spool.commit import Commit
from vedette_agent.spool.database import has_no_room, leaves_file_good
from vedette_agent.spool.events import Changed, Dropped, Event, State, Unwritten
from vedette_agent.spool.files import Files
from vedette_agent.spool.opening import Opening
from vedette_agent.spool.policy import Caps, Entry, Limit
from vedette_agent.spool.rows import Packer, Row, Stored
from vedette_agent.spool.tail import Tail
from vedette_agent.spool.work import Work

TRANSACTION_BYTES: Final = 1024 * 1024  # of new rows
RESERVE: Final = 64  # results beyond the newest that the record of an epoch answers for, at least
RESERVE_SECONDS: Final = 2.0  # and at the rate of late
NEAR: Final = 0.9  # of the cap: a full spool is full until it holds less
_BATCH: Final = 64

log = logging.getLogger("vedette.spool")


class Keeper:
    """Belongs to one thread. What happened is in `events` until somebody takes it."""

    def __init__(self, files: Files, opening: Opening, caps: Caps, tail: Tail) -> None:
        """*opening*: the last of its books is that of the running process."""
        self.state: State = "ok"
        self.events: list[Event] = []
        self.is_on_record = False  # the running process, and how earlier ones ended
        self.freed_bytes = 0  # of queued rows that are written, or not wanted any more
        self._files = files
        self._books = opening.books
        self._own = next(reversed(opening.books))
        self._unsaved = opening.unsaved  # epochs of which more is known than their records say
        self._forgotten = opening.forgotten  # numbers of epochs whose records go
        self._caps = caps
        self._tail = tail
        self._packer = Packer()
        self._work = Work()
        self._announced: list[Event] = []  # when the next commit is durable
        self._renewed = (time.monotonic(), 0)  # the reserve: when, and at which seq

    @property
    def has_losses(self) -> bool:
        """Whether reading found something that the next commit has to put on record."""
        return self.state == "ok" and bool(self._announced)

    def commit(self, newer: Work) -> bool:
        """Make *newer*, and what failed before, durable. False when the disk would not; then call again."""
        self._work.join(newer)
        before = self.state
        is_written = False
        try:
            self._write()
            is_written = True
        except (sqlite3.Error, OSError) as exc:
            self.state = "full" if has_no_room(exc) else "failing"
            if self.state != before:
                log.error("the spool cannot write", extra=fields(path=self._files.directory, reason=exc))
            if isinstance(exc, sqlite3.Error) and not leaves_file_good(exc):
                self._fail()
        if self.state != before:
            log.info("spool", extra=fields(state=self.state, path=self._files.directory))
            self._tell()
        return is_written and not self._work

    def read(self, epoch: str, first: int, end: int, most_results: int, most_bytes: int) -> list[Row]:
        """Rows that overlap first … end - 1, ascending: the first, and what the bounds allow after it."""
        book = self._books.get(epoch)
        if book is None:
            return []
        rows: list[Row] = []
        results = taken = 0
        for stored in self._stored(book, first, end):
            row = self._packer.unpack(stored)
            if row is None:
                continue
            results += row.count
            taken += len(row.payload)
            if rows and (results > most_results or taken > most_bytes):
                end = max(rows[-1].end, first)
                break
            rows.append(row)
        whole = union([Run(row.first, row.end) for row in rows])
        for held in book.held.within(first, end):
            for run in whole.missing(held.first, held.end):
                self._lose(epoch, run)
        return rows

    def finish(self) -> None:
        """The process ends in order."""
        own = self._books[self._own]
        self._books[self._own] = ended = own.copy()
        ended.is_ended = EXACT
        while not self.commit(Work()) and self.state == "ok":
            pass  # there is more than goes into one transaction
        self._files.close()

    def _write(self) -> None:
        """Raises sqlite3.Error or OSError when the disk does not have it."""
        files = self._files
        if files.is_removed:
            log.error("somebody removed the spool's file", extra=fields(path=files.directory))
            self._fail()
        database = files.current or files.begin(self._books.values())
        commit = Commit(database, self._books, files)
        commit.ranges(self._work)
        limit = policy.limit(self._caps, files.room, files.file_bytes)
        left, rows = self._taken(commit, limit)
        incoming = sum(policy.cost(len(row.payload)) for row in rows)
        expired = self._expired()
        is_over = files.size_bytes + incoming > limit.size_bytes
        if (
            rows
            or expired
            or is_over
            or commit.is_needed
            or self._unsaved
            or self._forgotten
            or self._is_reserve_short()
        ):
            with database.transaction():
                commit.delete()
                commit.make_room(limit.size_bytes, limit.reason, incoming, expired)
                commit.insert(rows)
                self._reserve(commit)
                commit.save(self._unsaved)
                for no in self._forgotten:
                    database.forget(no)
            self._unsaved, self._forgotten = set(), []
        self.is_on_record = True
        self._became_true(commit, left)
        given_up = any(dropped.gap.reason != Lost.TOO_OLD.value for dropped in commit.dropped)
        is_near = self.state == "full" and files.size_bytes > limit.size_bytes * NEAR
        self.state = "full" if limit.is_closed or given_up or is_near else "ok"
        if rows or commit.dropped or commit.gone or commit.is_needed:
            self._tell()
        database.tidy(is_wanted=limit.reason is Lost.NO_SPACE)

    def _taken(self, commit: Commit, limit: Limit) -> tuple[list[Row], list[Stored]]:
        """Of the queued rows: what stays queued, and what is written now."""
        rows: list[Stored] = []
        size = 0
        for at, row in enumerate(self._work.rows):
            book = commit.book(row.epoch)
            if book is None or union(book.done, book.held).covers(row.first, row.end):
                continue
            if limit.is_closed or size >= min(TRANSACTION_BYTES, limit.size_bytes // 4):
                return self._work.rows[at:], rows
            rows.append(self._packer.pack(row))
            size += len(row.payload)
        return [], rows

    def _became_true(self, commit: Commit, left: list[Row]) -> None:
        """The disk has it."""
        self._books |= commit.books
        self.freed_bytes += sum(
            len(row.payload) for row in self._work.rows[: len(self._work.rows) - len(left)]
        )
        self._work = Work()
        self._work.rows = left
        self.events += [*self._announced, *commit.written, *commit.dropped]
        self._announced = []
        for old in self._files.old:
            old.discard(commit.gone)
        self._files.sweep()
        own = self._books[self._own]
        self._tail.note_safe(own.reach, own.commits)

    def _is_reserve_short(self) -> bool:
        own = self._books[self._own]
        return bool(own.is_ended) or self._tail.next_seq + RESERVE // 2 > own.reserved_to

    def _reserve(self, commit: Commit) -> None:
        """Bound what is produced before the next commit, for the case that the host goes down."""
        own = commit.book(self._own)
        assert own is not None
        now, next_seq = time.monotonic(), self._tail.next_seq
        rate = (next_seq - self._renewed[1]) / max(now - self._renewed[0], 0.1)
        self._renewed = now, next_seq
        own.seen_us = time.time_ns() // 1000
        ahead = 0 if own.is_ended else max(RESERVE, int(rate * RESERVE_SECONDS))
        own.reserved_to = next_seq + ahead
        own.commits += 1

    def _expired(self) -> list[Entry]:
        now_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        boot = self._books[self._own].boot

        def is_expired(entry: Entry) -> bool:
            return self._books[entry.epoch].boot == boot and policy.is_expired(entry, now_us, self._caps)

        if not any(map(is_expired, self._files.oldest(1))):
            return []
        return list(takewhile(is_expired, self._files.oldest(_BATCH)))

    def _stored(self, book: Book, first: int, end: int) -> Iterator[Stored]:
        sources = [old.stored(book.epoch, first, end) for old in self._files.old]
        return heapq.merge(*sources, self._current(book, first, end), key=lambda row: row.first)

    def _current(self, book: Book, first: int, end: int) -> Iterator[Stored]:
        try:
            if self._files.current is not None:
                for row in self._files.current.stored(book.no, first, end):
                    yield row
                    first = row.first + row.count
        except (sqlite3.Error, OSError) as exc:
            log.error("the spool cannot read", extra=fields(path=self._files.directory, reason=exc))
            self._fail()
            for old in self._files.old[-1:]:
                yield from old.stored(book.epoch, first, end)

    def _fail(self) -> None:
        """The current file is only read from now on; what it does not give back is retracted."""
        if self._files.current is None:
            return
        self._files.retire(self._files.current)
        for epoch, book in self._books.items():
            found = self._files.held(epoch)
            for held in list(book.held):
                for run in found.missing(held.first, held.end):
                    book.held.discard(run.first, run.end)
                    if epoch == self._own:
                        self.events.append(Unwritten(epoch, run.first, run.end))
                    else:
                        self._lose(epoch, run)
        self._files.sweep()

    def _lose(self, epoch: str, run: Run) -> None:
        self._work.declare(epoch, run.first, run.end, Lost.CORRUPT)
        gap = Gap(epoch=epoch, first=run.first, end=run.end, reason=Lost.CORRUPT.value)
        self._announced.append(Dropped(gap))

    def _tell(self) -> None:
        results = sum(len(book.held) for book in self._books.values())
        try:
            size = self._files.size_bytes
            oldest = next((entry.born_us for entry in self._files.oldest(1)), None)
        except sqlite3.Error:  # the next commit meets it too
            size, oldest = self._files.file_bytes, None
        self.events.append(Changed(self.state, results, size, oldest))
