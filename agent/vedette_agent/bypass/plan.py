"""Decides when the other ways to a target are tried. Knows the time as a number.

While a check succeeds one of its ways is tried now and then, in turn: so that it is known where they lead
before they are needed. When its failure is confirmed all of them are tried at once, and again with every
tenth interval for as long as it fails.

Where an agent's own network is gone, every check fails at once. Another way tells nothing new then: all of
this has a budget, of a tenth of the agent's probes or of one a second, and half of what it may spend at
once is left to failures.
"""

import heapq
from collections.abc import Callable, Mapping
from math import inf
from typing import Final, NamedTuple

from vedette.wire.messages import Bypass
from vedette_agent.schedule import Schedule

AGAIN: Final = 10  # intervals of a failing check from one round of all its ways to the next
SHARE: Final = 0.1  # of the agent's probes,
RATE: Final = 1.0  # or so many a second, where that is more
BURST: Final = 40.0  # and at once


class Course(NamedTuple):
    """What is known of one check."""

    ways: tuple[Bypass, ...]
    in_turn: tuple[Bypass, ...]  # those of them that tell something while the check succeeds
    interval: float  # of the check
    every: float  # from one of `in_turn` to the next


class Turn(NamedTuple):
    check: str
    way: Bypass
    is_failing: bool


class Plan:
    """`take` what is due from `next_due` on."""

    def __init__(self, agent: str) -> None:
        self.left_out = 0  # for want of a budget
        # Not in phase with the checks themselves, nor with other agents.
        self._health = Schedule(f"{agent} bypass")
        self._courses: Mapping[str, Course] = {}
        self._turn: dict[str, int] = {}  # of the way that is next
        self._line: list[tuple[float, str]] = []  # a heap of rounds; some may have been put off
        self._round: dict[str, float] = {}  # when the next one is
        self._rate = RATE
        self._tokens = BURST
        self._at = 0.0

    def assign(self, courses: Mapping[str, Course], rate: float, now: float) -> None:
        """Try these from now on. *rate*: probes of the agent a second."""
        self._courses = courses
        self._rate = max(RATE, SHARE * rate)
        self._turn = {name: turn for name, turn in self._turn.items() if name in courses}
        self._round = {name: at for name, at in self._round.items() if name in courses}
        self._health.assign({name: course.every for name, course in courses.items() if course.in_turn}, now)

    @property
    def next_due(self) -> float:
        return min(self._health.next_due, self._line[0][0] if self._line else inf)

    def confirmed(self, check: str, now: float) -> None:
        """*check* has failed, and not only once."""
        if check in self._courses:
            self._put(check, now)

    def take(self, now: float, is_failing: Callable[[str], bool]) -> list[Turn]:
        """What to try *now*. *is_failing* tells of a check."""
        turns: list[Turn] = []
        while self._line and self._line[0][0] <= now:
            at, check = heapq.heappop(self._line)
            if self._round.get(check) != at:
                continue
            del self._round[check]
            if is_failing(check):
                turns += self._everything(check, now)
        for check in self._health.take(now, len(self._courses)):
            self._health.ended(check)
            if not is_failing(check) and self._affords(1, BURST / 2, now):
                ways = self._courses[check].in_turn
                turn = self._turn.get(check, 0) % len(ways)
                self._turn[check] = turn + 1
                turns.append(Turn(check, ways[turn], False))
        return turns

    def _everything(self, check: str, now: float) -> list[Turn]:
        course = self._courses[check]
        if not self._affords(len(course.ways), 0.0, now):
            self._put(check, now + course.interval)
            return []
        self._put(check, now + AGAIN * course.interval)
        return [Turn(check, way, True) for way in course.ways]

    def _put(self, check: str, at: float) -> None:
        self._round[check] = at
        heapq.heappush(self._line, (at, check))

    def _affords(self, count: int, reserve: float, now: float) -> bool:
        self._tokens = min(BURST, self._tokens + max(now - self._at, 0.0) * self._rate)
        self._at = now
        if self._tokens - count < reserve:
            self.left_out += count
            return False
        self._tokens -= count
        return True
