"""Runs the verdicts: feeds the engine, lets it decide, tells what came of it, and asks its questions.

The engine decides in a thread, so that results are taken in meanwhile; what they change reaches it
afterwards. One decision runs at a time, and never two within half a second.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NamedTuple

from vedette.checks.model import Assignment
from vedette.log import fields
from vedette.wire.messages import Ask
from vedette_collector.absence import STOPPED, Absence, Gone
from vedette_collector.asks import Asks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.docket import Docket
from vedette_collector.store.cases import Cases
from vedette_collector.store.database import Loaded
from vedette_collector.store.journal import Journal
from vedette_collector.verdict_feed import Feed, last_words
from vedette_collector.verdicts import traits
from vedette_collector.verdicts.engine import Decision, Engine
from vedette_collector.verdicts.explained import Explained, explained
from vedette_collector.verdicts.incident import Change
from vedette_collector.verdicts.learned import Learned, Origins

log = logging.getLogger("vedette.collector.verdicts")

TICK_SECONDS: Final = 0.1
APART_SECONDS: Final = 0.5  # between two decisions
SPARED: Final = 4.0  # times what a decision took, until the next: others want the processor too
PAUSE_SECONDS: Final = 5.0  # after an error of ours
STEP_SECONDS: Final = 2.0  # that our clock is set back: what is due by the old time would not be for long
LOOK_SECONDS: Final = 1.0  # between two looks at who is gone
SWEEP_SECONDS: Final = 10.0  # between two at which results became too old
DEAF_SECONDS: Final = 30.0  # without the broker: shorter is a restart
TAUGHT: Final = 500  # cells of which facts are learned at one look; some 5 µs each
TAUGHT_AT_START: Final = 100_000
STORE_SECONDS: Final = 1.0  # between two times that incidents are stored

Send = Callable[[Ask], Awaitable[bool]]


class Judging:
    """Owns the engine. `feed` is for whoever applies results."""

    def __init__(self, board: Board, condition: Condition, *, asks: bool, origins: Origins | None) -> None:
        self._board = board
        self._condition = condition
        self._docket: Docket = condition.docket
        self._base = traits.topology(board.assignment)
        self._learned = Learned(board.assignment, origins)
        self.engine = Engine(self._base)
        self.asks = self._docket.asks = Asks(board, is_on=asks)
        self.feed = Feed(self.engine, board, self.asks)
        self.cases = Cases(condition.docket)
        self._absence = Absence()
        self._assignment: Assignment = board.assignment
        self._deaf: Moment | None = None  # since when the link is down
        self._decided = self._looked = self._swept = float("-inf")
        self._apart = APART_SECONDS
        self._ahead = float("-inf")  # of the wall clock, to the monotonic one
        self._teaching: Iterator[None] = iter(())
        self._is_forgotten = True  # what was said before another database or configuration
        self._changed = asyncio.Event()

    def use(self, origins: Origins) -> None:
        """Another database of networks, which all that was said before is put to."""
        self._learned.use(origins)
        self._is_forgotten = False

    def resume(self, loaded: Loaded | None, now: Moment) -> None:
        """Go on from what the store has, once the board is what it was."""
        if loaded is not None:
            self.engine.incidents.restore(self.cases.restored(loaded))
        alerting, found = _seen(self.engine, now.wall, [])
        self._publish(_Made(Decision([], [], []), alerting, found, 0.0))
        for _ in zip(range(TAUGHT_AT_START), self.feed.facts(self._learned), strict=False):
            pass
        renewed = self._learned.renewed(self._base, now.wall)
        if renewed is not None:
            self.engine.arrange(renewed)
        self.feed.resume(now)
        for _ in self.feed.expire(now.mono):
            pass
        for agent, at in last_words(self._board).items():
            self._absence.remember(agent, at, now.wall)

    async def run(self, send: Send, journal: Journal | None) -> None:
        """Until cancelled. *send* says whether the broker took an ask. *journal*: None: nothing is kept."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            if journal is not None:
                group.create_task(self._store(journal), name="incidents")
            while True:
                now = Moment(time.time(), loop.time())
                try:
                    for ask in await self.turn(now):
                        group.create_task(self._send(send, ask), name=f"ask {ask.agent}")
                except Exception as exc:  # a bug of ours costs verdicts, and not what they are made from
                    self._failed(exc, now)
                    await asyncio.sleep(PAUSE_SECONDS)
                await asyncio.sleep(TICK_SECONDS)

    async def turn(self, now: Moment) -> list[Ask]:
        """What is due *now*. What to ask."""
        ahead = now.wall - now.mono
        if ahead < self._ahead - STEP_SECONDS:
            log.warning("our clock was set back", extra=fields(seconds=round(self._ahead - ahead, 3)))
            self._replace_engine(now)
        self._ahead = ahead
        if self._board.assignment is not self._assignment:
            self._arrange()
        if now.mono - self._looked >= LOOK_SECONDS:
            self._looked = now.mono
            self._look(now)
        if now.mono - self._swept >= SWEEP_SECONDS:
            self._swept = now.mono
            for _ in self.feed.expire(now.mono):
                await asyncio.sleep(0)
        if self.feed.error is not None:
            raise self.feed.error
        if not self._is_due(now):
            return []
        decision = await self._decide(now)
        return self.asks.messages(decision.questions, now)

    def _failed(self, exc: Exception, now: Moment) -> None:
        self._docket.decision_errors += 1
        if self._docket.decision_errors == 1:
            log.error("no decision could be made, beginning anew", exc_info=exc)
        if self._docket.due_since is None:
            self._docket.due_since = now.mono
        self._replace_engine(now)

    def _replace_engine(self, now: Moment) -> None:
        """Begin anew with what is known; incidents go on."""
        self.engine = Engine(self.engine.topology, incidents=self.engine.incidents)
        self.feed.use(self.engine)
        self.feed.resume(now)
        for gone in self._absence.gone.values():
            self.feed.gone(gone.agent, min(gone.at, now.wall), has_stopped=gone.reason == STOPPED)
        self._swept = float("-inf")

    def _is_due(self, now: Moment) -> bool:
        if now.mono - self._decided < self._apart:
            return False
        next_at = self.engine.next_at
        return self.feed.is_new or (next_at is not None and next_at <= now.wall)

    def _look(self, now: Moment) -> None:
        is_linked = self._condition.links["live"] and not self._condition.refusals["live"]
        for each in self._absence.look(self._board.agents, now, is_linked=is_linked):
            if isinstance(each, Gone):
                self.feed.gone(each.agent, each.at, has_stopped=each.reason == STOPPED)
            else:
                self.feed.back(each.agent, each.at)
        if is_linked:
            self._deaf = None
        elif self._deaf is None:
            self._deaf = now
        deaf_since = self._deaf
        is_deaf = deaf_since is not None and now.mono - deaf_since.mono > DEAF_SECONDS
        self.engine.deaf(deaf_since.wall if is_deaf and deaf_since is not None else None)
        self.asks.expire(now.mono)
        self._teach(now)

    def _teach(self, now: Moment) -> None:
        """Let a few cells say what their results show of the way to their targets."""
        for _ in range(TAUGHT):
            try:
                next(self._teaching)
            except StopIteration:
                self._teaching = self._lesson()
                break
        renewed = self._learned.renewed(self._base, now.wall)
        if renewed is not None:
            self.engine.arrange(renewed)

    def _lesson(self) -> Iterator[None]:
        if not self._is_forgotten:
            yield from self.feed.forgotten()
            self._is_forgotten = True
        yield from self.feed.facts(self._learned)

    def _arrange(self) -> None:
        self._assignment = self._board.assignment
        self._base = traits.topology(self._assignment)
        self._learned = self._learned.arranged(self._assignment)
        self._teaching = iter(())
        self._is_forgotten = False  # a check of the same name may be about something else
        self.engine.arrange(self._learned.topology(self._base))
        self.feed.arranged()

    async def _decide(self, now: Moment) -> Decision:
        self._decided = now.mono
        if self._docket.due_since is None:
            self._docket.due_since = now.mono
        self.feed.hold()
        try:
            made = await asyncio.to_thread(_made, self.engine, now.wall, list(self.feed.failing))
        finally:
            self.feed.release()
        self._apart = max(APART_SECONDS, SPARED * made.seconds)
        self._docket.decided(made.seconds, now.wall)
        self._tell(made.decision.changes)
        self._publish(made)
        return made.decision

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            self._docket.count(change)
            what = "incident" if change.what == "updated" else f"incident {change.what}"
            log.log(
                logging.WARNING if change.paged else logging.INFO,
                what,
                extra=fields(
                    incident=change.incident,
                    headline=change.headline,
                    severity=change.severity,
                    paged=change.paged,
                ),
            )

    def _publish(self, made: "_Made") -> None:
        """Show copies of what is held, and store what changed."""
        docket = self._docket
        changed = docket.take(self.engine.incidents.all)
        if changed or made.alerting != docket.alerting:
            self._board.version += 1
        docket.alerting = made.alerting
        docket.explained_checks, docket.explained_agents = made.explained
        docket.topology, docket.observed = self.engine.topology, self.feed.observed
        if changed:
            self._changed.set()

    async def _store(self, journal: Journal) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await journal.write(self.cases.writing())
            except Exception as exc:
                self.cases.forget()
                log.warning("incidents not stored", extra=fields(reason=exc))
            await asyncio.sleep(STORE_SECONDS)

    async def _send(self, send: Send, ask: Ask) -> None:
        if await send(ask):
            self.asks.sent(ask)
            self.feed.asked(ask.agent, ask.checks, ask.sent_us / 1e6)
        else:
            self.asks.refused(ask)


class _Made(NamedTuple):
    """What came of one decision."""

    decision: Decision
    alerting: frozenset[str]
    explained: Explained
    seconds: float  # of the processor


def _made(engine: Engine, now: float, failing: list[tuple[str, str]]) -> _Made:
    began = time.thread_time()
    decision = engine.decide(now)
    alerting, found = _seen(engine, now, failing)
    return _Made(decision, alerting, found, time.thread_time() - began)


def _seen(engine: Engine, now: float, failing: list[tuple[str, str]]) -> tuple[frozenset[str], Explained]:
    """Which incidents alert, and what these account for.

    What is only held for a return has no alert of its own: it must not keep others quiet.
    """
    held = engine.incidents.open()
    telling = [each for each in held if engine.incidents.is_alerting(each, now)]
    return frozenset(each.id for each in telling), explained(engine.topology, telling, failing)
