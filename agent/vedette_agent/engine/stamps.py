"""The kernel's own timestamps of datagrams, and the userland ones that stand in for them.

Stamps are CLOCK_REALTIME, which can step. So each end is also read from both clocks in userland: when the
distance between the clocks changed in between, or the kernel's figure is impossible beside the monotonic
one, the stamps are discarded and the monotonic figure holds.
"""

import errno
import os
import socket
import struct
import sys
from time import monotonic_ns as _monotonic_ns
from time import time_ns as _time_ns
from typing import NamedTuple

# linux/net_tstamp.h, linux/errqueue.h; Python's socket module has none of them.
SO_TIMESTAMPING = 37
_TX_SOFTWARE, _RX_SOFTWARE, _SOFTWARE, _OPT_ID, _OPT_TSONLY = 1 << 1, 1 << 3, 1 << 4, 1 << 7, 1 << 11
RECEIVED = _RX_SOFTWARE | _SOFTWARE  # stamps of arrivals alone
_FLAGS = _TX_SOFTWARE | RECEIVED | _OPT_ID | _OPT_TSONLY
IP_RECVERR = 11
IPV6_RECVERR = 25
MSG_ERRQUEUE = getattr(socket, "MSG_ERRQUEUE", 0x2000)
_ERRORS = {(socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)}
_SOL_SOCKET = socket.SOL_SOCKET
ORIGIN_ICMP, ORIGIN_ICMP6, ORIGIN_STAMP = 2, 3, 4
_EXCEEDED = {(ORIGIN_ICMP, 11, 0), (ORIGIN_ICMP6, 3, 0)}

ANCILLARY_BYTES = 256  # a stamp (64), an extended error with its offender (64), a hop limit (24)
_QUOTE_BYTES = 512  # of our own datagram, as an ICMP error quotes it

# For `sendmsg` on a socket that `enable_stream` has prepared: a stamp of when the last byte leaves.
DEPARTURE = [(_SOL_SOCKET, SO_TIMESTAMPING, struct.pack("I", _TX_SOFTWARE))]

_stamp = struct.Struct("@qq").unpack_from  # the first of three timespecs: the software one
_extended_error = struct.Struct("@IBBBBII").unpack_from
_AF_INET, _AF_INET6 = (int(family).to_bytes(2, sys.byteorder) for family in (socket.AF_INET, socket.AF_INET6))

MAX_STEP_NS = 1_000_000  # by which the two clocks may part during a probe, and
MAX_SLEW = 1000  # one part in this many more: NTP slews at up to 500 ppm


class Notice(NamedTuple):
    """One entry of a socket's error queue: a transmit stamp, or an ICMP error about a datagram of ours."""

    origin: int
    errno: int
    key: int  # of a stamp: the how manieth datagram of the socket left
    stamp: int  # nanoseconds since the epoch; 0: none
    quote: bytes  # of an error: the start of what we had sent
    address: tuple[str, int]  # of an error: where we had sent it
    offender: str  # of an error: who reports it; "" when unknown
    icmp_type: int = 0  # of an error: type and code of the ICMP message
    icmp_code: int = 0

    @property
    def text(self) -> str:
        """Of an error: what is said, and by whom."""
        what = "port unreachable" if self.errno == errno.ECONNREFUSED else os.strerror(self.errno).lower()
        if self.is_exceeded:
            what = "hop limit exceeded on the way"
        return f"{what}, says {self.offender}" if self.offender else what

    @property
    def is_exceeded(self) -> bool:
        """Of an error: the hop limit came to its end in transit (RFC 792, RFC 4443 3.3)."""
        return (self.origin, self.icmp_type, self.icmp_code) in _EXCEEDED


def enable(sock: socket.socket) -> bool:
    """Ask for stamps of both directions and for ICMP errors on the error queue. False: no stamps here."""
    enable_errors(sock)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, _FLAGS)
    except OSError:  # sandboxes that emulate Linux lack it
        return False
    return True


def enable_errors(sock: socket.socket) -> None:
    """Ask for ICMP errors on the error queue."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def enable_stream(sock: socket.socket) -> bool:
    """Ask for stamps of what arrives, and of what is sent with DEPARTURE. False: no stamps here."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RECEIVED | _OPT_TSONLY)
    except OSError:  # as in `enable`
        return False
    return True


def restart(sock: socket.socket) -> None:
    """Make the kernel count the datagrams of *sock* from zero again."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, 0)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, _FLAGS)
    except OSError:  # as in `enable`
        pass


def received_at(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The stamp among them, in nanoseconds since the epoch; 0 when there is none."""
    for level, kind, data in ancillary:
        if kind == SO_TIMESTAMPING and level == _SOL_SOCKET and len(data) >= 16:
            stamp: tuple[int, int] = _stamp(data)
            return stamp[0] * 1_000_000_000 + stamp[1]
    return 0


def departed_at(sock: socket.socket) -> int:
    """Take a stamp of a stream off its error queue: nanoseconds since the epoch; 0 when there is none."""
    try:
        return received_at(sock.recvmsg(0, ANCILLARY_BYTES, MSG_ERRQUEUE)[1])
    except OSError:
        return 0


def departure(sock: socket.socket, key: int) -> "int | Notice | None":
    """As `next_notice`; but of the stamp of datagram number *key*, which is nearly always what is there, the
    nanoseconds alone.
    """
    try:
        quote, ancillary, _, address = sock.recvmsg(_QUOTE_BYTES, ANCILLARY_BYTES, MSG_ERRQUEUE)
    except OSError:
        return None
    if len(ancillary) == 2:  # the stamp, and what it is of
        (_, kind, times), (_, _, about) = ancillary
        if kind == SO_TIMESTAMPING and len(times) >= 16 and len(about) >= 16:
            _, origin, _, _, _, _, number = _extended_error(about)
            if origin == ORIGIN_STAMP and number == key:
                stamp: tuple[int, int] = _stamp(times)
                return stamp[0] * 1_000_000_000 + stamp[1]
    return _notice(quote, ancillary, address)


def next_notice(sock: socket.socket) -> Notice | None:
    """Take one entry off the error queue; None when it is empty."""
    try:
        quote, ancillary, _, address = sock.recvmsg(_QUOTE_BYTES, ANCILLARY_BYTES, MSG_ERRQUEUE)
    except OSError:
        return None
    return _notice(quote, ancillary, address)


def _notice(quote: bytes, ancillary: list[tuple[int, int, bytes]], address: tuple[str, int]) -> Notice:
    origin = number = key = stamp = icmp_type = icmp_code = 0
    offender = ""
    for level, kind, data in ancillary:
        if len(data) < 16:
            continue
        if kind == SO_TIMESTAMPING and level == _SOL_SOCKET:
            seconds, nanoseconds = _stamp(data)
            stamp = seconds * 1_000_000_000 + nanoseconds
        elif (level, kind) in _ERRORS:
            number, origin, icmp_type, icmp_code, _, _, key = _extended_error(data)
            if origin != ORIGIN_STAMP:
                offender = _offender(data[16:], level == socket.IPPROTO_IP)
    return Notice(origin, number, key, stamp, quote, address, offender, icmp_type, icmp_code)


def _offender(data: bytes, is_v4: bool) -> str:
    if is_v4 and len(data) >= 8 and data[:2] == _AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[4:8])
    if not is_v4 and len(data) >= 24 and data[:2] == _AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return ""


class Stopwatch:
    """Times one exchange by both clocks and the kernel's stamps."""

    __slots__ = ("_mono", "_real", "tx")

    def __init__(self) -> None:
        self.tx = 0  # the transmit stamp, once it is known
        self._mono = _monotonic_ns()
        self._real = _time_ns()

    @property
    def started(self) -> float:
        """Monotonic seconds."""
        return self._mono / 1e9

    def stop(self, rx: int) -> tuple[float, bool]:
        """Seconds since the start, or between the stamps when both are there and credible (then True)."""
        mono = _monotonic_ns() - self._mono
        real = _time_ns() - self._real
        kernel = rx - self.tx
        if rx and self.tx and 0 <= kernel <= mono and -MAX_STEP_NS <= real - mono <= MAX_STEP_NS:
            return kernel / 1e9, True  # what `judge` says of nearly all
        return judge(mono, real, kernel if rx and self.tx else None)


def judge(mono: int, real: int, kernel: int | None) -> tuple[float, bool]:
    """The credible one of three readings of one duration in nanoseconds; seconds, and if the kernel's."""
    slack = MAX_STEP_NS + mono // MAX_SLEW
    if kernel is None or not -slack <= real - mono <= slack or not 0 <= kernel <= mono + slack:
        return mono / 1e9, False
    return kernel / 1e9, True
