"""ICMP errors from strangers: one that proves nothing but the port ends no probe that is answered."""

import asyncio

import pytest

from servers.dns import Asked, dns_server, healthy, silent
from servers.forged_icmp import FORGER, needs_forgery, port_unreachable
from servers.ntp import packet
from servers.udp import Reply, UdpServer
from stream.probing_helpers import common, probe
from vedette.checks.model import Check, DnsCheck, Endpoint, NtpCheck, UdpCheck
from vedette.wire.messages import Result
from vedette_agent.engine.quoted import is_proof

pytestmark = needs_forgery

SENT = b"ping" * 10


def udp(port: int, timeout: float) -> Check:
    return UdpCheck(host="127.0.0.1", port=port, payload=SENT, **common(timeout))


def ntp(port: int, timeout: float) -> Check:
    return NtpCheck(host="127.0.0.1", port=port, **common(timeout))


def datagram(kind: str, quoted: int, *, is_healthy: bool, timeout: float, beside: int) -> Result:
    """A probe whose server is alive; before it answers, if it does, somebody says that it is not."""

    def behave(wire: bytes, reply: Reply) -> None:
        port_unreachable(reply.client, ("127.0.0.1", server.port ^ beside), len(wire), wire[:quoted])
        if is_healthy:
            reply(packet(wire) if kind == "ntp" else b"pong")

    with UdpServer(behave) as server:
        (result,) = probe({"ntp": ntp, "udp": udp}[kind](server.port, timeout))
    return result


def dns(quoted: int, *, is_healthy: bool, timeout: float, beside: int) -> Result:
    async def main() -> Result:
        endpoint: list[Endpoint] = []

        def behaviour(asked: Asked) -> None:
            server = endpoint[0]
            where = (server.address, server.port ^ beside)
            port_unreachable(asked.client, where, len(asked.wire), asked.wire[:quoted])
            (healthy if is_healthy else silent)(asked)

        async with dns_server(behaviour) as at:
            endpoint.append(at.endpoint)
            check = DnsCheck(query_name="a.example", server=at.endpoint, **common(timeout))
            return await asyncio.get_running_loop().run_in_executor(None, lambda: probe(check)[0])

    return asyncio.run(main())


def probed(kind: str, quoted: int, *, is_healthy: bool, timeout: float, beside: int = 0) -> Result:
    """*beside*: not 0 for an error about another port of the server."""
    if kind == "dns":
        return dns(quoted, is_healthy=is_healthy, timeout=timeout, beside=beside)
    return datagram(kind, quoted, is_healthy=is_healthy, timeout=timeout, beside=beside)


# What an error quotes that proves nothing, and what it must quote. Of an NTP request the first 40 bytes are
# always the same.
SHORT = [("dns", 0), ("dns", 1), ("ntp", 0), ("ntp", 40), ("ntp", 47), ("udp", 0), ("udp", 31)]
ENOUGH = [("dns", 2), ("dns", 12), ("ntp", 48), ("udp", 32), ("udp", 40)]


@pytest.mark.parametrize(("kind", "quoted"), SHORT)
def test_an_error_that_may_be_anybodys_does_not_end_the_wait(kind: str, quoted: int) -> None:
    """Whoever tries all ports can send it; the true answer, which comes after it, counts."""
    assert probed(kind, quoted, is_healthy=True, timeout=10.0).outcome == "ok"


@pytest.mark.parametrize(("kind", "quoted"), [("dns", 0), ("ntp", 40), ("udp", 0)])
def test_without_any_answer_it_is_the_cause(kind: str, quoted: int) -> None:
    """Many hosts quote no more than they must: what they say is told when time is up."""
    result = probed(kind, quoted, is_healthy=False, timeout=0.5)
    assert (result.outcome, result.reason) == ("fail", "net.refused")
    detail = result.detail or ""
    assert detail.startswith("waited for an answer; 0.5 s are over; nothing listens on 127.0.0.1:")
    assert detail.endswith(f"(port unreachable, says {FORGER}), which quotes too little of what was sent "
                           "to be believed at once")  # fmt: skip


@pytest.mark.parametrize(("kind", "quoted"), ENOUGH)
def test_an_error_from_who_saw_the_datagram_ends_the_wait(kind: str, quoted: int) -> None:
    result = probed(kind, quoted, is_healthy=False, timeout=20.0)
    assert result.reason == "net.refused"
    assert result.duration_us is not None
    assert result.duration_us < 10_000_000
    assert "quotes too little" not in (result.detail or "")


@pytest.mark.parametrize(("kind", "quoted"), [("dns", 12), ("dns", 0), ("ntp", 48), ("udp", 40)])
def test_an_error_about_another_port_says_nothing(kind: str, quoted: int) -> None:
    result = probed(kind, quoted, is_healthy=False, timeout=0.5, beside=1)
    assert result.reason == f"{kind}.timeout"


def test_what_contradicts_the_datagram_is_about_another() -> None:
    """Padding behind it is no contradiction (RFC 4884 4)."""
    assert is_proof(b"pong", b"ping", 2) is None
    assert is_proof(b"pi", b"ping", 3) is False
    assert is_proof(b"ping", b"ping", 4) is True
    assert is_proof(b"ping\0\0", b"ping", 4) is True
