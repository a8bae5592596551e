"""A TCP server on loopback that can fall into a black hole: SYNs are dropped, nothing is refused.

Linux drops a SYN when the accept queue of the listening socket is full (listen(2)). So the hole is made by
shrinking the queue to one, filling it with a connection of our own, and accepting no more. The listening
socket stays open all the while, and the port with it.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

from vedette.up.ports import LOOPBACK

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_BACKLOG = 128
_FILL_SECONDS = 0.2  # on loopback an answered SYN takes microseconds
_MOST_FILLERS = 16
_LIMIT_BYTES = 16 * 1024


class Listener:
    """Serves each connection with *serve*, which may raise what a broken connection raises."""

    def __init__(self, serve: Serve, *, tls: ssl.SSLContext | None = None, limit: int = _LIMIT_BYTES) -> None:
        self._serve = serve
        self._tls = tls
        self._limit = limit
        self._server: asyncio.Server | None = None
        self._fillers: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = socket.create_server((LOOPBACK, 0), backlog=_BACKLOG)
        self._socket.setblocking(False)
        # What is accepted inherits it. asyncio sets it only for sockets with a protocol number, and this one
        # has none; then an answer waits 40 ms behind the tickets of TLS 1.3 for the client's delayed ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]

    async def open(self) -> None:
        """Accept connections, also after `fall_silent`."""
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._server is None:
            # The server gets a duplicate: closing it must not close the port.
            self._server = await asyncio.start_server(
                self._connected, sock=self._socket.dup(), ssl=self._tls, backlog=_BACKLOG, limit=self._limit
            )

    async def fall_silent(self) -> None:
        """New connections time out. Those that exist are left alone."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._socket.listen(0)
        for _ in range(_MOST_FILLERS):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            try:
                async with asyncio.timeout(_FILL_SECONDS):
                    await asyncio.get_running_loop().sock_connect(filler, (LOOPBACK, self.port))
            except TimeoutError:
                filler.close()
                return
            except BaseException:
                filler.close()
                raise
            self._fillers.append(filler)

    def abandon(self) -> None:
        """Give the port back, for a listener that was never opened."""
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self._socket.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.abandon()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the peer went away, or sent what no client of this world sends
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def source_of(writer: asyncio.StreamWriter) -> str:
    """The peer's address; "" when it is gone already."""
    peer = writer.get_extra_info("peername")
    return str(peer[0]) if peer else ""
