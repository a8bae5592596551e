"""Renders the status page and those of checks and incidents. What agents or targets said is escaped text."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

import vedette
from vedette_collector.board import Board
from vedette_collector.cell import BARS, Bar, Moment
from vedette_collector.condition import Condition
from vedette_collector.verdicts.figures import moment
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.words import headline
from vedette_collector.web import accounts, exhibits, incident_view, view
from vedette_collector.web.api import kind

KEEP_SECONDS: Final = 0.5  # a page serves all its readers this long
KEEP_PAGES: Final = 64
BAR_HEIGHT: Final = 28
MAX_SAID: Final = 20  # lines under the books


class Stroke(NamedTuple):
    """One run in the history of a check: where it stands and how high."""

    x: int
    y: int
    height: int
    outcome: str
    title: str


class Pages:
    """Page texts by path. Rendered anew at most twice a second, whoever asks and however often."""

    def __init__(self, board: Board, condition: Condition) -> None:
        self._board = board
        self._docket = condition.docket
        self._condition = condition
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._env = Environment(
            loader=PackageLoader("vedette_collector.web"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_printable,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._env.filters |= {
            "clock": clock,
            "iso": iso,
            "moment": moment,
            "duration": view.duration,
            "number": "{:,}".format,
            "seconds": lambda value: view.duration(round(value * 1e6)),
            "strokes": strokes,
            "kind": kind,
        }
        self._env.globals |= {
            "symbols": view.SYMBOLS,
            "words": view.WORDS,
            "incident_states": incident_view.STATES,
            "version": vedette.__version__,
            "bars_shown": BARS,
            "bar_height": BAR_HEIGHT,
        }
        # All of them now: an upgrade on disk must not mix its templates with the code that runs.
        for name in self._env.list_templates(extensions=["j2"]):
            self._env.get_template(name)

    def status(self, now: Moment) -> bytes:
        return self._fresh("/", now, lambda: self._status(now))

    def incidents(self, now: Moment) -> bytes:
        return self._fresh("/incidents", now, lambda: self._incidents(now))

    def incident(self, name: str, now: Moment) -> bytes | None:
        """None for one that is not known, or no longer."""
        found = self._docket.incidents.get(name)
        if found is None:
            return None
        return self._fresh(f"/incidents/{name}", now, lambda: self._incident(found, now))

    def check(self, name: str, now: Moment) -> bytes | None:
        """None for a check that the configuration does not have."""
        if name not in self._board.checks:
            return None
        return self._fresh(f"/checks/{name}", now, lambda: self._check(name, now))

    def evidence(self, name: str, agent: str, now: Moment) -> bytes | None:
        """None for a check that this agent does not run."""
        if name not in self._board.cells.get(agent, {}):
            return None
        return self._fresh(f"/evidence/{name}/{agent}", now, lambda: self._evidence(name, agent, now))

    def _fresh(self, path: str, now: Moment, render: Callable[[], str]) -> bytes:
        kept = self._kept.get(path)
        if kept is not None and now.mono - kept[0] < KEEP_SECONDS:
            return kept[1]
        if len(self._kept) >= KEEP_PAGES:
            self._kept.clear()
        body = render().encode()
        self._kept[path] = (now.mono, body)
        return body

    def _status(self, now: Moment) -> str:
        rows = view.rows(self._board, now.mono)
        agents = view.agents(self._board, rows, now.mono)
        shown = max(view.MAX_CELLS // max(len(agents), 1), 1)
        books = accounts.overview(self._board, self._condition, now)
        said = accounts.said(books)
        return self._env.get_template("status.html.j2").render(
            now=now.wall,
            ago=_ago(now.wall),
            incidents=incident_view.block(
                self._docket.held, view.watch(self._board, now.mono), now.wall, self._source()
            ),
            has_evidence=self._board.evidence.has,
            summary=view.summary(rows, agents, self._condition),
            rows=rows[:shown],
            hidden=len(rows) - len(rows[:shown]),
            agents=agents,
            results=view.latest(rows),
            books=books,
            said=said[:MAX_SAID],
            unsaid=len(said) - len(said[:MAX_SAID]),
        )

    def _incidents(self, now: Moment) -> str:
        found = incident_view.ordered(self._docket.incidents.values())
        shown = found[: incident_view.MAX_LISTED]
        return self._env.get_template("incidents.html.j2").render(
            now=now.wall,
            ago=_ago(now.wall),
            listed=[(each, headline(each)) for each in shown],
            unlisted=len(found) - len(shown),
        )

    def _incident(self, incident: Incident, now: Moment) -> str:
        return self._env.get_template("incident.html.j2").render(
            now=now.wall,
            ago=_ago(now.wall),
            shown=incident_view.view(incident, now.wall, self._source(), self._docket.extents),
        )

    def _source(self) -> incident_view.Source:
        return incident_view.Source(
            self._board.evidence.has, self._board.checks.__contains__, self._docket.explained_checks
        )

    def _check(self, name: str, now: Moment) -> str:
        row = view.row(self._board, self._board.checks[name], now.mono)
        return self._env.get_template("check.html.j2").render(
            now=now.wall,
            ago=_ago(now.wall),
            row=row,
            cells=view.troubled_first(row),
            has_evidence=self._board.evidence.has,
        )

    def _evidence(self, name: str, agent: str, now: Moment) -> str:
        return self._env.get_template("evidence.html.j2").render(
            now=now.wall,
            check=self._board.checks[name],
            agent=agent,
            exhibits=[exhibits.view(exhibit) for exhibit in self._board.evidence.of(name, agent)],
        )


def _printable(value: object) -> object:
    """Agents choose texts: what could turn a line around, or move a cursor, is shown as its code."""
    if type(value) is not str or value.isprintable():
        return value
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in value)


def clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _ago(now: float) -> Callable[[float], str]:
    def ago(at: float) -> str:
        age = max(now - at, 0.0)
        for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
            if age >= size:
                return f"{age / size:.0f} {unit} ago"
        return f"{age:.0f} s ago"

    return ago


def strokes(bars: list[Bar]) -> list[Stroke]:
    """The history as strokes, the newest at the right. A failure is full height, whatever it took."""
    longest = max((bar.seconds for bar in bars if bar.outcome == "ok" and bar.seconds), default=0.0)
    found = []
    for index, bar in enumerate(bars):
        share = bar.seconds / longest if bar.outcome == "ok" and bar.seconds and longest else 0.0
        height = BAR_HEIGHT if bar.outcome == "fail" else max(round(share * BAR_HEIGHT * 0.8), 3)
        took = "" if bar.seconds is None else f", {view.duration(round(bar.seconds * 1e6))}"
        title = f"{clock(bar.at)}: {view.WORDS[bar.outcome]}{took}"
        x = (BARS - len(bars) + index) * 5
        found.append(Stroke(x, BAR_HEIGHT - height, height, bar.outcome, title))
    return found
