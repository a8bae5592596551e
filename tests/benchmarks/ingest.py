"""Results per second of one core through the collector's core: decode, limits, dedupe, state.

20 agents with 100 checks, every fact filled in. Receiving from the broker is not part of it.
"""

import time
from collections.abc import Iterator

from benchmarks import fleet
from benchmarks.figure import Figure, median_figure
from benchmarks.settings import Settings
from vedette.wire.topics import Kind, topic
from vedette_collector.acks import Acks
from vedette_collector.asks import Asks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.effects import Effects
from vedette_collector.ingest import Ingest
from vedette_collector.verdict_feed import Feed
from vedette_collector.verdicts.engine import Engine
from vedette_collector.verdicts.traits import topology

AGENTS, CHECKS = 20, 100
RESULTS = 40_000


def figures(settings: Settings) -> Iterator[Figure]:
    for size in (1, 10, 100):
        rates, weights = zip(*(_round(size) for _ in range(settings.runs)), strict=True)
        note = f"{AGENTS} agents, {CHECKS} checks, all facts"
        yield median_figure(f"ingest_rate_batch_{size}", rates, "results/s", note=note)
        yield median_figure(f"wire_bytes_batch_{size}", weights, "B/result", note=f"{note}; payload alone")


def _round(size: int) -> tuple[float, float]:
    config = fleet.assignment(AGENTS, CHECKS)
    board = Board(config)
    acks = Acks("f" * 32, board.ledger)
    ingest, effects = Ingest(board, acks), Effects(board, acks)
    effects.feed = Feed(Engine(topology(config)), board, Asks(board))
    names = [check.name for check in config.checks]
    messages: list[tuple[str, bytes, str]] = []
    per_agent = RESULTS // AGENTS
    for vantage in config.agents:
        name = topic(vantage.name, Kind.LIVE)
        for first in range(0, per_agent, size):
            results = [fleet.result(names[seq % CHECKS], seq) for seq in range(first, first + size)]
            messages.append((name, *fleet.payload(vantage.name, first, results)))
    began = time.process_time()
    for number, (name, payload, content_type) in enumerate(messages):
        # An hour between two messages keeps the rate limit of each agent out of the figure.
        now = Moment(1.8e9, 3600.0 * number)
        entry = ingest.message(name, payload, content_type, False, now)
        if entry is not None:
            effects.apply(entry, now)
    spent = time.process_time() - began
    applied = sum(book.applied for _, book in board.ledger)
    if applied != RESULTS or board.rejected:
        raise RuntimeError(f"{applied} of {RESULTS} applied, {dict(board.rejected)} rejected")
    return RESULTS / spent, sum(len(payload) for _, payload, _ in messages) / RESULTS
