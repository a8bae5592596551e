"""What the agents probe: a DNS server and a TCP server on loopback, in a thread of their own."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from servers.dns import Asked, dns_server


class Targets(NamedTuple):
    dns: int
    tcp: int


@contextmanager
def targets() -> Iterator[Targets]:
    ready: threading.Event = threading.Event()
    found: list[Targets] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with _serving() as each:
            found.append(each)
            ready.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="targets")
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@asynccontextmanager
async def _serving() -> AsyncIterator[Targets]:
    async with dns_server(_answer) as dns:
        server = await asyncio.start_server(_greet, "127.0.0.1", 0)
        try:
            yield Targets(dns.endpoint.port, server.sockets[0].getsockname()[1])
        finally:
            server.close()
            await server.wait_closed()


def _answer(asked: Asked) -> None:
    """Says which of two addresses by the time of the question: facts that change now and then."""
    asked.server.asked.clear()  # they are kept for tests that look at them
    turn = int(asyncio.get_running_loop().time() / 3) % 2
    asked.reply(asked.response(f"@ 60 A 192.0.2.{1 + turn}"))


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read(1)
    writer.transport.abort()
