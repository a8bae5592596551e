"""Does what entries of the journal say, once they are durable: counters, books, states, acks.

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
from vedette_collector.verdict_feed import Feed, ended


class Effects:
    """Feeds *board* and notes in *acks* what was settled.

    `feed` hears what may change a verdict, from when it is set: not what is applied again after a restart.
    """

    def __init__(self, board: Board, acks: Acks) -> None:
        self.feed: Feed | None = None
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
        results, offset_us = entry.results, entry.offset_us
        if results is None:
            read = salvage.read(codec.decompressed(entry.payload, entry.content_type))
            results, offset_us = read.results, read.offset_us
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
                if result.bypass is not None:
                    order = number, entry.first + offset
                    if entry.kind == "late" or not isinstance(tally, Cell):
                        tally.count_way(result.bypass, result, late=entry.kind == "late")
                    elif tally.apply_way(result.bypass, result, order, came) and self.feed is not None:
                        self.feed.result(tally, result, ended(result, offset_us, came))
                elif not isinstance(tally, Cell):
                    tally.count_late(result) if entry.kind == "late" else tally.count(result)
                elif entry.kind == "late":
                    tally.apply_late(result, (number, entry.first + offset))
                else:
                    order = number, entry.first + offset
                    self._live_result(tally, result, order, came, is_whole, offset_us)
        book.counted += counted

    def _live_result(
        self,
        cell: Cell,
        result: Result,
        order: tuple[int, int],
        came: Moment,
        is_whole: bool,
        offset_us: int | None,
    ) -> None:
        if result.diff is not None or result.facts is not None:
            # An agent that holds an ack which is not in our books may refer to what we have forgotten.
            found = cell.whole(result, order) if is_whole or result.diff is None else None
            if found is None:
                self._acks.refresh(cell.agent)
            else:
                result = found
        cell.apply(result, order, came)
        if cell.told_ok and result.outcome == "ok" and not result.asked:
            return  # nearly all of them: nothing that the verdicts do not know
        if self.feed is not None and cell.order is order:
            self.feed.result(cell, result, ended(result, offset_us, came))
