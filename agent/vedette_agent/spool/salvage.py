"""A file of the spool that is only read: it failed, or was found damaged, and a newer one took its place.

Nothing is written to it and it is never synced. When the last of its rows is settled the file goes.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from vedette_agent.spool.carve import PAGE, Pages, Place, Read, stray_frames
from vedette_agent.spool.database import epoch_and_seq, size
from vedette_agent.spool.policy import Entry, cost
from vedette_agent.spool.rows import Declared, Mark, Stored

MAX_LOG_BYTES = 64 * 1024 * 1024  # of a log that is looked through at start


class Old:
    """What of the file at *path* is whole. Raises OSError when there is nothing to read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = log_of(path)
        self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        self._log_file = os.open(self._log, os.O_RDONLY | os.O_NOFOLLOW) if self._log.exists() else -1
        self.size_bytes = size(path) + size(self._log)
        self._pages = Pages(_reader(self._file), size(path), _reader(self._log_file), size(self._log))
        self.marks: dict[str, Mark] = {}
        self.gaps: set[Declared] = set()
        found: dict[tuple[int, str], tuple[Entry, Place]] = {}
        for place, rowid, columns in self._pages.records():
            match record(rowid, columns):
                case Stored() as row:
                    key = (rowid, row.epoch)
                    entry = Entry(*row[:5], cost(len(row.payload)))
                    found.setdefault(key, (entry, place))
                case Mark() as mark:
                    known = self.marks.get(mark.epoch)
                    if known is None or known.age < mark.age:
                        self.marks[mark.epoch] = mark
                case Declared() as gap:
                    self.gaps.add(gap)
        self._rows = [found[key] for key in sorted(found)]

    def entries(self) -> list[Entry]:
        """Oldest first."""
        return [entry for entry, _ in self._rows]

    def within(self, epoch: str, first: int, end: int) -> list[Entry]:
        """The rows that lie in first … end - 1 whole."""
        return [
            entry
            for entry, _ in self._rows
            if entry.epoch == epoch and first <= entry.first and entry.end <= end
        ]

    def stored(self, epoch: str, first: int, end: int) -> Iterator[Stored]:
        """The rows that overlap first … end - 1, ascending."""
        for entry, place in list(self._rows):
            if entry.epoch == epoch and entry.first < end and entry.end > first:
                for rowid, columns in self._pages.record(place):
                    row = record(rowid, columns)
                    if isinstance(row, Stored) and (row.epoch, row.first) == (epoch, entry.first):
                        yield row
                        break

    def discard(self, gone: set[Entry]) -> None:
        if gone:
            self._rows = [row for row in self._rows if row[0] not in gone]

    def close(self) -> None:
        for descriptor in (self._file, self._log_file):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._log_file = -1

    def remove(self) -> None:
        self.close()
        remove(self.path)


def strays(path: Path) -> list[Stored]:
    """Rows in the log at *path* that SQLite will not see, for the log is broken before them."""
    log = log_of(path)
    if not 0 < size(log) <= MAX_LOG_BYTES:
        return []
    frames = stray_frames(log.read_bytes())
    with path.open("rb") as file:
        pages = Pages(_reader(file.fileno()), size(path), lambda at: frames[at : at + PAGE], len(frames))
        found = [record(rowid, columns) for place, rowid, columns in pages.records() if place.is_log]
    return [row for row in found if isinstance(row, Stored)]


def record(rowid: int, columns: list[object]) -> Stored | Mark | Declared | None:
    """The record of ours that a cell holds whole, if any. Told apart by their number of columns."""
    try:
        if len(columns) == 8:
            _, epoch, *rest = columns
            row = Stored(epoch, epoch_and_seq(rowid)[1], *rest)  # type: ignore[arg-type]
            return row if isinstance(row.payload, bytes) and row.is_whole else None
        found: Mark | Declared
        if len(columns) == 10:
            found = Mark(rowid, *columns[1:9])  # type: ignore[arg-type]
        elif len(columns) == 6:
            found = Declared(*columns[1:5])  # type: ignore[arg-type]
        else:
            return None
        return found if found.crc == columns[-1] else None
    except TypeError:
        return None


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def remove(path: Path) -> None:
    for each in (log_of(path), path):
        each.unlink(missing_ok=True)


def _reader(descriptor: int) -> Read:
    def read(offset: int) -> bytes:
        try:
            return os.pread(descriptor, PAGE, offset)
        except OSError:
            return b""

    return read
