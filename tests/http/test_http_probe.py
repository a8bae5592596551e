"""What an HTTP check says of servers that answer well, wrongly, too much, in pieces, or not at all."""

import os
import resource
import socket
import zlib
from itertools import pairwise
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
from vedette_agent.http.request import BadTarget, following, opening

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


def test_an_answer_before_the_body_was_taken_counts() -> None:
    """413 after the head, then a close with 8 MiB of body on the way: the reset does not hide the answer."""
    result = _fetch(answers(answer("413 Too Large")), method="POST", body="x" * (8 << 20))
    assert (result.outcome, result.reason) == ("fail", "http.status")
    assert _facts(result).status == 413


def test_redirects_are_followed_and_their_phases_add_up() -> None:
    pages = {
        "/": answer("302 Found", b"", "Location: /a"),
        "/a": answer("301 Moved", b"", "Location: b"),
        "/b": answer("200 OK", b"here"),
    }
    site = Site(pages)
    result = _fetch(site, expect=HttpExpect(body_matches=("here",)))
    assert (result.outcome, _facts(result).redirects, len(site.requests)) == ("ok", 2, 3)


def test_redirects_end_at_the_limit() -> None:
    places = ["/", "/a", "/b", "/c", "/d", "/e"]
    pages = {here: answer("302 Found", b"", f"Location: {there}") for here, there in pairwise(places)}
    site = Site(pages)
    result = _fetch(site, max_redirects=3)
    assert (result.outcome, result.reason, len(site.requests)) == ("fail", "http.redirects", 4)


def test_a_loop_of_redirects_ends_where_it_closes() -> None:
    """/ to /a to / again: no third request, whatever the limit."""
    site = Site(
        {"/": answer("302 Found", b"", "Location: /a"), "/a": answer("302 Found", b"", "Location: /")}
    )
    result = _fetch(site, max_redirects=20)
    assert (result.reason, len(site.requests)) == ("http.redirects", 2)
    assert "a loop" in (result.detail or "")


def test_without_redirects_the_redirect_is_the_answer() -> None:
    site = Site({"/": answer("301 Moved", b"", "Location: /x")})
    result = _fetch(site, max_redirects=0, expect=HttpExpect(statuses=((301, 301),)))
    assert (result.outcome, _facts(result).status, len(site.requests)) == ("ok", 301, 1)


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[::1/",
        "http://a b/",
        "http://127.0.0.1:99999/",
        "http://" + "a" * 300 + "/",
        "/" + "a" * 9000,
    ],
)
def test_a_redirect_that_leads_nowhere(location: str) -> None:
    result = _fetch(answers(answer("302 Found", b"", f"Location: {location}")))
    assert (result.outcome, result.reason) == ("fail", "http.redirects")
    assert "302 leads nowhere" in (result.detail or "")
    assert _facts(result).status == 302


def test_credentials_stay_with_their_origin() -> None:
    """Another port is another origin: only headers that hold no secret go there, whatever their names."""
    there = Site({"/x": answer("200 OK", b"")})
    with TcpServer(there) as other:
        here = Site(
            {
                "/": answer("307 Temporary", b"", "Location: /same"),
                "/same": answer("302 Found", b"", f"Location: http://u:p@127.0.0.1:{other.port}/x"),
            }
        )
        headers = (("X-Api-Key", "s3cret"), ("Cookie", "a=b"), ("Accept-Language", "fr"))
        result = _fetch(here, headers=headers)
    assert result.outcome == "ok"
    assert all(b"s3cret" in one and b"a=b" in one for one in here.requests)
    (foreign,) = there.requests
    assert b"s3cret" not in foreign
    assert b"a=b" not in foreign
    assert b"u:p" not in foreign
    assert b"Accept-Language: fr" in foreign


def test_a_body_is_not_sent_on_to_another_host() -> None:
    """307 keeps the body, and the peer chooses where it goes; another port of the same host may have it."""
    there = Site({"/": answer("200 OK", b"")})
    with TcpServer(there) as other:
        here = Site(
            {
                "/away": answer("307 Temporary", b"", f"Location: http://127.0.0.2:{other.port}/"),
                "/near": answer("308 Permanent", b"", f"Location: http://127.0.0.1:{other.port}/"),
            }
        )
        away = _fetch(here, path="/away", method="POST", body="password=s3cret")
        assert there.requests == []
        near = _fetch(here, path="/near", method="POST", body="password=s3cret")
    assert (away.reason, near.outcome) == ("http.redirects", "ok")
    assert f"the body of the request is not sent on to http://127.0.0.2:{other.port}" in (away.detail or "")
    assert b"s3cret" in there.requests[0]


def test_a_body_is_not_sent_on_in_the_clear() -> None:
    plain, _ = opening("http://shop.example/", "POST", (), "order")
    assert following(plain, 307, "https://SHOP.example/").body == b"order"
    encrypted, _ = opening("https://shop.example/", "POST", (), "order")
    with pytest.raises(BadTarget, match="not sent on"):
        following(encrypted, 307, "http://shop.example/")


def test_a_post_becomes_a_get_where_everybody_does_so() -> None:
    pages = {"/": answer("302 Found", b"", "Location: /a"), "/a": answer()}
    site = Site(pages)
    _fetch(site, method="POST", body="order", headers=(("Content-Type", "text/plain"),))
    assert site.requests[1].startswith(b"GET /a ")
    assert b"Content-" not in site.requests[1]
    kept = Site(pages | {"/": answer("307 Temporary", b"", "Location: /a")})
    _fetch(kept, method="POST", body="order")
    assert kept.requests[1].startswith(b"POST /a ")
    assert kept.requests[1].endswith(b"order")


def test_a_pinned_address_is_for_the_first_host_only() -> None:
    """The name need not resolve; Host stays that of the URL; a redirect to another host is resolved."""
    with TcpServer(Site({"/x": answer("200 OK", b"other")})) as other:
        pages = {
            "/": answer("302 Found", b"", "Location: /again"),
            "/again": answer("302 Found", b"", f"Location: http://localhost:{other.port}/x"),
        }
        site = Site(pages)
        with TcpServer(site, socket.AF_INET6) as server:
            (result,) = probe(http(f"http://shop.invalid:{server.port}/", address="::1"))
    assert (result.outcome, len(site.requests)) == ("ok", 2)
    assert f"Host: shop.invalid:{server.port}\r\n".encode() in site.requests[1]


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
