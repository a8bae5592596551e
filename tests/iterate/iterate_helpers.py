"""Responses as authorities send them, and a tree of them in memory for walks that need no network."""

from collections.abc import Callable, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from vedette_agent.dns.iterate.sections import Sections, sections
from vedette_agent.dns.iterate.walk import Missed, Question, Server, Walk

ROOT = Server("a.root", "192.0.2.1")
A, NS, SOA, MX, CNAME = 1, 2, 6, 15, 5


def response(
    name: str,
    rdtype: str = "A",
    *,
    answer: Sequence[str] = (),
    authority: Sequence[str] = (),
    additional: Sequence[str] = (),
    rcode: str = "NOERROR",
    aa: bool = False,
) -> bytes:
    """Records as "owner type data", with absolute names."""
    query = dns.message.make_query(name, rdtype)
    made = dns.message.make_response(query)
    made.flags = dns.flags.QR | (dns.flags.AA if aa else 0)
    made.set_rcode(dns.rcode.from_text(rcode))
    for section, texts in ((made.answer, answer), (made.authority, authority), (made.additional, additional)):
        for text in texts:
            owner, kind, data = text.split(maxsplit=2)
            section.append(dns.rrset.from_text(owner, 60, "IN", kind, data))
    return made.to_wire(max_size=65535)


def said(name: str, rdtype: str = "A", **what: object) -> Sections:
    wire = response(name, rdtype, **what)  # type: ignore[arg-type]
    return sections(wire, end_of(wire))


def end_of(wire: bytes) -> int:
    at = 12
    while wire[at]:
        at += wire[at] + 1
    return at + 5


World = Callable[[Question], "Sections | Missed"]


def walked(
    world: World, name: str = "www.shop.example", rdtype: int = A, *, to_cut: bool = False
) -> tuple[Walk, list[Question]]:
    """A walk to its end through *world*, in the order in which servers are named; and all it asked."""
    walk = Walk(name, rdtype, 4, [ROOT], to_cut=to_cut, shuffle=lambda servers: None)
    asked = []
    while (question := walk.question()) is not None:
        asked.append(question)
        assert len(asked) <= 1000, "endless"
        walk.take(world(question), 0.5)
    return walk, asked


def referral(question: Question, zone: str, *servers: str, glue: Sequence[str] = ()) -> Sections:
    """*servers* are absolute names; *glue* are "name address"."""
    return said(
        f"{question.name}.",
        authority=[f"{zone} NS {server}" for server in servers],
        additional=[f"{one.split()[0]} {'AAAA' if ':' in one else 'A'} {one.split()[1]}" for one in glue],
    )


def answer(question: Question, *records: str) -> Sections:
    return said(f"{question.name}.", answer=records, aa=True)
