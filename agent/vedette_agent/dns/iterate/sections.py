"""Reads what a delegation is made of, from all three sections: NS, CNAME, SOA and addresses.

`vedette_agent.dns.reading` reads answers of any type and counts what stands beside them; here what stands
beside them is the point. Names are texts in lower case without the final dot, "." is the root; a byte that
is not plain in a name is written as its number (RFC 1035 5.1). Other records are known by owner and type.

A hostile message of 64 KiB costs at most some 10 ms: records, labels and pointers are counted.
"""

from socket import AF_INET, AF_INET6, inet_ntop
from struct import Struct as _Struct
from typing import NamedTuple

from vedette_agent.dns.reading import Malformed

A, NS, CNAME, SOA, AAAA, OPT = 1, 2, 5, 6, 28, 41
MAX_RECORDS = 1024
MAX_NAME = 254  # RFC 1035 2.3.4, without the root
MAX_STEPS = 4096  # labels and pointers in all names of one message

_counts = _Struct(">HHH").unpack_from
_record = _Struct(">HHIH").unpack_from
_serial = _Struct(">I").unpack_from
_SOA_NUMBERS = 20  # bytes behind its two names
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_*/+")
_WRITTEN = tuple(chr(byte) if byte in _PLAIN else f"\\{byte:03}" for byte in range(256))


class Rr(NamedTuple):
    owner: str
    rdtype: int
    data: str  # the target of NS and CNAME, an address in canonical form, the serial of SOA; else ""


class Sections(NamedTuple):
    """One response. Only records of class IN."""

    rcode: int
    authoritative: bool
    answer: tuple[Rr, ...]
    authority: tuple[Rr, ...]
    additional: tuple[Rr, ...]

    @property
    def serial(self) -> int | None:
        """Of the first SOA in the answer."""
        return next((int(rr.data) for rr in self.answer if rr.rdtype == SOA), None)

    def found(self, owner: str, rdtype: int) -> tuple[str, ...]:
        """The data of the answers of *rdtype* at *owner*; sorted, each once."""
        return tuple(sorted({rr.data for rr in self.answer if rr.owner == owner and rr.rdtype == rdtype}))


def sections(wire: bytes, end: int) -> Sections:
    """What *wire*, whose question ends at *end*, says. Raises Malformed."""
    counts = _counts(wire, 6)
    if sum(counts) > MAX_RECORDS:
        raise Malformed(f"the answer claims {sum(counts)} records: too many to read")
    reader = _Reader(wire, end)
    try:
        parts = [tuple(rr for _ in range(count) if (rr := reader.record()) is not None) for count in counts]
    except IndexError as exc:
        raise Malformed("the answer ends within a record") from exc
    return Sections(reader.rcode, bool(wire[2] & 0x04), *parts)


class _Reader:
    def __init__(self, wire: bytes, at: int) -> None:
        self.rcode = wire[3] & 0x0F
        self._wire = wire
        self._at = at
        self._steps = 0
        # Text, end and size by where a name starts: most names point to few others.
        self._names: dict[int, tuple[str, int, int]] = {}

    def record(self) -> Rr | None:
        """The next one; None when it is of another class, or EDNS."""
        owner, at = self._name(self._at)
        if at + 10 > len(self._wire):
            raise IndexError
        rdtype, rdclass, ttl, length = _record(self._wire, at)
        at += 10
        self._at = at + length
        if self._at > len(self._wire):
            raise IndexError
        if rdtype == OPT:
            self.rcode |= ttl >> 24 << 4  # RFC 6891 6.1.3
            return None
        return Rr(owner, rdtype, self._data(rdtype, at, length)) if rdclass == 1 else None

    def _data(self, rdtype: int, at: int, length: int) -> str:
        end = at + length
        if rdtype in (NS, CNAME):
            target, after = self._name(at)
        elif rdtype == SOA:
            after = self._name(self._name(at)[1])[1] + _SOA_NUMBERS
            target = str(_serial(self._wire, after - _SOA_NUMBERS)[0]) if after == end else ""
        elif rdtype == A:
            after = at + 4
            target = inet_ntop(AF_INET, self._wire[at:after]) if after == end else ""
        elif rdtype == AAAA:
            after = at + 16
            target = inet_ntop(AF_INET6, self._wire[at:after]) if after == end else ""
        else:
            return ""
        if after != end:
            raise Malformed(f"a record of type {rdtype} has {length} bytes of data, which is not its length")
        return target

    def _name(self, start: int) -> tuple[str, int]:
        """The name at *start*, and where what follows it starts. Pointers lead strictly backwards."""
        known = self._names.get(start)
        if known is not None:
            return known[:2]
        wire, at, lowest = self._wire, start, start
        labels: list[str] = []
        end = size = 0
        while length := wire[at]:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise Malformed("the names of the answer have too many parts to read")
            if length >= 0xC0:
                target = (length & 0x3F) << 8 | wire[at + 1]
                if target >= lowest or target < 12:
                    raise Malformed("a name of the answer points where no name is")
                end = end or at + 2
                known = self._names.get(target)
                if known is not None:
                    labels += [] if known[0] == "." else [known[0]]
                    size += known[2]
                    break
                lowest = at = target
                continue
            size += length + 1
            if length >= 0x40:
                raise Malformed("a name of the answer is of an unknown form")
            if at + 1 + length > len(wire):
                raise IndexError
            labels.append(_text(wire[at + 1 : at + 1 + length].lower()))
            at += length + 1
        if size > MAX_NAME:
            raise Malformed("a name of the answer is too long")
        made = ".".join(labels) or ".", end or at + 1
        self._names[start] = *made, size
        return made


def _text(label: bytes) -> str:
    if _PLAIN.issuperset(label):
        return label.decode("ascii")
    return "".join(map(_WRITTEN.__getitem__, label))


def is_within(name: str, zone: str) -> bool:
    """Whether *name* is *zone* or lies below it."""
    return zone == "." or name == zone or name.endswith(f".{zone}")
