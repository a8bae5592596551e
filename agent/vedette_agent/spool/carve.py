"""Reads rows out of SQLite's pages without SQLite, where the file is damaged or must not be touched.

Table leaves of the file and of its log are walked cell by cell (file format: sqlite.org/fileformat2.html,
sections 1.5, 1.6, 2.1 and 4), and what carries its own checksum is a record of ours. Deleted rows may turn up
again from pages that wait to be used anew; a collector that has them says so.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

PAGE: Final = 4096
FRAME: Final = PAGE + 24
_LEAF: Final = 0x0D
_MOST: Final = 8 * 1024 * 1024  # bytes of a cell that can be ours
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type to bytes

Read = Callable[[int], bytes]  # the page at an offset of a file; what cannot be read is empty


class Place(NamedTuple):
    """Where a cell stands."""

    is_log: bool
    offset: int  # of the page
    cell: int


class Pages:
    """The pages of a file and of its log."""

    def __init__(self, read: Read, size: int, read_log: Read, log_size: int) -> None:
        self._read = read
        self._read_log = read_log
        self._size = size
        self._frames = range(32, log_size - FRAME + 1, FRAME)
        self._logged: dict[int, int] = {}  # page number to the offset of its newest frame
        for at in self._frames:
            head = read_log(at)[:4]
            if len(head) == 4:
                self._logged[int.from_bytes(head, "big")] = at

    def records(self) -> Iterator[tuple[Place, int, list[Any]]]:
        """Place, rowid and columns of every cell that can be read; in no order."""
        for offset in range(0, self._size, PAGE):
            yield from self._leaf(False, offset)
        for offset in self._frames:
            yield from self._leaf(True, offset + 24)

    def record(self, place: Place) -> Iterator[tuple[int, list[Any]]]:
        """The readings of one cell: its later pages may stand in the file or in the log."""
        page = self._page(place.is_log, place.offset)
        for is_log_first in (place.is_log, not place.is_log):
            try:
                yield self._cell(page, place.cell, is_log_first)
            except (IndexError, ValueError, struct.error):
                pass

    def _leaf(self, is_log: bool, offset: int) -> Iterator[tuple[Place, int, list[Any]]]:
        page = self._page(is_log, offset)
        start = 100 if offset == 0 and not is_log else 0  # the first page begins with the file's header
        if len(page) < PAGE or page[start] != _LEAF:
            return
        cells = int.from_bytes(page[start + 3 : start + 5], "big")
        for at in range(start + 8, min(start + 8 + 2 * cells, PAGE - 1), 2):
            place = Place(is_log, offset, int.from_bytes(page[at : at + 2], "big"))
            for rowid, columns in self.record(place):
                yield place, rowid, columns

    def _page(self, is_log: bool, offset: int) -> bytes:
        return (self._read_log if is_log else self._read)(offset)

    def _numbered(self, number: int, is_log_first: bool) -> bytes:
        at = self._logged.get(number)
        if at is not None and (is_log_first or number * PAGE > self._size):
            return self._read_log(at + 24)
        return self._read((number - 1) * PAGE)

    def _cell(self, page: bytes, at: int, is_log_first: bool) -> tuple[int, list[Any]]:
        """Raises IndexError, ValueError or struct.error where there is no cell."""
        length, at = _varint(page, at)
        rowid, at = _varint(page, at)
        if length > _MOST:
            raise ValueError
        local = length
        if length > PAGE - 35:
            least = (PAGE - 12) * 32 // 255 - 23
            local = least + (length - least) % (PAGE - 4)
            if local > PAGE - 35:
                local = least
        payload = page[at : at + local]
        if len(payload) < local:
            raise ValueError
        if local < length:
            payload += self._overflow(
                int.from_bytes(page[at + local : at + local + 4], "big"), length - local, is_log_first
            )
        return rowid, _columns(payload)

    def _overflow(self, number: int, missing: int, is_log_first: bool) -> bytes:
        parts = []
        while missing > 0:
            page = self._numbered(number, is_log_first) if number > 0 else b""
            if len(page) < PAGE:
                raise ValueError
            parts.append(page[4 : 4 + missing])
            missing -= len(parts[-1])
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def valid_frames(log: bytes) -> int:
    """How many frames of a log SQLite takes for good: as many as its chain of checksums reaches."""
    if len(log) < 32:
        return 0
    order = ">" if log[3] & 1 else "<"
    sums = _chained(log[:24], order, (0, 0))
    if sums != struct.unpack(">II", log[24:32]):
        return 0
    for at in range(32, len(log) - FRAME + 1, FRAME):
        sums = _chained(log[at : at + 8] + log[at + 24 : at + FRAME], order, sums)
        if log[at + 8 : at + 16] != log[16:24] or sums != struct.unpack(">II", log[at + 16 : at + 24]):
            return (at - 32) // FRAME
    return (len(log) - 32) // FRAME


def stray_frames(log: bytes) -> bytes:
    """A log of those frames alone that SQLite leaves out, though they are as new as its header or start."""
    good = valid_frames(log)
    salts = {log[16:24], log[32 + 8 : 32 + 16]}
    rest = [log[at : at + FRAME] for at in range(32 + good * FRAME, len(log) - FRAME + 1, FRAME)]
    return b"".join((log[:32], *(frame for frame in rest if frame[8:16] in salts))) if log else b""


def _chained(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for word, other in zip(words, words, strict=True):
        one = (one + word + two) & 0xFFFFFFFF
        two = (two + other + one) & 0xFFFFFFFF
    return one, two


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at
    return number << 8 | data[at], at + 1


def _columns(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    body = end
    columns: list[Any] = []
    while at < end:
        kind, at = _varint(payload, at)
        if kind == 0:
            columns.append(None)
        elif kind in _INTEGERS:
            width = _INTEGERS[kind]
            columns.append(int.from_bytes(payload[body : body + width], "big", signed=True))
            body += width
        elif kind in (8, 9):
            columns.append(kind - 8)
        elif kind >= 12:
            width = (kind - 12) // 2
            value = payload[body : body + width]
            if len(value) < width:
                raise ValueError
            columns.append(value.decode() if kind & 1 else value)
            body += width
        else:
            raise ValueError
    return columns
