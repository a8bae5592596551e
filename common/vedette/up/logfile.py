"""Logs of children that cannot fill a disk: one file and its predecessor, each at most *limit* bytes."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 1024 * 1024


class BoundedLog:
    """Appends to *path*; a full file becomes `path.1`, which the next full one replaces.

    What cannot be written, as on a full disk, is lost: a log is not worth the end of what it tells about.
    *on_failure* hears of it once, and again only after a write went well.
    """

    def __init__(self, path: Path, on_failure: Callable[[str], None], limit: int = LIMIT_BYTES) -> None:
        self.path = path
        self._on_failure = on_failure
        self._limit = limit
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._is_failing = False

    def write(self, data: bytes) -> None:
        try:
            if self._size and self._size + len(data) > self._limit:
                self._turn()
            self._size += self._file.write(data) or 0
        except OSError as exc:
            if not self._is_failing:
                self._on_failure(f"{self.path}: {exc.strerror}; lines are lost until it can be written again")
            self._is_failing = True
        else:
            self._is_failing = False

    def _turn(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # renamed before, and then no new file could be made
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        fresh = self.path.open("ab", buffering=0)
        self._file.close()
        self._file, self._size = fresh, 0

    def close(self) -> None:
        self._file.close()
