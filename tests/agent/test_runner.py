"""What the runner does with a probe that fails by our own fault."""

import asyncio
import logging

import pytest

from vedette.checks.model import TcpCheck
from vedette.wire.messages import Result
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine
from vedette_agent.runner import Runner

CHECK = TcpCheck(name="x", target="x", interval=0.05, timeout=0.05, host="127.0.0.1", port=1)


async def broken(record: Record) -> None:
    raise LookupError("no such thing")


def test_bug_of_ours_is_logged_with_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every run is reported as not run; the log has one line for the check, not one for each interval."""

    async def test() -> list[Result]:
        engine = Engine(asyncio.get_running_loop())
        io = Io(engine, {})
        came: list[Result] = []
        enough = asyncio.Event()

        def deliver(result: Result) -> None:
            came.append(result)
            if len(came) == 3:
                enough.set()

        runner = Runner("par-01", engine, io, deliver, lambda _: None)
        runner.assign([CHECK])
        runner._checks["x"] = (CHECK, broken)
        runner.start()
        try:
            async with asyncio.timeout(5):
                await enough.wait()
        finally:
            engine.stop()
            io.close()
        return came

    with caplog.at_level(logging.ERROR):
        came = asyncio.run(test())
    assert {(one.outcome, one.reason) for one in came} == {("not_run", "internal")}
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
