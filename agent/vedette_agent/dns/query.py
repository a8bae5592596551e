"""Builds queries: everything but the id and the letter case is prepared once per question.

A query is one large number. Drawing a fresh one flips random bits of it: the 16 of the id and, of every
letter in the name, the one that makes it upper case (draft-vixie-dnsext-dns0x20): what an off-path
attacker has to guess grows by one bit a letter.
"""

import os
from functools import lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rdataclass
import dns.rdatatype

from vedette.checks.model.dns import QueryOptions
from vedette_agent.dns.options import CLIENT_SUBNET, NSID, PADDING

if TYPE_CHECKING:
    from vedette.checks.model import DnsExpect
    from vedette.wire.facts import DnsFacts
    from vedette_agent.dns.answer import Answer
    from vedette_agent.dns.judge import Verdict

PAYLOAD_BYTES = 1232  # dnsflagday.net 2020: fits IPv6's smallest MTU, so answers arrive unfragmented

_HEADER = 12
_RD = 0x0100
_AD = 0x0020  # in a query it asks for AD in the answer (RFC 6840 5.7)
_CD = 0x0010  # RFC 4035 3.2.2: the server hands on what it cannot validate
_DO = 0x8000  # in the OPT record: with the records of DNSSEC (RFC 3225 3)
_BLOCK = 128  # bytes; RFC 8467 4.1
_DEFAULT = QueryOptions(payload_bytes=PAYLOAD_BYTES)
_VALIDATING = QueryOptions(payload_bytes=PAYLOAD_BYTES, checking_disabled=True, dnssec_ok=True)


class Query:
    """One question. `draw` gives a message to send; no two are alike."""

    __slots__ = (
        "_base",
        "_mask",
        "_size",
        "end",
        "has_edns",
        "last",
        "name",
        "rdclass",
        "rdtype",
        "rdtype_text",
        "text",
        "told",
    )

    def __init__(
        self,
        name: str,
        rdtype: str,
        recursion_desired: bool = True,
        options: QueryOptions | None = None,
        *,
        validates: bool = False,
    ) -> None:
        """*name* is absolute. Without *options*: class IN, AD set, and EDNS without options of its own.

        One that *validates* has DO and CD set, for it judges the answer itself.
        Raises ValueError when it cannot be a domain name, or the type is unknown.
        """
        said = options or (_VALIDATING if validates else _DEFAULT)
        try:
            wire = dns.name.from_text(name).canonicalize().to_digestable()
            self.rdtype = int(dns.rdatatype.from_text(rdtype))
            self.rdclass = int(dns.rdataclass.from_text(said.rdclass))
        except (dns.exception.DNSException, UnicodeError) as exc:
            raise ValueError(f"{name} {rdtype}: {exc}") from exc
        self.name = wire  # lower case, uncompressed
        self.text = name.lower().removesuffix(".")
        self.rdtype_text = rdtype.upper()
        self.end = _HEADER + len(wire) + 4  # where the question ends: an answer repeats it up to here
        self.last: tuple[bytes, Answer] | None = None  # what it was answered with last: see `reading.read`
        self.told: tuple[Answer, DnsExpect, str, DnsFacts, Verdict] | None = None  # and what came of that
        self.has_edns = said.edns
        flags = _RD * recursion_desired | _AD * said.authentic_data | _CD * said.checking_disabled
        head = b"\0\0" + flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0" + bytes([said.edns])
        message = head + wire + self.rdtype.to_bytes(2, "big") + self.rdclass.to_bytes(2, "big")
        if said.edns:
            message += _opt(said, len(message))
        mask = b"\xff\xff" + bytes(10) + _letters(wire)
        self._size = len(message)
        self._base = int.from_bytes(message, "big")
        self._mask = int.from_bytes(mask.ljust(self._size, b"\0"), "big")

    def draw(self) -> bytes:
        """The message with a fresh id and fresh letter case, both unpredictable."""
        size = self._size
        drawn = int.from_bytes(ENTROPY.take(size), "big")
        return (self._base ^ (drawn & self._mask)).to_bytes(size, "big")

    def plain(self) -> bytes:
        """The message with id 0 and in lower case: always the same, so that caches of HTTP know it."""
        return self._base.to_bytes(self._size, "big")


@lru_cache(maxsize=16384)
def query(
    name: str, rdtype: str, recursion_desired: bool = True, options: QueryOptions | None = None
) -> Query:
    """As `Query`, prepared once."""
    return Query(name, rdtype, recursion_desired, options)


def _opt(said: QueryOptions, before: int) -> bytes:
    """The OPT record (RFC 6891 6.1.2) of a message that has *before* bytes without it."""
    data = b""
    if said.nsid:
        data += _option(NSID, b"")
    if said.client_subnet is not None:
        net = ip_network(said.client_subnet)
        family = 1 if net.version == 4 else 2  # RFC 7871 6: address family numbers
        address = net.network_address.packed[: (net.prefixlen + 7) // 8]
        data += _option(CLIENT_SUBNET, bytes([0, family, net.prefixlen, 0]) + address)
    if said.padding:
        size = before + 11 + len(data) + 4
        data += _option(PADDING, bytes(-size % _BLOCK))
    flags = said.edns_version << 16 | _DO * said.dnssec_ok
    fixed = b"\0\0\x29" + said.payload_bytes.to_bytes(2, "big") + flags.to_bytes(4, "big")
    return fixed + len(data).to_bytes(2, "big") + data


def _option(code: int, value: bytes) -> bytes:
    return code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


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


ENTROPY = Entropy()
