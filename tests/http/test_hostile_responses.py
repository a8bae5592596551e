"""Bytes after the end of a compressed body, and headers that are remembered: neither may pile up."""

import random
import zlib
from collections.abc import Iterator
from typing import Any

import brotli
import pytest
import zstandard

from vedette.checks.model.http import JsonExpect
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http import dates
from vedette_agent.http.documents import MAX_NODES, judge_json
from vedette_agent.http.response import MAX_QUIET_BYTES, Response
from vedette_agent.http.secrets import sent


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


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br"])
def test_a_compressed_body_in_chunks_of_a_byte(coding: str) -> None:
    """Eleven thousand chunks come with one read; to start the decoder for each would take 30 ms."""
    text = random.Random(1).randbytes(11_000)
    packed = {"gzip": compressed, "zstd": zstandard.compress, "br": brotli.compress}[coding](text)
    response = Response("GET", 1 << 20, keeps_body=True)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    response.feed(head.encode())
    calls = 0

    class Counting:
        def __init__(self, decoder: Any) -> None:
            self._decoder = decoder

        @property
        def is_finished(self) -> bool:
            return bool(self._decoder.is_finished)

        def pieces(self, data: bytes) -> Iterator[bytes]:
            nonlocal calls
            calls += 1
            yield from self._decoder.pieces(data)

    response._decoder = Counting(response._decoder)
    chunks = b"".join(chunk(packed[at : at + 1]) for at in range(len(packed))) + b"0\r\n\r\n"
    feed_all(response, [chunks[at : at + response.READ_BYTES] for at in range(0, len(chunks), 65536)])
    assert response.is_complete
    assert bytes(response.body) == text
    assert calls <= 1 + len(chunks) // 65536


def test_values_that_a_path_selects_are_bounded() -> None:
    """Of 256 KiB of JSON a rule may select 130,000: held against a pattern they would take 400 ms."""
    rule = JsonExpect(path="$[*]", matches=("^0$",))
    judge_json((rule,), bytearray(b"[" + b"0," * (MAX_NODES - 1) + b"0]"), lambda: sent((), None))
    with pytest.raises(ProbeFailed, match=f"selects {MAX_NODES + 1} values"):
        judge_json((rule,), bytearray(b"[" + b"0," * MAX_NODES + b"0]"), lambda: sent((), None))
    with pytest.raises(ProbeFailed, match="selects"):
        judge_json((rule,) * 9, bytearray(b"[" + b"0," * (MAX_NODES // 8) + b"0]"), lambda: sent((), None))
