"""What the pages and the API show, as plain records made from the board at one moment. Pure."""

from typing import Final, NamedTuple

from vedette.checks.model import Check
from vedette.wire.messages import Phase, Result
from vedette_collector.board import AgentState, Board
from vedette_collector.cell import Bar, Cell, Seen, State, label
from vedette_collector.condition import Condition
from vedette_collector.exposition.text import safe_version
from vedette_collector.ledger import Figures
from vedette_collector.web.incident_view import Watch

MAX_CELLS: Final = 6000  # of the matrix: beyond it the page would be too long for anybody
MAX_RESULTS: Final = 20
MAX_TROUBLES: Final = 8
MAX_NAMES: Final = 4
PHASE_ORDER: Final[tuple[Phase, ...]] = (
    "resolve",
    "connect",
    "tls",
    "request",
    "rtt",
    "processing",
    "transfer",
)

SYMBOLS: Final[dict[str, str]] = {"ok": "✓", "fail": "✕", "not_run": "!", "no_data": "?", "unassigned": "·"}
WORDS: Final[dict[str, str]] = {
    "ok": "ok",
    "fail": "failing",
    "not_run": "not run",
    "no_data": "no data",
    "unassigned": "not assigned",
}
_SEVERITY: Final[dict[State, int]] = {"fail": 0, "no_data": 1, "not_run": 2, "ok": 3}


class Slice(NamedTuple):
    """One phase of a probe, with its place in the bar in per mille of the whole."""

    phase: str
    seconds: float
    start: int
    width: int


class CellView(NamedTuple):
    """A cell at this moment. What only a few cells of a page show is made when it is asked for."""

    cell: Cell
    check: str
    agent: str
    state: State
    text: str  # what stands in the matrix: a duration or a code
    since: float | None  # wall time at which the outcome became what it is
    seen: Seen | None  # the result that the state rests on, or the last one there was

    @property
    def slices(self) -> list[Slice]:
        return [] if self.seen is None else slices(self.seen.result)

    @property
    def bars(self) -> list[Bar]:
        """Oldest first."""
        return self.cell.bars.all()

    @property
    def episodes(self) -> list[Seen]:
        """Newest first."""
        return list(reversed(self.cell.episodes))


class Row(NamedTuple):
    check: Check
    state: State  # the worst of its cells
    failing: int
    cells: dict[str, CellView]  # by agent; an agent without the check is missing


class AgentView(NamedTuple):
    state: AgentState
    connected: bool
    version: str
    current: bool | None  # runs the configuration that we have; None before it said so
    checks: int
    failing: int
    offset_seconds: float | None
    books: Figures


class Trouble(NamedTuple):
    """One failing check in a line: is it everywhere or is it a vantage, and what is it?"""

    check: str
    where: str  # "all 3 vantages", "1 of 3 vantages: nyc-01"
    codes: str


class Summary(NamedTuple):
    """The first lines: what on-call reads."""

    state: State
    sentence: str
    troubles: list[Trouble]
    untold: int  # failing checks beyond those
    problems: list[str]  # of the collector itself


def cell_view(cell: Cell, mono: float) -> CellView:
    state = cell.state(mono)
    seen = cell.spoiled if state == "not_run" else cell.last
    text = WORDS[state]
    if seen is not None and state == "ok":
        text = duration(seen.result.duration_us)
    elif seen is not None and state in ("fail", "not_run"):
        text = label(seen.result)
    return CellView(cell, cell.check.name, cell.agent, state, text, cell.changed_at, seen)


def row(board: Board, check: Check, mono: float) -> Row:
    cells = {cell.agent: cell_view(cell, mono) for cell in board.row(check.name)}
    states = [view.state for view in cells.values()]
    worst: State = min(states, key=_SEVERITY.__getitem__) if states else "no_data"
    return Row(check, worst, states.count("fail"), cells)


def rows(board: Board, mono: float) -> list[Row]:
    """Every check: what fails comes first, from most vantages before from few; then as the file has them."""
    found = [row(board, check, mono) for check in board.checks.values()]
    return sorted(found, key=lambda each: (_SEVERITY[each.state], -each.failing / max(len(each.cells), 1)))


def troubled_first(one: Row) -> list[CellView]:
    """The cells of a check, what is wrong before what is not."""
    return sorted(one.cells.values(), key=lambda cell: _SEVERITY[cell.state])


def latest(all_rows: list[Row], limit: int = MAX_RESULTS) -> list[CellView]:
    """Last results: what fails first, the newest change before others; then the newest of the rest."""
    cells = [cell for each in all_rows for cell in each.cells.values() if cell.seen is not None]
    cells.sort(key=lambda cell: (cell.state != "fail", -_moment(cell)))
    return cells[:limit]


def _moment(cell: CellView) -> float:
    if cell.state == "fail" and cell.since is not None:
        return cell.since
    return cell.seen.at if cell.seen is not None else 0.0


def agents(board: Board, all_rows: list[Row], mono: float) -> list[AgentView]:
    found = []
    for agent in board.agents.values():
        presence, beat = agent.presence, agent.heartbeat
        own = [each.cells[agent.name] for each in all_rows if agent.name in each.cells]
        stated = None if presence is None else presence.config_hash
        offset = None if beat is None or beat.clock_offset_us is None else beat.clock_offset_us / 1e6
        found.append(
            AgentView(
                agent,
                agent.is_connected(mono),
                "" if presence is None else safe_version(presence.version),
                None if stated is None else stated == board.assignment.config_hash,
                len(own),
                sum(cell.state == "fail" for cell in own),
                offset,
                board.figures(agent),
            )
        )
    return found


def watch(board: Board, mono: float) -> Watch:
    """Who looks now: fresh results of connected agents. An agent that names no network is one of its own."""
    probes, networks, agents = 0, set[tuple[str, str]](), 0
    for name, agent in board.agents.items():
        fresh = sum(cell.state(mono) in ("ok", "fail") for cell in board.cells[name].values())
        if fresh and agent.is_connected(mono):
            probes, agents = probes + fresh, agents + 1
            network = agent.tags.get("network") or agent.tags.get("asn")
            networks.add(("network", network) if network else ("agent", name))
    return Watch(probes, agents, len(networks))


def summary(all_rows: list[Row], all_agents: list[AgentView], condition: Condition) -> Summary:
    failing = sum(each.state == "fail" for each in all_rows)
    states = [cell.state for each in all_rows for cell in each.cells.values()]
    missing = states.count("no_data") + states.count("not_run")
    away = [agent.state.name for agent in all_agents if not agent.connected]
    parts = []
    if failing:
        parts.append(f"{failing} of {_count(len(all_rows), 'check')} failing")
    if missing:
        parts.append(f"{missing} of {_count(len(states), 'result')} missing")
    if away:
        parts.append(f"{len(away)} of {_count(len(all_agents), 'agent')} not connected")
    state: State = "fail" if failing else "no_data" if missing or away or not all_rows else "ok"
    if not all_rows:
        parts.append("The configuration has no checks")
    sentence = ", ".join(parts) or (
        f"All {_count(len(all_rows), 'check')} ok from {_count(len(all_agents), 'vantage')}"
    )
    problems = condition.not_ready()
    if condition.reload_error is not None:
        problems.append(
            f"the configuration was not reloaded, the one before still runs: {condition.reload_error}"
        )
    troubles = [_trouble(each) for each in all_rows[:MAX_TROUBLES] if each.state == "fail"]
    return Summary(state, sentence, troubles, failing - len(troubles), problems)


def _trouble(row: Row) -> Trouble:
    failing = [cell for cell in row.cells.values() if cell.state == "fail"]
    total = _count(len(row.cells), "vantage")
    names = ", ".join(cell.agent for cell in failing[:MAX_NAMES])
    more = f" and {len(failing) - MAX_NAMES} more" if len(failing) > MAX_NAMES else ""
    everywhere = len(failing) == len(row.cells)
    where = f"all {total}" if everywhere and len(failing) > 1 else f"{len(failing)} of {total}: {names}{more}"
    return Trouble(row.check.name, where, ", ".join(sorted({cell.text for cell in failing})))


def slices(result: Result) -> list[Slice]:
    """The phases in the order in which they happen, in per mille of their sum."""
    phases = [(phase, result.phases_us[phase]) for phase in PHASE_ORDER if phase in result.phases_us]
    total = sum(us for _, us in phases) or 1
    found, passed = [], 0
    for phase, us in phases:
        start, end = 1000 * passed // total, 1000 * (passed + us) // total
        found.append(Slice(phase, us / 1e6, start, end - start))
        passed += us
    return found


def duration(us: int | None) -> str:
    """Three digits at most, with the unit that suits: "840 µs", "12.3 ms", "4.50 s"."""
    if us is None:
        return ""
    for scale, unit in ((1, "µs"), (1000, "ms")):
        value = us / scale
        if value < 999.5:
            return f"{value:.0f} {unit}" if scale == 1 or value >= 99.95 else f"{value:.3g} {unit}"
    return f"{us / 1e6:.3g} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
