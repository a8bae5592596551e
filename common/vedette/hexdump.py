"""Bytes for people."""

from collections.abc import Iterator
from typing import Final

_ROW: Final = 16


def hex_lines(data: bytes) -> Iterator[str]:
    """Sixteen bytes a line: offset, hex, and what of it is ASCII."""
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        plain = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{at:04x}  {row.hex(' '):{3 * _ROW - 1}}  {plain}"
