"""Bytes after the end of a compressed body, and headers that are remembered: neither may pile up."""

import zlib

import pytest

from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http import dates
from vedette_agent.http.response import MAX_QUIET_BYTES, Response


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def begun(packed: bytes) -> Response:
    response = Response("GET", 1 << 20, keeps_body=True)
    response.feed(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
    response.feed(chunk(packed))
    return response


def feed_all(response: Response, pieces: list[bytes]) -> None:
    for piece in pieces:
        response.feed(piece)


def compressed(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(text) + packer.flush()


def test_what_follows_a_compressed_body_is_not_hoarded() -> None:
    """zlib keeps every byte behind the end, and copies all of them for each further piece."""
    response = begun(compressed(b"in stock"))
    with pytest.raises(ProbeFailed, match="between two pieces of the body"):
        feed_all(response, [chunk(b"x" * 4000)] * (1 + MAX_QUIET_BYTES // 4000))
    assert bytes(response.body) == b"in stock"
    assert len(response._decoder._unpacker.unused_data) <= 4000


def test_a_little_behind_a_compressed_body_does_no_harm() -> None:
    response = begun(compressed(b"in stock"))
    response.feed(chunk(b"\n") + b"0\r\n\r\n")
    assert response.is_complete
    assert bytes(response.body) == b"in stock"


def test_compressed_bytes_that_hold_no_body_are_quiet() -> None:
    """Empty stored blocks (RFC 1951 3.2.4) can go on for ever."""
    response = begun(compressed(b"")[:10])
    with pytest.raises(ProbeFailed, match="between two pieces of the body"):
        feed_all(response, [chunk(b"\x00\x00\x00\xff\xff" * 4000)] * 4)


def test_a_date_that_is_none_is_not_remembered_at_length() -> None:
    """60 KiB of header, another one for every probe, would be 60 MiB in memory."""
    dates.http_date.cache_clear()
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert dates.last_modified({"last-modified": date}) == 784_111_777_000_000
    assert dates.last_modified({"last-modified": date + "x" * 60_000}) is None
    assert dates.last_modified({}) is None
    assert dates.http_date.cache_info().currsize == 1
