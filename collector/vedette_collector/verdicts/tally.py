"""What agents say about one thing, one name each, and when it counts.

Names come from targets, and targets change their mind: an alias that leads to another network with every
question must not make another topology with every answer. So a new name counts at once where two agents say
it and nothing is known of them yet; else after it stood for a minute, for two when it changed once before,
and so on up to two hours.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

HOLD_SECONDS: Final = 60.0
MAX_PATIENCE: Final = 7  # doublings

_SILENT: Final = 0  # number of the name of who said nothing
_NONE: Final = 1  # of who said that there is none


class Tally:
    """For agents numbered from 0. At most *limit* names are kept; what is new beyond them is not heard.

    *least*: agents who must agree before a name is `shared`. *is_each*: only what `each` says is asked for.
    """

    def __init__(self, agents: int, limit: int, *, least: int = 2, is_each: bool = False) -> None:
        self.waiting: set[int] = set()  # agents whose newest name does not count yet
        self._limit = limit
        self._least = least
        self._is_each = is_each
        self._names: list[str | None] = [None, None]
        self._numbers: dict[str | None, int] = {None: _NONE}
        self._said = array("H", bytes(2 * agents))
        self._held = array("H", bytes(2 * agents))
        self._since = array("d", bytes(8 * agents))
        self._patience = bytearray(agents)
        self._saying = [agents, 0]  # by number of the name: how many agents
        self._holding = [agents, 0]

    def say(self, agent: int, name: str | None, at: float) -> bool:
        """Whether it is another name than this agent said before. None: there is none."""
        old = self._said[agent]
        if self._numbers.get(name) == old:
            return False
        self._saying[old] -= 1  # first, so that its own old name can make room
        number = self._number(name)
        if number is None:
            self._saying[old] += 1
            return False
        self._saying[number] += 1
        self._said[agent] = number
        self._since[agent] = at
        if number == self._held[agent]:
            self.waiting.discard(agent)
        else:
            self.waiting.add(agent)
        return True

    def settle(self, now: float) -> bool:
        """Let count what stood long enough; whether what is asked for may be something else now."""
        ripe = [agent for agent in self.waiting if self._counts(agent, now)]
        if not ripe:
            return False
        before = _NONE if self._is_each else self._shared()
        touched = {before}
        for agent in ripe:
            number, old = self._said[agent], self._held[agent]
            if old != _SILENT:
                self._patience[agent] = min(self._patience[agent] + 1, MAX_PATIENCE)
            self._holding[old] -= 1
            self._holding[number] += 1
            self._held[agent] = number
            touched |= {number, old}
        self.waiting.difference_update(ripe)
        return self._is_each or self._shared() != before or bool(touched - {before, _SILENT, _NONE})

    def _counts(self, agent: int, now: float) -> bool:
        age = now - self._since[agent]
        if self._held[agent] == _SILENT:
            return self._saying[self._said[agent]] > 1 or age >= HOLD_SECONDS
        return age >= HOLD_SECONDS * (1 << self._patience[agent])

    @property
    def shared(self) -> str | None:
        """What more than half of those say that say anything; None: nothing, or no name.

        Two say it at least, where more than one can: what one makes up is never taken for everybody's.
        """
        return self._names[self._shared()]

    def _shared(self) -> int:
        known = len(self._held) - self._holding[_SILENT]
        most = max(range(_NONE, len(self._holding)), key=self._holding.__getitem__)
        is_so = 2 * self._holding[most] > known and self._holding[most] >= self._least
        return most if is_so else _NONE

    def apart(self) -> Iterator[tuple[int, str]]:
        """Agents that say another name than the shared one."""
        shared = self._shared()
        if sum(self._holding[number] for number in {_SILENT, _NONE, shared}) < len(self._held):
            for agent, name in self.each():
                if name != self._names[shared]:
                    yield agent, name

    def each(self) -> Iterator[tuple[int, str]]:
        """What every agent says that says a name."""
        for agent, number in enumerate(self._held):
            name = self._names[number]
            if name is not None:
                yield agent, name

    def copied(self, origin: Sequence[int], *, least: int) -> "Tally":
        """The same for other agents: *origin* has the old number of each, -1 where it is new."""
        made = Tally(len(origin), self._limit, least=least, is_each=self._is_each)
        made._names, made._numbers = list(self._names), dict(self._numbers)
        # The last place of each, which is -1, is for who is new.
        said, held, since = [*self._said, _SILENT], [*self._held, _SILENT], [*self._since, 0.0]
        patience = [*self._patience, 0]
        made._said = array("H", [said[old] for old in origin])
        made._held = array("H", [held[old] for old in origin])
        made._since = array("d", [since[old] for old in origin])
        made._patience = bytearray(patience[old] for old in origin)
        for counts, numbers in ((made._saying, made._said), (made._holding, made._held)):
            found = Counter(numbers)
            counts[:] = [found[number] for number in range(len(made._names))]
        made.waiting = {new for new, old in enumerate(origin) if old in self.waiting}
        return made

    def _number(self, name: str | None) -> int | None:
        found = self._numbers.get(name)
        if found is not None:
            return found
        if len(self._names) < self._limit + 2:
            self._names.append(name)
            self._saying.append(0)
            self._holding.append(0)
            found = len(self._names) - 1
        else:
            found = next(
                (n for n in range(2, len(self._names)) if not self._saying[n] and not self._holding[n]), None
            )
            if found is None:
                return None
            del self._numbers[self._names[found]]
            self._names[found] = name
        self._numbers[name] = found
        return found
