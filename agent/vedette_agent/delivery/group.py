"""Gathers encoded results: into the batch that leaves next, and into rows for the disk.

The two are cut apart on purpose: a batch waits up to a second for company, and a result that waits with it
would be lost with the process.
"""

from typing import Final

from vedette.wire import limits
from vedette_agent.spool.rows import Row

FIRST_SECONDS: Final = 0.2  # age of the very first group: whoever starts an agent looks for its first results
URGENT_GAP: Final = 0.05  # seconds between two flushes for changes of state: an outage must not undo batching
ROW_SECONDS: Final = 0.2  # a process that is killed has at most this much that is not on disk
ROW_BYTES: Final = 64 * 1024
ROW_RESULTS: Final = 200  # a row comes back as one batch


class Group:
    """The open batch."""

    __slots__ = ("_flushed_urgently", "flush_at", "since", "size", "texts")

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.size = 0
        self.since = 0.0
        self.flush_at = float("inf")
        self._flushed_urgently = float("-inf")

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def is_full(self) -> bool:
        return len(self.texts) >= limits.BATCH_RESULTS or self.size >= limits.BATCH_BYTES

    def has_room(self, text: bytes) -> bool:
        return not self.texts or self.size + len(text) < limits.BATCH_BYTES

    def add(self, text: bytes, now: float, *, is_first: bool, is_urgent: bool) -> None:
        if not self.texts:
            self.since = now
            self.flush_at = now + (FIRST_SECONDS if is_first else limits.BATCH_SECONDS)
        self.texts.append(text)
        self.size += len(text) + 1
        if is_urgent:
            self.flush_at = min(self.flush_at, max(now, self._flushed_urgently + URGENT_GAP))

    def closed(self, now: float) -> list[bytes]:
        """What it holds; it is empty afterwards."""
        if self.flush_at <= now < self.since + limits.BATCH_SECONDS:
            self._flushed_urgently = now
        texts, self.texts = self.texts, []
        self.size = 0
        self.flush_at = float("inf")
        return texts


class Chunk:
    """The open row."""

    __slots__ = ("born_us", "due", "first", "size", "texts")

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.first = 0
        self.size = 0
        self.born_us = 0
        self.due = float("inf")

    def add(self, text: bytes, seq: int, born_us: int, now: float) -> bool:
        """Whether that was the last that it takes."""
        if not self.texts:
            self.first = seq
            self.born_us = born_us
            self.due = now + ROW_SECONDS
        self.texts.append(text)
        self.size += len(text) + 1
        return self.size >= ROW_BYTES or len(self.texts) >= ROW_RESULTS

    def closed(self, epoch: str, wmb_us: int) -> Row | None:
        """The row; the chunk is empty afterwards. *wmb_us*: wall clock minus time since boot."""
        if not self.texts:
            return None
        texts, self.texts = self.texts, []
        self.size = 0
        self.due = float("inf")
        return Row(epoch, self.first, len(texts), self.born_us, wmb_us, b",".join(texts))
