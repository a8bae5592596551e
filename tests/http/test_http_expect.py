"""Expectations on headers, bodies, JSON, sizes, ages and times, and the codings that bodies come in."""

import time
import zlib
from email.utils import formatdate

import pytest
import zstandard

from servers.http import answer, answers
from servers.tcp import TcpServer
from stream.probing_helpers import http, probe
from vedette.checks.jsonpath import parsed, selected
from vedette.checks.model import HttpExpect
from vedette.checks.model.http import HeaderExpect, JsonExpect
from vedette.wire.messages import Result
from vedette_agent.http.codings import PIECE_BYTES, Undecodable, decoder

brotli = pytest.importorskip("brotli")


def fetch(page: bytes, **more: object) -> Result:
    with TcpServer(answers(page)) as server:
        (result,) = probe(http(f"http://127.0.0.1:{server.port}/", **more))
    return result


def header(**rule: object) -> HttpExpect:
    return HttpExpect(headers=(HeaderExpect(name="x-a", **rule),))  # type: ignore[arg-type]


def at(path: str, **rule: object) -> HttpExpect:
    return HttpExpect(json=(JsonExpect(path=path, **rule),))  # type: ignore[arg-type]


A = answer("200 OK", b"in stock", "X-A: one two")
NONE = answer("200 OK", b"in stock")
JSON = answer(
    "200 OK", b'{"status": "ok", "n": 3, "on": true, "items": [{"s": "up"}, {"s": "down"}], "none": null}'
)


@pytest.mark.parametrize(
    ("page", "expect", "reason", "said"),
    [
        (A, header(matches=("one", "two")), None, ""),
        (A, header(matches=("one", "three")), "http.header", "expected 'three'"),
        (A, header(lacks=("three",)), None, ""),
        (A, header(lacks=("two",)), "http.header", "'two' matches 'two', which must not be there"),
        (NONE, header(matches=("one",), required=False), None, ""),
        (NONE, header(lacks=("one",)), "http.header", "no header 'x-a'"),
        (A, HttpExpect(body_matches=("in", "stock")), None, ""),
        (A, HttpExpect(body_matches=("in", "sold")), "http.body", "no match for 'sold'"),
        (A, HttpExpect(body_lacks=("sold", "stock")), "http.body", "'stock' matches"),
        (A, HttpExpect(min_body_bytes=8, max_body_bytes=8), None, ""),
        (A, HttpExpect(min_body_bytes=9), "http.size", "8 bytes, expected 9 or more"),
        (A, HttpExpect(max_body_bytes=7), "http.size", "8 bytes, expected 7 or fewer"),
        (A, HttpExpect(versions=("HTTP/1.0", "HTTP/2")), "http.version", "HTTP/1.1, expected"),
        (A, HttpExpect(tls=True), "http.tls", "did not come over TLS"),
        (A, HttpExpect(tls=False), None, ""),
        (A, HttpExpect(phases={"connect": 0.0}), "http.slow", "connect took"),
        (A, HttpExpect(phases={"connect": 60.0, "tls": 0.1}), None, ""),
        (A, HttpExpect(modified_within=60.0), "http.header", "no date"),
        (JSON, at("$.status", equals=("fine", "ok")), None, ""),
        (JSON, at("$.status", equals=("fine",)), "http.body", "$.status is 'ok', expected 'fine'"),
        (JSON, at("$.on", equals=(1,)), "http.body", "is 'true', expected 1"),
        (JSON, at("$.on", equals=(True,)), None, ""),
        (JSON, at("$.n", min=3, max=3), None, ""),
        (JSON, at("$.n", min=3.5), "http.body", "expected 3.5 or more"),
        (JSON, at("$.status", max=1), "http.body", "expected a number"),
        (JSON, at("$.items.length()", min=1, max=2), None, ""),
        (JSON, at("$.items[*].s", matches=("^(up|down)$",)), None, ""),
        (JSON, at("$.items[*].s", equals=("up",)), "http.body", "is 'down'"),
        (JSON, at("$.none", matches=("^null$",)), None, ""),
        (JSON, at("$.gone", exists=False), None, ""),
        (JSON, at("$.gone"), "http.body", "nothing at $.gone"),
        (JSON, at("$.n", exists=False), "http.body", "something at $.n"),
        (A, at("$"), "http.body", "is not JSON"),
        (answer("200 OK", b"[" * 100_000), at("$"), "http.body", "is not JSON"),
        (answer("200 OK", b"[" + b"0," * 140_000 + b"0]"), at("$"), "http.body", "JSON of 280003 bytes"),
    ],
)
def test_expectations(page: bytes, expect: HttpExpect, reason: str | None, said: str) -> None:
    result = fetch(page, expect=expect)
    assert (result.outcome, result.reason) == ("ok" if reason is None else "fail", reason)
    assert said in (result.detail or "")


def test_the_age_of_a_page() -> None:
    page = answer("200 OK", b"x", f"Last-Modified: {formatdate(time.time() - 3600, usegmt=True)}")
    assert fetch(page, expect=HttpExpect(modified_within=7200.0)).outcome == "ok"
    assert fetch(page, expect=HttpExpect(modified_within=1800.0)).reason == "http.header"


def test_paths_into_json() -> None:
    document = {"a": [{"b c": 1}, 2], "d": {"e": "text"}}
    for path, found in {
        "$": [document],
        "$.a[0]['b c']": [1],
        '$["a"][-1]': [2],
        "$.a[2]": [],
        "$.d.*": ["text"],
        "$.d.e.length()": [4],
        "$.a[1].length()": [],
        "$.*.length()": [2, 1],
    }.items():
        assert selected(document, parsed(path)) == found, path


@pytest.mark.parametrize(
    "path", ["", "a", "$.", "$..a", "$[?@.a]", "$[1:2]", "$.length().a", "$[01]", "$" + ".a" * 300]
)
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(ValueError, match=";"):
        parsed(path)


def _packed(coding: str, data: bytes) -> bytes:
    match coding:
        case "br":
            done: bytes = brotli.compress(data, quality=5)
            return done
        case "zstd":
            return zstandard.ZstdCompressor().compress(data)
        case _:
            packer = zlib.compressobj(wbits={"gzip": 31, "deflate": 15, "raw": -15}[coding])
            return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw", "br", "zstd"])
def test_codings(coding: str) -> None:
    """Whole, cut short, no such coding at all, and 64 MiB of nothing with a bound of 1 MiB."""
    said = f"Content-Encoding: {'deflate' if coding == 'raw' else coding}"
    expect = HttpExpect(body_matches=("in stock $",))
    packed = _packed(coding, b"in stock " * 1000)
    good = fetch(answer("200 OK", packed, said), expect=expect)
    assert (good.outcome, good.detail) == ("ok", None)
    assert fetch(answer("200 OK", packed[:-3], said)).reason == "http.protocol"
    assert fetch(answer("200 OK", b"\xff\xfe\xfd no packer made this", said)).reason == "http.protocol"
    assert fetch(answer("200 OK", _packed(coding, bytes(64 << 20)), said)).reason == "http.too_large"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw", "br", "zstd"])
def test_a_piece_is_bounded(coding: str) -> None:
    made = decoder("deflate" if coding == "raw" else coding)
    assert made is not None
    largest = max(len(piece) for piece in made.pieces(_packed(coding, bytes(64 << 20))))
    assert largest <= (2 << 20 if coding == "zstd" else 2 * PIECE_BYTES)
    assert made.is_finished


def test_a_window_of_zstd_that_is_too_large() -> None:
    """RFC 9659: 8 MiB at most."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(bytes(1000)) + packer.flush()
    made = decoder("zstd")
    assert made is not None
    with pytest.raises(Undecodable):
        list(made.pieces(packed))


def test_one_coding_upon_another_is_refused() -> None:
    result = fetch(answer("200 OK", b"x", "Content-Encoding: gzip, gzip"))
    assert (result.reason, "is not read" in (result.detail or "")) == ("http.protocol", True)
