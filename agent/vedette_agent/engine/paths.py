"""Packets whose hop limit ends on the way, and who says so: unprivileged, by the sockets' error queues.

All packets of a run belong to one flow, so that routers which spread flows over several paths (RFC 2992) take
them all the same way: UDP keeps both ports and varies the payload, TCP connects again and again from the same
port. An ICMP error quotes the packet that it is about.
"""

import asyncio
import errno
import os
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Final

from vedette.checks.model import Family
from vedette_agent.engine import stamps
from vedette_agent.engine.datagrams import READS
from vedette_agent.engine.icmperror import send_again
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.run import MARGIN, Disarm, Run
from vedette_agent.engine.sockaddr import socket_address
from vedette_agent.path.walk import Heard, Packet, Walk, What

_TOKEN_BYTES: Final = 8  # random, at the start of a payload; one byte with the number of the packet follows
_PAYLOAD_BYTES: Final = 32
_MAX_REPLY: Final = 512
_IPV6_AUTOFLOWLABEL: Final = 70  # linux/in6.h: otherwise each connection has a label, and a path, of its own
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_UNREACHABLE: Final = {(stamps.ORIGIN_ICMP, 3), (stamps.ORIGIN_ICMP6, 1)}
_SAID_BY_TARGET: Final = frozenset({0, errno.EINPROGRESS, errno.ECONNREFUSED})
_PORT_TAKEN: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL})


class Carrier(ABC):
    """Sends the packets of one run to one address, and tells what came back."""

    window: int  # packets in flight that it can tell apart

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        policy: Policy,
        source: Mapping[Family, str],
        address: str,
        port: int,
    ) -> None:
        """Raises ProbeSpoiled(policy)."""
        policy.check(address)
        self.loop = loop
        self.target = address
        self.address = socket_address(address, port)
        self.family: Family = 6 if ":" in address else 4
        self.source = source.get(self.family) or ("::" if self.family == 6 else "0.0.0.0")  # noqa: S104

    @abstractmethod
    def open(self, wake: Callable[[], None]) -> None:
        """*wake* is called when there is something to hear, and never from within `send`."""

    @abstractmethod
    def send(self, packet: Packet) -> None:
        """Raises OSError: the word of our own kernel."""

    @abstractmethod
    def hear(self) -> list[Heard]: ...

    @abstractmethod
    def close(self) -> None: ...

    def made(self, kind: socket.SocketKind, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if self.family == 6 else socket.AF_INET, kind)
        try:
            sock.setblocking(False)
            if self.family == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_AUTOFLOWLABEL, 0)
            sock.bind(socket_address(self.source, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def limit(self, sock: socket.socket, ttl: int) -> None:
        if self.family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)

    def reported(
        self, notice: stamps.Notice, number: int | None, watch: stamps.Stopwatch | None
    ) -> Heard | None:
        """What an ICMP error says; None if it says nothing about the path."""
        what: What
        if notice.is_exceeded:
            what = "exceeded"
        elif (notice.origin, notice.icmp_type) in _UNREACHABLE:
            what = "reached" if notice.offender == self.target else "unreachable"
        else:
            return None
        if not notice.offender:
            return None
        seconds, by_kernel = (0.0, False) if watch is None else watch.stop(notice.stamp)
        icmp = (notice.icmp_type, notice.icmp_code)
        return Heard(number, notice.offender, what, seconds, icmp, by_kernel)


class UdpCarrier(Carrier):
    """One connected socket; the payload tells the packets apart."""

    window = 6

    def open(self, wake: Callable[[], None]) -> None:
        self._token = os.urandom(_TOKEN_BYTES)
        self._watches: dict[int, stamps.Stopwatch] = {}
        self._keys: list[int] = []  # the number of the packet that left as the how manieth
        self._sock = self.made(socket.SOCK_DGRAM, 0)
        try:
            stamps.enable(self._sock)
            self._sock.connect(self.address)
        except BaseException:
            self._sock.close()
            raise
        self.loop.add_reader(self._sock, wake)

    def send(self, packet: Packet) -> None:
        self.limit(self._sock, packet.ttl)
        wire = (self._token + bytes([packet.number])).ljust(_PAYLOAD_BYTES, b"\0")
        # An error of an earlier packet would fail this call instead. Its details stay on the error queue.
        self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._watches[packet.number] = stamps.Stopwatch()
        try:
            self._sock.send(wire)
        except OSError:  # another one came in between, or it is our own kernel's word
            stamps.restart(self._sock)  # kernels before 6.7 have numbered what they did not send
            self._keys.clear()
            self._watches[packet.number] = stamps.Stopwatch()
            send_again(self._sock, wire, self.address)
        self._keys.append(packet.number)

    def hear(self) -> list[Heard]:
        notices: list[stamps.Notice] = []
        while len(notices) < READS and (notice := stamps.next_notice(self._sock)) is not None:
            if notice.origin != stamps.ORIGIN_STAMP:
                notices.append(notice)
            elif notice.key < len(self._keys):
                self._watches[self._keys[notice.key]].tx = notice.stamp
        heard = [self._of(notice) for notice in notices] + self._replies()
        return [one for one in heard if one is not None]

    def close(self) -> None:
        self.loop.remove_reader(self._sock)
        self._sock.close()

    def _of(self, notice: stamps.Notice) -> Heard | None:
        known, number = self._number(notice.quote)
        return self.reported(notice, number, self._watch(number)) if known else None

    def _number(self, data: bytes) -> tuple[bool, int | None]:
        """Whether *data* can be ours, and of which packet; a quote that ends before it does not tell."""
        if len(data) > _TOKEN_BYTES:
            number = data[_TOKEN_BYTES]
            return data.startswith(self._token) and number in self._watches, number
        return self._token.startswith(data), None

    def _watch(self, number: int | None) -> stamps.Stopwatch | None:
        """That of the packet; of one that is not known, the only one there is, if so."""
        if number is None:
            number = next(reversed(self._watches), None)
        return None if number is None else self._watches.get(number)

    def _replies(self) -> list[Heard | None]:
        """Datagrams of the target's: something listens on that port."""
        heard: list[Heard | None] = []
        for _ in range(READS):
            try:
                data, ancillary, _, _ = self._sock.recvmsg(_MAX_REPLY, stamps.ANCILLARY_BYTES)
            except OSError:
                break
            number = self._number(data)[1] if data.startswith(self._token) else None
            watch = self._watch(number)
            if watch is not None:
                seconds, by_kernel = watch.stop(stamps.received_at(ancillary))
                heard.append(Heard(number, self.target, "reached", seconds, None, by_kernel))
        return heard


class TcpCarrier(Carrier):
    """One connection attempt after the other, from one port; the target answers with SYN-ACK or RST."""

    window = 1

    def open(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._sock: socket.socket | None = None
        self._number = 0
        self._port = 0
        self._watch = stamps.Stopwatch()

    def send(self, packet: Packet) -> None:
        self.close()
        error = self._connect(packet)
        if error in _PORT_TAKEN and self._port:
            self._port = 0  # somebody took it meanwhile: the flow goes on from another one
            error = self._connect(packet)
        sock = self._sock
        assert sock is not None
        if error not in _SAID_BY_TARGET:
            raise OSError(error, os.strerror(error))
        self._port = sock.getsockname()[1]
        self.loop.add_writer(sock, self._wake)

    def hear(self) -> list[Heard]:
        sock = self._sock
        if sock is None:
            return []
        heard: Heard | None
        notice = stamps.next_notice(sock)
        if notice is not None and notice.origin != stamps.ORIGIN_STAMP:
            heard = self.reported(notice, self._number, self._watch)
            heard = heard and heard._replace(is_kernel_timed=False)  # one end of it is not
        else:
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error != errno.ECONNREFUSED and (error or not _is_connected(sock)):
                self.close()  # by whom is not known: it counts as silence
                return []
            heard = Heard(self._number, self.target, "reached", self._watch.stop(0)[0])
        self.close()
        return [] if heard is None else [heard]

    def close(self) -> None:
        if self._sock is not None:
            self.loop.remove_writer(self._sock)
            self._sock.close()
            self._sock = None

    def _connect(self, packet: Packet) -> int:
        """The error number, 0 for none."""
        self.close()
        try:
            sock = self._sock = self.made(socket.SOCK_STREAM, self._port)
        except OSError as exc:
            if exc.errno in _PORT_TAKEN and self._port:
                return exc.errno
            raise
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        stamps.enable_stream(sock)
        stamps.enable_errors(sock)
        self.limit(sock, packet.ttl)
        self._number = packet.number
        self._watch = stamps.Stopwatch()
        self._watch.tx = time.time_ns()  # no stamp is made of a SYN, and it leaves within this call
        return sock.connect_ex(self.address)


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


class Trace:
    """To be awaited by `suspend(trace.arm)`: it ends with the walk, or shortly before time is up."""

    def __init__(self, carrier: Carrier, walk: Walk) -> None:
        self._carrier = carrier
        self._loop = carrier.loop
        self._walk = walk
        self._run: Run
        self._timer: asyncio.TimerHandle | None = None
        self._last: asyncio.TimerHandle | None = None

    def arm(self, run: Run) -> Disarm:
        self._run = run
        self._carrier.open(self._ready)
        self._last = self._loop.call_at(run.deadline - MARGIN, self._time_is_up)
        try:
            self._pump()
        except BaseException:
            self._disarm()
            raise
        return self._disarm

    def _time_is_up(self) -> None:
        self._walk.time_is_up()
        self._run.resume()

    def _ready(self) -> None:
        now = self._loop.time()
        for heard in self._carrier.hear():
            self._walk.heard(heard, now)
        self._go_on()

    def _go_on(self) -> None:
        try:
            self._pump()
        except OSError as exc:
            self._run.throw(exc)
            return
        if self._walk.is_over:
            self._run.resume()

    def _pump(self) -> None:
        while (packet := self._walk.due(self._loop.time())) is not None:
            self._carrier.send(packet)
        if self._timer is not None:
            self._timer.cancel()
        expires = self._walk.expires
        if expires is not None:
            self._timer = self._loop.call_at(expires, self._go_on)

    def _disarm(self) -> None:
        for timer in (self._timer, self._last):
            if timer is not None:
                timer.cancel()
        self._carrier.close()
