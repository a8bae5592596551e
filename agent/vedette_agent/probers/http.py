"""Probes a URL: every hop on a new connection to one address, with phases that add up over redirects."""

import re
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from vedette.checks.model import HttpCheck
from vedette.wire.facts import HttpFacts
from vedette.wire.failure import Failure
from vedette_agent.engine.exchange import converse
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.stream import Stream, connect
from vedette_agent.engine.tls import TlsStream, expires_soon, start_tls
from vedette_agent.http.expect import judge, wants_body
from vedette_agent.http.incoming import Incoming
from vedette_agent.http.request import REDIRECTS, BadTarget, Hop, encoded, following, opening
from vedette_agent.http.response import Response
from vedette_agent.http.secrets import sent

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# RFC 9110 5.6.7, the form that servers must send.
_DATE: Final = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT")

_DATE_LENGTH: Final = 29


async def probe_http(check: HttpCheck, io: "Io", record: Record) -> None:
    """The last response of the redirect chain is as expected, and no certificate on the way ends too soon."""
    try:
        await _probe(check, io, record)
    except ProbeFailed as exc:
        # Whatever the peer says may repeat what we sent: its header lines, and where it wants us to go.
        exc.detail = sent(check.headers, check.body).hide(exc.detail)
        raise


async def _probe(check: HttpCheck, io: "Io", record: Record) -> None:
    try:
        hop, request = opening(check.url, check.method, check.headers, check.body)
    except BadTarget as exc:
        raise ProbeFailed(Failure.HTTP_PROTOCOL, str(exc)) from exc
    first_host = hop.host
    expiring: ProbeFailed | None = None
    redirects = 0
    while True:
        is_first = hop.host == first_host
        if is_first and check.address is not None:
            address = check.address
        else:
            record.stage = "resolve"
            address = await io.resolve(hop.host, check.family, check.resolver, record)
        record.tls = None  # what is told about TLS is about the last response
        response = Response(hop.method, check.max_body_bytes, keeps_body=wants_body(check.expect))
        with await connect(io, address, hop.port, record) as stream:
            if hop.scheme == "https":
                options = check.tls
                name = options.server_name if is_first and options.server_name else hop.host
                with await start_tls(stream, name, options, record) as encrypted:
                    expiring = expiring or expires_soon(record.tls, options)
                    await _exchange(check, encrypted, request, response, record, redirects)
            else:
                await _exchange(check, stream, request, response, record, redirects)
        if not _is_redirect(check, response):
            break
        hop = _next(check, hop, response, redirects)
        request = encoded(hop)
        redirects += 1
    judge(check, response)
    if expiring is not None:
        raise expiring


async def _exchange(
    check: HttpCheck,
    stream: Stream | TlsStream,
    request: bytes,
    response: Response,
    record: Record,
    redirects: int,
) -> None:
    """Send *request*, read *response*: phases "processing" and "transfer", and facts also when that fails."""
    record.stage = "http"
    try:
        await converse(stream, request, response, record, partial(_is_redirect, check))
    finally:
        if response.has_headers:
            record.http = HttpFacts(
                status=response.status,
                version=response.version,
                redirects=redirects,
                content_length=response.content_length,
                body_bytes=response.body_bytes,
                last_modified_us=last_modified(response.headers),
            )


def _is_redirect(check: HttpCheck, response: Incoming) -> bool:
    return response.status in REDIRECTS and check.max_redirects > 0 and "location" in response.headers


def _next(check: HttpCheck, hop: Hop, response: Response, redirects: int) -> Hop:
    location = response.headers["location"]
    if redirects >= check.max_redirects:
        shown = sent(check.headers, check.body).hide(location, end=100)
        said = f"more than {check.max_redirects} redirects; the next would lead to {shown!r}"
        raise ProbeFailed(Failure.HTTP_REDIRECTS, said)
    try:
        return following(hop, response.status, location)
    except BadTarget as exc:
        raise ProbeFailed(Failure.HTTP_REDIRECTS, f"{response.status} leads nowhere: {exc}") from exc


def last_modified(headers: dict[str, str]) -> int | None:
    said = headers.get("last-modified")
    # What has another length is no date, and is not remembered: servers choose it.
    return http_date(said) if said is not None and len(said) == _DATE_LENGTH else None


@lru_cache(maxsize=1024)
def http_date(said: str) -> int | None:
    """Microseconds since the epoch; None for anything but an IMF-fixdate."""
    found = _DATE.fullmatch(said)
    if found is None or found[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(found[n]) for n in (1, 3, 4, 5, 6))
    try:
        moment = datetime(year, _MONTHS.index(found[2]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000
