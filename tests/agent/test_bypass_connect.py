"""Other ways to a target that is connected to: the last good address, the other family, another resolver."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from agent.bypass_helpers import OFTEN, Names, dns_check, probing
from servers.dns import Asked, dns_server
from servers.http import Site, answer
from servers.probing import bench
from servers.tcp import TcpServer, silent
from servers.tls import context, tls, trust
from vedette.checks.bypass import ways
from vedette.checks.model import (
    BypassPlan,
    Check,
    Endpoint,
    GrpcCheck,
    HttpCheck,
    TcpCheck,
    TlsCheck,
    TlsOptions,
    WebsocketCheck,
)
from vedette.wire.messages import Bypass, Result
from vedette_agent.app import allowed_networks
from vedette_agent.bypass.ways import Learned, trying
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import Record

NOBODY = "127.0.0.77"
HOST = "www.shop.test"
HERE = {f"{HOST} A": ["@ 1 A 127.0.0.1"]}
COMMON: dict[str, Any] = {"name": "t", "target": "t", "interval": 1.0, "timeout": 1.0, "bypass": OFTEN}


def tcp(port: int, resolver: Endpoint, **more: Any) -> TcpCheck:
    return TcpCheck(**{**COMMON, "host": HOST, "port": port, "resolver": resolver, **more})


def address(result: Result) -> str | None:
    return None if result.facts is None else result.facts.address


def test_a_name_that_has_lost_its_server_is_still_served_at_the_last_good_address(tmp_path: Path) -> None:
    """Over TLS for the same name, with the same Host, though the name leads elsewhere by now."""
    ca = trustme.CA()
    site = Site({"/": answer(body=b"hello")})
    names = Names(dict(HERE))

    async def main() -> None:
        with TcpServer(tls(context(ca.issue_cert(HOST)), site)) as server:
            async with dns_server(names) as resolver:
                check = HttpCheck(
                    **COMMON,
                    url=f"https://{HOST}:{server.port}/",
                    resolver=resolver.endpoint,
                    tls=TlsOptions(ca_file=trust(ca, tmp_path)),
                )
                async with probing(check) as on:
                    await on.next(None, "ok")
                    names.records = {f"{HOST} A": [f"@ 1 A {NOBODY}"]}
                    reached = await on.next("last_good")
                    assert on.of(None)[-1].reason == "tcp.refused"
                    assert (reached.outcome, address(reached)) == ("ok", "127.0.0.1")
                    assert reached.facts is not None
                    assert reached.facts.tls is not None
                    assert reached.facts.tls.verified
                    assert reached.facts.resolver is None
                    # What came of it is known to nobody but the collector.
                    assert {one.bypass for one in on.explained} == {None}
                    assert "t" in on.runner.out_of_turn.failing

    asyncio.run(main())
    hosts = [line for asked in site.requests for line in asked.split(b"\r\n") if line.startswith(b"Host:")]
    assert len(set(hosts)) == 1


def test_the_last_good_address_needs_no_resolver() -> None:
    names = Names(dict(HERE))

    async def main() -> None:
        with TcpServer(silent) as server:
            async with dns_server(names) as resolver, probing(tcp(server.port, resolver.endpoint)) as on:
                await on.next(None, "ok")
                names.is_silent = True
                reached = await on.next("last_good")
                assert on.of(None)[-1].reason == "dns.timeout"
                assert (reached.outcome, address(reached)) == ("ok", "127.0.0.1")

    asyncio.run(main())


def test_without_a_last_good_address_there_is_no_such_way() -> None:
    names = Names({f"{HOST} A": [f"@ 1 A {NOBODY}"]})

    async def main() -> None:
        async with dns_server(names) as resolver, probing(tcp(9, resolver.endpoint)) as on:
            await on.until(lambda: len(on.of(None)) >= 3, "two runs and a repeat")
            assert on.of("last_good") == []

    asyncio.run(main())


def test_an_ipv4_that_is_gone_is_told_from_a_target_that_is_gone() -> None:
    names = Names({f"{HOST} A": ["@ 1 A 127.0.0.1"], f"{HOST} AAAA": ["@ 1 AAAA ::1"]})

    async def main() -> None:
        with TcpServer(silent, socket.AF_INET6) as server:
            async with dns_server(names) as resolver:
                with TcpServer(silent, port=server.port):
                    async with probing(tcp(server.port, resolver.endpoint)) as on:
                        healthy = await on.next("family")
                        assert (healthy.outcome, address(healthy)) == ("ok", "::1")
                        names.records[f"{HOST} A"] = [f"@ 1 A {NOBODY}"]
                        await on.next(None, "fail")
                        reached = await on.next("family")
                        assert (reached.outcome, address(reached)) == ("ok", "::1")

    asyncio.run(main())


def test_a_target_of_one_family_says_nothing_of_the_other() -> None:
    names = Names(dict(HERE))

    async def main() -> None:
        with TcpServer(silent) as server:
            async with dns_server(names) as resolver, probing(tcp(server.port, resolver.endpoint)) as on:
                await on.until(lambda: len(on.of(None)) >= 3, "three runs")
                asked = [one for one in resolver.asked if one.message.question[0].rdtype.name == "AAAA"]
                assert asked
                assert on.of("family") == []

    asyncio.run(main())


def test_a_resolver_that_fails_is_told_from_the_target_by_a_second_one() -> None:
    names = Names(dict(HERE))

    async def main() -> None:
        with TcpServer(silent) as server:
            async with dns_server(names) as broken, dns_server(Names(dict(HERE))) as second:
                plan = BypassPlan(interval=1.0, resolvers=(broken.endpoint, second.endpoint))
                async with probing(tcp(server.port, broken.endpoint, bypass=plan)) as on:
                    await on.next(None, "ok")
                    names.rcode = 2
                    await on.next(None, "fail")
                    reached = await on.next("resolver")
                    assert on.of(None)[-1].reason == "dns.servfail"
                    assert reached.outcome == "ok"
                    assert reached.facts is not None
                    assert reached.facts.resolver == str(second.endpoint)

    asyncio.run(main())


def test_no_way_leads_where_the_policy_does_not() -> None:
    """The second resolver is at an address that this agent may not reach."""
    allowed = Policy(allowed_networks(["127.0.0.1/32"]))
    plan = BypassPlan(interval=1.0, resolvers=(Endpoint(NOBODY, 53),))

    async def main() -> None:
        async with dns_server(Names(dict(HERE))) as resolver:
            check = dns_check(resolver.endpoint, HOST, bypass=plan)
            async with probing(check, policy=allowed) as on:
                refused = await on.next("resolver")
                assert (refused.outcome, refused.reason) == ("not_run", "policy")

    asyncio.run(main())


def test_an_agent_with_too_much_to_do_goes_around_nothing() -> None:
    async def main() -> None:
        names = Names(dict(HERE))
        async with dns_server(names) as resolver, probing(dns_check(resolver.endpoint, HOST)) as on:
            await on.next("no_validation")
            on.shedding.level = 1
            await on.next(None, "ok")
            before = len(on.of("no_validation"))
            names.rcode = 2
            await on.until(lambda: on.runner.out_of_turn.failing.get("t"), "confirmed")
            await on.next(None)
            assert len(on.of("no_validation")) == before
            assert on.shedding.counts["detail"] >= 1

    asyncio.run(main())


def test_what_was_learned_of_a_check_is_forgotten_with_it() -> None:
    names = Names(dict(HERE))

    async def main() -> None:
        with TcpServer(silent) as server:
            async with dns_server(names) as resolver:
                before = tcp(server.port, resolver.endpoint)
                async with probing(before) as on:
                    await on.next(None, "ok")
                    names.is_silent = True
                    on.assign(tcp(server.port, resolver.endpoint, timeout=0.5))
                    late = Record()
                    late.looked_up = HOST, "127.0.0.1"
                    on.bypasses.worked(before, late)  # a probe that had begun by then
                    await on.until(lambda: on.runner.out_of_turn.failing.get("t"), "confirmed")
                    await on.next(None)
                    assert on.of("last_good") == []

    asyncio.run(main())


def test_a_way_that_is_being_gone_is_not_gone_twice_at_a_time() -> None:
    async def main() -> None:
        def wait(asked: Asked) -> None:
            """It is confirmed once more while the first way is gone; nobody answers."""
            on.bypasses.confirmed(check, on.results[-1])

        names = Names({})
        names.rcode = 2
        async with dns_server(names) as first, dns_server(wait) as second:
            check = dns_check(
                first.endpoint, bypass=BypassPlan(ways=("resolver",), resolvers=(second.endpoint,))
            )
            async with probing(check) as on:
                slow = await on.next("resolver")
                assert slow.reason == "dns.timeout"
                assert len(second.asked) == 1

    asyncio.run(main())


def test_a_way_begun_before_the_configuration_changed_says_nothing() -> None:
    async def main() -> None:
        def change(asked: Asked) -> None:
            on.assign(dns_check(first.endpoint, HOST, bypass=BypassPlan(ways=())))
            asked.reply(asked.response(*HERE[f"{HOST} A"]))

        names = Names({})
        names.rcode = 2
        async with dns_server(names) as first, dns_server(change) as second:
            check = dns_check(
                first.endpoint, HOST, bypass=BypassPlan(ways=("resolver",), resolvers=(second.endpoint,))
            )
            async with probing(check) as on:
                await on.until(lambda: second.asked, "asked")
                await on.next(None)
                assert on.of("resolver") == []

    asyncio.run(main())


@pytest.mark.parametrize("way", ["authority", "family"])
def test_a_way_that_never_led_anywhere_is_not_gone_when_the_check_fails(way: Bypass) -> None:
    async def main() -> None:
        async with bench() as on:
            check: Check = dns_check(Endpoint("127.0.0.1", 9)) if way == "authority" else _connecting(9)[2]
            learned = Learned()
            assert trying(check, way, on.io, learned, Record(), is_failing=True) is None
            learned.led.add(way)
            prober = trying(check, way, on.io, learned, Record(), is_failing=True)
            assert prober is not None
            prober.close()

    asyncio.run(main())


def _connecting(port: int) -> list[Check]:
    return [
        HttpCheck(**COMMON, url=f"http://{HOST}:{port}/"),
        HttpCheck(**COMMON, url=f"https://{HOST}:{port}/", tls=TlsOptions(verify=False)),
        TcpCheck(**COMMON, host=HOST, port=port),
        TlsCheck(**COMMON, host=HOST, port=port, tls=TlsOptions(verify=False)),
        GrpcCheck(**COMMON, host=HOST, port=port),
        WebsocketCheck(**COMMON, host=HOST, port=port, authority=HOST, path="/"),
    ]


@pytest.mark.parametrize("number", range(6))
def test_every_kind_that_connects_goes_to_the_last_good_address(number: int) -> None:
    """What listens there says goodbye at once: that it was gone to is all that counts."""

    async def main() -> None:
        with TcpServer(lambda connection: None) as server:
            check = _connecting(server.port)[number]
            assert "last_good" in ways(check)
            learned = Learned()
            learned.address = HOST, "127.0.0.1"

            def prober(check: Any, io: Any, record: Record) -> Any:
                return trying(check, "last_good", io, learned, record, is_failing=True)

            async with bench() as on:
                probed = await on.run(prober, check)
            assert (probed.record.address, probed.record.resolver) == ("127.0.0.1", None)
            server.finish()

    asyncio.run(main())


@pytest.mark.parametrize(
    "changed",
    [
        lambda port: TcpCheck(**COMMON, host="127.0.0.1", port=port),
        lambda port: TcpCheck(**COMMON, host="localhost", port=port),
        lambda port: HttpCheck(**COMMON, url=f"http://{HOST}/", address="127.0.0.1"),
        lambda port: HttpCheck(**COMMON, url=f"http://{HOST}/", resolve={HOST: "127.0.0.1"}),
        lambda port: TcpCheck(**{**COMMON, "bypass": BypassPlan(ways=())}, host=HOST, port=port),
    ],
)
def test_what_is_not_looked_up_has_no_other_way(changed: Callable[[int], Check]) -> None:
    assert ways(changed(80)) == ()
