"""A DNS message in lines for people, from bytes that may be cut or junk.

The agent decides by `reading`; what is told here decides nothing, so whatever can be read is told.
"""

import struct
from typing import Final

from vedette_agent.dns.reading import rcode_text
from vedette_agent.dns.records import OPT, Malformed, Reader, Rr, class_text, type_text

_header = struct.Struct(">6H").unpack_from
_two = struct.Struct(">HH").unpack_from
# RFC 1035 4.1.1 and RFC 4035 3.2.
_FLAGS: Final = ((0x8000, "qr"), (0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"),
                 (0x0020, "ad"), (0x0010, "cd"))  # fmt: skip
_SECTIONS: Final = ("answer", "authority", "additional")
MAX_SHOWN: Final = 64  # records


def described(wire: bytes) -> str:
    """Header, question and records of *wire*, a line each; what cannot be read is said in the last line."""
    if len(wire) < 12:
        return f"{len(wire)} bytes: too short for a DNS message"
    ident, flags, questions, *counts = _header(wire)
    opcode = flags >> 11 & 0x0F
    said = " ".join(name for bit, name in _FLAGS if flags & bit) or "none"
    code = f", {rcode_text(flags & 0x0F)}" if flags & 0x8000 else ""
    kind = "" if opcode == 0 else f", opcode {opcode}"
    sections = "/".join(map(str, counts))
    lines = [f"id {ident}{code}{kind}, flags {said}, {sections} answer/authority/additional records"]
    reader, at = Reader(wire), 12
    try:
        for _ in range(min(questions, 2)):
            name, at = reader.name(at)
            rdtype, rdclass = _two(wire, at)
            at += 4
            lines.append(f"question: {name} {class_text(rdclass)} {type_text(rdtype)}")
        if questions <= 2:
            lines += _records(reader, at, counts)
    except (Malformed, struct.error) as exc:
        lines.append(f"the rest cannot be read: {exc}")
    return "\n".join(lines)


def _records(reader: Reader, at: int, counts: list[int]) -> list[str]:
    found = reader.records(at, sum(counts))
    sections = [name for name, count in zip(_SECTIONS, counts, strict=True) for _ in range(count)]
    pairs = list(zip(sections, found, strict=True))
    lines = [f"{section}: {_record(reader, rr)}" for section, rr in pairs[:MAX_SHOWN]]
    return [*lines, f"and {len(pairs) - MAX_SHOWN} more"] if len(pairs) > MAX_SHOWN else lines


def _record(reader: Reader, rr: Rr) -> str:
    if rr.rdtype == OPT:  # RFC 6891 6.1.3: the class is a size, the TTL holds version and flags
        do = ", do" if rr.ttl & 0x8000 else ""
        return f"OPT, version {rr.ttl >> 16 & 0xFF}, {rr.rdclass} bytes{do}"
    try:
        data = reader.data(rr, is_absolute=True)
    except Malformed as exc:
        data = f"({exc})"
    return f"{rr.owner} {rr.ttl} {class_text(rr.rdclass)} {type_text(rr.rdtype)} {data}"
