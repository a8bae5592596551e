"""Messages of DNS."""

import struct
from functools import cache
from typing import Final

from vedette_agent.dns import options, reading
from vedette_agent.dns.answer import walk
from vedette_agent.dns.described import described
from vedette_agent.dns.iterate.referral import meant
from vedette_agent.dns.iterate.sections import sections
from vedette_agent.dns.query import Query
from vedette_agent.dns.records import Malformed
from vedette_agent.dnssec import reply

TYPES: Final = ("A", "AAAA", "TXT", "MX", "SOA", "NS", "HTTPS", "NSEC", "RRSIG", "ANY", "CAA", "NAPTR")
_NAME: Final = "www.a.test"


@cache
def _query(rdtype: str) -> Query:
    return Query(_NAME, rdtype)


def _response(data: bytes) -> tuple[bytes, Query]:
    """The type asked for, flags, three counts, and what follows the question: an answer."""
    head = data[:9].ljust(9, b"\0")
    query = _query(TYPES[head[0] % len(TYPES)])
    flags = bytes([head[1] & 0x07 | 0x80, head[2]])
    question = query.name + struct.pack(">HH", query.rdtype, 1)
    return b"\0\0" + flags + b"\0\1" + head[3:9] + question + data[9:], query


def dns_answer(data: bytes) -> None:
    """The lean walk agrees with dnspython wherever both read."""
    wire, query = _response(data)
    query.last = query.told = None
    lean = walk(wire, query)
    try:
        full = reading.read_unusual(wire, query, with_sections=True)
    except Malformed:
        full = None
    if lean is not None and full is not None:
        assert lean == full._replace(sections=None), (lean, full)
    if full is not None and full.sections is not None:
        assert all(str(one) for part in full.sections for one in part)
    try:
        reading.read(wire, query)
    except Malformed:
        assert lean is None


def dns_message(data: bytes) -> None:
    """What may be any datagram: whether it is an answer, and what it is in words."""
    query = _query("A")
    if len(data) >= 12:
        reading.matches(data, query.plain(), query.end)
        reading.is_truncated(data)
    reading.is_bare(data)
    described(data)


def dns_options(data: bytes) -> None:
    assert all(len(str(one)) < 4096 for one in options.extended_errors(data))
    assert len(options.nsid(data) or "") <= 1024


def dns_iterate(data: bytes) -> None:
    wire, query = _response(data)
    try:
        said = sections(wire, query.end)
    except Malformed:
        return
    meant(said, "a.test", _NAME, query.rdtype)


def dnssec_reply(data: bytes) -> None:
    wire, query = _response(data)
    try:
        reply.read(wire, query.end)
    except reply.Unreadable:
        pass
