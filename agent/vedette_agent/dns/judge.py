"""Holds an answer against what the check expects: an answer goes in, a failure and its text come out."""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from vedette.checks.model import DnsCheck, DnsExpect
from vedette.checks.model.dns import Patterns, RecordsExpect
from vedette.wire.failure import Failure
from vedette_agent.dns import options
from vedette_agent.dns.answer import AA, AD, CD, RA, RD, TC, Answer, Shown
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
_BEGUN = 50
_SAID_LENGTH = 100  # characters of one answer in a detail text
_NAMES = frozenset({"CNAME", "NS", "PTR", "DNAME", "MX", "SRV", "SOA"})
_FLAGS = {
    "aa": (AA, "is authoritative", "is not authoritative"),
    "tc": (TC, "is truncated", "is not truncated"),
    "rd": (RD, "says that recursion was asked for", "does not say that recursion was asked for"),
    "ra": (RA, "offers recursion", "does not offer recursion"),
    "ad": (AD, "is authenticated", "is not authenticated"),
    "cd": (CD, "says that checking was disabled", "does not say that checking was disabled"),
}


def steps(answer: Answer, expect: DnsExpect) -> int:
    """That all patterns take at most in *answer*: engine/searches.py."""
    taken = 0
    if expect.patterns is not None:
        taken = _size(expect.patterns) * _length(answer.answers)
    if expect.sections is not None and answer.sections is not None:
        parts = (expect.sections.answer, expect.sections.authority, expect.sections.additional)
        for wanted, records in zip(parts, answer.sections, strict=True):
            size = 0 if wanted is None else _size(wanted.patterns)
            taken += size and size * _length([str(one) for one in records])
    if expect.nsid is not None:
        instance = options.nsid(answer.options or b"")
        taken += compiled(expect.nsid).steps((instance or "")[:_SEARCHED])
    return taken


def _size(patterns: Patterns) -> int:
    every = patterns.every + patterns.some + patterns.none + patterns.not_all
    return sum(compiled(one).size for one in every)


def _length(texts: Sequence[str]) -> int:
    """Bytes of them that are searched, and for each as many as take no longer than to begin."""
    return sum(_BEGUN + min(len(text), _SEARCHED) * (1 if text.isascii() else 4) for text in texts)


def judge(answer: Answer, check: DnsCheck, *, was_truncated: bool = False) -> Verdict:
    """The first thing that is wrong, from the outside in: response code, emptiness, content, TTL, flags.

    *was_truncated*: over UDP, before the answer came over TCP.
    """
    verdict = _verdict(answer, check, was_truncated)
    if verdict is None or not answer.options:
        return verdict
    errors = options.extended_errors(answer.options)
    if not errors:
        return verdict
    failure, detail = verdict
    return failure, f"{detail}; the server says: {', '.join(map(str, errors[:_SHOWN]))}"


def _verdict(answer: Answer, check: DnsCheck, was_truncated: bool) -> Verdict:
    expect = check.expect
    rcode = rcode_text(answer.rcode)
    if rcode not in expect.rcodes:
        return _unexpected_rcode(rcode, answer, check)
    verdict: Verdict = None
    if answer.rcode == 0:
        verdict = _count(answer, check) or _content(answer, check, expect) or _ttl(answer, check)
    if verdict is None and expect.sections is not None:
        verdict = _sections(answer, check)
    if verdict is None and expect.flags:
        verdict = _flags(answer, check, was_truncated)
    if verdict is None and (expect.nsid is not None or expect.extended_errors is not None):
        verdict = _edns(answer, check)
    return verdict


def _unexpected_rcode(rcode: str, answer: Answer, check: DnsCheck) -> Verdict:
    wanted = " or ".join(check.expect.rcodes)
    detail = f"{rcode} for {check.query_name} {check.rdtype}; expected {wanted}"
    if rcode == "NOERROR":
        return Failure.DNS_RCODE, f"{detail} ({len(answer.answers)} {check.rdtype} records came)"
    if rcode in ("FORMERR", "NOTIMP") and answer.options is None and _has_edns(check):
        # RFC 6891 7: so answers who does not know EDNS. What a resolver would do then is not what we test.
        detail += "; it came without EDNS: edns.enabled: false asks without it"
    return RCODES.get(rcode, Failure.DNS_RCODE), detail + _by_way_of(answer)


def _has_edns(check: DnsCheck) -> bool:
    return check.options is None or check.options.edns


def _count(answer: Answer, check: DnsCheck) -> Verdict:
    expect, found = check.expect, len(answer.answers)
    if expect.min_answers <= found and (expect.max_answers is None or found <= expect.max_answers):
        return None
    what = f"NOERROR with {_records(found, check.rdtype)} for {check.query_name}"
    if found == 0:
        detail = f"{what}; expected at least {expect.min_answers}"
        if answer.chain:
            return Failure.DNS_CNAME_DANGLING, detail + _by_way_of(answer)
        return Failure.DNS_NODATA, detail
    if found < expect.min_answers:
        return Failure.DNS_WRONG_ANSWER, f"{what}; expected at least {expect.min_answers}"
    return Failure.DNS_WRONG_ANSWER, f"{what}; expected at most {expect.max_answers}"


def _records(count: int, rdtype: str) -> str:
    return f"{count} {rdtype} record{'' if count == 1 else 's'}"


def _content(answer: Answer, check: DnsCheck, expect: DnsExpect) -> Verdict:
    problem = None
    if expect.exact is not None or expect.contains:
        problem = _wrong_set(
            answer.answers, expect.exact, expect.contains, lambda text: canonical(text, check.rdtype)
        )
    if problem is None and expect.patterns is not None:
        problem = _wrong_texts(answer.answers, expect.patterns)
    if problem is None and expect.within:
        nets = _networks(expect.within)
        odd = [text for text in answer.answers if not _is_within(text, nets)]
        problem = f"{_list(odd)} is outside {', '.join(expect.within)}" if odd else None
    if problem is None:
        return None
    return Failure.DNS_WRONG_ANSWER, f"{check.query_name} {check.rdtype}: {problem}{_by_way_of(answer)}"


def _wrong_set(
    texts: Sequence[str],
    exact: tuple[str, ...] | None,
    contains: tuple[str, ...],
    spelled: Callable[[str], str],
) -> str | None:
    """What is wrong with the set of *texts*, which are compared as they are *spelled* in one way."""
    found = {spelled(text) for text in texts}
    if exact is not None:
        wanted = {spelled(text) for text in exact}
        if wanted != found:
            return f"got {_list(texts)}; expected exactly {_list(sorted(wanted))}"
    missing = [text for text in contains if spelled(text) not in found]
    return f"got {_list(texts)}; {_list(missing)} is missing" if missing else None


def _wrong_texts(texts: Sequence[str], patterns: Patterns) -> str | None:
    """The first pattern that is not where it should be, or is where it should not be."""
    for pattern in patterns.every:
        odd = [text for text in texts if not _matches(pattern, text)]
        if odd:
            return f"{_list(odd)} does not match {pattern!r}"
    for pattern in patterns.none:
        odd = [text for text in texts if _matches(pattern, text)]
        if odd:
            return f"{_list(odd)} matches {pattern!r}; expected of none"
    for pattern in patterns.some:
        if not any(_matches(pattern, text) for text in texts):
            return f"none of {_list(texts)} matches {pattern!r}"
    for pattern in patterns.not_all:
        if all(_matches(pattern, text) for text in texts):
            return f"each of {_list(texts)} matches {pattern!r}; expected not of all"
    return None


def _matches(pattern: str, text: str) -> bool:
    return compiled(pattern).search(text[:_SEARCHED]) is not None


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


def _sections(answer: Answer, check: DnsCheck) -> Verdict:
    expect, came = check.expect.sections, answer.sections
    if expect is None or came is None:
        return None
    for name, wanted, records in (
        ("answer", expect.answer, came.answer),
        ("authority", expect.authority, came.authority),
        ("additional", expect.additional, came.additional),
    ):
        problem = None if wanted is None else _wrong_section(wanted, records)
        if problem is not None:
            return Failure.DNS_WRONG_ANSWER, f"{check.query_name} {check.rdtype}, {name} section: {problem}"
    return None


def _wrong_section(expect: RecordsExpect, records: tuple[Shown, ...]) -> str | None:
    if len(records) < expect.min_records:
        return f"{len(records)} records; expected at least {expect.min_records}"
    if expect.max_records is not None and len(records) > expect.max_records:
        return f"{len(records)} records; expected at most {expect.max_records}"
    if expect.exact is not None or expect.contains:
        compared = [f"{one.owner} {one.rdtype} {one.data}" for one in records]
        problem = _wrong_set(compared, expect.exact, expect.contains, _canonical_record)
        if problem is not None:
            return problem
    if expect.within:
        nets = _networks(expect.within)
        odd = [str(one) for one in records if one.rdtype in ("A", "AAAA") and not _is_within(one.data, nets)]
        if odd:
            return f"{_list(odd)} is outside {', '.join(expect.within)}"
    return _wrong_texts([str(one) for one in records], expect.patterns)


def _canonical_record(text: str) -> str:
    """One spelling of "owner TYPE data"; *text* has all three."""
    owner, rdtype, data = (*text.split(maxsplit=2), "", "")[:3]
    name = owner.lower()
    return f"{name if name == '.' else name.rstrip('.')} {rdtype.upper()} {canonical(data, rdtype.upper())}"


def _flags(answer: Answer, check: DnsCheck, was_truncated: bool) -> Verdict:
    flags = answer.flags | TC * was_truncated
    for name, wanted in check.expect.flags.items():
        bit, is_set, is_clear = _FLAGS[name]
        if bool(flags & bit) != wanted:
            state = f"{is_clear} ({name.upper()} clear)" if wanted else f"{is_set} ({name.upper()} set)"
            said = f"the answer for {check.query_name} {state}; expected the opposite"
            return Failure.DNS_WRONG_ANSWER, said
    return None


def _edns(answer: Answer, check: DnsCheck) -> Verdict:
    expect, said = check.expect, answer.options or b""
    if expect.nsid is not None:
        instance = options.nsid(said)
        if instance is None:
            return Failure.DNS_WRONG_ANSWER, f"the server does not name itself; expected {expect.nsid!r}"
        if not _matches(expect.nsid, instance):
            return (
                Failure.DNS_WRONG_ANSWER,
                f"{instance!r} answered; expected one that matches {expect.nsid!r}",
            )
    wanted = expect.extended_errors
    if wanted is None:
        return None
    codes = [error.code for error in options.extended_errors(said)]
    missing = [code for code in wanted.contains if code not in codes]
    odd = [code for code in codes if code in wanted.lacks]
    if missing:
        return Failure.DNS_WRONG_ANSWER, f"extended error {missing[0]} is missing"
    if odd:
        return Failure.DNS_WRONG_ANSWER, f"extended error {odd[0]} came; expected not to"
    if wanted.most is not None and len(codes) > wanted.most:
        return Failure.DNS_WRONG_ANSWER, f"{len(codes)} extended errors; expected at most {wanted.most}"
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
    return ", ".join(text[:_SAID_LENGTH] for text in texts[:_SHOWN]) + more if texts else "nothing"


def _by_way_of(answer: Answer) -> str:
    return f", by way of {' → '.join(answer.chain)}" if answer.chain else ""
