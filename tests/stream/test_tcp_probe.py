"""What a TCP check says of servers that greet well, badly, slowly, endlessly or not at all."""

import select
import socket

import pytest

from servers.http import answers
from servers.tcp import Behave, TcpServer, reset, says, silent
from stream.probing_helpers import probe, tcp
from vedette_agent.probers.conversing import MAX_BYTES


def test_send_and_expect() -> None:
    def echo(connection: socket.socket) -> None:
        connection.sendall(b"you said " + connection.recv(100))

    with TcpServer(echo) as server:
        (result,) = probe(tcp(server.port, send="héllo\n", expect="you said héllo"))
    assert result.outcome == "ok"
    assert set(result.phases_us) == {"connect", "processing", "transfer"}


@pytest.mark.parametrize(
    ("behave", "reason", "detail"),
    [
        (answers(b"421 busy\r\n"), "tcp.closed", "10 bytes came: b'421 busy"),
        (answers(), "tcp.closed", "nothing came"),
        (answers(b"421 busy\r\n", then=silent), "tcp.expect", "b'421 busy"),
        (silent, "tcp.timeout", "waited for the expected bytes; 1 s"),
        (reset, "tcp.reset", "reset"),
    ],
    ids=["closed", "closed at once", "says another thing", "silent", "reset"],
)
def test_what_is_not_expected(behave: Behave, reason: str, detail: str) -> None:
    with TcpServer(behave) as server:
        (result,) = probe(tcp(server.port, send="hello\r\n\r\n", expect="^220 ", timeout=1.0))
    assert (result.outcome, result.reason) == ("fail", reason)
    assert detail in (result.detail or "")


def test_a_greeting_in_pieces_is_put_together() -> None:
    with TcpServer(says(b"2", b"2", b"0", b" ready")) as server:
        (result,) = probe(tcp(server.port, expect="^220 ready$"))
    assert result.outcome == "ok"


def test_a_banner_without_end_is_read_to_64_kib_and_no_further() -> None:
    taken: list[int] = []

    def endless(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        try:
            while True:
                taken.append(connection.send(b"x" * 999))
        except OSError:
            pass

    with TcpServer(endless) as server:
        (result,) = probe(tcp(server.port, expect="y"))
        server.finish()
    assert (result.outcome, result.reason) == ("fail", "tcp.expect")
    assert f"{MAX_BYTES} bytes came" in (result.detail or "")


def test_a_byte_at_a_time_is_put_together() -> None:
    """The server stays open: the end of the line is found when it is there, not at the deadline."""

    def trickle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2000):
            connection.sendall(b"x")
            select.select([], [], [], 0.0002)
        connection.sendall(b"!")
        silent(connection)

    with TcpServer(trickle) as server:
        (result,) = probe(tcp(server.port, expect="!$", timeout=20.0))
    assert result.outcome == "ok"
    assert result.duration_us < 15_000_000
