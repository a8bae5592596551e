"""`http:` to its check."""

from typing import Any, Final

from vedette.checks import formats, model
from vedette.checks.probes.parts import options, resolver_of
from vedette.checks.problems import Path, quoted
from vedette.checks.schema.http import BodyExpect, HttpExpect, HttpProbe
from vedette.checks.schema.tls import TlsSettings
from vedette.checks.walk import Report

MAX_BODY: Final = 16 << 20


def http(
    probe: HttpProbe,
    path: Path,
    report: Report,
    common: dict[str, Any],
) -> model.HttpCheck:
    url = formats.url(probe.url)
    resolver = resolver_of(probe.resolver)
    limit = formats.size(probe.max_body_bytes)
    if limit > MAX_BODY:
        report.about((*path, "max_body_bytes"), f"{probe.max_body_bytes} is out of bounds; use 16MiB at most")
    if probe.tls is not None and url.startswith("http:"):
        report.about((*path, "tls"), "an http URL has no TLS; write https:// or remove this")
    if resolver is not None and probe.address is not None:
        report.about((*path, "resolver"), "with an address nothing is resolved; remove one of the two")
    _distinct(probe.headers, (*path, "headers"), report)
    expect = probe.expect or HttpExpect()
    _distinct(expect.headers, (*path, "expect", "headers"), report)
    body = expect.body or BodyExpect()
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
        tls=options(probe.tls or TlsSettings(), (*path, "tls"), report),
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
