"""What of the results the verdicts hear, and when by the corrected clock. Pure.

A result is observed when it is the newest of its cell and may change something: a probe that is known to be
ok and is ok again is skipped before it gets here. Late results never come here.
"""

from collections.abc import Iterator
from typing import Final, Protocol

from vedette.wire import limits
from vedette.wire.messages import Result
from vedette_collector.board import Board
from vedette_collector.cell import Cell, Moment, label
from vedette_collector.verdicts.evidence import Observation

OLDEST_SECONDS: Final = 2.0 * limits.LIVE_EXPIRY_SECONDS  # what is fresh cannot have ended before that
LOOKED_AT: Final = 250  # cells between two turns of the loop; some 0.2 µs each


class Hears(Protocol):
    """The engine, as far as this module goes."""

    def observe(self, observation: Observation, /) -> None: ...

    def unknown(self, agent: str, check: str, /) -> None: ...


class Feed:
    """Tells *engine* what *board* learns. `is_new` says that there is something to decide."""

    def __init__(self, engine: Hears, board: Board) -> None:
        self.is_new = False
        self.observed = 0
        self._engine = engine
        self._board = board

    def result(self, cell: Cell, result: Result, at: float) -> None:
        """The newest result of *cell*, or of another way to its target, which ended at *at*."""
        if result.bypass is None:
            cell.told_ok = result.outcome == "ok"
        if result.outcome == "not_run":
            if result.bypass is None:
                self._engine.unknown(cell.agent, cell.check.name)
                self.is_new = True
            return
        self.observed += 1
        self.is_new = True
        self._engine.observe(_observation(cell, at, result))

    def resume(self, now: Moment) -> None:
        """Tell what was known before a restart, as far as it is still worth showing."""
        for cell in self._board.all_cells():
            if cell.state(now.mono) in ("ok", "fail"):
                for observation in remembered(cell):
                    self._engine.observe(observation)
                    self.observed += 1
                cell.told_ok = cell.last is not None and cell.last.result.outcome == "ok"
        self.is_new = True

    def expire(self, mono: float, known: set[tuple[str, str]]) -> Iterator[None]:
        """Tell of cells whose result became too old, those in *known* once; a pause at every yield."""
        for number, cell in enumerate(self._board.all_cells(), 1):
            key = cell.agent, cell.check.name
            if cell.is_fresh(mono):
                known.discard(key)
            elif cell.last is not None and key not in known:
                known.add(key)
                cell.told_ok = False
                self._engine.unknown(*key)
                self.is_new = True
            if number % LOOKED_AT == 0:
                yield


def ended(result: Result, offset_us: int | None, came: Moment) -> float:
    """When the probe ended, by our clock: as far as its agent knows the difference, else when it came.

    What an agent says is bounded by what can be: not after it came, and not long before.
    """
    if offset_us is None:
        return came.wall
    at = (result.started_us + (result.duration_us or 0) + offset_us) / 1e6
    return min(max(at, came.wall - OLDEST_SECONDS), came.wall)


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
        code="" if is_ok else label(result),
        attempt=result.attempt,
        asked=result.asked,
        bypass=result.bypass,
    )
