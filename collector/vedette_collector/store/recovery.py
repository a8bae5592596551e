"""Makes a board and its books of what was stored, then applies what the journal has beyond that.

Each row says up to which entry it goes, so applying the journal from the oldest of these positions on changes
only what an entry is missing from.
"""

from typing import Final

import msgspec

from vedette.errors import StoreError
from vedette_collector.board import Board
from vedette_collector.cell import Cell, Moment, Tally
from vedette_collector.ingest import Ingest
from vedette_collector.store import rows
from vedette_collector.store.database import CellRow, Loaded

FLOOR: Final = "floor"  # every row goes at least up to this entry
RESTORED: Final = "restored_us"  # when the store was found to be a backup


def resume(board: Board, ingest: Ingest, loaded: Loaded, now: Moment) -> int:
    """Take over the rows. Returns the id after which the journal is to be applied.

    Raises StoreError for a row that cannot be read.
    """
    at = ""
    try:
        board.remember({number: rows.identities_in(packed) for number, packed in loaded.generations})
        for each in loaded.agents:
            at = f"books of {each.agent}"
            book = board.ledger.book(each.agent)
            rows.reopen(book, each.book)
            book.position = book.saved = each.position
            book.hidden_us = each.hidden_us
        for row in loaded.cells:
            at = f"counters of {row.check} from {row.agent}"
            _cell(board, row, now)
    except msgspec.DecodeError as exc:
        raise StoreError(f"the store cannot be read: {at}: {exc}") from exc
    ingest.restored_us = loaded.facts.get(RESTORED)
    return loaded.facts.get(FLOOR, 0)


def _cell(board: Board, row: CellRow, now: Moment) -> None:
    cell = board.cells.get(row.agent, {}).get(row.check)
    tally: Tally
    if cell is not None and cell.identity == row.identity:
        tally = cell
        if row.state is not None:
            rows.resume(cell, row.state, now)
    else:
        tally = Tally()
        tally.hidden_us = row.hidden_us if row.hidden_us is not None else round(now.wall * 1e6)
        board.hidden.setdefault(row.agent, {})[row.check, row.identity] = tally
    rows.count_on(tally, row.counters)
    tally.position = tally.saved = row.position


def finish(board: Board, ingest: Ingest, last_id: int, furthest: int, now: Moment) -> bool:
    """Go on from entry *last_id*. *furthest*: the newest entry there ever was, as far as is known.

    True when the store is a backup that somebody put back. What was exposed since is not known any more:
    every counter begins at 0, which readers of counters notice, instead of a little below where it was, which
    they would count twice.
    """
    is_backup = furthest > last_id
    if is_backup:
        ingest.restored_us = round(now.wall * 1e6)
        for _, book in board.ledger:
            book.restart()
        hidden = [tally for each in board.hidden.values() for tally in each.values()]
        for tally in (*board.all_cells(), *hidden):
            tally.restart()
            if isinstance(tally, Cell):
                tally.base = None
    ingest.last_id = max(last_id, furthest)
    board.ledger.resume()
    for name, book in board.ledger:
        book.counted = board.counted(name)
    return is_backup
