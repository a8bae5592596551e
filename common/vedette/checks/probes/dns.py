"""`dns:` to its checks."""

from typing import Any

from vedette.checks import formats, model
from vedette.checks.probes.parts import resolver_of
from vedette.checks.problems import Path, quoted
from vedette.checks.schema.dns import AnswersExpect, DnsExpect, DnsProbe, TtlExpect
from vedette.checks.walk import Report


def dns(probe: DnsProbe, path: Path, report: Report, common: dict[str, Any]) -> model.DnsCheck:
    name = formats.dns_name(probe.name)
    server = resolver_of(probe.resolver)
    return model.DnsCheck(
        target=f"{name} {probe.type}" + (f" @{server}" if server else ""),
        query_name=name,
        rdtype=probe.type,
        server=server,
        transport=probe.transport,
        recursion_desired=probe.recursion,
        expect=_dns_expect(probe, (*path, "expect"), report),
        **common,
    )


def _dns_expect(probe: DnsProbe, path: Path, report: Report) -> model.DnsExpect:
    expect = probe.expect or DnsExpect()
    rcodes = [expect.rcode] if isinstance(expect.rcode, str) else expect.rcode
    answers = expect.answers or AnswersExpect()
    ttl = expect.ttl or TtlExpect()
    if answers.max is not None and answers.min > answers.max:
        hint = "set min to 0 as well" if answers.max == 0 else "lower it or raise max"
        report.about((*path, "answers", "max"), f"max {answers.max} is less than min {answers.min}; {hint}")
    if ttl.min is not None and ttl.max is not None and ttl.min > ttl.max:
        report.about((*path, "ttl", "max"), f"max {ttl.max} is less than min {ttl.min}; raise it")
    if "NOERROR" not in rcodes and expect.answers is not None:
        report.about(
            (*path, "answers"), f"{' or '.join(rcodes)} comes without answers; remove this or expect NOERROR"
        )
    if answers.within is not None and probe.type not in ("A", "AAAA"):
        report.about((*path, "answers", "within"), f"{probe.type} records hold no address; use match")
    return model.DnsExpect(
        rcodes=tuple(rcodes),
        min_answers=answers.min,
        max_answers=answers.max,
        exact=None
        if answers.exact is None
        else _answers(answers.exact, probe.type, (*path, "answers", "exact"), report),
        contains=_answers(answers.contains or [], probe.type, (*path, "answers", "contains"), report),
        matches=answers.match,
        within=tuple(formats.network(one) for one in answers.within or []),
        min_ttl=ttl.min,
        max_ttl=ttl.max,
        authoritative=expect.authoritative,
        authenticated=expect.authenticated,
    )


def _answers(written: list[str], rdtype: str, path: Path, report: Report) -> tuple[str, ...]:
    """Addresses in canonical form; other record data as written."""
    if rdtype not in ("A", "AAAA"):
        return tuple(written)
    made: list[str] = []
    version = 4 if rdtype == "A" else 6
    for at, text in enumerate(written):
        literal = formats.address_or_none(text)
        if literal is None or literal.version != version:
            report.about(
                (*path, at), f"{quoted(text)} is not an IPv{version} address; {rdtype} records hold these"
            )
        else:
            made.append(str(literal))
    return tuple(made)
