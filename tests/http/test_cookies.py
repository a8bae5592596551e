"""Cookies on the way of a redirect: back to who set them, and to nobody else."""

import pytest

from servers.http import Site, answer, request
from servers.tcp import TcpServer
from stream.probing_helpers import http, probe
from vedette.checks.model import HttpExpect
from vedette.checks.model.http import HeaderExpect
from vedette.wire.messages import Result
from vedette_agent.http.cookies import MAX_BYTES, MAX_COOKIES, Jar
from vedette_agent.http.request import Hop

NOW = 1_800_000_000.0


def _hop(scheme: str = "https", host: str = "shop.example", *headers: tuple[str, str]) -> Hop:
    return Hop(scheme, host, 443, "/", "GET", headers, None)


def _sent(jar: Jar, hop: Hop) -> str | None:
    return next((value for name, value in jar.added(hop).headers if name == "Cookie"), None)


def _fetch(site: Site, **more: object) -> Result:
    with TcpServer(site) as server:
        (result,) = probe(http(f"http://127.0.0.1:{server.port}/", **more))
    return result


def test_a_site_that_wants_its_cookie_back_at_the_same_place() -> None:
    """The same URL with another cookie is no loop; the one that the check sends itself goes along."""

    class Asking(Site):
        def __call__(self, connection: object) -> None:
            asked = request(connection)  # type: ignore[arg-type]
            self.requests.append(asked)
            known = b"Cookie: a=b; seen=1\r\n" in asked
            page = answer("200 OK", b"here") if known else answer("302 Found", b"", "Location: /", SEEN)
            connection.sendall(page)  # type: ignore[attr-defined]

    site = Asking({})
    assert _fetch(site, headers=(("Cookie", "a=b"),)).outcome == "ok"
    assert len(site.requests) == 2


SEEN = "Set-Cookie: seen=1; Path=/; HttpOnly"


def test_a_site_that_sends_in_circles_all_the_same() -> None:
    site = Site({"/": answer("302 Found", b"", "Location: /", SEEN)})
    result = _fetch(site, max_redirects=20)
    assert (result.reason, len(site.requests)) == ("http.redirects", 2)
    assert "a loop" in (result.detail or "")


def test_another_host_gets_none() -> None:
    there = Site({"/": answer()})
    with TcpServer(there) as other:
        page = answer(
            "302 Found", b"", f"Location: http://localhost:{other.port}/", f"{SEEN}; Domain=localhost"
        )
        assert _fetch(Site({"/": page}), resolve={"localhost": "127.0.0.1"}).outcome == "ok"
    assert b"Cookie" not in there.requests[0]


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        ("a=1\nb=two words; Secure", "a=1; b=two words"),
        ("a=1\na=2", "a=2"),
        ("a=1\na=; Max-Age=0", None),
        ("a=1\na=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=1"),
        ("a=1; Expires=soon", "a=1"),
        ("no pair\n=x\na b=c\na=\u00e9\na=b\x01\nc=" + "d" * 5000, None),
        ("", None),
    ],
)
def test_what_is_kept(lines: str, sent: str | None) -> None:
    jar = Jar()
    jar.take(_hop(), lines, NOW)
    assert _sent(jar, _hop()) == sent


def test_who_gets_it() -> None:
    jar = Jar()
    jar.take(_hop("https"), "secret=1", NOW)
    assert _sent(jar, _hop("https", "SHOP.example")) == "secret=1"
    assert _sent(jar, _hop("http")) is None
    assert _sent(jar, _hop("https", "other.example")) is None
    jar.take(_hop("http"), "plain=1", NOW)
    assert _sent(jar, _hop("http")) == "plain=1"
    assert _sent(jar, _hop("https")) == "secret=1; plain=1"


def test_no_more_than_fifty() -> None:
    jar = Jar()
    jar.take(_hop(), "\n".join(f"c{number}=1" for number in range(MAX_COOKIES + 9)), NOW)
    jar.take(_hop(), "c0=2", NOW)
    said = (_sent(jar, _hop()) or "").split("; ")
    assert len(said) == MAX_COOKIES
    assert "c0=2" in said


def test_no_more_than_eight_kibibytes() -> None:
    """What a cookie gave back, another may take."""
    jar = Jar()
    for round_ in range(9):
        jar.take(_hop(), f"a={round_}" + "x" * 3000, NOW)
        jar.take(_hop(), "\n".join(f"b{number}=" + "x" * 3000 for number in range(9)), NOW)
    assert MAX_BYTES - 3000 < len(_sent(jar, _hop()) or "") <= MAX_BYTES + 10
    jar.take(_hop(), "a=; Max-Age=0\nb0=; Max-Age=0\nb1=; Max-Age=0\nc=" + "y" * 4000, NOW)
    assert (_sent(jar, _hop()) or "").startswith("c=yyy")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (HeaderExpect(name="set-cookie", matches=("^b=2$",)), None),
        (HeaderExpect(name="set-cookie", matches=("^a=1; Expires=Tue, 19 Jan", "^b=2$")), None),
        (HeaderExpect(name="set-cookie", lacks=("^b=",)), "http.header"),
        (HeaderExpect(name="set-cookie", matches=("1.*b",)), "http.header"),
        (HeaderExpect(name="vary", matches=("^a, b$",)), None),
    ],
)
def test_each_value_of_set_cookie_stands_for_itself(rule: HeaderExpect, reason: str | None) -> None:
    """Others are one list (RFC 9110 5.3)."""
    cookies = ("Set-Cookie: a=1; Expires=Tue, 19 Jan 2038 03:14:07 GMT", "Set-Cookie: b=2")
    page = answer("200 OK", b"", *cookies, "Vary: a", "Vary: b")
    assert _fetch(Site({"/": page}), expect=HttpExpect(headers=(rule,))).reason == reason
