"""Decides which checks are probed beside their schedule, and when. Knows the time as a number.

A first failure, that is one of a check that was ok or of which nothing was known, is repeated once and at
once: so a verdict need not wait for the next interval to know what lasts. And a collector asks.

A repeat waits `DELAY` first, because packets are lost in a row: what was lost to a queue that was full for
some tens of milliseconds is not to be sampled twice. `SPREAD` keeps the repeats of checks that fail at one
moment, here and on other agents, from hitting what they share at one moment too; each check has its own place
in it for ever. Whatever else tells first that the check is ok, or fails still, makes the repeat needless.

Where an agent's own network is gone, everything fails at once: repeats have a budget, and what goes without
one is confirmed by its next interval. What may be asked for has one as well.
"""

import heapq
from collections import Counter
from collections.abc import Set
from typing import Final, NamedTuple

from vedette_agent.allowance import REPEAT_BURST, REPEAT_RATE, AskedBudget, Bucket
from vedette_agent.schedule import phase

DELAY: Final = 0.2  # seconds from the end of the first attempt, at least
SPREAD: Final = 0.3  # seconds


class Turn(NamedTuple):
    check: str
    attempt: int
    asked: bool


class OutOfTurn:
    """At most one repeat and one asked run of a check wait at a time."""

    def __init__(self, agent: str) -> None:
        self.repeats: Counter[str] = Counter()  # run, and what went without, by reason
        self.asked: Counter[str] = Counter()  # checks: run, and what was not, by reason
        self.failing: dict[str, bool] = {}  # checks that failed last: whether more than once in a row
        self._agent = agent
        self._line: list[tuple[float, str]] = []  # a heap of repeats; some may not be awaited any more
        self._awaited: dict[str, float] = {}  # repeats: when
        self._asked: dict[str, float] = {}  # until when an answer is wanted, in the order of the asks
        self._budget = Bucket(REPEAT_RATE, REPEAT_BURST)
        self._asked_budget = AskedBudget()

    def __bool__(self) -> bool:
        """Whether something waits."""
        return bool(self._awaited or self._asked)

    @property
    def next_at(self) -> float:
        """When `take` may have something; infinity while nothing waits."""
        if self._asked:
            return 0.0
        return self._line[0][0] if self._line else float("inf")

    def failed(self, check: str, now: float) -> bool:
        """*check* failed, by a run that ended *now*. Whether that is the second time in a row."""
        was = self.failing.get(check)
        if was is None:
            self.failing[check] = False
            at = now + DELAY + SPREAD * phase(self._agent, check)
            self._awaited[check] = at
            heapq.heappush(self._line, (at, check))
            return False
        self.failing[check] = True
        self._awaited.pop(check, None)
        return not was

    def recovered(self, check: str) -> None:
        self.failing.pop(check, None)
        self._awaited.pop(check, None)

    def ask(self, check: str, interval: float, now: float, until: float) -> None:
        """Probe *check* once, not later than *until*. One run answers all asks that came before it."""
        if check in self._asked:
            self._asked[check] = max(until, self._asked[check])
        elif self._asked_budget.admits(check, interval, now):
            self._asked[check] = until
        else:
            self.asked["rate"] += 1

    def keep(self, checks: set[str]) -> None:
        """Forget all but these."""
        self.failing = {name: twice for name, twice in self.failing.items() if name in checks}
        self._awaited = {name: at for name, at in self._awaited.items() if name in checks}
        self._asked = {name: until for name, until in self._asked.items() if name in checks}
        self._asked_budget.keep(checks)

    def take(self, now: float, room: int, busy: Set[str], *, is_repeating: bool) -> list[Turn]:
        """What to start *now*, at most *room*. Not *is_repeating*: there is no time for repeats.

        A check that is *busy* already tells whether its failure lasts, so its repeat is dropped. It may have
        begun before it was asked for, so what was asked waits until it is over.
        """
        turns: list[Turn] = []
        for check in [name for name in self._asked if name not in busy]:
            if len(turns) >= room:
                break
            if self._asked.pop(check) < now:
                self.asked["late"] += 1
            else:
                self.asked["run"] += 1
                turns.append(Turn(check, 1, True))
        begun = {turn.check for turn in turns}
        line = self._line
        while line and line[0][0] <= now and len(turns) < room:
            at, check = heapq.heappop(line)
            if self._awaited.get(check) != at:
                continue
            del self._awaited[check]
            if check in busy or check in begun:
                continue
            if not is_repeating:
                self.repeats["shed"] += 1
            elif not self._budget.admits(now):
                self.repeats["rate"] += 1
            else:
                self.repeats["run"] += 1
                turns.append(Turn(check, 2, False))
        return turns
