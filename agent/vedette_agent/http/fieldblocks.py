"""Field blocks of HTTP/2 as hpack codes and decodes them, without what costs it much and says nothing."""

from collections.abc import Iterable
from typing import Any, Final

from hpack import Decoder, Encoder, HeaderTuple, HPACKDecodingError

MAX_RESIZINGS: Final = 2  # of the table, at the start of a block (RFC 7541 4.2): hpack takes any number


class BoundedDecoder(Decoder):
    """Raises HPACKDecodingError for a block that begins with more than MAX_RESIZINGS."""

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        if _is_resizing_on(data):
            raise HPACKDecodingError(f"more than {MAX_RESIZINGS} changes to the size of the table")
        return super().decode(data, raw)


class PlainEncoder(Encoder):
    """Sends texts as they are (RFC 7541 5.2). By Huffman's code hpack takes a square of their length.

    Paths and cookies of later hops are a peer's choice: 100 KB of them held the loop for seconds.
    """

    def encode(self, headers: Any, huffman: bool = False) -> bytes:
        return super().encode(headers, huffman=False)


def _is_resizing_on(block: bytes) -> bool:
    """Whether more than MAX_RESIZINGS stand at the start of *block*: anywhere else they are an error."""
    at = found = 0
    while at < len(block) and block[at] & 0xE0 == 0x20:  # RFC 7541 6.3
        found += 1
        if found > MAX_RESIZINGS:
            return True
        if block[at] & 0x1F == 0x1F:  # RFC 7541 5.1: the number goes on while the top bit is set
            at += 1
            while at < len(block) and block[at] & 0x80:
                at += 1
        at += 1
    return False
