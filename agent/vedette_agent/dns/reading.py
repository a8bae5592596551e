"""Reads every answer: the lean walk first, `records` for what it does not take, and caps before both."""

from functools import lru_cache

import dns.rcode

from vedette_agent.dns.answer import MAX_CHAIN, Answer, Sections, Shown, digest_of, walk
from vedette_agent.dns.query import Query
from vedette_agent.dns.records import CNAME, OPT, SOA, Reader, Rr, class_text, type_text
from vedette_agent.dns.records import Malformed as Malformed

MAX_REMEMBERED_BYTES = 1232  # the largest answer that one question keeps
ANY = 255


def matches(wire: bytes, sent: bytes, end: int) -> bool:
    """Whether *wire* answers *sent*: same id, same question in the same letter case (RFC 5452 9.1)."""
    return wire[:2] == sent[:2] and is_answer(wire, sent, end)


def is_answer(wire: bytes, sent: bytes, end: int) -> bool:
    """As `matches`, where the id is already known to be the same."""
    return wire[12:end] == sent[12:end] and wire[2] & 0xF8 == 0x80 and wire[4:6] == b"\0\1"


def is_bare(wire: bytes) -> bool:
    """A response without its question: so some servers refuse what they cannot read (RFC 6891 7)."""
    return len(wire) >= 12 and wire[2] & 0x80 == 0x80 and wire[4:6] == b"\0\0"


def is_truncated(wire: bytes) -> bool:
    """TC: the rest is to be had over TCP (RFC 2181 9)."""
    return bool(wire[2] & 0x02)


def read(wire: bytes, query: Query, *, with_sections: bool = False) -> Answer:
    """What *wire*, which `matches` the query, says. Raises Malformed.

    Servers mostly repeat themselves: what a question was answered with last is not read again. Id and letter
    case are ours and differ each time, so they are taken out; then no text can echo them either.
    """
    said = wire[2:12] + wire[query.end :]
    last = query.last
    if last is not None and last[0] == said and not (with_sections and last[1].sections is None):
        return last[1]
    plain = b"\0\0" + wire[2:12] + query.name + wire[12 + len(query.name) :]
    answer = None if with_sections else walk(plain, query)
    if answer is None:
        answer = read_unusual(plain, query, with_sections=with_sections)
    if len(said) <= MAX_REMEMBERED_BYTES:
        query.last = said, answer
    return answer


def read_unusual(wire: bytes, query: Query, *, with_sections: bool = False) -> Answer:
    """As `read`, without the lean walk."""
    answers, authorities, additionals = (int.from_bytes(wire[at : at + 2], "big") for at in (6, 8, 10))
    reader = Reader(wire)
    found = reader.records(query.end, answers + authorities + additionals)
    section = found[:answers]
    options, extended_rcode = _edns(reader, found, answers + authorities)
    mine = [rr for rr in section if rr.rdclass == query.rdclass]
    owner = query.text or "."
    chain: list[str] = []
    if query.rdtype not in (CNAME, ANY):
        owner, chain = _followed(reader, mine, owner)
    asked = [rr for rr in mine if rr.owner == owner and query.rdtype in (rr.rdtype, ANY)]
    texts = [_text(reader, rr, query) for rr in asked]
    serials = [reader.serial(rr) for rr in asked if rr.rdtype == SOA]
    unique = sorted(set(texts))
    sections = None
    if with_sections:
        shown = [_shown(reader, rr) for rr in found]
        sections = Sections(
            *(tuple(one for one in part if one is not None)
              for part in (shown[:answers], shown[answers : answers + authorities],
                           shown[answers + authorities :]))
        )  # fmt: skip
    return Answer(
        wire[3] & 0x0F | extended_rcode << 4,
        wire[2] << 8 | wire[3],
        unique,
        chain,
        min((rr.ttl for rr in section), default=None),
        serials[0] if serials else None,
        *(answers, authorities, additionals),
        digest_of(unique),
        options,
        sections,
    )


def _edns(reader: Reader, found: list[Rr], additional: int) -> tuple[bytes | None, int]:
    """Data of the OPT record, None without one, and the upper bits of the response code (RFC 6891 6.1.3)."""
    opts = [(at, rr) for at, rr in enumerate(found) if rr.rdtype == OPT]
    if not opts:
        return None, 0
    at, opt = opts[0]
    if len(opts) > 1 or at < additional or opt.owner != ".":
        raise Malformed("the answer has more than one OPT record, or one out of place (RFC 6891 6.1.1)")
    return reader.bytes_of(opt), opt.ttl >> 24


def _followed(reader: Reader, section: list[Rr], owner: str) -> tuple[str, list[str]]:
    """Where the CNAMEs of *owner* lead, and the way there. One that ends nowhere leads to ""."""
    aliases = {rr.owner: reader.data(rr, is_absolute=False) for rr in section if rr.rdtype == CNAME}
    chain: list[str] = []
    seen = set()
    while owner in aliases and owner not in seen and len(chain) < MAX_CHAIN:
        seen.add(owner)
        owner = aliases[owner]
        chain.append(owner)
    # In a loop, or longer than anybody follows: it ends nowhere.
    return "" if owner in aliases else owner, chain


def _text(reader: Reader, rr: Rr, query: Query) -> str:
    """The data as zone files write it, names without the final dot; after its type if any was asked for."""
    data = reader.data(rr, is_absolute=False)
    return f"{type_text(rr.rdtype)} {data}" if query.rdtype == ANY else data


def _shown(reader: Reader, rr: Rr) -> Shown | None:
    """None for the OPT record."""
    if rr.rdtype == OPT:
        return None
    data = reader.data(rr, is_absolute=True)
    return Shown(rr.owner, rr.ttl, class_text(rr.rdclass), type_text(rr.rdtype), data)


@lru_cache(maxsize=4096)
def rcode_text(rcode: int) -> str:
    """As "NXDOMAIN", or as "RCODE3841" where there is no name for it."""
    text = dns.rcode.to_text(dns.rcode.Rcode(rcode))
    return f"RCODE{text}" if text.isdigit() else text
