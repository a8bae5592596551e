"""One exchange over HTTP/2: what honest servers send, and what hostile ones do to whoever listens."""

import struct
import time

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http.http2 import MAX_FIELD_BLOCK, MAX_FRAME_BYTES, STOCK, Http2
from vedette_agent.http.incoming import OPENING_BYTES

FIELDS = [(":method", "POST"), (":scheme", "https"), (":authority", "shop.example"), (":path", "/")]
LIMIT = 1 << 20


def begun(body: bytes | None = None, method: str = "POST", limit: int = LIMIT) -> tuple[Http2, bytes]:
    exchange = Http2(method, limit, keeps_body=True)
    return exchange, exchange.begin(FIELDS, body)


class Server:
    """The other end, well-behaved: h2 in its other role."""

    def __init__(self) -> None:
        self.connection = H2Connection(H2Configuration(client_side=False))
        self.connection.initiate_connection()
        self.events: list[Event] = []

    def take(self, data: bytes) -> bytes:
        self.events += self.connection.receive_data(data)
        for event in self.events:
            if isinstance(event, DataReceived) and event.flow_controlled_length:
                self.connection.acknowledge_received_data(event.flow_controlled_length, 1)
                event.flow_controlled_length = 0
        return self.connection.data_to_send()

    def respond(
        self, *fields: tuple[str, str], body: bytes = b"", trailers: dict[str, str] | None = None
    ) -> bytes:
        connection = self.connection
        connection.send_headers(1, list(fields), end_stream=not body and not trailers)
        for at in range(0, len(body), MAX_FRAME_BYTES):
            piece = body[at : at + MAX_FRAME_BYTES]
            connection.send_data(1, piece, end_stream=at + MAX_FRAME_BYTES >= len(body) and not trailers)
        if trailers:
            connection.send_headers(1, list(trailers.items()), end_stream=True)
        return connection.data_to_send()


def test_a_response_with_a_body_and_trailers() -> None:
    """As gRPC has it; fed byte by byte."""
    exchange, sent = begun(b"question")
    server = Server()
    data = server.take(sent)
    data += server.respond(
        (":status", "200"), ("x-a", "1"), ("x-a", "2"), body=b"answer", trailers={"grpc-status": "0"}
    )
    for byte in data:
        exchange.feed(bytes([byte]))
    assert (exchange.status, exchange.version) == (200, "2")
    assert exchange.headers == {"x-a": "1, 2"}
    assert bytes(exchange.body) == b"answer"
    assert exchange.trailers == {"grpc-status": "0"}
    assert exchange.is_complete
    (request,) = [event for event in server.events if isinstance(event, RequestReceived)]
    assert [(name.decode(), value.decode()) for name, value in request.headers] == FIELDS


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", ":status: 503\nx-a: 1"),
        ("é".encode() * 20_000, ":status: 503\nx-a: 1\n\n" + "é" * (OPENING_BYTES // 2)),
        (b"x" + "é".encode() * 20_000, ":status: 503\nx-a: 1\n\nx" + "é" * (OPENING_BYTES // 2 - 1)),
        (b"\xff" * 20_000, ":status: 503\nx-a: 1\n\n[20000 bytes of a body that is no text]"),
    ],
)
def test_what_is_told_of_a_response_whose_body_nobody_wants(body: bytes, told: str) -> None:
    """Of the page of an error the beginning is kept, and no more than that."""
    exchange = Http2("POST", LIMIT, keeps_body=False)
    server = Server()
    exchange.feed(server.take(exchange.begin(FIELDS)))
    exchange.feed(server.respond((":status", "503"), ("x-a", "1"), body=body))
    assert exchange.told() == told
    assert not exchange.body


def test_a_long_body_is_sent_as_the_windows_of_the_peer_allow() -> None:
    body = bytes(300_000)
    exchange, sent = begun(body)
    server = Server()
    while sent:
        sent = exchange.feed(server.take(sent))
    taken = b"".join(event.data for event in server.events if isinstance(event, DataReceived))
    assert taken == body


def test_a_long_body_comes_without_a_window_update() -> None:
    """1 MiB in one go: the window is as large as what is wanted."""
    exchange, sent = begun()
    server = Server()
    exchange.feed(server.take(sent))
    data = server.respond((":status", "200"), body=bytes(LIMIT))
    replies = [exchange.feed(data[at : at + 16384]) for at in range(0, len(data), 16384)]
    assert exchange.is_complete
    assert exchange.body_bytes == LIMIT
    assert not any(replies)


def test_a_body_beyond_the_limit() -> None:
    exchange, sent = begun(limit=1000)
    server = Server()
    exchange.feed(server.take(sent))
    exchange.feed(server.respond((":status", "200"), body=bytes(1001)))
    assert exchange.is_too_large
    assert len(exchange.body) <= 1000


def test_head_is_complete_with_its_headers() -> None:
    exchange, sent = begun(method="HEAD")
    server = Server()
    exchange.feed(server.take(sent))
    server.connection.send_headers(1, [(":status", "200"), ("content-length", "99")])
    exchange.feed(server.connection.data_to_send())
    assert (exchange.is_complete, exchange.content_length) == (True, 99)


def test_interim_responses_are_passed_over() -> None:
    exchange, sent = begun()
    server = Server()
    exchange.feed(server.take(sent))
    server.connection.send_headers(1, [(":status", "103"), ("link", "</a>")])
    exchange.feed(server.connection.data_to_send())
    assert (exchange.has_begun, exchange.has_headers) == (True, False)
    exchange.feed(server.respond((":status", "204")))
    assert (exchange.status, exchange.headers) == (204, {})


# What follows is built frame by frame.

SETTINGS = SettingsFrame(0).serialize()


def head(*fields: tuple[str, str], flags: tuple[str, ...] = ("END_HEADERS",)) -> bytes:
    # Never indexed: the blocks of all tests are independent.
    block = Encoder().encode(list(fields))
    return HeadersFrame(1, data=block, flags=flags).serialize()


OK = head((":status", "200"))


def goaway(last: int, code: int = 0, words: bytes = b"") -> bytes:
    return GoAwayFrame(0, last_stream_id=last, error_code=code, additional_data=words).serialize()


def test_a_server_that_goes_away_after_this_response() -> None:
    """RFC 9113 6.8: stream 1 is still served. h2 alone would take nothing more."""
    exchange, _ = begun()
    exchange.feed(SETTINGS + goaway(1) + OK + DataFrame(1, data=b"x", flags=("END_STREAM",)).serialize())
    assert exchange.is_complete
    assert bytes(exchange.body) == b"x"


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not HTTP/2; it began with b'HTTP/1.1 400"),
        (OK, "is not HTTP/2"),
        (SETTINGS + goaway(0), "goes away: NO_ERROR"),
        (SETTINGS + goaway(1, 11, b"calm down"), r"goes away: ENHANCE_YOUR_CALM b'calm down'"),
        (SETTINGS + goaway(1, 77), "goes away: error 77"),
        (SETTINGS + b"\0\0\4\7\0" + bytes(8), "cut short"),
        (SETTINGS + RstStreamFrame(1, error_code=7).serialize(), "reset the stream: REFUSED_STREAM"),
        (SETTINGS + OK + RstStreamFrame(1, error_code=2).serialize(), "reset the stream: INTERNAL_ERROR"),
        (SETTINGS + head((":status", "20x")), "status b'20x'"),
        (SETTINGS + head(("x-a", "1")), "HTTP/2: "),
        (SETTINGS + head((":status", "200"), ("X-A", "1")), "HTTP/2: "),
        (SETTINGS + head((":status", "200"), *[("a", "b")] * 300), "more than 256 headers"),
        (SETTINGS + head((":status", "200"), *[("a", "b" * 4000)] * 9), "Oversized header block"),
        (SETTINGS + HeadersFrame(1, data=b"\xff" * 20, flags=("END_HEADERS",)).serialize(), "HTTP/2: "),
        (SETTINGS + OK + DataFrame(3, data=b"x").serialize(), "HTTP/2: "),
        (SETTINGS + OK + WindowUpdateFrame(0, window_increment=2**31 - 1).serialize(), "HTTP/2: "),
        (SETTINGS + PushPromiseFrame(1, promised_stream_id=2, flags=("END_HEADERS",)).serialize(), "a push"),
        (SETTINGS + SettingsFrame(0, settings=dict.fromkeys(range(10, 200), 1)).serialize(), "of settings"),
        (SETTINGS + b"\xff\xff\xff\x0a\0" + bytes(4), "a frame of 16777215 bytes"),
    ],
)
def test_what_breaks_the_protocol(frames: bytes, said: str) -> None:
    exchange, _ = begun()
    with pytest.raises(ProbeFailed, match=said) as failed:
        exchange.feed(frames)
    assert failed.value.failure == "http.protocol"


@pytest.mark.parametrize("so_far", [b"", SETTINGS, SETTINGS + OK])
def test_an_end_too_soon(so_far: bytes) -> None:
    exchange, _ = begun()
    exchange.feed(so_far)
    with pytest.raises(ProbeFailed, match="the peer closed the connection"):
        exchange.end()


FLOODS = {
    "ping": PingFrame(0, opaque_data=b"12345678").serialize(),
    "settings": SETTINGS,
    "priority": PriorityFrame(1, depends_on=3).serialize(),
    "reset": RstStreamFrame(3).serialize(),
    "window": WindowUpdateFrame(0, window_increment=1).serialize(),
    "unknown": b"\0\0\x64\xee\0" + bytes(4) + b"x" * 100,
    "empty data": DataFrame(1, data=b"").serialize(),
    "tiny data": DataFrame(1, data=b"x").serialize(),
}


@pytest.mark.parametrize("frame", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_frames_ends(frame: bytes) -> None:
    exchange, _ = begun()
    exchange.feed(SETTINGS + OK)
    with pytest.raises(ProbeFailed, match="that carry little or nothing"):
        exchange.feed(frame * (STOCK + 1))


def test_a_body_in_frames_of_some_size_is_no_flood() -> None:
    exchange, _ = begun()
    exchange.feed(SETTINGS + OK)
    for _ in range(4):
        exchange.feed(DataFrame(1, data=bytes(256)).serialize() * STOCK)
    assert exchange.body_bytes == 4 * STOCK * 256


def test_a_flood_of_continuations_ends() -> None:
    """CVE-2024-27316: a field block without end is refused by its bytes, an empty one by its frames."""
    start = HeadersFrame(1, data=b"").serialize()
    exchange, _ = begun()
    with pytest.raises(ProbeFailed, match=f"more than {MAX_FIELD_BLOCK} bytes of headers"):
        exchange.feed(SETTINGS + start + ContinuationFrame(1, data=bytes(16000)).serialize() * 2)
    exchange, _ = begun()
    with pytest.raises(ProbeFailed, match="Too many continuation frames"):
        exchange.feed(SETTINGS + start + ContinuationFrame(1, data=b"").serialize() * 65)


def test_settings_between_pieces_of_the_body_end() -> None:
    """The body fills the stock up, but h2 keeps memory for each number of a setting there ever was."""
    exchange, _ = begun()
    exchange.feed(SETTINGS + OK)
    flood = b""
    for first in range(1000, 3000, 100):
        some = b"".join(struct.pack(">HL", number, 1) for number in range(first, first + 100))
        settings = len(some).to_bytes(3, "big") + bytes([4, 0, 0, 0, 0, 0]) + some
        flood += DataFrame(1, data=bytes(MAX_FRAME_BYTES)).serialize() + settings
    with pytest.raises(ProbeFailed, match="bytes of settings"):
        exchange.feed(flood)


def test_a_flood_of_table_sizes_ends() -> None:
    """RFC 7541 6.3: a byte each, and the decoder takes any number of them. An encoder needs two."""
    ok = b"\x88"
    for sizes in (b" ", b" \x3f\xe1\x1f"):  # 0; 0 and 4096
        exchange, _ = begun()
        exchange.feed(SETTINGS + HeadersFrame(1, data=sizes + ok, flags=("END_HEADERS",)).serialize())
        assert exchange.status == 200
    for sizes in (b" " * 3, b" \x3f\xe1\x1f ", b"\x3f\xe1\x1f" * 3, b" " * 15_000):
        exchange, _ = begun()
        split = HeadersFrame(1, data=sizes[:1]).serialize()
        rest = ContinuationFrame(1, data=sizes[1:] + ok, flags=("END_HEADERS",)).serialize()
        with pytest.raises(ProbeFailed, match="changes to the size of the table"):
            exchange.feed(SETTINGS + split + rest)


def test_fields_of_interim_responses_take_more_of_the_stock() -> None:
    """Some 30 KiB of fields in all: ten interim responses of 1 KiB and the last one, but no sixty."""
    links = [("link", f"</style-{number}.css>; rel=preload; as=style") for number in range(30)]
    hints = head((":status", "103"), *links)
    assert len(hints) > 700
    exchange, _ = begun()
    exchange.feed(SETTINGS)
    with pytest.raises(ProbeFailed, match="that carry little or nothing"):
        exchange.feed(hints * 60)
    exchange, _ = begun()
    exchange.feed(SETTINGS + hints * 10 + OK)
    assert exchange.status == 200


@pytest.mark.parametrize("promised", ["7", "9" * 40])
def test_a_body_that_is_cut_short_before_trailers(promised: str) -> None:
    """RFC 9113 8.1.1: it is malformed, with trailers as without."""
    trailers = HeadersFrame(1, data=Encoder().encode([("x-a", "1")]), flags=("END_HEADERS", "END_STREAM"))
    for body, is_whole in ((b"in stock"[:6], False), (b"instock", promised == "7")):
        exchange, _ = begun()
        start = head((":status", "200"), ("content-length", promised))
        exchange.feed(SETTINGS + start + DataFrame(1, data=body).serialize())
        if is_whole:
            exchange.feed(trailers.serialize())
            assert exchange.is_complete
        else:
            with pytest.raises(ProbeFailed, match=f"after {len(body)} bytes of {promised[:20]} promised"):
                exchange.feed(trailers.serialize())


def test_a_long_field_is_sent_as_it_is() -> None:
    """A peer chooses cookies and where to go: 40 KB of it take hpack half a second by Huffman's code."""
    exchange = Http2("GET", LIMIT, keeps_body=True)
    began = time.thread_time()
    sent = exchange.begin([*FIELDS[:3], (":path", "/" + "~" * 40_000)])
    assert time.thread_time() - began < 0.1
    server = Server()
    server.take(sent)
    (request,) = [event for event in server.events if isinstance(event, RequestReceived)]
    assert dict(request.headers)[b":path"] == b"/" + b"~" * 40_000


def test_a_peer_that_ignores_the_window() -> None:
    exchange, _ = begun(limit=1000)
    exchange.feed(SETTINGS + OK)
    exchange._max_body_bytes = LIMIT  # so that it is not the body's own bound that stops it
    with pytest.raises(ProbeFailed, match="HTTP/2: "):
        exchange.feed(DataFrame(1, data=bytes(16000)).serialize() * 5)
