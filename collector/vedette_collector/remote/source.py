"""Where late results come from, and how far they were written."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from vedette_collector.cell import Moment
from vedette_collector.store.entry import Entry

MAX_BYTES: Final = 16 * 1024 * 1024
PASSAGE_BYTES: Final = 1024 * 1024  # of payloads that are read together: a result can be large


class Passage(NamedTuple):
    """What follows a position."""

    entries: list[Entry]  # of the replay lane, oldest first
    end: int  # nothing late is before it but these
    pruned: int = 0  # entries that are not there any more, or cannot be read


class Room:
    """How much more fits into a passage. True while anything does."""

    def __init__(self, results: int) -> None:
        self._results = results
        self._bytes = PASSAGE_BYTES

    def __bool__(self) -> bool:
        return self._results > 0 and self._bytes > 0

    def take(self, entry: Entry) -> None:
        self._results -= entry.count
        self._bytes -= len(entry.payload)


class Source(Protocol):
    """The late entries by their id. A call may raise anything, and is then made again."""

    async def position(self) -> int:
        """How far it was written when a collector ended; 0 when never."""
        ...

    async def late(self, after: int, results: int) -> Passage:
        """What follows *after*, of about *results* results and PASSAGE_BYTES. Waits for the first."""
        ...

    async def settled(self, position: int) -> None:
        """Keep it: all up to *position* was written, or counted as dropped."""
        ...


class Recent:
    """Late entries of a collector without a store: in memory, and the oldest go first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._pruned = 0
        self._news = asyncio.Event()

    def put(self, entry: Entry) -> None:
        """One of the replay lane."""
        self._entries.append(replace(entry, results=None))
        self._bytes += len(entry.payload)
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._entries.popleft().payload)
            self._pruned += 1
        self._news.set()

    def after(self, apply: Callable[[Entry, Moment], None]) -> Callable[[Entry, Moment], None]:
        """*apply*, and then keep what is late."""

        def both(entry: Entry, now: Moment) -> None:
            apply(entry, now)
            if entry.kind == "late":
                self.put(entry)

        return both

    async def position(self) -> int:
        return 0

    async def late(self, after: int, results: int) -> Passage:
        while not self._entries and not self._pruned:
            self._news.clear()
            await self._news.wait()
        found: list[Entry] = []
        room = Room(results)
        while self._entries and room:
            entry = self._entries.popleft()
            self._bytes -= len(entry.payload)
            room.take(entry)
            found.append(entry)
        pruned, self._pruned = self._pruned, 0
        return Passage(found, found[-1].id if found else after, pruned)

    async def settled(self, position: int) -> None:
        pass
