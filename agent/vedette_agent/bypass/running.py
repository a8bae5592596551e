"""Tries other ways to the targets of the checks, beside the schedule and unknown to the checks themselves.

A result by another way changes nothing of what is known of its check: no evidence, no repeat, no state.
"""

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from vedette.checks.bypass import ways
from vedette.checks.model import Check
from vedette.log import fields
from vedette.wire.failure import NotRun
from vedette.wire.messages import Bypass, Result
from vedette_agent.bypass.plan import Course, Plan, Turn
from vedette_agent.bypass.ways import AS_USUAL, PROVEN, Learned, trying
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import AgentStopped, Engine, Run
from vedette_agent.outcome import result
from vedette_agent.shedding import Shedding, Step

log = logging.getLogger("vedette.bypass")


class Bypasses:
    """To be told of `confirmed` failures and of what `worked`, and to be given a `tick` from `next_due` on.

    *deliver* gets every result; *is_failing* tells of a check by its name.
    """

    def __init__(
        self,
        agent: str,
        engine: Engine,
        io: Io,
        deliver: Callable[[Result], None],
        is_failing: Callable[[str], bool],
        shedding: Shedding,
    ) -> None:
        self.plan = Plan(agent)
        self.next_due = float("inf")
        self._engine = engine
        self._io = io
        self._deliver = deliver
        self._is_failing = is_failing
        self._shedding = shedding
        self._checks: dict[str, Check] = {}
        self._learned: dict[str, Learned] = {}
        self._running: set[tuple[str, Bypass]] = set()
        self._told: set[tuple[str, Bypass, type[BaseException]]] = set()

    def assign(self, checks: Iterable[Check]) -> None:
        """Go around these from now on. What was learned of one that has changed is forgotten."""
        checks = tuple(checks)
        having = {check.name: (check, fit) for check in checks if (fit := ways(check))}
        kept = {name for name, (check, _) in having.items() if self._checks.get(name) == check}
        self._checks = {name: check for name, (check, _) in having.items()}
        self._learned = {name: known for name, known in self._learned.items() if name in kept}
        self._told.clear()
        courses = {
            name: Course(
                fit,
                tuple(way for way in fit if way not in AS_USUAL),
                check.interval,
                max(check.bypass.interval, check.interval),
            )
            for name, (check, fit) in having.items()
        }
        rate = sum(1 / check.interval for check in checks)
        self.plan.assign(courses, rate, self._engine.now())
        self.next_due = self.plan.next_due

    def confirmed(self, check: Check, said: Result) -> None:
        """*said* is the second failure of *check* in a row."""
        self.plan.confirmed(check.name, self._engine.now())
        self.next_due = self.plan.next_due
        self._engine.want(0.0)

    def worked(self, check: Check, record: Record) -> None:
        """A probe of *check* has succeeded, and was no single exchange."""
        if record.looked_up is not None and self._checks.get(check.name) is check:
            self._of(check).address = record.looked_up

    def tick(self, now: float) -> None:
        """Try what is due. With too much to do nothing of this is."""
        for turn in self.plan.take(now, self._is_failing):
            if self._shedding.level:
                self._shedding.count(Step.DETAIL)
            elif (turn.check, turn.way) not in self._running:
                self._try(turn)
        self.next_due = self.plan.next_due

    def _try(self, turn: Turn) -> None:
        check = self._checks[turn.check]
        learned, record = self._of(check), Record()
        prober = trying(check, turn.way, self._io, learned, record, is_failing=turn.is_failing)
        if prober is None:
            return
        self._running.add((turn.check, turn.way))
        done = partial(self._done, check, turn.way, learned, time.time_ns() // 1000)
        self._engine.start(prober, record, check.timeout, done)

    def _of(self, check: Check) -> Learned:
        """Made with the first thing that is learned: most checks of most agents wait long for it."""
        learned = self._learned.get(check.name)
        if learned is None:
            learned = self._learned[check.name] = Learned()
        return learned

    def _done(
        self,
        check: Check,
        way: Bypass,
        learned: Learned,
        started_us: int,
        run: Run,
        error: BaseException | None,
    ) -> None:
        self._running.discard((check.name, way))
        if isinstance(error, AgentStopped):
            return
        if error is None:
            learned.led.add(way)
        elif way in PROVEN and way not in learned.led:
            return
        if self._checks.get(check.name) != check:
            return  # it began before the configuration changed
        said = result(
            check,
            run.record,
            error,
            started_us=started_us,
            elapsed=self._engine.now() - run.started,
            stalled=run.stalled,
            is_clock_wrong=error is not None and self._io.is_clock_wrong(),
        )
        if said.reason == NotRun.INTERNAL and error is not None:
            self._confess(check, way, error)
        self._deliver(replace(said, bypass=way))

    def _confess(self, check: Check, way: Bypass, error: BaseException) -> None:
        """As with the check itself: once for each kind of error."""
        if (check.name, way, type(error)) not in self._told:
            self._told.add((check.name, way, type(error)))
            extra = fields(check=check.name, bypass=way)
            log.error("probe by another way spoiled by a bug of ours", exc_info=error, extra=extra)
