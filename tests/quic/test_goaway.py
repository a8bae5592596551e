"""GOAWAY (RFC 9114 5.2): a peer that leaves the request out has answered, and one that serves it has not."""

import pytest

from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http.goaway import Goaways

SETTINGS = b"\4\4\1\0\7\0"
CONTROL = b"\0" + SETTINGS
LONG = b"\x21\x40\x64" + bytes(100)  # an unknown frame


@pytest.mark.parametrize(
    ("said", "first"),
    [
        (CONTROL, None),
        (CONTROL + b"\7\1\0", 0),
        (CONTROL + b"\7\1\4", 4),
        (CONTROL + b"\7\1\4" + LONG + b"\7\1\0", 0),
        (CONTROL + LONG + b"\7\2\x40\x40", 64),
        (CONTROL + b"\7\1", None),
        (b"\2" + b"\7\1\0", None),
    ],
)
def test_the_first_request_that_is_not_served(said: bytes, first: int | None) -> None:
    """However the bytes come; and only on the control stream."""
    for size in (1, 2, 7, len(said)):
        reader = Goaways()
        told = [reader.feed(said[at : at + size]) for at in range(0, len(said), size)]
        assert told[-1] == first


@pytest.mark.parametrize(
    "frame",
    [b"\7\0", b"\7\x09" + bytes(9), b"\7\1\x40", b"\7\2\0\0", b"\7\1\3", b"\7\1\4\7\1\x08", b"\7\x80\1\0\0"],
)
def test_what_no_goaway_can_say(frame: bytes) -> None:
    """No number, more than one, a stream that is not the client's, one later than before, no end."""
    with pytest.raises(ProbeFailed) as caught:
        Goaways().feed(CONTROL + frame)
    assert caught.value.failure is Failure.HTTP_PROTOCOL


def test_little_is_kept() -> None:
    reader = Goaways()
    reader.feed(CONTROL)
    for _ in range(1000):
        reader.feed(LONG[:50])
        assert len(reader._cut) < 24
