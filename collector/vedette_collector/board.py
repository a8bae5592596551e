"""The collector's whole knowledge: which cells and agents exist, and what they last said.

Only the configuration creates a cell or an agent. A message can change what exists, never add to it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from vedette.checks.model import Assignment, Check, Vantage
from vedette.wire import limits
from vedette.wire.messages import Heartbeat, Presence
from vedette_collector.bucket import Bucket, Quota
from vedette_collector.cell import Cell, Moment, Tally
from vedette_collector.clones import Clones
from vedette_collector.evidence import Shelf
from vedette_collector.ledger import Figures, Ledger
from vedette_collector.waiting import Waiting

SILENT_SECONDS: Final = 3.5 * limits.HEARTBEAT_SECONDS  # three heartbeats missed, and some slack
RATE_SLACK: Final = 5.0  # an agent may send this many times what its checks produce
MIN_BURST: Final = 2.0 * limits.MAX_BATCH_RESULTS
REPLAY_RATE: Final = 3000.0  # results/s: what a replaying agent is allowed at most
TALK_RATE: Final = 1.0  # heartbeats and presences per second
TALK_BURST: Final = 30.0
EVIDENCE_RATE: Final = 70.0  # KiB/s: one record of full size a second. Its own, so that it silences nobody
EVIDENCE_BURST: Final = 1500.0
OPENINGS: Final = 64  # epochs that an agent may begin in an hour
BAD_CLOCK_US: Final = 2_000_000  # an agent's clock that is farther from ours is a bad one,
UNKNOWN_SECONDS: Final = 60.0  # and so is one of which nobody knows for so long how far it is
AGES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds; bounds of the histogram

Identities = Mapping[str, str]  # check to what is probed by it


class AgentState:
    """One agent: what it is allowed, what it said of itself, and what was counted for it."""

    def __init__(self, vantage: Vantage, contracted: float) -> None:
        self.name = vantage.name
        self.tags = vantage.tags
        self.live = Bucket(0.0, 0.0)
        self.replay = Bucket(REPLAY_RATE, 2 * REPLAY_RATE)
        self.talk = Bucket(TALK_RATE, TALK_BURST)
        self.evidence = Bucket(EVIDENCE_RATE, EVIDENCE_BURST)
        self.openings = Quota(OPENINGS, 3600.0)
        self._most = (0.0, 0.0)  # rate and burst: what it was ever allowed, for what it has kept since then
        self.contract(vantage, contracted)
        self.presence: Presence | None = None
        self.heartbeat: Heartbeat | None = None
        self.unsynced: float | None = None  # monotonic time since which it does not know how far its clock is
        self.heard: float | None = None  # monotonic time of the last sign of life; None once gone
        self.seen_at: float | None = None  # wall time of the last message that was not retained
        self.ages = [0] * (len(AGES) + 1)  # of live batches on arrival, by AGES; not cumulative
        self.age_sum = 0.0
        self.duplicates = 0  # results that came again
        self.clones = Clones()
        self.waiting = Waiting()

    def contract(self, vantage: Vantage, rate: float) -> None:
        """Take over tags and the rate of results that the configuration lets this agent produce."""
        self.tags = vantage.tags
        allowed = RATE_SLACK * rate + 1.0
        burst = max(MIN_BURST, 60 * allowed)
        if (allowed, burst) != (self.live.rate, self.live.burst):
            self.live = Bucket(allowed, burst)
        self._most = (max(allowed, self._most[0]), max(burst, self._most[1]))

    def producible(self, seconds: float) -> int:
        """How many results it can have produced in *seconds*."""
        rate, burst = self._most
        return int(burst + rate * seconds)

    def arrived(self, age: float) -> None:
        """The newest result of a live batch was *age* seconds old when it came."""
        age = max(age, 0.0)
        self.ages[bisect_left(AGES, age)] += 1
        self.age_sum += age

    def hear(self, now: Moment, *, late: bool = False) -> None:
        # What is sent again comes by another connection: it may be read after the goodbye that followed it.
        if not late or self.heard is not None:
            self.heard = now.mono
        self.seen_at = now.wall

    def beat(self, heartbeat: Heartbeat, now: Moment) -> None:
        is_other = self.heartbeat is None or self.heartbeat.epoch != heartbeat.epoch
        if heartbeat.clock_offset_us is not None:
            self.unsynced = None
        elif self.unsynced is None or is_other:
            self.unsynced = now.mono
        self.heartbeat = heartbeat

    def is_clock_bad(self, mono: float) -> bool | None:
        """None while it is not connected, or has not said anything about its clock."""
        if self.heartbeat is None or not self.is_connected(mono):
            return None
        if self.heartbeat.clock_offset_us is not None:
            return abs(self.heartbeat.clock_offset_us) > BAD_CLOCK_US
        return self.unsynced is not None and mono - self.unsynced > UNKNOWN_SECONDS

    def is_connected(self, mono: float) -> bool:
        """An agent that said goodbye, or for which the broker said it, is gone at once; a silent one soon."""
        return self.heard is not None and mono - self.heard <= SILENT_SECONDS


class Board:
    """Cells by agent and check, agents by name, the books of them all, and the rejections.

    What the configuration has no more is hidden: its counters are still in the books, and go on when it comes
    back. Each configuration has a number, by which the journal says what a check's name meant at that time.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.agents: dict[str, AgentState] = {}
        self.cells: dict[str, dict[str, Cell]] = {}
        self.hidden: dict[str, dict[tuple[str, str], Tally]] = {}  # by agent, check and identity
        self.checks: dict[str, Check] = {}
        self.identities: Identities = {}
        self.generation = 0
        self.generations: dict[int, Identities] = {}
        self.ledger = Ledger()
        self.rejected: Counter[str] = Counter()
        self.deferred = 0  # results left to their agents, because the store does not keep up
        self.evidence = Shelf()
        self.evidence_rejected: Counter[str] = Counter()
        self.version = 0  # grows with every change that a reader of the page would want to see
        self.assignment = assignment
        self.configure(assignment)

    def configure(self, assignment: Assignment, now_us: int = 0) -> None:
        """Switch to *assignment*. A cell lives on while its agent, name, kind and target are the same."""
        self.assignment = assignment
        self.checks = {check.name: check for check in assignment.checks}
        self.identities = {check.name: identity(check) for check in assignment.checks}
        self._number(self.identities)
        before = {(cell.agent, cell.check.name, cell.identity): cell for cell in self.all_cells()}
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
            cells[vantage.name] = {
                check.name: self._cell(
                    before.pop((vantage.name, check.name, self.identities[check.name]), None),
                    check,
                    vantage.name,
                )
                for check in checks
            }
        self.agents, self.cells = agents, cells
        for (agent, check, what), gone in before.items():
            gone.hidden_us = now_us
            self.hidden.setdefault(agent, {})[check, what] = gone
        self.evidence.retain({(check, agent) for agent, row in cells.items() for check in row})
        self.version += 1

    def _cell(self, cell: Cell | None, check: Check, agent: str) -> Cell:
        if cell is None:
            cell = Cell(check, agent, self.identities[check.name])
            known = self.hidden.get(agent, {}).pop((check.name, cell.identity), None)
            if known is not None:
                cell.adopt(known)
        elif cell.check != check:
            cell.check = check
            cell.blocks = None
        return cell

    def remember(self, generations: Mapping[int, Identities]) -> None:
        """Go on from the configurations that are stored."""
        self.generations = dict(generations)
        self._number(self.identities)

    def _number(self, identities: Identities) -> None:
        """Give *identities* the number they had at last, or the next one."""
        newest = max(self.generations, default=0)
        if self.generations.get(newest) != identities:
            newest += 1
            self.generations[newest] = identities
        self.generation = newest

    def tally(self, agent: str, check: str, generation: int) -> Tally | None:
        """Where results of *check*, as *generation* has it, are counted. None for a name it does not have."""
        cell = self.cells.get(agent, {}).get(check)
        if cell is not None and generation == self.generation:
            return cell
        what = self.generations.get(generation, {}).get(check)
        if what is None:
            return None
        if cell is not None and cell.identity == what:
            return cell
        return self.hidden.setdefault(agent, {}).setdefault((check, what), Tally())

    def figures(self, agent: AgentState) -> Figures:
        """The books of *agent*, held against its own last word."""
        beat = agent.heartbeat
        held, gaps = ([], []) if beat is None else (beat.held, beat.gaps)
        return self.ledger.book(agent.name).figures(held, gaps)

    def counted(self, agent: str) -> int:
        """Results of *agent* in the counters of all checks, those that are hidden too."""
        shown = self.cells.get(agent, {}).values()
        hidden = self.hidden.get(agent, {}).values()
        return sum(cell.total for cell in shown) + sum(tally.total for tally in hidden)

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


def identity(check: Check) -> str:
    """What *check* probes. Two checks of one name that probe different things have no counter in common."""
    return blake2b(f"{type(check).__name__}\0{check.target}".encode(), digest_size=8).hexdigest()
