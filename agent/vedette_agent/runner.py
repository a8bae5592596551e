"""Starts what is due on the engine's tick and hands over what comes of it."""

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from vedette.checks.model import Check
from vedette.log import fields
from vedette.wire.facts import Facts
from vedette.wire.failure import NotRun
from vedette.wire.messages import Result
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import TICK, AgentStopped, Done, Engine, Prober, Run
from vedette_agent.engine.shot import Sent, Shot
from vedette_agent.outcome import result, success
from vedette_agent.outofturn import OutOfTurn, Turn
from vedette_agent.probers.run import aiming, prepare, probing
from vedette_agent.schedule import Schedule
from vedette_agent.shedding import Shedding, Step, without_lists

log = logging.getLogger("vedette.runner")

MAX_RUNNING = 2000  # probes in flight; a slot beyond that is skipped and counted
# A few probes that leave in one go cost half of what they cost one by one, and more of them only crowd the
# loop: they wait for each other, but not long.
TOGETHER = 12
MAX_WAIT = 0.06  # seconds
MAX_SILENCE = 1.0  # seconds without a tick


class _Job:
    """A check and how it is probed; one probe at a time."""

    __slots__ = ("check", "done", "facts", "probe", "short", "shot", "started_us")

    def __init__(self, check: Check, probe: Callable[..., Prober]) -> None:
        self.check = check
        self.probe = probe
        self.done: Done
        self.shot: Shot | None = None  # where the probe is a single exchange
        self.started_us = 0  # microseconds since the epoch, of the probe that started last
        self.facts: Facts | None = None  # of the last result
        self.short: tuple[Facts, Facts] | None = None  # some facts, and these without lists


class Runner:
    """*deliver* gets every result; *on_tick* is called every MAX_SILENCE or sooner while the engine moves.

    *explain* gets, after its result, each failure that is not the one before: with what was noted and the
    monotonic time of the start. False: not now, so that the next run with this failure is offered again.

    *shedding* says what is left out of all this; it is told of each thing that was.

    *confirmed* gets, after its result, the failure that is the second in a row: of a first failure's repeat,
    or of the next run where that comes before it or there is none.

    *worked* is told of each success that was more than a single exchange.

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
        shedding: Shedding | None = None,
        confirmed: Callable[[Check, Result], None] = lambda *_: None,
        worked: Callable[[Check, Record], None] = lambda *_: None,
    ) -> None:
        self.schedule = Schedule(agent)
        self.out_of_turn = OutOfTurn(agent)
        self._engine = engine
        self._io = io
        self._deliver = deliver
        self._on_tick = on_tick
        self._jobs: dict[str, _Job] = {}
        self._gather = 0.0  # seconds between two departures
        self._departs = 0.0
        self._told: set[tuple[str, type[BaseException]]] = set()
        self._explain = explain
        self._shedding = shedding or Shedding()
        self._confirmed = confirmed
        self._worked = worked
        self._explained: dict[str, str | None] = {}  # failure codes by check; none while it is ok

    def assign(self, checks: Iterable[Check]) -> None:
        """Run these from now on. A probe in flight ends under the check that it started with."""
        checks = tuple(checks)
        self._told.clear()
        # What became of a check says nothing about another of its name.
        names = {check.name for check in checks if self._is_known(check)}
        self.out_of_turn.keep(names)
        self._explained = {name: code for name, code in self._explained.items() if name in names}
        prepare(checks)
        self._jobs = {check.name: self._job(check) for check in checks}
        self.schedule.assign({check.name: check.interval for check in checks}, self._engine.now())
        rate = sum(1 / check.interval for check in checks)
        self._gather = min(TOGETHER / rate, MAX_WAIT) if rate else 0.0
        self._departs = 0.0
        if self._engine.on_tick is not None:
            self._engine.want(0.0)

    def start(self) -> None:
        self._engine.on_tick = self._tick
        self._engine.want(0.0)

    def ask(self, name: str, within: float) -> None:
        """Probe this check of ours once, as soon as it can be, and not later than in *within* seconds.

        Its result is of a probe that began after this, and says that it was asked for.
        """
        job = self._jobs.get(name)
        if job is None:
            self.out_of_turn.asked["unknown"] += 1
        elif self._shedding.level >= Step.CHECKS:
            self.out_of_turn.asked["shed"] += 1
        else:
            now = self._engine.now()
            self.out_of_turn.ask(name, job.check.interval, now, now + within)
            self._engine.want(0.0)

    def _is_known(self, check: Check) -> bool:
        job = self._jobs.get(check.name)
        return job is not None and job.check == check

    def _tick(self, now: float) -> None:
        if self.out_of_turn.next_at <= now:
            self._take_out_of_turn(now)
        if now >= self._departs:
            for name in self.schedule.take(now, MAX_RUNNING - len(self._engine)):
                self._probe(self._jobs[name])
            # Half a tick less: the ticks are whole ones, and this one came a moment after its time.
            self._departs = max(self.schedule.next_due, now + self._gather - TICK / 2)
        self._want(now)
        self._on_tick(now)

    def _want(self, now: float) -> None:
        self._engine.want(min(self._departs, self.out_of_turn.next_at, now + MAX_SILENCE))

    def _take_out_of_turn(self, now: float) -> None:
        schedule = self.schedule
        room = min(TOGETHER, MAX_RUNNING - len(self._engine))
        is_repeating = self._shedding.level == 0
        for turn in self.out_of_turn.take(now, room, schedule.busy, is_repeating=is_repeating):
            schedule.begin(turn.check)
            job = self._jobs[turn.check]
            record = Record()
            started_us = time.time_ns() // 1000
            done = partial(self._done_out_of_turn, job, turn, started_us)
            self._engine.start(job.probe(record), record, job.check.timeout, done)

    def _job(self, check: Check) -> _Job:
        job = _Job(check, probing(check, self._io))
        job.done = partial(self._done, job)
        aim = aiming(check, self._io)
        if aim is not None:
            job.shot = Shot(self._engine, aim, job.probe, check.timeout, partial(self._hit, job), job.done)
        return job

    def _probe(self, job: _Job) -> None:
        job.started_us = time.time_ns() // 1000
        if self._shedding.level and self._shedding.level >= Step.CHECKS and job.check.priority == "low":
            self._leave_out(job)
            return
        if job.shot is not None:
            job.shot.fire()
        else:
            record = Record()
            self._engine.start(job.probe(record), record, job.check.timeout, job.done)

    def _hit(self, job: _Job, shot: Shot, sent: Sent, facts: Facts) -> None:
        name = job.check.name
        self.schedule.ended(name)
        said = success(job.check, shot.phase, sent, job.started_us, shot.stalled, facts, job.facts)
        job.facts = said.facts
        self._deliver(self._shortened(job, said) if self._shedding.level else said)
        if name in self.out_of_turn.failing:
            self._recovered(name)

    def _done(self, job: _Job, run: Run, error: BaseException | None) -> None:
        self.schedule.ended(job.check.name)
        if not isinstance(error, AgentStopped):
            self._tell(job, self._result(job, run, error, job.started_us), run, error)

    def _done_out_of_turn(
        self, job: _Job, turn: Turn, started_us: int, run: Run, error: BaseException | None
    ) -> None:
        if self.schedule.ended_between(turn.check):
            self._departs = 0.0
        if not isinstance(error, AgentStopped):
            self._engine.want(0.0)
            said = self._result(job, run, error, started_us)
            self._tell(job, replace(said, attempt=turn.attempt, asked=turn.asked), run, error)

    def _result(self, job: _Job, run: Run, error: BaseException | None, started_us: int) -> Result:
        return result(
            job.check,
            run.record,
            error,
            started_us=started_us,
            elapsed=self._engine.now() - run.started,
            stalled=run.stalled,
            known=job.facts,
            is_clock_wrong=error is not None and self._io.is_clock_wrong(),
        )

    def _tell(self, job: _Job, said: Result, run: Run, error: BaseException | None) -> None:
        check = job.check
        job.facts = said.facts
        if said.reason == NotRun.INTERNAL and error is not None:
            self._confess(check, error)
        self._deliver(self._shortened(job, said) if self._shedding.level else said)
        if said.outcome == "ok":
            self._recovered(check.name)
            self._worked(check, run.record)
        elif said.outcome == "fail":
            self._failed(check, said, run)

    def _recovered(self, name: str) -> None:
        self.out_of_turn.recovered(name)
        self._explained.pop(name, None)

    def _failed(self, check: Check, said: Result, run: Run) -> None:
        if not self._is_known(check):
            return  # it began before the configuration changed
        # A repeat is shown beside what it repeats.
        if said.attempt > 1 or self._explained.get(check.name) != said.reason:
            self._show(check, said, run)
        now = self._engine.now()
        is_second = self.out_of_turn.failed(check.name, now)
        self._want(now)
        if is_second:
            try:
                self._confirmed(check, said)
            except Exception as exc:  # as with evidence
                self._confess(check, exc)

    def _leave_out(self, job: _Job) -> None:
        self.schedule.ended(job.check.name)
        self._shedding.count(Step.CHECKS)
        self._deliver(
            Result(
                check=job.check.name,
                outcome="not_run",
                started_us=job.started_us,
                reason=NotRun.SHED.value,
            )
        )

    def _shortened(self, job: _Job, said: Result) -> Result:
        shedding = self._shedding
        if said.facts is not None:
            if job.short is None or job.short[0] is not said.facts:
                job.short = said.facts, without_lists(said.facts)
            if job.short[1] is not said.facts:
                said = replace(said, facts=job.short[1])
                shedding.count(Step.DETAIL)
        if shedding.level >= Step.PHASES and said.phases_us:
            said = replace(said, phases_us={})
            shedding.count(Step.PHASES)
        return said

    def _show(self, check: Check, said: Result, run: Run) -> None:
        if self._shedding.level >= Step.DETAIL:
            self._shedding.count(Step.DETAIL)  # it is offered again with the next run
            return
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
