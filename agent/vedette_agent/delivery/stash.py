"""Evidence that waits for the broker: bounded in rate, number and bytes. Knows the time only as a number."""

from collections import deque
from typing import Final, Literal, NamedTuple

MAX_RECORDS: Final = 64
MAX_BYTES: Final = 1024 * 1024
RATE: Final = 1.0  # records per second
BURST: Final = 20.0

Lost = Literal["rate", "queue_full", "refused"]


class Packed(NamedTuple):
    payload: bytes
    content_type: str


class Stash:
    """First in, first out; beyond its bounds the oldest is given up. What is lost is counted by reason."""

    def __init__(self) -> None:
        self.lost: dict[Lost, int] = {"rate": 0, "queue_full": 0, "refused": 0}
        self._waiting: deque[Packed] = deque()
        self._bytes = 0
        self._tokens = BURST
        self._at: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def admits(self, now: float) -> bool:
        """Whether one more may be made at *now*; it is counted against the rate, or as lost to it."""
        if self._at is not None:
            self._tokens = min(BURST, self._tokens + max(now - self._at, 0.0) * RATE)
        self._at = now
        if self._tokens < 1.0:
            self.lost["rate"] += 1
            return False
        self._tokens -= 1.0
        return True

    def put(self, packed: Packed) -> None:
        self._waiting.append(packed)
        self._bytes += len(packed.payload)
        while len(self._waiting) > MAX_RECORDS or self._bytes > MAX_BYTES:
            self._bytes -= len(self._waiting.popleft().payload)
            self.lost["queue_full"] += 1

    def first(self) -> Packed | None:
        """The oldest. It stays until `settled`."""
        return self._waiting[0] if self._waiting else None

    def settled(self, packed: Packed, *, refused: bool = False) -> None:
        """The broker has *packed*, or does not want it."""
        if self._waiting and self._waiting[0] is packed:  # else it was given up meanwhile
            self._waiting.popleft()
            self._bytes -= len(packed.payload)
            if refused:
                self.lost["refused"] += 1
