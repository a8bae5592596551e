"""Runs probes as the agent does: one engine, one loop, the real probers."""

import asyncio
from collections.abc import Callable
from typing import Any

from vedette.checks.model import Check, Family, HttpCheck, TcpCheck, TlsCheck
from vedette.wire.messages import Result
from vedette_agent import outcome
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine, Run
from vedette_agent.probers.run import prober

TIMEOUT = 5.0


def probe(
    *checks: Check,
    source: dict[Family, str] | None = None,
    before: Callable[[], object] | None = None,
    alongside: Callable[[asyncio.AbstractEventLoop, Engine], object] | None = None,
    is_clock_wrong: bool = False,
) -> list[Result]:
    """The results of *checks*, all probed at the same time.

    *before* and *alongside* are called right before they start, and once they have.
    """

    async def main() -> list[Result]:
        loop = asyncio.get_running_loop()
        engine = Engine(loop)
        io = Io(engine, source, policy=Anywhere(), is_clock_wrong=lambda: is_clock_wrong)
        try:
            if before is not None:
                before()
            waiting = [_start(check, engine, io) for check in checks]
            if alongside is not None:
                alongside(loop, engine)
            return [await one for one in waiting]
        finally:
            engine.stop()
            io.close()

    return asyncio.run(main())


def _start(check: Check, engine: Engine, io: Io) -> asyncio.Future[Result]:
    over: asyncio.Future[Result] = engine.loop.create_future()
    record = Record()

    def done(run: Run, error: BaseException | None) -> None:
        over.set_result(
            outcome.result(
                check,
                record,
                error,
                started_us=1,
                elapsed=engine.now() - run.started,
                # The machine that runs the tests may be busy with others: what these tests are about would
                # become "loop_lag". How a stall of ours is judged has its own tests.
                stalled=0.0,
                is_clock_wrong=io.is_clock_wrong(),
            )
        )

    engine.start(prober(check, io, record), record, check.timeout, done)
    return over


def common(timeout: float = TIMEOUT) -> dict[str, Any]:
    return {"name": "test", "target": "test", "interval": 60.0, "timeout": timeout}


def tcp(port: int, *, timeout: float = TIMEOUT, host: str = "127.0.0.1", **more: Any) -> TcpCheck:
    return TcpCheck(host=host, port=port, **common(timeout), **more)


def tls(port: int, *, timeout: float = TIMEOUT, host: str = "127.0.0.1", **more: Any) -> TlsCheck:
    return TlsCheck(host=host, port=port, **common(timeout), **more)


def http(url: str, *, timeout: float = TIMEOUT, **more: Any) -> HttpCheck:
    return HttpCheck(url=url, **common(timeout), **more)
