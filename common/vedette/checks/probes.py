"""Each kind of probe as written, to its check in the model. The `match` is closed: mypy misses no kind."""

from typing import Any, Final, assert_never

from vedette.checks import formats, model, schema
from vedette.checks.model import Check
from vedette.checks.problems import Path, quoted
from vedette.checks.walk import Report

Probe = schema.DnsProbe | schema.HttpProbe | schema.TcpProbe | schema.TlsProbe | schema.IcmpProbe

MAX_BODY: Final = 16 << 20


def literal_of(probe: Probe) -> str | None:
    """The literal address that fixes the family of *probe*; None when a name is resolved."""
    match probe:
        case schema.DnsProbe():
            host = formats.endpoint(probe.resolver).address if probe.resolver else None
        case schema.HttpProbe():
            host = probe.address or formats.url_host(probe.url)
        case schema.TcpProbe() | schema.TlsProbe():
            host = formats.host_port(probe.address)[0]
        case schema.IcmpProbe():
            host = formats.host(probe.host)
        case _:
            assert_never(probe)
    literal = formats.address_or_none(host) if host else None
    return None if literal is None else str(literal)


def made(probe: Probe, path: Path, report: Report, **common: Any) -> Check:
    """The check that *probe* stands for; *common* is what every kind has."""
    resolver = formats.endpoint(probe.resolver) if probe.resolver else None
    match probe:
        case schema.DnsProbe():
            return _dns(probe, path, report, common)
        case schema.HttpProbe():
            return _http(probe, path, report, resolver, common)
        case schema.TcpProbe():
            host, port = formats.host_port(probe.address)
            return model.TcpCheck(
                target=_host_port(host, port),
                host=host,
                port=port,
                resolver=resolver,
                send=probe.send,
                expect=probe.expect,
                **common,
            )
        case schema.TlsProbe():
            host, port = formats.host_port(probe.address)
            return model.TlsCheck(
                target=_host_port(host, port),
                host=host,
                port=port,
                resolver=resolver,
                tls=_tls(probe),
                **common,
            )
        case schema.IcmpProbe():
            host = formats.host(probe.host)
            return model.IcmpCheck(
                target=host, host=host, resolver=resolver, payload_bytes=probe.payload_bytes, **common
            )
        case _:
            assert_never(probe)


def _dns(probe: schema.DnsProbe, path: Path, report: Report, common: dict[str, Any]) -> model.DnsCheck:
    name = formats.dns_name(probe.name)
    server = formats.endpoint(probe.resolver) if probe.resolver else None
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


def _dns_expect(probe: schema.DnsProbe, path: Path, report: Report) -> model.DnsExpect:
    expect = probe.expect or schema.DnsExpect()
    rcodes = [expect.rcode] if isinstance(expect.rcode, str) else expect.rcode
    answers = expect.answers or schema.AnswersExpect()
    ttl = expect.ttl or schema.TtlExpect()
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


def _http(
    probe: schema.HttpProbe,
    path: Path,
    report: Report,
    resolver: model.Endpoint | None,
    common: dict[str, Any],
) -> model.HttpCheck:
    url = formats.url(probe.url)
    limit = formats.size(probe.max_body_bytes)
    if limit > MAX_BODY:
        report.about((*path, "max_body_bytes"), f"{probe.max_body_bytes} is out of bounds; use 16MiB at most")
    if probe.tls is not None and url.startswith("http:"):
        report.about((*path, "tls"), "an http URL has no TLS; write https:// or remove this")
    if resolver is not None and probe.address is not None:
        report.about((*path, "resolver"), "with an address nothing is resolved; remove one of the two")
    _distinct(probe.headers, (*path, "headers"), report)
    expect = probe.expect or schema.HttpExpect()
    _distinct(expect.headers, (*path, "expect", "headers"), report)
    body = expect.body or schema.BodyExpect()
    return model.HttpCheck(
        target=url,
        url=url,
        method=probe.method,
        headers=tuple(probe.headers.items()),
        body=probe.body,
        address=None if probe.address is None else str(formats.address(probe.address)),
        resolver=resolver,
        max_redirects=probe.max_redirects,
        max_body_bytes=limit,
        tls=_tls(probe.tls or schema.TlsSettings()),
        expect=model.HttpExpect(
            statuses=_statuses(expect.status),
            headers={name.lower(): pattern for name, pattern in expect.headers.items()},
            body_matches=body.match,
            body_lacks=body.lack,
        ),
        **common,
    )


def _statuses(written: list[int | str] | None) -> tuple[tuple[int, int], ...]:
    if written is None:
        return model.HttpExpect().statuses
    return tuple((one, one) if isinstance(one, int) else formats.statuses(one) for one in written)


def _distinct(headers: dict[str, str], path: Path, report: Report) -> None:
    seen: set[str] = set()
    for name in headers:
        if name.lower() in seen:
            report.about(
                (*path, name), f"header {quoted(name)} is here twice; case makes no difference, remove one"
            )
        seen.add(name.lower())


def _tls(settings: schema.TlsSettings) -> model.TlsOptions:
    return model.TlsOptions(
        verify=settings.verify,
        ca_file=settings.ca_file,
        server_name=None if settings.server_name is None else formats.host(settings.server_name),
        min_days_left=settings.min_days_left,
    )


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
