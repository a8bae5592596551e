"""Shares out how fast agents may hand in what they kept, so that fresh results stay fresh. Pure.

After an outage of the broker a whole fleet has a backlog at once. Each agent slows down when its own fresh
results get late; none of them sees the collector. So the collector says how much it takes from all of them
together: less while fresh results come late or its disk is slow, more again while they do not.

What was granted stays granted until the agent hears another word. A new grant is therefore cut to what the
others leave, and whoever got less than its share is to be told again soon (`short`). Agents without a backlog
get a little in advance: one that comes to have a backlog need not wait for a heartbeat before it begins.
"""

from itertools import islice
from typing import Final

TOTAL: Final = 15_000.0  # results a second, of all agents together
SPARE: Final = 0.1  # on top, for who comes while all is granted; and of the total, for who said of no backlog
LEAST_GRANT: Final = 1  # with 0 an agent would wait for a word that may be lost
EACH: Final = 3000.0  # results a second that one agent may have at most: its own cap
LEAST: Final = 1500.0  # results a second, of all, however late fresh results are: the disk frees itself too
GROWTH: Final = 750.0  # results a second, every second
LATE: Final = 0.5  # seconds; fresh results are late beyond this, if they are not so without a replay too
SLOW: Final = 0.5  # seconds that a result may wait for our disk
REST: Final = 2.0  # seconds between two cuts: the first must show before the next


class Budget:
    def __init__(self, total: float = TOTAL) -> None:
        self.total = total
        self.rate = total  # of it, what is shared out at present
        self._granted: dict[str, int] = {}
        self._sum = 0  # of all that is granted to agents with a backlog
        self._waiting: set[str] = set()  # agents with a backlog
        self._agents = 0
        self._usual_age = 0.0  # of fresh results while nobody has a backlog
        self._judged: float | None = None
        self._cut_at = float("-inf")

    @property
    def outstanding(self) -> int:
        """Results a second that agents with a backlog may send, by the last word that each of them has."""
        return self._sum

    def grant(self, agent: str, *, has_backlog: bool) -> int:
        """Results a second that *agent* may replay from now on."""
        self._release(agent)
        if not has_backlog:
            self._waiting.discard(agent)
            return self.usual
        self._waiting.add(agent)
        left = int(self.rate * (1 + SPARE)) - self._sum
        granted = max(min(self._share, left), LEAST_GRANT)
        self._granted[agent] = granted
        self._sum += granted
        return granted

    def short(self, most: int) -> list[str]:
        """Agents, at most *most*, that hold less than half of their share: they can have more by now."""
        if int(self.rate * (1 + SPARE)) - self._sum < self._share // 2:
            return []
        least = self._share / 2
        found = (agent for agent, granted in self._granted.items() if granted < least)
        return list(islice(found, most))

    @property
    def usual(self) -> int:
        """For an agent of which no backlog is known."""
        return max(int(min(self.total * SPARE / max(self._agents, 1), EACH)), LEAST_GRANT)

    @property
    def _share(self) -> int:
        return max(int(min(self.rate / max(len(self._waiting), 1), EACH)), LEAST_GRANT)

    def gone(self, agent: str) -> None:
        """It is not connected: it begins with nothing granted when it comes back."""
        self._release(agent)
        self._waiting.discard(agent)

    def count(self, agents: int) -> None:
        """How many agents there may be."""
        self._agents = agents

    def judge(self, now: float, age: float | None, delay: float) -> None:
        """To be called about once a second.

        *age*: below this 95 % of the batches of fresh results were that came since the last call, in seconds;
        None when none came. *delay*: seconds that the oldest result has waited for our disk.
        """
        passed = 0.0 if self._judged is None else max(now - self._judged, 0.0)
        self._judged = now
        if not self._waiting:
            if age is not None:
                self._usual_age = age
            self.rate = min(self.rate + GROWTH * passed, self.total)
            return
        is_late = age is not None and age > max(LATE, self._usual_age)
        if not is_late and delay <= SLOW:
            self.rate = min(self.rate + GROWTH * passed, self.total)
        elif now - self._cut_at >= REST:
            self._cut_at = now
            self.rate = max(self.rate / 2, min(LEAST, self.total))

    def _release(self, agent: str) -> None:
        self._sum -= self._granted.pop(agent, 0)
