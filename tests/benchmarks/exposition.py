"""CPU of one /metrics page of 10,000 and 100,000 series, beside prometheus_client rendering the same series.

Two figures: a page on which every cell has changed, and one on which a tenth has, as between two scrapes.
"""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from benchmarks import fleet
from benchmarks.figure import Figure, median_figure
from benchmarks.settings import Settings
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.exposition.page import pieces

PEER = "prometheus_client"
CHECKS = 100


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def figures(settings: Settings) -> Iterator[Figure]:
    for size, name in ((10_000, "10k"), (100_000, "100k")):
        board, series = _board(size)
        peer = _peer(board)
        whole: list[float] = []
        tenth: list[float] = []
        stalls: list[float] = []
        theirs: list[float] = []
        for number in range(settings.runs):
            _change(board, 1, number)
            spent, _ = _page(board)
            whole.append(spent)
            _change(board, 10, number)
            spent, stall = _page(board)
            tenth.append(spent)
            stalls.append(stall)
            began = time.process_time()
            generate_latest(peer)
            theirs.append(time.process_time() - began)
        note = f"{series} series"
        yield median_figure(f"exposition_{name}", tenth, "s", PEER, theirs, f"{note}, a tenth changed")
        yield median_figure(f"exposition_{name}_all_changed", whole, "s", PEER, theirs, note)
        yield median_figure(f"exposition_{name}_longest_piece", stalls, "s", note=f"{note}; holds the loop")


def _board(size: int) -> tuple[Board, int]:
    """A board with about *size* series, and how many it has."""
    per_agent = _series(_filled(1))
    board = _filled(max(1, round(size / per_agent)))
    return board, _series(board)


def _filled(agents: int) -> Board:
    board = Board(fleet.assignment(agents, CHECKS))
    _change(board, 1, 0)
    return board


def _change(board: Board, share: int, number: int) -> None:
    """A new result for one in *share* cells."""
    for index, cell in enumerate(board.all_cells()):
        if index % share == 0:
            cell.apply(
                fleet.result(cell.check.name, index + number), (1, cell.order[1] + 1), Moment(1.8e9, 0.0)
            )


def _page(board: Board) -> tuple[float, float]:
    """CPU seconds of the whole page, and of its longest piece."""
    began = last = time.process_time()
    longest = 0.0
    for piece in pieces(board, Condition(1.8e9), 1.0):
        piece.encode()
        now = time.process_time()
        longest, last = max(longest, now - last), now
    return time.process_time() - began, longest


def _series(board: Board) -> int:
    return sum(
        1 for line in "".join(pieces(board, Condition(1.8e9), 1.0)).splitlines() if not line.startswith("#")
    )


def _peer(board: Board) -> CollectorRegistry:
    """The same series, read back from the page, as a custom collector: the peer's fastest way."""
    registry = CollectorRegistry()
    text = "".join(pieces(board, Condition(1.8e9), 1.0))
    registry.register(_Families(list(text_string_to_metric_families(text))))
    return registry
