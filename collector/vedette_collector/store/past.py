"""Answers what was measured in a time that is over, out of the journal. For a thread: it reads a disk.

Whatever is asked, one answer reads for a bounded time and a bounded number of bytes, and says where the next
one goes on. Order is that of arrival: what came late stands where it came, with its own time.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from vedette.errors import WireError
from vedette.wire import codec
from vedette.wire.messages import Result
from vedette_collector import salvage
from vedette_collector.store import entry as entries
from vedette_collector.store import reader
from vedette_collector.store.entry import Entry

SECONDS: Final = 2.0
MAX_BYTES: Final = 64 * 1024 * 1024
PAGE: Final = 64  # entries that are fetched at once
STEPS: Final = 10_000  # of SQLite between two looks at the clock
BACK_US: Final = 60_000_000  # a clock that was set back put entries out of order

_OF_ALL: Final = (
    "SELECT * FROM journal WHERE id >= ? AND received_us >= ? AND received_us < ? "
    "AND kind IN ('live', 'late') ORDER BY id LIMIT ?"
)
_OF_AGENT: Final = (
    "SELECT * FROM journal WHERE agent = ? AND (received_us, id) >= (?, ?) AND received_us < ? "
    "AND kind IN ('live', 'late') ORDER BY received_us, id LIMIT ?"
)


class Token(NamedTuple):
    """Where an answer ended: the entry, and how many of its results were told or looked at."""

    received_us: int
    id: int
    offset: int

    def __str__(self) -> str:
        return f"{self.received_us}-{self.id}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Raises ValueError."""
        received, number, offset = text.split("-")
        if not all(
            part.isascii() and part.isdigit() and len(part) < 18 for part in (received, number, offset)
        ):
            raise ValueError(text)
        return cls(int(received), int(number), int(offset))


class Asked(NamedTuple):
    from_us: int  # by arrival here
    until_us: int
    agent: str | None = None
    check: str | None = None
    limit: int = 1000
    after: Token | None = None


class Told(NamedTuple):
    """One result that was applied."""

    agent: str
    received_us: int
    late: bool
    started_us: int  # by our clock, as far as the agent knew its own
    is_synced: bool
    result: Result


class Passage(NamedTuple):
    told: list[Told]
    next: Token | None  # None: there is no more


def passage(path: Path, asked: Asked, *, seconds: float = SECONDS, most_bytes: int = MAX_BYTES) -> Passage:
    """Raises sqlite3.Error and OSError for a store that cannot be read."""
    until = time.monotonic() + seconds
    at = asked.after or Token(asked.from_us, 0, 0)
    told: list[Told] = []
    with closing(reader.connect(path)) as connection:
        if asked.agent is None and asked.after is None:
            at = at._replace(id=_first(connection, asked.from_us - BACK_US))
        connection.set_progress_handler(lambda: time.monotonic() >= until, STEPS)
        try:
            for entry in _entries(connection, asked, at):
                skip = at.offset if entry.id == at.id else 0
                for offset, each in _results(entry, skip):
                    if len(told) >= asked.limit:
                        return Passage(told, Token(entry.received_us, entry.id, offset))
                    if asked.check in (None, each.result.check):
                        told.append(each)
                most_bytes -= len(entry.payload)
                at = Token(entry.received_us, entry.id, entry.count)
                if most_bytes <= 0 or time.monotonic() >= until:
                    return Passage(told, at)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return Passage(told, at)
    return Passage(told, None)


def _entries(connection: sqlite3.Connection, asked: Asked, at: Token) -> Iterator[Entry]:
    while True:
        values: tuple[Any, ...]
        if asked.agent is None:
            query, values = _OF_ALL, (at.id, asked.from_us, asked.until_us, PAGE)
        else:
            query, values = _OF_AGENT, (asked.agent, at.received_us, at.id, asked.until_us, PAGE)
        found = connection.execute(query, values).fetchall()
        for row in found:
            at = Token(row[3], row[0] + 1, 0)
            try:
                yield entries.entry(row)
            except msgspec.DecodeError:
                continue  # of a later version, or damaged: the rest can be told
        if len(found) < PAGE:
            return


def _results(entry: Entry, skip: int) -> Iterator[tuple[int, Told]]:
    """The applied ones of *entry* from place *skip* on."""
    try:
        read = salvage.read(codec.decompressed(entry.payload, entry.content_type))
    except WireError:
        return
    rejected = {offset for offset, _ in entry.rejected}
    for first, end in entry.news:
        for offset in range(max(first, skip), min(end, len(read.results))):
            result = read.results[offset]
            if result is None or offset in rejected:
                continue
            started_us = result.started_us + (read.offset_us or 0)
            is_late, is_synced = entry.kind == "late", read.offset_us is not None
            yield offset, Told(entry.agent, entry.received_us, is_late, started_us, is_synced, result)


def _first(connection: sqlite3.Connection, from_us: int) -> int:
    """Id from which on entries came at *from_us* or later: ids ascend with time."""
    low, high = connection.execute("SELECT min(id), max(id) FROM journal").fetchone()
    if low is None:
        return 0
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT id, received_us FROM journal WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if row[1] < from_us:
            low = row[0] + 1
        else:
            high = middle
    return int(low)
