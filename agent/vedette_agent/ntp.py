"""The client's side of one NTP exchange (RFC 5905), without a socket or a clock.

The request says nothing about us: all of it is zero but version, mode and the transmit timestamp, and that is
random. The server repeats it as the origin timestamp, which proves that it saw the request; a datagram
without it is nobody's answer.

NTP timestamps are 64 bits, the upper half seconds since 1900, and wrap in 2036. So clocks are compared by
their difference modulo 2^64, which is right as long as they are less than 68 years apart (RFC 5905 6).
"""

import struct
from typing import Final, NamedTuple

PACKET_BYTES: Final = 48
MAX_BYTES: Final = 2048  # an answer may have extension fields and a MAC, which are not read

_REQUEST: Final = bytes([0 << 6 | 4 << 3 | 3]) + bytes(39)  # no leap warning, version 4, mode client
_SERVER: Final = 4
_VERSIONS: Final = (3, 4)  # an old server answers in its own (RFC 1305 A)
_EPOCH: Final = 2_208_988_800  # seconds from 1900 to 1970
_WRAP: Final = 1 << 64
_HEAD: Final = struct.Struct(">BBbbII4s")
# RFC 5905 7.4: these say that the server has no time yet; all others are about us.
_WARMING_UP: Final = frozenset({"INIT", "STEP"})


class NotTime(ValueError):
    """An answer to our request that no server may give. The message is for people."""


class Answer(NamedTuple):
    """Seconds throughout."""

    version: int
    leap: int
    stratum: int
    reference_id: str
    root_delay: float
    root_dispersion: float
    received: int  # NTP timestamp, the server's clock; 0: none
    transmitted: int
    kiss: str | None  # the code of a kiss-o'-death packet

    @property
    def is_synchronized(self) -> bool:
        return self.leap != 3 and 0 < self.stratum < 16


def request(nonce: bytes) -> bytes:
    """*nonce*: eight random bytes."""
    return _REQUEST + nonce


def is_answer(wire: bytes, nonce: bytes) -> bool:
    """Whether the sender of *wire* saw the request with *nonce*."""
    return len(wire) >= PACKET_BYTES and wire[24:32] == nonce


def read(wire: bytes) -> Answer:
    """What `is_answer` takes. Raises NotTime."""
    first, stratum, _, _, root_delay, root_dispersion, reference = _HEAD.unpack_from(wire)
    leap, version, mode = first >> 6, first >> 3 & 7, first & 7
    if mode != _SERVER:
        raise NotTime(f"mode {mode} instead of {_SERVER}, a server's")
    if version not in _VERSIONS:
        raise NotTime(f"version {version}; asked in version 4")
    received, transmitted = struct.unpack_from(">QQ", wire, 32)
    letters = reference.rstrip(b"\0")
    code = letters.decode() if letters.isalnum() and letters.isascii() else ""
    kiss = code if stratum == 0 and len(code) == 4 and code not in _WARMING_UP else None
    if kiss is None and 0 < stratum < 16 and leap != 3:
        if not received or not transmitted:
            raise NotTime("no time in it")
        if _signed(transmitted - received) < 0:
            raise NotTime("sent before it was received, by the server's own clock")
    numbers = ".".join(str(byte) for byte in reference)
    return Answer(
        version=version,
        leap=leap,
        stratum=stratum,
        reference_id=code if stratum < 2 and code else numbers,
        root_delay=root_delay / 65536,
        root_dispersion=root_dispersion / 65536,
        received=received,
        transmitted=transmitted,
        kiss=kiss,
    )


def compared(answer: Answer, left_ns: int, arrived_ns: int) -> tuple[float, float]:
    """Offset (the server's clock minus ours) and round-trip delay in seconds. RFC 5905 8.

    *left_ns*, *arrived_ns*: by our clock, nanoseconds since 1970. The offset is uncertain by half the delay.
    """
    left, arrived = _timestamp(left_ns), _timestamp(arrived_ns)
    there = _signed(answer.received - left)
    back = _signed(answer.transmitted - arrived)
    delay = _signed(arrived - left) - _signed(answer.transmitted - answer.received)
    # Half way round, one of the two may wrap; their distance does not.
    offset = there + _signed(back - there) / 2
    return offset / 2**32, max(delay, 0) / 2**32


def _timestamp(ns: int) -> int:
    return (_EPOCH << 32) + (ns << 32) // 1_000_000_000


def _signed(difference: int) -> int:
    """*difference* of two timestamps, modulo 2^64 and nearest to zero."""
    return (difference + _WRAP // 2) % _WRAP - _WRAP // 2
