"""Builds queries: everything but the id and the letter case is prepared once per question.

A query is one large number. Drawing a fresh one flips random bits of it: the 16 of the id and, of every
letter in the name, the one that makes it upper case (draft-vixie-dnsext-dns0x20): what an off-path
attacker has to guess grows by one bit a letter.
"""

import os
from functools import lru_cache
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rdatatype

if TYPE_CHECKING:
    from vedette_agent.dns.answer import Answer

PAYLOAD_BYTES = 1232  # dnsflagday.net 2020: fits IPv6's smallest MTU, so answers arrive unfragmented

_HEADER = 12
_RD_AD = 0x0120  # AD in a query asks for AD in the answer (RFC 6840 5.7)
_AD = 0x0020
_OPT = b"\0\0\x29" + PAYLOAD_BYTES.to_bytes(2, "big") + bytes(6)  # RFC 6891 6.1.2, no options


class Query:
    """One question, with RFC 6891 EDNS. `draw` gives a message to send; no two are alike."""

    __slots__ = ("_base", "_mask", "_size", "end", "last", "name", "rdtype", "rdtype_text", "text")

    def __init__(self, name: str, rdtype: str, recursion_desired: bool = True) -> None:
        """*name* is absolute. Raises ValueError when it cannot be a domain name, or the type is unknown."""
        try:
            wire = dns.name.from_text(name).canonicalize().to_digestable()
            self.rdtype = int(dns.rdatatype.from_text(rdtype))
        except (dns.exception.DNSException, UnicodeError) as exc:
            raise ValueError(f"{name} {rdtype}: {exc}") from exc
        self.name = wire  # lower case, uncompressed
        self.text = name.lower().removesuffix(".")
        self.rdtype_text = rdtype.upper()
        self.end = _HEADER + len(wire) + 4  # where the question ends: an answer repeats it up to here
        self.last: tuple[bytes, Answer] | None = None  # what it was answered with last: see `reading.read`
        flags = _RD_AD if recursion_desired else _AD
        head = b"\0\0" + flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\1"
        message = head + wire + self.rdtype.to_bytes(2, "big") + b"\0\1" + _OPT
        mask = b"\xff\xff" + bytes(10) + _letters(wire)
        self._size = len(message)
        self._base = int.from_bytes(message, "big")
        self._mask = int.from_bytes(mask.ljust(self._size, b"\0"), "big")

    def draw(self) -> bytes:
        """The message with a fresh id and fresh letter case, both unpredictable."""
        size = self._size
        return (self._base ^ (int.from_bytes(_entropy.take(size), "big") & self._mask)).to_bytes(size, "big")


@lru_cache(maxsize=16384)
def query(name: str, rdtype: str, recursion_desired: bool = True) -> Query:
    """As `Query`, prepared once."""
    return Query(name, rdtype, recursion_desired)


def _letters(wire: bytes) -> bytes:
    """0x20 where *wire*, a lower-case name, holds a letter. Length bytes are below 64: never letters."""
    return bytes(0x20 if 0x61 <= byte <= 0x7A else 0 for byte in wire)


class Entropy:
    """The kernel's random bytes, fetched in pages. Every byte is given out once."""

    __slots__ = ("_at", "_page")

    def __init__(self) -> None:
        self._page = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        at = self._at
        end = at + size
        if end > len(self._page):
            self._page = os.urandom(max(4096, size))
            at, end = 0, size
        self._at = end
        return self._page[at:end]


_entropy = Entropy()
