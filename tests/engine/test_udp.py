"""The shared UDP sockets: how they are renewed, what they let through, what a flood does to them."""

import asyncio
import os
import socket
from collections import Counter
from contextlib import ExitStack

import dns.message
import pytest

from servers import dns as server
from servers.dns import dns_server, refusing
from servers.probing import Bench, Probed, bench
from vedette.checks.model import DnsCheck, Endpoint
from vedette_agent.dns.query import Query
from vedette_agent.engine import stamps, udp
from vedette_agent.engine.datagrams import READS
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.engine.udp import SOCKETS
from vedette_agent.probers.dns import probe_dns


def check_of(endpoint: Endpoint) -> DnsCheck:
    return DnsCheck(name="t", target="t", interval=30, timeout=5, query_name="a.example", server=endpoint)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def in_rounds(on: Bench, check: DnsCheck, rounds: int, at_once: int) -> list[Probed]:
    return [
        probed
        for _ in range(rounds)
        for probed in await asyncio.gather(*(on.run(probe_dns, check) for _ in range(at_once)))
    ]


def test_ports_change_and_descriptors_do_not_pile_up() -> None:
    """1,000 queries: no port is used for more than its share, and old sockets are closed."""

    async def main() -> tuple[Counter[int], int]:
        async with dns_server() as at, bench() as on:
            before = open_descriptors()
            probed = await in_rounds(on, check_of(at.endpoint), 50, 20)
            assert all(each.failure is None for each in probed)
            return Counter(asked.client[1] for asked in at.asked), open_descriptors() - before

    ports, opened = asyncio.run(main())
    assert max(ports.values()) <= 64
    assert len(ports) >= 1000 / 64
    assert opened <= 2 * SOCKETS


class FewIds(Query):
    """Draws from eight ids only."""

    def draw(self) -> bytes:
        wire = super().draw()
        return bytes([0, wire[1] & 7]) + wire[2:]


def test_queries_in_flight_have_different_ids() -> None:
    """28 at once over four sockets, seven on each, of eight possible ids: each gets its own answer."""
    query = FewIds("a.example", "A")

    async def probe_few(endpoint: Endpoint, io: Io, record: Record) -> None:
        await io.ask(endpoint, query, record)

    async def main() -> tuple[list[Probed], set[tuple[int, int]]]:
        async with dns_server(server.late(0.05)) as at, bench() as on:
            probed = await asyncio.gather(*(on.run(probe_few, at.endpoint, 1.0) for _ in range(28)))
            return probed, {(asked.client[1], asked.message.id) for asked in at.asked}

    probed, keys = asyncio.run(main())
    assert [each.error for each in probed] == [None] * 28
    assert len(keys) == 28


def test_an_aged_socket_takes_no_new_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "AGE", 0.0)

    async def main() -> set[int]:
        async with dns_server() as at, bench() as on:
            await in_rounds(on, check_of(at.endpoint), 3 * SOCKETS, 1)
            return {asked.client[1] for asked in at.asked}

    assert len(asyncio.run(main())) == 3 * SOCKETS


def test_a_renewed_socket_still_hears_what_it_waits_for() -> None:
    """The answer comes after the socket was replaced by 1,000 other queries."""

    async def main() -> Probed:
        async with dns_server(server.late(0.5)) as slow, dns_server() as at, bench() as on:
            late = asyncio.ensure_future(on.run(probe_dns, check_of(slow.endpoint)))
            await asyncio.sleep(0)
            await in_rounds(on, check_of(at.endpoint), 20, 50)
            return await late

    assert asyncio.run(main()).failure is None


def test_everything_is_given_back() -> None:
    async def main() -> int:
        before = open_descriptors()
        async with dns_server(server.silent) as at, bench() as on:
            probes = [asyncio.ensure_future(on.run(probe_dns, check_of(at.endpoint))) for _ in range(500)]
            await asyncio.sleep(0)
            on.engine.stop()
            await asyncio.gather(*probes)
        return open_descriptors() - before

    assert asyncio.run(main()) <= 0


def test_the_kernel_times_the_answer() -> None:
    """The first packets may come without a stamp; of twenty most have both."""

    async def main() -> Counter[str]:
        async with dns_server() as at, bench() as on:
            return Counter(each.record.clock for each in await in_rounds(on, check_of(at.endpoint), 20, 1))

    assert asyncio.run(main())["kernel"] >= 10


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 on this host")
def test_ipv6_is_timed_and_refused_alike() -> None:
    async def main() -> tuple[Counter[str], Probed]:
        async with dns_server(address="::1") as at, bench() as on:
            clocks = Counter(each.record.clock for each in await in_rounds(on, check_of(at.endpoint), 20, 1))
            with refusing("::1") as nowhere:
                return clocks, await on.run(probe_dns, check_of(nowhere))

    clocks, probed = asyncio.run(main())
    assert clocks["kernel"] >= 10
    assert probed.failure == "net.refused"
    assert probed.detail.endswith(" (port unreachable, says ::1)")


def test_kernel_times_leave_our_own_delay_out() -> None:
    """The answer lies 0.2 s in the socket before we look: what is reported is when it came."""

    def block(asked: server.Asked) -> None:
        server.healthy(asked)
        deadline = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < deadline:
            pass

    async def main() -> Probed:
        async with dns_server() as at, bench() as on:
            await in_rounds(on, check_of(at.endpoint), 10, 1)
            at.behaviour = block
            return await on.run(probe_dns, check_of(at.endpoint))

    probed = asyncio.run(main())
    assert probed.record.clock == "kernel"
    assert probed.seconds > 0.2
    assert probed.record.phases["request"] < 0.15


def test_a_flood_is_read_in_bounded_bites() -> None:
    """Strangers, three times READS, before the true answer: other callbacks get their turn in between."""
    turns: list[int] = []

    def flood(asked: server.Asked) -> None:
        stranger = asked.response("@ 60 A 203.0.113.66")
        for n in range(3 * READS):
            asked.reply((n ^ asked.message.id ^ 0x8000).to_bytes(2, "big") + stranger[2:])
        server.healthy(asked)
        loop = asyncio.get_running_loop()

        def turn() -> None:
            turns.append(1)
            if len(turns) < 100:
                loop.call_soon(turn)

        loop.call_soon(turn)

    async def main() -> Probed:
        async with dns_server(flood) as at, bench() as on:
            return await on.run(probe_dns, check_of(at.endpoint))

    probed = asyncio.run(main())
    assert probed.failure is None
    assert probed.record.dns is not None
    assert probed.record.dns.spoof_suspected == 3 * READS
    assert len(turns) >= 3


def test_each_query_has_its_own_port_and_icmp_error() -> None:
    """20 queries to closed ports and 20 to a live one, at once: each gets its own outcome."""

    async def main() -> list[str | None]:
        with ExitStack() as closed:
            nowhere = [closed.enter_context(refusing()) for _ in range(20)]
            async with dns_server() as at, bench() as on:
                ends = [end for pair in zip(nowhere, [at.endpoint] * 20, strict=True) for end in pair]
                probed = await asyncio.gather(*(on.run(probe_dns, check_of(end)) for end in ends))
                return [each.failure for each in probed]

    assert asyncio.run(main()) == ["net.refused", None] * 20


def test_an_error_that_is_there_before_its_query_is_armed_ends_that_wait_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kernel that stamps nothing has it first on the error queue when the query has just left.

    Nothing of that query is left over for the next one of the same probe: neither its share of the time, over
    long before the second answer comes, nor its place among what is pending.
    """

    def without_stamps(sock: socket.socket) -> bool:
        stamps.enable_errors(sock)
        return False

    monkeypatch.setattr(stamps, "enable", without_stamps)
    query = Query("a.example", "A")

    async def main() -> tuple[Probed, int]:
        with refusing() as nowhere:
            async with dns_server(server.late(0.3)) as at, bench() as on:

                async def one_then_the_other(_: None, io: Io, record: Record) -> None:
                    with pytest.raises(ProbeFailed, match="nothing listens"):
                        await io.ask(nowhere, query, record, shares=100)
                    await io.ask(at.endpoint, query, record)

                probed = await on.run(one_then_the_other, None, 10.0)
                return probed, sum(len(each._pending) for each in on.io.udp._slots[4] if each is not None)

    probed, pending = asyncio.run(main())
    assert (probed.failure, pending) == (None, 0)


def test_an_error_of_our_own_is_not_the_paths() -> None:
    """No route to where the source address cannot go: the kernel's own word, as an OSError."""

    async def main() -> Probed:
        async with bench(source={4: "127.0.0.1"}) as on:
            return await on.run(probe_dns, check_of(Endpoint("192.0.2.1", 53)))

    probed = asyncio.run(main())
    assert isinstance(probed.error, OSError)
    assert probed.seconds < 1


def test_a_forged_answer_needs_more_than_the_port_and_the_question() -> None:
    """100 guesses of the id, from the right address: all are counted, none is believed."""

    def guesses(asked: server.Asked) -> None:
        forged = dns.message.from_wire(asked.response("@ 60 A 203.0.113.66")).to_wire()
        for n in range(1, 101):
            asked.reply((asked.message.id ^ n).to_bytes(2, "big") + forged[2:])

    async def main() -> Probed:
        async with dns_server(guesses) as at, bench() as on:
            return await on.run(probe_dns, check_of(at.endpoint), 0.2)

    probed = asyncio.run(main())
    assert isinstance(probed.error, DeadlineExceeded)
    assert probed.record.dns is not None
    assert probed.record.dns.spoof_suspected == 100


def test_the_late_answer_to_a_query_that_was_given_up_is_no_forgery(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while its socket waits for another answer of the same server. A forgery of it still counts."""
    monkeypatch.setattr(udp, "SOCKETS", 1)
    asked: list[server.Asked] = []

    def slow(one: server.Asked) -> None:
        asked.append(one)
        if len(asked) == 2:
            first = dns.message.from_wire(asked[0].response("@ 60 A 192.0.2.1")).to_wire()
            asked[0].reply(first[:12] + first[12:].swapcase())  # a guess of the letter case
            server.healthy(asked[0])
            server.healthy(asked[1])

    async def main() -> tuple[Probed, Probed]:
        async with dns_server(slow) as at, bench() as on:
            given_up = await on.run(probe_dns, check_of(at.endpoint), 0.1)
            return given_up, await on.run(probe_dns, check_of(at.endpoint))

    given_up, probed = asyncio.run(main())
    assert isinstance(given_up.error, DeadlineExceeded)
    assert asked[0].client == asked[1].client
    assert probed.failure is None
    assert probed.record.dns is not None
    assert probed.record.dns.spoof_suspected == 1


def test_an_id_that_was_given_up_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four queries without an answer and four with one, of eight possible ids: eight differ."""
    monkeypatch.setattr(udp, "SOCKETS", 1)
    query = FewIds("a.example", "A")

    async def probe_few(endpoint: Endpoint, io: Io, record: Record) -> None:
        await io.ask(endpoint, query, record)

    async def main() -> set[int]:
        async with dns_server(server.silent) as at, bench() as on:
            await asyncio.gather(*(on.run(probe_few, at.endpoint, 0.1) for _ in range(4)))
            at.behaviour = server.late(0.05)
            await asyncio.gather(*(on.run(probe_few, at.endpoint, 1.0) for _ in range(4)))
            return {asked.message.id for asked in at.asked}

    assert len(asyncio.run(main())) == 8
