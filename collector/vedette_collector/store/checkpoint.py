"""Says what a checkpoint writes: the rows that changed, a few at a time.

Between two slices the collector goes on, so the rows of one checkpoint are of different moments. That is what
their positions are for. State and history of a cell are stored at once when its verdict is new, else at most
once a minute: they are ten times as large as the counters, and nothing is counted by them.
"""

from collections.abc import Iterator
from typing import Final

from vedette_collector.board import Board
from vedette_collector.cell import Cell, Tally
from vedette_collector.ledger import Book
from vedette_collector.store import rows
from vedette_collector.store.database import AgentRow, CellRow, Writing
from vedette_collector.store.recovery import FLOOR, RESTORED

SLICE: Final = 100  # rows; some 20 µs each
STATE_SECONDS: Final = 60.0
GENERATIONS: Final = 64  # configurations that are remembered
HIDDEN_SECONDS: Final = 7 * 86400.0  # that counters are kept of what the configuration does not have


def slices(
    board: Board, now: float, *, floor: int, restored_us: int | None, whole: bool
) -> Iterator[Writing]:
    """*floor*: the newest entry that is applied. *whole*: with the state of every cell that has a new one.

    The last slice says that rows and floor are there.
    """
    writing = Writing()
    for tally, key in [*_tallies(board)]:
        row = _row(tally, key, now, whole=whole)
        if row is not None:
            writing.cells.append(row)
        if len(writing.cells) >= SLICE:
            yield writing
            writing = Writing()
    for name, book in [*board.ledger]:
        is_hidden = name not in board.agents
        if book.position > book.saved or is_hidden is (book.hidden_us is None):
            book.hidden_us = round(now * 1e6) if is_hidden else None
            writing.agents.append(_agent(name, book))
        if len(writing.agents) >= SLICE:
            yield writing
            writing = Writing()
    _forget(board, writing, round(now * 1e6))
    # The journal is applied again from the floor on: what was decided then had one of the last of these.
    writing.first_generation = max(board.generation - GENERATIONS, 0)
    for number in [number for number in board.generations if number < writing.first_generation]:
        del board.generations[number]
    writing.facts = {FLOOR: floor}
    if restored_us is not None:
        writing.facts[RESTORED] = restored_us
    yield writing


def _tallies(board: Board) -> Iterator[tuple[Tally, tuple[str, str, str]]]:
    for cell in board.all_cells():
        yield cell, (cell.agent, cell.check.name, cell.identity)
    for agent, hidden in board.hidden.items():
        for (check, identity), tally in hidden.items():
            yield tally, (agent, check, identity)


def _row(tally: Tally, key: tuple[str, str, str], now: float, *, whole: bool) -> CellRow | None:
    state: bytes | None = None
    is_changed = tally.position > tally.saved
    if isinstance(tally, Cell) and tally.has_news and (whole or now - tally.stored_at >= STATE_SECONDS):
        state = rows.state(tally)
        tally.stored_at, tally.has_news = now, False
    if not is_changed and state is None:
        return None
    tally.saved = tally.position
    return CellRow(*key, tally.position, tally.hidden_us, rows.counters(tally), state)


def _agent(name: str, book: Book) -> AgentRow:
    book.saved = book.position
    return AgentRow(name, book.position, book.hidden_us, rows.book(book))


def _forget(board: Board, writing: Writing, now_us: int) -> None:
    """Counters that were hidden for long go; their sum stays in the books of the agent."""
    for agent, hidden in board.hidden.items():
        book = board.ledger.book(agent)
        for key, tally in list(hidden.items()):
            if tally.hidden_us is None:
                tally.hidden_us = now_us
            if now_us - tally.hidden_us > HIDDEN_SECONDS * 1e6:
                book.retired += tally.total
                book.counted -= tally.total
                del hidden[key]
                writing.gone_cells.append((agent, *key))
                writing.agents = [row for row in writing.agents if row.agent != agent]
                writing.agents.append(_agent(agent, book))
    for name, book in [*board.ledger]:
        if book.hidden_us is not None and now_us - book.hidden_us > 2 * HIDDEN_SECONDS * 1e6:
            writing.gone_agents.append(name)
            del board.ledger.books[name]


def again(board: Board) -> None:
    """A checkpoint failed: the next one writes every row."""
    for tally, _ in _tallies(board):
        tally.saved = 0
    for _, book in board.ledger:
        book.saved = 0
