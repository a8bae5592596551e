"""Reads every answer: the lean walk first, dnspython for what it does not take, and caps before both."""

from functools import lru_cache

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from vedette_agent.dns.answer import MAX_CHAIN, Answer, digest_of, walk
from vedette_agent.dns.query import Query

MAX_UNUSUAL_BYTES = 24 * 1024  # dnspython walks a name of any length before it says that it is too long
# dnspython takes up to 180 µs for a record with long names: this many hold the loop for 15 ms. The largest
# sets in the field (TXT, NS with their addresses) have some 70 records.
MAX_RECORDS = 80
# Data of the asked type that dnspython is given. What consists of many small parts costs 5 µs a byte, and a
# bitmap of types, which it names one by one, 50: both keep below 20 ms.
MAX_DATA_BYTES = 4096
MAX_BITMAP_BYTES = 300
MAX_STRINGS = 1024  # of TXT records; the largest sets in the field have some 100
MAX_REMEMBERED_BYTES = 1232  # the largest answer that one question keeps

_Type = dns.rdatatype.RdataType
_READ_ALWAYS = frozenset({_Type.CNAME, _Type.OPT})
_COPIED = (65280, 65281)  # RFC 6895 3.1: for private use; the second where the first is asked for
_TEXTS = frozenset({_Type.TXT, _Type.SPF})
_BITMAPS = frozenset({_Type.NSEC, _Type.NSEC3, _Type.CSYNC})
# Names, numbers and bytes that are copied as a whole: the number of records bounds their cost.
_CHEAP = _TEXTS | {
    _Type.A, _Type.AAAA, _Type.CNAME, _Type.DNAME, _Type.NS, _Type.PTR, _Type.MX, _Type.SRV, _Type.SOA,
    _Type.CAA, _Type.DNSKEY, _Type.CDNSKEY, _Type.DS, _Type.CDS, _Type.RRSIG, _Type.TLSA, _Type.SMIMEA,
    _Type.SSHFP, _Type.CERT, _Type.OPENPGPKEY, _Type.NAPTR, _Type.URI,
}  # fmt: skip


class Malformed(Exception):
    """The bytes are no answer that can be read. The text says why."""


def matches(wire: bytes, sent: bytes, end: int) -> bool:
    """Whether *wire* answers *sent*: same id, same question in the same letter case (RFC 5452 9.1)."""
    return wire[:2] == sent[:2] and is_answer(wire, sent, end)


def is_answer(wire: bytes, sent: bytes, end: int) -> bool:
    """As `matches`, where the id is already known to be the same."""
    return wire[12:end] == sent[12:end] and wire[2] & 0xF8 == 0x80 and wire[4:6] == b"\0\1"


def is_truncated(wire: bytes) -> bool:
    """TC: the rest is to be had over TCP (RFC 2181 9)."""
    return bool(wire[2] & 0x02)


def read(wire: bytes, query: Query) -> Answer:
    """What *wire*, which `matches` the query, says. Raises Malformed.

    Servers mostly repeat themselves: what a question was answered with last is not read again. Id and letter
    case are ours and differ each time, so they are taken out; then no text can echo them either.
    """
    said = wire[2:12] + wire[query.end :]
    if query.last is not None and query.last[0] == said:
        return query.last[1]
    plain = b"\0\0" + wire[2:12] + query.name + wire[12 + len(query.name) :]
    answer = walk(plain, query) or read_unusual(plain, query)
    if len(said) <= MAX_REMEMBERED_BYTES:
        query.last = said, answer
    return answer


def read_unusual(wire: bytes, query: Query) -> Answer:
    """As `read`, with dnspython alone."""
    counts = [int.from_bytes(wire[at : at + 2], "big") for at in (6, 8, 10)]
    if len(wire) > MAX_UNUSUAL_BYTES:
        raise Malformed(f"the answer has {len(wire)} bytes: too many to read")
    if sum(counts) > MAX_RECORDS:
        raise Malformed(f"the answer claims {sum(counts)} records: too many to read")
    plain = _without_strangers(wire, query, sum(counts))
    try:
        # One RR an RRset: merged ones would hide duplicates and order.
        message = dns.message.from_wire(plain, one_rr_per_rrset=True)
        return _answer(message, query, counts)
    except (dns.exception.DNSException, ValueError) as exc:
        raise Malformed(f"the answer cannot be read: {exc or type(exc).__name__}") from exc


def _without_strangers(wire: bytes, query: Query, records: int) -> bytes:
    """*wire* with every record that nobody asked for marked as of a type that is copied and not read.

    A record of a costly type, put beside the answer, would hold the loop for a tenth of a second.
    Raises Malformed.
    """
    out = bytearray(wire)
    copied = _COPIED[query.rdtype == _COPIED[0]].to_bytes(2, "big")
    at, size, strings = query.end, 0, 0
    try:
        for _ in range(records):
            while 0 < wire[at] < 0x40:
                at += wire[at] + 1
            at += 1 if wire[at] == 0 else 2
            rdtype, length = int.from_bytes(wire[at : at + 2], "big"), wire[at + 8] << 8 | wire[at + 9]
            if rdtype == query.rdtype:
                size += length
                strings += _strings(wire[at + 10 : at + 10 + length]) if rdtype in _TEXTS else 0
            elif rdtype not in _READ_ALWAYS:
                out[at : at + 2] = copied
            at += 10 + length
    except IndexError as exc:
        raise Malformed("the answer ends within a record") from exc
    most = MAX_BITMAP_BYTES if query.rdtype in _BITMAPS else MAX_DATA_BYTES
    if size > most and query.rdtype not in _CHEAP:
        raise Malformed(f"the answer has {size} bytes of {query.rdtype_text} data: too many to read")
    if strings > MAX_STRINGS:
        raise Malformed(f"the answer has {strings} strings: too many to read")
    return bytes(out)


def _strings(data: bytes) -> int:
    at = count = 0
    while at < len(data):
        at += data[at] + 1
        count += 1
    return count


def _answer(message: dns.message.Message, query: Query, counts: list[int]) -> Answer:
    section = [rrset for rrset in message.answer if rrset.rdclass == dns.rdataclass.IN]
    owner = dns.name.from_wire(query.name, 0)[0]
    chain: list[str] = []
    if query.rdtype != dns.rdatatype.CNAME:
        aliases = {rrset.name: rrset[0].target for rrset in section if rrset.rdtype == dns.rdatatype.CNAME}
        seen = set()
        while owner in aliases and owner not in seen and len(chain) < MAX_CHAIN:
            seen.add(owner)
            owner = aliases[owner]
            chain.append(name_text(owner))
        if owner in aliases:  # a loop, or longer than anybody follows: it ends nowhere
            section = []
    found = [rrset for rrset in section if rrset.name == owner and rrset.rdtype == query.rdtype]
    ttls = [rrset.ttl for rrset in message.answer]
    serials = [rrset[0].serial for rrset in found if rrset.rdtype == dns.rdatatype.SOA]
    answers = sorted({record_text(rrset) for rrset in found})
    return Answer(
        int(message.rcode()),
        bool(message.flags & dns.flags.AA),
        bool(message.flags & dns.flags.AD),
        answers,
        chain,
        min(ttls, default=None),
        serials[0] if serials else None,
        *(counts[0], counts[1], counts[2]),
        digest_of(answers),
    )


def record_text(rrset: dns.rrset.RRset) -> str:
    """The data of a one-record set as zone files write it, names in lower case without the final dot."""
    rdata = rrset[0]
    match rrset.rdtype:
        case dns.rdatatype.CNAME | dns.rdatatype.NS | dns.rdatatype.PTR | dns.rdatatype.DNAME:
            return name_text(rdata.target)
        case dns.rdatatype.MX:
            return f"{rdata.preference} {name_text(rdata.exchange)}"
        case dns.rdatatype.SRV:
            return f"{rdata.priority} {rdata.weight} {rdata.port} {name_text(rdata.target)}"
        case dns.rdatatype.SOA:
            times = f"{rdata.serial} {rdata.refresh} {rdata.retry} {rdata.expire} {rdata.minimum}"
            return f"{name_text(rdata.mname)} {name_text(rdata.rname)} {times}"
        case dns.rdatatype.TXT:
            # The strings of one record are one text to most readers (RFC 7208 3.3).
            return b"".join(rdata.strings).decode("utf-8", "backslashreplace")
        case _:
            text: str = rdata.to_text()
            return text


def name_text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if len(name) > 1 else "."


@lru_cache(maxsize=4096)
def rcode_text(rcode: int) -> str:
    """As "NXDOMAIN", or as "RCODE3841" where there is no name for it."""
    text = dns.rcode.to_text(dns.rcode.Rcode(rcode))
    return f"RCODE{text}" if text.isdigit() else text
