"""What a spool finds when it is opened: the index of the rows, and what the process before left undone."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vedette.log import fields
from vedette.wire.messages import Gap
from vedette_agent.spool.books import EXACT, Book
from vedette_agent.spool.database import VERSION, Damaged, Database, Newer
from vedette_agent.spool.events import Held, OldEpoch
from vedette_agent.spool.files import Files
from vedette_agent.spool.rows import Stored, digest
from vedette_agent.spool.salvage import Old, strays
from vedette_agent.spool.tail import Left

MAX_SETTLED: Final = 64  # epochs that are remembered after all of them is settled,
SETTLED_SECONDS: Final = 7 * 86400.0  # and for how long
_DIGESTS: Final = 1 << 61
_MAGIC: Final = b"SQLite format 3\0"

log = logging.getLogger("vedette.spool")


class Opening:
    """Reads all files of *files* and opens the newest one, where that can be written."""

    def __init__(self, files: Files, boot: str, *lefts: Left | None) -> None:
        """*lefts*: what ended processes left of themselves, the older first."""
        self.books: dict[str, Book] = {}  # oldest first
        self.unsaved: set[str] = set()  # epochs of which more is known than the current file has
        self.forgotten: list[int] = []  # numbers of epochs that need not be remembered
        self._files = files
        self._boot = boot
        self._damaged: set[str] = set()
        paths = files.found()
        for path in paths[:-1]:
            self._adopt(path)
        for path in paths[-1:]:
            self._open(path)
        on_record = {epoch: (book.mark(), book.declared()) for epoch, book in self.books.items()}
        for old in files.old:
            self._recall(old)
        left_of = {left.epoch: left for left in lefts if left is not None}
        for epoch, book in self.books.items():
            book.conclude(left_of.pop(epoch, None), boot, is_damaged=epoch in self._damaged)
        for epoch, left in left_of.items():
            self.add(epoch).conclude(left, boot, is_damaged=False)
        self.unsaved = {
            epoch
            for epoch, book in self.books.items()
            if on_record.get(epoch) != (book.mark(), book.declared())
        }
        for old in files.old:
            old.discard(
                {entry for entry in old.entries() if self._is_done(entry.epoch, entry.first, entry.end)}
            )

    def add(self, epoch: str) -> Book:
        """A book for an epoch of this boot."""
        number = max((book.no for book in self.books.values()), default=0) + 1
        self.books[epoch] = book = Book(number, epoch, self._boot)
        return book

    def held(self, now_us: int) -> Held:
        """The report; epochs that were settled long ago are forgotten."""
        settled = [book for book in self.books.values() if book.is_empty]
        recent = [book for book in settled if now_us - book.seen_us <= SETTLED_SECONDS * 1e6][-MAX_SETTLED:]
        for book in settled:
            if book not in recent:
                self.forgotten.append(book.no)
                del self.books[book.epoch]
        return Held(
            epochs=[
                OldEpoch(
                    book.epoch,
                    book.floor,
                    book.reserved_to,
                    book.is_ended == EXACT,
                    book.boot == self._boot,
                    book.wanted,
                )
                for book in self.books.values()
                if not book.is_empty
            ],
            settled=[(book.epoch, book.reserved_to) for book in recent],
            gaps=[
                Gap(epoch=gap.epoch, first=gap.first, end=gap.end, reason=gap.reason)
                for book in self.books.values()
                for gap in book.declared()
            ],
            results=sum(len(book.held) for book in self.books.values()),
            size_bytes=self._files.size_bytes,
            oldest_us=next((entry.born_us for entry in self._files.oldest(1)), None),
        )

    def _open(self, path: Path) -> None:
        """The newest file."""
        if _version(path) > VERSION:
            self._leave(path)
            return
        database = None
        try:
            lost = strays(path)
            database = self._files.disk.database(path)
            self._index(database, lost)
            self._files.current = database
        except Newer:
            self._leave(path)
        except (sqlite3.Error, OSError, Damaged) as exc:
            log.error("the spool's file is not used further", extra=fields(path=path, reason=exc))
            self.books.clear()
            if database is not None:
                self._files.retire(database)
            else:
                self._files.adopt(path)

    def _adopt(self, path: Path) -> None:
        if _version(path) > VERSION:
            self._leave(path)
        else:
            self._files.adopt(path)

    def _leave(self, path: Path) -> None:
        log.warning("the spool's file is of a newer version and left alone", extra=fields(path=path))
        self._files.foreign.append(path)

    def _index(self, database: Database, lost: list[Stored]) -> None:
        """Raises sqlite3.Error and Damaged."""
        numbers = {}
        for mark in database.marks():
            self.books[mark.epoch] = book = numbers[mark.no] = Book(mark.no, mark.epoch, mark.boot)
            book.recall(mark)
            book.digest = mark.digest
        for gap in database.gaps():
            if gap.epoch in self.books:
                self.books[gap.epoch].recall_gap(gap)
        digests = dict.fromkeys(numbers, 0)
        for no, epoch, first, end in _indexed(database, digests):
            if no not in numbers or numbers[no].epoch != epoch:
                raise Damaged(f"rows of an unknown epoch: {no} {epoch}")
            numbers[no].held.add(first, end)
        if any(digests[no] != book.digest for no, book in numbers.items()):
            raise Damaged("rows are missing")
        self._restore(database, lost)

    def _restore(self, database: Database, lost: list[Stored]) -> None:
        """Put rows back that SQLite did not see in a broken log. Raises Damaged when more is lost."""
        if any(row.epoch not in self.books for row in lost):
            raise Damaged("the log is broken before an epoch begins")
        wanted = [row for row in lost if not self._is_done(row.epoch, row.first, row.first + row.count)]
        if wanted:
            with database.transaction():
                for row in wanted:
                    book = self.books[row.epoch]
                    if not book.held.covers(row.first, row.first + row.count):
                        database.insert(book.no, row)
                        book.held.add(row.first, row.first + row.count)
                        book.digest = (book.digest + digest(row.first, row.count)) % _DIGESTS
                        database.save(book.mark(), None)

    def _recall(self, old: Old) -> None:
        newer = self.books
        self.books = {}
        for mark in sorted(old.marks.values()):
            self.books[mark.epoch] = self._known(newer, mark.epoch)
            self.books[mark.epoch].recall(mark)
        digests: dict[str, int] = {}
        for entry in old.entries():
            if entry.epoch not in self.books:
                self.books[entry.epoch] = book = self._known(newer, entry.epoch)
                book.done.add(0, entry.first)  # its record is lost; the oldest row bounds what is missing
            digests[entry.epoch] = digests.get(entry.epoch, 0) + digest(entry.first, entry.count)
        self.books |= newer
        for gap in old.gaps:
            if gap.epoch in self.books:
                self.books[gap.epoch].recall_gap(gap)
        for entry in old.entries():
            held = self.books[entry.epoch]
            for run in held.done.missing(entry.first, entry.end):
                held.held.add(run.first, run.end)
        for epoch in {*old.marks, *digests}:
            mark_digest = old.marks[epoch].digest if epoch in old.marks else -1
            if digests.get(epoch, 0) % _DIGESTS != mark_digest:
                self._damaged.add(epoch)

    def _known(self, newer: dict[str, Book], epoch: str) -> Book:
        """The book of *epoch*, moved from *newer*, or a new one."""
        taken = [*self.books.values(), *newer.values()]
        number = max((book.no for book in taken), default=0) + 1
        return newer.pop(epoch, Book(number, epoch, ""))

    def _is_done(self, epoch: str, first: int, end: int) -> bool:
        return epoch in self.books and self.books[epoch].done.covers(first, end)


def _indexed(database: Database, digests: dict[int, int]) -> Iterator[tuple[int, str, int, int]]:
    """Rows that follow each other as one: number and text of the epoch, first, end. Sums up *digests*."""
    run: tuple[int, str, int, int] | None = None
    for no, entry in database.entries():
        if no in digests:
            digests[no] = (digests[no] + digest(entry.first, entry.count)) % _DIGESTS
        if run is not None and (no, entry.epoch, entry.first) == (run[0], run[1], run[3]):
            run = (*run[:3], entry.end)
            continue
        if run is not None:
            yield run
        run = (no, entry.epoch, entry.first, entry.end)
    if run is not None:
        yield run


def _version(path: Path) -> int:
    """As the file's header has it, at offset 60 (sqlite.org/fileformat2.html, section 1.3).

    0 where that is no header: of a damaged file everything is looked through.
    """
    try:
        with path.open("rb") as file:
            header = file.read(64)
    except OSError:
        return 0
    return int.from_bytes(header[60:], "big") if header.startswith(_MAGIC) else 0
