"""Virtual time and chance: what happens next, and what became of it. A seed is a whole story."""

import heapq
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

MOST_EVENTS = 150_000  # of a story; twenty times what the longest needs
START = 1_800_000_000.0  # wall time of the true clock when the story begins


class Violation(AssertionError):
    """A promise was broken."""


class World:
    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now = 0.0  # true seconds since the start
        self.seen: Counter[str] = (
            Counter()
        )  # what happened at all: a run that never meets a fault proves little
        self.story: deque[tuple[float, str]] = deque(maxlen=60)
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = count()

    @property
    def true_us(self) -> int:
        return round((START + self.now) * 1e6)

    def at(self, when: float, call: Callable[..., None], *values: Any) -> None:
        heapq.heappush(self._queue, (max(when, self.now), next(self._numbers), call, values))

    def after(self, seconds: float, call: Callable[..., None], *values: Any) -> None:
        heapq.heappush(self._queue, (self.now + seconds, next(self._numbers), call, values))

    def run(self, until: float) -> None:
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, number, call, values = heapq.heappop(queue)
            if number > MOST_EVENTS:
                raise Violation("something spins")
            call(*values)
        self.now = until

    def tell(self, text: str) -> None:
        self.seen[text.split(" ", 1)[0]] += 1
        self.story.append((self.now, text))

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability


class Clock:
    """The clocks of one host. Wall clock and time since boot run equally fast; only a step parts them."""

    def __init__(self, world: World, error: float = 0.0, skew: float = 0.0) -> None:
        self._world = world
        self._booted = world.now
        self._set = world.true_us / 1e6 + error - self._since(skew)
        self.skew = skew
        self.slept = 0.0

    def _since(self, skew: float) -> float:
        return (self._world.now - self._booted) * (1 + skew)

    @property
    def boot_us(self) -> int:
        return round(self._since(self.skew) * 1e6) + 1_000_000

    @property
    def wall_us(self) -> int:
        return max(round((self._set + self._since(self.skew)) * 1e6), 0)

    @property
    def wmb_us(self) -> int:
        return self.wall_us - self.boot_us

    @property
    def mono(self) -> float:
        """Stands still while the host sleeps."""
        return self._world.now - self._booted - self.slept + 100.0

    @property
    def all_us(self) -> tuple[int, int, int]:
        """Wall clock, time since boot, monotonic time."""
        return self.wall_us, self.boot_us, round(self.mono * 1e6)

    def step(self, seconds: float) -> None:
        self._set += seconds

    def correct(self) -> None:
        """Set by a time server."""
        self._set += self._world.true_us / 1e6 - self.wall_us / 1e6

    def boot(self, error: float) -> None:
        self.slept = 0.0
        self._booted = self._world.now
        self._set = self._world.true_us / 1e6 + error

    def freeze(self, at: float) -> None:
        """The host did not run since *at*, and does not know it: a snapshot was resumed."""
        self._booted += self._world.now - at


class FakeTime:
    """In place of the module `time`, where a core asks for it itself."""

    CLOCK_BOOTTIME = 7
    clock: Clock

    def monotonic(self) -> float:
        return self.clock.mono

    def time_ns(self) -> int:
        return self.clock.wall_us * 1000

    def clock_gettime_ns(self, which: int) -> int:
        assert which == self.CLOCK_BOOTTIME
        return self.clock.boot_us * 1000


TIME = FakeTime()
