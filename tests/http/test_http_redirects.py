"""Redirects: followed as far as the check allows, and nothing goes along that is meant for the first host."""

import socket
from itertools import pairwise

import pytest

from servers.http import Site, answer, answers
from servers.tcp import Behave, TcpServer
from stream.probing_helpers import http, probe
from vedette.checks.model import HttpExpect
from vedette.wire.facts import HttpFacts
from vedette.wire.messages import Result
from vedette_agent.http.request import BadTarget, following, opening


def _facts(result: Result) -> HttpFacts:
    assert result.facts is not None
    assert result.facts.http is not None
    return result.facts.http


def _fetch(behave: Behave, *, path: str = "/", **more: object) -> Result:
    with TcpServer(behave) as server:
        (result,) = probe(http(f"http://127.0.0.1:{server.port}{path}", **more))
    return result


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
