"""Runs the checks of a configuration until each has a result, and prints what was loaded for it."""

import asyncio
import json
import sys

from vedette.checks import read
from vedette.wire.messages import Result
from vedette_agent import app  # all that an agent loads before it knows its checks
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.run import Engine
from vedette_agent.runner import Runner


async def main(configuration: bytes) -> None:
    checks = read.checks_of(read.loads(configuration, "stdin"), "fra-01")
    loop = asyncio.get_running_loop()
    missing = {check.name for check in checks}
    ended = loop.create_future()

    def deliver(result: Result) -> None:
        missing.discard(result.check)
        if not missing and not ended.done():
            ended.set_result(None)

    engine = Engine(loop)
    io = Io(engine, policy=Policy(app.allowed_networks(["127.0.0.0/8"])))
    runner = Runner("fra-01", engine, io, deliver, lambda now: None)
    runner.assign(checks)
    runner.start()
    await ended
    engine.stop()
    io.close()
    print(json.dumps(sorted(sys.modules)))


asyncio.run(main(sys.stdin.buffer.read()))
