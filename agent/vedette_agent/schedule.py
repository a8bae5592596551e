"""Decides when each check runs next. Knows the time only as a number.

The slots of a check are at `(k + phase) * interval` for whole k, on a clock that does not restart with the
agent. The phase is a hash of agent and check, so a restart keeps it, checks of one agent are spread over
their interval, and so are the agents over a target that they share.
"""

import heapq
from collections.abc import Mapping
from hashlib import blake2b
from math import inf


def phase(agent: str, check: str) -> float:
    """In [0, 1): the same for ever."""
    digest = blake2b(f"{agent}\0{check}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


class Schedule:
    """At most one run of a check at a time. What could not run is counted, never caught up."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._interval: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self.running: set[str] = set()
        self.skipped = 0  # slots that passed without a run,
        self.overlapping = 0  # of these: the previous run had not ended

    def assign(self, intervals: Mapping[str, float], now: float) -> None:
        """Run these checks from now on. A check whose interval stays keeps its next slot."""
        kept = [(at, name) for at, name in self._queue if self._interval[name] == intervals.get(name)]
        known = {name for _, name in kept}
        fresh = [(self._slot(name, each, now), name) for name, each in intervals.items() if name not in known]
        self._queue = kept + fresh
        heapq.heapify(self._queue)
        self._interval = dict(intervals)

    @property
    def next_due(self) -> float:
        """When `take` has something; infinity without checks."""
        return self._queue[0][0] if self._queue else inf

    def take(self, now: float, room: int) -> list[str]:
        """The checks to start at *now*, at most *room*; each counts as running until `ended`."""
        due: list[str] = []
        queue = self._queue
        while queue and queue[0][0] <= now:
            at, name = queue[0]
            interval = self._interval[name]
            # From the slot, not from now: being late must not shift the phase.
            missed = int((now - at) // interval)
            heapq.heapreplace(queue, (at + (missed + 1) * interval, name))
            self.skipped += missed
            if name in self.running:
                self.overlapping += 1
                self.skipped += 1
            elif len(due) >= room:
                self.skipped += 1
            else:
                self.running.add(name)
                due.append(name)
        return due

    def ended(self, name: str) -> None:
        self.running.discard(name)

    def _slot(self, name: str, interval: float, now: float) -> float:
        """The first slot at or after *now*."""
        shift = phase(self._agent, name) * interval
        return now + (shift - now) % interval
