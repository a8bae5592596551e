"""The one place that talks to SQLite. Everything else hands it whole transactions.

A transaction is on the disk when `write` returns: write-ahead log, `synchronous=FULL`. Whoever wants to know
how the collector does on a bad disk puts a subclass of `Database`, or another `Storage`, in its place.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from vedette.errors import StoreError
from vedette_collector.store import entry as codec
from vedette_collector.store import reader
from vedette_collector.store.entry import Entry, Row
from vedette_collector.store.schema import MIGRATIONS, VERSION

LOG_PAGES: Final = 4000  # of the write-ahead log before its content moves into the file
LOG_BYTES: Final = 64 * 1024 * 1024  # of it that are kept for its next round
_HISTORY: Final = (
    "SELECT * FROM journal WHERE received_us >= ? AND received_us < ? AND id > ? AND kind <> 'claim' "
    "ORDER BY id LIMIT ?"
)
_HISTORY_OF_AGENT: Final = (
    "SELECT * FROM journal WHERE agent = ? AND received_us >= ? AND received_us < ? AND id > ? "
    "AND kind <> 'claim' ORDER BY id LIMIT ?"
)
# These pass: a disk that is full, gone or read-only, another process that holds the file.
_PASSING: Final = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
}
# No entry is at fault for these, and none can be stored until somebody has put another file in the place.
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class CellRow(msgspec.Struct, frozen=True):
    agent: str
    check: str
    identity: str
    position: int
    hidden_us: int | None
    counters: bytes
    state: bytes | None = None  # None: as it is stored, or none


class AgentRow(msgspec.Struct, frozen=True):
    agent: str
    position: int
    hidden_us: int | None
    book: bytes


class Writing(msgspec.Struct):
    """What is written in one transaction."""

    entries: list[Row] = []
    parked: list[tuple[int, str, bytes]] = []  # id, why, the entry
    cells: list[CellRow] = []
    agents: list[AgentRow] = []
    generations: list[tuple[int, bytes]] = []
    gone_cells: list[tuple[str, str, str]] = []  # agent, check, identity
    gone_agents: list[str] = []
    first_generation: int = 0  # those before it go
    facts: dict[str, int] = {}
    incidents: list[tuple[str, bytes]] = []
    gone_incidents: list[str] = []


class Loaded(msgspec.Struct):
    """All that is stored, but the journal."""

    cells: list[CellRow]
    agents: list[AgentRow]
    generations: list[tuple[int, bytes]]
    facts: dict[str, int]
    last_id: int  # of the journal; 0 when it is empty
    incidents: list[tuple[str, bytes]] = []  # by id, ascending


class Storage(Protocol):
    """What the collector needs of a store. A call raises sqlite3.Error or OSError, and then did nothing."""

    def write(self, writing: Writing) -> None: ...

    def load(self) -> Loaded: ...

    def entries(self, after: int, limit: int) -> list[Entry]: ...

    def prune(self, upto: int, before_us: int, max_bytes: int, limit: int) -> int: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


def is_passing(exc: Exception) -> bool:
    """Whether to try again what failed with *exc*."""
    return _code(exc) in _PASSING if isinstance(exc, sqlite3.Error) else isinstance(exc, OSError)


def is_damage(exc: Exception) -> bool:
    """Whether the file is damaged. What neither passes nor is damage lies in what was to be written."""
    return isinstance(exc, sqlite3.Error) and _code(exc) in _DAMAGE


def _code(exc: sqlite3.Error) -> int | None:
    code: int | None = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


class Database:
    """One file, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError for a file that cannot be used."""
        self.path = path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = self._connect()
            self._migrate()
        except OSError as exc:
            raise StoreError(f"{path}: {exc.strerror}") from exc
        except sqlite3.Error as exc:
            raise self._unusable(exc) from exc

    def _unusable(self, exc: sqlite3.Error) -> StoreError:
        if is_passing(exc):
            advice = "Nothing is wrong with the file itself: start again when the disk can be written"
        else:
            advice = (
                f"If it is damaged, move it away together with {self.path.name}-wal and start again: "
                "counters begin anew, and agents hand in what they still hold"
            )
        return StoreError(f"{self.path}: {exc}. {advice}")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=reader.BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"wal_autocheckpoint={LOG_PAGES}",
            f"journal_size_limit={LOG_BYTES}",
            "cache_size=-16384",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _migrate(self) -> None:
        found = self._number("PRAGMA user_version")
        if found > VERSION:
            raise StoreError(
                f"{self.path} was written by a later version of Vedette (schema {found}, this one knows "
                f"{VERSION}). Start that version again, or give this one another --state-dir"
            )
        for version in range(found, VERSION):
            self._begin()
            try:
                for statement in MIGRATIONS[version]:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version={version + 1}")
                self._commit()
            except BaseException:
                self._rollback()
                raise

    def write(self, writing: Writing) -> None:
        """All of *writing*, or nothing."""
        self._begin()
        try:
            self._rows(writing)
            self._commit()
        except BaseException:
            self._rollback()
            raise

    def _rows(self, writing: Writing) -> None:
        many = self._connection.executemany
        if writing.generations:
            many("INSERT OR REPLACE INTO generations VALUES (?,?)", writing.generations)
        if writing.entries:
            # A commit that failed may have been one all the same: then the entries are there.
            many("INSERT OR REPLACE INTO journal VALUES (?,?,?,?,?,?,?,?,?,?)", writing.entries)
        if writing.parked:
            many("INSERT OR REPLACE INTO parked VALUES (?,?,?)", writing.parked)
        if writing.cells:
            many("INSERT OR REPLACE INTO cells VALUES (?,?,?,?,?,?)", [_cell(each) for each in writing.cells])
            states = [
                (each.agent, each.check, each.identity, each.state) for each in writing.cells if each.state
            ]
            many("INSERT OR REPLACE INTO details VALUES (?,?,?,?)", states)
        if writing.agents:
            rows = [(each.agent, each.position, each.hidden_us, each.book) for each in writing.agents]
            many("INSERT OR REPLACE INTO agents VALUES (?,?,?,?)", rows)
        many("DELETE FROM cells WHERE agent=? AND check_name=? AND identity=?", writing.gone_cells)
        many("DELETE FROM details WHERE agent=? AND check_name=? AND identity=?", writing.gone_cells)
        many("DELETE FROM agents WHERE agent=?", [(agent,) for agent in writing.gone_agents])
        if writing.first_generation:
            many("DELETE FROM generations WHERE generation < ?", [(writing.first_generation,)])
        many("INSERT OR REPLACE INTO facts VALUES (?,?)", list(writing.facts.items()))
        many("INSERT OR REPLACE INTO incidents VALUES (?,?)", writing.incidents)
        many("DELETE FROM incidents WHERE id=?", [(each,) for each in writing.gone_incidents])

    def load(self) -> Loaded:
        """Raises StoreError when it cannot be read."""
        try:
            return self._loaded()
        except sqlite3.Error as exc:
            raise self._unusable(exc) from exc

    def _loaded(self) -> Loaded:
        rows = self._connection.execute(
            "SELECT c.agent, c.check_name, c.identity, c.position, c.hidden_us, c.counters, d.state "
            "FROM cells c LEFT JOIN details d USING (agent, check_name, identity)"
        )
        cells = [CellRow(*row) for row in rows]
        agents = [AgentRow(*row) for row in self._connection.execute("SELECT * FROM agents")]
        generations = self._connection.execute("SELECT * FROM generations").fetchall()
        facts = dict(self._connection.execute("SELECT * FROM facts").fetchall())
        last_id = self._number("SELECT max(id) FROM journal")
        incidents = self._connection.execute("SELECT * FROM incidents ORDER BY id").fetchall()
        return Loaded(cells, agents, generations, facts, last_id, incidents)

    def entries(self, after: int, limit: int) -> list[Entry]:
        """The next entries of the journal. Raises StoreError for one that cannot be read."""
        query = "SELECT * FROM journal WHERE id > ? ORDER BY id LIMIT ?"
        try:
            rows = self._connection.execute(query, (after, limit)).fetchall()
        except sqlite3.Error as exc:
            raise self._unusable(exc) from exc
        found = []
        for row in rows:
            try:
                found.append(codec.entry(row))
            except msgspec.DecodeError as exc:
                raise StoreError(f"{self.path}: entry {row[0]} of the journal cannot be read: {exc}") from exc
        return found

    def prune(self, upto: int, before_us: int, max_bytes: int, limit: int) -> int:
        """Drop the oldest entries: at most *limit*, none beyond id *upto*. Returns how many.

        Those that came before *before_us* go, and while there are more than *max_bytes*, the oldest ones.
        """
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        oldest = self._number("SELECT min(id) FROM journal")
        stop = min(upto, oldest + limit - 1)
        if pages * self._number("PRAGMA page_size") <= max_bytes:
            young = self._number(
                "SELECT min(id) FROM (SELECT id, received_us FROM journal ORDER BY id LIMIT ?) "
                "WHERE received_us >= ?",
                (limit, before_us),
            )
            if young:
                stop = min(stop, young - 1)
        if stop < oldest or not oldest:
            return 0
        self._begin()
        try:
            gone = self._connection.execute("DELETE FROM journal WHERE id <= ?", (stop,)).rowcount
            self._commit()
        except BaseException:
            self._rollback()
            raise
        return gone

    def reopen(self) -> None:
        """Begin with a new connection: after an error nobody knows what the old one holds."""
        self.close()
        self._connection = self._connect()

    def close(self) -> None:
        self._connection.close()

    def _number(self, query: str, values: tuple[Any, ...] = ()) -> int:
        (found,) = self._connection.execute(query, values).fetchone()
        return found or 0

    def _begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def _commit(self) -> None:
        self._connection.execute("COMMIT")

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def history(
    path: Path, *, agent: str | None, from_us: int, until_us: int, after: int = 0, limit: int = 1000
) -> Iterator[Entry]:
    """Batches that came in a time, oldest first, by a connection of its own: for another thread.

    *after* is the id of the last entry that the reader has.
    """
    with closing(reader.connect(path)) as connection:
        values = (from_us, until_us, after, limit)
        if agent is None:
            rows = connection.execute(_HISTORY, values)
        else:
            rows = connection.execute(_HISTORY_OF_AGENT, (agent, *values))
        for row in rows:
            yield codec.entry(row)


def _cell(row: CellRow) -> tuple[Any, ...]:
    return row.agent, row.check, row.identity, row.position, row.hidden_us, row.counters
