"""Starts what is due on the engine's tick and hands over what comes of it."""

import logging
import time
from collections.abc import Callable, Iterable

from vedette.checks.model import Check
from vedette.log import fields
from vedette.wire.facts import Facts
from vedette.wire.failure import NotRun
from vedette.wire.messages import Result
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import TICK, AgentStopped, Engine, Prober, Run
from vedette_agent.outcome import result
from vedette_agent.probers.run import prepare, probing
from vedette_agent.schedule import Schedule

log = logging.getLogger("vedette.runner")

MAX_RUNNING = 2000  # probes in flight; a slot beyond that is skipped and counted
# A few probes that leave in one go cost half of what they cost one by one, and more of them only crowd the
# loop: they wait for each other, but not long.
TOGETHER = 12
MAX_WAIT = 0.06  # seconds
MAX_SILENCE = 1.0  # seconds without a tick


class _Job:
    """A check and how it is probed."""

    __slots__ = ("check", "facts", "probe")

    def __init__(self, check: Check, probe: Callable[[Record], Prober]) -> None:
        self.check = check
        self.probe = probe
        self.facts: Facts | None = None  # of the last result


class Runner:
    """*deliver* gets every result; *on_tick* is called every MAX_SILENCE or sooner while the engine moves.

    *explain* gets, after its result, each failure that is not the one before: with what was noted and the
    monotonic time of the start. False: not now, so that the next run with this failure is offered again.

    A probe that the stop of the agent ends has no result: it says nothing, and no seq was given to it.
    """

    def __init__(
        self,
        agent: str,
        engine: Engine,
        io: Io,
        deliver: Callable[[Result], None],
        on_tick: Callable[[float], None],
        explain: Callable[[Check, Result, Record, float], bool] = lambda *_: True,
    ) -> None:
        self.schedule = Schedule(agent)
        self._engine = engine
        self._io = io
        self._deliver = deliver
        self._on_tick = on_tick
        self._jobs: dict[str, _Job] = {}
        self._gather = 0.0  # seconds between two departures
        self._departs = 0.0
        self._told: set[tuple[str, type[BaseException]]] = set()
        self._explain = explain
        self._explained: dict[str, str | None] = {}  # failure codes by check; none while it is ok

    def assign(self, checks: Iterable[Check]) -> None:
        """Run these from now on. A probe in flight ends under the check that it started with."""
        checks = tuple(checks)
        self._told.clear()
        names = {check.name for check in checks}
        self._explained = {name: code for name, code in self._explained.items() if name in names}
        prepare(checks)
        self._jobs = {check.name: _Job(check, probing(check, self._io)) for check in checks}
        self.schedule.assign({check.name: check.interval for check in checks}, self._engine.now())
        rate = sum(1 / check.interval for check in checks)
        self._gather = min(TOGETHER / rate, MAX_WAIT) if rate else 0.0
        self._departs = 0.0
        if self._engine.on_tick is not None:
            self._engine.want(0.0)

    def start(self) -> None:
        self._engine.on_tick = self._tick
        self._engine.want(0.0)

    def _tick(self, now: float) -> None:
        if now >= self._departs:
            for name in self.schedule.take(now, MAX_RUNNING - len(self._engine)):
                self._probe(self._jobs[name])
            # Half a tick less: the ticks are whole ones, and this one came a moment after its time.
            self._departs = max(self.schedule.next_due, now + self._gather - TICK / 2)
        self._engine.want(min(self._departs, now + MAX_SILENCE))
        self._on_tick(now)

    def _probe(self, job: _Job) -> None:
        check = job.check
        started_us = time.time_ns() // 1000

        def done(run: Run, error: BaseException | None) -> None:
            self.schedule.ended(check.name)
            if not isinstance(error, AgentStopped):
                elapsed = self._engine.now() - run.started
                said = result(
                    check,
                    run.record,
                    error,
                    started_us=started_us,
                    elapsed=elapsed,
                    stalled=run.stalled,
                    known=job.facts,
                )
                job.facts = said.facts
                if said.reason == NotRun.INTERNAL and error is not None:
                    self._confess(check, error)
                self._deliver(said)
                if said.outcome == "ok":
                    self._explained.pop(check.name, None)
                elif said.outcome == "fail" and self._explained.get(check.name) != said.reason:
                    self._failed(check, said, run)

        record = Record()
        self._engine.start(job.probe(record), record, check.timeout, done)

    def _failed(self, check: Check, said: Result, run: Run) -> None:
        try:
            if self._explain(check, said, run.record, run.started):
                self._explained[check.name] = said.reason
        except Exception as exc:  # its result is out, and other probes go on
            self._explained[check.name] = said.reason
            self._confess(check, exc)

    def _confess(self, check: Check, error: BaseException) -> None:
        """A bug of ours: its traceback once for each check and kind of error, not once an interval."""
        if (check.name, type(error)) not in self._told:
            self._told.add((check.name, type(error)))
            log.error("probe spoiled by a bug of ours", exc_info=error, extra=fields(check=check.name))
