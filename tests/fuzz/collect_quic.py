"""The corpus of QUIC and HTTP/3: what aioquic's server says, and frames by the RFCs."""

from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import H3Connection
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import encode_quic_retry, encode_quic_version_negotiation
from aioquic.tls import Epoch

from fuzz.quic_targets import OURS, piece
from servers.certificates import issued
from servers.quic import configured

AIOQUIC = "what aioquic's server says"
GOOD, CONTROL, ENCODER, DECODER, PUSH = 0, 1, 2, 3, 4  # of http3's streams
IS_LAST, IS_RESET = 0x40, 0x80


def _hello() -> tuple[bytes, bytes]:
    """Of the epochs Initial and Handshake."""
    leaf = issued("a.test")
    server = QuicConnection(
        configuration=configured(leaf.key_pem, [leaf.certificate] * 2, "doq"),
        original_destination_connection_id=bytes(8),
    )
    client = QuicConnection(configuration=QuicConfiguration(alpn_protocols=["doq"], server_name="a.test"))
    client.connect(("127.0.0.1", 9), 1.0)
    server._original_destination_connection_id = client.original_destination_connection_id
    for datagram, _ in client.datagrams_to_send(1.0):
        server.receive_datagram(datagram, ("127.0.0.1", 9), 1.0)
    first, second = (
        bytes(server._crypto_streams[epoch].sender._buffer) for epoch in (Epoch.INITIAL, Epoch.HANDSHAKE)
    )
    return first, second


def _cut(messages: bytes) -> list[bytes]:
    found = []
    while messages:
        length = 4 + int.from_bytes(messages[1:4], "big")
        found.append(messages[:length])
        messages = messages[length:]
    return found


def _response() -> bytes:
    """As HTTP/3 puts it on a stream."""

    class Written(QuicConnection):
        said = b""

        def send_stream_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> None:
            if stream_id == 0:
                self.said += data

    leaf = issued("a.test")
    written = Written(
        configuration=configured(leaf.key_pem, [leaf.certificate], "h3"),
        original_destination_connection_id=bytes(8),
    )
    spoken = H3Connection(written)
    spoken.send_headers(0, [(b":status", b"103"), (b"link", b"</a>")])
    spoken.send_headers(0, [(b":status", b"200"), (b"content-length", b"5"), (b"x-odd", b"v")])
    spoken.send_data(0, b"hello", end_stream=False)
    spoken.send_headers(0, [(b"x-sum", b"1")], end_stream=True)
    return written.said


def quic_inputs() -> dict[str, tuple[bytes, str]]:
    """Inputs and their origins by target and name."""
    hello, rest = _hello()
    messages = _cut(rest)
    crypto = b"\x06" + encode_uint_var(0) + encode_uint_var(len(hello)) + hello
    response = _response()
    settings = b"\0\4\4\1\0\7\0"
    stream = b"\x0a\0" + encode_uint_var(len(response)) + response
    others = bytes.fromhex(
        "01"  # PING
        "0200000000"  # ACK
        "04030000"  # RESET_STREAM
        "050000"  # STOP_SENDING
        "0705aabbccddee"  # NEW_TOKEN
        "100fff" "11000fff" "1208" "1308" "1409" "150009" "1600" "1700"  # limits
        "1801000811223344556677880102030405060708090a0b0c0d0e0f10"  # NEW_CONNECTION_ID
        "1a0102030405060708" "1b0102030405060708"  # PATH_CHALLENGE, PATH_RESPONSE
        "1e"  # HANDSHAKE_DONE
    )  # fmt: skip
    retry = encode_quic_retry(1, b"SSSSSSSS", OURS, bytes(8), b"token")
    versions = encode_quic_version_negotiation(b"SSSSSSSS", OURS, [0x1A2A3A4A, 2])
    certificate = messages[1]
    der = certificate[11 : 11 + int.from_bytes(certificate[8:11], "big")]
    entry = len(der).to_bytes(3, "big") + der + b"\0\0"
    body = b"\0" + (len(entry) * 8).to_bytes(3, "big") + entry * 8
    long = b"\x0b" + len(body).to_bytes(3, "big") + body
    tickets = b"\4\0\0\x11" + bytes(8) + b"\2ab" + b"\0\2cd" + b"\0\0"
    return {
        "quic_datagrams/hello": (piece(1, crypto), AIOQUIC),
        "quic_datagrams/late": (piece(1, crypto[:3] + crypto[9:]) + piece(1, crypto) * 2, "RFC 9000 13.3"),
        "quic_datagrams/retry": (piece(0, retry), "RFC 9000 17.2.5"),
        "quic_datagrams/versions": (piece(0, versions) + piece(1, crypto), "RFC 9000 17.2.1"),
        "quic_datagrams/junk": (piece(0, b"\x40" + bytes(40)) + piece(0, b"\xc0") + piece(0, b""), "no QUIC"),
        "quic_datagrams/close": (piece(1, b"\x1c\x02\0\x02no"), "RFC 9000 19.19"),
        "quic_handshake/whole": (piece(0, rest), AIOQUIC),
        "quic_handshake/messages": (b"".join(piece(0, one) for one in messages), AIOQUIC),
        "quic_handshake/chain": (piece(0, messages[0]) + piece(0, long), "one certificate eight times"),
        "quic_frames/response": (piece(1, b"\x0a\3" + b"\7" + settings) + piece(1, stream), AIOQUIC),
        "quic_frames/others": (piece(1, others) + piece(1, b"\0" * 9 + others), "RFC 9000 19"),
        "quic_frames/gaps": (
            b"".join(piece(1, b"\x0e\0" + bytes([at]) + b"\1a") for at in range(60, 0, -2)),
            "RFC 9000 2.2",
        ),
        "quic_frames/tickets": (
            piece(1, b"\x06\0" + encode_uint_var(len(tickets) * 20) + tickets * 20),
            "RFC 8446 4.6.1",
        ),
        "quic_frames/close": (piece(1, b"\x1d\x41\x02\2no") + piece(0, bytes(40)), "RFC 9000 19.19"),
        "http3/response": (piece(CONTROL, settings) + piece(GOOD | IS_LAST, response), AIOQUIC),
        "http3/cut": (b"".join(piece(GOOD, response[at : at + 3]) for at in range(0, 40, 3)), AIOQUIC),
        "http3/goaway": (piece(CONTROL, settings + b"\7\1\4\7\1\0"), "RFC 9114 5.2"),
        "http3/push": (
            piece(CONTROL, settings) + piece(PUSH, b"\1\0") + piece(GOOD, b"\5\2\0\0"),
            "RFC 9114 4.6",
        ),
        "http3/table": (
            piece(ENCODER, b"\2\x3f\xe1\x1f\x40")
            + piece(DECODER, b"\3\x80")
            + piece(GOOD, b"\1\4\2\0\x80\x10"),
            "RFC 9204 4.3: what was not allowed",
        ),
        "http3/reset": (piece(CONTROL, settings) + piece(GOOD | IS_LAST | IS_RESET, b"12"), "RFC 9114 4.1"),
        "http3/unknown": (piece(5, b"\x21grease") + piece(GOOD, b"\x21\0" * 200), "RFC 9114 7.2.8"),
    }
