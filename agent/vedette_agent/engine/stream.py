"""One TCP connection of one probe: a non-blocking socket, callbacks, and the kernel's own times.

*Connect time.* Between the SYN and our seeing that the socket is writable lie the event loop and whatever it
was busy with. The kernel times the handshake itself: `tcpi_rtt`, read before any data is sent, is the one
round trip of SYN and SYN-ACK. A lost SYN makes it a guess, so after any retransmission our own clock counts,
which then includes the second that the retransmission cost: that is what a user would have waited.

*Departure and arrival.* SO_TIMESTAMPING gives what is sent the time at which its last byte left, and each
received segment the time at which it came in, by the wall clock. What is used of a stamp is its age when it
is read, which is then taken off the monotonic clock: a wall clock that steps between two packets cannot bend
a duration, and an age that contradicts the monotonic clock is dropped. A read that takes several segments in
has the stamp of the last: who dates the first byte of an answer starts with a read of FIRST_READ bytes. (What
waits unread may be merged by the kernel, and is then all as late as its last segment.)

*Closing.* A conversation that came to its end is closed with FIN. One that is given up (deadline, error) is
reset: the kernel would otherwise keep unsent bytes and go on retransmitting them to a silent peer for
minutes, and an agent that watches many dead targets would pile up such orphans.
"""

import errno
import os
import socket
import ssl
import struct
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from vedette.checks.model import Endpoint
from vedette_agent.engine import poller, stamps
from vedette_agent.engine.record import PathError, ProbeFailed, Record
from vedette_agent.engine.run import Disarm, Run, suspend

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

FIRST_READ: Final = 1200  # at most one full segment: IPv6's smallest MTU is 1280
ANCILLARY_BYTES: Final = socket.CMSG_SPACE(3 * 16)  # struct scm_timestamping: three timespecs
IP_BIND_ADDRESS_NO_PORT: Final = 24  # pick the port at connect: it need be unique per destination only

_TCP_INFO_BYTES: Final = 104
_RTT_AT: Final = 68  # struct tcp_info: tcpi_rtt, microseconds
_RETRANSMITS_AT: Final = 100  # tcpi_total_retrans
_RESET: Final = struct.pack("ii", 1, 0)
_u32 = struct.Struct("I")

# Both sides know that it is over; a reset could overtake the TLS alert that says why.
IN_ORDER: Final = (ProbeFailed, ssl.SSLError)


class Conversation(ABC):
    """Leave it as a context manager: closed after success or a verdict, else reset."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Close in order."""

    @abstractmethod
    def abort(self) -> None:
        """Close with a reset and forget what was not yet sent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, IN_ORDER):
            self.close()
        else:
            self.abort()


class Stream(Conversation):
    """What `connect` gives.

    One run uses it, and waits for one thing at a time. `send` and `recv` raise PathError.
    """

    __slots__ = (
        "_begun",
        "_called",
        "_departure",
        "_fd",
        "_is_leaving",
        "_left",
        "_loop",
        "_poller",
        "_sock",
        "stamp",
    )

    def __init__(self, io: "Io", sock: socket.socket) -> None:
        self._loop = io.loop
        self._poller = io.poller
        self._begun = 0.0  # when the connection attempt began
        self._sock = sock
        self._fd = sock.fileno()
        self.stamp = 0  # of the last `recv`, in nanoseconds of CLOCK_REALTIME; 0: the kernel gave none
        self._left = 0  # the same, of the last `send`
        self._is_leaving = False  # whether more stamps of it may come
        self._called = 0.0  # when that was called
        self._departure = stamps.DEPARTURE if stamps.enable_stream(sock) else []

    async def connect(self, address: tuple[str, int]) -> None:
        """Raises PathError, and OSError on our own kernel's word."""
        self._begun = self._loop.time()
        try:
            self._sock.connect(address)
        except BlockingIOError:
            await suspend(self._until_writable)
            error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise PathError(error, os.strerror(error)) from None

    async def send(self, data: bytes) -> None:
        """Give all of *data* to the kernel."""
        rest: bytes | memoryview = data
        self._left = 0
        self._is_leaving = False
        self._called = self._loop.time()
        while True:
            try:
                sent = self._sock.sendmsg((rest,), self._departure)
            except BlockingIOError:
                sent = 0
            except OSError as exc:
                raise PathError(exc.errno, exc.strerror) from exc
            is_whole = sent == len(rest)
            # The stamp is there already, unless the interface queues or the peer is slow.
            if not self._take_departure() or not is_whole:
                self._is_leaving = True
            if is_whole:
                return
            rest = memoryview(rest)[sent:]
            await suspend(self._until_writable)

    def _take_departure(self) -> bool:
        """Whether a stamp was there. One that stays there would end every wait at once, as an error does."""
        stamp = stamps.departed_at(self._sock)
        self._left = stamp or self._left
        return stamp != 0

    def _take_departures(self) -> None:
        while self._take_departure():
            pass

    def send_once(self, data: bytes) -> None:
        """Offer *data* to the kernel, for a last word that need not arrive."""
        try:
            self._sock.send(data)
        except OSError:
            pass

    async def recv(self, max_bytes: int) -> bytes:
        """The next bytes, at most *max_bytes*; b"" at the end.

        Waits for the event loop each time, also when more is there: a fast peer cannot keep it to itself.
        """
        while True:
            await suspend(self._until_readable)
            try:
                data, ancillary, _, _ = self._sock.recvmsg(max_bytes, ANCILLARY_BYTES)
            except BlockingIOError:
                self._take_departures()
                continue
            except OSError as exc:
                raise PathError(exc.errno, exc.strerror) from exc
            self.stamp = stamps.received_at(ancillary)
            return data

    def now(self) -> float:
        return self._loop.time()

    def age(self) -> float:
        """Seconds since the connection attempt began."""
        return self._loop.time() - self._begun

    def arrived(self, since: float) -> tuple[float, bool]:
        """When the bytes of the last `recv` came in, by the loop's clock, and whether the kernel says so.

        Not before *since*: a peer that speaks first may do so before we have seen that we are connected.
        """
        return self.dated(self.stamp, since)

    def left(self) -> tuple[float, bool]:
        """When the last `send` left, by the loop's clock, and whether the kernel says so; else its start.

        Ask when the answer is there: what queues, or waits for a slow peer, is stamped only as it leaves.
        """
        if self._is_leaving:
            self._take_departures()
        at, is_kernel = self.dated(self._left, self._called)
        return (at, True) if is_kernel else (self._called, False)

    def began(self, since: float) -> tuple[float, bool]:
        """As `arrived`, of the first of those bytes, if no more than FIRST_READ were asked for."""
        return self.dated(self.stamp, since)

    def dated(self, stamp: int, since: float) -> tuple[float, bool]:
        """As `arrived`, of any stamp."""
        now = self._loop.time()
        if stamp:
            age = (time.time_ns() - stamp) / 1e9
            if 0.0 <= age <= now - self._begun:
                return max(now - age, since), True
        return now, False

    def close(self) -> None:
        """Close in order (FIN). Closing twice is allowed."""
        if self._fd >= 0:
            self._poller.forget(self._fd)
            self._fd = -1
            self._sock.close()

    def abort(self) -> None:
        """Close with a reset and forget what was not yet sent."""
        if self._fd >= 0:
            try:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            except OSError:
                pass  # the connection is gone already: nothing to reset
            self.close()

    def _until_writable(self, run: Run) -> Disarm:
        return self._until(poller.WRITE, run)

    def _until_readable(self, run: Run) -> Disarm:
        return self._until(poller.READ, run)

    def _until(self, events: int, run: Run) -> Disarm:
        self._poller.until(self._fd, events, run)
        return self._rest

    def _rest(self) -> None:
        self._poller.rest(self._fd)


async def connect(
    io: "Io", address: str, port: int, record: Record, *, is_own_server: bool = False
) -> Stream:
    """Connect to a literal address; sets the record's address, port, clock and phase "connect".

    Raises ProbeSpoiled(policy), unless *is_own_server*: the host's own name server (`OwnServer`).
    An OSError of `connect` itself is our own kernel's word. What came back from the path is a PathError.
    """
    record.stage = "connect"
    record.address = address
    record.port = port
    if not is_own_server:
        io.policy.check(address)
    is_v6 = ":" in address
    sock = socket.socket(
        socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    )
    stream = Stream(io, sock)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        source = io.source.get(6 if is_v6 else 4)
        if source is not None:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        await stream.connect((address, port))
        seconds = _handshake_seconds(sock)
    except OSError as exc:
        stream.close()
        exc.strerror = f"{Endpoint(address, port)}: {exc.strerror}"
        raise
    except BaseException:
        stream.close()
        raise
    record.timed(seconds is not None)
    record.add_phase("connect", stream.age() if seconds is None else seconds)
    return stream


def _handshake_seconds(sock: socket.socket) -> float | None:
    """The round trip of SYN and SYN-ACK as the kernel saw it; None when it cannot know."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError as exc:
        if exc.errno == errno.ENOPROTOOPT:
            return None
        raise
    if len(info) < _TCP_INFO_BYTES or _u32.unpack_from(info, _RETRANSMITS_AT)[0]:
        return None
    rtt: int = _u32.unpack_from(info, _RTT_AT)[0]
    return rtt / 1e6 if rtt else None
