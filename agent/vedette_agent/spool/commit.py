"""One group commit: what it does to the file, and what becomes true when the file has it."""

from collections.abc import Iterable, Mapping, Sequence

from vedette.wire.failure import Lost
from vedette.wire.messages import Gap
from vedette_agent.delivery.runs import Run, Runs
from vedette_agent.spool import policy
from vedette_agent.spool.books import Book
from vedette_agent.spool.database import Database
from vedette_agent.spool.events import Dropped, Event, Written
from vedette_agent.spool.files import Files
from vedette_agent.spool.policy import Entry
from vedette_agent.spool.rows import Stored, digest
from vedette_agent.spool.work import Work

_BATCH = 64  # rows that are looked at together when some have to go


class Commit:
    """Changes copies of *books*. Everything but `ranges` goes inside one transaction of *database*."""

    def __init__(self, database: Database, books: Mapping[str, Book], files: Files) -> None:
        self.books: dict[str, Book] = {}  # the changed ones
        self.gone: set[Entry] = set()  # of older files
        self.written: list[Event] = []
        self.dropped: list[Dropped] = []
        self._database = database
        self._before = books
        self._files = files
        self._unwanted: list[tuple[Book, Run]] = []

    def book(self, epoch: str) -> Book | None:
        """The copy of a book that may be changed."""
        if epoch not in self.books and epoch in self._before:
            self.books[epoch] = self._before[epoch].copy()
        return self.books.get(epoch)

    def ranges(self, work: Work) -> None:
        """Take in what is settled, declared and confirmed."""
        for (epoch, reason), runs in work.declared.items():
            if book := self.book(epoch):
                for run in runs:
                    book.declare(run.first, run.end, reason)
                self._done(book, runs)
        for epoch, runs in work.settled.items():
            if book := self.book(epoch):
                for run in runs:
                    book.done.add(run.first, run.end)
                self._done(book, runs)
        for epoch, runs in work.confirmed.items():
            if book := self.book(epoch):
                for run in runs:
                    book.confirm(run.first, run.end)

    @property
    def is_needed(self) -> bool:
        """Whether the file has to change for it."""
        return bool(self._unwanted) or any(
            book.gaps.keys() != (before := self._before[epoch]).gaps.keys()
            or book.declared() != before.declared()
            for epoch, book in self.books.items()
        )

    def delete(self) -> None:
        """Rows that are done."""
        for book, run in self._unwanted:
            self._delete(book, run)

    def make_room(self, limit: int, reason: Lost, incoming: int, expired: Sequence[Entry]) -> None:
        """Give up the oldest rows: *expired* ones, and as many as *incoming* bytes need below *limit*."""
        for entry in expired:
            self._give_up(entry, Lost.TOO_OLD)
        others = self._files.other_bytes
        for old in self._files.old:
            if self._database.used_bytes + others + incoming <= limit:
                return
            for entry in old.entries():  # a file that is only read goes as a whole
                self._give_up(entry, reason)
            others -= old.size_bytes
        while (excess := self._database.used_bytes + others + incoming - limit) > 0:
            doomed = policy.oldest([entry for _, entry in self._database.entries(_BATCH)], excess)
            if not doomed:
                return
            for entry in doomed:
                self._give_up(entry, reason)

    def insert(self, rows: Sequence[Stored]) -> None:
        for row in rows:
            book = self.book(row.epoch)
            assert book is not None
            self._database.insert(book.no, row)
            book.digest = (book.digest + digest(row.first, row.count)) % (1 << 61)
            book.held.add(row.first, row.first + row.count)
            last = self.written[-1] if self.written else None
            if isinstance(last, Written) and (last.epoch, last.end) == (row.epoch, row.first):
                self.written[-1] = last._replace(end=row.first + row.count)
            else:
                self.written.append(Written(row.epoch, row.first, row.first + row.count))

    def save(self, unsaved: Iterable[str]) -> None:
        """Put the records of all changed books, and of *unsaved* ones."""
        for epoch in unsaved:
            if book := self.book(epoch):
                self._database.save(book.mark(), book.declared())
        for epoch, book in self.books.items():
            gaps = book.declared()
            self._database.save(book.mark(), gaps if gaps != self._before[epoch].declared() else None)

    def _done(self, book: Book, runs: Runs) -> None:
        for run in {book.around(run.first, run.end) for run in runs}:
            if book.held.within(run.first, run.end):
                self._unwanted.append((book, run))

    def _delete(self, book: Book, run: Run) -> None:
        for first, count in self._database.delete(book.no, run.first, run.end):
            book.held.discard(first, first + count)
            book.digest = (book.digest - digest(first, count)) % (1 << 61)
        for old in self._files.old:
            for entry in old.within(book.epoch, run.first, run.end):
                self.gone.add(entry)
                book.held.discard(entry.first, entry.end)

    def _give_up(self, entry: Entry, reason: Lost) -> None:
        book = self.book(entry.epoch)
        if book is None:
            return
        for run in book.done.missing(entry.first, entry.end):
            book.declare(run.first, run.end, reason)
            gap = Gap(epoch=entry.epoch, first=run.first, end=run.end, reason=reason.value)
            self.dropped.append(Dropped(gap))
        self._delete(book, Run(entry.first, entry.end))
