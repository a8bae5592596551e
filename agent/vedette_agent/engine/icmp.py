"""ICMP echo on one shared socket per family (RFC 792, RFC 4443 4).

Datagram sockets need no privilege where net.ipv4.ping_group_range allows our group, raw ones need
CAP_NET_RAW; the first that the kernel gives is used. A reply settles an echo only with its address, id,
sequence number and all of its payload, which starts with random bytes. Echoes with a hop limit of their own,
or that must not be fragmented, have sockets of their own.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from vedette.checks.model import Family
from vedette.wire.failure import Failure, NotRun
from vedette_agent.dns.query import ENTROPY
from vedette_agent.engine import stamps
from vedette_agent.engine.datagrams import READS, StampedSocket
from vedette_agent.engine.icmperror import send_again
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.quoted import is_proof
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled
from vedette_agent.engine.run import Disarm, Run
from vedette_agent.engine.sockaddr import Address, socket_address

if TYPE_CHECKING:
    from vedette_agent.engine.shot import Shot

TOKEN_BYTES = 8  # random, at the start of the payload; a shorter payload has a shorter token
_MAX_REPLY = 2048  # unless something larger was asked for; what is longer arrives cut, and that is seen
_MAX_HEADERS = 68  # of IP, on raw sockets, and of the echo
_HEADER = struct.Struct(">BBHHH")
_REQUEST: dict[Family, int] = {4: 8, 6: 128}
_REPLY: dict[Family, int] = {4: 0, 6: 129}
_PROTOCOL: dict[Family, int] = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_FAMILY: dict[Family, int] = {4: socket.AF_INET, 6: socket.AF_INET6}
_ICMP_FILTER = 1  # linux/icmp.h at level SOL_RAW, and linux/icmpv6.h: types whose bit is set are not wanted
_SOL_RAW = 255
_IP_RECVTTL = 12
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER = 10, 23  # linux/in.h, linux/in6.h
_PMTUDISC_DONT, _PMTUDISC_PROBE = 0, 3
_HOP_LIMITS = {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}

FIXES = (
    "let the agent's group ping: sysctl -w net.ipv4.ping_group_range='0 2147483647'",
    "or give the agent the capability, in its systemd unit: AmbientCapabilities=CAP_NET_RAW",
)


class Echo:
    """One echo request in flight, then its reply."""

    __slots__ = ("_socket", "address", "corrupt", "hop_limit", "is_kernel_timed", "is_waiting", "payload",
                 "run", "seconds", "sequence", "unproven", "watch")  # fmt: skip

    def __init__(self, sock: "Socket", address: Address, payload: bytes) -> None:
        self._socket = sock
        self.payload = payload
        self.address = address
        self.corrupt = 0  # replies to it with another payload; none of them settles it
        self.sequence = 0
        self.run: Run | Shot
        self.is_waiting = False  # it was sent, and nobody has given it up
        self.watch: stamps.Stopwatch
        self.seconds = 0.0
        self.is_kernel_timed = False
        self.hop_limit: int | None = None  # of the reply, as it arrived
        self.unproven: ProbeFailed | None = None  # what an ICMP error means that may be forged

    def send(self, run: "Run | Shot") -> None:
        """The run is resumed with this echo, or sees ProbeFailed. Raises OSError: it was not sent."""
        self.run = run
        self._socket.send(self, self.payload)
        self.is_waiting = True

    def arm(self, run: Run) -> Disarm:
        """Send, or go on with what was sent."""
        if not self.is_waiting:
            self.send(run)
        self.run = run
        return self.disarm

    def disarm(self) -> None:
        self.is_waiting = False
        self._socket.forget(self)

    @property
    def token(self) -> bytes:
        return self.payload[:TOKEN_BYTES]

    def settle(self, rx: int, hop_limit: int | None) -> None:
        self.seconds, self.is_kernel_timed = self.watch.stop(rx)
        self.hop_limit = hop_limit
        self.run.resume(self)

    def fail(self, error: ProbeFailed, *, is_proven: bool) -> None:
        """An ICMP error came that is about this echo, or that may be."""
        if is_proven:
            self.run.throw(error)
        else:
            self.unproven = error

    def spoil(self, message: bytes) -> None:
        """A reply to this echo came, with another payload."""
        self.corrupt += 1
        self.run.record.note("icmp.corrupt", message)


class Shape(NamedTuple):
    """What all echoes of one socket have in common."""

    family: Family
    hop_limit: int | None = None  # None: the host's own
    dont_fragment: bool = False


class Socket(StampedSocket):
    """All echoes of one shape."""

    __slots__ = ("_family", "_ident", "_is_raw", "_keys", "_most", "_pending", "_sequence")

    def __init__(self, loop: asyncio.AbstractEventLoop, shape: Shape, source: str | None) -> None:
        super().__init__(loop)
        self._family = family = shape.family
        self._most = _MAX_REPLY
        self._pending: dict[int, Echo] = {}  # by sequence number
        self._keys = 0
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self.sock, self._is_raw = _open(family)
        try:
            self.sock.setblocking(False)
            self._configure(source)
            _shape(self.sock, shape)
        except BaseException:
            self.sock.close()
            raise
        loop.add_reader(self.sock.fileno(), self._readable)  # as in `udp`

    def _configure(self, source: str | None) -> None:
        stamps.enable(self.sock)
        if self._family == 4:
            self.sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        else:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        if self._is_raw:
            self._ident = int.from_bytes(os.urandom(2), "big")
            # Raw sockets see every ICMP message of the host: let through nothing but echo replies.
            if self._family == 4:
                self.sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("I", 0xFFFFFFFF & ~(1 << _REPLY[4])))
            else:
                words = [0xFFFFFFFF] * 8
                words[_REPLY[6] >> 5] &= ~(1 << (_REPLY[6] & 31))
                self.sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP_FILTER, struct.pack("8I", *words))
            if source is not None:
                self.sock.bind(socket_address(source, 0))
        else:
            # The kernel puts the socket's own number, its port, into each request's id.
            self.sock.bind(socket_address(source or ("0.0.0.0" if self._family == 4 else "::"), 0))  # noqa: S104
            self._ident = self.sock.getsockname()[1]

    def send(self, echo: Echo, payload: bytes) -> None:
        sequence = self._next_sequence()
        if len(payload) > self._most - _MAX_HEADERS:
            self._most = len(payload) + _MAX_HEADERS
        head = _HEADER.pack(_REQUEST[self._family], 0, 0, self._ident, sequence)
        if self._is_raw and self._family == 4:  # everywhere else the kernel computes it
            head = _HEADER.pack(_REQUEST[4], 0, checksum(head + payload), self._ident, sequence)
        echo.sequence = sequence
        echo.watch = stamps.Stopwatch()
        try:
            self.sock.sendto(head + payload, echo.address)
        except OSError:
            stamps.restart(self.sock)  # kernels before 6.7 have numbered what they did not send
            self._keys = 0
            self._late.clear()
            echo.watch = stamps.Stopwatch()
            send_again(self.sock, head + payload, echo.address)
        self._pending[sequence] = echo
        key, self._keys = self._keys, self._keys + 1 & 0xFFFFFFFF
        self._time(echo, key)

    def _next_sequence(self) -> int:
        for _ in range(0x10000):
            self._sequence = self._sequence + 1 & 0xFFFF
            if self._sequence not in self._pending:
                return self._sequence
        raise OSError(errno.ENOBUFS, "65536 echoes are in flight")

    def forget(self, echo: Echo) -> None:
        self._pending.pop(echo.sequence, None)
        if self._late:
            self._forget_late(echo)

    def _readable(self) -> None:
        receive = self.sock.recvmsg
        for number in range(READS):
            try:
                packet, ancillary, _, address = receive(self._most, stamps.ANCILLARY_BYTES)
            except OSError:  # nothing more, or an ICMP error whose details are on the error queue
                if number == 0:
                    self._take_notices()
                return
            message = packet[(packet[0] & 0x0F) * 4 :] if self._is_raw and self._family == 4 else packet
            echo = self._awaited(message, address)
            if echo is not None and not echo.watch.tx:
                self._take_notices()  # the stamp may wait there; so may the end of this very echo
                echo = self._awaited(message, address)
            if echo is not None:
                echo.settle(stamps.received_at(ancillary), _hop_limit(ancillary))
            if not self._pending:
                return  # the loop calls again if there is more

    def _awaited(self, message: bytes, address: Address) -> Echo | None:
        if len(message) < _HEADER.size:
            return None
        kind, code, _, ident, sequence = _HEADER.unpack_from(message)
        echo = self._pending.get(sequence)
        if echo is None or kind != _REPLY[self._family] or code != 0 or ident != self._ident:
            return None
        if address[0] != echo.address[0]:
            return None
        if message[_HEADER.size :] != echo.payload:
            echo.spoil(message)
            return None
        return echo

    def _take_error(self, notice: stamps.Notice) -> None:
        if len(notice.quote) < _HEADER.size:
            return
        # Id and sequence are in any quote (RFC 792: 64 bits). They prove little: who was pinged from this
        # socket knows the one and nearly the other. The token behind them proves it.
        kind, _, _, ident, sequence = _HEADER.unpack_from(notice.quote)
        echo = self._pending.get(sequence)
        if echo is None or kind != _REQUEST[self._family] or ident != self._ident:
            return
        proven = is_proof(notice.quote[_HEADER.size :], echo.payload, len(echo.token))
        if notice.address[0] == echo.address[0] and proven is not None:
            said = f"{echo.address[0]} is not reached: {notice.text}"
            echo.fail(ProbeFailed(Failure.NET_UNREACHABLE, said), is_proven=proven)


class Pinger:
    """The sockets of all shapes, opened at their first use. Configurations have few shapes."""

    __slots__ = ("_loop", "_policy", "_sockets", "_source")

    def __init__(self, loop: asyncio.AbstractEventLoop, source: Mapping[Family, str], policy: Policy) -> None:
        self._loop = loop
        self._policy = policy
        self._source = source
        self._sockets: dict[Shape, Socket] = {}

    def echo(self, address: str, shape: Shape, payload_bytes: int) -> Echo:
        """An echo request to a literal address, to be sent by arming it.

        Raises ProbeSpoiled(policy), and ProbeSpoiled(no_permission) when the kernel gives no ICMP socket.
        """
        return Echo(self.socket(address, shape), socket_address(address, 0), payload(payload_bytes))

    def socket(self, address: str, shape: Shape) -> Socket:
        """From which *address* may be asked. Raises as `echo`."""
        self._policy.check(address)
        sock = self._sockets.get(shape)
        if sock is None:
            sock = self._sockets[shape] = Socket(self._loop, shape, self._source.get(shape.family))
        return sock

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()


def payload(size: int) -> bytes:
    """Random bytes, by which the reply is known, and zeros."""
    return ENTROPY.take(min(TOKEN_BYTES, size)).ljust(size, b"\0")


def _shape(sock: socket.socket, shape: Shape) -> None:
    """Hop limit, and whether packets may be fragmented, here or by a router (RFC 791 3.2, RFC 8200 4.5)."""
    level = socket.IPPROTO_IP if shape.family == 4 else socket.IPPROTO_IPV6
    if shape.hop_limit is not None:
        sock.setsockopt(
            level, socket.IP_TTL if shape.family == 4 else socket.IPV6_UNICAST_HOPS, shape.hop_limit
        )
    # Every packet is to find out for itself, whatever the kernel remembers of the path.
    discovery = _PMTUDISC_PROBE if shape.dont_fragment else _PMTUDISC_DONT
    sock.setsockopt(level, _IP_MTU_DISCOVER if shape.family == 4 else _IPV6_MTU_DISCOVER, discovery)


def _open(family: Family) -> tuple[socket.socket, bool]:
    """A socket, and whether it is raw."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(_FAMILY[family], kind, _PROTOCOL[family]), kind == socket.SOCK_RAW
        except PermissionError:
            pass
        except OSError as exc:
            if exc.errno != errno.EPROTONOSUPPORT:  # a kernel without ICMP datagram sockets
                raise
    raise ProbeSpoiled(NotRun.NO_PERMISSION, f"the kernel gives us no ICMP socket; {FIXES[0]}; {FIXES[1]}")


def permission_problem(families: Iterable[Family]) -> str | None:
    """What to tell at start when echoes of one of *families* cannot be sent: the problem and both fixes."""
    for family in families:
        try:
            _open(family)[0].close()
        except ProbeSpoiled:
            fixes = "".join(f"\n  {fix}" for fix in FIXES)
            return f"icmp checks cannot run: the kernel gives this user no ICMP socket for IPv{family}{fixes}"
        except OSError:
            pass  # no such family on this host: its probes say so
    return None


def checksum(message: bytes) -> int:
    """RFC 1071, of *message* with zeros in the place of the checksum."""
    if len(message) % 2:
        message += b"\0"
    total: int = sum(struct.unpack(f">{len(message) // 2}H", message))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _hop_limit(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) in _HOP_LIMITS and len(data) >= 4:
            value: int = struct.unpack_from("i", data)[0]
            return value
    return None
