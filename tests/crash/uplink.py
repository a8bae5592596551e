"""The path between an agent and its broker, with the faults that a network brings; in a thread of its own.

Shaping is done here and not by the kernel, so it needs no privilege. Loss is modelled as what TCP makes of
it: now and then the flow stands still for a retransmission.
"""

import asyncio
import random
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Final, Literal

STALL: Final = 0.2  # seconds: what a lost segment costs, the least retransmission time of Linux
SEGMENT: Final = 1400  # bytes

Way = Literal["up", "down"]  # up: from the agent


class Uplink:
    """Use as a context manager; `port` is where the agent connects. The broker may come and go."""

    def __init__(self, target: int, *, seed: int = 1) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="uplink")
        self._flows: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self._passing = {"up": asyncio.Event(), "down": asyncio.Event()}
        for event in self._passing.values():
            event.set()
        self._is_open = True
        self._delay = 0.0
        self._rate: float | None = None
        self._loss = 0.0
        self.connects: list[float] = []  # the loop's clock
        self.port = 0

    def __enter__(self) -> "Uplink":
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset every connection and refuse new ones until `mend`."""
        self._is_open = False
        self._call(self._end_flows())

    def swallow(self, *ways: Way) -> None:
        """A black hole until `mend`: connections stay open, and nothing goes these ways, not even a FIN."""
        for way in ways:
            self._loop.call_soon_threadsafe(self._passing[way].clear)

    def mend(self) -> None:
        self._is_open = True
        for event in self._passing.values():
            self._loop.call_soon_threadsafe(event.set)

    def shape(self, *, rate: float | None = None, delay: float = 0.0, loss: float = 0.0) -> None:
        """*rate*: bytes a second each way; *delay*: seconds each way; *loss*: share of segments."""
        self._rate, self._delay, self._loss = rate, delay, loss

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._end_flows()
        await self._server.wait_closed()

    async def _end_flows(self) -> None:
        flows = list(self._flows)
        for flow in flows:
            flow.cancel()
        await asyncio.gather(*flows, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flows.add(task)
        self.connects.append(self._loop.time())
        ends = [writer]
        try:
            if self._is_open:
                await self._passing["up"].wait()
                there, onward = await asyncio.open_connection("127.0.0.1", self._target)
                ends.append(onward)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._carry("up", reader, onward))
                    group.create_task(self._carry("down", there, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # the end of a flow is what this server is for
        finally:
            for end in ends:
                _reset(end)
            self._flows.discard(task)

    async def _carry(self, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Bytes arrive `delay` after they were sent, no faster than `rate`; the queue between is bounded."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver(way, queue, sink))
            free_at = 0.0
            while data := await source.read(4096):
                await self._passing[way].wait()
                now = self._loop.time()
                free_at = max(free_at, now)
                if self._rate is not None:
                    free_at += len(data) / self._rate
                segments = -(-len(data) // SEGMENT)
                if self._loss and self._random.random() < 1 - (1 - self._loss) ** segments:
                    free_at += STALL
                await queue.put((free_at + self._delay, data))
                await asyncio.sleep(max(free_at - now - 0.05, 0))
            raise ConnectionResetError

    async def _deliver(
        self, way: Way, queue: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        while True:
            at, data = await queue.get()
            await asyncio.sleep(max(at - self._loop.time(), 0))
            await self._passing[way].wait()
            sink.write(data)
            await sink.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()
