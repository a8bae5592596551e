"""The collector's whole knowledge: which cells and agents exist, and what they last said.

Only the configuration creates a cell or an agent. A message can change what exists, never add to it.
"""

from collections import Counter
from typing import Final

from vedette.checks.model import Assignment, Check, Vantage
from vedette.wire import limits
from vedette.wire.messages import Heartbeat, Presence
from vedette_collector.bucket import Bucket
from vedette_collector.cell import Cell, Moment
from vedette_collector.evidence import Shelf

SILENT_SECONDS: Final = 3.5 * limits.HEARTBEAT_SECONDS  # three heartbeats missed, and some slack
RATE_SLACK: Final = 5.0  # an agent may send this many times what its checks produce
MIN_BURST: Final = 2.0 * limits.MAX_BATCH_RESULTS
REPLAY_RATE: Final = 3000.0  # results/s: what a replaying agent is allowed at most
TALK_RATE: Final = 1.0  # heartbeats and presences per second
TALK_BURST: Final = 30.0
EVIDENCE_RATE: Final = 70.0  # KiB/s: one record of full size a second. Its own, so that it silences nobody
EVIDENCE_BURST: Final = 1500.0


class AgentState:
    """One agent: what it is allowed, what it said of itself, and what was counted for it."""

    def __init__(self, vantage: Vantage, contracted: float) -> None:
        self.name = vantage.name
        self.tags = vantage.tags
        self.live = Bucket(0.0, 0.0)
        self.replay = Bucket(REPLAY_RATE, 2 * REPLAY_RATE)
        self.talk = Bucket(TALK_RATE, TALK_BURST)
        self.evidence = Bucket(EVIDENCE_RATE, EVIDENCE_BURST)
        self.contract(vantage, contracted)
        self.presence: Presence | None = None
        self.heartbeat: Heartbeat | None = None
        self.heard: float | None = None  # monotonic time of the last sign of life; None once gone
        self.seen_at: float | None = None  # wall time of the last message that was not retained
        self.applied = 0
        self.late = 0
        self.missed = 0

    def contract(self, vantage: Vantage, rate: float) -> None:
        """Take over tags and the rate of results that the configuration lets this agent produce."""
        self.tags = vantage.tags
        allowed = RATE_SLACK * rate + 1.0
        burst = max(MIN_BURST, 60 * allowed)
        if (allowed, burst) != (self.live.rate, self.live.burst):
            self.live = Bucket(allowed, burst)

    def hear(self, now: Moment, *, late: bool = False) -> None:
        # What is sent again comes by another connection: it may be read after the goodbye that followed it.
        if not late or self.heard is not None:
            self.heard = now.mono
        self.seen_at = now.wall

    def is_connected(self, mono: float) -> bool:
        """An agent that said goodbye, or for which the broker said it, is gone at once; a silent one soon."""
        return self.heard is not None and mono - self.heard <= SILENT_SECONDS


class Board:
    """Cells by agent and check, agents by name, and the rejections."""

    def __init__(self, assignment: Assignment) -> None:
        self.agents: dict[str, AgentState] = {}
        self.cells: dict[str, dict[str, Cell]] = {}
        self.checks: dict[str, Check] = {}
        self.rejected: Counter[str] = Counter()
        self.evidence = Shelf()
        self.evidence_rejected: Counter[str] = Counter()
        self.version = 0  # grows with every change that a reader of the page would want to see
        self.assignment = assignment
        self.configure(assignment)

    def configure(self, assignment: Assignment) -> None:
        """Switch to *assignment*. A cell lives on while its agent, name, kind and target are the same."""
        self.assignment = assignment
        self.checks = {check.name: check for check in assignment.checks}
        agents: dict[str, AgentState] = {}
        cells: dict[str, dict[str, Cell]] = {}
        for vantage in assignment.agents:
            checks = [self.checks[name] for name in assignment.by_agent.get(vantage.name, ())]
            rate = sum(1 / check.interval for check in checks)
            state = self.agents.get(vantage.name)
            if state is None:
                state = AgentState(vantage, rate)
            else:
                state.contract(vantage, rate)
            agents[vantage.name] = state
            known = self.cells.get(vantage.name, {})
            cells[vantage.name] = {check.name: _cell(known, check, vantage.name) for check in checks}
        self.agents, self.cells = agents, cells
        self.evidence.retain({(check, agent) for agent, row in cells.items() for check in row})
        self.version += 1

    def all_cells(self) -> list[Cell]:
        """In the order of the configuration: agent by agent."""
        return [cell for row in self.cells.values() for cell in row.values()]

    def row(self, check: str) -> list[Cell]:
        """The cells of one check, agent by agent."""
        return [row[check] for row in self.cells.values() if check in row]

    def appear(self, agent: AgentState, presence: Presence, now: Moment, *, retained: bool) -> None:
        """An agent, or the broker for it, said that it is there or gone."""
        current = agent.presence
        if presence.state == "gone" and current is not None and current.epoch != presence.epoch:
            return  # the will of an earlier process; a later one is here already
        agent.presence = presence
        # A retained "online" counts too: it earns the time in which a heartbeat must follow.
        agent.heard = now.mono if presence.state == "online" else None
        if not retained:
            agent.seen_at = now.wall
        self.version += 1


def _cell(known: dict[str, Cell], check: Check, agent: str) -> Cell:
    cell = known.get(check.name)
    if cell is None or type(cell.check) is not type(check) or cell.check.target != check.target:
        return Cell(check, agent)
    if cell.check != check:
        cell.check = check
        cell.blocks = None
    return cell
