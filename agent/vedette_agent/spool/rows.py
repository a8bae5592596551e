"""What stands on disk, record by record: each carries a checksum over all of its fields.

So a record is known to be whole wherever it is found, also in a file whose order is lost.
"""

from typing import Final, NamedTuple
from zlib import crc32

import zstandard

PLAIN: Final = 0
ZSTD: Final = 1
COMPRESS_ABOVE_BYTES: Final = 1024
MAX_ROW_BYTES: Final = 4 * 1024 * 1024  # unpacked; far above what a sender groups


class Row(NamedTuple):
    """Results `first` … `first + count - 1` of one epoch that were produced within a moment."""

    epoch: str
    first: int
    count: int  # type: ignore[assignment]  # hides tuple.count
    born_us: int  # wall clock, of the first of them
    wmb_us: int  # wall clock minus CLOCK_BOOTTIME as they were produced
    payload: bytes  # their JSON texts, joined by commas

    @property
    def end(self) -> int:
        return self.first + self.count


class Stored(NamedTuple):
    """A row as it stands on disk."""

    epoch: str
    first: int
    count: int  # type: ignore[assignment]  # hides tuple.count
    born_us: int
    wmb_us: int
    packing: int
    crc: int
    payload: bytes

    @property
    def is_whole(self) -> bool:
        return self.crc == _checksum(*self[:6], self.payload)


class Mark(NamedTuple):
    """What is known of one epoch, as of a group commit."""

    no: int  # its place among the epochs of a file: older ones have smaller ones
    epoch: str
    boot: str  # id of the boot that it ran in
    done: str  # settled or declared lost, as text: see `shown`
    reserved_to: int  # no result from here on was produced before the next group commit
    is_ended: int  # whether that is what it produced in all; see `books`
    digest: int  # of the rows that the file holds
    seen_us: int  # wall clock
    commits: int  # in which this record was put

    @property
    def age(self) -> tuple[bool, int]:
        """Larger for the newer of two records of one epoch."""
        return self.is_ended > 0, self.commits

    @property
    def crc(self) -> int:
        return crc32(repr(("mark", *self)).encode())


class Declared(NamedTuple):
    """A gap: results `first` … `end` - 1 will never come."""

    epoch: str
    first: int
    end: int
    reason: str

    @property
    def crc(self) -> int:
        return crc32(repr(("gap", *self)).encode())


def digest(first: int, count: int) -> int:
    """What a row adds to the digest of its file. The sum tells whether rows are missing, or moved."""
    return (first * 1_000_003 + count * 8191 + 1) % (1 << 61)


class Packer:
    """Rows to their stored form and back. One per thread: zstd contexts must not be shared."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, row: Row) -> Stored:
        payload, packing = row.payload, PLAIN
        if len(payload) > COMPRESS_ABOVE_BYTES:
            packed = self._compressor.compress(payload)
            if len(packed) < len(payload):
                payload, packing = packed, ZSTD
        return Stored(*row[:5], packing, _checksum(*row[:5], packing, payload), payload)

    def unpack(self, stored: Stored) -> Row | None:
        """None when it is not what was written."""
        if not stored.is_whole:
            return None
        payload = stored.payload
        if stored.packing == ZSTD:
            try:
                # With a size in the frame header, zstandard allocates that much and ignores all bounds.
                if zstandard.get_frame_parameters(payload).content_size > MAX_ROW_BYTES:
                    return None
                payload = self._decompressor.decompress(payload)
            except zstandard.ZstdError:
                return None
        return Row(*stored[:5], payload)


def _checksum(
    epoch: str, first: int, count: int, born_us: int, wmb_us: int, packing: int, payload: bytes
) -> int:
    return crc32(payload, crc32(repr(("row", epoch, first, count, born_us, wmb_us, packing)).encode()))
