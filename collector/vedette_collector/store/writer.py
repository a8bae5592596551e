"""The thread that writes. What waits when it gets to it goes to the disk as one transaction.

Nothing is given up here. A disk that is full or gone, or a file that is damaged, is tried again with the same
entries until it takes them: agents keep what they have no ack of, and everybody is told. Only an entry that
is at fault itself, alone and on a disk that works, is set aside, and the books say so.
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from itertools import groupby
from typing import Final, cast

import msgspec

from vedette.log import fields
from vedette_collector.store import entry as codec
from vedette_collector.store.database import Storage, Writing, is_damage, is_passing
from vedette_collector.store.entry import Entry

log = logging.getLogger("vedette.collector.store")

APART: Final = 0.005  # seconds between two transactions, at least: what comes meanwhile shares one
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds until a failed transaction is tried again
MOST_ENTRIES: Final = 2000  # in one transaction

Failure = (sqlite3.Error, OSError)


class Rows(msgspec.Struct):
    """Rows of a checkpoint; *done* is called with what went wrong, in the thread."""

    writing: Writing
    done: Callable[[Exception | None], None]


class Prune(msgspec.Struct):
    """Drop old entries, and say how many went."""

    upto: int
    before_us: int
    max_bytes: int
    limit: int
    done: Callable[[int], None]


Job = Entry | Rows | Prune | None  # None: end, once all before is done


class Writer:
    """*written* gets the entries of each transaction, in the thread, once they are on the disk.

    *trouble* gets, in the thread, why nothing can be written, and None when it can again.
    """

    def __init__(
        self,
        storage: Storage,
        written: Callable[[list[Entry]], None],
        trouble: Callable[[str | None], None],
    ) -> None:
        self.parked = 0
        self.failures = 0
        self.transactions = 0
        self.seconds = 0.0  # in transactions that succeeded
        self._reason: str | None = None  # why nothing can be written, as it was said
        self._storage = storage
        self._written = written
        self._trouble = trouble
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, job: Entry | Rows | Prune) -> None:
        self._jobs.put(job)

    def stop(self) -> None:
        """Write what was added so far and end. A disk that is away is not waited for."""
        self._hurry.set()
        self._jobs.put(None)

    def join(self, seconds: float) -> bool:
        """Whether the thread has ended within *seconds*."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        began, is_last = float("-inf"), False
        while not is_last:
            jobs = [self._jobs.get()]
            self._hurry.wait(max(began + APART - time.monotonic(), 0.0))
            while len(jobs) < MOST_ENTRIES and not self._jobs.empty():
                jobs.append(self._jobs.get())
            began = time.monotonic()
            is_last = None in jobs
            self._do(jobs)

    def _do(self, jobs: list[Job]) -> None:
        """In their order: a configuration is stored before the entries that were decided with it."""
        for is_entry, group in groupby(jobs, key=lambda job: isinstance(job, Entry)):
            if is_entry:
                stored = self._store(cast(list[Entry], list(group)))
                if stored:
                    self._written(stored)
                continue
            for job in group:
                if isinstance(job, Rows):
                    job.done(self._rows(job.writing))
                elif isinstance(job, Prune):
                    self._prune(job)

    def _store(self, entries: list[Entry]) -> list[Entry]:
        """The entries that are on the disk by now: all, but where we stopped before the disk was back."""
        kept = [each for each in entries if each.is_kept]
        if not kept:
            return entries
        try:
            if not self._insist(Writing(entries=[codec.row(each) for each in kept])):
                return []
        except Exception as exc:
            log.error("entries could not be stored together", extra=fields(reason=exc, entries=len(kept)))
            return self._one_by_one(entries)
        return entries

    def _one_by_one(self, entries: list[Entry]) -> list[Entry]:
        stored: list[Entry] = []
        for each in entries:
            taken: Entry | None = each
            if each.is_kept:
                try:
                    if not self._insist(Writing(entries=[codec.row(each)])):
                        return stored
                except Exception as exc:
                    taken = self._park(each, exc)
            if taken is not None:
                stored.append(taken)
        return stored

    def _park(self, entry: Entry, cause: Exception) -> Entry | None:
        """Set *entry* aside for a person to look at. What takes its place in the journal."""
        self.parked += 1
        log.error(
            "an entry cannot be stored, its results are lost",
            extra=fields(
                agent=entry.agent, epoch=entry.epoch, first=entry.first, count=entry.count, reason=cause
            ),
        )
        instead = codec.given_up(entry)
        row = codec.row(instead)
        parked = (entry.id, str(cause)[:200], bytes(entry.payload))
        for writing in (Writing(entries=[row], parked=[parked]), Writing(entries=[row])):
            try:
                return instead if self._insist(writing) else None
            except Exception as exc:
                log.error("the entry cannot be set aside either", extra=fields(agent=entry.agent, reason=exc))
        instead.kind, instead.claim = "note", None
        return instead

    def _insist(self, writing: Writing) -> bool:
        """Write until it is written. False when we stop before. Raises what does not pass."""
        pause, is_open = FIRST_PAUSE, True
        while True:
            began = time.monotonic()
            try:
                if is_open:
                    self._storage.write(writing)
            except Exception as exc:
                # Rows of a checkpoint can do without a damaged page, and entries are not to wait for them.
                if not is_passing(exc) and not (writing.entries and is_damage(exc)):
                    raise
                self._failed(exc)
            else:
                if is_open:
                    self._succeeded(time.monotonic() - began)
                    return True
            if self._hurry.wait(pause) and pause > FIRST_PAUSE:
                return False
            pause = min(2 * pause, LONGEST_PAUSE)
            is_open = self._reopen()

    def _failed(self, exc: Exception) -> None:
        self.failures += 1
        if str(exc) != self._reason:
            self._reason = str(exc)
            self._trouble(self._reason)
            log.error("the store cannot be written, trying again", extra=fields(reason=exc))

    def _succeeded(self, seconds: float) -> None:
        self.transactions += 1
        self.seconds += seconds
        if self._reason is not None:
            self._reason = None
            self._trouble(None)
            log.info("the store can be written again")

    def _reopen(self) -> bool:
        """Whether there is a connection."""
        try:
            self._storage.reopen()
        except Failure as exc:
            self._failed(exc)
            return False
        return True

    def _rows(self, writing: Writing) -> Exception | None:
        try:
            return None if self._insist(writing) else OSError("the store was stopped")
        except Exception as exc:
            log.error("a checkpoint could not be stored", extra=fields(reason=exc))
            return exc

    def _prune(self, job: Prune) -> None:
        try:
            job.done(self._storage.prune(job.upto, job.before_us, job.max_bytes, job.limit))
        except Failure as exc:
            log.warning("old entries could not be dropped", extra=fields(reason=exc))
            job.done(0)
