"""How far the running process got, in a page that outlives it but not the host.

The kernel keeps a mapped page when its process is killed, so a note costs a store and no system call. After
another boot the page may be an older one, for nobody asked the disk to have it: its numbers are lower bounds.

Each number stands in two slots that are written in turn, each with its complement. A kill in the middle of
a store leaves one slot broken and the other one at the note before.
"""

import fcntl
import mmap
import os
import secrets
import struct
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

SIZE: Final = 4096
_MAGIC: Final = b"vedette tail 1\n\0"
_HEAD: Final = struct.Struct("<16s32s36sI")
_SLOT: Final = struct.Struct("<QQ")
_NEXT: Final = 128  # offsets of the slots
_SAFE: Final = 256
_COMMITS: Final = 384
_APART: Final = 64
_MASK: Final = (1 << 64) - 1
_SET_FLAGS: Final = 0x40086602  # FS_IOC_SETFLAGS
_NO_COPY_ON_WRITE: Final = 0x00800000  # FS_NOCOW_FL: a store must not need a free block


class Left(NamedTuple):
    """What a process left behind."""

    epoch: str
    boot: str
    next_seq: int
    safe: int  # every seq below it was written, settled or declared lost
    commits: int  # that the disk has


class Tail:
    """The page of one epoch: in memory, until it is attached to a file."""

    def __init__(self, epoch: str, boot: str) -> None:
        head = (_MAGIC, epoch.encode(), boot.encode())
        self._head = _HEAD.pack(*head, crc32(b"".join(head)))
        self._map = mmap.mmap(-1, SIZE)
        self._store = _SLOT.pack_into
        self._next_at = _NEXT
        self._safe_at = _SAFE
        self._commits_at = _COMMITS
        self.next_seq = 0
        self.safe = 0
        self.commits = 0
        self.is_attached = False

    def attach(self, path: Path) -> None:
        """Begin the file anew, with what is noted so far; another thread may go on noting. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_size == 0:
                _keep_in_place(descriptor)
            # Blocks that are there already: a store into a hole of a full disk would be a SIGBUS.
            os.pwrite(descriptor, bytes(SIZE), 0)
            os.ftruncate(descriptor, SIZE)
            os.fsync(descriptor)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        self.note_safe(self.safe, self.commits)
        # A note of the other thread in between is at least as new, and the larger one counts.
        for at in (_NEXT, _NEXT + _APART):
            self._store(self._map, at, self.next_seq, self.next_seq ^ _MASK)
        self._map[: len(self._head)] = self._head
        self.is_attached = True

    def note(self, next_seq: int) -> None:
        """Results below *next_seq* were produced."""
        self.next_seq = next_seq
        self._next_at = at = self._next_at ^ _APART
        self._store(self._map, at, next_seq, next_seq ^ _MASK)

    def note_safe(self, safe: int, commits: int) -> None:
        """Results below *safe* need no more declaring, whatever happens to this process."""
        self.commits = commits
        self._commits_at = at = self._commits_at ^ _APART
        self._store(self._map, at, commits, commits ^ _MASK)
        self.safe = safe
        self._safe_at = at = self._safe_at ^ _APART
        self._store(self._map, at, safe, safe ^ _MASK)


def left(path: Path) -> Left | None:
    """What stands in the page at *path*; None when there is none, or when it is not whole."""
    try:
        page = path.read_bytes()[:SIZE]
    except OSError:
        return None
    if len(page) < SIZE:
        return None
    magic, epoch, boot, checksum = _HEAD.unpack_from(page)
    if magic != _MAGIC or checksum != crc32(magic + epoch + boot):
        return None
    next_seq, safe, commits = (_newest(page, offset) for offset in (_NEXT, _SAFE, _COMMITS))
    if next_seq is None or safe is None or commits is None:
        return None
    return Left(epoch.decode("ascii", "replace"), boot.decode("ascii", "replace"), next_seq, safe, commits)


def boot_id() -> str:
    """Where a sandbox hides it, systemd can hand it over; else every start counts as another boot."""
    try:
        said = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        said = os.environ.get("VEDETTE_BOOT_ID", "") or secrets.token_hex(16)
    digits = said.strip().replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _newest(page: bytes, offset: int) -> int | None:
    """Numbers only grow, so the larger of the whole slots is the newer one."""
    found = None
    for slot in (offset, offset + _APART):
        number, complement = _SLOT.unpack_from(page, slot)
        if number ^ complement == _MASK and (found is None or number > found):
            found = number
    return found


def _keep_in_place(descriptor: int) -> None:
    try:
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("l", _NO_COPY_ON_WRITE))
    except OSError:
        pass  # most file systems write in place anyway
