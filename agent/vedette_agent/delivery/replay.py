"""The lane of what is too old to be live: from memory, or read from disk, oldest first. See `pace`."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from vedette.wire import limits
from vedette.wire.failure import Lost
from vedette_agent.delivery.ledger import Ledger
from vedette_agent.delivery.pace import Pace
from vedette_agent.delivery.packing import from_rows, together
from vedette_agent.delivery.parcel import Book, Parcel
from vedette_agent.delivery.parcels import Parcels
from vedette_agent.spool.rows import Row

MISSES: Final = 4  # readings that bring nothing, after which it is not there
MISS_SECONDS: Final = 1.0  # until the next one; doubled for every further


class Fetch(NamedTuple):
    """Rows to read from disk and to give to `fetched`."""

    epoch: str
    first: int
    end: int
    most: int  # results; the first row may have more


class Replay:
    """*lose* declares results of a book lost, those that are not settled."""

    def __init__(
        self,
        agent: str,
        ledger: Ledger,
        parcels: Parcels,
        pace: Pace,
        lose: Callable[[Book, int, int, Lost], None],
    ) -> None:
        self._lose = lose
        self._agent = agent
        self._ledger = ledger
        self._parcels = parcels
        self._pace = pace
        self._is_reading = False
        self._misses = 0

    def take(self, now: float) -> Parcel | Fetch | None:
        if self._is_reading or not self._parcels.has_replay_room:
            return None
        parcel, book = self._parcels.late(), self._oldest()
        if (parcel is None and book is None) or not self._pace.admits(now):
            return None
        if book is not None:
            run = next(iter(book.backlog))
            if parcel is None or (book.number, run.first) < parcel.key[:2]:
                self._is_reading = True
                return Fetch(book.epoch, run.first, run.end, self._pace.size)
        assert parcel is not None
        self._pace.spent(parcel.count)
        return self._parcels.depart(parcel, now, is_replay=True)

    def next_due(self, now: float) -> float:
        if self._is_reading or not self._parcels.has_replay_room:
            return float("inf")
        if self._parcels.late() is None and self._oldest() is None:
            return float("inf")
        return now + self._pace.wait(now)

    def fetched(
        self, fetch: Fetch, rows: Sequence[Row] | None, now: float, offset: Callable[[Book, int], int | None]
    ) -> Parcel | None:
        """The parcel for what was read, to be sent at once. None when there is nothing to send.

        *rows*: those that overlap the range, ascending; None when the disk cannot be read at present.
        """
        self._is_reading = False
        book = self._ledger.get(fetch.epoch)
        if book is None:
            return None
        if not rows:
            self._missed(book, fetch, now, is_certain=rows is not None)
            return None
        self._misses = 0
        first = max(fetch.first, rows[0].first)
        # The disk was asked for what it said it had, and it has what follows.
        self._give_up(book, fetch.first, first, Lost.CORRUPT)
        chosen = together(rows, first, fetch.most)
        first, end = chosen[0].first, chosen[-1].end
        if not book.backlog.within(first, end):
            return None  # settled while it was read
        parcel = from_rows(
            self._agent,
            book,
            chosen,
            acked=self._ledger.known(book),
            offset_us=offset(book, chosen[0].wmb_us),
            born=now - limits.LIVE_EXPIRY_SECONDS,
        )
        if parcel is None:
            self._give_up(book, first, end, Lost.REFUSED)
            return None
        book.backlog.discard(first, end)
        self._parcels.keep(parcel)
        self._pace.spent(parcel.count)
        return self._parcels.depart(parcel, now, is_replay=True)

    def _missed(self, book: Book, fetch: Fetch, now: float, *, is_certain: bool) -> None:
        self._misses += is_certain
        if self._misses < MISSES:
            self._pace.pause(now + MISS_SECONDS * 2**self._misses)
            return
        self._misses = 0
        self._give_up(book, fetch.first, min(fetch.end, fetch.first + fetch.most), Lost.CORRUPT)

    def _give_up(self, book: Book, first: int, end: int, why: Lost) -> None:
        for run in book.backlog.within(first, end):
            self._lose(book, run.first, run.end, why)

    def _oldest(self) -> Book | None:
        """The oldest epoch with results that are on disk alone."""
        return next((book for book in self._ledger if book.backlog), None)
