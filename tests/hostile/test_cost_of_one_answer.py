"""Any one answer costs the agent at most 8 MiB and 20 ms of its loop, whatever kind of check asks for it.

A prober in a process of its own meets a hostile server on loopback. The loop is timed in CPU of its thread
between two waits, so that a busy machine counts for nothing.
"""

import gzip
import itertools
import json
import os
import struct
import subprocess
import sys
import time
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

import brotli
import pytest
import zstandard

from hostile.hostile_servers import Say, datagrams, greets, stream

TESTS = Path(__file__).parents[1]
MAX_HELD_MS = 20
MAX_GROWN_KIB = 8 * 1024
TIME = "DeadlineExceeded"
OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@cache
def zeros(size: int = 64 << 20) -> bytes:
    packer = zlib.compressobj(wbits=31)
    piece = bytes(1 << 20)
    return b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()


def packed(coding: str) -> bytes:
    """A body of 64 MiB in *coding*."""
    match coding:
        case "gzip":
            return zeros()
        case "gzip, gzip":
            return gzip.compress(zeros(), mtime=0)
        case "deflate":
            return zlib.compress(bytes(64 << 20), 6)
        case "br":
            packer = brotli.Compressor(quality=1)
            return b"".join(packer.process(bytes(1 << 20)) for _ in range(64)) + packer.finish()
        case _:
            return zstandard.compress(bytes(64 << 20))


def bomb(coding: str) -> Say:
    def say(asked: bytes) -> Iterable[bytes]:
        body = packed(coding)
        yield OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        time.sleep(0.1)  # the head is read alone, and so the body in large pieces
        yield body

    return say


def says(head: bytes, *repeated: bytes) -> Say:
    """*head*, and then *repeated* without end."""

    def say(asked: bytes) -> Iterator[bytes]:
        yield head
        whole = b"".join(repeated)
        if whole:
            yield from itertools.repeat(whole * (1 + 65536 // len(whole)))

    return say


def numbered(asked: bytes) -> Iterator[bytes]:
    """200,000 headers, each another."""
    yield OK
    for at in range(0, 200_000, 1000):
        yield b"".join(b"X-%d: a\r\n" % number for number in range(at, at + 1000))


def accepted(*frames: bytes) -> Say:
    """A websocket opens, and then *frames* come without end."""

    def say(asked: bytes) -> Iterator[bytes]:
        key = asked.lower().partition(b"sec-websocket-key: ")[0]
        given = asked[len(key) + 19 :].partition(b"\r\n")[0]
        token = b64encode(sha1(given + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        yield (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
        )
        whole = b"".join(frames)
        yield from itertools.repeat(whole * (1 + 65536 // len(whole)))

    return say


def question(asked: bytes) -> bytes:
    end = asked.index(b"\0", 12) + 5
    return asked[12:end]


def message(asked: bytes, records: bytes, count: int) -> bytes:
    return asked[:2] + b"\x84\0\0\1" + struct.pack(">HHH", count, 0, 0) + question(asked) + records


def over_tcp(records: Any) -> Say:
    def say(asked: bytes) -> Iterator[bytes]:
        wire = message(asked[2:], *records(question(asked[2:])))
        yield len(wire).to_bytes(2, "big") + wire

    return say


def pointers(asked: bytes) -> tuple[bytes, int]:
    """Records whose owner is the end of a chain of pointers through all the data before."""
    at = 12 + len(asked)
    chain = b"".join(struct.pack(">H", 0xC000 | at + 12 + 2 * (number - 1)) for number in range(1, 8000))
    first = b"\xc0\x0c" + struct.pack(">HHIH", 10, 1, 60, len(chain)) + b"\xc0\x0c" + chain[:-2]
    one = struct.pack(">HHHIH", 0xC000 | (at + 12 + 15_000) & 0x3FFF, 1, 1, 60, 4) + b"\xc0\0\2\1"
    return first + one * 3000, 3001


def many(asked: bytes) -> tuple[bytes, int]:
    return (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\xc0\0\2\1") * 4000, 4000


def labels(asked: bytes) -> tuple[bytes, int]:
    """Names of 127 labels, a new one in each record."""
    one = b"\xc0\x0c" + struct.pack(">HHIH", 2, 1, 60, 255) + b"\1a" * 127 + b"\0"
    return one * 240, 240


def junk(size: int, count: int, *, keeps: int = 0) -> Say:
    """Datagrams of *size*; their first bytes are those that were asked with."""

    def say(asked: bytes) -> Iterable[bytes]:
        return [(asked[:keeps] + os.urandom(64) * (size // 64 + 1))[:size]] * count

    return say


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 255, kind, flags, stream_id) + payload


SETTINGS = frame(4, 0, 0, b"")
HTTP = "http: {{url: 'http://127.0.0.1:{port}/', compression: [gzip, br, zstd]}}"
HTTP2 = "http: {{url: 'http://127.0.0.1:{port}/', versions: [HTTP/2]}}"
SEARCHED = "http: {{url: 'http://127.0.0.1:{port}/', expect: {{body: {{match: '(.*a){{20}}x'}}}}}}"
JSON = "http: {{url: 'http://127.0.0.1:{port}/', expect: {{json: {{$.a: {{equals: 1}}}}}}}}"
WEBSOCKET = "websocket: {{url: 'ws://127.0.0.1:{port}/', dialogue: [{{expect: never}}]}}"
DNS = "dns: {{name: a.test, type: {type}, resolver: '127.0.0.1:{port}', transport: tcp}}"
GRPC = "grpc: {{address: '127.0.0.1:{port}'}}"


class Case(NamedTuple):
    probe: str
    say: Say
    failures: tuple[str, ...]  # any of them


LARGE = ("http.too_large",)
BROKEN = ("http.protocol",)
CASES = {
    **{
        f"http {coding} bomb": Case(HTTP, bomb(coding), LARGE) for coding in ("gzip", "deflate", "br", "zstd")
    },
    "http nested codings": Case(HTTP, bomb("gzip, gzip"), BROKEN),
    "http 10 GB promised": Case(HTTP, says(OK + b"Content-Length: 10000000000\r\n\r\n", b"a" * 65536), LARGE),
    "http endless chunks": Case(HTTP, says(ENDLESS, b"10000\r\n" + b"a" * 65536 + b"\r\n"), LARGE),
    "http chunks of a byte": Case(HTTP, says(ENDLESS, b"1\r\na\r\n"), LARGE),
    "http 200,000 headers": Case(HTTP, numbered, BROKEN),
    "http endless header": Case(HTTP, says(OK + b"X: ", b"a" * 1000), BROKEN),
    "http endless 1xx": Case(HTTP, says(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), BROKEN),
    "http pattern": Case(
        SEARCHED, says(OK + b"Content-Length: 1000000\r\n\r\n" + b"a" * 1_000_000), ("http.body",)
    ),
    "http json": Case(
        JSON, says(OK + b"Content-Length: 1000003\r\n\r\n" + b"[" + b"[]," * 333333 + b"[]]"), ("http.body",)
    ),
    "http2 endless headers": Case(
        HTTP2, says(SETTINGS + frame(1, 0, 1, b"\x88"), frame(9, 0, 1, b"\0\1a\1b")), BROKEN
    ),
    "http2 pings": Case(HTTP2, says(SETTINGS, frame(6, 0, 0, bytes(8))), BROKEN),
    "http2 settings": Case(HTTP2, says(SETTINGS, frame(4, 0, 0, b"\0\3\0\0\0\x64")), BROKEN),
    "http2 empty data": Case(HTTP2, says(SETTINGS + frame(1, 4, 1, b"\x88"), frame(0, 0, 1, b"")), BROKEN),
    "http2 endless data": Case(
        HTTP2, says(SETTINGS + frame(1, 4, 1, b"\x88"), frame(0, 0, 1, b"a" * 16384)), (*LARGE, *BROKEN)
    ),
    "tcp endless banner": Case(
        "tcp: {{address: '127.0.0.1:{port}', expect: '(.*a){{20}}x'}}", greets, ("tcp.expect",)
    ),
    "tcp endless dialogue": Case(
        "tcp: {{address: '127.0.0.1:{port}', dialogue: [{{expect: '^(\\d+) (x+x+)+y$'}}]}}",
        greets,
        ("tcp.expect",),
    ),
    "starttls": Case("tls: {{address: '127.0.0.1:{port}', start_tls: smtp}}", greets, ("tls.starttls",)),
    "tls endless record": Case(
        "tls: {{address: '127.0.0.1:{port}'}}",
        says(b"\x16\3\3\x40\0\2\xff\xff\xff", b"a" * 16384),
        ("SSLError", "tls.handshake"),
    ),
    "tls alerts": Case(
        "tls: {{address: '127.0.0.1:{port}'}}",
        says(b"", b"\x15\3\3\0\2\1\x5a"),
        ("SSLError", "SSLEOFError", "tls.handshake"),
    ),
    "websocket pings": Case(WEBSOCKET, accepted(b"\x89\0"), ("websocket.protocol",)),
    "websocket fragments": Case(WEBSOCKET, accepted(b"\1\1a", b"\0\1a" * 1000), ("websocket.protocol",)),
    "websocket messages": Case(WEBSOCKET, accepted(b"\x81\x7e\x10\0" + b"a" * 4096), ("websocket.expect",)),
    "dns pointers": Case(DNS.replace("{type}", "A"), over_tcp(pointers), ("dns.malformed",)),
    "dns records": Case(DNS.replace("{type}", "A"), over_tcp(many), ("dns.malformed",)),
    "dns labels": Case(DNS.replace("{type}", "NS"), over_tcp(labels), ("dns.malformed",)),
    "grpc headers": Case(
        GRPC, says(SETTINGS + frame(1, 0, 1, b"\x88"), frame(9, 0, 1, b"\0\1a\1b")), ("grpc.protocol",)
    ),
    "grpc data": Case(
        GRPC, says(SETTINGS + frame(1, 4, 1, b"\x88"), frame(0, 0, 1, b"a" * 16384)), ("grpc.protocol",)
    ),
}
DATAGRAMS = {
    "udp junk": Case(
        "udp: {{address: '127.0.0.1:{port}', send_hex: '00', expect: '(.*a){{20}}x'}}",
        junk(65000, 1),
        ("udp.expect",),
    ),
    "ntp junk": Case("ntp: {{host: 127.0.0.1, port: {port}}}", junk(65000, 2000), (TIME,)),
    "dns flood": Case("dns: {{name: a.test, resolver: '127.0.0.1:{port}'}}", junk(4000, 2000), (TIME,)),
    "dnssec junk": Case(
        "dnssec: {{name: a.test, resolver: '127.0.0.1:{port}'}}",
        junk(1200, 200, keeps=24),
        (TIME, "dns.malformed"),
    ),
}


def cost(probe: str, ports: tuple[int, int], failures: tuple[str, ...] = (TIME,)) -> dict[str, Any]:
    """What ends by itself and not at the deadline may take its time, on a busy machine."""
    texts = [
        f"agents: [{{name: par-01}}]\nchecks: [{{name: a, {probe.format(port=port)}}}]" for port in ports
    ]
    for _ in range(5):  # what else the machine does can only add to it
        done = subprocess.run(
            [sys.executable, "-m", "hostile.probing_once", "2" if TIME in failures else "30"],
            input=json.dumps(texts), capture_output=True, text=True, timeout=100, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path[1:]])},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        told: dict[str, Any] = json.loads(done.stdout)
        if told["held_ms"] <= MAX_HELD_MS:
            break
    return told


def judged(case: Case, told: dict[str, Any]) -> None:
    assert told["failure"] in case.failures, told
    assert told["held_ms"] <= MAX_HELD_MS, told
    assert told["grown_kib"] <= MAX_GROWN_KIB, told


@pytest.mark.parametrize("name", CASES)
def test_one_answer_over_a_stream(name: str) -> None:
    with stream(CASES[name].say) as port:
        judged(CASES[name], cost(CASES[name].probe, (port, port), CASES[name].failures))


@pytest.mark.parametrize("name", DATAGRAMS)
def test_one_answer_of_datagrams(name: str) -> None:
    with datagrams(DATAGRAMS[name].say) as port:
        judged(DATAGRAMS[name], cost(DATAGRAMS[name].probe, (port, port), DATAGRAMS[name].failures))
