"""One file of the spool in SQLite, and the only way to the disk: a test that lies about disks lies here.

WAL with synchronous=FULL: what a commit returned for outlives the power. The file belongs to one connection
(locking_mode=EXCLUSIVE), so there is no shared memory whose pages could be missing. Checkpoints are asked
for: an automatic one would hide that its fsync failed.
"""

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from vedette_agent.spool.policy import Entry, Room, cost
from vedette_agent.spool.rows import Declared, Mark, Stored

PAGE_BYTES: Final = 4096
LOG_BYTES: Final = 1024 * 1024  # of the WAL, before it is folded into the file
VACUUM_PAGES: Final = 256  # given back to the file system at a time: 1 MiB
_SEQ_BITS: Final = 40  # 34 years at 1,000 results a second

# What brings a file of version N - 1 to version N.
MIGRATIONS: Final = (
    # A key is the epoch's number and the seq, so the order of keys is the order of age.
    """
    CREATE TABLE rows (key INTEGER PRIMARY KEY, epoch TEXT NOT NULL, count INTEGER NOT NULL,
        born_us INTEGER NOT NULL, wmb_us INTEGER NOT NULL, packing INTEGER NOT NULL, crc INTEGER NOT NULL,
        payload BLOB NOT NULL);
    CREATE TABLE gaps (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, first INTEGER NOT NULL,
        "end" INTEGER NOT NULL, reason TEXT NOT NULL, crc INTEGER NOT NULL);
    CREATE TABLE marks (no INTEGER PRIMARY KEY, epoch TEXT NOT NULL, boot TEXT NOT NULL, done TEXT NOT NULL,
        reserved_to INTEGER NOT NULL, is_ended INTEGER NOT NULL, digest INTEGER NOT NULL,
        seen_us INTEGER NOT NULL, commits INTEGER NOT NULL, crc INTEGER NOT NULL);
    """,
)
VERSION: Final = len(MIGRATIONS)

R = TypeVar("R", Mark, Declared)


class Newer(Exception):
    """A file of a later version of this program. Nothing in it was changed."""


class Damaged(Exception):
    """What stands in the file contradicts itself."""


def has_no_room(exc: Exception) -> bool:
    if isinstance(exc, OSError):
        return exc.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(exc, "sqlite_errorname", "") == "SQLITE_FULL"


def leaves_file_good(exc: Exception) -> bool:
    """Whether the same file can be tried again: nothing was written, or all of it was undone."""
    name = str(getattr(exc, "sqlite_errorname", ""))
    return name.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_BUSY"))


class Database:
    """Raises sqlite3.Error, OSError, Newer and Damaged. Belongs to one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))  # the log takes the mode over
        self._log = path.with_name(f"{path.name}-wal")
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.0, cached_statements=24)
        try:
            self._begin()
        except BaseException:
            self._connection.close()
            raise

    def _begin(self) -> None:
        version = self._number("PRAGMA user_version")
        if version > VERSION:
            raise Newer(f"{self.path} has version {version}, this program knows {VERSION}")
        for pragma in (
            f"page_size={PAGE_BYTES}",
            "auto_vacuum=INCREMENTAL",
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
            f"journal_size_limit={LOG_BYTES}",
            "cache_size=-256",  # KiB
            "temp_store=MEMORY",
        ):
            self._all(f"PRAGMA {pragma}")
        for at in range(version, VERSION):
            with self.transaction():
                for statement in MIGRATIONS[at].split(";"):
                    self._all(statement)
                self._all(f"PRAGMA user_version={at + 1}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, durable, or nothing."""
        self._all("BEGIN IMMEDIATE")
        try:
            yield
            self.commit()
        except BaseException:
            if self._connection.in_transaction:
                self._all("ROLLBACK")
            raise

    def commit(self) -> None:
        self._all("COMMIT")

    def insert(self, no: int, row: Stored) -> None:
        self._all(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (_key(no, row.first), row.epoch, *row[2:]),
        )

    def delete(self, no: int, first: int, end: int) -> list[tuple[int, int]]:
        """Delete the rows that lie in first … end - 1 whole; first seq and count of each."""
        bounds = (_key(no, first), _key(no, end), _key(no, end))
        found = self._all(
            "SELECT key, count FROM rows WHERE key >= ? AND key < ? AND key + count <= ?", bounds
        )
        if found:
            self._all("DELETE FROM rows WHERE key >= ? AND key < ? AND key + count <= ?", bounds)
        return [(_seq(key), count) for key, count in found]

    def entries(self, most: int = -1) -> Iterator[tuple[int, Entry]]:
        """Rows and the numbers of their epochs, oldest first, without payloads."""
        cursor = self._connection.execute(
            "SELECT key, epoch, count, born_us, wmb_us, length(payload) FROM rows ORDER BY key LIMIT ?",
            (most,),
        )
        for key, epoch, count, born_us, wmb_us, size in cursor:
            yield key >> _SEQ_BITS, Entry(epoch, _seq(key), count, born_us, wmb_us, cost(size))

    def stored(self, no: int, first: int, end: int) -> Iterator[Stored]:
        """The rows that overlap first … end - 1, ascending."""
        before = self._all("SELECT max(key) FROM rows WHERE key <= ?", (_key(no, first),))[0][0]
        start = max(before or 0, _key(no, 0))
        # A few at a time: an open cursor would keep the log from being folded in.
        while found := self._all(
            "SELECT * FROM rows WHERE key >= ? AND key < ? ORDER BY key LIMIT 8", (start, _key(no, end))
        ):
            for key, epoch, *rest in found:
                row = Stored(epoch, _seq(key), *rest)
                if row.first + row.count > first:
                    yield row
            start = found[-1][0] + 1

    def marks(self) -> list[Mark]:
        return [_checked(Mark(*rest), crc) for *rest, crc in self._all("SELECT * FROM marks ORDER BY no")]

    def gaps(self) -> list[Declared]:
        return [
            _checked(Declared(*rest), crc) for _, *rest, crc in self._all("SELECT * FROM gaps ORDER BY id")
        ]

    def save(self, mark: Mark, gaps: Iterable[Declared] | None) -> None:
        """Put the record of an epoch, and its gaps where they changed."""
        self._all("REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*mark, mark.crc))
        if gaps is not None:
            self._all("DELETE FROM gaps WHERE epoch = ?", (mark.epoch,))
            for gap in gaps:
                self._all("INSERT INTO gaps VALUES (NULL, ?, ?, ?, ?, ?)", (*gap, gap.crc))

    def forget(self, no: int) -> None:
        self._all("DELETE FROM marks WHERE no = ?", (no,))

    @property
    def used_bytes(self) -> int:
        """Without the pages that wait to be used again."""
        return (self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")) * PAGE_BYTES

    @property
    def file_bytes(self) -> int:
        return size(self.path) + size(self._log)

    def tidy(self, *, is_wanted: bool) -> None:
        """Fold a long log into the file; give free pages back when it is empty, or when *is_wanted*."""
        unused = self._number("PRAGMA freelist_count")
        if unused > VACUUM_PAGES and (is_wanted or unused * 2 > self._number("PRAGMA page_count")):
            # `execute` takes one step, which is one page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        if size(self._log) >= LOG_BYTES:
            self.checkpoint()

    def checkpoint(self) -> None:
        self._all("PRAGMA wal_checkpoint(PASSIVE)")

    def abandon(self) -> None:
        """Nothing is synced here any more: an fsync that failed once may lie the next time."""
        self._all("PRAGMA synchronous=OFF")

    def close(self) -> None:
        self._connection.close()

    def _number(self, statement: str) -> int:
        return int(self._all(statement)[0][0])

    def _all(self, statement: str, values: Iterable[Any] = ()) -> list[Any]:
        return self._connection.execute(statement, tuple(values)).fetchall()


class Disk:
    """What the spool asks of a file system."""

    def database(self, path: Path) -> Database:
        return Database(path)

    def room(self, directory: Path) -> Room:
        found = os.statvfs(directory)
        return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def size(path: Path) -> int:
    """In bytes; 0 when there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _checked(record: R, crc: int) -> R:
    if record.crc != crc:
        raise Damaged(f"checksum of {record}")
    return record


def _key(no: int, seq: int) -> int:
    return (no << _SEQ_BITS) + seq


def epoch_and_seq(key: int) -> tuple[int, int]:
    """The number of an epoch in its file, and a seq."""
    return key >> _SEQ_BITS, _seq(key)


def _seq(key: int) -> int:
    return key & ((1 << _SEQ_BITS) - 1)
