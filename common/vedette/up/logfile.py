"""Logs of children that cannot fill a disk: one file and its predecessor, each at most *limit* bytes."""

from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 1024 * 1024


class BoundedLog:
    """Appends to *path*; a full file becomes `path.1`, which the next full one replaces."""

    def __init__(self, path: Path, limit: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit = limit
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._size = self._file.tell()

    def write(self, data: bytes) -> None:
        if self._size and self._size + len(data) > self._limit:
            self._file.close()
            self.path.replace(self.path.with_name(self.path.name + ".1"))
            self._file = self.path.open("ab", buffering=0)
            self._size = 0
        self._size += self._file.write(data) or 0

    def close(self) -> None:
        self._file.close()
