"""DNS over TLS (RFC 7858) and over HTTPS (RFC 8484): one question on a connection of its own."""

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final

from vedette import __version__
from vedette.checks.model import DnsCheck, Endpoint
from vedette.checks.model.dns import Doh
from vedette.wire.facts import HttpFacts
from vedette.wire.failure import Failure
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import matches
from vedette_agent.engine.hostfiles import OwnServer
from vedette_agent.engine.question import converse, unfit
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.stream import connect
from vedette_agent.engine.tls import TlsStream, start_tls

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io
    from vedette_agent.http.incoming import Fed
    from vedette_agent.http.request import Hop

PORT_TLS: Final = 853
ALPN_TLS: Final = ("dot",)
ALPN_HTTPS: Final = ("h2", "http/1.1")  # RFC 8484 5.2 recommends HTTP/2 at least; older is taken all the same
_MEDIA_TYPE: Final = "application/dns-message"
_MAX_BYTES: Final = 65535


def alpn_of(check: DnsCheck) -> tuple[str, ...]:
    """What is offered in the handshake (RFC 7301)."""
    return ALPN_TLS if check.doh is None else ALPN_HTTPS


async def ask_tls(
    io: "Io", server: Endpoint, check: DnsCheck, query: Query, record: Record
) -> tuple[bytes, float]:
    """The answer, and seconds from the query to its last byte. Adds the phases "connect" and "tls".

    Raises as `connect`, `start_tls` and `converse`.
    """
    is_own = isinstance(server, OwnServer)
    name = check.tls.server_name or _host(check, server)
    with (
        await connect(io, server.address, server.port, record, is_own_server=is_own) as stream,
        await start_tls(stream, name, check.tls, record, alpn_of(check)) as encrypted,
    ):
        record.stage = "dns"
        return await converse(encrypted, str(server), query, record)


async def ask_https(
    io: "Io", server: Endpoint, check: DnsCheck, doh: Doh, query: Query, record: Record
) -> tuple[bytes, float]:
    """As `ask_tls`, from the first byte of the request on. Sets the record's HTTP facts.

    Raises also ProbeFailed(http.*): a status other than 200, another media type, broken HTTP.
    """
    from vedette_agent.http.http2 import Http2
    from vedette_agent.http.request import opening
    from vedette_agent.http.response import Response

    hop, _ = opening(doh.url, doh.method, (), None)
    sent = query.plain()
    with (
        await connect(io, server.address, server.port, record) as stream,
        await start_tls(
            stream, check.tls.server_name or hop.host, check.tls, record, alpn_of(check)
        ) as encrypted,
    ):
        record.stage = "dns"
        record.note("dns.query", sent)
        if encrypted.alpn == "h2":
            newer = Http2(doh.method, _MAX_BYTES, keeps_body=True)
            response: Fed = newer
            request = newer.begin(_fields(hop, doh, sent), sent if doh.method == "POST" else None)
        else:
            response = Response(doh.method, _MAX_BYTES, keeps_body=True)
            request = _request(hop, doh, sent)
        seconds = await _exchange(encrypted, request, response, record)
    return _answer(response, query, sent, record), seconds


def _host(check: DnsCheck, server: Endpoint) -> str:
    """The name that the configuration has for the server; its address is what it was resolved to."""
    return check.server.address if check.server is not None else server.address


async def _exchange(stream: TlsStream, request: bytes, response: "Fed", record: Record) -> float:
    await stream.send(request)
    started, is_kernel_timed = stream.left()
    record.timed(is_kernel_timed)
    try:
        while not (response.is_complete or response.is_too_large):
            data = await stream.recv(response.READ_BYTES)
            if not data:
                response.end()
                break
            in_turn = response.feed(data)
            if in_turn:
                await stream.send(in_turn)
    finally:
        if response.has_headers:
            record.http = HttpFacts(
                status=response.status,
                version=response.version,
                content_length=response.content_length,
                body_bytes=response.body_bytes,
            )
    ended, is_kernel_timed = stream.arrived(started)
    record.timed(is_kernel_timed)
    return ended - started


def _answer(response: "Fed", query: Query, sent: bytes, record: Record) -> bytes:
    if response.status != 200:
        # RFC 8484 4.2.1: DNS errors come with 200. A redirect is not followed: it names another server.
        raise ProbeFailed(Failure.HTTP_STATUS, f"{response.status} instead of a DNS answer; expected 200")
    kind = response.headers.get("content-type", "nothing").partition(";")[0].strip()
    if kind.lower() != _MEDIA_TYPE:
        said = f"content-type {kind[:80]!r}; expected {_MEDIA_TYPE} (RFC 8484 6)"
        raise ProbeFailed(Failure.HTTP_HEADER, said)
    if response.is_too_large:
        raise ProbeFailed(Failure.HTTP_TOO_LARGE, f"more than {_MAX_BYTES} bytes, which no DNS answer has")
    wire = bytes(response.body)
    record.note("dns.answer", wire)
    if not matches(wire, sent, query.end):
        raise ProbeFailed(Failure.DNS_MALFORMED, f"the server {unfit(wire, sent)}")
    return wire


def _target(hop: "Hop", doh: Doh, sent: bytes) -> str:
    if doh.method == "POST":
        return hop.path
    mark = "&" if "?" in hop.path else "?"
    return f"{hop.path}{mark}dns={urlsafe_b64encode(sent).rstrip(b'=').decode()}"


def _common(doh: Doh, sent: bytes) -> list[tuple[str, str]]:
    fields = [("accept", _MEDIA_TYPE), ("user-agent", f"vedette/{__version__}")]
    if doh.method == "POST":
        fields += [("content-type", _MEDIA_TYPE), ("content-length", str(len(sent)))]
    return fields


def _fields(hop: "Hop", doh: Doh, sent: bytes) -> list[tuple[str, str]]:
    return [
        (":method", doh.method),
        (":scheme", "https"),
        (":authority", hop.authority),
        (":path", _target(hop, doh, sent)),
        *_common(doh, sent),
    ]


def _request(hop: "Hop", doh: Doh, sent: bytes) -> bytes:
    lines = [f"{doh.method} {_target(hop, doh, sent)} HTTP/1.1", f"host: {hop.authority}"]
    lines += [f"{name}: {value}" for name, value in _common(doh, sent)]
    head = "\r\n".join([*lines, "connection: close", "", ""]).encode()
    return head + sent if doh.method == "POST" else head
