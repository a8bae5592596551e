"""Waits for the sockets of streams, by an epoll of our own that the event loop watches as one descriptor.

The loop's registrations are made for connections that live: each change goes through five layers of Python,
and a probe made four of them. Here a wait is one system call, and closing a socket needs none: the kernel
takes it out (epoll(7)).
"""

import asyncio
import select

from vedette_agent.engine.run import Run

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
AT_ONCE = 64  # sockets served before the loop may do something else


class Poller:
    """One run waits for a socket at a time. Close it before the loop."""

    __slots__ = ("_epoll", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._waiting: dict[int, Run | None] = {}  # by descriptor; a key is one that the kernel knows
        loop.add_reader(self._epoll.fileno(), self._ready)

    def until(self, fd: int, events: int, run: Run) -> None:
        """Resume *run* once when one of *events*, an error or the end has come, or was there already."""
        # One-shot: an event that nobody waits for any more comes once and not for ever.
        if fd in self._waiting:
            self._epoll.modify(fd, events | select.EPOLLONESHOT)
        else:
            self._epoll.register(fd, events | select.EPOLLONESHOT)
        self._waiting[fd] = run

    def rest(self, fd: int) -> None:
        """Nobody waits for *fd* now."""
        if fd in self._waiting:
            self._waiting[fd] = None

    def forget(self, fd: int) -> None:
        """To be called when *fd* is closed."""
        self._waiting.pop(fd, None)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _ready(self) -> None:
        waiting = self._waiting
        # All are looked up before one is resumed, and again at its turn: a resumed run may close its socket,
        # and another open one under the same number.
        for fd, run in [(fd, waiting.get(fd)) for fd, _ in self._epoll.poll(0, AT_ONCE)]:
            if run is not None and waiting.get(fd) is run:
                run.resume()
