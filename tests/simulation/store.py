"""A model of the collector's database: a transaction is durable whole or not at all, and may fail."""

import copy
import sqlite3

from simulation.world import World
from vedette_collector.store.database import AgentRow, CellRow, Loaded, Writing
from vedette_collector.store.entry import Entry, Row, entry


class ModelStore:
    """As `vedette_collector.store.database.Storage`, and the side file beside it."""

    def __init__(self, world: World) -> None:
        self.is_failing = False
        self.furthest = 0  # side file: the newest entry there ever was, as of the last checkpoint
        self.journal: dict[int, Row] = {}
        self._world = world
        self._cells: dict[tuple[str, str, str], CellRow] = {}
        self._states: dict[tuple[str, str, str], bytes] = {}
        self._agents: dict[str, AgentRow] = {}
        self._generations: dict[int, bytes] = {}
        self._facts: dict[str, int] = {}

    def write(self, writing: Writing) -> None:
        if self.is_failing and self._world.chance(0.7):
            raise _full()
        self._generations.update(writing.generations)
        self.journal.update((row[0], row) for row in writing.entries)
        for row in writing.cells:
            self._cells[row.agent, row.check, row.identity] = row
            if row.state is not None:
                self._states[row.agent, row.check, row.identity] = row.state
        self._agents.update((row.agent, row) for row in writing.agents)
        for key in writing.gone_cells:
            self._cells.pop(key, None)
            self._states.pop(key, None)
        for agent in writing.gone_agents:
            self._agents.pop(agent, None)
        self._facts.update(writing.facts)
        if self.is_failing:
            raise _full()  # it went to the disk all the same

    def load(self) -> Loaded:
        cells = [
            CellRow(*key, row.position, row.hidden_us, row.counters, self._states.get(key))
            for key, row in self._cells.items()
        ]
        agents, generations = list(self._agents.values()), sorted(self._generations.items())
        return Loaded(cells, agents, generations, dict(self._facts), max(self.journal, default=0))

    def entries(self, after: int) -> list[Entry]:
        return [entry(row) for number, row in sorted(self.journal.items()) if number > after]

    def backup(self) -> "ModelStore":
        made = copy.copy(self)
        for name in ("journal", "_cells", "_states", "_agents", "_generations", "_facts"):
            setattr(made, name, dict(getattr(self, name)))
        return made


def _full() -> sqlite3.Error:
    exc = sqlite3.OperationalError("model: full")
    exc.sqlite_errorcode = sqlite3.SQLITE_FULL
    exc.sqlite_errorname = "SQLITE_FULL"
    return exc
