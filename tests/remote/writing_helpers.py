"""A writer at work in a test's own loop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from remote.late_helpers import board, late, ok
from remote.reading_helpers import Read, request
from servers.remote_write import Request
from vedette_collector.board import Board
from vedette_collector.remote.client import Client
from vedette_collector.remote.counters import Failure, Outcome, RemoteCounters
from vedette_collector.remote.samples import targets
from vedette_collector.remote.settings import Settings
from vedette_collector.remote.source import Passage, Recent, Source
from vedette_collector.remote.writer import Writer
from vedette_collector.store.entry import Entry


def now_us() -> int:
    return time.time_ns() // 1000


def fresh(number: int = 1, results: int = 1, ago_us: int | None = None) -> Entry:
    """An entry that came just now, with probes of a minute ago, 1 ms apart. No two numbers share a time."""
    began = now_us() - (60_000_000 + number * 1_000_000 if ago_us is None else ago_us)
    return late([ok(began + at * 1_000) for at in range(results)], number, received_us=now_us())


def came(requests: list[Request]) -> list[Read]:
    return [sample for each in requests for sample in request(each.body)]


class Journal:
    """A history in memory that keeps the place, and breaks when told to."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.kept: list[int] = []
        self.news = asyncio.Event()
        self.broken = 0  # so many calls fail

    async def position(self) -> int:
        self._may_break()
        return self.kept[-1] if self.kept else 0

    async def late(self, after: int, results: int) -> Passage:
        self._may_break()
        while not (found := [each for each in self.entries if each.id > after]):
            self.news.clear()
            await self.news.wait()
        return Passage(found[:1], found[0].id)

    async def settled(self, position: int) -> None:
        self._may_break()
        self.kept.append(position)

    def _may_break(self) -> None:
        if self.broken:
            self.broken -= 1
            raise OSError("the disk is gone")


class Work:
    def __init__(self, source: Source, of: Board) -> None:
        self.source = source
        self.board = of
        self.counters = RemoteCounters()

    @property
    def samples(self) -> dict[Outcome, int]:
        return {outcome: count for outcome, count in self.counters.samples.items() if count}

    @property
    def failures(self) -> dict[Failure, int]:
        return {failure: count for failure, count in self.counters.failures.items() if count}

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0.01)

    async def settled(self, count: int) -> None:
        """Until so many samples were written or dropped."""
        await self.until(lambda: sum(self.counters.samples.values()) >= count)


@asynccontextmanager
async def writing(
    settings: Settings, source: Source, seconds: float = 20.0, of: Board | None = None
) -> AsyncIterator[Work]:
    """A request ends after *seconds*."""
    work = Work(source, of or board())
    writer = Writer(settings, source, targets(work.board), work.counters, Client(settings, seconds))
    task = asyncio.create_task(writer.run(), name="writer")
    try:
        yield work
        assert not task.done(), "a writer ends only when it is told to"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def recent(*entries: Entry) -> Recent:
    source = Recent()
    for entry in entries:
        source.put(entry)
    return source
