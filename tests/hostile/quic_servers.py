"""A QUIC server that answers its first client well and says to the second what it is told to, sealed as it
should be, but otherwise by no rule."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event

from aioquic.buffer import encode_uint_var
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import QuicEvent, StreamDataReceived
from aioquic.tls import Epoch

from servers.certificates import Issued, issued
from servers.quic import Behave, configured, doq, good, http3, quic_server, raw, responds

Frames = Callable[[], Iterable[bytes]]  # the frames of each datagram; an empty one: a pause
BURST = 32  # datagrams between two pauses, so that none is lost on the way
ROOM = 1200  # bytes of a stream in a datagram


def varint(*numbers: int) -> bytes:
    return b"".join(encode_uint_var(number) for number in numbers)


def on_stream(number: int, at: int, data: bytes) -> bytes:
    """RFC 9000 19.8."""
    return b"\x0e" + varint(number, at, len(data)) + data


def crypto(at: int, data: bytes) -> bytes:
    """RFC 9000 19.6."""
    return b"\x06" + varint(at, len(data)) + data


def streamed(number: int, whole: bytes, since: int = 0) -> Iterator[bytes]:
    for at in range(since, len(whole), ROOM):
        yield on_stream(number, at, whole[at : at + ROOM])


def sealed(connection: QuicConnection, frames: bytes) -> bytes:
    connection._packet_number += 1
    head = b"\x43" + connection._peer_cid.cid + connection._packet_number.to_bytes(4, "big")
    crypto = connection._cryptos[Epoch.ONE_RTT]
    return crypto.encrypt_packet(head, frames.ljust(4, b"\0"), connection._packet_number)


@contextmanager
def rude(alpn: str, frames: Frames, chain: list[Issued] | None = None) -> Iterator[int]:
    """Its port."""
    leaf = issued("127.0.0.1")
    kind: Behave = doq(good) if alpn == "doq" else http3(responds(200, b"hello"))
    gentle: list[QuicConnection] = []
    over = Event()

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if not gentle:
            gentle.append(connection)
        if connection is gentle[0]:
            kind(connection, event)
        elif isinstance(event, StreamDataReceived) and event.stream_id == 0 and event.end_stream:
            connection.receive_datagram = lambda *said, **named: None  # type: ignore[method-assign]
            for number, one in enumerate(frames()):
                raw(connection, sealed(connection, one))
                if number % BURST == BURST - 1 and over.wait(0.004):
                    return

    made = configured(leaf.key_pem, [leaf.certificate, *(one.certificate for one in chain or ())], alpn)
    with quic_server(made, behave) as port:
        try:
            yield port
        finally:
            over.set()
