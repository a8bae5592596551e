"""Bodies, headers and trickles without end: an HTTP probe stops at its bounds and at its deadline."""

import resource
import socket
import zlib

import pytest

from servers.http import answer, answers, request
from servers.tcp import Behave, TcpServer
from stream.probing_helpers import http, probe
from vedette.checks.model import HttpExpect
from vedette.wire.facts import HttpFacts
from vedette.wire.messages import Result
from vedette_agent.http.incoming import MAX_HEADERS


def _facts(result: Result) -> HttpFacts:
    assert result.facts is not None
    assert result.facts.http is not None
    return result.facts.http


def _fetch(behave: Behave, **more: object) -> Result:
    with TcpServer(behave) as server:
        (result,) = probe(http(f"http://127.0.0.1:{server.port}/", **more))
    return result


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """256 MiB of nothing in 256 KiB of gzip."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(256)), packer.flush()])


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("keeps_body", [False, True])
def test_a_bomb_costs_no_memory(bomb: bytes, keeps_body: bool) -> None:
    """http.too_large after at most 1 MiB decoded and one piece; peak memory grows by less than 8 MiB."""
    page = answer("200 OK", bomb, "Content-Encoding: gzip")
    expect = HttpExpect(body_matches=("x",)) if keeps_body else HttpExpect()
    _fetch(answers(answer("200 OK", b"x")))
    before = _peak_bytes()
    result = _fetch(answers(page), expect=expect)
    assert (result.outcome, result.reason) == ("fail", "http.too_large")
    assert _facts(result).body_bytes <= (1 << 20) + 65536
    assert _peak_bytes() - before < 8 << 20


@pytest.mark.parametrize(
    "start",
    [
        HEAD + b"Content-Length: 10737418240\r\n\r\n",
        HEAD + b"\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n40000000\r\n",
    ],
    ids=["10 GB promised", "until the end", "one endless chunk"],
)
def test_a_body_beyond_the_bound_is_left(start: bytes) -> None:
    def endless(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(start)
        while True:
            connection.sendall(bytes(65536))

    result = _fetch(endless, max_body_bytes=100_000)
    assert (result.outcome, result.reason) == ("fail", "http.too_large")
    assert _facts(result).body_bytes <= 100_000 + 65536


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (HEAD, b"A: b\r\n"),
        (HEAD + b"A: ", b"x" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 100 Continue\r\nA: ", b"x" * 1000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"x" * 1000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
    ids=["headers", "one header", "interim", "interim header", "chunk extension", "trailer", "trailers"],
)
def test_what_is_not_body_is_bounded(start: bytes, piece: bytes) -> None:
    """Endless headers and the like end after 64 KiB and not at the deadline."""
    sent: list[int] = []

    def endless(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        request(connection)
        connection.sendall(start)
        while True:
            sent.append(connection.send(piece * 16))

    result = _fetch(endless, timeout=20.0)
    assert (result.outcome, result.reason) == ("fail", "http.protocol")
    assert "more than" in (result.detail or "")
    assert result.duration_us is not None
    assert result.duration_us < 10_000_000


def test_a_trickle_ends_at_the_deadline() -> None:
    def trickle(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        connection.settimeout(0.05)
        for _ in range(100):
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                pass

    result = _fetch(trickle, timeout=0.8)
    assert (result.outcome, result.reason) == ("fail", "http.timeout")
    assert result.duration_us is not None
    assert result.duration_us < 900_000
    assert 0 < _facts(result).body_bytes < 100


@pytest.mark.parametrize(("count", "reason"), [(MAX_HEADERS - 1, None), (MAX_HEADERS, "http.protocol")])
def test_headers_are_counted(count: int, reason: str | None) -> None:
    """Few bytes each, so that no other bound is met. Content-Length is one of them."""
    lines = b"".join(b"X-%d: a\r\n" % number for number in range(count))
    result = _fetch(answers(HEAD + b"Content-Length: 0\r\n" + lines + b"\r\n"))
    assert (result.outcome, result.reason) == ("fail" if reason else "ok", reason)
    if reason:
        assert f"more than {MAX_HEADERS} headers" in (result.detail or "")


def test_headers_of_interim_responses_are_counted_too() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\n" + b"Link: a\r\n" * 100 + b"\r\n"
    result = _fetch(answers(interim * 3 + HEAD + b"Content-Length: 0\r\n\r\n"))
    assert (result.outcome, result.reason) == ("fail", "http.protocol")
