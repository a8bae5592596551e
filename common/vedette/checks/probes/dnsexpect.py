"""What `dns:` expects, to the model."""

from typing import Final

from vedette.checks import formats, model
from vedette.checks.model.dns import ExtendedErrorsExpect, Patterns, RecordsExpect, SectionsExpect
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Report
from vedette.checks.schema import dns as schema

_FLAGS: Final = ("aa", "tc", "rd", "ra", "ad", "cd")
_SECTIONS: Final = ("answer", "authority", "additional")
# Types whose data is always so many words, which no name has blanks in.
_EXAMPLES: Final = {
    "CNAME": "www.example.com",
    "DNAME": "example.com",
    "MX": "10 mx1.example.com",
    "NS": "ns1.example.com",
    "PTR": "www.example.com",
    "SOA": "ns1.example.com hostmaster.example.com 1 7200 900 1209600 300",
    "SRV": "0 5 443 www.example.com",
}


def expectations(probe: schema.DnsProbe, rdtype: str, path: Path, report: Report) -> model.DnsExpect:
    """*rdtype* is the asked type in capitals."""
    expect = probe.expect or schema.DnsExpect()
    rcodes = [expect.rcode] if isinstance(expect.rcode, str) else expect.rcode
    answers = expect.answers or schema.AnswersExpect()
    ttl = expect.ttl or schema.TtlExpect()
    _hold_bounds(answers, (*path, "answers"), report)
    if ttl.min is not None and ttl.max is not None and ttl.min > ttl.max:
        report.about((*path, "ttl", "max"), f"max {ttl.max} is less than min {ttl.min}; raise it")
    if "NOERROR" not in rcodes and expect.answers is not None:
        report.about(
            (*path, "answers"), f"{' or '.join(rcodes)} comes without answers; remove this or expect NOERROR"
        )
    if answers.within is not None and rdtype not in ("A", "AAAA"):
        report.about((*path, "answers", "within"), f"{rdtype} records hold no address; use match")
    if expect.nsid is not None and not (probe.edns and probe.edns.nsid):
        report.about((*path, "nsid"), "servers name themselves when asked to; add edns: {nsid: true}")
    return model.DnsExpect(
        rcodes=tuple(rcodes),
        min_answers=answers.min,
        max_answers=answers.max,
        exact=None
        if answers.exact is None
        else _answers(answers.exact, rdtype, (*path, "answers", "exact"), report),
        contains=_answers(answers.contains or [], rdtype, (*path, "answers", "contains"), report),
        patterns=_patterns(answers),
        within=tuple(formats.network(one) for one in answers.within or []),
        min_ttl=ttl.min,
        max_ttl=ttl.max,
        flags=_flags(expect, path, report),
        sections=_sections(expect.sections, (*path, "sections"), report),
        nsid=expect.nsid,
        extended_errors=_extended_errors(expect.extended_errors, (*path, "extended_errors"), report),
    )


def _hold_bounds(section: schema.AnswersExpect | schema.RecordsExpect, path: Path, report: Report) -> None:
    if section.max is not None and section.min > section.max:
        hint = "set min to 0 as well" if section.max == 0 else "lower it or raise max"
        report.about((*path, "max"), f"max {section.max} is less than min {section.min}; {hint}")


def _answers(written: list[str], rdtype: str, path: Path, report: Report) -> tuple[str, ...]:
    """Addresses in canonical form; other record data as written."""
    if rdtype not in ("A", "AAAA"):
        example = _EXAMPLES.get(rdtype)
        for at, text in enumerate(written):
            if example is not None and len(text.split()) != len(example.split()):
                report.about(
                    (*path, at),
                    f"{quoted(text)} is not the data of one {rdtype} record; "
                    f"write it as zone files do, such as {example}",
                )
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


def _patterns(section: schema.AnswersExpect | schema.RecordsExpect) -> Patterns | None:
    made = Patterns(
        every=_listed(section.match),
        some=_listed(section.match_any),
        none=_listed(section.match_none),
        not_all=_listed(section.match_not_all),
    )
    return None if made == Patterns() else made


def _listed(written: str | list[str] | None) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written or ())


def _flags(expect: schema.DnsExpect, path: Path, report: Report) -> dict[str, bool]:
    wanted = expect.flags or schema.FlagsExpect()
    flags = {name: value for name in _FLAGS if (value := getattr(wanted, name)) is not None}
    for key, name in (("authoritative", "aa"), ("authenticated", "ad")):
        said: bool | None = getattr(expect, key)
        if said is not None and flags.setdefault(name, said) != said:
            report.about((*path, key), f"flags.{name} expects the opposite; remove one of both")
    return flags


def _sections(written: schema.SectionsExpect | None, path: Path, report: Report) -> SectionsExpect | None:
    if written is None:
        return None
    made = {name: _records(getattr(written, name), (*path, name), report) for name in _SECTIONS}
    return SectionsExpect(**made) if any(made.values()) else None


def _records(written: schema.RecordsExpect | None, path: Path, report: Report) -> RecordsExpect | None:
    if written is None:
        return None
    _hold_bounds(written, path, report)
    for key in ("exact", "contains"):
        for at, text in enumerate(getattr(written, key) or []):
            if len(text.split(maxsplit=2)) < 3:
                report.about(
                    (*path, key, at),
                    f"{quoted(text)} is not a record; write owner, type and data, such as "
                    "example.com NS ns1.example.com",
                )
    return RecordsExpect(
        min_records=written.min,
        max_records=written.max,
        exact=None if written.exact is None else tuple(written.exact),
        contains=tuple(written.contains or ()),
        patterns=_patterns(written) or Patterns(),
        within=tuple(formats.network(one) for one in written.within or []),
    )


def _extended_errors(
    written: schema.ExtendedErrorsExpect | None, path: Path, report: Report
) -> ExtendedErrorsExpect | None:
    if written is None:
        return None
    both = sorted({*written.contains} & {*written.lack})
    if both:
        report.about((*path, "lack"), f"contains expects {both[0]} as well; remove one of both")
    if written.max is not None and len({*written.contains}) > written.max:
        report.about((*path, "max"), f"contains expects more than {written.max}; raise it")
    return ExtendedErrorsExpect(contains=tuple(written.contains), lacks=tuple(written.lack), most=written.max)
