"""What became of every result: the epochs of which something is here, what is settled in them, what is lost.

A result is pending, acknowledged by the collector, or declared lost with a reason. Over all epochs

    produced = acknowledged + pending + lost
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from vedette.wire import limits
from vedette.wire.failure import Lost
from vedette.wire.messages import EpochMark, Gap, Held
from vedette_agent.delivery.gaps import Gaps
from vedette_agent.delivery.parcel import Book
from vedette_agent.delivery.runs import Run

MAX_SETTLED: Final = 64  # epochs of the past that are remembered as settled


class Backlog(NamedTuple):
    """What an earlier process left on disk."""

    epoch: str
    next_seq: int
    is_same_boot: bool
    runs: Sequence[Run]


class Ledger:
    """*is_spooled*: what is settled and declared is also told to a disk, by `settled` and `declared`."""

    def __init__(self, epoch: str, *, is_spooled: bool = False) -> None:
        self.is_spooled = is_spooled
        self.gaps = Gaps()
        self.acked_count = 0  # results that the collector acknowledged, of all epochs
        self._books: dict[str, Book] = {}  # oldest first
        self._opened = 0
        self._done: dict[str, int] = {}  # epochs of which nothing is left: next_seq
        self._settled: list[tuple[str, Run]] = []
        self._declared: list[Gap] = []
        self.own = self.open(epoch)

    def __iter__(self) -> Iterator[Book]:
        return iter(self._books.values())

    def get(self, epoch: str) -> Book | None:
        return self._books.get(epoch)

    def open(self, epoch: str) -> Book:
        """From now on results are of *epoch*, which is new."""
        self.own = self._books[epoch] = Book(epoch, self._opened)
        self._opened += 1
        return self.own

    def adopt(
        self, backlogs: Sequence[Backlog], done: Iterable[tuple[str, int]], gaps: Iterable[Gap]
    ) -> None:
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
        self._done = dict(done) | self._done
        self.gaps.adopt(gaps)

    @property
    def pending(self) -> int:
        return sum(book.pending for book in self._books.values())

    def floor(self, book: Book) -> int:
        """Every seq of *book* below it is settled, or in a gap that the next heartbeat says."""
        hidden = self.gaps.hidden(book.epoch)
        return book.settled.low if hidden is None else min(book.settled.low, hidden)

    def known(self, book: Book) -> int:
        """Every seq of *book* below it is settled at the collector too: it has confirmed all gaps below."""
        first = self.gaps.first(book.epoch)
        return book.settled.low if first is None else min(book.settled.low, first)

    def held(self) -> tuple[list[Held], bool]:
        """The epochs of which something is here, oldest first, the present one last; and whether that is all.

        The newest, where a heartbeat cannot say all.
        """
        books = list(self._books.values())[-limits.MAX_EPOCHS :]
        said = [Held(epoch=book.epoch, next_seq=book.next_seq, floor=self.floor(book)) for book in books]
        return said, len(books) == len(self._books)

    def done(self) -> list[Held]:
        """Epochs that were settled to the last result, newest first."""
        return [Held(epoch=epoch, next_seq=end, floor=end) for epoch, end in reversed(self._done.items())]

    def acked(self, mark: EpochMark, end: int) -> list[Run]:
        """Settle what *mark* says, of the results below *end*; what of it is news."""
        book = self._books[mark.epoch]
        new = [
            run
            for first, last in ((0, mark.low), *mark.runs)
            for run in book.settled.add(first, min(last, end))
        ]
        self.acked_count += sum(map(len, new))
        self._note(book, new)
        return new

    def lose(self, book: Book, first: int, end: int, why: Lost) -> list[Run]:
        """Declare what of first … end - 1 is not settled lost, and say what that was."""
        lost = book.settled.missing(first, end)
        for run in lost:
            self.gaps.declare(book.epoch, run.first, run.end, why, book.settled)
            if self.is_spooled:
                gap = Gap(epoch=book.epoch, first=run.first, end=run.end, reason=why.value)
                self._declared.append(gap)
            book.settled.add(*run)
        self._note(book, lost)
        return lost

    def confirmed(self, gaps: Iterable[Gap]) -> None:
        """The collector has taken note of these."""
        self.gaps.confirmed(gaps)
        self.prune()

    def prune(self) -> None:
        """Forget epochs of the past of which nothing is left to say."""
        for book in list(self._books.values()):
            if book is not self.own and not book.pending and self.gaps.first(book.epoch) is None:
                del self._books[book.epoch]
                self._done[book.epoch] = book.next_seq
        while len(self._done) > MAX_SETTLED:
            del self._done[next(iter(self._done))]

    def settled(self) -> list[tuple[str, Run]]:
        """What was settled since the last call."""
        settled, self._settled = self._settled, []
        return settled

    def declared(self) -> list[Gap]:
        """What was declared lost since the last call."""
        declared, self._declared = self._declared, []
        return declared

    def unspooled(self) -> None:
        """There is no disk any more. What only it has is not given up: it is there at another start."""
        self.is_spooled = False
        self._settled, self._declared = [], []

    def _note(self, book: Book, runs: Iterable[Run]) -> None:
        for run in runs:
            book.backlog.discard(*run)
            if not self.is_spooled:
                continue
            if self._settled:
                epoch, last = self._settled[-1]
                if (epoch, last.end) == (book.epoch, run.first):
                    self._settled[-1] = epoch, Run(last.first, run.end)
                    continue
            self._settled.append((book.epoch, run))
