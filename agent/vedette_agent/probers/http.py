"""Probes a URL: every hop on a new connection to one address, with phases that add up over redirects."""

import time
from functools import partial
from typing import TYPE_CHECKING

from msgspec import structs

from vedette.checks.model import HttpCheck, TlsOptions
from vedette.wire.facts import HttpFacts
from vedette.wire.failure import Failure, NotRun
from vedette_agent.engine.exchange import converse
from vedette_agent.engine.hostfiles import is_literal
from vedette_agent.engine.quicneeded import need_quic
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.searches import Searches
from vedette_agent.engine.stream import Stream, connect
from vedette_agent.engine.tls import TlsStream, expires_soon, start_tls
from vedette_agent.http.codings import missing
from vedette_agent.http.cookies import Jar
from vedette_agent.http.dates import last_modified
from vedette_agent.http.expect import judge, steps, wants_body
from vedette_agent.http.incoming import Framed, Incoming, NoHttp
from vedette_agent.http.request import REDIRECTS, BadTarget, Hop, encoded, fields, following, opening
from vedette_agent.http.response import Response
from vedette_agent.http.secrets import Secrets, sent

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

Headers = tuple[tuple[str, str], ...]


async def probe_http(check: HttpCheck, io: "Io", record: Record) -> None:
    """The last response of the redirect chain is as expected, and no certificate on the way ends too soon."""
    try:
        hop, request = opening(check.url, check.method, check.headers, check.body, check.compression)
    except BadTarget as exc:
        raise ProbeFailed(Failure.HTTP_PROTOCOL, str(exc)) from exc
    if check.secret_headers or check.body_file is not None or check.compression:
        hop = _completed(check, hop)
        request = encoded(hop)
    record.secrets = partial(_all_secrets, check, hop)
    try:
        await _probe(check, io, record, hop, request)
    except ProbeFailed as exc:
        # Whatever the peer says may repeat what we sent: its header lines, and where it wants us to go.
        secrets = _all_secrets(check, hop)
        exc.detail = exc.without(secrets) if isinstance(exc, NoHttp) else secrets.hide(exc.detail)
        raise


def _completed(check: HttpCheck, hop: Hop) -> Hop:
    """With what only this host knows. Raises ProbeSpoiled(configuration)."""
    for coding in check.compression:
        package = missing(coding)
        if package is not None:
            said = f"to read {coding} the agent needs the package {package}: install vedette[{package}]"
            raise ProbeSpoiled(NotRun.CONFIGURATION, said)
    if not (check.secret_headers or check.body_file is not None):
        return hop
    from vedette_agent import credentials

    headers = hop.headers + tuple(credentials.header(one) for one in check.secret_headers)
    body = hop.body if check.body_file is None else credentials.body(check.body_file)
    return hop._replace(headers=headers, body=body)


async def _probe(check: HttpCheck, io: "Io", record: Record, hop: Hop, request: bytes) -> None:
    first = hop
    expiring: ProbeFailed | None = None
    redirects = 0
    seen: set[tuple[str, str, Headers]] = set()
    jar: Jar | None = None
    asked = hop  # with the cookies that came on the way
    while True:
        record.tls = None  # what is told about TLS is about the last response
        if check.versions == ("HTTP/3",):
            response = await _over_quic(check, io, record, asked, first, redirects)
        else:
            response = await _over_tcp(check, io, record, asked, first, request, redirects)
        expiring = expiring or expires_soon(record.tls, check.tls)
        if check.proxy is not None and hop.scheme == "http" and response.status == 407:
            raise ProbeFailed(Failure.HTTP_PROXY, "the proxy asks who we are: 407")
        if not _is_redirect(check, response):
            break
        if "set-cookie" in response.headers:
            jar = jar or Jar()
            jar.take(hop, response.headers["set-cookie"], time.time())
        seen.add((asked.method, asked.url, asked.headers))
        hop = _next(check, hop, response, redirects, _all_secrets(check, first))
        asked = jar.added(hop) if jar is not None else hop
        # The same URL with another cookie is not the same question.
        if (asked.method, asked.url, asked.headers) in seen:
            raise ProbeFailed(
                Failure.HTTP_REDIRECTS, f"a loop: {response.status} leads back to {hop.url[:100]}"
            )
        request = encoded(asked)
        redirects += 1
    secrets = partial(_all_secrets, check, first)
    judged = partial(judge, check, response, secrets, record, time.time(), has_tls=hop.scheme == "https")
    await Searches(io).made(steps(check.expect, response), judged)
    if expiring is not None:
        raise expiring


async def _over_tcp(
    check: HttpCheck, io: "Io", record: Record, hop: Hop, first: Hop, request: bytes, redirects: int
) -> Incoming:
    if check.proxy is not None:
        from vedette_agent.probers.http_proxy import connect_by, forwarded

        if redirects and is_literal(hop.host):
            # The proxy would connect, and it is a target that wants it to go there.
            io.policy.check(hop.host)
        if hop.scheme == "http":
            request = forwarded(check.proxy, hop)
        stream = await connect_by(check.proxy, hop, check, io, record)
    else:
        stream = await connect(io, await _address(check, io, record, hop, first), hop.port, record)
    with stream:
        if hop.scheme == "http":
            is_http2 = check.versions == ("HTTP/2",)
            return await _exchange(check, stream, hop, request, record, redirects, is_http2)
        options = _options(check, hop, first)
        alpn = check.alpn
        name = options.server_name or hop.host
        with await start_tls(stream, name, options, record, alpn) as encrypted:
            chosen = encrypted.alpn if alpn else None
            if chosen is None and "HTTP/1.1" not in check.versions:
                raise ProbeFailed(Failure.HTTP_VERSION, "the server did not choose HTTP/2 (RFC 7301)")
            return await _exchange(check, encrypted, hop, request, record, redirects, chosen == "h2")


async def _over_quic(
    check: HttpCheck, io: "Io", record: Record, hop: Hop, first: Hop, redirects: int
) -> Incoming:
    if hop.scheme == "http":
        raise ProbeFailed(Failure.HTTP_REDIRECTS, "leads to http, which HTTP/3 does not speak (RFC 9114 3.1)")
    need_quic()
    from vedette_agent.http.http3 import Http3
    from vedette_agent.probers.http3 import connect_quic, converse_quic

    address = await _address(check, io, record, hop, first)
    options = _options(check, hop, first)
    response = Http3(hop.method, check.max_body_bytes, keeps_body=wants_body(check.expect))
    with await connect_quic(io, address, hop, options, check.max_body_bytes, record) as quic:
        record.stage = "http"
        record.note("http.request", _lines(fields(hop)))
        try:
            await converse_quic(quic, hop, response, record, partial(_is_redirect, check))
        finally:
            if response.has_headers:
                record.note("http.response", response.told())
                record.http = _facts(response, redirects)
    return response


def _options(check: HttpCheck, hop: Hop, first: Hop) -> TlsOptions:
    """A client certificate tells who asks, and is for the first host."""
    if hop.host == first.host:
        return check.tls
    return structs.replace(check.tls, server_name=None, cert_file=None, key_file=None)


async def _address(check: HttpCheck, io: "Io", record: Record, hop: Hop, first: Hop) -> str:
    if check.address is not None and hop.host == first.host:
        return check.address
    given = check.resolve.get(hop.host.lower()) if check.resolve else None
    if given is not None:
        return given
    record.stage = "resolve"
    return await io.resolve(hop.host, check.family, check.resolver, record)


async def _exchange(
    check: HttpCheck,
    stream: Stream | TlsStream,
    hop: Hop,
    request: bytes,
    record: Record,
    redirects: int,
    is_http2: bool,
) -> Incoming:
    """The response to *hop*, which is *request* in HTTP/1.1; facts also when that fails."""
    record.stage = "http"
    keeps_body = wants_body(check.expect)
    response: Incoming
    if is_http2:
        from vedette_agent.http.http2 import Http2

        response = http2 = Http2(hop.method, check.max_body_bytes, keeps_body=keeps_body)
        asked = fields(hop)
        request = http2.begin(asked, hop.body)
        record.note("http.request", _lines(asked))
    else:
        record.note("http.request", request)
        response = Response(hop.method, check.max_body_bytes, keeps_body=keeps_body)
    try:
        await converse(stream, request, response, record, partial(_is_redirect, check))
    finally:
        if response.has_headers:
            if isinstance(response, Framed):
                record.note("http.response", response.told())
            record.http = _facts(response, redirects)
    return response


def _facts(response: Incoming, redirects: int) -> HttpFacts:
    return HttpFacts(
        status=response.status,
        version=response.version,
        redirects=redirects,
        content_length=response.content_length,
        body_bytes=response.body_bytes,
        last_modified_us=last_modified(response.headers),
    )


def _is_redirect(check: HttpCheck, response: Incoming) -> bool:
    return response.status in REDIRECTS and check.max_redirects > 0 and "location" in response.headers


def _next(check: HttpCheck, hop: Hop, response: Incoming, redirects: int, secrets: Secrets) -> Hop:
    location = response.headers["location"]
    if redirects >= check.max_redirects:
        shown = secrets.hide(location, end=100)
        said = f"more than {check.max_redirects} redirects; the next would lead to {shown!r}"
        raise ProbeFailed(Failure.HTTP_REDIRECTS, said)
    try:
        found = following(hop, response.status, location)
    except BadTarget as exc:
        raise ProbeFailed(Failure.HTTP_REDIRECTS, f"{response.status} leads nowhere: {exc}") from exc
    if check.same_host and found.host.lower() != hop.host.lower():
        said = f"{response.status} leads to another host, {found.host[:100]}"
        raise ProbeFailed(Failure.HTTP_REDIRECTS, said)
    if not check.downgrade and hop.scheme == "https" != found.scheme:
        raise ProbeFailed(Failure.HTTP_REDIRECTS, f"{response.status} leads from https to http")
    return found


def _secrets(hop: Hop) -> Secrets:
    return sent(hop.headers, hop.body)


def _all_secrets(check: HttpCheck, hop: Hop) -> Secrets:
    """Also those that are for the proxy alone."""
    if check.proxy is None:
        return _secrets(hop)
    from vedette_agent.probers.http_proxy import identity

    try:
        own = identity(check.proxy)
    except ProbeSpoiled:
        own = ()  # then none was sent
    return sent((*hop.headers, *check.proxy.headers, *own), hop.body)


def _lines(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in pairs)
