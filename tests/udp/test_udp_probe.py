"""What a UDP check says of services that answer well, wrongly, from elsewhere, too much or not at all."""

import os
import socket
from typing import Any

import pytest

from servers.udp import Behave, Reply, UdpServer, closed_port
from stream.probing_helpers import common, probe
from vedette.checks import read
from vedette.checks.model import UdpCheck
from vedette.checks.problems import BadConfig
from vedette.wire.facts import UdpFacts
from vedette.wire.messages import Result

needs_ipv6 = pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 on this host")


def udp(port: int, *, timeout: float = 5.0, host: str = "127.0.0.1", **more: Any) -> UdpCheck:
    more.setdefault("payload", b"ping")
    return UdpCheck(host=host, port=port, **common(timeout), **more)


def facts(result: Result) -> UdpFacts:
    assert result.facts is not None
    return result.facts.udp or UdpFacts()


def echo(wire: bytes, reply: Reply) -> None:
    reply(b"you said " + wire)


def silent(wire: bytes, reply: Reply) -> None:
    """Says nothing."""


def test_any_answer_will_do_unless_one_is_expected() -> None:
    with UdpServer(echo) as server:
        (result,) = probe(udp(server.port))
    assert (result.outcome, set(result.phases_us)) == ("ok", {"request"})
    assert facts(result) == UdpFacts(answer_bytes=13)
    assert result.facts is not None
    assert (result.facts.address, result.facts.port) == ("127.0.0.1", server.port)
    assert server.asked == [b"ping"]


@needs_ipv6
def test_over_ipv6() -> None:
    with UdpServer(echo, socket.AF_INET6) as server:
        (result,) = probe(udp(server.port, host="::1", family=6))
    assert result.outcome == "ok"


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"expect": "^you said p.ng$"}, None),
        ({"expect": "pong"}, "no match for 'pong'; 13 bytes came: b'you said ping'"),
        ({"expect_bytes": b"you said \x70"}, None),
        # It does not begin with it.
        ({"expect_bytes": b"sa"}, f"no match for 73 61; 13 bytes came: {b'you said ping'.hex(' ')}"),
    ],
)
def test_what_is_expected(expect: dict[str, Any], told: str | None) -> None:
    with UdpServer(echo) as server:
        (result,) = probe(udp(server.port, **expect))
    assert (result.reason, result.detail) == ("udp.expect" if told else None, told)


def test_an_answer_that_is_no_utf8_is_searched_all_the_same() -> None:
    with UdpServer(lambda _, reply: reply(b"\xff\xfe ok \x80")) as server:
        (result,) = probe(udp(server.port, expect=" ok "))
    assert result.outcome == "ok"


def test_an_empty_answer_is_an_answer() -> None:
    with UdpServer(lambda _, reply: reply(b"")) as server:
        (result,) = probe(udp(server.port))
    assert (result.outcome, facts(result).answer_bytes) == ("ok", 0)


def test_the_longest_datagram_is_taken_whole() -> None:
    with UdpServer(lambda _, reply: reply(b"x" * 65_506 + b"y")) as server:
        (result,) = probe(udp(server.port, payload=b"z" * 65_507, expect="xy$"))
    assert (result.outcome, facts(result).answer_bytes) == ("ok", 65_507)


def test_only_an_answer_from_the_asked_port_counts() -> None:
    """Two datagrams from another port are ignored and counted; the third, from the right one, decides."""

    def behave(wire: bytes, reply: Reply) -> None:
        reply.from_elsewhere(b"forged")
        reply.from_elsewhere(b"forged")
        reply(b"genuine")

    with UdpServer(behave) as server:
        (result,) = probe(udp(server.port, expect="^genuine$"))
    assert result.outcome == "ok"
    assert facts(result) == UdpFacts(answer_bytes=7, foreign=2)


def test_with_forged_answers_alone_it_times_out_and_tells() -> None:
    with UdpServer(lambda _, reply: reply.from_elsewhere(b"forged")) as server:
        (result,) = probe(udp(server.port, timeout=1.0))
    assert result.reason == "udp.timeout"
    assert "1 datagrams from elsewhere were ignored" in (result.detail or "")
    assert facts(result) == UdpFacts(foreign=1)


@pytest.mark.parametrize("behave", [silent])
def test_no_answer(behave: Behave) -> None:
    with UdpServer(behave) as server:
        (result,) = probe(udp(server.port, timeout=0.3))
    assert (result.outcome, result.reason) == ("fail", "udp.timeout")
    assert "waited for an answer" in (result.detail or "")
    assert server.asked == [b"ping"]  # and no second one


def test_a_closed_port_refuses() -> None:
    port = closed_port()
    (result,) = probe(udp(port))
    assert (result.outcome, result.reason) == ("fail", "net.refused")
    assert f"nothing listens on 127.0.0.1:{port} (port unreachable" in (result.detail or "")


def test_the_kernel_times_it() -> None:
    """The first packets may come without a stamp; of ten at least one has both."""
    with UdpServer(echo) as server:
        results = probe(*[udp(server.port) for _ in range(10)])
    assert {result.outcome for result in results} == {"ok"}
    assert "kernel" in {result.clock for result in results}


def test_every_socket_is_given_back() -> None:
    with UdpServer(silent) as deaf, UdpServer(echo) as server:
        before = len(os.listdir("/proc/self/fd"))
        probe(udp(deaf.port, timeout=0.3), udp(server.port), udp(closed_port()))
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_source_address_is_the_one_that_is_bound() -> None:
    clients: list[str] = []

    def behave(wire: bytes, reply: Reply) -> None:
        clients.append(reply.client[0])
        reply(wire)

    with UdpServer(behave) as server:
        (result,) = probe(udp(server.port), source={4: "127.0.0.9"})
    assert (result.outcome, clients) == ("ok", ["127.0.0.9"])


@pytest.mark.parametrize(("length", "fits"), [(16_376, True), (16_377, False)])
def test_what_no_datagram_takes_is_told_by_the_configuration(length: int, fits: bool) -> None:
    """Of characters with four bytes in UTF-8, 16,376 make 65,504 bytes; 65,507 is the most."""
    text = "\U0001f600" * length
    written = (
        "agents: [{name: par-01}]\n"
        f'checks: [{{name: it, udp: {{address: "a.example:7", send: "{text}"}}}}]\n'
    ).encode()
    if fits:
        (check,) = read.loads(written, "it").checks
        assert isinstance(check, UdpCheck)
        assert check.payload == text.encode()
    else:
        with pytest.raises(BadConfig, match="65508 bytes; a datagram takes 65507 at most"):
            read.loads(written, "it")
