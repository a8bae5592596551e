"""One datagram and its answer, on a socket of its own and so from a port that nobody knows (RFC 6056).

The socket is not connected: the kernel would drop what comes from elsewhere without telling, and that
somebody tries to answer in the target's place is worth knowing.
"""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from vedette_agent.engine import stamps
from vedette_agent.engine.datagrams import READS, StampedSocket
from vedette_agent.engine.icmperror import path_error
from vedette_agent.engine.quoted import blame, is_proof
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded, Disarm, Run, suspend
from vedette_agent.engine.sockaddr import Address, socket_address

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

MAX_DATAGRAM: Final = 65_535

Accept = Callable[[bytes], bool]


class Datagram(StampedSocket):
    """Sent by arming it; the run is resumed with its answer, or sees ProbeFailed(net.*)."""

    __slots__ = ("_accept", "_address", "_has_ended", "_max_bytes", "_payload", "_proof", "_run",
                 "foreign", "is_kernel_timed", "received", "seconds", "unproven", "watch")  # fmt: skip

    def __init__(
        self, io: "Io", address: Address, payload: bytes, accept: Accept, max_bytes: int, proof: int
    ) -> None:
        super().__init__(io.loop)
        self._address = address
        self._payload = payload
        self._accept = accept
        self._max_bytes = max_bytes
        self._proof = proof
        self._has_ended = False
        self._run: Run
        self.watch: stamps.Stopwatch
        self.seconds = 0.0
        self.received = 0  # the kernel's stamp of the answer, nanoseconds since the epoch; 0: none
        self.is_kernel_timed = False
        self.foreign = 0  # datagrams that are not the answer
        self.unproven: ProbeFailed | None = None  # what an ICMP error means that may be forged
        is_v6 = ":" in address[0]
        self.sock = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.sock.setblocking(False)
            stamps.enable(self.sock)
            source = io.source.get(6 if is_v6 else 4)
            if source is not None:
                self.sock.bind(socket_address(source, 0))
            self.loop.add_reader(self.sock, self._readable)
        except BaseException:
            self.sock.close()
            raise

    def arm(self, run: Run) -> Disarm:
        """Raises OSError on our own kernel's word."""
        self._run = run
        self.watch = stamps.Stopwatch()
        self.sock.sendto(self._payload, self._address)
        self._time(self, 0)
        return self._disarm

    def _disarm(self) -> None:
        self._has_ended = True

    def _readable(self) -> None:
        for number in range(READS):
            try:
                wire, ancillary, _, address = self.sock.recvmsg(self._max_bytes, stamps.ANCILLARY_BYTES)
            except OSError:  # nothing more, or an ICMP error whose details are on the error queue
                if number == 0:
                    self._take_notices()
                return
            if not self.watch.tx:
                self._take_notices()  # the stamp may wait there; so may the end of the run
            if self._has_ended:
                return
            if address != self._address or not self._accept(wire):
                self.foreign += 1
                self._run.record.note("udp.foreign", wire)
                continue
            self.received = stamps.received_at(ancillary)
            self.seconds, self.is_kernel_timed = self.watch.stop(self.received)
            self._run.resume(wire)
            return

    def _take_error(self, notice: stamps.Notice) -> None:
        if self._has_ended or notice.address[:2] != self._address[:2]:
            return
        proven = is_proof(notice.quote, self._payload, self._proof)
        if proven:
            self._run.throw(path_error(notice))
        elif proven is not None:
            self.unproven = path_error(notice)


def datagram(
    io: "Io",
    address: str,
    port: int,
    payload: bytes,
    record: Record,
    accept: Accept,
    max_bytes: int,
    proof: int,
) -> Datagram:
    """Ready to be sent by `answer_to`, and to be closed by the caller; sets the record's address and port.

    A datagram counts as the answer when it comes from there and *accept* takes it. A longer one than
    *max_bytes* arrives cut. An ICMP error ends the wait if it quotes *proof* bytes of the payload.
    Raises ProbeSpoiled(policy), and OSError when no socket can be had.
    """
    record.address, record.port = address, port
    io.policy.check(address)
    return Datagram(io, socket_address(address, port), payload, accept, max_bytes, proof)


async def answer_to(sent: Datagram, record: Record) -> bytes:
    """Send, and wait for the answer. Adds the phase "request".

    Raises ProbeFailed(net.*) on an ICMP error, and OSError on our own kernel's word. One that proves nothing
    is what the deadline ends it with.
    """
    try:
        wire: bytes = await suspend(sent.arm)
    except DeadlineExceeded as exc:
        if sent.unproven is not None:
            blame(exc, sent.unproven)
        raise
    record.timed(sent.is_kernel_timed)
    record.add_phase("request", sent.seconds)
    return wire
