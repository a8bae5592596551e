"""Holds an answer against what the check expects: an answer goes in, a failure and its text come out."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from vedette.checks.model import DnsCheck, DnsExpect
from vedette.wire.failure import Failure
from vedette_agent.dns.answer import Answer
from vedette_agent.dns.reading import rcode_text
from vedette_agent.pattern import compiled

Verdict = tuple[Failure, str] | None  # None: as expected

RCODES = {
    "SERVFAIL": Failure.DNS_SERVFAIL,
    "NXDOMAIN": Failure.DNS_NXDOMAIN,
    "REFUSED": Failure.DNS_REFUSED,
}
_SHOWN = 5  # answers in a detail text
_REMEMBERED_LENGTH = 64
_SEARCHED = 4096  # characters of one answer that a regular expression sees
_NAMES = frozenset({"CNAME", "NS", "PTR", "DNAME", "MX", "SRV", "SOA"})


def judge(answer: Answer, check: DnsCheck) -> Verdict:
    """The first thing that is wrong, from the outside in: response code, emptiness, content, TTL, flags."""
    expect = check.expect
    rcode = rcode_text(answer.rcode)
    if rcode not in expect.rcodes:
        return _unexpected_rcode(rcode, answer, check)
    if answer.rcode != 0:
        return _flags(answer, check)
    return (
        _count(answer, check)
        or _content(answer, check, expect)
        or _ttl(answer, check)
        or _flags(answer, check)
    )


def _unexpected_rcode(rcode: str, answer: Answer, check: DnsCheck) -> Verdict:
    wanted = " or ".join(check.expect.rcodes)
    detail = f"{rcode} for {check.query_name} {check.rdtype}; expected {wanted}"
    if rcode == "NOERROR":
        return Failure.DNS_RCODE, f"{detail} ({len(answer.answers)} {check.rdtype} records came)"
    return RCODES.get(rcode, Failure.DNS_RCODE), detail + _by_way_of(answer)


def _count(answer: Answer, check: DnsCheck) -> Verdict:
    expect, found = check.expect, len(answer.answers)
    if expect.min_answers <= found and (expect.max_answers is None or found <= expect.max_answers):
        return None
    what = f"NOERROR with {found} {check.rdtype} record{'' if found == 1 else 's'} for {check.query_name}"
    if found == 0:
        detail = f"{what}; expected at least {expect.min_answers}"
        if answer.chain:
            return Failure.DNS_CNAME_DANGLING, detail + _by_way_of(answer)
        return Failure.DNS_NODATA, detail
    if found < expect.min_answers:
        return Failure.DNS_WRONG_ANSWER, f"{what}; expected at least {expect.min_answers}"
    return Failure.DNS_WRONG_ANSWER, f"{what}; expected at most {expect.max_answers}"


def _content(answer: Answer, check: DnsCheck, expect: DnsExpect) -> Verdict:
    problem = None
    if expect.exact is not None or expect.contains:
        problem = _wrong_set(answer, check.rdtype, expect)
    if problem is None and expect.matches is not None:
        pattern = compiled(expect.matches)
        odd = [text for text in answer.answers if not pattern.search(text[:_SEARCHED])]
        problem = f"{_list(odd)} does not match {expect.matches!r}" if odd else None
    if problem is None and expect.within:
        nets = _networks(expect.within)
        odd = [text for text in answer.answers if not _is_within(text, nets)]
        problem = f"{_list(odd)} is outside {', '.join(expect.within)}" if odd else None
    if problem is None:
        return None
    return Failure.DNS_WRONG_ANSWER, f"{check.query_name} {check.rdtype}: {problem}{_by_way_of(answer)}"


def _wrong_set(answer: Answer, rdtype: str, expect: DnsExpect) -> str | None:
    found = {canonical(text, rdtype): text for text in answer.answers}
    if expect.exact is not None:
        wanted = {canonical(text, rdtype) for text in expect.exact}
        if wanted != found.keys():
            return f"got {_list(answer.answers)}; expected exactly {_list(sorted(wanted))}"
    missing = [text for text in expect.contains if canonical(text, rdtype) not in found]
    return f"got {_list(answer.answers)}; {_list(missing)} is missing" if missing else None


def _ttl(answer: Answer, check: DnsCheck) -> Verdict:
    expect, ttl = check.expect, answer.ttl
    if ttl is None:
        return None
    what = f"TTL {ttl} s for {check.query_name} {check.rdtype}"
    if expect.min_ttl is not None and ttl < expect.min_ttl:
        return Failure.DNS_WRONG_ANSWER, f"{what}; expected at least {expect.min_ttl} s"
    if expect.max_ttl is not None and ttl > expect.max_ttl:
        return Failure.DNS_WRONG_ANSWER, f"{what}; expected at most {expect.max_ttl} s"
    return None


def _flags(answer: Answer, check: DnsCheck) -> Verdict:
    expect = check.expect
    if expect.authoritative is not None and answer.authoritative != expect.authoritative:
        state = "is not authoritative (AA clear)" if expect.authoritative else "is authoritative (AA set)"
        return Failure.DNS_WRONG_ANSWER, f"the answer for {check.query_name} {state}; expected the opposite"
    if expect.authenticated is not None and answer.authenticated != expect.authenticated:
        state = "is not authenticated (AD clear)" if expect.authenticated else "is authenticated (AD set)"
        return Failure.DNS_WRONG_ANSWER, f"the answer for {check.query_name} {state}; expected the opposite"
    return None


def canonical(text: str, rdtype: str) -> str:
    """One spelling for what is the same: addresses as RFC 5952, names without case and final dot."""
    # Servers choose these texts: an answer of 64 KiB must not stay in memory, nor many of them.
    return _remembered(text, rdtype) if len(text) <= _REMEMBERED_LENGTH else _canonical(text, rdtype)


def _canonical(text: str, rdtype: str) -> str:
    if rdtype in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return text
    if rdtype in _NAMES:
        return " ".join(word if word == "." else word.rstrip(".") for word in text.lower().split())
    if rdtype == "TXT":
        return text
    return " ".join(text.split())


_remembered = lru_cache(maxsize=16384)(_canonical)

_Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


@lru_cache(maxsize=4096)
def _networks(within: tuple[str, ...]) -> _Networks:
    return tuple(ipaddress.ip_network(text, strict=False) for text in within)


def _is_within(text: str, nets: _Networks) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in net for net in nets)


def _list(texts: Iterable[str]) -> str:
    texts = list(texts)
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more if texts else "nothing"


def _by_way_of(answer: Answer) -> str:
    return f", by way of {' → '.join(answer.chain)}" if answer.chain else ""
