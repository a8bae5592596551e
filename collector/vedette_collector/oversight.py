"""Looks over the fleet once a second: what agents may replay, what is pending for how long, who is gone."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from vedette.log import fields
from vedette_collector.acks import Acks
from vedette_collector.board import AGES, RATE_SLACK, AgentState, Board
from vedette_collector.budget import Budget
from vedette_collector.condition import Condition

log = logging.getLogger("vedette.collector.oversight")

SECONDS: Final = 1.0
FEW: Final = 100  # results that wait for an ack in an agent that keeps up
FEW_SECONDS: Final = 10.0  # or what it produces in this time
SHARE: Final = 0.95
TOLD: Final = 250  # agents that are told of a larger share at one look


class Oversight:
    """Says as a mapping what each agent may replay: `get` is asked for every ack."""

    def __init__(self, board: Board, condition: Condition) -> None:
        self.budget = Budget()
        self._board = board
        self._condition = condition
        self._ages = [0] * (len(AGES) + 1)
        self._suspected: set[str] = set()  # of which the log knows

    def get(self, agent: str) -> int | None:
        """Results a second, or None for an agent that the configuration does not have any more."""
        state = self._board.agents.get(agent)
        if state is None:
            return None
        return self.budget.grant(agent, has_backlog=has_backlog(state))

    async def run(self, acks: Acks, due: Callable[[], None]) -> None:
        """Until cancelled. *due* is called when there are *acks*."""
        loop = asyncio.get_running_loop()
        while True:
            self.look(loop.time())
            for agent in self.budget.short(TOLD):
                acks.note(agent)
            due()
            await asyncio.sleep(SECONDS)

    def look(self, mono: float) -> None:
        agents = self._board.agents
        totals = [0] * len(self._ages)
        for name, state in agents.items():
            state.waiting.look(self._board.ledger.book(name), mono)
            for index, count in enumerate(state.ages):
                totals[index] += count
            if not state.is_connected(mono):
                self.budget.gone(name)
            self._suspect(state, mono)
        self.budget.count(len(agents))
        since = [max(now - before, 0) for now, before in zip(totals, self._ages, strict=True)]
        self._ages = totals
        self.budget.judge(mono, age_below(since, SHARE), self._condition.store.waiting_seconds)

    def _suspect(self, state: AgentState, mono: float) -> None:
        if not state.clones.is_suspected(mono):
            self._suspected.discard(state.name)
        elif state.name not in self._suspected:
            self._suspected.add(state.name)
            log.warning("two processes speak as one agent", extra=fields(agent=state.name))


def age_below(counts: list[int], share: float) -> float | None:
    """The bound of the histogram below which *share* of its counts are. None for an empty one."""
    total = sum(counts)
    if not total:
        return None
    passed = 0
    for bound, count in zip((*AGES, math.inf), counts, strict=True):
        passed += count
        if passed >= share * total:
            return bound
    return math.inf


def has_backlog(state: AgentState) -> bool:
    """Whether the agent holds more than what is on its way."""
    beat = state.heartbeat
    if beat is None:
        return False
    return beat.pending > max(FEW, FEW_SECONDS * state.live.rate / RATE_SLACK)
