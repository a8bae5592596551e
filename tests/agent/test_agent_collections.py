"""What Python's garbage collector does not look at in an agent."""

import asyncio
import gc
from pathlib import Path

from agent.test_agent import configuration, run
from vedette.checks import read
from vedette.mqtt import Broker
from vedette_agent.app import Agent


def test_full_collections_pass_over_what_an_agent_starts_with(tmp_path: Path) -> None:
    """Neither what it is made of nor its schedule and checks; what comes later is theirs again."""
    config = configuration(tmp_path, 1)
    assignment = read.load(config)

    async def test() -> None:
        gc.unfreeze()
        agent = Agent(config, "par-01", Broker.parse("mqtt://127.0.0.1:9"), {}, [])
        running = asyncio.create_task(agent.run(assignment, read.checks_of(assignment, "par-01")))
        while not gc.get_freeze_count() and not running.done():
            await asyncio.sleep(0.01)
        watched = gc.get_objects()
        assert not any(each is agent._runner or each is agent._publisher.outbox for each in watched)
        agent._stop.set()
        await running

    try:
        run(test)
    finally:
        gc.unfreeze()
