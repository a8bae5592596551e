"""Other ways to the answer of a DNS check, and whom each leaves out: with real resolvers and authorities."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.bypass_helpers import dns_check, probing
from servers.daemon import free_port
from servers.nsd import Nsd, plain
from servers.unbound import Unbound
from vedette.checks.model import BypassPlan, Endpoint

FIRST, SECOND = "127.0.0.24", "127.0.0.25"
_SOA = "@ 3600 IN SOA ns1 root {{serial}} 7200 3600 1209600 60\n"
_ZONE = f"""$ORIGIN %s.test.
{_SOA}@ 60 NS ns1
@ 60 NS ns2
ns1 60 A {FIRST}
ns2 60 A {SECOND}
""".replace("{{", "{").replace("}}", "}")
SHOP = _ZONE % "shop" + "www 60 A 192.0.2.80\n"
EMPTIED = _ZONE % "shop" + 'www 60 TXT "nothing else is left"\n'
BOGUS = _ZONE % "bogus" + "www 60 A 192.0.2.80\n"
ANCHOR = "bogus.test. DS 12345 13 2 " + "ab" * 32


class World(NamedTuple):
    nsd: Nsd
    resolver: Unbound
    spare: Unbound

    @property
    def plan(self) -> BypassPlan:
        second = Endpoint("127.0.0.1", self.spare.port)
        return BypassPlan(interval=1.0, authority_port=self.nsd.port, resolvers=(second,))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    zones = {"shop.test.": plain(SHOP), "bogus.test.": plain(BOGUS)}
    nsd = Nsd(tmp_path / "nsd", zones, (FIRST, SECOND, "127.0.0.1"), free_port())
    stubs = {"shop.test.": nsd.port, "bogus.test.": nsd.port}
    resolver = Unbound(tmp_path / "validating", stubs, (ANCHOR,))
    spare = Unbound(tmp_path / "spare", stubs)
    try:
        nsd.start()
        resolver.start()
        spare.start()
        yield World(nsd, resolver, spare)
    finally:
        spare.stop()
        resolver.stop()
        nsd.stop()


def test_a_zone_that_is_bogus_fails_by_the_validating_resolver_alone(world: World) -> None:
    check = dns_check(Endpoint("127.0.0.1", world.resolver.port), "www.bogus.test", bypass=world.plan)

    async def main() -> None:
        async with probing(check) as on:
            unchecked = await on.next("no_validation")
            second = await on.next("resolver") if not on.of("resolver") else on.of("resolver")[0]
            assert {one.reason for one in on.of(None)} == {"dns.servfail"}
            for other in (unchecked, second):
                assert (other.check, other.outcome) == ("t", "ok")
                assert other.facts is not None
                assert other.facts.dns is not None
                assert other.facts.dns.answers == ["192.0.2.80"]
            assert second.facts is not None
            assert second.facts.resolver == f"127.0.0.1:{world.spare.port}"
            # It has never led anywhere: what it would say now tells nothing.
            assert on.of("authority") == []

    asyncio.run(main())


def test_what_the_authority_has_lost_fails_on_every_way_and_a_dead_resolver_on_its_own(world: World) -> None:
    check = dns_check(Endpoint("127.0.0.1", world.resolver.port), bypass=world.plan)

    async def main() -> None:
        async with probing(check) as on:
            direct = await on.next("authority")
            assert direct.outcome == "ok"
            assert direct.facts is not None
            assert direct.facts.authority is not None
            assert direct.facts.dns is not None
            told = {(one.name, one.address) for one in direct.facts.authority.servers}
            assert told == {("ns1.shop.test", FIRST), ("ns2.shop.test", SECOND)}
            assert (direct.facts.authority.known, direct.facts.authority.answering) == (2, 2)
            assert (direct.facts.dns.answers, direct.facts.dns.authoritative) == (["192.0.2.80"], True)

            await asyncio.to_thread(world.nsd.publish, "shop.test.", plain(EMPTIED))
            emptied = await on.next("authority", "fail")
            assert emptied.reason == "dns.nodata"
            assert emptied.facts is not None
            assert emptied.facts.authority is not None
            assert [one.failure for one in emptied.facts.authority.servers] == ["dns.nodata"] * 2
            await on.until(lambda: any(one.outcome == "fail" for one in on.of("resolver")), "by the second")
            assert {one.reason for one in on.results if one.outcome == "fail"} == {"dns.nodata"}

            await asyncio.to_thread(world.nsd.publish, "shop.test.", plain(SHOP))
            await on.next(None, "ok")
            await on.next("authority", "ok")
            world.resolver.stop()
            await on.next(None, "fail")
            reached = await on.next("authority")
            assert reached.outcome == "ok"
            assert "resolve" not in reached.phases_us
            # All ways are gone together.
            await on.until(lambda: on.of("no_validation")[-1].reason == "net.refused", "by the dead one")
            assert on.of("resolver")[-1].outcome == "ok"

    asyncio.run(main())
