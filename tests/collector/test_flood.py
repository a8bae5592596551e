"""A collector under a flood of messages: whoever else waits for its loop has a turn after each."""

import asyncio

from collector.collector_helpers import NOW, Core
from servers.rude_broker import publish, rude_broker
from vedette.mqtt import Broker
from vedette.wire.topics import Kind, topic
from vedette_collector.condition import Condition
from vedette_collector.subscribe import Courier


def test_the_loop_turns_between_two_messages_however_many_wait() -> None:
    """5,000 that are no results, in one go: no turn of the loop takes more than one or two of them in."""

    async def story() -> None:
        core = Core()
        bad = publish(0, b"?", topic(agent="par-01", kind=Kind.LIVE).encode(), qos=0)
        async with asyncio.timeout(60), rude_broker(bad * 5_000, codes=bytes([1, 1, 1])) as url:
            courier = Courier(Broker.parse(url), core.ingest, core.acks, core.board, Condition(NOW.wall))
            running = asyncio.create_task(courier.run())
            most = seen = 0
            while seen < 500:
                before = sum(core.rejected.values())
                await asyncio.sleep(0)
                seen = sum(core.rejected.values())
                most = max(most, seen - before)
            running.cancel()
            await asyncio.wait([running])
        assert most <= 2  # the sleep may fall between two turns

    asyncio.run(story())
