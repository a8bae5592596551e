"""The files of a spool: one that is written, older ones that are only read, and those of a newer program.

After an error that says nothing good about a file a newer one, `spool-<n>.db`, takes its place. No file is
ever renamed, and none is synced again after it failed.
"""

import logging
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from vedette.log import fields
from vedette_agent.delivery.runs import Runs
from vedette_agent.spool.books import Book
from vedette_agent.spool.database import Database, Disk, size
from vedette_agent.spool.policy import Entry, Room
from vedette_agent.spool.salvage import Old, remove

_NAME = re.compile(r"spool-([1-9][0-9]{0,8})\.db")

log = logging.getLogger("vedette.spool")


class Files:
    def __init__(self, directory: Path, disk: Disk) -> None:
        self.directory = directory
        self.disk = disk
        self.current: Database | None = None
        self.old: list[Old] = []  # oldest first
        self.foreign: list[Path] = []  # of a newer version: left alone
        self._parked: list[Database] = []  # not closed: that would write to them
        self._newest = max(map(number, self.found()), default=0)

    def found(self) -> list[Path]:
        """Oldest first."""
        return sorted((p for p in self.directory.iterdir() if _NAME.fullmatch(p.name)), key=number)

    @property
    def other_bytes(self) -> int:
        """Of all files but the current one."""
        return sum(old.size_bytes for old in self.old) + sum(map(size, self.foreign))

    @property
    def size_bytes(self) -> int:
        """Without the pages that wait to be used again."""
        return self.other_bytes + (self.current.used_bytes if self.current is not None else 0)

    @property
    def file_bytes(self) -> int:
        return self.other_bytes + (self.current.file_bytes if self.current is not None else 0)

    @property
    def room(self) -> Room:
        return self.disk.room(self.directory)

    def oldest(self, most: int) -> list[Entry]:
        """The oldest rows."""
        entries = [entry for old in self.old for entry in old.entries()[:most]][:most]
        if self.current is not None and len(entries) < most:
            entries += [entry for _, entry in self.current.entries(most - len(entries))]
        return entries

    def begin(self, books: Iterable[Book]) -> Database:
        """A new file, with all that is known. Raises sqlite3.Error or OSError, and then there is none."""
        path = self.directory / f"spool-{self._newest + 1}.db"
        try:
            database = self.disk.database(path)
        except BaseException:
            remove(path)
            raise
        try:
            with database.transaction():
                for book in books:
                    book.digest = 0
                    database.save(book.mark(), book.declared())
        except BaseException:
            database.abandon()
            remove(path)
            database.close()
            raise
        self._newest += 1
        self.current = database
        return database

    @property
    def is_removed(self) -> bool:
        """Whether somebody removed the current file, which can be written all the same."""
        return self.current is not None and not self.has(self.current.path)

    def has(self, path: Path) -> bool:
        return path.exists()

    def retire(self, database: Database) -> None:
        """Only read it from now on."""
        try:
            database.abandon()
        except sqlite3.Error:
            pass
        self.current = None
        if not self.has(database.path):
            database.close()  # nobody will see it again
            return
        self._parked.append(database)
        self.adopt(database.path)

    def adopt(self, path: Path) -> None:
        try:
            self.old.append(Old(path))
        except OSError as exc:
            log.error("a file of the spool cannot be read", extra=fields(path=path, reason=exc))

    def held(self, epoch: str) -> Runs:
        """What the older files have of an epoch."""
        runs = Runs()
        for entry in self._entries(epoch):
            runs.add(entry.first, entry.end)
        return runs

    def sweep(self) -> None:
        """Older files with nothing left in them go."""
        for old in [old for old in self.old if not old.entries()]:
            self.old.remove(old)
            old.remove()
            for database in [database for database in self._parked if database.path == old.path]:
                self._parked.remove(database)
                database.close()  # SQLite does not write to a file that is gone

    def close(self) -> None:
        if self.current is not None:
            self.current.close()
        for old in self.old:
            old.close()

    def _entries(self, epoch: str) -> Iterator[Entry]:
        for old in self.old:
            yield from (entry for entry in old.entries() if entry.epoch == epoch)


def number(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0
