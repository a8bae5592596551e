"""A model of the agent's disk: files of rows, marks and gaps that break in the ways real ones do.

What a commit returned for outlives everything but rot. A commit that failed with EIO may have left all of its
changes in the file, or none.
"""

import errno
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simulation.world import Violation, World
from vedette_agent.spool.database import Damaged, epoch_and_seq
from vedette_agent.spool.files import Files, number
from vedette_agent.spool.policy import Entry, Room, cost
from vedette_agent.spool.rows import Declared, Mark, Stored

_BITS = 40


class File:
    def __init__(self) -> None:
        self.rows: dict[int, Stored] = {}  # by number of the epoch and seq
        self.marks: dict[int, tuple[Mark, int]] = {}  # and checksum
        self.gaps: list[tuple[Declared, int]] = []

    def copy(self) -> "File":
        made = File()
        made.rows, made.marks, made.gaps = dict(self.rows), dict(self.marks), list(self.gaps)
        return made

    @property
    def keys(self) -> list[int]:
        return sorted(self.rows)

    @property
    def size(self) -> int:
        return sum(cost(len(row.payload)) for row in self.rows.values())


class SpoolDisk:
    """*trouble*: what the next commits meet: "full", "io", or nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files: dict[int, File] = {}
        self.trouble = ""
        self.total = 1 << 40
        self.free = 1 << 39

    def database(self, path: Path) -> "ModelDatabase":
        if self.trouble == "io" and number(path) not in self.files:
            raise OSError(errno.EIO, "model")
        return ModelDatabase(self, path)

    def room(self, directory: Path) -> Room:
        return Room(self.total, self.free)

    def durable(self) -> set[tuple[str, int]]:
        """Results that whole rows have."""
        return {
            (row.epoch, seq)
            for file in self.files.values()
            for row in file.rows.values()
            if row.is_whole
            for seq in range(row.first, row.first + row.count)
        }

    def rot(self) -> bool:
        """Flip a bit of a row, or lose the page that it is on. False when there is none."""
        rng = self.world.rng
        files = [file for file in self.files.values() if file.rows]
        if not files:
            return False
        file = rng.choice(files)
        key = rng.choice(file.keys)
        how = rng.random()
        if how < 0.7:
            row = file.rows[key]
            payload = bytearray(row.payload)
            payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
            file.rows[key] = row._replace(payload=bytes(payload))
            self.world.tell(f"bit_flip {row.epoch[:4]} {row.first}")
        elif how < 0.85 and file.marks:
            no = rng.choice(sorted(file.marks))
            file.marks[no] = (file.marks[no][0], file.marks[no][1] ^ 1)
            self.world.tell("bad_mark")
        else:
            del file.rows[key]
            self.world.tell("page_lost")
        return True


class ModelDatabase:
    """As `vedette_agent.spool.database.Database`."""

    def __init__(self, disk: SpoolDisk, path: Path) -> None:
        self.path = path
        self._disk = disk
        self._file = disk.files.get(number(path)) or File()
        self._has_failed = False  # an fsync: the next one may lie

    @contextmanager
    def transaction(self) -> Iterator[None]:
        file = self._file
        before = dict(file.rows), dict(file.marks), list(file.gaps)
        try:
            yield
            self._commit()
        except BaseException as exc:
            kept = getattr(exc, "sqlite_errorname", "") == "SQLITE_IOERR_FSYNC" and self._disk.world.chance(
                0.5
            )
            if not kept:
                file.rows, file.marks, file.gaps = before
            raise

    def _commit(self) -> None:
        if self._has_failed:
            raise Violation("a file is synced again after its fsync failed")
        if self._disk.trouble:
            self._has_failed = self._disk.trouble == "io"
            raise _error(self._disk.trouble)
        self._disk.files[number(self.path)] = self._file

    def insert(self, no: int, row: Stored) -> None:
        self._file.rows[(no << _BITS) + row.first] = row

    def delete(self, no: int, first: int, end: int) -> list[tuple[int, int]]:
        low, high = (no << _BITS) + first, (no << _BITS) + end
        found = [key for key, row in self._file.rows.items() if low <= key and key + row.count <= high]
        return sorted((epoch_and_seq(key)[1], self._file.rows.pop(key).count) for key in found)

    def entries(self, most: int = -1) -> Iterator[tuple[int, Entry]]:
        keys = self._file.keys
        for key in keys if most < 0 else keys[:most]:
            row = self._file.rows[key]
            yield key >> _BITS, Entry(*row[:5], cost(len(row.payload)))

    def stored(self, no: int, first: int, end: int) -> Iterator[Stored]:
        keys = self._file.keys
        start = max(bisect_right(keys, (no << _BITS) + first) - 1, 0)
        for key in keys[start : bisect_left(keys, (no << _BITS) + end)]:
            row = self._file.rows[key]
            if key >> _BITS == no and row.first + row.count > first:
                yield row

    def marks(self) -> list[Mark]:
        if any(mark.crc != crc for mark, crc in self._file.marks.values()):
            raise Damaged("mark")
        return [self._file.marks[no][0] for no in sorted(self._file.marks)]

    def gaps(self) -> list[Declared]:
        return [gap for gap, _ in self._file.gaps]

    def save(self, mark: Mark, gaps: Iterable[Declared] | None) -> None:
        self._file.marks[mark.no] = (mark, mark.crc)
        if gaps is not None:
            rest = [(gap, crc) for gap, crc in self._file.gaps if gap.epoch != mark.epoch]
            self._file.gaps = rest + [(gap, gap.crc) for gap in gaps]

    def forget(self, no: int) -> None:
        self._file.marks.pop(no, None)

    @property
    def used_bytes(self) -> int:
        return self._file.size

    file_bytes = used_bytes

    def tidy(self, *, is_wanted: bool) -> None:
        pass

    def abandon(self) -> None:
        pass

    def close(self) -> None:
        pass


class ModelOld:
    """As `vedette_agent.spool.salvage.Old`."""

    def __init__(self, disk: SpoolDisk, path: Path) -> None:
        self.path = path
        self._disk = disk
        self._file = disk.files[number(path)]
        whole = [self._file.rows[key] for key in self._file.keys if self._file.rows[key].is_whole]
        self._rows = [Entry(*row[:5], cost(len(row.payload))) for row in whole]
        self.size_bytes = self._file.size
        self.marks = {mark.epoch: mark for mark, crc in self._file.marks.values() if mark.crc == crc}
        self.gaps = {gap for gap, crc in self._file.gaps if gap.crc == crc}

    def entries(self) -> list[Entry]:
        return list(self._rows)

    def within(self, epoch: str, first: int, end: int) -> list[Entry]:
        return [
            each for each in self._rows if each.epoch == epoch and first <= each.first and each.end <= end
        ]

    def stored(self, epoch: str, first: int, end: int) -> Iterator[Stored]:
        rows = {(row.epoch, row.first): row for row in self._file.rows.values() if row.is_whole}
        for each in list(self._rows):
            if each.epoch == epoch and each.first < end and each.end > first and (epoch, each.first) in rows:
                yield rows[epoch, each.first]

    def discard(self, gone: set[Entry]) -> None:
        self._rows = [each for each in self._rows if each not in gone]

    def close(self) -> None:
        pass

    def remove(self) -> None:
        self._disk.files.pop(number(self.path), None)


class ModelFiles(Files):
    def __init__(self, disk: SpoolDisk) -> None:
        self.directory = Path("/nowhere/spool")
        self.disk = disk  # type: ignore[assignment]
        self.current = None
        self.old = []
        self.foreign = []
        self._parked = []
        self._newest = max(disk.files, default=0)

    def found(self) -> list[Path]:
        return [self.directory / f"spool-{each}.db" for each in sorted(self._model.files)]

    def has(self, path: Path) -> bool:
        return number(path) in self._model.files

    def adopt(self, path: Path) -> None:
        if self.has(path):
            self.old.append(ModelOld(self._model, path))  # type: ignore[arg-type]

    @property
    def _model(self) -> SpoolDisk:
        return self.disk  # type: ignore[return-value]


def _error(trouble: str) -> sqlite3.Error:
    exc = sqlite3.OperationalError(f"model: {trouble}")
    name = {"full": "SQLITE_FULL", "io": "SQLITE_IOERR_FSYNC", "readonly": "SQLITE_READONLY"}[trouble]
    exc.sqlite_errorname = name
    return exc
