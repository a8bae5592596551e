"""Which questions of the verdicts are put to agents, and what becomes of them. Pure.

Whoever can make targets fail could make agents probe: so what is asked for is bounded for each agent and for
the fleet, and an agent is only asked for checks that are its own.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from vedette.wire import limits
from vedette.wire.messages import Ask
from vedette_collector.board import Board
from vedette_collector.bucket import Bucket
from vedette_collector.cell import Moment
from vedette_collector.verdicts.evidence import Question

EXPIRY_SECONDS: Final = 10  # an answer that comes later than that tells nothing that the schedule does not
AGENT_RATE, AGENT_BURST = 1.0, 20.0  # probes a second of one agent, and at once
FLEET_RATE, FLEET_BURST = 20.0, 120.0
REASONS: Final = ("absent", "unassigned", "rate", "refused")  # why a probe is not asked for


class Asks:
    """Probes that agents were asked for. Counts them all."""

    def __init__(self, board: Board, *, is_on: bool = True) -> None:
        self.is_on = is_on
        self.asked = 0
        self.answered = 0
        self.expired = 0
        self.withheld: Counter[str] = Counter()
        self._board = board
        self._fleet = Bucket(FLEET_RATE, FLEET_BURST)
        self._of: dict[str, Bucket] = {}
        self._waiting: dict[tuple[str, str], float] = {}  # by agent and check: monotonic, when it expires

    def messages(self, questions: Iterable[Question], now: Moment) -> list[Ask]:
        """What to send; each of these probes is waited for until it expires."""
        if not self.is_on:
            return []
        sent_us = round(now.wall * 1e6)
        made: list[Ask] = []
        for question in questions:
            checks = self._admitted(question, now.mono)
            for first in range(0, len(checks), limits.MAX_ASKED):
                made.append(
                    Ask(
                        v=limits.VERSION,
                        agent=question.agent,
                        sent_us=sent_us,
                        expires_us=sent_us + EXPIRY_SECONDS * 1_000_000,
                        checks=checks[first : first + limits.MAX_ASKED],
                    )
                )
        return made

    def _admitted(self, question: Question, mono: float) -> list[str]:
        state = self._board.agents.get(question.agent)
        if state is None or not state.is_connected(mono):
            self.withheld["absent"] += len(question.checks)
            return []
        row = self._board.cells[question.agent]
        bucket = self._of.setdefault(question.agent, Bucket(AGENT_RATE, AGENT_BURST))
        checks: list[str] = []
        for check in question.checks:
            key = question.agent, check
            if key in self._waiting or check in checks:
                continue
            if check not in row:
                self.withheld["unassigned"] += 1
            elif not (bucket.admits(mono) and self._fleet.admits(mono)):
                self.withheld["rate"] += 1
            else:
                bucket.charge(1.0)
                self._fleet.charge(1.0)
                self._waiting[key] = mono + EXPIRY_SECONDS
                checks.append(check)
        return checks

    def sent(self, ask: Ask) -> None:
        """The broker has it."""
        self.asked += len(ask.checks)

    def refused(self, ask: Ask) -> None:
        """The broker did not take it: nobody is waited for."""
        self.withheld["refused"] += len(ask.checks)
        for check in ask.checks:
            self._waiting.pop((ask.agent, check), None)

    def answer(self, agent: str, check: str) -> bool:
        """A result came that was asked for, as its agent says. Whether one is waited for."""
        is_awaited = self._waiting.pop((agent, check), None) is not None
        self.answered += is_awaited
        return is_awaited

    def expire(self, mono: float) -> None:
        for key in [key for key, until in self._waiting.items() if until < mono]:
            del self._waiting[key]
            self.expired += 1
        for agent in self._of.keys() - self._board.agents.keys():
            del self._of[agent]
