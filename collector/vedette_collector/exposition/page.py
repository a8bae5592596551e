"""The whole /metrics page in pieces, so that no reader holds up the loop for long.

A plain generator: whoever drives it may do something else between two pieces. Cells are listed when the
first piece is asked for, and every cell's lines stem from one moment, because its cache is replaced as a
whole; all samples of a family stand together, as the format demands.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from vedette_collector.board import Board
from vedette_collector.condition import Condition
from vedette_collector.exposition.cells import Blocks, blocks, lasting
from vedette_collector.exposition.families import CELL_FAMILIES, FLEET_FAMILIES
from vedette_collector.exposition.fleet import fleet
from vedette_collector.exposition.own import own_metrics

RENDER_CELLS: Final = 32  # at about 25 µs each
JOIN_TEXTS: Final = 1500
PIECE_CHARS: Final = 128 * 1024


def pieces(board: Board, condition: Condition, mono: float) -> Iterator[str]:
    """The text in order. Empty pieces only say that some work was done."""
    cells = board.all_cells()
    rendered: list[Blocks] = []
    for index, cell in enumerate(cells, 1):
        rendered.append(blocks(cell) if cell.is_fresh(mono) else lasting(cell))
        if index % RENDER_CELLS == 0:
            yield ""
    for family in CELL_FAMILIES:
        yield from _family(family.head, (cell.get(family.name) for cell in rendered))
    rest = yield from fleet(board, condition, mono)
    for family in FLEET_FAMILIES:
        yield from _family(family.head, rest.get(family.name, ()))
    yield own_metrics()


def _family(head: str, texts: Iterable[str | None]) -> Iterator[str]:
    """Head and samples; nothing at all of a family without samples."""
    lines: list[str] = []
    size = 0
    for index, text in enumerate(texts, 1):
        if text is not None:
            if head:
                lines.append(head)
                head = ""
            lines.append(text)
            size += len(text)
        if size >= PIECE_CHARS or index % JOIN_TEXTS == 0:
            yield "".join(lines)
            lines, size = [], 0
    yield "".join(lines)
