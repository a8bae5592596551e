"""Does what entries of the journal say, once they are durable: counters, books, verdicts, acks.

Applying the journal again gives the same: what an entry has changed already, it does not change again.
"""

from vedette.wire import codec
from vedette.wire.messages import Result
from vedette_collector import salvage
from vedette_collector.acks import Acks
from vedette_collector.board import Board
from vedette_collector.cell import Cell, Moment
from vedette_collector.ledger import Book
from vedette_collector.store.entry import Entry


class Effects:
    """Feeds *board* and notes in *acks* what was settled."""

    def __init__(self, board: Board, acks: Acks) -> None:
        self._board = board
        self._acks = acks

    def apply(self, entry: Entry, now: Moment) -> None:
        """Do what *entry* says. One that is there already, as after a restart, changes nothing."""
        book = self._board.ledger.book(entry.agent)
        if entry.kind == "note":
            self._acks.answer(entry)
            return
        if entry.id > book.saved:
            book.enter(entry)
        if entry.claim is None:
            self._results(entry, book, now)
        self._board.version += 1
        self._acks.answer(entry)

    def _results(self, entry: Entry, book: Book, now: Moment) -> None:
        results = entry.results
        if results is None:
            raw = codec.decompressed(entry.payload, entry.content_type)
            results = salvage.read(raw).results
        rejected = dict(entry.rejected)
        wall = entry.received_us / 1e6
        mono = max(now.mono - max(now.wall - wall, 0.0), 0.0) if entry.mono is None else entry.mono
        came = Moment(wall, mono)
        epoch = book.epochs.open.get(entry.epoch)
        is_whole = epoch is not None and entry.acked <= epoch.window.low
        number = entry.number if epoch is None else epoch.number
        tally_of = self._board.tally
        counted = 0
        for first, end in entry.news:
            for offset in range(first, end):
                result = results[offset]
                if offset in rejected:
                    continue
                tally = None if result is None else tally_of(entry.agent, result.check, entry.generation)
                if result is None or tally is None:
                    if entry.id > book.saved:
                        book.retired += 1
                    continue
                if entry.id <= tally.saved:
                    continue
                tally.position = entry.id
                counted += 1
                if not isinstance(tally, Cell):
                    tally.count_late(result) if entry.kind == "late" else tally.count(result)
                elif entry.kind == "late":
                    tally.apply_late(result, (number, entry.first + offset))
                else:
                    self._live_result(tally, result, (number, entry.first + offset), came, is_whole)
        book.counted += counted

    def _live_result(
        self, cell: Cell, result: Result, order: tuple[int, int], came: Moment, is_whole: bool
    ) -> None:
        if result.diff is not None or result.facts is not None:
            # An agent that holds an ack which is not in our books may refer to what we have forgotten.
            found = cell.whole(result, order) if is_whole or result.diff is None else None
            if found is None:
                self._acks.refresh(cell.agent)
            else:
                result = found
        cell.apply(result, order, came)
