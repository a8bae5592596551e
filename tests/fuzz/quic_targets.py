"""QUIC and HTTP/3: frames, handshakes and certificates of a peer whose packets are sealed as they should be.

Every input is a row of pieces: a byte that says what it is, two of length, the bytes.
"""

import struct
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from aioquic import tls
from aioquic.buffer import encode_uint_var
from aioquic.quic import events
from aioquic.quic.connection import QuicConnection, QuicConnectionState
from aioquic.quic.crypto import CryptoContext, CryptoPair
from aioquic.tls import CipherSuite, Epoch, KeySchedule

from servers.certificates import issued
from vedette.checks.model import TlsOptions
from vedette_agent.engine import quic, quicconnection, quictls
from vedette_agent.engine.quictrust import refusal
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http.http3 import STREAMS, Http3, error_name

MAX_BODY: Final = 1 << 16
# The agent takes turns after 4 ms, and an input is one turn: so many bytes in so many datagrams.
MAX_BYTES: Final = 3 * quic.MAX_DATAGRAM
MAX_PIECES: Final = 64
OURS: Final = b"CCCCCCCC"  # stands in a corpus for the connection id of our side
_SECRET: Final = bytes(32)
_PEER: Final = ("127.0.0.1", 9)
_VERSION: Final = b"\0\0\0\1"


def pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = count = 0
    while at < len(data) and count < MAX_PIECES:
        count += 1
        length = int.from_bytes(data[at + 1 : at + 3], "big")
        yield data[at], data[at + 3 : at + 3 + length]
        at += 3 + length


def piece(kind: int, data: bytes) -> bytes:
    return struct.pack(">BH", kind, len(data)) + data


class Datagrams:
    """With as much of a socket as a QUIC connection uses; what is sent is lost."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def fileno(self) -> int:
        return 0

    def recvmsg(self, most: int, ancillary: int, flags: int = 0) -> tuple[bytes, list[Any], int, Any]:
        if flags or not self.waiting:
            raise BlockingIOError
        return self.waiting.pop(0)[:most], [], 0, _PEER

    def sendmsg(self, data: Any, ancillary: Any) -> None:
        pass

    def close(self) -> None:
        pass


class Met:
    """A client's connection and the keys of its peer."""

    def __init__(self, alpn: str) -> None:
        made = quictls.configuration(TlsOptions(verify=False), "a.test", alpn, 1 << 17)
        self.sock = Datagrams()
        self.connection = quicconnection.Connection(made, STREAMS)
        io: Any = SimpleNamespace(
            loop=SimpleNamespace(time=lambda: 1.0), poller=SimpleNamespace(forget=lambda fd: None)
        )
        self.quic = quic.Quic(io, self.sock, _PEER, self.connection, error_name)  # type: ignore[arg-type]
        self.connection.connect(_PEER, 1.0)
        initial = CryptoPair()
        initial.setup_initial(self.connection._peer_cid.cid, False, 1)
        self._keys = {Epoch.INITIAL: initial.send}
        self._number = 0

    def has_keys(self, epoch: Epoch) -> None:
        """Both sides have keys of *epoch*: those that nobody could know but here."""
        ours = self.connection._cryptos[epoch]
        self._keys[epoch] = CryptoContext()
        for one in (ours.recv, ours.send, self._keys[epoch]):
            one.setup(cipher_suite=CipherSuite.AES_128_GCM_SHA256, secret=_SECRET, version=1)

    def sealed(self, epoch: Epoch, frames: bytes) -> bytes:
        """A packet of the peer."""
        to = self.connection.host_cid
        frames = frames.ljust(4, b"\0")
        self._number += 1
        number = self._number.to_bytes(4, "big")
        if epoch is Epoch.ONE_RTT:
            head = b"\x43" + to
        else:
            length = (len(frames) + 20 | 0x4000).to_bytes(2, "big")
            kind, token = (b"\xc3", b"\0") if epoch is Epoch.INITIAL else (b"\xe3", b"")
            ids = bytes([len(to)]) + to + bytes([len(OURS)]) + OURS
            head = kind + _VERSION + ids + token + length
        return self._keys[epoch].encrypt_packet(head + number, frames, self._number)

    def takes(self, wait: Callable[[], Awaitable[object]]) -> None:
        """All that came, until nothing is left of it."""

        async def all_of_it() -> None:
            while True:
                await wait()

        waiting = all_of_it()
        try:
            waiting.send(None)
            while self.sock.waiting:
                waiting.send(None)
        except ProbeFailed:
            pass
        finally:
            waiting.close()
            self.quic.close()


def quic_datagrams(data: bytes) -> None:
    """Before the peer has said hello: Retry, other versions, resets, Initial packets, junk."""
    met = Met("doq")
    for kind, said in pieces(data[:MAX_BYTES]):
        came = met.sealed(Epoch.INITIAL, said) if kind % 2 else said.replace(OURS, met.connection.host_cid)
        met.sock.waiting.append(came)
    met.takes(met.quic.event)


def quic_handshake(data: bytes) -> None:
    """Messages behind the hello, and what is told of the certificates that were among them."""
    met = Met("doq")
    met.has_keys(Epoch.HANDSHAKE)
    spoken = met.connection.tls
    spoken.key_schedule = schedule = KeySchedule(CipherSuite.AES_128_GCM_SHA256)
    schedule.extract(None)
    schedule.extract(bytes(32))
    spoken._set_state(tls.State.CLIENT_EXPECT_ENCRYPTED_EXTENSIONS)
    offset = 0
    for _, said in pieces(data[: 2 * MAX_BYTES]):
        frame = b"\x06" + encode_uint_var(offset) + encode_uint_var(len(said)) + said
        offset += len(said)
        met.sock.waiting.append(met.sealed(Epoch.HANDSHAKE, frame))
    met.takes(met.quic.event)
    chain = quictls.presented(met.quic)
    told = quictls.facts(met.quic, chain, (), None, is_verified=False)
    assert told.presented == len(chain)
    if chain:
        refusal(chain, "a.test", _roots())


@cache
def _roots() -> str:
    file = Path(tempfile.mkdtemp()) / "roots.pem"
    file.write_bytes(issued(common_name="root", is_ca=True).pem)
    return str(file)


def quic_frames(data: bytes) -> None:
    """Frames of a peer whose handshake is done, on a connection with one question under way."""
    met = Met("h3")
    met.has_keys(Epoch.ONE_RTT)
    connection = met.connection
    connection.tls._set_state(tls.State.CLIENT_POST_HANDSHAKE)
    connection._handshake_complete = True
    connection._peer_cid.sequence_number = 0
    connection._set_state(QuicConnectionState.CONNECTED)
    connection._remote_max_streams_bidi = 1
    connection.send_stream_data(0, b"question", end_stream=True)
    met.quic._is_up = True
    for kind, said in pieces(data[:MAX_BYTES]):
        met.sock.waiting.append(met.sealed(Epoch.ONE_RTT, said) if kind % 8 else said)
    met.takes(met.quic.event)


_STREAMS: Final = (0, 3, 7, 11, 15, 19, 4, 1)


def http3(data: bytes) -> None:
    """What a peer says on streams, some of which it opened."""
    connection = QuicConnection(
        configuration=quictls.configuration(TlsOptions(verify=False), "a.test", "h3", 1 << 17)
    )
    exchange = Http3("GET", MAX_BODY, keeps_body=True)
    exchange.begin(
        connection, [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/")]
    )
    ended: set[int] = set()
    try:
        for kind, said in pieces(data[: quic.SLICE]):
            stream = _STREAMS[kind % 8]
            if stream in ended or exchange.is_complete or exchange.is_too_large:
                continue
            is_last = bool(kind & 0x40)
            if is_last:
                ended.add(stream)
            if kind & 0x80 and is_last:
                exchange.see(events.StreamReset(error_code=len(said), stream_id=stream))
            else:
                exchange.see(events.StreamDataReceived(data=said, end_stream=is_last, stream_id=stream))
    except ProbeFailed:
        pass
    assert len(exchange.body) <= MAX_BODY
