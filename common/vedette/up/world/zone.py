"""What the demo's name server says. Messages in, messages out; knows no socket."""

from collections.abc import Mapping

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from vedette.up.world.breaks import Fault
from vedette.up.world.names import APEXES, RECORDS

TTL_SECONDS = 30
_LONGEST_CHAIN = 8


def answer(query: dns.message.Message, faults: Mapping[str, Fault]) -> dns.message.Message:
    """An authoritative answer. *faults* names, without the final dot, what is broken now.

    Raises dns.exception.FormError for what is itself a response: answering one would never end.
    A name with records of another type gives NOERROR and no answer; RFC 2308 2.2 puts the SOA beside it.
    """
    response = dns.message.make_response(query)
    if query.opcode() != 0 or len(query.question) != 1:
        response.set_rcode(dns.rcode.NOTIMP)
        return response
    question = query.question[0]
    apex = _apex(question.name)
    if apex is None or question.rdclass != dns.rdataclass.IN:
        response.set_rcode(dns.rcode.REFUSED)
        return response
    response.flags |= dns.flags.AA
    fault = faults.get(_text(question.name))
    if fault is Fault.SERVFAIL:
        response.flags &= ~dns.flags.AA
        response.set_rcode(dns.rcode.SERVFAIL)
        return response
    if fault is None:
        _follow(response, question.name, question.rdtype)
    elif fault is Fault.NXDOMAIN:
        response.set_rcode(dns.rcode.NXDOMAIN)
    if not response.answer:
        response.authority.append(_rrset(apex, dns.rdatatype.SOA, APEXES[_text(apex)]))
    return response


def _follow(response: dns.message.Message, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> None:
    for _ in range(_LONGEST_CHAIN):
        records = _records(name)
        if records is None:
            if not response.answer:
                response.set_rcode(dns.rcode.NXDOMAIN)
            return
        wanted = dns.rdatatype.to_text(rdtype)
        if wanted in records:
            response.answer.append(_rrset(name, rdtype, *records[wanted]))
            return
        if "CNAME" not in records:
            return
        link = _rrset(name, dns.rdatatype.CNAME, *records["CNAME"])
        response.answer.append(link)
        name = link[0].target


def _records(name: dns.name.Name) -> Mapping[str, tuple[str, ...]] | None:
    """The records at *name*; empty for a name that only has names below it; None when there is none."""
    text = _text(name)
    if text in APEXES:
        return {"SOA": (APEXES[text],)}
    if text in RECORDS:
        return RECORDS[text]
    return {} if any(owner.endswith("." + text) for owner in RECORDS) else None


def _apex(name: dns.name.Name) -> dns.name.Name | None:
    for apex in APEXES:
        zone = dns.name.from_text(apex)
        if name.is_subdomain(zone):
            return zone
    return None


def _rrset(name: dns.name.Name, rdtype: dns.rdatatype.RdataType, *values: str) -> dns.rrset.RRset:
    return dns.rrset.from_text(name, TTL_SECONDS, dns.rdataclass.IN, rdtype, *values)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
