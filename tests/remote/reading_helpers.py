"""Reads remote write requests back, by the specifications and not by our encoder."""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vedette_collector.remote import encode


def series(labels: Mapping[str, str]) -> bytes:
    """The labels of a series as our encoder writes them, sorted."""
    return b"".join(encode.label(name, value) for name, value in sorted(labels.items()))


class Read(NamedTuple):
    """One sample with the labels of its series, in the order in which they stood there."""

    labels: tuple[tuple[str, str], ...]
    at_ms: int
    value: float

    @property
    def name(self) -> str:
        return dict(self.labels)["__name__"]


def request(body: bytes) -> list[Read]:
    """All samples of a WriteRequest in snappy's block format."""
    return [sample for _, series in fields(unpacked(body)) for sample in _series(series)]


def unpacked(body: bytes) -> bytes:
    """Literals alone: a copy is an AssertionError. github.com/google/snappy, format_description.txt."""
    size, at = _varint(body, 0)
    out = b""
    while at < len(body):
        tag = body[at]
        assert tag & 3 == 0, "not a literal"
        width = max((tag >> 2) - 59, 0)
        length = (int.from_bytes(body[at + 1 : at + 1 + width], "little") if width else tag >> 2) + 1
        at += 1 + width
        assert at + length <= len(body)
        out += body[at : at + length]
        at += length
    assert len(out) == size
    return out


def fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each field; of a varint or double, its bytes."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        match tag & 7:
            case 0:
                _, end = _varint(raw, at)
            case 1:
                end = at + 8
            case 2:
                length, at = _varint(raw, at)
                end = at + length
            case kind:
                raise AssertionError(f"wire type {kind}")
        assert end <= len(raw)
        yield tag >> 3, raw[at:end]
        at = end


def _series(raw: bytes) -> list[Read]:
    content = list(fields(raw))
    labels = tuple(_label(each) for number, each in content if number == 1)
    samples = [dict(fields(each)) for number, each in content if number == 2]
    return [Read(labels, _varint(one[2], 0)[0], struct.unpack("<d", one[1])[0]) for one in samples]


def _label(raw: bytes) -> tuple[str, str]:
    parts = dict(fields(raw))
    return parts[1].decode(), parts[2].decode()


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at
