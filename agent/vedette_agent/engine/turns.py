"""Work that waits to be done, one piece in each turn of the loop: answers that come at once are read in turn.

What is ready when the loop looks is all served before it looks again. Sixteen servers that answer a probe
together, each with what takes 8 ms to read, would hold the loop for 130.
"""

import asyncio

from vedette_agent.engine.run import Disarm, Run


class Turns:
    """Suspend on `arm`; the run is resumed in a turn that it shares with nobody else who waits here."""

    __slots__ = ("_loop", "_next", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[Run, None] = {}  # in the order of their coming
        self._next: asyncio.Handle | None = None

    def arm(self, run: Run) -> Disarm:
        self._waiting[run] = None
        if self._next is None:
            self._next = self._loop.call_soon(self._resume)
        return lambda: self._waiting.pop(run, None)

    def _resume(self) -> None:
        self._next = None
        if not self._waiting:
            return
        run = next(iter(self._waiting))
        if len(self._waiting) > 1:
            self._next = self._loop.call_soon(self._resume)  # what is asked for now is for the next turn
        run.resume()
