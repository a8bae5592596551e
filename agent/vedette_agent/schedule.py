"""Decides when each check runs next. Knows the time only as a number.

The slots of a check are at `(k + phase) * interval` for whole k, on a clock that does not restart with the
agent. The phase is a hash of agent and check, so a restart keeps it, checks of one agent are spread over
their interval, and so are the agents over a target that they share.

Checks of one interval come round in one order for ever: they form a ring, and what is due next is looked
for among the rings alone.

A check may also be run out of its turn. A slot that comes due during such a run is owed: it is taken once the
run has ended, and the slots after it stay where they are.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Set
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
        self._rings: dict[float, deque[tuple[float, str]]] = {}  # by interval: slot and check, in order
        self._heads: list[tuple[float, float]] = []  # a heap: the first slot of each ring, and its interval
        self.running: set[str] = set()
        self._between: dict[str, bool] = {}  # running out of turn: whether a slot came due meanwhile
        self._owed: dict[str, None] = {}  # slots that wait for such runs, in the order of the ends of these
        self.skipped = 0  # slots that passed without a run,
        self.overlapping = 0  # of these: the previous run had not ended

    def assign(self, intervals: Mapping[str, float], now: float) -> None:
        """Run these checks from now on. A check whose interval stays keeps its next slot."""
        before = {name: (at, interval) for interval, ring in self._rings.items() for at, name in ring}
        slots: dict[float, list[tuple[float, str]]] = {}
        for name, interval in intervals.items():
            at, known = before.get(name, (0.0, None))
            slots.setdefault(interval, []).append(
                (at if known == interval else self._slot(name, interval, now), name)
            )
        self._rings = {interval: deque(sorted(ring)) for interval, ring in slots.items()}
        self._between = {name: came and name in intervals for name, came in self._between.items()}
        self._owed = {name: None for name in self._owed if name in intervals}
        self._look_at_heads()

    @property
    def next_due(self) -> float:
        """When `take` has something; infinity without checks."""
        if self._owed:
            return 0.0
        return self._heads[0][0] if self._heads else inf

    def take(self, now: float, room: int) -> list[str]:
        """The checks to start at *now*, at most *room*; each counts as running until `ended`."""
        due = self._take_owed(room) if self._owed else []
        untidy: set[float] = set()
        heads = self._heads
        while heads and heads[0][0] <= now:
            interval = heads[0][1]
            ring = self._rings[interval]
            at, name = ring.popleft()
            missed = 0
            # From the slot, not from now: being late must not shift the phase.
            after = at + interval
            if after <= now:
                missed = int((now - at) // interval)
                after = at + (missed + 1) * interval
                self.skipped += missed
            if ring and after < ring[-1][0]:  # after a stall: some missed more slots than others
                untidy.add(interval)
            ring.append((after, name))
            heapq.heapreplace(heads, (ring[0][0], interval))
            if name in self.running:
                if self._between.get(name) is False:
                    self._between[name] = True
                else:
                    self.overlapping += 1
                    self.skipped += 1
            elif len(due) >= room:
                self.skipped += 1
            else:
                self.running.add(name)
                due.append(name)
        for interval in untidy:
            self._rings[interval] = deque(sorted(self._rings[interval]))
        if untidy:
            self._look_at_heads()
        return due

    def _look_at_heads(self) -> None:
        self._heads = [(ring[0][0], interval) for interval, ring in self._rings.items()]
        heapq.heapify(self._heads)

    def _take_owed(self, room: int) -> list[str]:
        owed = list(self._owed)
        self._owed.clear()
        due = owed[: max(room, 0)]
        self.skipped += len(owed) - len(due)
        self.running.update(due)
        return due

    def ended(self, name: str) -> None:
        self.running.discard(name)

    @property
    def busy(self) -> Set[str]:
        """What cannot run out of turn now: it runs, or a slot of it waits to."""
        return self.running | self._owed.keys() if self._owed else self.running

    def begin(self, name: str) -> None:
        """Count *name*, which is not `busy`, as running out of turn, until `ended_between`."""
        self.running.add(name)
        self._between[name] = False

    def ended_between(self, name: str) -> bool:
        """Whether a slot came due meanwhile; `take` has it."""
        self.running.discard(name)
        is_owed = self._between.pop(name)
        if is_owed:
            self._owed[name] = None
        return is_owed

    def _slot(self, name: str, interval: float, now: float) -> float:
        """The first slot at or after *now*."""
        shift = phase(self._agent, name) * interval
        return now + (shift - now) % interval
