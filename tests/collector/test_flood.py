"""A collector under a flood of messages: whoever else waits for its loop has a turn after each."""

import asyncio
from pathlib import Path

from collector.running_helpers import collecting
from servers.rude_broker import publish, rude_broker
from vedette.wire.topics import Kind, topic


def test_the_loop_turns_between_two_messages_however_many_wait(config: Path) -> None:
    """5,000 that are no results, in one go: no turn of the loop takes more than one or two of them in."""

    async def story() -> None:
        bad = publish(0, b"?", topic(agent="par-01", kind=Kind.LIVE).encode(), qos=0)
        async with (
            asyncio.timeout(60),
            rude_broker(bad * 5_000, codes=bytes([1, 1, 1])) as url,
            collecting(url, config) as running,
        ):
            board = running.collector.board
            most = seen = 0
            while seen < 500:
                before = sum(board.rejected.values())
                await asyncio.sleep(0)
                seen = sum(board.rejected.values())
                most = max(most, seen - before)
        assert most <= 2  # the sleep may fall between two turns

    asyncio.run(story())
