"""The disk as memory sees it: what it is given, and what it says became of that. Knows the time as a number.

Results become rows as they are produced, before they are packed. A row that the disk did not take, or lost,
is made again from the batches that are still in memory.
"""

from collections.abc import Callable

from vedette.wire.failure import Lost
from vedette.wire.messages import Gap
from vedette_agent.delivery.group import Chunk
from vedette_agent.delivery.ledger import Ledger
from vedette_agent.delivery.packing import rows_of
from vedette_agent.delivery.parcel import Book
from vedette_agent.delivery.parcels import Parcels
from vedette_agent.spool.rows import Row


class Disk:
    """*lose* declares results of a book lost, those that are not settled.

    *wmb_us*: wall clock minus time since boot, in µs, as the results of the open row were produced.
    """

    def __init__(
        self, ledger: Ledger, parcels: Parcels, lose: Callable[[Book, int, int, Lost], None]
    ) -> None:
        self._ledger = ledger
        self._parcels = parcels
        self._lose = lose
        self._chunk = Chunk()
        self._rows: list[Row] = []
        self._is_unwritten = False  # it did not take, or lost, what memory has

    # What it is given

    def add(self, text: bytes, seq: int, started_us: int, now: float, wmb_us: int) -> float:
        """Take one result, and say when a row of it is due."""
        if self._chunk.add(text, seq, started_us, now):
            self.close(wmb_us)
            return now
        return self._chunk.due

    def close(self, wmb_us: int) -> None:
        """Close the open row whatever its age."""
        book = self._ledger.own
        row = self._chunk.closed(book.epoch, wmb_us)
        if row is not None and not book.settled.covers(row.first, row.end):
            self._offer(row)

    def next_due(self, now: float) -> float:
        """When `rows` may have something."""
        return now if self._rows else self._chunk.due

    def rows(self, now: float, wmb_us: int) -> list[Row]:
        """What is to be written, now that it is *now*."""
        if now >= self._chunk.due:
            self.close(wmb_us)
        rows, self._rows = self._rows, []
        return rows

    def offer(self) -> bool:
        """Make rows of what memory has and the disk was not given, or lost. Whether there was any."""
        if not self._is_unwritten:
            return False
        self._is_unwritten = False
        book = self._ledger.own
        edge = self._chunk.first if self._chunk.texts else book.next_seq
        for parcel in self._parcels.of(book):
            missing = book.offered.missing(parcel.first, min(parcel.end, edge))
            for row in rows_of(parcel, missing) if missing else ():
                self._offer(row)
        return bool(self._rows)

    def _offer(self, row: Row) -> None:
        self._ledger.own.offered.add(row.first, row.end)
        self._rows.append(row)

    # What became of it

    def untaken(self, row: Row) -> None:
        """There is no time for *row* now."""
        if row.epoch == self._ledger.own.epoch:
            self._ledger.own.offered.discard(row.first, row.end)
            self._is_unwritten = True

    def written(self, epoch: str, first: int, end: int) -> None:
        """These are there, durably."""
        if (book := self._ledger.get(epoch)) is not None:
            book.written.add(first, end)

    def unwritten(self, epoch: str, first: int, end: int) -> None:
        """These were lost, though they had been there."""
        if (book := self._ledger.get(epoch)) is not None:
            book.offered.discard(first, end)
            self._is_unwritten = True
            self._gone(book, first, end, Lost.CORRUPT)

    def dropped(self, gap: Gap) -> None:
        """These were given up, or cannot be read any more. What is in memory as well is not lost."""
        if (book := self._ledger.get(gap.epoch)) is not None:
            self._gone(book, gap.first, gap.end, Lost(gap.reason))

    def unspooled(self) -> None:
        """There is no disk any more: what is in memory stays there."""
        self._ledger.unspooled()
        self._rows = []
        self._chunk = Chunk()

    def _gone(self, book: Book, first: int, end: int, why: Lost) -> None:
        book.written.discard(first, end)
        for parcel in self._parcels.of(book):
            if parcel.first < end and first < parcel.end:
                parcel.is_on_disk = False
        for run in book.backlog.within(first, end):
            self._lose(book, run.first, run.end, why)
