"""The last evidence of each check from each agent, as it came: nothing is unpacked before somebody looks.

Bounded per cell and in all; beyond that goes what was stored or looked at longest ago.
"""

from collections import OrderedDict, deque
from collections.abc import Container
from typing import Final, NamedTuple

from vedette.wire import codec, limits
from vedette.wire.messages import Evidence

KEPT: Final = 3  # records of one check from one agent
MAX_BYTES: Final = 32 * 1024 * 1024
_OVERHEAD: Final = 512  # bytes that a record costs beside its payload

Key = tuple[str, str]  # check, agent


class Exhibit(NamedTuple):
    """One record, packed, and when it came by the collector's wall clock."""

    at: float
    payload: bytes
    content_type: str | None

    @property
    def size(self) -> int:
        return len(self.payload) + _OVERHEAD

    def opened(self) -> Evidence:
        """It was read once before it was stored."""
        raw = codec.decompressed(self.payload, self.content_type, limits.MAX_EVIDENCE_BYTES)
        return codec.parsed(raw, Evidence)


class Shelf:
    """Newest first, by check and agent."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.total = 0  # records that were stored since the start
        self.bytes = 0
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Key, deque[Exhibit]] = OrderedDict()

    def put(self, check: str, agent: str, exhibit: Exhibit) -> None:
        row = self._kept.setdefault((check, agent), deque())
        self._kept.move_to_end((check, agent))
        if row and row[0].payload == exhibit.payload:
            return  # the broker gave it twice
        self.total += 1
        row.appendleft(exhibit)
        self.bytes += exhibit.size
        if len(row) > KEPT:
            self.bytes -= row.pop().size
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def of(self, check: str, agent: str) -> list[Exhibit]:
        row = self._kept.get((check, agent))
        if row is None:
            return []
        self._kept.move_to_end((check, agent))
        return list(row)

    def has(self, check: str, agent: str) -> bool:
        return (check, agent) in self._kept

    def held(self) -> list[Key]:
        return list(self._kept)

    def retain(self, known: Container[Key]) -> None:
        """Forget what the configuration no longer has."""
        for key in [key for key in self._kept if key not in known]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        self.bytes -= sum(exhibit.size for exhibit in self._kept.pop(key))
