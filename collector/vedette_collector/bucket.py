"""What a sender is allowed: a token bucket that may run into debt, and a quota. Time is only a number."""

from collections import deque


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


class Quota:
    """At most *most* admissions in any *seconds*."""

    __slots__ = ("_admitted", "_most", "_seconds")

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._admitted: deque[float] = deque()

    def admits(self, now: float) -> bool:
        """Whether one more is allowed; if so, it counts."""
        while self._admitted and now - self._admitted[0] > self._seconds:
            self._admitted.popleft()
        if len(self._admitted) >= self._most:
            return False
        self._admitted.append(now)
        return True
