"""Runs one check once, now, on a loop of its own."""

import asyncio
import time
from typing import NamedTuple

from vedette import timefloor
from vedette.checks.model import Check
from vedette.wire.messages import Result
from vedette_agent import outcome
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine, Run
from vedette_agent.probers.run import prepare, prober


class Ran(NamedTuple):
    check: Check
    result: Result
    record: Record
    started: float  # monotonic seconds


def run(check: Check) -> Ran:
    """Probe *check* once, now."""
    prepare([check])  # a trust store that loads while the probe runs would look like a stall of ours
    return asyncio.run(_run(check))


async def _run(check: Check) -> Ran:
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Ran] = loop.create_future()
    engine = Engine(loop)
    io = Io(engine, policy=Anywhere(), is_clock_wrong=timefloor.installed().is_ahead)
    record = Record()
    started_us = time.time_ns() // 1000

    def done(ended: Run, error: BaseException | None) -> None:
        if over.cancelled():
            return  # by Ctrl-C: nobody waits for this result
        elapsed = engine.now() - ended.started
        result = outcome.result(
            check,
            record,
            error,
            started_us=started_us,
            elapsed=elapsed,
            stalled=ended.stalled,
            is_clock_wrong=error is not None and io.is_clock_wrong(),
        )
        over.set_result(Ran(check, result, record, ended.started))

    try:
        engine.start(prober(check, io, record), record, check.timeout, done)
        return await over
    finally:
        engine.stop()
        io.close()
