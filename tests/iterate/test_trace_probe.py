"""The trace prober on a tree of real authorities, and beside servers that fail as real ones do."""

import asyncio
from typing import Any

import dns.message
import dns.rrset
import pytest

from iterate.tree_helpers import NOBODY, ROOT, SHOP_1, SHOP_2, TOP, Tree
from servers import dns as server
from servers.dns import Asked, dns_server
from servers.probing import Probed, bench
from vedette.checks.model import TraceCheck
from vedette.wire.facts import TraceFacts
from vedette.wire.failure import Failure
from vedette_agent import outcome
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import NotInTime, ProbeSpoiled, Record
from vedette_agent.probers.trace import probe_trace
from vedette_agent.shown import shown

MOST = 20.0  # seconds for what ends by itself


def check(port: int, name: str, rdtype: str = "A", **more: Any) -> TraceCheck:
    common = {"name": "t", "target": name, "interval": 60.0, "timeout": MOST, **more}
    return TraceCheck(query_name=name, rdtype=rdtype, roots=(ROOT,), port=port, **common)


def trace(
    port: int, name: str, rdtype: str = "A", seconds: float = MOST, policy: Policy | None = None
) -> Probed:
    async def main() -> Probed:
        async with bench(policy=policy) as on:
            return await on.run(probe_trace, check(port, name, rdtype), seconds)

    return asyncio.run(main())


def facts(probed: Probed) -> TraceFacts:
    assert probed.record.trace is not None
    return probed.record.trace


def told(probed: Probed) -> list[tuple[int, str, str, str]]:
    return [(step.level, step.zone, step.address, step.outcome) for step in facts(probed).steps]


def test_each_level_is_named_and_timed(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "www.shop.example")
    assert probed.failure is None
    levels = told(probed)
    assert levels[:2] == [(0, ".", ROOT, "referral"), (1, "example", TOP, "referral")]
    assert levels[2] in [(2, "shop.example", address, "answer") for address in (SHOP_1, SHOP_2)]
    said = facts(probed)
    assert (said.answers, said.levels, said.failed_level) == (["192.0.2.80"], 3, None)
    assert [step.servers for step in said.steps] == [1, 1, 2]
    took = sum(step.duration_us for step in said.steps) / 1e6
    assert 0 < took < probed.seconds
    assert probed.record.phases["request"] == pytest.approx(took, abs=1e-5)
    assert (probed.record.address, probed.record.port) == (levels[2][2], on_loopback.port)
    assert ("dns.asked", f"[{ROOT}]: www.shop.example A") in [note[1:] for note in probed.record.notes]


def test_records_of_any_type_are_told_as_people_write_them(on_loopback: Tree) -> None:
    assert facts(trace(on_loopback.port, "mail.shop.example", "MX")).answers == ["10 www.shop.example"]


def test_what_udp_cuts_comes_over_tcp(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "big.shop.example", "TXT")
    assert probed.failure is None
    assert len(facts(probed).answers[0]) == 512  # cut for the contract; 1,500 came


def test_aliases_are_followed_across_zones(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "alias.example")
    assert facts(probed).answers == ["192.0.2.80"]
    assert [(level, said) for level, _, _, said in told(probed)] == [
        (0, "referral"),
        (1, "alias"),
        (2, "referral"),  # www.cdn.test, from the root again
        (3, "alias"),
        (4, "referral"),  # www.shop.example, from what is known of example.
        (5, "answer"),
    ]


def test_aliases_in_a_circle_fail(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "loop.test")
    assert probed.failure == "dns.cname_dangling"
    assert "lead back to loop.test" in probed.detail


def test_what_does_not_exist_is_said_by_whom(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "none.test")
    assert probed.failure == "dns.nxdomain"
    assert probed.detail == f"ns.example [{TOP}] of test. says: no such name, none.test A"
    probed = trace(on_loopback.port, "ns2.test", "MX")
    assert (probed.failure, facts(probed).failed_level) == ("dns.nodata", 1)


def test_a_lame_delegation_is_told(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "www.lame.example")
    assert probed.failure == "dns.lame"
    assert probed.detail == (
        f"the servers of ., example. answered; ns1.lame.example [{SHOP_1}] of lame.example. "
        "is lame: it says REFUSED"
    )
    assert facts(probed).failed_level == 2


def test_a_server_that_does_not_exist_is_told(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "www.away.example")
    assert probed.failure == "dns.delegation"
    assert probed.detail.endswith("ns.gone.test, a name server, does not exist")
    assert facts(probed).lookups == 2


def test_a_port_where_nobody_listens_is_told(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "www.dead.example")
    assert probed.failure == "net.refused"
    assert f"ns1.dead.example [{NOBODY}] of dead.example. failed: nothing listens" in probed.detail


def test_a_silent_server_is_told_with_what_answered_above_it(on_loopback: Tree) -> None:
    async def main() -> Probed:
        async with dns_server(server.silent, NOBODY, on_loopback.port), bench() as on:
            return await on.run(probe_trace, check(on_loopback.port, "www.dead.example"), 1.5)

    probed = asyncio.run(main())
    assert isinstance(probed.error, NotInTime)
    assert probed.failure == "dns.timeout"
    assert probed.detail.startswith(
        f"the servers of ., example. answered; ns1.dead.example [{NOBODY}] of dead.example. did not answer"
    )
    assert told(probed)[-1] == (2, "dead.example", NOBODY, "failed")
    assert facts(probed).steps[-1].failure == "dns.timeout"


def test_a_timeout_while_we_stood_still_is_ours() -> None:
    made = check(1, "x.example", timeout=1.0)
    error = NotInTime(Failure.DNS_TIMEOUT, "ns did not answer")
    result = outcome.result(made, Record(), error, started_us=0, elapsed=1.0, stalled=0.5)
    assert (result.outcome, result.reason) == ("not_run", "loop_lag")
    result = outcome.result(made, Record(), error, started_us=0, elapsed=1.0, stalled=0.01)
    assert (result.outcome, result.reason) == ("fail", "dns.timeout")


def test_garbage_is_malformed(on_loopback: Tree) -> None:
    async def main() -> Probed:
        async with dns_server(server.cut_off, NOBODY, on_loopback.port), bench() as on:
            return await on.run(probe_trace, check(on_loopback.port, "www.dead.example"), MOST)

    assert asyncio.run(main()).failure == "dns.malformed"


def test_an_address_that_the_policy_denies_is_our_side_and_is_not_asked(on_loopback: Tree) -> None:
    probed = trace(on_loopback.port, "www.shop.example", policy=Policy())
    assert isinstance(probed.error, ProbeSpoiled)
    assert probed.error.reason == "policy"


def test_a_flood_of_referrals_costs_a_bounded_number_of_queries(on_loopback: Tree) -> None:
    """A zone that refers each name to a hundred others: the server of all of them counts what it is asked."""

    def referring(asked: Asked) -> None:
        name = asked.name
        response = dns.message.make_response(asked.message)
        names = [f"n{n}.x{n}.dead.example." for n in range(60)]
        response.authority.append(dns.rrset.from_text(name, 60, "IN", "NS", *names))
        asked.reply(response.to_wire(max_size=4096))

    async def main() -> tuple[Probed, int]:
        async with dns_server(referring, NOBODY, on_loopback.port) as hostile, bench() as on:
            probed = await on.run(probe_trace, check(on_loopback.port, "www.dead.example"), MOST)
            return probed, len(hostile.asked)

    probed, queries = asyncio.run(main())
    assert probed.failure == "dns.delegation"
    assert 1 < queries <= 60


def test_people_see_the_levels(on_loopback: Tree) -> None:
    made = check(on_loopback.port, "www.lame.example")
    probed = trace(on_loopback.port, "www.lame.example")
    result = outcome.result(
        made, probed.record, probed.error, started_us=1, elapsed=probed.seconds, stalled=0.0
    )
    lines = [line.split() for line in shown(made, result, has_color=False).splitlines()]
    assert lines[0][:4] == ["fail", "dns.lame", "t", "www.lame.example"]
    assert [line[1:-2] for line in lines if line[0] == "level"] == [  # the time is last
        ["0", ".", ROOT, "referral"],
        ["1", "example.", "ns.example", f"[{TOP}]", "referral"],
        ["2", "lame.example.", "ns1.lame.example", f"[{SHOP_1}]", "dns.lame"],
    ]
