"""A listener of the demo world ends in silence, whoever is connected."""

import asyncio
from typing import Any

from vedette.up.ports import LOOPBACK
from vedette.up.world.listener import Listener


def test_a_connection_that_is_open_at_the_end_is_no_error() -> None:
    """What the loop reports would be on the screen of `vedette up` after Ctrl-C."""
    reported: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        served = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            served.set()
            await reader.read()

        listener = Listener(serve)
        await listener.open()
        reader, writer = await asyncio.open_connection(LOOPBACK, listener.port)
        await served.wait()
        await listener.close()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    asyncio.run(scenario())
    assert reported == []
