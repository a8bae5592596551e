"""Keeps connections that ask for nothing, or take nothing, from keeping others out.

The HTTP library waits for ever for the first request of a connection and for a reader that stopped reading.
Every connection costs a descriptor, of which the broker's links need some too: they are bounded, and beyond
the bound the one goes that has been waiting longest without a request in progress.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Middleware

MAX_CONNECTIONS: Final = 512
ASK_SECONDS: Final = 10.0  # from the connection to the end of its first request's headers
TAKE_SECONDS: Final = 60.0  # without any progress of a reader

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """Protocol factory around the library's own. `middleware` tells it when a request begins and ends."""

    def __init__(self, inner: Callable[[], asyncio.Protocol], limit: int, ask: float) -> None:
        self._inner = inner
        self._limit = limit
        self._ask = ask
        self._open: set[asyncio.BaseTransport] = set()
        # Without a request in progress, the one that waits longest first; and when its patience ends.
        self._idle: dict[asyncio.BaseTransport, asyncio.TimerHandle | None] = {}

    def __call__(self) -> asyncio.Protocol:
        return _Guest(self, self._inner())

    def came(self, transport: asyncio.Transport) -> None:
        self._open.add(transport)
        self._idle[transport] = asyncio.get_running_loop().call_later(self._ask, transport.abort)
        if len(self._open) > self._limit:
            longest = cast(asyncio.Transport, next(iter(self._idle)))
            self.left(longest)
            longest.abort()

    def left(self, transport: asyncio.BaseTransport) -> None:
        self._open.discard(transport)
        self._forget(transport)

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def knocked(request: web.Request, handler: Handler) -> web.StreamResponse:
            transport = request.transport
            if transport is not None:
                self._forget(transport)
            try:
                return await handler(request)
            finally:
                if transport in self._open:
                    self._idle[transport] = None  # the library ends what stays idle from here on

        return knocked

    def _forget(self, transport: asyncio.BaseTransport) -> None:
        timer = self._idle.pop(transport, None)
        if timer is not None:
            timer.cancel()


class _Guest(asyncio.Protocol):
    """One connection: passes everything on, and ends a reader that takes nothing."""

    def __init__(self, door: Door, inner: asyncio.Protocol) -> None:
        self._door = door
        self._inner = inner
        self._transport: asyncio.Transport
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)
        self._door.came(self._transport)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()
        self._stuck = asyncio.get_running_loop().call_later(TAKE_SECONDS, self._transport.abort)

    def resume_writing(self) -> None:
        self._inner.resume_writing()
        self._let_go()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        self._door.left(self._transport)
        self._inner.connection_lost(exc)

    def _let_go(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
