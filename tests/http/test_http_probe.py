"""What an HTTP check says of servers that answer well, wrongly, too much, in pieces, or not at all."""

import os
import socket
import zlib
from pathlib import Path

import pytest
import trustme

from servers.http import Site, answer, answers, request
from servers.tcp import Behave, TcpServer, reset, says, silent
from servers.tls import context, day, tls, trust
from stream.probing_helpers import http, probe
from vedette import __version__
from vedette.checks.model import HttpExpect, TlsOptions
from vedette.checks.model.http import HeaderExpect
from vedette.wire.facts import HttpFacts
from vedette.wire.messages import Result

LAST_MODIFIED = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"  # RFC 9110 5.6.7; 784111777 s


def _facts(result: Result) -> HttpFacts:
    assert result.facts is not None
    assert result.facts.http is not None
    return result.facts.http


def _fetch(behave: Behave, *, path: str = "/", **more: object) -> Result:
    with TcpServer(behave) as server:
        (result,) = probe(http(f"http://127.0.0.1:{server.port}{path}", **more))
    return result


def test_a_good_answer() -> None:
    result = _fetch(answers(answer("200 OK", b"in stock", LAST_MODIFIED)))
    assert (result.outcome, result.reason) == ("ok", None)
    assert set(result.phases_us) == {"connect", "processing", "transfer"}
    assert result.duration_us == pytest.approx(sum(result.phases_us.values()), abs=3)
    assert _facts(result) == HttpFacts(
        status=200,
        version="1.1",
        redirects=0,
        content_length=8,
        body_bytes=8,
        last_modified_us=784_111_777_000_000,
    )


def test_the_request_says_who_asks_and_what_the_check_adds() -> None:
    site = Site({"/a?b=c": answer()})
    with TcpServer(site) as server:
        url = f"http://127.0.0.1:{server.port}/a?b=c"
        probe(http(url), http(url, method="POST", headers=(("X-Key", "1"), ("User-Agent", "me")), body="é"))
        plain, posted = sorted(site.requests)
    assert (
        plain
        == (
            f"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUser-Agent: vedette/{__version__}\r\n"
            "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
        ).encode()
    )
    assert posted.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert b"X-Key: 1\r\nUser-Agent: me\r\n\r\n" in posted
    assert b"Content-Length: 2\r\n" in posted
    assert posted.endswith("é".encode())


@pytest.mark.parametrize(
    ("page", "expect", "reason", "detail"),
    [
        (answer("502 Bad Gateway"), HttpExpect(), "http.status", "502, expected 200-299"),
        (answer("204 No Content", length=False), HttpExpect(), None, ""),
        (answer("304 Not Modified", length=False), HttpExpect(statuses=((200, 299), (304, 304))), None, ""),
        (answer("200 OK", b"in stock"), HttpExpect(body_matches=("in sto+ck",)), None, ""),
        (answer("200 OK", b"sold out"), HttpExpect(body_matches=("in stock",)), "http.body", "'sold out'"),
        (answer("200 OK", b"error 7"), HttpExpect(body_lacks=("error [0-9]",)), "http.body", "'error 7'"),
        (
            answer("200 OK", b"", "Content-Type: text/html"),
            HttpExpect(headers=(HeaderExpect(name="content-type", matches=("^text/",)),)),
            None,
            "",
        ),
        (
            answer("200 OK", b"", "Content-Type: image/png"),
            HttpExpect(headers=(HeaderExpect(name="content-type", matches=("^text/",)),)),
            "http.header",
            "'image/png', expected '^text/'",
        ),
        (
            answer(),
            HttpExpect(headers=(HeaderExpect(name="etag", matches=(".",)),)),
            "http.header",
            "no header 'etag'",
        ),
        # The status tells most: a 500 whose page lacks the words is a bad status.
        (answer("500 Oops", b"x"), HttpExpect(body_matches=("y",)), "http.status", "500"),
    ],
)
def test_expectations(page: bytes, expect: HttpExpect, reason: str | None, detail: str) -> None:
    result = _fetch(answers(page), expect=expect)
    assert (result.outcome, result.reason) == ("ok" if reason is None else "fail", reason)
    assert detail in (result.detail or "")
    assert _facts(result).status == int(page.split()[1])


def _chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("behave", "reason", "body_bytes"),
    [
        (answers(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(b"in ", b"stock")), None, 8),
        (answers(HEAD + b"\r\n", b"in ", b"stock"), None, 8),
        (answers(*(bytes([byte]) for byte in answer("200 OK", b"in stock"))), None, 8),
        (answers(HEAD + b"Content-Length: 8\r\n\r\nin stock and more", then=silent), None, 8),
        (answers(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer("200 OK", b"ok")), None, 2),
        (answers(HEAD + b"Content-Length: 20\r\n\r\nin stock"), "http.protocol", 8),
        (answers(HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\nin stock\r\n"), "http.protocol", 8),
        (answers(HEAD + b"Content-Length: 20\r\n\r\nin stock", then=silent), "http.timeout", 8),
        (answers(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "http.protocol", 0),
        (answers(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), "http.protocol", None),
        (answers(HEAD + b"Content-Length: -5\r\n\r\n"), "http.protocol", None),
        (answers(HEAD + b"Content-Encoding: compress\r\nContent-Length: 1\r\n\r\nx"), "http.protocol", 1),
        (answers(HEAD + b"No colon\r\n\r\n"), "http.protocol", None),
        (answers(HEAD + b"A: b\r\n"), "http.protocol", None),
        (answers(HEAD + b"A: b\r\n" * 257 + b"\r\n"), "http.protocol", None),
        (answers(HEAD + b"Content-Length: 10737418240\r\n\r\n", then=silent), "http.too_large", 0),
        (answers(b"SSH-2.0-OpenSSH_9.2\r\n", then=silent), "http.protocol", None),
        (answers(b"\x15\x03\x01\x00\x02\x02\x16"), "http.protocol", None),
        (
            answers(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            "http.protocol",
            None,
        ),
        (answers(), "http.protocol", None),
        (reset, "tcp.reset", None),
        (silent, "http.timeout", None),
    ],
)
def test_ways_to_answer(behave: Behave, reason: str | None, body_bytes: int | None) -> None:
    result = _fetch(behave, timeout=1.0)
    assert (result.outcome, result.reason) == ("ok" if reason is None else "fail", reason)
    if body_bytes is None:
        assert result.facts is not None
        assert result.facts.http is None or result.facts.http.body_bytes == 0
    else:
        assert _facts(result).body_bytes == body_bytes


def test_head_has_no_body_whatever_its_length_says() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    result = _fetch(answers(page, then=silent), method="HEAD")
    assert (result.outcome, _facts(result).content_length, _facts(result).body_bytes) == ("ok", 99999999, 0)


@pytest.mark.parametrize("wbits", [31, 15], ids=["gzip", "deflate"])
def test_a_server_that_compresses_unasked_is_understood(wbits: int) -> None:
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(b"in stock " * 1000) + packer.flush()
    coding = "Content-Encoding: " + ("gzip" if wbits == 31 else "deflate")
    expect = HttpExpect(body_matches=("in stock $",))
    result = _fetch(answers(answer("200 OK", packed, coding)), expect=expect)
    assert (result.outcome, _facts(result).body_bytes) == ("ok", 9000)
    cut = _fetch(answers(answer("200 OK", packed[:-9], coding)))
    assert (cut.reason, "cut short" in (cut.detail or "")) == ("http.protocol", True)
    garbage = _fetch(answers(answer("200 OK", b"in stock", coding)))
    assert garbage.reason == "http.protocol"


def test_an_answer_before_the_body_was_taken_counts() -> None:
    """413 after the head, then a close with 8 MiB of body on the way: the reset does not hide the answer."""
    result = _fetch(answers(answer("413 Too Large")), method="POST", body="x" * (8 << 20))
    assert (result.outcome, result.reason) == ("fail", "http.status")
    assert _facts(result).status == 413


def test_https_facts_and_phases(tmp_path: Path) -> None:
    ca = trustme.CA()
    page = answer("200 OK", b"in stock")

    def serve(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(page)

    options = TlsOptions(ca_file=trust(ca, tmp_path), min_days_left=30)
    leaf = ca.issue_cert("shop.example", not_after=day(10))
    with TcpServer(tls(context(leaf), serve)) as server:
        url = f"https://shop.example:{server.port}/"
        soon, wrong, other = probe(
            http(url, address="127.0.0.1", tls=options),
            http(url, address="127.0.0.1", tls=options, expect=HttpExpect(body_matches=("sold",))),
            http(f"https://localhost:{server.port}/", tls=options),
        )
    assert set(soon.phases_us) == {"connect", "tls", "processing", "transfer"}
    # What is broken now comes before what will break.
    assert [soon.reason, wrong.reason, other.reason] == ["tls.expires_soon", "http.body", "tls.hostname"]
    assert soon.facts is not None
    assert soon.facts.tls is not None
    assert soon.facts.tls.verified
    assert _facts(soon).status == 200


def test_https_until_the_end_without_goodbye(tmp_path: Path) -> None:
    """A body that ends with the connection ends also when the peer forgets close_notify."""
    ca = trustme.CA()

    def serve(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(HEAD + b"\r\nin stock")

    with TcpServer(tls(context(ca.issue_cert("localhost")), serve)) as server:
        options = TlsOptions(ca_file=trust(ca, tmp_path))
        (result,) = probe(http(f"https://localhost:{server.port}/", tls=options))
    assert (result.outcome, _facts(result).body_bytes) == ("ok", 8)


def test_no_descriptor_is_left_behind() -> None:
    with TcpServer(answers(answer("200 OK", b"x"))) as good, TcpServer(says(b"junk", then=silent)) as bad:
        checks = [http(f"http://127.0.0.1:{server.port}/", timeout=0.5) for server in (good, bad)]
        probe(*checks)
        good.finish(1)
        bad.finish(1)
        before = len(os.listdir("/proc/self/fd"))
        probe(*checks * 10)
        good.finish(11)
        bad.finish(11)
        assert len(os.listdir("/proc/self/fd")) == before
