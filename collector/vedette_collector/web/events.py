"""Tells open pages that something changed (server-sent events). What changed they fetch themselves.

An event is a number and nothing else, so one text serves all readers, and a reader that lost some misses
nothing: the next event says the same.
"""

import asyncio
from typing import Final

from aiohttp import web

from vedette_collector.board import Board
from vedette_collector.condition import Condition

MAX_CLIENTS: Final = 200
QUEUE: Final = 4  # events that a reader may lag behind
TICK_SECONDS: Final = 1.0  # at most one event in this time
IDLE_SECONDS: Final = 10.0  # an event also without a change: ages and expiries move
RETRY_MS: Final = 3000


class Reader:
    """One open page. Its stream runs inside `scope`, which ends it from outside."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self.scope = asyncio.timeout(None)
        self.is_slow = False

    def end(self) -> None:
        self.scope.reschedule(asyncio.get_running_loop().time())


class Hub:
    """All open pages; bounded in number, and each in what it may leave unread."""

    def __init__(self, board: Board, condition: Condition, limit: int = MAX_CLIENTS) -> None:
        self._board = board
        self._condition = condition
        self._limit = limit
        self._readers: set[Reader] = set()
        self._closed = False

    async def run(self, tick: float = TICK_SECONDS, idle: float = IDLE_SECONDS) -> None:
        """Until cancelled: watch the board and tell the readers."""
        told, waited = self._board.version, 0.0
        while True:
            await asyncio.sleep(tick)
            waited += tick
            if self._board.version != told or waited >= idle:
                told, waited = self._board.version, 0.0
                self.tell(told)

    def tell(self, version: int) -> None:
        """Send one event to everybody. A reader whose queue is full is given up."""
        event = f"id: {version}\nevent: change\ndata: {version}\n\n"
        for reader in list(self._readers):
            try:
                reader.queue.put_nowait(event)
            except asyncio.QueueFull:
                self._leave(reader)
                self._condition.event_drops["slow"] += 1
                reader.is_slow = True
                reader.end()

    def join(self) -> Reader | None:
        """A new reader, or None when there are enough."""
        if len(self._readers) >= self._limit or self._closed:
            self._condition.event_drops["full"] += 1
            return None
        reader = Reader()
        self._readers.add(reader)
        self._condition.event_clients = len(self._readers)
        return reader

    def _leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        self._condition.event_clients = len(self._readers)

    async def close(self) -> None:
        """End every stream: an open one would hold up the end of the server."""
        self._closed = True
        for reader in list(self._readers):
            reader.end()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One stream until its reader goes or lags. A Last-Event-ID is welcome and changes nothing."""
        reader = self.join()
        if reader is None:
            return web.Response(status=503, text="too many open pages\n", headers={"Retry-After": "30"})
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        try:
            async with reader.scope:
                await response.prepare(request)
                await response.write(f"retry: {RETRY_MS}\n: vedette\n\n".encode())
                while True:
                    await response.write((await reader.queue.get()).encode())
        except ConnectionResetError:
            pass  # the page was closed
        except TimeoutError:
            if reader.is_slow and request.transport is not None:
                request.transport.abort()  # what it does not read would keep the connection open
        finally:
            self._leave(reader)
        return response
