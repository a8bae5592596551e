"""ICMP errors from strangers: one that proves nothing but the port does not end a query."""

import asyncio
import contextlib
import socket
import struct

import pytest

from servers.dns import Asked, dns_server, healthy, silent
from servers.probing import Probed, bench
from vedette.checks.model import DnsCheck, Endpoint
from vedette_agent.engine.icmp import checksum
from vedette_agent.probers.dns import probe_dns


def may_forge() -> bool:
    with contextlib.suppress(PermissionError):
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
        return True
    return False


pytestmark = pytest.mark.skipif(not may_forge(), reason="forging ICMP needs CAP_NET_RAW")


def unreachable(asked: Asked, server: Endpoint, quoted: bytes) -> None:
    """Port unreachable (RFC 792) from 127.0.0.9, about the datagram that brought *asked*; *quoted* of it."""
    client = asked.client
    datagram = struct.pack(">HHHH", client[1], server.port, 8 + len(asked.wire), 0) + quoted
    addresses = socket.inet_aton(client[0]) + socket.inet_aton(server.address)
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0) + addresses + datagram
    body = bytes(4) + packet
    sum_ = checksum(b"\3\3\0\0" + body)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
        wire.bind(("127.0.0.9", 0))
        wire.sendto(b"\3\3" + struct.pack(">H", sum_) + body, (client[0], 0))


def forged(quoted: int, *, is_healthy: bool) -> Probed:
    async def main() -> Probed:
        endpoint: list[Endpoint] = []

        def behaviour(asked: Asked) -> None:
            unreachable(asked, endpoint[0], asked.wire[:quoted])
            (healthy if is_healthy else silent)(asked)

        async with dns_server(behaviour) as at, bench() as on:
            endpoint.append(at.endpoint)
            check = DnsCheck(
                name="t", target="t", interval=30, timeout=5, query_name="a.example", server=at.endpoint
            )
            return await on.run(probe_dns, check, 0.5)

    return asyncio.run(main())


@pytest.mark.parametrize("quoted", [0, 1])
def test_an_error_without_the_querys_id_is_ignored(quoted: int) -> None:
    """Whoever tries all ports can send it; the true answer, which comes after it, counts."""
    assert forged(quoted, is_healthy=True).failure is None


def test_an_error_with_the_querys_id_ends_the_query() -> None:
    assert forged(12, is_healthy=False).failure == "net.refused"
