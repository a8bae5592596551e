"""Reads what a delegation is made of, from all three sections: NS, CNAME, SOA and addresses.

`vedette_agent.dns.reading` reads answers of any type and counts what stands beside them; here what stands
beside them is the point. Names are texts in lower case without the final dot, "." is the root; a byte that
is not plain in a name is written as its number (RFC 1035 5.1). Other records are known by owner and type.
"""

from struct import Struct as _Struct
from typing import Final, NamedTuple

from vedette_agent.dns import records
from vedette_agent.dns.records import AAAA, CNAME, IN, NS, OPT, SOA, A, Reader

_READ: Final = frozenset({NS, CNAME, SOA, A, AAAA})
_counts = _Struct(">HHH").unpack_from
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_*/+")
# By number even where zone files have a shorter form: a dot in a label must not look like one between two.
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
    answers, authorities, additionals = _counts(wire, 6)
    reader = Reader(wire, _by_number)
    found = reader.records(end, answers + authorities + additionals)
    rcode = wire[3] & 0x0F
    for rr in found:
        if rr.rdtype == OPT:
            rcode |= rr.ttl >> 24 << 4  # RFC 6891 6.1.3
    told = [_told(reader, rr) for rr in found]
    parts = told[:answers], told[answers : answers + authorities], told[answers + authorities :]
    return Sections(
        rcode, bool(wire[2] & 0x04), *(tuple(rr for rr in part if rr is not None) for part in parts)
    )


def _told(reader: Reader, rr: records.Rr) -> Rr | None:
    """None when it is of another class, or EDNS."""
    if rr.rdclass != IN or rr.rdtype == OPT:
        return None
    data = reader.data(rr, is_absolute=False) if rr.rdtype in _READ else ""
    return Rr(rr.owner, rr.rdtype, str(reader.serial(rr)) if rr.rdtype == SOA else data)


def _by_number(label: bytes) -> str:
    return "".join(map(_WRITTEN.__getitem__, label))


def is_within(name: str, zone: str) -> bool:
    """Whether *name* is *zone* or lies below it."""
    return zone == "." or name == zone or name.endswith(f".{zone}")
