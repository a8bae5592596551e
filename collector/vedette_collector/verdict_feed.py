"""What of the results the verdicts hear, and when by the corrected clock. Pure.

A result is observed when it is the newest of its cell and may change something: a probe that is known to be
ok and is ok again is skipped before it gets here. Late results never come here.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Protocol

from msgspec.structs import replace

from vedette.wire import limits
from vedette.wire.messages import Result
from vedette_collector.asks import Asks
from vedette_collector.board import Board
from vedette_collector.cell import Cell, Moment, Way, label
from vedette_collector.verdicts import denied
from vedette_collector.verdicts.evidence import Observation
from vedette_collector.verdicts.learned import Learned

OLDEST_SECONDS: Final = 2.0 * limits.LIVE_EXPIRY_SECONDS  # what is fresh cannot have ended before that
LOOKED_AT: Final = 2000  # cells between two turns of the loop; some 0.2 µs each


class Hears(Protocol):
    """The engine, as far as this module goes."""

    def observe(self, observation: Observation, /) -> None: ...

    def asked(self, agent: str, checks: Iterable[str], at: float, /) -> None: ...

    def unknown(self, agent: str, check: str, /) -> None: ...

    def gone(self, agent: str, at: float, /) -> None: ...

    def stopped(self, agent: str, /) -> None: ...

    def back(self, agent: str, at: float, /) -> None: ...


class Feed:
    """Tells *engine* what *board* learns. `is_new` says that there is something to decide.

    While the engine decides in another thread, what comes is kept back: `hold` and `release`. So is what is
    of a new configuration, until the engine knows it: `arranged`.
    """

    def __init__(self, engine: Hears, board: Board, asks: Asks) -> None:
        self.is_new = False
        self.observed = 0
        self.error: Exception | None = None  # the engine has a bug: it is to be replaced
        self.failing: set[tuple[str, str]] = set()  # agent and check
        self._engine = engine
        self._board = board
        self._asks = asks
        self._assignment = board.assignment  # that the engine knows
        self._held: list[Callable[[], None]] | None = None

    def result(self, cell: Cell, result: Result, at: float) -> None:
        """The newest result of *cell*, or of another way to its target, which ended at *at*."""
        if result.bypass is None:
            if result.outcome == "not_run":
                self._unknown(cell)
                return
            cell.told_ok, cell.told_unknown = result.outcome == "ok", False
            key = cell.agent, cell.check.name
            self.failing.discard(key) if cell.told_ok else self.failing.add(key)
            if result.asked and not self._asks.answer(*key) and cell.told_ok:
                result = replace(result, asked=False)  # an agent cannot make up that it was asked
        self.observed += 1
        self._tell(partial(self._engine.observe, _observation(cell, at, result)))

    def asked(self, agent: str, checks: Iterable[str], at: float) -> None:
        """These probes were asked for."""
        self._tell(partial(self._engine.asked, agent, checks, at))

    def use(self, engine: Hears) -> None:
        """Go on with another one, which knows nothing yet: `resume`."""
        self._engine, self.error, self._held = engine, None, None

    def resume(self, now: Moment) -> None:
        """Tell a new engine what is known, as far as it is still worth showing. `hold` nothing then."""
        present: dict[str, float] = {}
        found: list[Observation] = []
        self.failing.clear()
        for cell in self._board.all_cells():
            cell.told_ok = cell.told_unknown = False
            if cell.last is None or cell.spoiled is not None or not cell.is_fresh(now.mono):
                continue
            present[cell.agent] = max(cell.last.at, present.get(cell.agent, 0.0))
            cell.told_ok = cell.last.result.outcome == "ok"
            if not cell.told_ok:
                self.failing.add((cell.agent, cell.check.name))
            if cell.episodes:
                found += remembered(cell)
        for agent, at in present.items():
            self._tell(partial(self._engine.back, agent, min(at, now.wall)))
        for observation in sorted(found, key=lambda each: each.at):
            # Not later than now, where our clock was set back meanwhile.
            seen = observation if observation.at <= now.wall else replace(observation, at=now.wall)
            self._tell(partial(self._engine.observe, seen))
        self.is_new = True

    def gone(self, agent: str, at: float, *, has_stopped: bool) -> None:
        """It was heard of last at *at*."""
        for name, cell in self._board.cells.get(agent, {}).items():
            cell.told_unknown = False
            self.failing.discard((agent, name))
        if has_stopped:
            self._tell(partial(self._engine.stopped, agent))
        else:
            self._tell(partial(self._engine.gone, agent, at))

    def back(self, agent: str, at: float) -> None:
        self._tell(partial(self._engine.back, agent, at))

    def expire(self, mono: float) -> Iterator[None]:
        """Tell of cells that have no result, or one that is too old; a pause at every yield."""
        for number, cell in enumerate(self._board.all_cells(), 1):
            if not cell.told_unknown and not cell.is_fresh(mono):
                self._unknown(cell)
            if number % LOOKED_AT == 0:
                yield

    def _unknown(self, cell: Cell) -> None:
        cell.told_ok, cell.told_unknown = False, True
        self.failing.discard((cell.agent, cell.check.name))
        self._tell(partial(self._engine.unknown, cell.agent, cell.check.name))

    def facts(self, learned: Learned) -> Iterator[None]:
        """Tell *learned* what results of targets that work said since it was told last; one cell a step."""
        for cell in self._board.all_cells():
            self._teach(learned, cell, cell)
            for way in (cell.ways or {}).values():
                self._teach(learned, cell, way)
            yield

    def forgotten(self) -> Iterator[None]:
        """Have all that `facts` tells told again; one cell a step."""
        for cell in self._board.all_cells():
            cell.taught = None
            for way in (cell.ways or {}).values():
                way.taught = None
            yield

    def _teach(self, learned: Learned, cell: Cell, way: Cell | Way) -> None:
        seen = way.last
        if seen is None or seen.result.outcome != "ok" or seen.result.facts is None:
            return
        if way.taught is seen.result.facts:
            return
        way.taught = seen.result.facts
        learned.observe(cell.agent, cell.check.name, seen.result.facts, seen.at, seen.result.bypass)

    def arranged(self) -> None:
        """The engine knows the configuration of the board."""
        self._assignment = self._board.assignment
        self.release()
        cells = self._board.cells
        self.failing = {each for each in self.failing if each[1] in cells.get(each[0], {})}
        self.is_new = True

    def hold(self) -> None:
        self._held = []
        self.is_new = False

    def release(self) -> None:
        held, self._held = self._held or [], None
        for tell in held:
            self._tell(tell)

    def _tell(self, what: Callable[[], None]) -> None:
        self.is_new = True
        if self._held is None and self._board.assignment is not self._assignment:
            self._held = []
        if self._held is not None:
            self._held.append(what)
            return
        try:
            what()
        except Exception as exc:  # results are counted whatever verdicts make of them
            self.error = exc


def ended(result: Result, offset_us: int | None, came: Moment) -> float:
    """When the probe ended, by our clock: as far as its agent knows the difference, else when it came.

    What an agent says is bounded by what can be: not after it came, and not long before.
    """
    if offset_us is None:
        return came.wall
    at = (result.started_us + (result.duration_us or 0) + offset_us) / 1e6
    return min(max(at, came.wall - OLDEST_SECONDS), came.wall)


def last_words(board: Board) -> dict[str, float]:
    """When the newest result of each agent came, by the wall clock; of those that have one."""
    found: dict[str, float] = {}
    for cell in board.all_cells():
        for seen in (cell.last, cell.spoiled):
            if seen is not None:
                found[cell.agent] = max(seen.at, found.get(cell.agent, 0.0))
    return found


def remembered(cell: Cell) -> list[Observation]:
    """What the history of *cell* says by the times of arrival, oldest first: since its oldest known failure.

    Of a cell without one, that it is ok.
    """
    failures = [(seen.at, seen.result) for seen in cell.episodes if seen.result.outcome == "fail"]
    successes = [bar.at for bar in cell.bars.all() if bar.outcome == "ok"]
    if not failures:
        return [_observation(cell, at, None) for at in successes[-1:]]
    found: list[tuple[float, Result | None]] = [*failures]
    found += [(at, None) for at in successes if at > failures[0][0]]
    found.sort(key=lambda each: each[0])
    return [_observation(cell, at, result) for at, result in found]


def code_of(result: Result) -> str:
    """Why it failed, as verdicts know it."""
    facts = result.facts.http if result.facts is not None else None
    return denied.code(label(result), facts.status if facts is not None else None)


def _observation(cell: Cell, at: float, result: Result | None) -> Observation:
    """*result* of None: it succeeded by the way of the check itself."""
    agent, check = cell.agent, cell.check.name
    if result is None:
        return Observation(agent=agent, check=check, at=at, ok=True)
    is_ok = result.outcome == "ok"
    return Observation(
        agent=agent,
        check=check,
        at=at,
        ok=is_ok,
        code="" if is_ok else code_of(result),
        attempt=result.attempt,
        asked=result.asked and result.bypass is None,
        bypass=result.bypass,
    )
