"""What the UDP and ICMP sockets have in common: queries whose transmit stamps come by the error queue."""

import asyncio
import socket
from abc import ABC, abstractmethod
from typing import Final, Protocol

from vedette_agent.engine import stamps

READS: Final = 64  # datagrams, or notices, per callback: a flood must not hold the loop


class Timed(Protocol):
    """A query in flight."""

    watch: stamps.Stopwatch


class StampedSocket(ABC):
    """Who inherits this opens `sock`."""

    __slots__ = ("_late", "loop", "sock")

    sock: socket.socket

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._late: dict[int, Timed] = {}  # by the number of the datagram: whose transmit stamp is missing

    def close(self) -> None:
        self.loop.remove_reader(self.sock.fileno())
        self.sock.close()

    @abstractmethod
    def _take_error(self, notice: stamps.Notice) -> None:
        """An ICMP error came, perhaps about a query in flight."""

    def _time(self, query: Timed, key: int) -> None:
        """Give *query*, which just left as datagram number *key*, its stamp now or when it comes."""
        # The stamp is there already, unless the interface queues.
        found = stamps.departure(self.sock, key)
        if type(found) is int:
            query.watch.tx = found
        else:
            self._await_stamp(query, key, found)

    def _await_stamp(self, query: Timed, key: int, found: "int | stamps.Notice | None") -> None:
        """*found*: what was on the error queue instead."""
        self._late[key] = query
        if isinstance(found, stamps.Notice):  # settling it now could resume another run while this one arms
            self.loop.call_soon(self._take_notice, found)

    def _forget_late(self, query: Timed) -> None:
        if self._late:
            self._late = {key: late for key, late in self._late.items() if late is not query}

    def _take_notices(self) -> None:
        for _ in range(READS):
            notice = stamps.next_notice(self.sock)
            if notice is None:
                return
            self._take_notice(notice)

    def _take_notice(self, notice: stamps.Notice) -> None:
        if notice.origin == stamps.ORIGIN_STAMP:
            late = self._late.pop(notice.key, None)
            if late is not None:
                late.watch.tx = notice.stamp
        elif notice.origin in (stamps.ORIGIN_ICMP, stamps.ORIGIN_ICMP6):
            self._take_error(notice)
