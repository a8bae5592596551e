"""Debian's blackbox_exporter and our probers on the same servers: same verdict, same values.

What only one of the two has stands in `peer`, with the reason; where the verdicts differ, the case says why.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.cases import Came, Case, Table, amiss, filled, load, need_ipv6, probed
from conformance.certified import Certified, certified
from conformance.conversing import conversing
from conformance.peer import Peer, at_odds, needs_peer, peer
from conformance.sections import serving
from servers.probing import bench, host_files
from vedette_agent.engine.icmp import permission_problem

pytestmark = needs_peer

DNS = [load("dns"), load("own/dns")]
TCP = [load("tcp"), load("own/tcp")]
ICMP = [load("own/icmp")]


def compared(tables: list[Table]) -> list[Case]:
    return [case for table in tables for case in table.cases if case.module is not None]


def servers(tables: list[Table]) -> dict[str, Any]:
    return {name: server for table in tables for name, server in table.servers.items()}


needs_icmp = pytest.mark.skipif(
    os.geteuid() != 0 or permission_problem([4]) is not None, reason="no raw ICMP socket for this user"
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def dns_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with peer(tmp_path_factory.mktemp("peer"), "dns", compared(DNS), {}) as running:
        yield running


@pytest.fixture(scope="module")
def tcp_peer(tmp_path_factory: pytest.TempPathFactory, certificates: Certified) -> Iterator[Peer]:
    with peer(tmp_path_factory.mktemp("peer"), "tcp", compared(TCP), certificates.values) as running:
        yield running


@pytest.fixture(scope="module")
def icmp_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with peer(tmp_path_factory.mktemp("peer"), "icmp", compared(ICMP), {}) as running:
        yield running


@pytest.mark.parametrize("case", compared(DNS), ids=lambda case: case.name)
def test_dns(case: Case, dns_peer: Peer) -> None:
    async def run() -> list[str]:
        async with serving(case.server, servers(DNS)) as values, bench() as on:
            ours = await probed(case, values, on)
            theirs = await asyncio.to_thread(dns_peer.ask, case, filled(case.target or "<address>", values))
            return amiss(case, values, ours) + at_odds(case, ours, theirs)

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("case", compared(TCP), ids=lambda case: case.name)
def test_tcp(case: Case, tcp_peer: Peer, certificates: Certified, tmp_path: Path) -> None:
    files = host_files(tmp_path, hosts="127.0.0.1 localhost\n::1 localhost\n")
    with conversing(case.server, servers(TCP), certificates.contexts) as met:
        values = {**certificates.values, **met.values}

        async def run() -> Came:
            async with bench(files=files) as on:
                return await probed(case, values, on)

        ours = asyncio.run(run())
        theirs = tcp_peer.ask(case, filled(case.target or "127.0.0.1:<port>", values))
    assert amiss(case, values, ours) + at_odds(case, ours, theirs) == []
    assert met.misheard == []


@needs_icmp
@pytest.mark.parametrize("case", compared(ICMP), ids=lambda case: case.name)
def test_icmp(case: Case, icmp_peer: Peer) -> None:
    if ":" in (case.target or ""):
        need_ipv6()

    async def run() -> list[str]:
        async with bench() as on:
            ours = await probed(case, {}, on)
            theirs = await asyncio.to_thread(icmp_peer.ask, case, case.target or "")
            return amiss(case, {}, ours) + at_odds(case, ours, theirs)

    assert asyncio.run(run()) == []
