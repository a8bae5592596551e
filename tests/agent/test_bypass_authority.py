"""The name servers of a zone, asked what a resolver is asked: found while it works, and remembered."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import dns.flags
import pytest

from agent.bypass_helpers import Names, dns_check
from servers.daemon import free_port
from servers.dns import DnsServer, dns_server
from servers.probing import Bench, Probed, bench, host_files
from vedette.checks.model import BypassPlan, DnsCheck, DnsExpect
from vedette.wire.facts import AuthorityFacts
from vedette_agent.app import allowed_networks
from vedette_agent.bypass.authority import MAX_CUTS, MAX_SERVERS, Known, probe_authority
from vedette_agent.engine.policy import Policy

FIRST, SECOND = "127.0.0.24", "127.0.0.25"
WWW = ["@ 60 A 192.0.2.80"]
DELEGATED = {
    "www.shop.test A": WWW,
    "shop.test NS": ["@ 60 NS ns1.shop.test.", "@ 60 NS ns2.shop.test."],
    "ns1.shop.test A": [f"@ 60 A {FIRST}"],
    "ns2.shop.test A": [f"@ 60 A {SECOND}"],
}


class World:
    """A resolver and two name servers, each of which knows what a test wants it to."""

    def __init__(self, on: Bench, resolver: DnsServer, names: Names, first: Names, second: Names, port: int):
        self.on = on
        self.resolver = resolver
        self.names = names
        self.first = first
        self.second = second
        self.known: Known = {}
        self.check = dns_check(resolver.endpoint, bypass=BypassPlan(authority_port=port), timeout=5.0)

    async def learn(self, check: DnsCheck | None = None) -> Probed:
        return await self._probe(check, is_learning=True)

    async def recall(self, check: DnsCheck | None = None, seconds: float = 5.0) -> Probed:
        """With what is known, as when the check fails."""
        return await self._probe(check, is_learning=False, seconds=seconds)

    async def _probe(self, check: DnsCheck | None, *, is_learning: bool, seconds: float = 5.0) -> Probed:
        def prober(check: Any, io: Any, record: Any) -> Any:
            return probe_authority(check, io, self.known, record, is_learning=is_learning)

        return await self.on.run(prober, check or self.check, seconds)


@asynccontextmanager
async def _world(policy: Policy | None) -> AsyncIterator[World]:
    port = free_port()
    names = Names(dict(DELEGATED))
    first, second = (Names({"www.shop.test A": WWW}, flags=dns.flags.AA) for _ in range(2))
    async with AsyncExitStack() as stack:
        resolver = await stack.enter_async_context(dns_server(names))
        await stack.enter_async_context(dns_server(first, FIRST, port))
        await stack.enter_async_context(dns_server(second, SECOND, port))
        on = await stack.enter_async_context(bench(policy=policy))
        yield World(on, resolver, names, first, second, port)


def story(tell: Callable[[World], Coroutine[Any, Any, None]], policy: Policy | None = None) -> None:
    async def main() -> None:
        async with _world(policy) as world:
            await tell(world)

    asyncio.run(main())


def facts(probed: Probed) -> AuthorityFacts:
    assert probed.record.authority is not None
    return probed.record.authority


def failures(probed: Probed) -> list[str | None]:
    return [one.failure for one in facts(probed).servers]


def test_both_servers_are_found_asked_and_remembered() -> None:
    async def tell(world: World) -> None:
        probed = await world.learn()
        assert probed.error is None
        assert probed.record.phases.keys() == {"resolve", "request"}
        assert [(one.name, one.address) for one in facts(probed).servers] == [
            ("ns1.shop.test", FIRST),
            ("ns2.shop.test", SECOND),
        ]
        # Nothing that is wrong with its signatures keeps a zone from being found.
        assert all(one.message.flags & dns.flags.CD for one in world.resolver.asked)
        asked = len(world.resolver.asked)
        world.names.is_silent = True
        again = await world.recall()
        assert again.error is None
        assert again.record.phases.keys() == {"request"}
        assert len(world.resolver.asked) == asked

    story(tell)


def test_what_was_learned_outlives_a_resolver_that_dies_while_it_is_learned_again() -> None:
    async def tell(world: World) -> None:
        await world.learn()
        world.names.is_silent = True
        assert (await world.learn()).error is None

    story(tell)


def test_a_zone_that_nobody_knows_of_fails_and_is_not_remembered() -> None:
    async def tell(world: World) -> None:
        world.names.records = {"www.shop.test A": WWW}
        assert (await world.learn()).failure == "dns.delegation"
        assert world.known == {}

    story(tell)


def test_one_server_that_answers_is_enough_and_the_other_one_is_named() -> None:
    async def tell(world: World) -> None:
        await world.learn()
        world.first.is_silent = True
        probed = await world.recall(seconds=1.0)
        assert probed.error is None
        assert failures(probed) == ["dns.timeout", None]
        assert probed.record.address == SECOND

    story(tell)


def test_when_all_fail_it_fails_and_says_how_each_does() -> None:
    async def tell(world: World) -> None:
        await world.learn()
        world.first.is_silent = True
        world.second.rcode = 5
        probed = await world.recall(seconds=1.0)
        assert probed.failure == "dns.lame"
        assert failures(probed) == ["dns.timeout", "dns.lame"]
        assert "ns1.shop.test [127.0.0.24] did not answer" in probed.detail
        assert "ns2.shop.test [127.0.0.25] is lame" in probed.detail

    story(tell)


def test_silence_of_all_is_a_timeout() -> None:
    async def tell(world: World) -> None:
        await world.learn()
        world.first.is_silent = world.second.is_silent = True
        assert (await world.recall(seconds=0.5)).failure == "dns.timeout"

    story(tell)


def test_an_emptied_name_fails_as_by_a_resolver() -> None:
    async def tell(world: World) -> None:
        await world.learn()
        for one in (world.first, world.second):
            one.records = {"www.shop.test TXT": ["@ 60 TXT gone"]}
        probed = await world.recall()
        assert probed.failure == "dns.nodata"
        assert probed.record.dns is not None
        assert probed.record.dns.authoritative

    story(tell)


def test_what_the_check_expects_is_expected_of_the_servers_but_for_the_flags_of_a_resolver() -> None:
    async def tell(world: World) -> None:
        right = DnsExpect(exact=("192.0.2.80",), flags={"ra": True, "aa": False}, max_ttl=1)
        assert (
            await world.learn(dns_check(world.resolver.endpoint, bypass=world.check.bypass, expect=right))
        ).error is None
        wrong = DnsExpect(exact=("192.0.2.81",))
        probed = await world.recall(
            dns_check(world.resolver.endpoint, bypass=world.check.bypass, expect=wrong)
        )
        assert probed.failure == "dns.wrong_answer"

    story(tell)


def test_an_alias_is_followed_into_the_zone_that_it_leads_to() -> None:
    async def tell(world: World) -> None:
        world.names.records |= {
            "www.shop.test CNAME": ["@ 60 CNAME edge.cdn.test."],
            "cdn.test NS": ["@ 60 NS ns2.shop.test."],
        }
        world.first.records = {"www.shop.test CNAME": ["@ 60 CNAME edge.cdn.test."]}
        world.second.records = {**world.first.records, "edge.cdn.test A": WWW}
        probed = await world.learn()
        assert probed.error is None
        assert facts(probed).known == 3
        assert set(world.known) == {"www.shop.test", "edge.cdn.test"}
        world.names.is_silent = True
        world.second.records = dict(world.first.records)
        assert (await world.recall()).failure == "dns.nxdomain"

    story(tell)


def test_aliases_without_end_come_to_one() -> None:
    async def tell(world: World) -> None:
        world.first.records = world.second.records = {
            f"{'a' * n}.z{n}.test CNAME": [f"@ 60 CNAME {'a' * (n + 1)}.z{n + 1}.test."] for n in range(1, 9)
        }
        world.names.records |= {f"z{n}.test NS": ["@ 60 NS ns1.shop.test."] for n in range(1, 10)}
        check = dns_check(world.resolver.endpoint, "a.z1.test", bypass=world.check.bypass, timeout=5.0)
        probed = await world.learn(check)
        assert probed.failure == "dns.cname_dangling"
        assert "more than 4 zones" in probed.detail

    story(tell)


def test_aliases_in_a_circle_come_to_an_end() -> None:
    async def tell(world: World) -> None:
        circle = {
            "a.shop.test CNAME": ["@ 60 CNAME b.cdn.test."],
            "b.cdn.test CNAME": ["@ 60 CNAME a.shop.test."],
        }
        world.names.records |= {"cdn.test NS": ["@ 60 NS ns1.shop.test."]}
        world.first.records = world.second.records = circle
        check = dns_check(world.resolver.endpoint, "a.shop.test", bypass=world.check.bypass, timeout=5.0)
        probed = await world.learn(check)
        assert probed.failure == "dns.cname_dangling"
        assert "lead back" in probed.detail

    story(tell)


def test_of_a_zone_with_a_hundred_servers_a_few_are_asked() -> None:
    async def tell(world: World) -> None:
        many = [f"ns{n}.shop.test." for n in range(100)]
        world.names.records = {
            "shop.test NS": [f"@ 60 NS {name}" for name in many],
            **{f"{name[:-1]} A": [f"@ 60 A {FIRST}", f"@ 60 A {SECOND}"] for name in many},
        }
        probed = await world.learn()
        assert probed.error is None
        assert len(facts(probed).servers) == MAX_SERVERS
        assert len(world.resolver.asked) <= 2 + MAX_SERVERS

    story(tell)


def test_of_a_deep_name_a_few_cuts_are_looked_for() -> None:
    async def tell(world: World) -> None:
        deep = dns_check(world.resolver.endpoint, f"{'a.' * 30}shop.test", timeout=5.0)
        assert (await world.learn(deep)).failure == "dns.delegation"
        assert len(world.resolver.asked) == MAX_CUTS

    story(tell)


def test_the_resolver_of_the_host_may_be_asked_whatever_the_policy_says(tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()
        allowed = Policy(allowed_networks([f"{FIRST}/32"]))
        first = Names({"www.shop.test A": WWW}, flags=dns.flags.AA)
        async with dns_server(Names(dict(DELEGATED))) as resolver, dns_server(first, FIRST, port):
            files = host_files(tmp_path, "", "nameserver 127.0.0.1\n", resolver.endpoint.port)
            async with bench(files=files, policy=allowed) as on:
                check = dns_check(None, bypass=BypassPlan(authority_port=port), timeout=5.0)

                def prober(check: Any, io: Any, record: Any) -> Any:
                    return probe_authority(check, io, {}, record, is_learning=True)

                probed = await on.run(prober, check)
                assert probed.error is None
                assert failures(probed) == [None, "policy"]

    asyncio.run(main())


@pytest.mark.parametrize("allowed", [["127.0.0.1/32"], ["127.0.0.1/32", f"{SECOND}/32"]])
def test_servers_that_the_policy_denies_are_not_asked(allowed: list[str]) -> None:
    async def tell(world: World) -> None:
        probed = await world.learn()
        if len(allowed) == 1:
            assert "policy" in str(probed.error)
            assert failures(probed) == ["policy", "policy"]
        else:
            assert probed.error is None
            assert failures(probed) == ["policy", None]

    story(tell, Policy(allowed_networks(allowed)))
