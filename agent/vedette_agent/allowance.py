"""Decides how many runs beside the schedule there may be. Knows the time as a number.

Whoever may write asks can make agents probe. A collector that is taken over must not turn a fleet into a
weapon, so these bounds are part of the program and nobody configures them: whatever is asked, an agent probes
nothing but its own checks, each of them at most four times as often as its configuration says beside what the
schedule does, and all of them together no faster than `ASKED_RATE`.
"""

from typing import Final

REPEAT_RATE: Final = 20.0  # repeats a second,
REPEAT_BURST: Final = 100.0  # and at once
ASKED_RATE: Final = 2.0  # checks a second,
ASKED_BURST: Final = 64.0  # and at once
ASKED_SHARE: Final = 0.25  # of its interval, in which a check is asked for once,
ASKED_TOGETHER: Final = 2  # after so many


class Bucket:
    """Tokens: *burst* at first, and *rate* more a second up to that."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def admits(self, now: float) -> bool:
        """Whether there is a token; it is taken."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + max(now - self._at, 0.0) * self._rate)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class AskedBudget:
    """Of one agent, for all its checks and for each."""

    def __init__(self) -> None:
        self._all = Bucket(ASKED_RATE, ASKED_BURST)
        self._each: dict[str, Bucket] = {}

    def admits(self, check: str, interval: float, now: float) -> bool:
        bucket = self._each.get(check)
        if bucket is None:
            bucket = self._each[check] = Bucket(1 / (interval * ASKED_SHARE), ASKED_TOGETHER)
        return bucket.admits(now) and self._all.admits(now)

    def keep(self, checks: set[str]) -> None:
        """Forget all but these."""
        self._each = {name: bucket for name, bucket in self._each.items() if name in checks}
