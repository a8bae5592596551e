"""A target that repeats the request in its answer does not put the check's secrets into the detail."""

import html
import json
import random
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from servers.http import answer, request
from servers.tcp import TcpServer
from stream.probing_helpers import http, probe
from vedette.checks.model import HttpExpect
from vedette.checks.model.http import HeaderExpect, HttpProxy, SecretHeader
from vedette.wire.messages import Result
from vedette_agent.http.secrets import HIDDEN, PIECE, SEARCHED, sent

TOKEN = "Zm9v/YmFy+cXV4"
HEADERS = (("Authorization", f"Bearer {TOKEN}"), ("Cookie", "theme=dark; sid=s3cr3t"), ("X-Key", "k3y!"))
NO_BODY = HttpExpect(body_matches=("in stock",))


def _echo(form: Callable[[str], bytes], expect: HttpExpect, body: str | None = None, hops: int = 5) -> Result:
    """Of a probe whose target answers with *form* of the request that it got."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(form(request(connection).decode()))

    with TcpServer(behave) as server:
        url = f"http://127.0.0.1:{server.port}/"
        (result,) = probe(
            http(url, headers=HEADERS, method="POST", body=body, expect=expect, max_redirects=hops)
        )
    return result


def _line(name: str) -> Callable[[str], str]:
    return lambda asked: next(line for line in asked.split("\r\n") if line.startswith(name))


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Key"])
@pytest.mark.parametrize("spelled", [str, html.escape, json.dumps, quote, lambda text: quote(text, safe="")])
def test_a_body(name: str, spelled: Callable[[str], str]) -> None:
    line = _line(name)
    result = _echo(lambda asked: answer("200 OK", spelled(line(asked)).encode()), NO_BODY)
    assert result.reason == "http.body"
    assert HIDDEN in (result.detail or "")
    for secret in (TOKEN[:PIECE], "s3cr3t", "k3y!"):
        assert secret not in (result.detail or "")


@pytest.mark.parametrize("before", range(40, 60, 3))
def test_the_cut_leaves_no_part(before: int) -> None:
    """Of 60 characters that are shown, the last may be the first ones of a secret."""
    result = _echo(lambda _: answer("200 OK", b"." * before + TOKEN.encode() * 2), NO_BODY)
    assert HIDDEN in (result.detail or "")
    assert TOKEN[:2] not in (result.detail or "")


def test_a_match_in_the_middle() -> None:
    expect = HttpExpect(body_lacks=("YmFy.*",))
    result = _echo(lambda _: answer("200 OK", TOKEN.encode()), expect)
    assert result.detail == f"{HIDDEN!r} matches 'YmFy.*', which must not be there"


def test_a_header() -> None:
    expect = HttpExpect(headers=(HeaderExpect(name="x-seen", matches=("^none$",)),))
    result = _echo(lambda _: answer("200 OK", b"", f"X-Seen: got={TOKEN}"), expect)
    assert result.detail == f"x-seen: 'got={HIDDEN}', expected '^none$'"


def test_the_request_body() -> None:
    """Also when the target has decoded it."""
    result = _echo(lambda _: answer("200 OK", b"no user a&b:hunter22"), NO_BODY, body="login=a%26b:hunter22")
    assert "hunter22" not in (result.detail or "")


@pytest.mark.parametrize("target", ["http://[{}", "ftp://{}/", "/{}"])
def test_a_redirect(target: str) -> None:
    place = target.format("abcdefgh" + TOKEN.replace("/", ""))
    headers = (("X-Key", "abcdefgh" + TOKEN.replace("/", "")),)

    def behave(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(answer("302 Found", b"", f"Location: {place}"))

    with TcpServer(behave) as server:
        (result,) = probe(http(f"http://127.0.0.1:{server.port}/", headers=headers, max_redirects=1))
    assert result.reason == "http.redirects"
    assert HIDDEN in (result.detail or "")
    assert "YmFy" not in (result.detail or "")


def test_what_is_no_http() -> None:
    line = _line("X-Key")
    result = _echo(lambda asked: line(asked).encode() + b"\r\n\r\n", HttpExpect())
    assert result.reason == "http.protocol"
    assert "k3y!" not in (result.detail or "")


def test_a_password_of_basic_authentication() -> None:
    """Base64 of `probe:open sesame`."""
    hide = sent((("Authorization", "Basic cHJvYmU6b3BlbiBzZXNhbWU="),), None).hide
    assert hide("no such user probe with open sesame!") == f"no such user probe with {HIDDEN}!"


def test_what_is_not_secret_stays() -> None:
    hide = sent((("Accept", "text/html"), ("Host", "www.example.com"), ("X-Short", "abc")), None).hide
    assert hide("text/html of www.example.com abc") == "text/html of www.example.com abc"


@pytest.mark.parametrize("before", [0, 20, 35])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_proxy_that_repeats_its_password(scheme: str, before: int, tmp_path: Path) -> None:
    """Of an answer that is no HTTP 40 bytes are shown; the password is in none of them, and no part of it."""
    (tmp_path / "password").write_text("open-sesame-now")
    auth = SecretHeader(
        name="Proxy-Authorization", form="basic", username="u", file=str(tmp_path / "password")
    )

    def behave(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(b"." * before + b"open-sesame-now is wrong\r\n\r\n")

    with TcpServer(behave) as server:
        proxy = HttpProxy(host="127.0.0.1", port=server.port, auth=auth)
        (result,) = probe(http(f"{scheme}://shop.example/", proxy=proxy))
    assert result.reason == ("http.proxy" if scheme == "https" else "http.protocol")
    assert HIDDEN in (result.detail or "")
    assert "open" not in (result.detail or "")


@pytest.mark.parametrize(
    "body", [random.Random(1).randbytes(65_536), b'{"a<b>": "&"}' * 5000, b"\0" * 65_536]
)
def test_a_long_body_makes_no_text_dear(body: bytes) -> None:
    """300 characters held the loop for 440 ms; now each is looked for in 96 KiB at most."""
    secrets = sent((("Authorization", f"Bearer {TOKEN}"),), body)
    assert secrets.searchable >= SEARCHED // (96 * 1024)
    assert secrets.hide(f"{TOKEN} and {body[900:930].decode('latin-1')!r}").startswith(HIDDEN)
