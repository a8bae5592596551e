"""Reads a PUBLISH that a stranger wrote and the broker passed on, and packs the properties of our own.

MQTT 5 section 3.3; no sockets here.

The library's reader takes time that grows with the square of the number of properties, half a minute for one
packet of 256 KiB, and gives up the connection over characters that brokers let through: a retained message
with one of them would keep us away for ever. Here whatever is wrong with a message costs that message alone.
"""

import struct
from typing import Final, NamedTuple

MAX_PROPERTIES: Final = 1024  # bytes; what we send ourselves takes some 40
_EXPIRY: Final = 2
_CONTENT_TYPE: Final = 3
# Section 2.2.2.2, those that a PUBLISH may carry: bytes of the value, or how its length is told.
_SIZES: Final = {1: 1, 2: 4, 35: 2}
_STRINGS: Final = frozenset({3, 8, 9})
_PAIR: Final = 38
_NUMBER: Final = 11  # a variable byte integer

_u16 = struct.Struct(">H").unpack_from


class Unreadable(Exception):
    """Not even the frame is sound, which no broker lets through: it is the broker that talks nonsense."""


class Publish(NamedTuple):
    topic: str  # "" for a name that no topic has
    mid: int  # 0 with QoS 0
    qos: int
    retain: bool
    content_type: str | None  # None also where the properties cannot be read
    payload: bytes


class PublishProperties:
    """Those of a PUBLISH of ours, packed: the library's own object takes longer than the rest of a packet."""

    __slots__ = ("_packed",)

    def __init__(self, expiry: int | None, content_type: str | None) -> None:
        """*expiry*: seconds. Section 3.3.2.3."""
        packed = b"" if expiry is None else struct.pack(">BI", _EXPIRY, expiry)
        if content_type is not None:
            text = content_type.encode()
            packed += struct.pack(">BH", _CONTENT_TYPE, len(text)) + text
        assert len(packed) < 128, "one byte tells the length"
        self._packed = bytes((len(packed),)) + packed

    def pack(self) -> bytes:
        """As the library wants them."""
        return self._packed


def read_publish(command: int, packet: bytes | bytearray) -> Publish:
    """*packet* is what follows the fixed header. Raises Unreadable."""
    qos = command >> 1 & 3
    try:
        (size,) = _u16(packet, 0)
        topic = bytes(packet[2 : 2 + size])
        at = 2 + size
        mid = 0
        if qos:
            (mid,) = _u16(packet, at)
            at += 2
        length, at = _number(packet, at)
    except (struct.error, IndexError) as exc:
        raise Unreadable("a PUBLISH that is cut short") from exc
    if len(topic) < size or at + length > len(packet):
        raise Unreadable("a PUBLISH whose parts are longer than the whole")
    content_type = _content_type(bytes(packet[at : at + length])) if length <= MAX_PROPERTIES else None
    payload = bytes(packet[at + length :])
    return Publish(_text(topic) or "", mid, qos, bool(command & 1), content_type, payload)


def _content_type(properties: bytes) -> str | None:
    found: bytes | None = None
    at = 0
    try:
        while at < len(properties):
            name, at = _number(properties, at)
            if name in _SIZES:
                at += _SIZES[name]
            elif name in _STRINGS:
                (size,) = _u16(properties, at)
                value = properties[at + 2 : at + 2 + size]
                at += 2 + size
                if name == _CONTENT_TYPE:
                    found = value
            elif name == _PAIR:
                for _ in range(2):
                    at += 2 + _u16(properties, at)[0]
            elif name == _NUMBER:
                _, at = _number(properties, at)
            else:
                return None
    except (struct.error, IndexError):
        return None
    return None if found is None or at > len(properties) else _text(found)


def _number(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """A variable byte integer (1.5.5) and where what follows it starts."""
    value = 0
    for shift in (0, 7, 14, 21):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise IndexError


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
