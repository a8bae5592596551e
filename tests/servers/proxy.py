"""A TCP proxy on loopback that can cut its connections, swallow what they carry, and be slow."""

import asyncio
import socket


class Proxy:
    """Use as an async context manager; `port` is where to connect. The target may come and go."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._flows: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self._open = asyncio.Event()
        self._open.set()
        self.delay = 0.0  # seconds, each way
        self.accepted = 0
        self.accepting = True  # False: a connection is closed as soon as it came

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._end_flows()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def swallow(self) -> None:
        """A black hole: connections stay open and nothing goes through them, not even a FIN."""
        self._open.clear()

    def restore(self) -> None:
        self._open.set()

    async def cut(self) -> None:
        """Reset every connection."""
        await self._end_flows()

    async def _end_flows(self) -> None:
        flows = list(self._flows)
        for flow in flows:
            flow.cancel()
        await asyncio.gather(*flows, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flows.add(task)
        self.accepted += 1
        onward: asyncio.StreamWriter | None = None
        try:
            if self.accepting:
                there, onward = await asyncio.open_connection("127.0.0.1", self._target)
                await self._both_ways(reader, writer, there, onward)
        except (OSError, asyncio.CancelledError):
            pass  # the end of a flow is what this server is for
        finally:
            for each in (writer, onward):
                if each is not None:
                    _reset(each)
            self._flows.discard(task)

    async def _both_ways(
        self,
        here: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
    ) -> None:
        pumps = [asyncio.create_task(self._pump(here, onward)), asyncio.create_task(self._pump(there, back))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._open.wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            sink.write(data)
            await sink.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()
