"""One QUIC connection of one probe (RFC 9000), on a connected UDP socket of its own. aioquic speaks it.

aioquic is a state machine without sockets, tasks or timers: it is given datagrams and the time, and says what
to send and when it wants to be called again. One wait therefore ends at a datagram or at that time.

What aioquic guards: the rules of packets, frames and states, one Retry, one version negotiation, flow control
and 512 KiB of handshake that arrive out of order. What it does not, and what is bounded here
and in `quicconnection`:

- *Windows that grow.* It doubles them whenever half is used, also by a gap that nobody will ever fill, and
  keeps memory for all of it. Here they stay as they were opened.
- *Preferred addresses.* It would answer a server's wish to be reached elsewhere (RFC 9000 9.6), and so send
  to addresses that the peer chose. Here nothing leaves for another address than the one that was checked.
- *Scattered data.* Each piece between gaps is walked over whenever another comes.
- *Handshake data that is held back.* What is behind a gap would be read at once when that is filled.
- *Floods.* PINGs, tickets, tokens, empty frames and datagrams of nobody are free for the peer. Each datagram
  takes one of a stock, which only the data of streams fills up again.
- *A peer that never pauses.* After TURN seconds the event loop gets its turn, whatever is still unread.
- *Stateless resets* (RFC 9000 10.3), which it does not know: the probe would wait for its deadline.
"""

import errno
import logging
import os
import socket
import time
from typing import TYPE_CHECKING, Final, Self

from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicErrorCode, QuicProtocolVersion
from cryptography.x509 import InvalidVersion

from vedette.wire.failure import Failure
from vedette_agent.engine import poller, stamps
from vedette_agent.engine.icmperror import FROM_THE_PATH
from vedette_agent.engine.quicconnection import MAX_PIECES, Connection, NameOf, ended
from vedette_agent.engine.record import PathError, ProbeFailed, Record
from vedette_agent.engine.run import Disarm, Run, suspend
from vedette_agent.engine.sockaddr import Address, socket_address

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

TURN: Final = 0.004  # seconds of one probe before others get their turn
MAX_DATAGRAM: Final = 1500  # longer ones are dropped: paths have no larger, and each byte may be a frame
STOCK: Final = 1024  # datagrams that carry little or nothing
FILLING_BYTES: Final = 256  # of a stream, for one datagram more
MAX_HANDSHAKE_BYTES: Final = 128 * 1024
MAX_HELD_BYTES: Final = 16 * 1024  # of TLS behind a gap, once the handshake is over
SLICE: Final = 4096  # bytes of a stream in one event
IDLE: Final = 300.0  # seconds; longer than any probe
_SOON: Final = 0.001  # seconds: no timer is nearer

# A target that fails is a series and no line in a log.
for _name in ("quic", "http3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Quic:
    """What `opened` gives. One run uses it; leave it as a context manager, which says goodbye and closes.

    *name_of* tells the application's error codes (RFC 9000 20.2) by name.
    """

    __slots__ = (
        "_arrived",
        "_at",
        "_called",
        "_fd",
        "_is_kernel",
        "_is_marked",
        "_is_up",
        "_left",
        "_loop",
        "_name_of",
        "_peer",
        "_poller",
        "_received",
        "_sock",
        "_stock",
        "_turn_ends",
        "_whole",
        "connection",
        "goodbye",
    )  # fmt: skip

    def __init__(
        self, io: "Io", sock: socket.socket, peer: Address, connection: Connection, name_of: NameOf
    ) -> None:
        self._loop = io.loop
        self._poller = io.poller
        self._sock = sock
        self._fd = sock.fileno()
        self._peer = peer
        self._name_of = name_of
        self._whole: events.StreamDataReceived | None = None  # too long for one event,
        self._at = 0  # and given as far as here
        self._is_up = False  # the handshake is complete
        self._received = 0  # bytes
        self._stock = STOCK
        self._turn_ends = self._loop.time() + TURN
        self._is_marked = False
        self._called = 0.0  # when what was marked was given to the kernel
        self._left = 0.0  # when it left, by the kernel; 0: unknown
        self._arrived = 0.0  # the last datagram
        self._is_kernel = False
        self.connection = connection
        self.goodbye = int(QuicErrorCode.NO_ERROR)  # the application's code for a good end

    def mark(self) -> None:
        """The next datagram that leaves is the one whose time `left` tells."""
        self._is_marked = True

    def left(self) -> tuple[float, bool]:
        """When what was marked left, by the loop's clock, and whether the kernel says so."""
        return (self._left, True) if self._left else (self._called, False)

    def arrived(self) -> tuple[float, bool]:
        """The same of the datagram that brought the last event."""
        return self._arrived, self._is_kernel

    async def handshake(self) -> str | None:
        """Connect; the protocol that was agreed on. Raises as `event`."""
        self.mark()
        self.connection.connect(self._peer, self._loop.time())
        while True:
            event = await self.event()
            if isinstance(event, events.HandshakeCompleted):
                self._is_up = True
                return event.alpn_protocol

    async def event(self) -> events.QuicEvent:
        """What happens next; sends first what is to be sent.

        Raises ProbeFailed(quic.*, tls.handshake, net.refused), PathError, and OSError on our own kernel's
        word.
        """
        while True:
            if self._loop.time() >= self._turn_ends:
                self._transmit()
                await suspend(self._next_turn)
                self._turn_ends = self._loop.time() + TURN
            event = self._next_event()
            if event is not None:
                return event
            if self.connection.ending is not None:
                self._transmit()  # what we found wrong
                raise ended(self.connection, self.connection.ending, self._broken, self._name_of)
            if self._receive():
                continue
            self._transmit()
            await suspend(self._until_readable_or_due)
            now = self._loop.time()
            self._turn_ends = now + TURN
            due = self.connection.get_timer()
            if due is not None and now >= due:
                self.connection.handle_timer(now)

    def _next_event(self) -> events.QuicEvent | None:
        if self._whole is not None:
            return self._next_slice(self._whole)
        event = self.connection.next_event()
        if isinstance(event, events.ConnectionTerminated):
            raise ended(self.connection, event, self._broken, self._name_of)
        if isinstance(event, events.StreamDataReceived):
            self._stock = min(self._stock + len(event.data) // FILLING_BYTES, STOCK)
            if len(event.data) > SLICE:
                return self._next_slice(event)
        return event

    def _next_slice(self, whole: events.StreamDataReceived) -> events.StreamDataReceived:
        """Cut off as it is wanted: what was held back by a gap can be a megabyte."""
        at, end = self._at, self._at + SLICE
        is_last = end >= len(whole.data)
        self._whole, self._at = (None, 0) if is_last else (whole, end)
        return events.StreamDataReceived(whole.data[at:end], is_last and whole.end_stream, whole.stream_id)

    def _receive(self) -> bool:
        """Take in one datagram. False: there is none."""
        try:
            data, ancillary, _, _ = self._sock.recvmsg(MAX_DATAGRAM + 1, stamps.ANCILLARY_BYTES)
        except BlockingIOError:
            self._take_notices()
            return False
        except OSError as exc:
            raise self._from_the_path(exc) from exc
        now = self._loop.time()
        self._arrived, self._is_kernel = self._dated(stamps.received_at(ancillary), now)
        self._received += len(data)
        self._stock -= 1
        if not self._is_up and self._received > MAX_HANDSHAKE_BYTES:
            said = f"no end of the handshake within {MAX_HANDSHAKE_BYTES} bytes"
            raise ProbeFailed(Failure.QUIC_HANDSHAKE, said)
        if self._stock < 0:
            said = f"more than {STOCK} datagrams that carry little or nothing"
            raise ProbeFailed(self._broken, said)
        if not data or len(data) > MAX_DATAGRAM:
            return True
        if self.connection.is_reset_by(data):
            raise ProbeFailed(self._broken, "the peer knows nothing of this connection: stateless reset")
        try:
            self.connection.receive_datagram(data, self._peer, now)
        except InvalidVersion as exc:  # of a certificate; what else is wrong with one aioquic tells the peer
            raise ProbeFailed(Failure.TLS_HANDSHAKE, f"a certificate that cannot be read: {exc}") from exc
        if self.connection.is_scattered:
            raise ProbeFailed(self._broken, f"data in more than {MAX_PIECES} pieces with gaps between them")
        if self._is_up and self.connection.held_bytes > MAX_HELD_BYTES:
            raise ProbeFailed(self._broken, f"more than {MAX_HELD_BYTES} bytes of TLS behind a gap")
        return True

    @property
    def _broken(self) -> Failure:
        return Failure.QUIC_CLOSED if self._is_up else Failure.QUIC_HANDSHAKE

    def _transmit(self) -> None:
        for data, to in self.connection.datagrams_to_send(self._loop.time()):
            if to == self._peer:
                self._send(data)

    def _send(self, data: bytes) -> None:
        departure = stamps.DEPARTURE if self._is_marked else []
        if self._is_marked:
            self._is_marked = False
            self._called, self._left = self._loop.time(), 0.0
        try:
            self._sock.sendmsg((data,), departure)
        except BlockingIOError:
            return  # lost, as the network may lose it
        except OSError as exc:
            if exc.errno in FROM_THE_PATH:  # about an earlier datagram
                raise self._from_the_path(exc) from exc
            raise
        if departure:
            self._take_notices()

    def _take_notices(self) -> None:
        """An entry that stays on the error queue would end every wait at once."""
        while (notice := stamps.next_notice(self._sock)) is not None:
            if notice.origin == stamps.ORIGIN_STAMP:
                at, is_kernel = self._dated(notice.stamp, self._loop.time())
                self._left = at if is_kernel else 0.0

    def _dated(self, stamp: int, now: float) -> tuple[float, bool]:
        """*stamp* by the loop's clock, if it is credible; else *now*."""
        age = (time.time_ns() - stamp) / 1e9
        if stamp and 0.0 <= age <= now - self._called:
            return now - age, True
        return now, False

    def _from_the_path(self, error: OSError) -> OSError | ProbeFailed:
        if error.errno == errno.ECONNREFUSED:
            return ProbeFailed(Failure.NET_REFUSED, f"nothing listens on UDP port {self._peer[1]}")
        return PathError(error.errno, error.strerror or os.strerror(error.errno or 0))

    def close(self, code: int | None = None, frame_type: int | None = None, reason: str = "") -> None:
        """Say why, once, and close; without a *code* the application's goodbye. Twice is allowed."""
        if self._fd < 0:
            return
        try:
            self.connection.close(self.goodbye if code is None else code, frame_type, reason)
            if self.connection.get_peer_address() is not None:
                self._transmit()
        except (OSError, ProbeFailed):
            pass  # nobody is there to hear it
        finally:
            self._poller.forget(self._fd)
            self._fd = -1
            self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next_turn(self, run: Run) -> Disarm:
        return self._loop.call_soon(run.resume).cancel

    def _until_readable_or_due(self, run: Run) -> Disarm:
        self._poller.until(self._fd, poller.READ, run)
        due = self.connection.get_timer()
        if due is None:
            return self._rest
        timer = self._loop.call_at(max(due, self._loop.time() + _SOON), run.resume)

        def disarm() -> None:
            timer.cancel()
            self._rest()

        return disarm

    def _rest(self) -> None:
        self._poller.rest(self._fd)


def opened(
    io: "Io",
    address: str,
    port: int,
    configuration: QuicConfiguration,
    record: Record,
    *,
    streams: int,
    name_of: NameOf,
    is_own_server: bool = False,
) -> Quic:
    """A connection that is yet to shake hands; sets the record's address and port.

    *streams*: how many the peer may open, in its direction only. Raises ProbeSpoiled(policy), unless
    *is_own_server* (`OwnServer`), and OSError on our own kernel's word.
    """
    record.stage = "quic"
    record.address, record.port = address, port
    if not is_own_server:
        io.policy.check(address)
    configuration.supported_versions = [QuicProtocolVersion.VERSION_1]
    configuration.idle_timeout = IDLE
    peer = socket_address(address, port)
    is_v6 = ":" in address
    sock = socket.socket(
        socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    )
    try:
        stamps.enable_errors(sock)
        stamps.enable_stream(sock)
        source = io.source.get(6 if is_v6 else 4)
        if source is not None:
            sock.bind(socket_address(source, 0))
        sock.connect(peer)
        return Quic(io, sock, peer, Connection(configuration, streams), name_of)
    except BaseException:
        sock.close()
        raise
