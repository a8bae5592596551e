"""Any one answer over QUIC costs the agent as little as every other: DNS over QUIC and HTTP/3."""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from aioquic.quic import connection
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import encode_quic_retry, encode_quic_version_negotiation

from hostile.quic_servers import ROOM, Frames, crypto, on_stream, rude, streamed, varint
from hostile.test_cost_of_one_answer import TIME, Case, cost, judged, zeros
from servers.certificates import issued
from servers.quic import datagram_server

DOQ = "dns: {{name: a.test, resolver: '127.0.0.1:{port}', transport: quic, tls: {{verify: false}}}}"
DOQ_VERIFIED = DOQ.replace(", tls: {{verify: false}}", "")
HTTP3 = (
    "http: {{url: 'https://127.0.0.1:{port}/', versions: [HTTP/3], tls: {{verify: false}}, "
    "compression: [gzip], max_body_bytes: 4MiB, expect: {{body: {{match: x}}}}}}"
)
# What is lost on a busy machine is never sent again. What comes behind it is held back, and the probe waits,
# or refuses so much that leads to nothing.
CLOSED = (TIME, "quic.closed")
BROKEN, LARGE = (*CLOSED, "http.protocol"), (*CLOSED, "http.too_large")
MOST = 1300  # bytes of frames in a datagram


class Said(NamedTuple):
    probe: str
    frames: Frames
    failures: tuple[str, ...]


def repeated(frame: bytes, head: bytes = b"") -> Frames:
    """*frame* as often as a datagram has room for it, in datagrams without end."""
    return lambda: itertools.chain([head] if head else [], itertools.repeat(frame * (MOST // len(frame))))


def numbered(frame: Callable[[int], bytes], step: int = 1, count: int = 400_000) -> Frames:
    """Another frame each time."""

    def say() -> Iterator[bytes]:
        said = b""
        for number in range(0, count, step):
            said += frame(number)
            if len(said) > MOST - 40:
                yield said
                said = b""

    return say


TICKET = b"\4\0\0\x0f" + bytes(8) + b"\1a" + b"\0\1a" + b"\0\0"  # RFC 8446 4.6.1


def tickets_held_back() -> Iterator[bytes]:
    """Half a megabyte of tickets whose first byte comes last."""
    whole = TICKET * (500_000 // len(TICKET))
    for at in range(1, len(whole), MOST):
        yield crypto(at, whole[at : at + MOST])
    yield crypto(0, whole[:1])


def body(head: bytes, size: int) -> bytes:
    return b"\1\3\0\0\xd9" + b"\0" + varint(size) + head


def held_back() -> Iterator[bytes]:
    """As large a body as is allowed, whose first bytes come last."""
    whole = body(b"", 4_190_000) + bytes(4_190_000)
    yield from streamed(0, whole, 5)
    for _ in range(50):
        yield on_stream(0, 0, whole[:5])


def held_back_at_last() -> Iterator[bytes]:
    """A body that comes in order, but for its last megabyte, whose first bytes come last."""
    whole = body(b"", 4_190_000) + bytes(4_190_000)
    yield from streamed(0, whole[:3_000_000])
    yield from streamed(0, whole, 3_000_000 + ROOM)
    for _ in range(50):
        yield on_stream(0, 3_000_000, whole[:ROOM])


def section(block: bytes) -> Frames:
    return lambda: streamed(0, b"\1" + varint(len(block)) + block)


def control(said: bytes) -> Frames:
    return lambda: streamed(3, b"\0" + said)


def settings() -> Iterator[bytes]:
    """As many as come before the bound of what is not body, each another."""
    each = b"".join(varint(number) + b"\0" for number in range(64, 13_000))
    return streamed(3, b"\0\4" + varint(len(each)) + each)


def bomb() -> Iterator[bytes]:
    packed = zeros()
    head = b"\1" + varint(4) + b"\0\0\xd9\xeb"  # 200, and gzip: RFC 9204, appendix A
    return streamed(0, head + b"\0" + varint(len(packed)) + packed)


CONTROL = b"\0\4\0"
SAID = {
    "pings": Said(DOQ, repeated(b"\1"), CLOSED),
    "empty stream frames": Said(DOQ, repeated(on_stream(0, 0, b"")), CLOSED),
    "one byte again and again": Said(DOQ, repeated(on_stream(0, 0, b"\0")), CLOSED),
    "bytes with gaps": Said(DOQ, numbered(lambda at: on_stream(0, at + 1, b"a"), 2, 65_000), CLOSED),
    "tickets held back": Said(DOQ, tickets_held_back, CLOSED),
    "tickets": Said(
        DOQ, numbered(lambda at: crypto(at * len(TICKET), TICKET)), CLOSED
    ),
    "crypto again": Said(DOQ, repeated(crypto(0, TICKET)), CLOSED),
    "connection ids": Said(
        DOQ,
        numbered(lambda at: b"\x18" + varint(at + 8, at + 8) + b"\x08" + at.to_bytes(8, "big") + bytes(16)),
        CLOSED,
    ),
    "challenges": Said(DOQ, repeated(b"\x1a" + bytes(8)), CLOSED),
    "acknowledgements": Said(DOQ, repeated(b"\2\0\0\0\0"), CLOSED),
    "ranges": Said(DOQ, repeated(b"\2" + varint(4000, 0, 600, 0) + b"\0\0" * 600), CLOSED),
    "streams of its own": Said(DOQ, numbered(lambda at: on_stream(4 * at + 3, 0, b"a")), CLOSED),
    "streams of its own, as many as may be": Said(
        HTTP3, numbered(lambda at: on_stream(4 * (at % 16) + 3, at // 16, b"\x21")), BROKEN
    ),
    "fields of a byte": Said(HTTP3, section(b"\0\0\xd9" + b"\xc2" * 16_000), BROKEN),
    "fields of two bytes": Said(HTTP3, section(b"\0\0\xd9" + b"\x21a\0" * 5_000), BROKEN),
    "an endless section": Said(HTTP3, section(b"\0\0\xd9" + b"\xc2" * 1_000_000), BROKEN),
    "an endless name": Said(HTTP3, section(b"\0\0\xd9\x27" + varint(60_000) + b"a" * 16_000), BROKEN),
    "interim responses": Said(HTTP3, lambda: streamed(0, b"\1\3\0\0\xd8" * 200_000), BROKEN),
    "empty data": Said(HTTP3, lambda: streamed(0, b"\1\3\0\0\xd9" + b"\0\0" * 500_000), BROKEN),
    "data of a byte": Said(HTTP3, lambda: streamed(0, b"\1\3\0\0\xd9" + b"\0\1a" * 1_500_000), BROKEN),
    "unknown frames": Said(HTTP3, lambda: streamed(0, b"\x21\0" * 500_000), BROKEN),
    "endless data": Said(HTTP3, lambda: streamed(0, body(b"", 1 << 40) + bytes(4_500_000)), LARGE),
    "data held back": Said(HTTP3, held_back, LARGE),
    "data held back at last": Said(HTTP3, held_back_at_last, LARGE),
    "a bomb": Said(HTTP3, bomb, LARGE),
    "settings": Said(HTTP3, settings, BROKEN),
    "goodbyes": Said(HTTP3, control(b"\4\0" + b"\7\1\4" * 500_000), BROKEN),
    "cancelled pushes": Said(HTTP3, control(b"\4\0" + b"\3\1\0" * 500_000), BROKEN),
    "a dynamic table": Said(HTTP3, lambda: streamed(7, b"\2" + b"\x3f\xe1\x1f" * 100_000), BROKEN),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_one_answer(name: str) -> None:
    probe, frames, failures = SAID[name]
    with rude("h3" if probe is HTTP3 else "doq", frames) as port:
        judged(Case(probe, bytes, failures), cost(probe, (port, port), failures))  # type: ignore[arg-type]


SMALL = issued(common_name="a", is_ca=True)
CHAINS = {
    "100 certificates": (DOQ, [SMALL] * 100, (TIME,)),
    "100 certificates, verified": (DOQ_VERIFIED, [SMALL] * 100, (TIME, "tls.untrusted")),
    "as many as come before the bound": (DOQ, [SMALL] * 290, (TIME,)),
    "more": (DOQ, [SMALL] * 450, (TIME, "quic.handshake")),
}


@pytest.mark.parametrize("name", CHAINS)
def test_one_chain(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verified or not; then the question is left open."""
    monkeypatch.setattr(connection, "CRYPTO_BUFFER_SIZE", 1 << 18)  # of the server here
    probe, chain, failures = CHAINS[name]
    with rude("doq", list, chain) as port:
        judged(Case(probe, bytes, failures), cost(probe, (port, port), failures))  # type: ignore[arg-type]


def ids(asked: bytes) -> tuple[bytes, bytes]:
    """Destination and source connection id of a long header (RFC 9000 17.2)."""
    at = 6 + asked[5]
    return asked[6:at], asked[at + 1 : at + 1 + asked[at]]


def versions(asked: bytes) -> list[bytes]:
    to, of = ids(asked)
    return [encode_quic_version_negotiation(to, of, [1, *range(2, 300)])] * 2000


def retries(asked: bytes) -> list[bytes]:
    """The first is good, and each asks for another connection id."""
    to, of = ids(asked)
    return [encode_quic_retry(1, number.to_bytes(8, "big"), of, to, bytes(1000)) for number in range(1, 2000)]


def initials(asked: bytes) -> list[bytes]:
    """Sealed with the keys that anybody knows who has seen the first datagram."""
    to, of = ids(asked)
    pair = CryptoPair()
    pair.setup_initial(to, False, 1)
    made = []
    for number in range(1, 1500):
        frames = b"".join(crypto(at, b"\2\0\xff\xff" * 2) for at in range(number, number + 1000, 12))
        frames = frames[:1100].ljust(1100, b"\0")
        length = (len(frames) + 20 | 0x4000).to_bytes(2, "big")
        head = b"\xc3\0\0\0\1" + bytes([len(of)]) + of + bytes([len(to)]) + to + b"\0" + length
        made.append(pair.send.encrypt_packet(head + number.to_bytes(4, "big"), frames, number))
    return made


FIRST = {
    "versions": (versions, (TIME, "quic.handshake")),
    "retries": (retries, (TIME, "quic.handshake")),
    "hellos out of order": (initials, (TIME, "tls.handshake", "quic.handshake")),
    "junk": (lambda asked: [b"\x40" + bytes(1300)] * 2000, (TIME, "quic.handshake")),
    "long junk": (lambda asked: [b"\xc0" * 60_000] * 500, (TIME, "quic.handshake")),
}


@pytest.mark.parametrize("name", FIRST)
def test_one_first_answer(name: str) -> None:
    """Before there are keys that only the peer can have. A good server is probed first."""
    answer, failures = FIRST[name]
    with datagram_server(answer) as port, rude("doq", list) as good:
        judged(Case(DOQ, bytes, failures), cost(DOQ, (good, port), failures))  # type: ignore[arg-type]
