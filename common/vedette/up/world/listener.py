"""A TCP server on loopback that can lose connections: SYNs are dropped, nothing is refused.

Linux drops a SYN when the accept queue of the listening socket is full (listen(2)). So a black hole is a
listening socket with a queue of one, filled with a connection of our own, that accepts no more.

And it deals the connections of one port out to all sockets that listen there with SO_REUSEPORT (socket(7)),
by a hash of addresses and ports. So a share of connections is lost where some of these sockets are holes; a
SYN that is sent again falls into the same hole, and the next connection has another chance.
"""

import asyncio
import contextlib
import select
import socket
import ssl
from collections.abc import Awaitable, Callable
from fractions import Fraction

from vedette.up.ports import LOOPBACK

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_BACKLOG = 128
_MOST_SOCKETS = 20  # a share is met to a twentieth
_MOST_FILLERS = 2000  # one in twenty falls into the only hole: 2000 miss it once in 10⁴⁴ times
_FILLERS_AT_ONCE = 20
_LIMIT_BYTES = 16 * 1024


class Listener:
    """Serves each connection with *serve*, which may raise what a broken connection raises."""

    def __init__(self, serve: Serve, *, tls: ssl.SSLContext | None = None, limit: int = _LIMIT_BYTES) -> None:
        self._serve = serve
        self._tls = tls
        self._limit = limit
        self._servers: list[asyncio.Server] = []
        self._holes: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = self._listening(0, _BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self.lost = Fraction(1)  # share of connections; 1 until it is opened

    async def open(self) -> None:
        """Accept every connection, also after `lose`."""
        await self.lose(0.0)

    async def lose(self, share: float) -> None:
        """Of the new connections *share* times out, to a twentieth. Those that exist are left alone."""
        lost = Fraction(share).limit_denominator(_MOST_SOCKETS)
        if lost == self.lost:
            return
        self.lost = lost
        self._unwind()
        holes, sockets = lost.numerator, lost.denominator
        if holes == sockets:
            self._socket.listen(0)
            await self._fill([self._socket])
            return
        # The server gets a duplicate: closing it must not close the port.
        await self._accept(self._socket.dup())
        for _ in range(sockets - holes - 1):
            await self._accept(self._listening(self.port, _BACKLOG))
        self._holes = [self._listening(self.port, 0) for _ in range(holes)]
        await self._fill(self._holes)

    def abandon(self) -> None:
        """Give the port back, for a listener that was never opened."""
        self._unwind()
        self._socket.close()

    async def close(self) -> None:
        self.abandon()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _unwind(self) -> None:
        for server in self._servers:
            server.close()
        for hole in self._holes:
            hole.close()
        self._servers, self._holes = [], []

    def _listening(self, port: int, backlog: int) -> socket.socket:
        opened = socket.create_server((LOOPBACK, port), backlog=backlog, reuse_port=True)
        opened.setblocking(False)
        # What is accepted inherits it. asyncio sets it only for sockets with a protocol number, and this one
        # has none; then an answer waits 40 ms behind the tickets of TLS 1.3 for the client's delayed ACK.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    async def _accept(self, opened: socket.socket) -> None:
        self._servers.append(
            await asyncio.start_server(
                self._connected, sock=opened, ssl=self._tls, backlog=_BACKLOG, limit=self._limit
            )
        )

    async def _fill(self, holes: list[socket.socket]) -> None:
        """Return when none of *holes* takes another connection.

        What waits in its queue stays there when its client is gone: nobody accepts it.
        """
        waiting = select.poll()
        for hole in holes:
            waiting.register(hole, select.POLLIN)
        for _ in range(0, _MOST_FILLERS, _FILLERS_AT_ONCE):
            if len(waiting.poll(0)) == len(holes):
                return
            for _ in range(_FILLERS_AT_ONCE):
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as filler:
                    filler.setblocking(False)
                    # On loopback the handshake is over, or its SYN dropped, before this returns.
                    filler.connect_ex((LOOPBACK, self.port))
            await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the peer went away, or sent what no client of this world sends
        except asyncio.CancelledError:
            pass  # by `close`; before Python 3.12, asyncio reports a cancelled server task as a failure
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def source_of(writer: asyncio.StreamWriter) -> str:
    """The peer's address; "" when it is gone already."""
    peer = writer.get_extra_info("peername")
    return str(peer[0]) if peer else ""
