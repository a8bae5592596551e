"""Both ends of each time on a stream are the kernel's, and of the right bytes."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from servers.tcp import TcpServer, silent
from servers.tls import context, trust
from stream.probing_helpers import http, probe, tcp
from vedette.checks.model import TlsOptions
from vedette_agent.engine import stamps
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine
from vedette_agent.engine.tlsrecords import Records

PAUSE = 0.1  # seconds between the start of an answer and its rest
MIB = 1 << 20
_pause = threading.Event()
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000


@pytest.fixture(autouse=True)
def arrivals_are_stamped() -> Iterator[None]:
    """The kernel stamps what comes in from shortly after the first socket asks for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as keeper, TcpServer(echo) as server:
        keeper.setsockopt(socket.SOL_SOCKET, stamps.SO_TIMESTAMPING, stamps.RECEIVED)
        for _ in range(50):
            if probe(tcp(server.port, send="hi", expect="hi"))[0].clock == "kernel":
                break
        yield


def echo(connection: socket.socket) -> None:
    connection.sendall(connection.recv(100))
    silent(connection)


@pytest.mark.parametrize("cut", [3, 700])
def test_the_first_byte_of_an_encrypted_answer_is_the_start_of_its_record(tmp_path: Path, cut: int) -> None:
    """It cannot be decrypted before its record is whole, PAUSE later, and has been there all the same."""
    ca = trustme.CA()
    server = context(ca.issue_cert("localhost"))

    def serve(connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        encrypted = server.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                encrypted.read(4096)
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(4096))
        connection.sendall(outgoing.read())  # session tickets: records that are no answer
        encrypted.write(PAGE)
        answer = outgoing.read()
        connection.sendall(answer[:cut])
        _pause.wait(PAUSE)
        connection.sendall(answer[cut:])
        silent(connection)

    options = TlsOptions(ca_file=trust(ca, tmp_path))
    with TcpServer(serve) as listening:
        (result,) = probe(http(f"https://localhost:{listening.port}/", address="127.0.0.1", tls=options))
    assert (result.outcome, result.clock) == ("ok", "kernel")
    assert result.phases_us["transfer"] / 1e6 > PAUSE / 2


class Late:
    """Takes MIB after our loop is held, which it is until the answer is there."""

    def __init__(self) -> None:
        self._is_asked = threading.Event()
        self._is_held = threading.Event()
        self._has_answered = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        taken = len(connection.recv(1))
        self._is_asked.set()
        self._is_held.wait(5)
        take(connection, MIB - taken)
        connection.sendall(b"thanks")
        self._has_answered.set()
        silent(connection)

    def hold(self, loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
        if self._is_asked.is_set():
            _pause.wait(PAUSE)
            self._is_held.set()
            self._has_answered.wait(5)
        else:
            loop.call_later(0.005, self.hold, loop, engine)


def take(connection: socket.socket, size: int) -> None:
    while size:
        size -= len(connection.recv(min(size, MIB)))


def test_what_leaves_late_is_timed_when_it_leaves() -> None:
    """The server takes the end only after PAUSE; when we look, that it left and its answer are both there."""
    late = Late()
    with TcpServer(late) as server:
        (result,) = probe(tcp(server.port, send="x" * MIB, expect="thanks"), alongside=late.hold)
    assert (result.outcome, result.clock) == ("ok", "kernel")
    assert result.phases_us["processing"] / 1e6 < PAUSE


@pytest.mark.parametrize(("first", "whole"), [(0, 16), (5, 16), (3, 4)])
def test_a_wait_costs_nothing_though_stamps_come_late(first: int, whole: int) -> None:
    """A stamp on the error queue ends every wait until it is taken: else we would spin for half a second."""

    def slow(connection: socket.socket) -> None:
        take(connection, first * MIB)
        _pause.wait(0.5)
        take(connection, (whole - first) * MIB)
        connection.sendall(b"thanks")
        silent(connection)

    spent = time.thread_time()
    with TcpServer(slow) as server:
        (result,) = probe(tcp(server.port, send="x" * whole * MIB, expect="thanks"))
    assert result.outcome == "ok"
    assert time.thread_time() - spent < 0.25


def test_without_stamps_our_own_clock_counts_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "SO_TIMESTAMPING", 9999)  # as on a kernel that does not know it
    with TcpServer(echo) as server:
        (result,) = probe(tcp(server.port, send="hi", expect="hi"))
    assert (result.outcome, result.clock) == ("ok", "monotonic")
    assert 0 < result.phases_us["processing"] < 5_000_000


def test_a_greeting_is_timed_from_our_own_clock() -> None:
    """When the connection stood is not stamped; the kernel knows only how long that took."""
    with TcpServer(lambda connection: connection.sendall(b"220 hi")) as server:
        (result,) = probe(tcp(server.port, expect="220"))
    assert (result.outcome, result.clock) == ("ok", "monotonic")


@pytest.mark.parametrize(
    ("times", "clock"),
    [
        ([], "monotonic"),
        ([True], "kernel"),
        ([True, True], "kernel"),
        ([True, False], "monotonic"),
        ([False, True], "monotonic"),
        ([True, False, True], "monotonic"),
    ],
)
def test_one_time_of_our_own_makes_the_record_ours(times: list[bool], clock: str) -> None:
    record = Record()
    for by_kernel in times:
        record.timed(by_kernel)
    assert record.clock == clock


@given(st.lists(st.integers(0, 40), max_size=8), st.lists(st.integers(1, 60), max_size=20))
def test_records_are_followed_however_they_are_cut(lengths: list[int], cuts: list[int]) -> None:
    wire = b"".join(b"\x17\x03\x03" + length.to_bytes(2, "big") + bytes(length) for length in lengths)
    begins = {sum(5 + length for length in lengths[:number]) for number in range(len(lengths))}
    records = Records()
    at = 0
    for cut in [*cuts, len(wire)]:
        piece = wire[at : at + cut]
        assert records.is_inside == (at not in begins and at < len(wire))
        if piece:
            assert records.take(piece) == any(at <= begin < at + len(piece) for begin in begins)
        at += len(piece)
    assert not records.is_inside
