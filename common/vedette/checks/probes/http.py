"""`http:` to its check. What is expected of the response: http_expect."""

from typing import Any, Final

from vedette.checks import formats, httptext, model
from vedette.checks.model.http import HttpProxy, SecretHeader
from vedette.checks.probes.http_expect import distinct, expected
from vedette.checks.probes.parts import options, resolver_of
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Report
from vedette.checks.schema.http import Auth, BasicAuth, HttpExpect, HttpProbe, Proxy, Secret, Version
from vedette.checks.schema.tls import TlsSettings

# A compressed body of this size holds an agent's loop for 13 ms; more would make other probes late.
MAX_BODY: Final = 4 << 20


def http(probe: HttpProbe, path: Path, report: Report, common: dict[str, Any]) -> model.HttpCheck:
    url = formats.url(probe.url)
    limit = formats.size(probe.max_body_bytes)
    if limit > MAX_BODY:
        report.about((*path, "max_body_bytes"), f"{probe.max_body_bytes} is out of bounds; use 4MiB at most")
    if probe.tls is not None and url.startswith("http:") and not probe.max_redirects:
        report.about((*path, "tls"), "an http URL has no TLS; write https:// or remove this")
    _connection(probe, url, path, report)
    _expected_version(probe, path, report)
    _body(probe, path, report)
    secrets = _secret_headers(probe, path, report)
    _distinct_fields(probe, path, report)
    return model.HttpCheck(
        target=url,
        url=url,
        method=probe.method,
        versions=_versions(probe),
        headers=_headers(probe),
        secret_headers=secrets,
        body=probe.body if probe.json is None else probe.json,
        body_file=probe.body_file,
        compression=tuple(dict.fromkeys(probe.compression or ())),
        address=None if probe.address is None else str(formats.address(probe.address)),
        resolve={formats.host(host): str(formats.address(to)) for host, to in probe.resolve.items()},
        resolver=resolver_of(probe.resolver),
        proxy=None if probe.proxy is None else _proxy(probe.proxy, (*path, "proxy"), report),
        max_redirects=probe.max_redirects,
        same_host=probe.redirects_to == "same-host",
        downgrade=probe.downgrade,
        max_body_bytes=limit,
        tls=options(probe.tls or TlsSettings(), (*path, "tls"), report),
        expect=expected(probe.expect or HttpExpect(), limit, (*path, "expect"), report),
        **common,
    )


def _versions(probe: HttpProbe) -> tuple[Version, ...]:
    return tuple(dict.fromkeys(probe.versions or ("HTTP/1.1",)))


def _connection(probe: HttpProbe, url: str, path: Path, report: Report) -> None:
    if probe.resolver is not None and probe.address is not None:
        report.about((*path, "resolver"), "with an address nothing is resolved; remove one of the two")
    if url.startswith("http:") and len(_versions(probe)) > 1:
        report.about(
            (*path, "versions"),
            "without TLS no version is agreed on; name one, and HTTP/2 only where it is known to be spoken",
        )
    if "HTTP/3" in _versions(probe):
        _over_quic(probe, url, path, report)
    if probe.proxy is None:
        return
    for name, given in (("address", probe.address), ("resolve", probe.resolve)):
        if given:
            report.about((*path, name), "with a proxy it is the proxy that connects; remove one of the two")
    if url.startswith("http:") and "HTTP/2" in _versions(probe):
        report.about((*path, "versions"), "an http URL is asked of a proxy in HTTP/1.1; remove HTTP/2")


def _expected_version(probe: HttpProbe, path: Path, report: Report) -> None:
    wanted = (probe.expect and probe.expect.version) or ()
    # A server may answer HTTP/1.1 in HTTP/1.0.
    offered = {*_versions(probe), *(("HTTP/1.0",) if "HTTP/1.1" in _versions(probe) else ())}
    if wanted and not offered.intersection(wanted):
        add = "HTTP/1.1" if wanted[0] == "HTTP/1.0" else wanted[0]
        report.about((*path, "expect", "version"), f"{wanted[0]} is not offered; name {add} in versions")


def _over_quic(probe: HttpProbe, url: str, path: Path, report: Report) -> None:
    """HTTP/3 is another way to the server, and none that a handshake could lead away from."""
    if len(_versions(probe)) > 1:
        report.about((*path, "versions"), "HTTP/3 is spoken over UDP; write a check for it alone")
    if url.startswith("http:"):
        report.about((*path, "versions"), "HTTP/3 is always encrypted; write https://, or remove HTTP/3")
    if probe.proxy is not None:
        report.about((*path, "proxy"), "no HTTP/3 goes through a proxy; remove one of the two")


def _body(probe: HttpProbe, path: Path, report: Report) -> None:
    given = [name for name in ("body", "json", "body_file") if getattr(probe, name) is not None]
    for name in given[1:]:
        report.about((*path, name), f"{given[0]} is sent already; remove one of the two")


def _headers(probe: HttpProbe) -> tuple[tuple[str, str], ...]:
    headers = tuple(probe.headers.items())
    if probe.json is not None and all(name.lower() != "content-type" for name in probe.headers):
        headers += (("Content-Type", "application/json"),)
    return headers


def _distinct_fields(probe: HttpProbe, path: Path, report: Report) -> None:
    distinct(probe.headers, (*path, "headers"), report)
    distinct(probe.secret_headers, (*path, "secret_headers"), report)
    taken = {name.lower() for name in probe.headers}
    for name in probe.secret_headers:
        if name.lower() in taken:
            report.about(
                (*path, "secret_headers", name), f"header {quoted(name)} is under headers as well; remove one"
            )
    taken |= {name.lower() for name in probe.secret_headers}
    if probe.auth is not None and "authorization" in taken:
        report.about((*path, "auth"), "an Authorization header is given as well; remove one of the two")
    if probe.compression is not None and "accept-encoding" in taken:
        report.about(
            (*path, "compression"), "an Accept-Encoding header is given as well; remove one of the two"
        )
    for version, rfc in (("HTTP/2", "RFC 9113 8.2.2"), ("HTTP/3", "RFC 9114 4.2")):
        for name in sorted(taken & httptext.NOT_IN_HTTP2) if version in _versions(probe) else ():
            report.about((*path, "versions"), f"{version} has no header {quoted(name)} ({rfc}); remove one")


def _secret_headers(probe: HttpProbe, path: Path, report: Report) -> tuple[SecretHeader, ...]:
    made = []
    for name, secret in probe.secret_headers.items():
        _one_source(secret, (*path, "secret_headers", name), report)
        made.append(SecretHeader(name=name, file=secret.file, env=secret.env))
    auth = probe.auth or Auth()
    place = (*path, "auth")
    is_one = (auth.basic is None) != (auth.bearer is None)
    if probe.auth is not None and not is_one and not report.is_amiss(place):
        report.about(place, "expected exactly one of basic and bearer; keep one")
    if auth.basic is not None:
        made.append(_basic("Authorization", auth.basic, (*place, "basic"), report))
    elif auth.bearer is not None:
        _one_source(auth.bearer, (*place, "bearer"), report)
        made.append(
            SecretHeader(name="Authorization", form="bearer", file=auth.bearer.file, env=auth.bearer.env)
        )
    return tuple(made)


def _basic(name: str, auth: BasicAuth, path: Path, report: Report) -> SecretHeader:
    _one_source(auth.password, (*path, "password"), report)
    return SecretHeader(
        name=name, form="basic", username=auth.username, file=auth.password.file, env=auth.password.env
    )


def _one_source(secret: Secret, path: Path, report: Report) -> None:
    if (secret.file is None) == (secret.env is None):
        report.about(path, "expected exactly one of file and env; name the place of the secret")


def _proxy(proxy: Proxy, path: Path, report: Report) -> HttpProxy:
    host, port = formats.host_port(proxy.address)
    distinct(proxy.headers, (*path, "headers"), report)
    auth = None
    if proxy.auth is not None:
        auth = _basic("Proxy-Authorization", proxy.auth, (*path, "auth"), report)
    return HttpProxy(host=host, port=port, auth=auth, headers=tuple(proxy.headers.items()))
