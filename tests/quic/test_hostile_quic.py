"""What comes to the socket of a QUIC probe and is no good QUIC: floods, lies, silence."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import PingAcknowledged, QuicEvent, StreamDataReceived
from aioquic.quic.packet import encode_quic_version_negotiation
from aioquic.quic.rangeset import RangeSet

from servers.probing import Probed, bench
from servers.quic import Behave, certified, datagram_server, doq, good, quic_server, raw
from servers.tls import trust
from vedette.checks.model import DnsCheck, Endpoint, TlsOptions
from vedette.wire.failure import Failure
from vedette_agent.classify import classify
from vedette_agent.engine import quic, quicconnection
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.probers.dns import probe_dns
from vedette_agent.probers.run import prepare

CA = trustme.CA()
LEAF = CA.issue_cert("127.0.0.1")
JUNK = b"\x40" + bytes(40)


def ask(port: int, tls: TlsOptions, seconds: float = 30.0) -> Probed:
    check = DnsCheck(
        name="t", target="t", interval=60, timeout=30, query_name="a.test",
        server=Endpoint("127.0.0.1", port), transport="quic", tls=tls,
    )  # fmt: skip
    prepare([check])

    async def main() -> Probed:
        async with bench() as on:
            return await on.run(probe_dns, check, seconds)

    return asyncio.run(main())


def meet(reply: Callable[[bytes], list[bytes]], seconds: float = 30.0) -> Probed:
    with datagram_server(reply) as port:
        return ask(port, TlsOptions(verify=False), seconds)


def probe(behave: Behave, directory: Path, **how: Any) -> Probed:
    with quic_server(certified(LEAF, "doq"), behave, **how) as port:
        return ask(port, TlsOptions(ca_file=trust(CA, directory)))


def once_asked(act: Callable[[QuicConnection], None]) -> Behave:
    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            act(connection)

    return behave


def initial(data: bytes) -> tuple[bytes, bytes]:
    """Destination and source connection id of a long header (RFC 9000 17.2)."""
    at = 6 + data[5]
    return data[6:at], data[at + 1 : at + 1 + data[at]]


def versions(*offered: int) -> Callable[[bytes], list[bytes]]:
    def reply(data: bytes) -> list[bytes]:
        to, of = initial(data)
        return [encode_quic_version_negotiation(to, of, list(offered))] * 20

    return reply


def test_silence_is_a_timeout_of_the_handshake() -> None:
    probed = meet(lambda data: [], 0.5)
    assert isinstance(probed.error, DeadlineExceeded)
    assert classify(probed.error, probed.record.stage, 0.5, 0.0)[1] == "quic.timeout"


def test_nothing_listens() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert ask(port, TlsOptions(verify=False)).failure == "net.refused"


def test_junk_is_not_the_peer_s_word() -> None:
    probed = meet(lambda data: [JUNK, b"\xc0", b"", bytes(2000), data], 0.5)
    assert isinstance(probed.error, DeadlineExceeded)


def test_long_datagrams_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def receive(self: Any, data: bytes, *rest: Any, **named: Any) -> None:
        lengths.append(len(data))
        if len(lengths) == 2:
            raise ProbeFailed(Failure.QUIC_CLOSED, "enough")

    monkeypatch.setattr(quicconnection.Connection, "receive_datagram", receive)
    meet(lambda data: [bytes(1500), bytes(1501), bytes(9000), bytes(100)])
    assert lengths == [1500, 100]


def test_no_common_version() -> None:
    probed = meet(versions(0x1A2A3A4A, 0x6B3343CF))
    assert probed.failure == "quic.handshake"
    assert probed.detail == "could not find a common protocol version"


def test_a_negotiation_that_offers_our_own_version_is_ignored() -> None:
    """RFC 9000 6.2; otherwise it would go round for ever."""
    probed = meet(versions(1), 0.5)
    assert isinstance(probed.error, DeadlineExceeded)


def test_a_handshake_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "MAX_HANDSHAKE_BYTES", 8000)
    probed = meet(lambda data: [bytes(1200)] * 20)
    assert probed.failure == "quic.handshake"
    assert "8000 bytes" in probed.detail


def test_a_flood_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "STOCK", 64)

    def flood(connection: QuicConnection) -> None:
        for _ in range(150):
            raw(connection, JUNK)

    probed = probe(once_asked(flood), tmp_path)
    assert probed.failure == "quic.closed"
    assert "more than 64 datagrams" in probed.detail


def test_a_flood_leaves_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time for a turn, each datagram waits for the next one."""
    at_once = [0]
    most = [0]
    total = [0]

    def receive(self: Any, data: bytes, *rest: Any, **named: Any) -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        total[0] += 1
        if total[0] == 50:
            raise ProbeFailed(Failure.QUIC_CLOSED, "enough")

    monkeypatch.setattr(quic, "TURN", 0.0)
    monkeypatch.setattr(quicconnection.Connection, "receive_datagram", receive)

    async def main(port: int) -> None:
        loop = asyncio.get_running_loop()

        def tick() -> None:
            at_once[0] = 0
            loop.call_soon(tick)

        check = DnsCheck(
            name="t", target="t", interval=60, timeout=30, query_name="a.test",
            server=Endpoint("127.0.0.1", port), transport="quic", tls=TlsOptions(verify=False),
        )  # fmt: skip
        async with bench() as on:
            tick()
            await on.run(probe_dns, check, 30.0)

    with datagram_server(lambda data: [JUNK] * 100) as port:
        asyncio.run(main(port))
    assert (most, total) == ([1], [50])


def test_scattered_data_is_refused(tmp_path: Path) -> None:
    """Each piece between two gaps is walked over whenever another comes."""

    def scatter(connection: QuicConnection) -> None:
        connection.send_stream_data(0, bytes(1200))
        sender = connection._streams[0].sender
        sender._pending = RangeSet([range(at, at + 1) for at in range(1, 1200, 2)])

    probed = probe(once_asked(scatter), tmp_path)
    assert probed.failure == "quic.closed"
    assert "pieces" in probed.detail


def test_a_stateless_reset_ends_it_at_once(tmp_path: Path) -> None:
    """RFC 9000 10.3: the server has forgotten the connection, and says so with the token it gave."""

    def reset(connection: QuicConnection) -> None:
        raw(connection, b"\x40" + bytes(24) + connection._host_cids[0].stateless_reset_token)

    probed = probe(once_asked(reset), tmp_path)
    assert probed.failure == "quic.closed"
    assert "stateless reset" in probed.detail


@pytest.mark.parametrize("start", [b"\xc0" + bytes(24), b"\x40" + bytes(3)], ids=["long header", "20 bytes"])
def test_what_is_no_stateless_reset(start: bytes, tmp_path: Path) -> None:
    """RFC 9000 10.3: it has a short header, and at least 21 bytes."""
    answer = doq(good)

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            raw(connection, start + connection._host_cids[0].stateless_reset_token)
        answer(connection, event)

    assert probe(behave, tmp_path).error is None


def test_streams_that_nobody_asked_for(tmp_path: Path) -> None:
    def opened(connection: QuicConnection) -> None:
        connection._remote_max_streams_uni = 9
        connection._remote_max_stream_data_uni = 999
        connection.send_stream_data(connection.get_next_available_stream_id(True), b"hello")

    probed = probe(once_asked(opened), tmp_path)
    assert probed.failure == "quic.closed"
    assert "STREAM_LIMIT_ERROR" in probed.detail


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


def test_a_preferred_address_is_not_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9000 9.6: the server's choice of an address has passed no policy."""
    with listening() as elsewhere:
        v4 = bytes([127, 0, 0, 1]) + elsewhere.getsockname()[1].to_bytes(2, "big")
        preferred = v4 + bytes(18) + bytes([8]) + bytes(range(8)) + bytes(range(16))
        left: list[bytes] = []
        send = quic.Quic._send

        def noted(self: quic.Quic, data: bytes) -> None:
            left.append(data)
            send(self, data)

        monkeypatch.setattr(quic.Quic, "_send", noted)

        def prefer(connection: QuicConnection) -> None:
            told = connection._serialize_transport_parameters
            connection._serialize_transport_parameters = (  # type: ignore[method-assign]
                lambda: told() + bytes([0x0D, len(preferred)]) + preferred
            )

        answer = doq(good)
        asked: list[QuicEvent] = []

        def behave(connection: QuicConnection, event: QuicEvent) -> None:
            # The answer comes a round trip late: by then a client has tried the other address.
            if isinstance(event, StreamDataReceived):
                asked.append(event)
                connection.send_ping(1)
            elif isinstance(event, PingAcknowledged):
                answer(connection, asked[0])

        assert probe(behave, tmp_path, prepare=prefer).error is None
        with pytest.raises(BlockingIOError):
            elsewhere.recv(2000)
    # Nor does what was meant for there go to where the socket is connected.
    assert left
    assert not any(data[1:9] == bytes(range(8)) for data in left)


def test_a_probe_that_is_given_up_says_goodbye(tmp_path: Path) -> None:
    """Otherwise the server would keep what it knows of the connection until its idle timeout."""
    came: dict[int, QuicConnection] = {}

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        came[id(connection)] = connection

    with quic_server(certified(LEAF, "doq"), behave) as port:
        probed = ask(port, TlsOptions(ca_file=trust(CA, tmp_path)), 1.0)
        assert isinstance(probed.error, DeadlineExceeded)
        assert classify(probed.error, probed.record.stage, 1.0, 0.0)[1] == "dns.timeout"
        (connection,) = came.values()
        until = time.monotonic() + 20
        while connection._close_event is None and time.monotonic() < until:
            threading.Event().wait(0.01)
        assert connection._close_event is not None
        assert connection._close_event.error_code == 0


def test_a_goodbye_that_fails_leaves_no_socket_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that stays with the poller would be taken for the next socket's."""

    def fail(*given: Any, **named: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(quicconnection.Connection, "close", fail)
    with quic_server(certified(LEAF, "doq"), doq(good)) as port:
        before = len(os.listdir("/proc/self/fd"))
        probed = ask(port, TlsOptions(ca_file=trust(CA, tmp_path)))
        assert isinstance(probed.error, RuntimeError)
        assert len(os.listdir("/proc/self/fd")) == before
