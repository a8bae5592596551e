"""What an answer says, and the lean walk that reads the ordinary one.

Ordinary is: NOERROR or another plain rcode, a chain of CNAMEs in order, then addresses, every owner either
the name before it or a pointer to it. `walk` reads that in microseconds and gives None for anything else,
which `reading` then takes to dnspython. Where both read a message they agree; a property test holds that.
"""

from collections.abc import Sequence
from hashlib import sha256
from socket import AF_INET, AF_INET6, inet_ntop
from struct import Struct as _Struct
from typing import NamedTuple

from vedette_agent.dns.query import Query

A, CNAME, SOA, AAAA, OPT = 1, 5, 6, 28, 41
AA, TC, RD, RA, AD, CD = 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
MAX_CHAIN = 16  # CNAMEs; resolvers give up earlier (BIND and Unbound: 16 and 11)

# What one hostile answer may cost: at 1 to 2 µs a record, and 50 µs for the worst name, some 5 ms in all.
MAX_RECORDS = 1024  # in the answer section
MAX_SPELLED_OUT = 64  # owners that are no plain pointer to the name before
MAX_HOPS = 16  # pointers in one name, as dnspython
MAX_LABELS = 127  # RFC 1035 2.3.4: 255 bytes

_counts = _Struct(">HHH").unpack_from
_record = _Struct(">HHIH").unpack_from
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_*/")


class Shown(NamedTuple):
    """A record as zone files write it; *owner* is in lower case, without the final dot."""

    owner: str
    ttl: int
    rdclass: str
    rdtype: str
    data: str

    def __str__(self) -> str:
        dot = "" if self.owner == "." else "."
        return f"{self.owner}{dot} {self.ttl} {self.rdclass} {self.rdtype} {self.data}"


class Sections(NamedTuple):
    """Every record of a response, without the OPT record."""

    answer: tuple[Shown, ...]
    authority: tuple[Shown, ...]
    additional: tuple[Shown, ...]


class Answer(NamedTuple):
    """Lower-case names without the final dot; the root is "."."""

    rcode: int
    flags: int  # the bytes 2 and 3 of the header
    answers: list[str]  # text of the records of the asked type at the end of the chain; unique, sorted
    chain: list[str]  # the targets of the CNAMEs, in order
    ttl: int | None  # the smallest in the answer section
    serial: int | None  # of the first SOA among the answers
    answer_rrs: int
    authority_rrs: int
    additional_rrs: int
    digest: str | None  # of `answers`; None when there are none
    options: bytes | None = None  # the data of the OPT record; None without one
    sections: Sections | None = None  # only where they were asked for

    @property
    def authoritative(self) -> bool:
        return bool(self.flags & AA)

    @property
    def authenticated(self) -> bool:
        return bool(self.flags & AD)


def digest_of(answers: Sequence[str]) -> str | None:
    """Over the sorted, unique *answers*: the same set gives the same 16 hex digits everywhere."""
    return sha256("\n".join(answers).encode()).hexdigest()[:16] if answers else None


def walk(wire: bytes, query: Query) -> Answer | None:
    """The answer in *wire*, whose id and question are known to match; None when it is not ordinary."""
    try:
        return _walk(wire, query)
    except (IndexError, _Unusual):  # unpack_from is only called where its bytes are known to be
        return None


class _Unusual(Exception):
    pass


def _walk(wire: bytes, query: Query) -> Answer:
    answer_rrs, authority_rrs, additional_rrs = _counts(wire, 6)
    at = query.end
    size = len(wire)
    asked = query.rdtype
    owner = 12  # where the name that the next record must have stands
    smallest = 0x7FFFFFFF
    chain: list[str] = []
    answers: list[str] = []
    if answer_rrs > MAX_RECORDS:
        raise _Unusual
    spelled_out = 0
    for _ in range(answer_rrs):
        # 0xC0: a pointer. Only the one straight to the expected owner is ordinary.
        if wire[at] != 0xC0 | owner >> 8 or wire[at + 1] != owner & 0xFF:
            spelled_out += 1
            if spelled_out > MAX_SPELLED_OUT:
                raise _Unusual
            at = _same_name(wire, at, owner)
        else:
            at += 2
        if at + 10 > size:
            raise _Unusual
        rdtype, rdclass, ttl, length = _record(wire, at)
        at += 10
        if rdclass != 1 or ttl > 0x7FFFFFFF or at + length > size:
            raise _Unusual
        smallest = min(smallest, ttl)
        if rdtype == CNAME and asked != CNAME and not answers:
            owner = at
            target, end = _name(wire, at)
            if end != at + length or len(chain) == MAX_CHAIN or target in chain or target == query.text:
                raise _Unusual
            chain.append(target)
        elif rdtype != asked:
            raise _Unusual
        elif asked == A and length == 4:
            answers.append(inet_ntop(AF_INET, wire[at : at + 4]))
        elif asked == AAAA and length == 16:
            answers.append(inet_ntop(AF_INET6, wire[at : at + 16]))
        else:
            raise _Unusual
        at += length
    if len(answers) > 1:
        answers = sorted(set(answers))
    options = None
    if authority_rrs or additional_rrs:
        at, options = _skip(wire, at, authority_rrs, additional_rrs)
    if at != size:
        raise _Unusual
    return Answer(
        wire[3] & 0x0F,
        wire[2] << 8 | wire[3],
        answers,
        chain,
        smallest if answer_rrs else None,
        None,
        answer_rrs,
        authority_rrs,
        additional_rrs,
        digest_of(answers),
        options,
    )


def _skip(wire: bytes, at: int, authority: int, additional: int) -> tuple[int, bytes | None]:
    """Step over records that decide nothing: where they end, and the data of the OPT record among them."""
    size = len(wire)
    options = None
    for number in range(authority + additional):
        root = wire[at] == 0
        while 0 < wire[at] < 0x40:
            at += wire[at] + 1
        if 0x40 <= wire[at] < 0xC0:
            raise _Unusual
        at += 1 if wire[at] == 0 else 2
        if at + 10 > size:
            raise _Unusual
        rdtype, _, ttl, length = _record(wire, at)
        if rdtype == OPT:
            # RFC 6891 6.1.1: one, at the root, in the additional section. The top half of its TTL
            # holds a version and the rest of an rcode above 15: both rare.
            if options is not None or not root or number < authority or ttl >> 16:
                raise _Unusual
            options = wire[at + 10 : at + 10 + length]
        at += 10 + length
    return at, options


def _name(wire: bytes, at: int) -> tuple[str, int]:
    """The name at *at* as text, and where what follows it starts. Pointers lead strictly backwards."""
    labels: list[bytes] = []
    end = 0
    start = at
    hops = 0
    while length := wire[at]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | wire[at + 1]
            hops += 1
            if target >= start or target < 12 or hops > MAX_HOPS:
                raise _Unusual
            end = end or at + 2
            start = at = target
            continue
        label = wire[at + 1 : at + 1 + length].lower()
        if length >= 0x40 or len(labels) == MAX_LABELS or not _PLAIN.issuperset(label):
            raise _Unusual
        labels.append(label)
        at += length + 1
    text = b".".join(labels).decode("ascii")
    if not labels or len(text) > 253:
        raise _Unusual
    return text, end or at + 1


def _same_name(wire: bytes, at: int, owner: int) -> int:
    """Where what follows the name at *at* starts, if it is the name at *owner*."""
    name, end = _name(wire, at)
    if name != _name(wire, owner)[0]:
        raise _Unusual
    return end
