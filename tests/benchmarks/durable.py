"""Results per second of one core through the collector's whole core, with its store.

Message, decode, decide, journal (SQLite, synchronous=FULL, on the disk of the scratch directory), apply, ack
encoded, checkpoints; and a /metrics page every 15 s, at least one in each run. What a result costs is CPU of
the whole process, user and system, all threads. Receiving from the broker is not part of it.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import mixed
from benchmarks.figure import Figure, median_figure
from benchmarks.settings import Settings
from vedette.checks import read
from vedette.wire import codec
from vedette.wire.topics import Kind, topic
from vedette_collector.acks import Acks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.effects import Effects
from vedette_collector.exposition.page import pieces
from vedette_collector.ingest import Ingest
from vedette_collector.store.journal import Applying
from vedette_collector.store.keeper import Keeper
from vedette_collector.subscribe import ACK_SECONDS

AGENTS, CHECKS = 20, 100
RESULTS = {1: 30_000, 10: 120_000, 100: 200_000}  # by batch size; a run takes some seconds
SCRAPE_SECONDS = 15.0
UNREAD = 1000  # messages: as many as the broker may have under way to us

_Message = tuple[str, bytes, str]


class _Run(NamedTuple):
    per_core: float  # results a second of CPU
    per_second: float  # of time


def figures(settings: Settings) -> Iterator[Figure]:
    for size, most in RESULTS.items():
        results = min(most, round(most * settings.seconds / 8))
        runs = [asyncio.run(_round(settings.scratch, size, results)) for _ in range(settings.runs)]
        note = f"{AGENTS} agents, {CHECKS} checks; journal, checkpoints, acks and exposition included"
        yield median_figure(
            f"durable_rate_batch_{size}", [run.per_core for run in runs], "results/s", note=note
        )
        yield median_figure(
            f"durable_rate_batch_{size}_of_time", [run.per_second for run in runs], "results/s", note=note
        )


async def _round(scratch: Path, size: int, results: int) -> _Run:
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        file = Path(directory, "vedette.yaml")
        file.write_text(json.dumps(mixed.config(AGENTS, CHECKS, interval=1.0)))
        board = Board(read.load(file))
        acks = Acks("f" * 32, board.ledger)
        ingest, condition = Ingest(board, acks), Condition(time.time())
        keeper = Keeper(Path(directory), board, ingest, condition)
        applying = Applying(Effects(board, acks).apply, condition.store)
        keeper.recover(applying)
        due = asyncio.Event()
        journal = keeper.journal(applying, due.set)
        messages = _messages(results, size)
        wall, cpu = time.monotonic(), time.process_time()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(journal.run()),
                group.create_task(keeper.run(journal)),
                group.create_task(_acknowledge(acks, due)),
                group.create_task(_scrapes(board, condition)),
            ]
            loop = asyncio.get_running_loop()
            decided = 0
            for number, (name, payload, content_type) in enumerate(messages):
                # An hour between two messages keeps the rate limit of each agent out of the figure.
                now = Moment(time.time(), 3600.0 * number)
                entry = ingest.message(name, payload, content_type, False, now)
                if entry is not None:
                    entry.mono = loop.time()
                    journal.add(entry)
                    decided = entry.id
                await asyncio.sleep(0)
                while decided - journal.last_id >= UNREAD:
                    await asyncio.sleep(0.001)
                if number == len(messages) // 2:
                    await _scrape(board, condition)
            await journal.idle()
            _encode(acks)
            spent, took = time.process_time() - cpu, time.monotonic() - wall
            for task in tasks:
                task.cancel()
        await keeper.close(journal)
        applied = sum(book.applied for _, book in board.ledger)
        if applied != results or board.rejected or condition.store.apply_errors:
            raise RuntimeError(f"{applied} of {results} applied, {dict(board.rejected)} rejected")
        return _Run(results / spent, results / took)


def _messages(results: int, size: int) -> list[_Message]:
    """Agent after agent in turn, as they would come."""
    checks, end_us = mixed.check_names(CHECKS), time.time_ns() // 1000
    rows: list[list[_Message]] = []
    for number, agent in enumerate(mixed.agent_names(AGENTS), 1):
        parcels = mixed.batches(agent, f"{number:032x}", checks, results // AGENTS, size, 1.0, end_us)
        rows.append([(topic(agent, Kind.LIVE), each.payload, each.content_type) for each in parcels])
    return [message for row in zip(*rows, strict=True) for message in row]


async def _acknowledge(acks: Acks, due: asyncio.Event) -> None:
    while True:
        await due.wait()
        await asyncio.sleep(ACK_SECONDS)
        due.clear()
        _encode(acks)


def _encode(acks: Acks) -> None:
    for ack in acks.take(time.time_ns() // 1000):
        codec.encode(ack)


async def _scrapes(board: Board, condition: Condition) -> None:
    while True:
        await asyncio.sleep(SCRAPE_SECONDS)
        await _scrape(board, condition)


async def _scrape(board: Board, condition: Condition) -> None:
    for piece in pieces(board, condition, asyncio.get_running_loop().time()):
        piece.encode()
        await asyncio.sleep(0)
