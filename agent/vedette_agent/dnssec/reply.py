"""Reads the answer and authority sections of a message, with caps before the costly parts.

Data is kept as bytes, names in it in lower case where the canonical form has them so (RFC 4034 6.2). Only the
types that validation reads are given to dnspython as well.
"""

import struct
from typing import Final

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.RRSIG import RRSIG

Name = dns.name.Name
Type = dns.rdatatype.RdataType

MAX_BYTES: Final = 24 * 1024
MAX_RECORDS: Final = 128  # in answer and authority
MAX_LABELS: Final = 3000  # of all names, at 1 µs each

_READ: Final = frozenset({Type.DNSKEY, Type.DS, Type.NSEC, Type.NSEC3})
_ALIASES: Final = frozenset({Type.CNAME, Type.DNAME})
# How many bytes stand before the names in the data, and how many names there are.
_NAMES: Final = {Type.CNAME: (0, 1), Type.DNAME: (0, 1), Type.NS: (0, 1), Type.PTR: (0, 1), Type.MX: (2, 1),
                 Type.SRV: (6, 1), Type.SOA: (0, 2), Type.NAPTR: (4, 1)}  # fmt: skip
_fixed = struct.Struct(">HHIH")


class Unreadable(Exception):
    """The bytes are no answer that can be read. The text says why."""


class Signed:
    """A record set with the signatures that came with it."""

    __slots__ = ("name", "parsed", "rdtype", "records", "signatures", "target")

    def __init__(self, name: Name, rdtype: Type) -> None:
        self.name = name
        self.rdtype = rdtype
        self.records = dns.rdataset.Rdataset(dns.rdataclass.IN, rdtype)  # in canonical form
        self.parsed: list[dns.rdata.Rdata] = []  # DNSKEY, DS, NSEC, NSEC3
        self.target = name  # of CNAME and DNAME
        self.signatures: list[RRSIG] = []

    def __str__(self) -> str:
        return f"{shown(self.name)} {dns.rdatatype.to_text(self.rdtype)}"


Section = dict[tuple[Name, int], Signed]


class Reply:
    """What one question was answered with. Sets without records (signatures alone) are left out."""

    __slots__ = ("answer", "authority", "rcode")

    def __init__(self, rcode: int, answer: Section, authority: Section) -> None:
        self.rcode = rcode
        self.answer = answer
        self.authority = authority


def read(wire: bytes, end: int) -> Reply:
    """The message in *wire*, whose question ends at *end*. Raises Unreadable."""
    answers, authorities = struct.unpack_from(">HH", wire, 6)
    if len(wire) > MAX_BYTES:
        raise Unreadable(f"the answer has {len(wire)} bytes: too many to read")
    if answers + authorities > MAX_RECORDS:
        raise Unreadable(f"the answer claims {answers + authorities} records: too many to read")
    reader = _Reader(wire, end)
    try:
        return Reply(wire[3] & 0x0F, reader.section(answers), reader.section(authorities))
    except (dns.exception.DNSException, ValueError, IndexError, struct.error) as exc:
        raise Unreadable(f"the answer cannot be read: {exc or type(exc).__name__}") from exc


def shown(name: Name) -> str:
    """Lower case, without the final dot; the root is "."."""
    text: str = name.to_text(omit_final_dot=len(name) > 1)
    return text.lower()


class _Reader:
    def __init__(self, wire: bytes, at: int) -> None:
        self._wire = wire
        self._at = at
        self._labels = MAX_LABELS

    def section(self, count: int) -> Section:
        found: Section = {}
        for _ in range(count):
            name = self._name()
            number, rdclass, ttl, length = _fixed.unpack_from(self._wire, self._at)
            self._at += _fixed.size
            end = self._at + length
            if end > len(self._wire):
                raise ValueError("a record ends after the message")
            if rdclass == dns.rdataclass.IN:
                self._add(found, name, Type.make(number), end, min(ttl, 2**31 - 1))
            self._at = end
        return {key: each for key, each in found.items() if len(each.records)}

    def _add(self, found: Section, name: Name, rdtype: Type, end: int, ttl: int) -> None:
        if rdtype == Type.RRSIG:
            signature = self._parsed(rdtype, end)
            assert isinstance(signature, RRSIG)
            _at(found, name, signature.type_covered).signatures.append(signature)
            return
        at = _at(found, name, rdtype)
        if rdtype in _READ:
            at.parsed.append(self._parsed(rdtype, end))
        if rdtype in _NAMES:
            before, count = _NAMES[rdtype]
            start = self._at
            self._at += before
            for _ in range(3 if rdtype == Type.NAPTR else 0):  # RFC 3403 4.1: flags, services, pattern
                self._at += 1 + self._wire[self._at]
            data = self._wire[start : self._at]
            for _ in range(count):
                inner = self._name()
                data += inner.to_digestable()
                at.target = inner if rdtype in _ALIASES else at.target
            data += self._wire[self._at : end]
        else:
            data = self._wire[self._at : end]
        at.records.add(dns.rdata.GenericRdata(dns.rdataclass.IN, rdtype, data), ttl)

    def _name(self) -> Name:
        name, used = dns.name.from_wire(self._wire, self._at)
        self._at += used
        self._spend(name)
        return name

    def _parsed(self, rdtype: Type, end: int) -> dns.rdata.Rdata:
        data = dns.rdata.from_wire(dns.rdataclass.IN, rdtype, self._wire, self._at, end - self._at)
        if isinstance(data, RRSIG):
            self._spend(data.signer)
        elif isinstance(data, NSEC):
            self._spend(data.next)
        return data

    def _spend(self, name: Name) -> None:
        self._labels -= len(name)
        if self._labels < 0:
            raise ValueError("its names are too long")


def _at(found: Section, name: Name, rdtype: Type) -> Signed:
    known = found.get((name, rdtype))
    if known is None:
        known = found[name, rdtype] = Signed(name, rdtype)
    return known
