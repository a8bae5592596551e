"""How fast a backlog may go, so that fresh results are not late because of it. Knows time as a number.

The rate grows by a tenth a second while fresh batches are acknowledged about as quickly as ever, and is
halved when they are not. What the collector grants the whole fleet bounds it. A batch is no larger than what
the uplink carries in a quarter of a second: a fresh one that comes behind it waits no longer than that.
"""

from collections import deque
from typing import Final

RATE: Final = 500.0  # results a second, at first
RATE_MAX: Final = 3000.0
RATE_MIN: Final = 50.0
UNGRANTED: Final = 50.0  # where the collector says nothing about it
SLACK: Final = 0.25  # seconds by which fresh batches may be acknowledged later than at best
SAMPLES: Final = 20  # ages of fresh batches that are looked at
GROWTH: Final = 1.1  # a second
LEAST: Final = 10  # results in a batch
MOST: Final = 200
UPLINK_SECONDS: Final = 0.25


class Pace:
    def __init__(self) -> None:
        self.rate = RATE
        self.is_slow = False  # the agent has too much to do
        self._granted: float | None = None
        self._tokens = 0.0
        self._at: float | None = None
        self._paused_until = 0.0
        self._judged_at = 0.0
        self._ages: deque[float] = deque(maxlen=SAMPLES)
        self._best = float("inf")
        self._uplink: float | None = None  # bytes a second
        self._weight = 60.0  # bytes of a result, packed

    def connected(self) -> None:
        """A new connection: nothing is granted before its first ack, or a whole fleet would start at once."""
        self._granted = None
        self._tokens = 0.0
        self._at = None
        self._uplink = None
        self._best = float("inf")
        self._ages.clear()

    def grant(self, rate: int | None) -> None:
        """The collector's word: results a second for this agent."""
        self._granted = UNGRANTED if rate is None else float(rate)

    @property
    def allowed(self) -> float:
        if self._granted is None:
            return 0.0
        return min(self.rate, self._granted, RATE_MIN if self.is_slow else RATE_MAX)

    @property
    def size(self) -> int:
        """Results that the next batch may have."""
        if self._uplink is None:
            return LEAST * 10
        return int(min(max(self._uplink * UPLINK_SECONDS / self._weight, LEAST), MOST))

    def admits(self, now: float) -> bool:
        """Whether a batch of `size` may leave now."""
        if self._at is not None:
            earned = max(now - self._at, 0.0) * self.allowed
            self._tokens = min(self._tokens + earned, max(self.allowed / 2, 1.0))
        self._at = now
        return (
            now >= self._paused_until
            and self.allowed > 0
            and self._tokens >= min(self.size, self.allowed / 2)
        )

    def wait(self, now: float) -> float:
        """Seconds until `admits` may say yes; infinity when only a grant can change that."""
        if self.allowed <= 0:
            return float("inf")
        missing = min(self.size, self.allowed / 2) - self._tokens
        return max(missing / self.allowed, self._paused_until - now, 0.001)

    def pause(self, until: float) -> None:
        """The broker does not want a backlog, or the disk does not give it back, for now."""
        self._paused_until = until

    def spent(self, results: int) -> None:
        self._tokens -= results

    def carried(self, results: int, size: int, seconds: float) -> None:
        """A replayed batch of *size* bytes had its PUBACK after *seconds*."""
        self._weight += (size / results - self._weight) / 4
        speed = size / max(seconds, 0.001)
        self._uplink = speed if self._uplink is None else self._uplink + (speed - self._uplink) / 4

    def acked(self, age: float, now: float, *, is_fresh: bool) -> None:
        """A batch was acknowledged *age* seconds after it was sent, for the first time."""
        if is_fresh:
            self._ages.append(age)
            self._best = min(self._best, age)
        if now - self._judged_at < 1.0:
            return
        self._judged_at = now
        late = sorted(self._ages)[int(len(self._ages) * 0.95)] if self._ages else 0.0
        if late > self._best + SLACK:
            self.slower()
        else:
            self.rate = min(self.rate * GROWTH, RATE_MAX)

    def slower(self) -> None:
        """A breach, or an ack that did not come."""
        self.rate = max(self.rate / 2, RATE_MIN)
        self._ages.clear()
