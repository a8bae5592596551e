"""A runner on virtual time, whose probes take as long and end as a test says."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from vedette.checks.model import Check, TcpCheck
from vedette.wire.failure import Failure, NotRun
from vedette.wire.messages import Result
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.run import Arm, Disarm, Engine, Run, suspend
from vedette_agent.runner import Runner
from vedette_agent.shedding import Shedding


def check(name: str, interval: float = 10.0, timeout: float = 1.0, priority: str = "normal") -> Check:
    return TcpCheck(
        name=name,
        target=name,
        interval=interval,
        timeout=timeout,
        host="::1",
        port=1,
        family=4,
        priority=priority,  # type: ignore[arg-type]
    )


class _Staged(Runner):
    """As a runner, but for what its probes meet."""

    stage: "Stage"

    def _job(self, check: Check) -> object:  # type: ignore[override]
        job = super()._job(check)
        job.probe = partial(self.stage.probe, check.name)
        return job


class Stage:
    """Each probe takes `took` seconds and ends as `weather` says of it: ok, fail, spoiled, timeout."""

    def __init__(self, weather: Callable[[str, float], str] = lambda *_: "ok", took: float = 0.05) -> None:
        self.engine = Engine(asyncio.get_running_loop(), lambda: 0.0)
        self.weather = weather
        self.took = took
        self.began: list[tuple[float, str]] = []
        self.ended: list[tuple[float, Result]] = []
        self.confirmed: list[tuple[float, Result]] = []
        self.shown: list[Result] = []
        self.shedding = Shedding()
        self._io = Io(self.engine)
        self.runner = _Staged(
            "par-01",
            self.engine,
            self._io,
            self._deliver,
            lambda _: None,
            self._explain,
            self.shedding,
            self._confirm,
        )
        self.runner.stage = self

    @contextmanager
    def running(self, checks: Sequence[Check]) -> Iterator["Stage"]:
        self.runner.assign(checks)
        self.runner.start()
        try:
            yield self
        finally:
            self.engine.stop()
            self._io.close()

    async def probe(self, name: str, record: Record) -> None:
        self.began.append((self.engine.now(), name))
        what = self.weather(name, self.engine.now())
        await suspend(_wait(60.0 if what == "timeout" else self.took))
        if what == "fail":
            raise ProbeFailed(Failure.TCP_REFUSED, "a closed port")
        if what == "spoiled":
            raise ProbeSpoiled(NotRun.NO_RESOLVER, "none is configured")

    def of(self, name: str) -> list[tuple[float, Result]]:
        return [(at, result) for at, result in self.ended if result.check == name]

    def attempts(self, name: str) -> list[tuple[str, int]]:
        return [(result.outcome, result.attempt) for _, result in self.of(name)]

    def _deliver(self, result: Result) -> None:
        self.ended.append((self.engine.now(), result))

    def _explain(self, check: Check, result: Result, record: Record, started: float) -> bool:
        self.shown.append(result)
        return True

    def _confirm(self, check: Check, result: Result) -> None:
        self.confirmed.append((self.engine.now(), result))


def _wait(seconds: float) -> Arm:
    def arm(run: Run) -> Disarm:
        return asyncio.get_running_loop().call_later(seconds, run.resume).cancel

    return arm
