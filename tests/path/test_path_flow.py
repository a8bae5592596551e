"""One flow for all packets, and no packet to an address that is denied; on this host's loopback."""

import asyncio
import socket
from typing import Any

import pytest
from msgspec import structs

from servers.forged_icmp import FORGER, needs_forgery, port_unreachable
from servers.probing import Probed, bench
from servers.udp import Reply, UdpServer
from vedette.checks.model import PathCheck
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import ProbeSpoiled
from vedette_agent.path.routes import Routes
from vedette_agent.probers.path import REMEMBERED, probe_path


def path_check(**fields: Any) -> PathCheck:
    return PathCheck(name="t", target="t", interval=60.0, timeout=20.0, host="127.0.0.1", probes=3, **fields)


async def probed(check: PathCheck, policy: Policy | None = None) -> Probed:
    async with bench(policy=policy) as on:
        return await on.run(probe_path, check, check.timeout)


def test_udp_packets_have_one_source_port_and_an_answering_service_is_the_target() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        got: list[tuple[bytes, Any]] = []

        def echo() -> None:
            data, client = server.recvfrom(4096)
            got.append((data, client))
            server.sendto(data, client)

        async def main() -> Probed:
            asyncio.get_running_loop().add_reader(server, echo)
            try:
                return await probed(path_check(port=server.getsockname()[1]))
            finally:
                asyncio.get_running_loop().remove_reader(server)

        done = asyncio.run(main())
    assert done.failure is None
    facts = done.record.path
    assert facts is not None
    assert [hop.address for hop in facts.hops] == ["127.0.0.1"]
    assert len(got) >= 3
    assert len({client for _, client in got}) == 1
    assert len({data for data, _ in got}) == len(got)
    assert len({len(data) for data, _ in got}) == 1


@needs_forgery
def test_who_guesses_the_port_is_no_hop() -> None:
    """Before each true answer somebody says, quoting nothing, that the target is not to be reached."""

    def behave(wire: bytes, reply: Reply) -> None:
        port_unreachable(reply.client, ("127.0.0.1", server.port), len(wire), b"")
        reply(wire)

    with UdpServer(behave) as server:
        done = asyncio.run(probed(path_check(port=server.port, max_ttl=3)))
    assert done.failure is None
    facts = done.record.path
    assert facts is not None
    assert [(hop.address, hop.others) for hop in facts.hops] == [("127.0.0.1", [])]


@needs_forgery
def test_what_may_be_forged_is_told_when_time_is_up() -> None:
    """The only answer quotes nothing, and the wait for a better one is longer than the timeout."""

    def behave(wire: bytes, reply: Reply) -> None:
        port_unreachable(reply.client, ("127.0.0.1", server.port), len(wire), b"")

    with UdpServer(behave) as server:
        check = structs.replace(path_check(port=server.port, max_ttl=1, wait=10.0), probes=1, timeout=0.5)
        done = asyncio.run(probed(check))
    assert done.failure == "path.unreachable"
    assert FORGER in done.detail


@needs_forgery
def test_who_refuses_is_no_other_route() -> None:
    """The target's place is at the first hop; who says that it is not to be reached may be anywhere."""

    def answers(wire: bytes, reply: Reply) -> None:
        reply(wire)

    def refuses(wire: bytes, reply: Reply) -> None:
        port_unreachable(reply.client, ("127.0.0.1", server.port), len(wire), wire)

    async def main() -> list[Probed]:
        check = path_check(port=server.port, must_reach=False, must_be_stable=True)
        async with bench() as on:
            first = await on.run(probe_path, check)
            server.behave = refuses
            return [first, await on.run(probe_path, check)]

    with UdpServer(answers) as server:
        probed = asyncio.run(main())
    assert [done.failure for done in probed] == [None, None]
    told = [done.record.path for done in probed]
    assert [[hop.address for hop in facts.hops] for facts in told if facts] == [["127.0.0.1"], [FORGER]]
    assert [(facts.reached, facts.changes) for facts in told if facts] == [(True, 0), (False, 0)]


def test_tcp_attempts_have_one_source_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = asyncio.run(probed(path_check(protocol="tcp", port=server.getsockname()[1])))
        assert done.failure is None
        server.settimeout(5)
        ports = set()
        for _ in range(3):
            connection, peer = server.accept()
            connection.close()
            ports.add(peer[1])
    assert len(ports) == 1


def test_a_port_where_nothing_listens_is_the_target_too() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        done = asyncio.run(probed(path_check(protocol="tcp", port=bound.getsockname()[1])))
    assert done.failure is None
    assert done.record.path is not None
    assert done.record.path.reached


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_denied_target_is_not_run(protocol: str) -> None:
    done = asyncio.run(probed(path_check(protocol=protocol), Policy()))
    assert isinstance(done.error, ProbeSpoiled)
    assert done.error.reason == "policy"


def test_the_routes_of_so_many_checks_are_kept_and_no_more() -> None:
    """The check that was probed longest ago is forgotten."""

    async def main() -> list[str]:
        async with bench() as on:
            on.io.routes.update({f"old-{at}": Routes("x") for at in range(REMEMBERED)})
            with socket.socket() as bound:
                bound.bind(("127.0.0.1", 0))
                await on.run(probe_path, path_check(protocol="tcp", port=bound.getsockname()[1]))
            return list(on.io.routes)

    names = asyncio.run(main())
    assert len(names) == REMEMBERED
    assert (names[0], names[-1]) == ("old-1", "t")
