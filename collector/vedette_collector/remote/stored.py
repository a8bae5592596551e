"""Late entries as the collector's store has them, and the place in it, which outlives the collector."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

import msgspec

from vedette_collector.remote.source import Passage, Room
from vedette_collector.store import entry as codec
from vedette_collector.store import reader
from vedette_collector.store.database import Writing
from vedette_collector.store.entry import Entry

PLACE: Final = "remote_write"  # its name among the facts of the store
POLL_SECONDS: Final = 0.5
KEEP_SECONDS: Final = 1.0  # between two writes of the place: what a crash makes us send again
SPAN: Final = 20_000  # entries that one look goes through


class Keeping(Protocol):
    """What this needs of the store's journal."""

    last_id: int

    @property
    def write(self) -> Callable[[Writing], Awaitable[None]]: ...


class Stored:
    """Reads by connections of its own, in threads; the place is written with what the store writes."""

    def __init__(self, path: Path, journal: Keeping) -> None:
        self._path = path
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._place: int | None = None  # that is not written yet
        self._kept_at = float("-inf")

    async def position(self) -> int:
        return await asyncio.to_thread(_position, self._path, self._journal.last_id)

    async def late(self, after: int, results: int) -> Passage:
        while self._journal.last_id <= after:
            if self._place is not None:
                await self._keep()
            await asyncio.sleep(POLL_SECONDS)
        upto = min(self._journal.last_id, after + SPAN)
        return await asyncio.to_thread(_passage, self._path, after, upto, results)

    async def settled(self, position: int) -> None:
        self._place = position
        if self._loop.time() - self._kept_at >= KEEP_SECONDS:
            await self._keep()

    async def _keep(self) -> None:
        assert self._place is not None
        self._kept_at = self._loop.time()
        await self._journal.write(Writing(facts={PLACE: self._place}))
        self._place = None


def _position(path: Path, last_id: int) -> int:
    """Where the last collector ended; before all that is there, when none has written."""
    with closing(reader.connect(path)) as connection:
        found = connection.execute("SELECT value FROM facts WHERE name = ?", (PLACE,)).fetchone()
        if found is not None:
            return min(int(found[0]), last_id)
        oldest = _oldest(connection)
        return last_id if oldest is None else oldest - 1


def _passage(path: Path, after: int, upto: int, results: int) -> Passage:
    with closing(reader.connect(path)) as connection:
        oldest = _oldest(connection)
        pruned = upto - after if oldest is None else max(min(oldest - 1, upto) - after, 0)
        rows = connection.execute(
            "SELECT * FROM journal WHERE id > ? AND id <= ? AND kind = 'late' ORDER BY id", (after, upto)
        )
        found: list[Entry] = []
        room = Room(results)
        for row in rows:
            try:
                found.append(codec.entry(row))
            except msgspec.DecodeError:
                pruned += 1
                continue
            room.take(found[-1])
            if not room:
                upto = found[-1].id
                break
        return Passage(found, upto, pruned)


def _oldest(connection: sqlite3.Connection) -> int | None:
    found: tuple[int | None] = connection.execute("SELECT min(id) FROM journal").fetchone()
    return found[0]
