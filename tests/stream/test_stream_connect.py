"""Connections on loopback that succeed, fail, never come about, or are given up."""

import asyncio
import os
import resource
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from servers.tcp import TcpServer, black_hole, reset, says, silent
from stream.probing_helpers import probe, tcp
from vedette_agent.engine.run import Engine
from vedette_agent.engine.stamps import RECEIVED, SO_TIMESTAMPING
from vedette_agent.probers.conversing import MAX_BYTES


def test_an_accepting_port_is_ok_and_timed_by_the_kernel() -> None:
    """The connect phase is the kernel's round trip: well below a millisecond on loopback."""
    with TcpServer(silent) as server:
        (result,) = probe(tcp(server.port))
    assert (result.outcome, result.clock) == ("ok", "kernel")
    assert 0 < result.phases_us["connect"] < 5000
    assert result.duration_us == result.phases_us["connect"]
    assert result.facts is not None
    assert (result.facts.address, result.facts.port) == ("127.0.0.1", server.port)


def test_ipv6() -> None:
    with TcpServer(silent, socket.AF_INET6) as server:
        (result,) = probe(tcp(server.port, host="::1", family=6))
    assert result.outcome == "ok"


def test_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (result,) = probe(tcp(port))
    assert (result.outcome, result.reason) == ("fail", "tcp.refused")
    assert result.detail == f"127.0.0.1:{port}: Connection refused"


def test_a_black_hole_times_out_at_the_deadline() -> None:
    """A dropped SYN: tcp.timeout after the timeout, at most one tick later (generous: 100 ms)."""
    with black_hole() as listener:
        (result,) = probe(tcp(listener.getsockname()[1], timeout=0.3))
    assert (result.outcome, result.reason) == ("fail", "tcp.timeout")
    assert result.duration_us is not None
    assert 300_000 <= result.duration_us < 400_000


def test_a_lost_syn_is_part_of_the_connect_time() -> None:
    """The kernel's round trip leaves out the second that a lost SYN costs; then our own clock counts."""
    with black_hole() as listener:

        def accept() -> None:
            listener.accept()[0].close()

        def make_room(loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
            loop.call_later(0.1, accept)

        (result,) = probe(tcp(listener.getsockname()[1]), alongside=make_room)
    assert (result.outcome, result.clock) == ("ok", "monotonic")
    assert result.phases_us["connect"] > 900_000


def test_a_source_address_that_is_not_ours_is_our_own_fault() -> None:
    with TcpServer(silent) as server:
        (result,) = probe(tcp(server.port), source={4: "192.0.2.1"})
    assert (result.outcome, result.reason, result.duration_us) == ("not_run", "no_route", None)


def test_the_source_address_is_bound() -> None:
    seen: list[str] = []
    with TcpServer(lambda connection: seen.append(connection.getpeername()[0])) as server:
        probe(tcp(server.port), source={4: "127.0.0.9"})
        server.finish()
    assert seen == ["127.0.0.9"]


def test_no_descriptor_left_is_our_own_fault() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    hoard: list[int] = []

    def exhaust() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 10, hard))
        with suppress(OSError):
            while True:
                hoard.append(os.dup(0))

    try:
        (result,) = probe(tcp(1), before=exhaust)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in hoard:
            os.close(descriptor)
    assert (result.outcome, result.reason) == ("not_run", "no_descriptor")


def test_a_verdict_closes_in_order_and_a_deadline_resets() -> None:
    """FIN after success and after a verdict; RST when we give up, so that no unsent byte stays behind."""
    ends: list[str] = []

    def note_the_end(connection: socket.socket) -> None:
        try:
            asked = connection.recv(4096)
            if asked.startswith(b"EHLO"):
                connection.sendall(b"220 ready" if asked == b"EHLO" else b"421 busy".ljust(MAX_BYTES))
            while connection.recv(4096):
                pass
            ends.append("closed")
        except ConnectionResetError:
            ends.append("reset")

    with TcpServer(note_the_end) as server:
        checks = (
            tcp(server.port, send="EHLO", expect="^220 "),
            tcp(server.port, send="EHLO\n", expect="^220 "),
            tcp(server.port, send="HELP", expect="^220 ", timeout=0.1),
        )
        for number, check in enumerate(checks, 1):
            probe(check)
            server.finish(number)
    assert ends == ["closed", "closed", "reset"]


def test_no_descriptor_is_left_behind_however_a_probe_ends() -> None:
    """The number of open files after 42 probes with five kinds of end is that of before."""
    with (
        TcpServer(silent) as quiet,
        TcpServer(reset) as rude,
        TcpServer(says(b"no")) as brief,
        black_hole() as hole,
    ):
        checks = [
            tcp(quiet.port),
            tcp(quiet.port, expect="x", timeout=0.1),
            tcp(rude.port, send="x", expect="x"),
            tcp(brief.port, expect="x"),
            tcp(hole.getsockname()[1], timeout=0.1),
            tcp(1),
        ]
        before = len(os.listdir("/proc/self/fd"))
        results = probe(*checks * 7)
        quiet.finish(14)
        rude.finish(7)
        brief.finish(7)
        assert len(os.listdir("/proc/self/fd")) == before
    assert [result.reason for result in results[:6]] == [
        None,
        "tcp.timeout",
        "tcp.reset",
        "tcp.closed",
        "tcp.timeout",
        "tcp.refused",
    ]


def test_a_probe_in_flight_when_the_agent_stops_leaves_no_socket() -> None:
    with TcpServer(silent) as server:
        before = len(os.listdir("/proc/self/fd"))
        (result,) = probe(tcp(server.port, expect="x"), alongside=lambda loop, engine: engine.stop())
        server.finish()
        assert len(os.listdir("/proc/self/fd")) == before
    assert (result.outcome, result.reason) == ("not_run", "shutdown")


def test_large_requests_are_sent_whole() -> None:
    """4 MiB to a reader that starts late: more than the socket takes at once."""
    came: list[int] = []
    may_read = threading.Event()

    def late(connection: socket.socket) -> None:
        may_read.wait(5)
        total = 0
        while total < 4 << 20:
            total += len(connection.recv(1 << 20))
        came.append(total)
        connection.sendall(b"thanks")

    with TcpServer(late) as server:
        (result,) = probe(
            tcp(server.port, send="x" * (4 << 20), expect="thanks"),
            alongside=lambda loop, engine: loop.call_later(0.05, may_read.set),
        )
    assert (result.outcome, came) == ("ok", [4 << 20])


@pytest.fixture
def stamps() -> Iterator[None]:
    """The kernel stamps what comes in from shortly after the first socket asks for it: this one has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as keeper, TcpServer(says(b"hi")) as server:
        keeper.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RECEIVED)
        for _ in range(50):
            if probe(tcp(server.port, send="x", expect="hi"))[0].clock == "kernel":
                break
        yield


class Late:
    """Speaks when told, and holds our event loop until it has spoken and 100 ms more have passed."""

    def __init__(self, *, is_asked: bool) -> None:
        self._is_asked = is_asked
        self._may_speak = threading.Event()
        self._has_spoken = threading.Event()
        self.spoke = 0.0

    def __call__(self, connection: socket.socket) -> None:
        if self._is_asked:
            connection.recv(100)
        self._may_speak.wait(5)
        connection.sendall(b"hi")
        self.spoke = time.monotonic()
        self._has_spoken.set()
        silent(connection)

    def hold(self) -> None:
        self._may_speak.set()
        self._has_spoken.wait(5)
        select.select([], [], [], 0.1)


@pytest.mark.usefixtures("stamps")
def test_the_first_byte_is_timed_by_the_kernel_though_our_loop_stands_still() -> None:
    """We look 100 ms after the answer came; processing ends when it came."""
    late = Late(is_asked=True)
    started = time.monotonic()
    with TcpServer(late) as server:
        (result,) = probe(
            tcp(server.port, send="hello", expect="hi"),
            alongside=lambda loop, engine: loop.call_later(0.02, late.hold),
        )
    assert result.clock == "kernel"
    assert result.phases_us["processing"] / 1e6 < late.spoke - started + 0.01


@pytest.mark.usefixtures("stamps")
def test_a_greeting_that_came_before_we_noticed_the_connection_took_no_time() -> None:
    late = Late(is_asked=False)
    with TcpServer(late) as server:
        (result,) = probe(
            tcp(server.port, expect="hi"), alongside=lambda loop, engine: loop.call_soon(late.hold)
        )
    assert result.clock == "monotonic"
    assert result.phases_us["processing"] == 0
