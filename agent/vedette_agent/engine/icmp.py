"""ICMP echo on one shared socket per family (RFC 792, RFC 4443 4).

Datagram sockets need no privilege where net.ipv4.ping_group_range allows our group, raw ones need
CAP_NET_RAW; the first that the kernel gives is used. A reply settles an echo only with its address, id,
sequence number and the random bytes that its payload starts with.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterable, Mapping

from vedette.checks.model import Family
from vedette.wire.failure import Failure, NotRun
from vedette_agent.engine import stamps
from vedette_agent.engine.datagrams import READS, StampedSocket
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled
from vedette_agent.engine.run import Disarm, Run
from vedette_agent.engine.udp import Address, send_again, socket_address

TOKEN_BYTES = 8  # random, at the start of the payload; a shorter payload has a shorter token
_MAX_REPLY = 2048  # a longer one arrives cut; id, sequence and token are at its start
_HEADER = struct.Struct(">BBHHH")
_REQUEST: dict[Family, int] = {4: 8, 6: 128}
_REPLY: dict[Family, int] = {4: 0, 6: 129}
_PROTOCOL: dict[Family, int] = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_FAMILY: dict[Family, int] = {4: socket.AF_INET, 6: socket.AF_INET6}
_ICMP_FILTER = 1  # linux/icmp.h at level SOL_RAW, and linux/icmpv6.h: types whose bit is set are not wanted
_SOL_RAW = 255
_IP_RECVTTL = 12
_HOP_LIMITS = {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}

FIXES = (
    "let the agent's group ping: sysctl -w net.ipv4.ping_group_range='0 2147483647'",
    "or give the agent the capability, in its systemd unit: AmbientCapabilities=CAP_NET_RAW",
)


class Echo:
    """One echo request in flight, then its reply."""

    __slots__ = ("_payload", "_socket", "address", "hop_limit", "is_kernel_timed", "run", "seconds",
                 "sequence", "watch")  # fmt: skip

    def __init__(self, sock: "_Socket", address: Address, payload: bytes) -> None:
        self._socket = sock
        self._payload = payload
        self.address = address
        self.sequence = 0
        self.run: Run
        self.watch: stamps.Stopwatch
        self.seconds = 0.0
        self.is_kernel_timed = False
        self.hop_limit: int | None = None  # of the reply, as it arrived

    def arm(self, run: Run) -> Disarm:
        """Send. The run is resumed with this echo, or sees ProbeFailed."""
        self.run = run
        self._socket.send(self, self._payload)
        return self._disarm

    def _disarm(self) -> None:
        self._socket.forget(self)

    @property
    def token(self) -> bytes:
        return self._payload[:TOKEN_BYTES]

    def settle(self, rx: int, hop_limit: int | None) -> None:
        self.seconds, self.is_kernel_timed = self.watch.stop(rx)
        self.hop_limit = hop_limit
        self.run.resume(self)


class _Socket(StampedSocket):
    """All echoes of one family."""

    __slots__ = ("_family", "_ident", "_is_raw", "_keys", "_pending", "_sequence")

    def __init__(self, loop: asyncio.AbstractEventLoop, family: Family, source: str | None) -> None:
        super().__init__(loop)
        self._family: Family = family
        self._pending: dict[int, Echo] = {}  # by sequence number
        self._keys = 0
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self.sock, self._is_raw = _open(family)
        try:
            self.sock.setblocking(False)
            self._configure(source)
        except BaseException:
            self.sock.close()
            raise
        loop.add_reader(self.sock, self._readable)

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
        self._forget_late(echo)

    def _readable(self) -> None:
        receive = self.sock.recvmsg
        for number in range(READS):
            try:
                packet, ancillary, _, address = receive(_MAX_REPLY, stamps.ANCILLARY_BYTES)
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
        is_ours = address[0] == echo.address[0] and message[_HEADER.size :][:TOKEN_BYTES] == echo.token
        return echo if is_ours else None

    def _take_error(self, notice: stamps.Notice) -> None:
        if len(notice.quote) < _HEADER.size:
            return
        # A quote that is cut before the token still has id and sequence (RFC 792: 64 bits at least).
        kind, _, _, ident, sequence = _HEADER.unpack_from(notice.quote)
        echo = self._pending.get(sequence)
        if echo is None or kind != _REQUEST[self._family] or ident != self._ident:
            return
        quoted = notice.quote[_HEADER.size :][:TOKEN_BYTES]
        if notice.address[0] == echo.address[0] and echo.token.startswith(quoted):
            detail = f"{echo.address[0]} is not reached: {notice.text}"
            echo.run.throw(ProbeFailed(Failure.NET_UNREACHABLE, detail))


class Pinger:
    """The sockets of both families, opened at their first use."""

    __slots__ = ("_loop", "_policy", "_sockets", "_source")

    def __init__(self, loop: asyncio.AbstractEventLoop, source: Mapping[Family, str], policy: Policy) -> None:
        self._loop = loop
        self._policy = policy
        self._source = source
        self._sockets: dict[Family, _Socket] = {}

    def echo(self, address: str, family: Family, payload_bytes: int) -> Echo:
        """An echo request to a literal address, to be sent by arming it.

        Raises ProbeSpoiled(policy), and ProbeSpoiled(no_permission) when the kernel gives no ICMP socket.
        """
        self._policy.check(address)
        sock = self._sockets.get(family)
        if sock is None:
            sock = self._sockets[family] = _Socket(self._loop, family, self._source.get(family))
        payload = os.urandom(min(TOKEN_BYTES, payload_bytes)).ljust(payload_bytes, b"\0")
        return Echo(sock, socket_address(address, 0), payload)

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()


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
