"""Reads the records of a message: names, and data as text. What hostile bytes may cost is counted.

Names, addresses and texts are read here, in a microsecond or two a record. Data of other types is left to
dnspython, which knows them all and takes up to 220 µs for a record with long names: hence a budget of time,
estimated beforehand, so that the same answer has the same verdict on every host. All 64 KiB of a message
cost less than 20 ms, whatever they hold.
"""

from collections.abc import Callable
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop
from struct import Struct as _Struct
from typing import Final, NamedTuple

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

MAX_RECORDS: Final = 1024  # in all sections
MAX_STEPS: Final = 8192  # labels and pointers in all names
MAX_HOPS: Final = 16  # pointers in one name, as dnspython
MAX_STRINGS: Final = 8192  # of all texts; the largest sets in the field have some 100
# What dnspython may take, in microseconds, by estimate: 45 records with names, 200 without, 2 KiB of many
# small parts, or 280 bytes of a bitmap of types, which it names one by one. The field has a tenth of that.
MAX_STUDY: Final = 10_000
_NAMED: Final = 220.0  # a record that may hold names
_UNNAMED: Final = 50.0
MAX_ODD_TEXT: Final = 4096  # bytes that are no UTF-8: Python takes 0.2 µs to escape each

_Type = dns.rdatatype.RdataType
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, DNAME, OPT, SPF = 1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 99
IN: Final = 1
_ONE_NAME: Final = frozenset({NS, CNAME, PTR, DNAME})
_BITMAPS: Final = frozenset({_Type.NSEC, _Type.NSEC3, _Type.CSYNC})
_STRINGS: Final = frozenset({_Type.CAA, _Type.NAPTR, _Type.URI, _Type.HINFO})  # escaped byte by byte
_SERVICES: Final = frozenset({_Type.SVCB, _Type.HTTPS})
# Numbers and bytes that are copied as a whole.
_WHOLE: Final = frozenset(
    {
        _Type.DNSKEY, _Type.CDNSKEY, _Type.DS, _Type.CDS, _Type.TLSA, _Type.SMIMEA, _Type.SSHFP, _Type.CERT,
        _Type.OPENPGPKEY, _Type.ZONEMD,
    }
)  # fmt: skip

_record = _Struct(">HHIH").unpack_from
_three = _Struct(">HHH").unpack_from
_five = _Struct(">IIIII").unpack_from
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_*/+")


class Malformed(Exception):
    """The bytes are no answer that can be read, or hold more than is read. The text says which."""


class Rr(NamedTuple):
    """One record. Its data stand in the message, *length* bytes at *at*."""

    owner: str  # lower case, without the final dot; the root is "."
    rdtype: int
    rdclass: int
    ttl: int
    at: int
    length: int


class Reader:
    """One pass over one message. Every method raises Malformed.

    *spelled* writes the labels that are not plain.
    """

    __slots__ = (
        "_labels",
        "_names",
        "_spelled",
        "_steps",
        "_strings",
        "_studied",
        "_study",
        "_texts",
        "_wire",
    )

    def __init__(self, wire: bytes, spelled: Callable[[bytes], str] | None = None) -> None:
        self._wire = wire
        self._spelled = spelled or escaped
        self._names: dict[int, tuple[str, int]] = {}  # by where they start: servers point to few
        self._labels: dict[int, str] = {}  # by where they start: to spell an odd one takes 3 µs
        self._texts: dict[int, list[bytes]] = {}  # by where the data start
        self._studied: dict[int, str] = {}
        self._steps = self._strings = 0
        self._study = 0.0  # microseconds

    def records(self, at: int, count: int) -> list[Rr]:
        """All *count* records from *at* on, and nothing behind them."""
        if count > MAX_RECORDS:
            raise Malformed(f"the answer has {count} records; this agent reads {MAX_RECORDS}")
        wire, size = self._wire, len(self._wire)
        found = []
        for _ in range(count):
            owner, at = self.name(at)
            if at + 10 > size:
                raise Malformed("the answer ends within a record")
            rdtype, rdclass, ttl, length = _record(wire, at)
            at += 10
            # RFC 2181 8: a TTL with its top bit set counts as zero. That of OPT is no TTL.
            found.append(
                Rr(owner, rdtype, rdclass, 0 if ttl > 0x7FFFFFFF and rdtype != OPT else ttl, at, length)
            )
            at += length
        if at > size:
            raise Malformed("the answer ends within a record")
        if at < size:
            raise Malformed(f"{size - at} bytes of junk stand behind the last record")
        return found

    def name(self, start: int) -> tuple[str, int]:
        """The name at *start*, and where what follows it starts. Pointers lead strictly backwards."""
        known = self._names.get(start)
        if known is not None:
            return known
        wire, at, lowest = self._wire, start, start
        labels: list[str] = []
        end = hops = size = 0
        try:
            while length := wire[at]:
                self._steps += 1
                if length >= 0xC0:
                    target = (length & 0x3F) << 8 | wire[at + 1]
                    hops += 1
                    if target >= lowest or target < 12 or hops > MAX_HOPS:
                        raise Malformed("a name in the answer points where no name is")
                    end = end or at + 2
                    lowest = at = target
                    continue
                size += length + 1
                if length >= 0x40 or size > 254:
                    raise Malformed("a name in the answer is too long, or of an unknown form")
                label = wire[at + 1 : at + 1 + length].lower()
                labels.append(label.decode("ascii") if _PLAIN.issuperset(label) else self._odd(at, label))
                at += length + 1
        except IndexError as exc:
            raise Malformed("the answer ends within a name") from exc
        if self._steps > MAX_STEPS:
            raise Malformed(f"the names in the answer have more parts than the {MAX_STEPS} this agent reads")
        made = ".".join(labels) or ".", end or at + 1
        self._names[start] = made
        return made

    def _odd(self, at: int, label: bytes) -> str:
        known = self._labels.get(at)
        if known is None:
            known = self._labels[at] = self._spelled(label)
        return known

    def data(self, rr: Rr, *, is_absolute: bool) -> str:
        """The data as zone files write it. With *is_absolute* names have their final dot, and texts quotes.

        Without it the strings of a TXT record are one text, as they are to most readers (RFC 7208 3.3).
        """
        rdtype, at, wire = rr.rdtype, rr.at, self._wire
        end = at + rr.length
        if rr.rdclass == IN and rdtype in _ADDRESSES:
            family, size = _ADDRESSES[rdtype]
            if rr.length != size:
                raise Malformed(f"an address in the answer has {rr.length} bytes")
            return inet_ntop(family, wire[at:end])
        if rdtype in _ONE_NAME:
            return self._with_name("", at, end, is_absolute)
        if rdtype == MX and rr.length > 2:
            return self._with_name(f"{wire[at] << 8 | wire[at + 1]} ", at + 2, end, is_absolute)
        if rdtype == SRV and rr.length > 6:
            priority, weight, port = _three(wire, at)
            return self._with_name(f"{priority} {weight} {port} ", at + 6, end, is_absolute)
        if rdtype == SOA:
            return self._soa(at, end, is_absolute)
        if rdtype in (TXT, SPF):
            strings = self._strings_of(at, end)
            if is_absolute or rdtype == SPF:
                return " ".join(f'"{quotable(one)}"' for one in strings)
            return _decoded(b"".join(strings))
        if at not in self._studied:
            self._studied[at] = self._by_dnspython(rr)
        return self._studied[at]

    def serial(self, rr: Rr) -> int:
        """Of a SOA record whose data were read."""
        return int.from_bytes(self._wire[rr.at + rr.length - 20 : rr.at + rr.length - 16], "big")

    def bytes_of(self, rr: Rr) -> bytes:
        return self._wire[rr.at : rr.at + rr.length]

    def _with_name(self, before: str, at: int, end: int, is_absolute: bool) -> str:
        name, after = self.name(at)
        if after != end:
            raise Malformed("a record in the answer does not end where its name ends")
        return before + (absolute(name) if is_absolute else name)

    def _soa(self, at: int, end: int, is_absolute: bool) -> str:
        server, at = self.name(at)
        mailbox, at = self.name(at)
        if at + 20 != end:
            raise Malformed("a SOA record in the answer does not have five numbers")
        numbers = " ".join(map(str, _five(self._wire, at)))
        names = f"{absolute(server)} {absolute(mailbox)}" if is_absolute else f"{server} {mailbox}"
        return f"{names} {numbers}"

    def _strings_of(self, start: int, end: int) -> list[bytes]:
        known = self._texts.get(start)
        if known is not None:
            return known
        wire, at = self._wire, start
        found = []
        while at < end:
            after = at + 1 + wire[at]
            if after > end:
                raise Malformed("a text in the answer is longer than its record")
            found.append(wire[at + 1 : after])
            at = after
        if not found:
            raise Malformed("a text in the answer has no string")
        self._strings += len(found)
        if self._strings > MAX_STRINGS:
            raise Malformed(f"the answer has more than the {MAX_STRINGS} strings that this agent reads")
        self._texts[start] = found
        return found

    def _by_dnspython(self, rr: Rr) -> str:
        record, byte = _cost(rr.rdtype)
        self._study += record + rr.length * byte
        if self._study > MAX_STUDY:
            raise Malformed(f"the answer has more {type_text(rr.rdtype)} data than this agent reads")
        try:
            made: str = dns.rdata.from_wire(
                dns.rdataclass.RdataClass.make(rr.rdclass),
                dns.rdatatype.RdataType.make(rr.rdtype),
                self._wire,
                rr.at,
                rr.length,
            ).to_text()
        except (dns.exception.DNSException, ValueError) as exc:
            raise Malformed(
                f"a {type_text(rr.rdtype)} record in the answer cannot be read: {exc or type(exc).__name__}"
            ) from exc
        return made


def _cost(rdtype: int) -> tuple[float, float]:
    """Microseconds for a record and for a byte of it, at worst."""
    if rdtype in _WHOLE:
        return _UNNAMED, 0.02
    if rdtype == _Type.RRSIG:
        return _NAMED, 0.02
    if rdtype in _BITMAPS:
        return _NAMED, 35.0
    if rdtype in _STRINGS:
        return _NAMED, 0.6
    return _NAMED, 3.0 if rdtype in _SERVICES else 5.0


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        if len(text) <= MAX_ODD_TEXT:
            return text.decode("utf-8", "backslashreplace")
        return "".join([_IN_TEXTS[byte] for byte in text])


_ADDRESSES: Final = {A: (AF_INET, 4), AAAA: (AF_INET6, 16)}


def _spelling(byte: int, escaped: bytes, lowest: int) -> str:
    if byte in escaped:
        return f"\\{chr(byte)}"
    return chr(byte) if lowest <= byte < 0x7F else f"\\{byte:03}"


_IN_NAMES: Final = [_spelling(byte, b'"().;\\@$', 0x21) for byte in range(256)]
_IN_TEXTS: Final = [chr(byte) if byte < 0x80 else f"\\x{byte:02x}" for byte in range(256)]
_IN_STRINGS: Final = [_spelling(byte, b'"\\', 0x20) for byte in range(256)]


def absolute(name: str) -> str:
    """*name* with its final dot."""
    return name if name == "." else f"{name}."


def escaped(label: bytes) -> str:
    """As zone files write it: RFC 1035 5.1."""
    return "".join([_IN_NAMES[byte] for byte in label])


def quotable(string: bytes) -> str:
    """What stands between the quotes of a character-string."""
    if string.isascii() and b'"' not in string and b"\\" not in string:
        text = string.decode("ascii")
        if text.isprintable():
            return text
    return "".join([_IN_STRINGS[byte] for byte in string])


@lru_cache(maxsize=1024)
def type_text(rdtype: int) -> str:
    """As "AAAA", or as "TYPE65280" where there is no name for it."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rdtype))


@lru_cache(maxsize=64)
def class_text(rdclass: int) -> str:
    return dns.rdataclass.to_text(dns.rdataclass.RdataClass.make(rdclass))
