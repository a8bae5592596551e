"""Versions, secrets by reference, bodies from files, proxies, redirect policy: with real servers."""

import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from servers.http import Site, answer, answers
from servers.http2 import Proxy, http2
from servers.tcp import TcpServer
from servers.tls import context, tls, trust
from stream.probing_helpers import http, probe
from vedette.checks.model import HttpExpect, TlsOptions
from vedette.checks.model.http import HttpProxy, SecretHeader
from vedette.wire.messages import Result

OK = (":status", "200")


def _only(check: object) -> Result:
    (result,) = probe(check)  # type: ignore[arg-type]
    return result


def _url(server: TcpServer, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def _context(ca: trustme.CA, *protocols: str) -> ssl.SSLContext:
    made = context(ca.issue_cert("localhost"))
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


def test_http2_over_tls_when_both_offer_it(ca: trustme.CA, tmp_path: Path) -> None:
    seen: list[bytes] = []
    options = TlsOptions(ca_file=trust(ca, tmp_path))
    server = tls(_context(ca, "h2"), http2(OK, ("x-a", "1"), body=b"in stock", seen=seen))
    with TcpServer(server) as there:
        result = _only(
            http(
                f"https://localhost:{there.port}/a?b",
                versions=("HTTP/2", "HTTP/1.1"),
                tls=options,
                method="POST",
                body="order",
                headers=(("X-Key", "1"), ("Host", "shop.example")),
                expect=HttpExpect(versions=("HTTP/2",), body_matches=("^in stock$",), tls=True),
            )
        )
    assert (result.outcome, result.detail) == ("ok", None)
    assert set(result.phases_us) == {"connect", "tls", "processing", "transfer"}
    assert seen[:4] == [b":method: POST", b":scheme: https", b":authority: shop.example", b":path: /a?b"]
    assert seen[-2:] == [b"x-key: 1", b"order"]


def test_http_1_1_where_the_server_chooses_it(ca: trustme.CA, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=trust(ca, tmp_path))
    site = Site({"/": answer("200 OK", b"x")})
    with TcpServer(tls(_context(ca, "http/1.1"), site)) as there:
        url = f"https://localhost:{there.port}/"
        both = http(url, versions=("HTTP/2", "HTTP/1.1"), tls=options)
        wants = http(
            url, versions=("HTTP/2", "HTTP/1.1"), tls=options, expect=HttpExpect(versions=("HTTP/2",))
        )
        fell_back, demanded = probe(both, wants)
    assert fell_back.outcome == "ok"
    assert (demanded.reason, demanded.detail) == ("http.version", "HTTP/1.1, expected HTTP/2")


def test_a_server_that_chooses_nothing(ca: trustme.CA, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=trust(ca, tmp_path))
    with TcpServer(tls(_context(ca), Site({}))) as there:
        result = _only(http(f"https://localhost:{there.port}/", versions=("HTTP/2",), tls=options))
    assert result.reason == "http.version"


def test_http2_without_tls_unasked() -> None:
    with TcpServer(http2(OK, body=b"x")) as there:
        assert _only(http(_url(there), versions=("HTTP/2",))).outcome == "ok"
    with TcpServer(answers(answer("400 Bad Request"))) as there:
        result = _only(http(_url(there), versions=("HTTP/2",)))
    assert result.reason == "http.protocol"
    assert "is not HTTP/2" in (result.detail or "")


def test_secrets_come_from_files_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changes counts from the next probe on; nothing of a secret is in the result."""
    secret = tmp_path / "password"
    secret.write_text("open sesame\n")
    monkeypatch.setenv("VEDETTE_TEST_KEY", "k3y-from-env")
    given = (
        SecretHeader(name="Authorization", form="basic", username="probe", file=str(secret)),
        SecretHeader(name="X-Key", env="VEDETTE_TEST_KEY"),
    )
    site = Site({"/": answer("200 OK", b"hello")})
    with TcpServer(site) as there:
        first = _only(http(_url(there), secret_headers=given))
        secret.write_text("other words\n")
        os.utime(secret, ns=(1, 1))
        _only(http(_url(there), secret_headers=given))
    # RFC 7617: base64 of probe:open sesame, and of probe:other words
    assert b"Authorization: Basic cHJvYmU6b3BlbiBzZXNhbWU=\r\n" in site.requests[0]
    assert b"Authorization: Basic cHJvYmU6b3RoZXIgd29yZHM=\r\n" in site.requests[1]
    assert b"X-Key: k3y-from-env\r\n" in site.requests[0]
    assert "k3y" not in repr(first)


def test_an_echoed_secret_from_a_file_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cr3t-t0k3n")
    given = (SecretHeader(name="Authorization", form="bearer", file=str(tmp_path / "token")),)
    with TcpServer(answers(answer("200 OK", b"you sent s3cr3t-t0k3n"))) as there:
        result = _only(http(_url(there), secret_headers=given, expect=HttpExpect(body_matches=("stock",))))
    assert result.reason == "http.body"
    assert "s3cr3t" not in (result.detail or "")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"file": "/nowhere/at/all"}, "file /nowhere/at/all: No such file"),
        ({"env": "VEDETTE_TEST_NOT_SET"}, "environment variable VEDETTE_TEST_NOT_SET is not set"),
        ({"file": "/dev"}, "file /dev: Is a directory"),
        ({"file": "/dev/zero"}, "file /dev/zero: more than"),
        ({"file": "/dev/null"}, "file /dev/null: no secret in it"),
    ],
)
def test_a_missing_secret_is_our_own_fault(source: dict[str, str], said: str) -> None:
    result = _only(http("http://127.0.0.1:9/", secret_headers=(SecretHeader(name="X-Key", **source),)))  # type: ignore[arg-type]
    assert (result.outcome, result.reason) == ("not_run", "configuration")
    assert said in (result.detail or "")


def test_a_secret_of_two_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a\r\nEvil: 1")
    given = (SecretHeader(name="X-Key", file=str(tmp_path / "token")),)
    result = _only(http("http://127.0.0.1:9/", secret_headers=given))
    assert (result.outcome, result.reason) == ("not_run", "configuration")
    assert "Evil" not in (result.detail or "")


def test_secrets_do_not_cross_origins(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cr3t-t0k3n")
    given = (SecretHeader(name="Authorization", form="bearer", file=str(tmp_path / "token")),)
    there = Site({"/": answer("200 OK", b"x")})
    with TcpServer(there) as other:
        here = Site({"/": answer("302 Found", b"", f"Location: http://127.0.0.1:{other.port}/")})
        with TcpServer(here) as server:
            assert _only(http(_url(server), secret_headers=given)).outcome == "ok"
    assert b"s3cr3t" in here.requests[0]
    assert b"s3cr3t" not in there.requests[0]


def test_a_body_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\x00\xff order")
    site = Site({"/": answer("200 OK", b"x")})
    with TcpServer(site) as there:
        result = _only(http(_url(there), method="PURGE", body_file=str(tmp_path / "body")))
    assert result.outcome == "ok"
    assert site.requests[0].startswith(b"PURGE / HTTP/1.1\r\n")
    assert site.requests[0].endswith(b"Content-Length: 8\r\nConnection: close\r\n\r\n\x00\xff order")


def _by(server: TcpServer, **more: object) -> HttpProxy:
    return HttpProxy(host="127.0.0.1", port=server.port, **more)  # type: ignore[arg-type]


def test_a_proxy_is_asked_for_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEDETTE_TEST_PROXY", "pw")
    auth = SecretHeader(name="Proxy-Authorization", form="basic", username="me", env="VEDETTE_TEST_PROXY")
    proxy = Proxy(answer("200 OK", b"x"))
    with TcpServer(proxy) as server:
        result = _only(http("http://shop.invalid/a?b", proxy=_by(server, auth=auth)))
    assert result.outcome == "ok"
    assert proxy.requests[0].startswith(b"GET http://shop.invalid/a?b HTTP/1.1\r\nHost: shop.invalid\r\n")
    assert b"Proxy-Authorization: Basic bWU6cHc=\r\n" in proxy.requests[0]


def test_without_the_secret_no_proxy_is_bothered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing here is known before a connection is made, of which then none is left open."""
    monkeypatch.delenv("VEDETTE_TEST_PROXY", raising=False)
    auth = SecretHeader(name="Proxy-Authorization", form="basic", username="me", env="VEDETTE_TEST_PROXY")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        proxy = HttpProxy(host="127.0.0.1", port=listener.getsockname()[1], auth=auth)
        for scheme in ("http", "https"):
            result = _only(http(f"{scheme}://shop.invalid/", proxy=proxy))
            assert (result.outcome, result.reason) == ("not_run", "configuration")
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_a_proxy_connects_on_for_https(ca: trustme.CA, tmp_path: Path) -> None:
    """The proxy sees where to, and nothing of the request."""
    proxy, site = Proxy(), Site({"/": answer("200 OK", b"in stock")})
    options = TlsOptions(ca_file=trust(ca, tmp_path))
    with TcpServer(tls(_context(ca), site)) as there, TcpServer(proxy) as server:
        url = f"https://localhost:{there.port}/"
        through = _by(server, headers=(("X-Team", "shop"),))
        result = _only(http(url, proxy=through, tls=options, headers=(("X-Key", "1"),)))
    assert (result.outcome, result.detail) == ("ok", None)
    assert proxy.requests[0].startswith(f"CONNECT localhost:{there.port} HTTP/1.1\r\n".encode())
    assert b"X-Team: shop\r\n" in proxy.requests[0]
    assert b"X-Key" not in proxy.requests[0]
    assert b"X-Key: 1" in site.requests[0]
    assert b"X-Team" not in site.requests[0]


@pytest.mark.parametrize(
    ("url", "refusal", "said"),
    [
        ("https://shop.invalid/", answer("407 Who"), "answers 407 to CONNECT"),
        ("https://shop.invalid/", b"SSH-2.0-x\r\n\r\n", "speaks no HTTP"),
        ("https://shop.invalid/", b"HTTP/1.1 200 OK\r\n\r\nhello", "more than its answer"),
        (
            "https://shop.invalid/",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000,
            "bytes of headers from the proxy",
        ),
        ("https://shop.invalid/", b"HTTP/1.1 200 OK\r\n", "closed the connection without an answer"),
        ("http://shop.invalid/", answer("407 Who"), "407"),
    ],
)
def test_what_the_proxy_does_wrong_is_its_own(url: str, refusal: bytes, said: str) -> None:
    with TcpServer(Proxy(refusal=refusal)) as server:
        result = _only(http(url, proxy=_by(server)))
    assert result.reason == "http.proxy"
    assert said in (result.detail or "")


def test_a_proxy_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = _only(http("http://shop.invalid/", proxy=HttpProxy(host="127.0.0.1", port=port)))
    assert result.reason == "http.proxy"


def test_redirects_that_the_check_does_not_want(ca: trustme.CA, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=trust(ca, tmp_path))
    with TcpServer(Site({"/": answer("200 OK", b"x")})) as plain:
        away = Site({"/": answer("302 Found", b"", f"Location: http://localhost:{plain.port}/")})
        with TcpServer(away) as here:
            other = _only(http(_url(here), same_host=True))
        with TcpServer(tls(_context(ca), away)) as here:
            url = f"https://localhost:{here.port}/"
            down, allowed = probe(http(url, tls=options, downgrade=False), http(url, tls=options))
    assert (other.reason, "another host, localhost" in (other.detail or "")) == ("http.redirects", True)
    assert (down.reason, "from https to http" in (down.detail or "")) == ("http.redirects", True)
    assert allowed.outcome == "ok"


def test_names_that_the_check_resolves_itself() -> None:
    with TcpServer(Site({"/": answer("200 OK", b"x")})) as other:
        moved = answer("302 Found", b"", f"Location: http://there.invalid:{other.port}/")
        with TcpServer(Site({"/": moved})) as here:
            places = {"here.invalid": "127.0.0.1", "there.invalid": "127.0.0.1"}
            result = _only(http(f"http://here.invalid:{here.port}/", resolve=places))
    assert result.outcome == "ok"
