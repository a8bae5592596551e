"""A token bucket that may run into debt. Knows the time only as a number."""


class Bucket:
    """Admits while anything is left, and charges afterwards, when the cost is known.

    So one message larger than the rest of the bucket passes, and the next ones wait until its cost is paid.
    """

    __slots__ = ("_at", "_level", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at: float | None = None

    def admits(self, now: float) -> bool:
        if self._at is not None:
            self._level = min(self.burst, self._level + max(now - self._at, 0.0) * self.rate)
        self._at = now
        return self._level > 0

    def charge(self, cost: float) -> None:
        self._level -= cost
