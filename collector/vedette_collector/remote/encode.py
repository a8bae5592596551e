"""The bytes of a remote write request: protobuf, in snappy's block format. Pure.

The labels of a series do not change, so they are encoded once and its samples follow them. By hand:
docs/dependencies.md has the figures, and says why snappy is used without compression.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple

_LENGTH_DELIMITED: Final = 2
# Field numbers of prompb: WriteRequest.timeseries = 1; TimeSeries.labels = 1, .samples = 2;
# Label.name = 1, .value = 2; Sample.value = 1 (double), .timestamp = 2 (int64, ms).
_SERIES: Final = bytes([1 << 3 | _LENGTH_DELIMITED])
_LABEL: Final = bytes([1 << 3 | _LENGTH_DELIMITED])
_NAME: Final = bytes([1 << 3 | _LENGTH_DELIMITED])
_VALUE: Final = bytes([2 << 3 | _LENGTH_DELIMITED])
_SAMPLE_TAG: Final = 2 << 3 | _LENGTH_DELIMITED
_sample: Final = Struct("<BBBdBBB").pack
_SAMPLE_BYTES: Final = 12  # of a sample, without tag, length and all but two bytes of the varint of its time

_BYTES: Final = [bytes([number]) for number in range(0x80)]  # most lengths are small

_LITERAL_SHORT: Final = 60  # a literal of so many bytes and more has its length in bytes of their own


class Sample(NamedTuple):
    """One value of one series. Sorted: a series together, in the order of time."""

    series: bytes  # its labels, one after another, as `label` encodes them
    at_ms: int  # since the Unix epoch; not negative
    value: float


def label(name: str, value: str) -> bytes:
    """One label as it stands in a TimeSeries, where labels are sorted by name. Nothing without a value."""
    if not value:
        return b""
    raw = _text(_NAME, name) + _text(_VALUE, value)
    return _LABEL + varint(len(raw)) + raw


def request(samples: Iterable[Sample]) -> bytes:
    """A WriteRequest, packed. Samples that stand together and are of one series share its labels."""
    out: list[bytes] = []
    current = b""
    tails: dict[int, bytes] = {}  # of times: all but their two lowest bytes are the same for 16 s
    series: list[bytes] = []
    for name, at_ms, value in samples:
        if name != current:
            if series:
                out.append(_framed(current, series))
            current, series = name, []
        tail = tails.get(at_ms >> 14)
        if tail is None:
            tail = tails[at_ms >> 14] = varint(at_ms >> 14)
        low, second = at_ms & 0x7F | 0x80, at_ms >> 7 & 0x7F | 0x80
        series.append(_sample(_SAMPLE_TAG, _SAMPLE_BYTES + len(tail), 0x09, value, 0x10, low, second) + tail)
    if series:
        out.append(_framed(current, series))
    return block(b"".join(out))


def _framed(name: bytes, series: list[bytes]) -> bytes:
    body = name + b"".join(series)
    return _SERIES + varint(len(body)) + body


def _text(tag: bytes, text: str) -> bytes:
    raw = text.encode()
    return tag + varint(len(raw)) + raw


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first. *number* is not negative."""
    if number < 0x80:
        return _BYTES[number]
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def block(raw: bytes) -> bytes:
    """*raw* in snappy's block format, as one literal: every reader takes it, and nothing is compressed."""
    if not raw:
        return b"\0"
    last = len(raw) - 1
    if last < _LITERAL_SHORT:
        tag = bytes([last << 2])
    else:
        width = (last.bit_length() + 7) // 8
        tag = bytes([_LITERAL_SHORT - 1 + width << 2]) + last.to_bytes(width, "little")
    return varint(len(raw)) + tag + raw
