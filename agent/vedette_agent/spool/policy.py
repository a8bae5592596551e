"""What the spool gives up, and when. Knows sizes and ages as numbers, and no file.

The newest results are worth most, so the oldest rows go. A host that probes has other work for its disk too:
some of it stays free whatever the cap says.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from vedette.wire.failure import Lost

MEBIBYTE: Final = 1024 * 1024
LEAST_BYTES: Final = 256 * 1024  # a spool that may not have this much takes nothing in


class Caps(NamedTuple):
    size_bytes: int = 512 * MEBIBYTE  # of all files together
    age_seconds: float = 24 * 3600.0
    free_fraction: float = 0.1  # of the file system, kept free,
    free_bytes: int = 4096 * MEBIBYTE  # but never more than this


class Room(NamedTuple):
    """A file system, in bytes."""

    total: int
    free: int


class Entry(NamedTuple):
    """A row, without what is in it."""

    epoch: str
    first: int
    count: int  # type: ignore[assignment]  # hides tuple.count
    born_us: int
    wmb_us: int
    size: int  # bytes on disk, about

    @property
    def end(self) -> int:
        return self.first + self.count


class Limit(NamedTuple):
    size_bytes: int
    reason: Lost  # of what has to go for it

    @property
    def is_closed(self) -> bool:
        return self.size_bytes < LEAST_BYTES


def cost(payload: int) -> int:
    """Bytes on disk of a row with a payload of so many: small ones share pages, large ones fill theirs."""
    return payload + 90 if payload < 3000 else (payload // 4092 + 2) * 4096


def limit(caps: Caps, room: Room, used: int) -> Limit:
    """How large the files may be, when they are *used* bytes now."""
    kept_free = min(int(room.total * caps.free_fraction), caps.free_bytes)
    allowed = used + room.free - kept_free
    if allowed < caps.size_bytes:
        return Limit(max(allowed, 0), Lost.NO_SPACE)
    return Limit(caps.size_bytes, Lost.SPOOL_FULL)


def is_expired(entry: Entry, boot_us: int, caps: Caps) -> bool:
    """Whether a row of this boot is older than the cap. *boot_us*: CLOCK_BOOTTIME now.

    Rows of earlier boots have no age: a host without a clock of its own may have started in 1970.
    """
    return boot_us - (entry.born_us - entry.wmb_us) > caps.age_seconds * 1e6


def oldest(entries: Iterable[Entry], excess: int) -> list[Entry]:
    """The first of *entries* that together have *excess* bytes or more; all, when all have less."""
    doomed: list[Entry] = []
    for entry in entries:
        if excess <= 0:
            break
        doomed.append(entry)
        excess -= entry.size
    return doomed
