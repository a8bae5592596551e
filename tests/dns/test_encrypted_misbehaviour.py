"""DNS over TLS and HTTPS, HTTP/1.1 here, with servers that get it wrong."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import dns.message
import dns.rrset
import pytest
import trustme

from servers.probing import Probed, bench
from servers.tcp import TcpServer
from servers.tls import Serve, context, tls, trust
from vedette.checks.model import DnsCheck, Endpoint, TlsOptions
from vedette.checks.model.dns import Doh
from vedette_agent.probers.dns import probe_dns
from vedette_agent.probers.run import prepare

CA = trustme.CA()
LEAF = CA.issue_cert("dns.test", "127.0.0.1")


def probe(
    serve: Serve,
    directory: Path,
    *,
    method: Literal["POST", "GET"] = "POST",
    is_https: bool = True,
    seconds: float = 10.0,
) -> Probed:
    with TcpServer(tls(context(LEAF), serve)) as server:
        doh = Doh(url=f"https://dns.test:{server.port}/q?a=b", method=method)
        check = DnsCheck(
            name="t", target="t", interval=30, timeout=5, query_name="a.test",
            server=Endpoint("127.0.0.1", server.port),
            transport="https" if is_https else "tls",
            doh=doh if is_https else None,
            tls=TlsOptions(ca_file=trust(CA, directory), server_name="dns.test"),
        )  # fmt: skip
        prepare([check])

        async def main() -> Probed:
            async with bench() as on:
                return await on.run(probe_dns, check, seconds)

        return asyncio.run(main())


def asked(connection: ssl.SSLSocket) -> tuple[str, bytes]:
    """Request line and DNS query of a whole request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    line = head.decode().split("\r\n")[0]
    if line.startswith("GET"):
        text = line.split()[1].partition("&dns=")[2]
        return line, base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    while len(body) < int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]):
        body += connection.recv(4096)
    return line, body


def good(query: bytes) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(query))
    response.answer.append(dns.rrset.from_text("a.test.", 60, "IN", "A", "192.0.2.1"))
    return response.to_wire()


def http(
    answer: Callable[[bytes], bytes] = good,
    status: str = "200 OK",
    kind: str = "application/dns-message",
) -> Serve:
    def serve(connection: ssl.SSLSocket) -> None:
        body = answer(asked(connection)[1])
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    return serve


def says(raw: bytes) -> Serve:
    """These bytes for an answer, and the end."""

    def serve(connection: ssl.SSLSocket) -> None:
        asked(connection)
        connection.sendall(raw)

    return serve


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_server_of_http_1_1_is_asked_in_that(method: Literal["POST", "GET"], tmp_path: Path) -> None:
    lines: list[str] = []

    def serve(connection: ssl.SSLSocket) -> None:
        line, query = asked(connection)
        lines.append(line)
        body = good(query)
        connection.sendall(
            f"HTTP/1.1 200 OK\r\nContent-Type: Application/DNS-Message; x=y\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )

    probed = probe(serve, tmp_path, method=method)
    assert probed.error is None
    assert probed.record.http is not None
    assert probed.record.http.version == "1.1"
    assert lines[0].startswith(f"{method} /q?a=b")


def test_the_query_is_the_same_each_time_for_the_caches_on_the_way(tmp_path: Path) -> None:
    """RFC 8484 4.1: the id is 0; and the case is lower."""
    queries = []

    def keep(query: bytes) -> bytes:
        queries.append(query)
        return good(query)

    for _ in range(2):
        assert probe(http(keep), tmp_path).error is None
    assert queries[0] == queries[1]
    assert queries[0][:2] == b"\0\0"


@pytest.mark.parametrize(
    ("serve", "failure", "detail"),
    [
        (http(status="404 Not Found"), "http.status", "404 instead of a DNS answer"),
        (http(status="302 Found"), "http.status", "302 instead"),
        (http(kind="text/html"), "http.header", "content-type 'text/html'; expected application/dns-message"),
        (http(lambda query: bytes(65536)), "http.too_large", "more than 65535 bytes"),
        (http(lambda query: b""), "dns.malformed", "answered another question"),
        (http(lambda query: b"\1" + good(query)[1:]), "dns.malformed", "answered another question"),
        (
            http(lambda query: query[:2] + b"\x80\1" + bytes(8)),
            "dns.malformed",
            "answered FORMERR without the question",
        ),
        (http(lambda query: good(query)[:-3]), "dns.malformed", "ends within a record"),
        (says(b""), "http.protocol", "without a response"),
        (says(b"\0\x20" + bytes(32)), "http.protocol", None),
    ],
)  # fmt: skip
def test_what_is_no_answer_over_https_has_its_name(
    serve: Serve, failure: str, detail: str | None, tmp_path: Path
) -> None:
    probed = probe(serve, tmp_path)
    assert probed.failure == failure
    assert detail is None or detail in probed.detail


def test_an_endless_body_ends_at_what_a_dns_message_can_have(tmp_path: Path) -> None:
    def serve(connection: ssl.SSLSocket) -> None:
        asked(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/dns-message\r\n\r\n")
        while True:
            connection.sendall(bytes(16384))

    assert probe(serve, tmp_path).failure == "http.too_large"


def test_a_silent_server_over_https_is_a_timeout_of_dns(tmp_path: Path) -> None:
    probed = probe(lambda connection: asked(connection) and connection.recv(1), tmp_path, seconds=1.0)
    assert type(probed.error).__name__ == "DeadlineExceeded"
    assert probed.record.stage == "dns"


def over_tls(answer: Callable[[bytes], bytes]) -> Serve:
    def serve(connection: ssl.SSLSocket) -> None:
        data = connection.recv(4096)
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            data += connection.recv(4096)
        connection.sendall(answer(data[2:]))

    return serve


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (lambda query: b"\0\x0c" + query[:2] + b"\x80\1" + bytes(8), "answered FORMERR without the question"),
        (lambda query: b"\xff\xff" + good(query), "closed the connection before its answer was whole"),
        (lambda query: len(good(query)).to_bytes(2, "big") + good(query) + b"x", "answered another question"),
        (lambda query: b"", "closed the connection before its answer was whole"),
    ],
)
def test_what_is_no_answer_over_tls_is_malformed(
    answer: Callable[[bytes], bytes], detail: str, tmp_path: Path
) -> None:
    probed = probe(over_tls(answer), tmp_path, is_https=False)
    assert probed.failure == "dns.malformed"
    assert detail in probed.detail
