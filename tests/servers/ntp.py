"""What a time server says, well and badly: behaviours for `UdpServer`."""

import struct
import time

from servers.udp import Behave, Reply

_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


def stamp(seconds: float) -> int:
    """An NTP timestamp."""
    return round((seconds + _EPOCH) * 2**32) % 2**64


def packet(
    asked: bytes,
    *,
    leap: int = 0,
    version: int = 4,
    mode: int = 4,
    stratum: int = 2,
    root_delay: float = 0.025,
    root_dispersion: float = 0.01,
    reference: bytes = bytes([192, 0, 2, 1]),
    origin: bytes | None = None,
    ahead: float = 0.0,
    took: float = 0.0,
    has_time: bool = True,
) -> bytes:
    """An answer to *asked*; its clock is *ahead* seconds of this host's, and it *took* seconds."""
    now = time.time() + ahead
    head = struct.pack(
        ">BBbbII4s",
        leap << 6 | version << 3 | mode,
        stratum,
        6,
        -20,
        round(root_delay * 65536),
        round(root_dispersion * 65536),
        reference,
    )
    times = struct.pack(">QQ", stamp(now), stamp(now + took)) if has_time else bytes(16)
    return head + struct.pack(">Q", stamp(now - 16)) + (asked[40:48] if origin is None else origin) + times


def says(**what: object) -> Behave:
    """One `packet` for each request."""

    def behave(asked: bytes, reply: Reply) -> None:
        reply(packet(asked, **what))  # type: ignore[arg-type]

    return behave
