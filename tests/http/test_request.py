"""The bytes of a request, without a server."""

import pytest

from vedette_agent.http.request import BadTarget, Hop, encoded

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
