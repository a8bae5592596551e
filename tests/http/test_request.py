"""The bytes of a request, without a server."""

import pytest

from vedette_agent.http.request import MAX_LOCATION, BadTarget, Hop, encoded, following

HOP = Hop("http", "shop.example", 80, "/", "GET", (("X-Shop", "1"),), None)


def test_a_request_is_one_head() -> None:
    head = encoded(HOP)
    assert head.startswith(b"GET / HTTP/1.1\r\n")
    assert b"\r\nX-Shop: 1\r\n" in head
    assert head.index(b"\r\n\r\n") == len(head) - 4


@pytest.mark.parametrize("line_break", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("part", ["method", "path", "name", "value"])
def test_no_part_of_it_smuggles_a_line(part: str, line_break: str) -> None:
    """A redirect chooses the path; RFC 9112 11.1 and 11.2."""
    smuggled = f"a{line_break}Evil: 1"
    hop = {
        "method": HOP._replace(method=smuggled),
        "path": HOP._replace(path=f"/{smuggled}"),
        "name": HOP._replace(headers=((smuggled, "1"),)),
        "value": HOP._replace(headers=(("X-Shop", smuggled),)),
    }[part]
    with pytest.raises(BadTarget):
        encoded(hop)


def test_a_path_that_grows_when_it_is_escaped_is_bounded() -> None:
    """8000 characters that a peer sends would be 96 KB of path; HTTP/3 takes no field of so many."""
    hop = Hop("https", "a.example", 443, "/", "GET", (), None)
    assert following(hop, 302, "/" + "a" * (MAX_LOCATION - 1)).path == "/" + "a" * (MAX_LOCATION - 1)
    with pytest.raises(BadTarget, match="a path of 96001 characters"):
        following(hop, 302, "/" + "\U0001f600" * 8000)


@pytest.mark.parametrize("host", ["a..example", ".example", f"{'a' * 64}.example", "a.example.."])
def test_a_host_that_no_certificate_could_be_asked_for_is_none(host: str) -> None:
    """RFC 1035 2.3.4. By way of a proxy nobody resolves it, and Python's TLS raises what is no TLS error."""
    with pytest.raises(BadTarget, match="is not a host name"):
        following(HOP, 302, f"https://{host}/")
    longest = "a" * 63
    assert following(HOP, 302, f"https://{longest}.example./").host == f"{longest}.example."
