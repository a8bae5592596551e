"""Where the authority prober finds the servers of a zone, and what it holds against the zone."""

import asyncio

import pytest

from iterate.authority_helpers import MOST, ZONE, ask, check, facts, listed, resolving
from iterate.tree_helpers import ROOT, SHOP_1, SHOP_2, TOP, Tree
from servers import dns as server
from servers.dns import Asked, Behaviour, dns_server
from servers.probing import Probed, bench
from vedette_agent.probers.authority import probe_authority


def test_a_delegation_that_is_not_what_the_zone_says_is_told(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, "moved.example"))
    assert probed.failure == "dns.delegation"
    assert probed.detail == (
        f"the delegation of moved.example. is not what ns1.moved.example [{SHOP_1}] says: "
        f"ns9.test is only in the zone; ns1.moved.example has {SHOP_1} at the parent, {SHOP_2} in the zone"
    )
    assert facts(probed).delegation_differs is True


@pytest.mark.parametrize(
    ("zone", "detail"),
    [
        ("none.example", f"none.example. does not exist, says ns.example [{TOP}] of example."),
        ("alias.test", f"alias.test. does not exist, says ns.example [{TOP}] of test."),
        ("ns2.test", f"ns2.test. has no NS record, says ns.example [{TOP}] of test."),
        ("bare.example", "ns1.bare.example, a name server of bare.example., has no address"),
        (
            "away.example",
            "ns.gone.test, a name server of away.example., does not exist",
        ),
    ],
)
def test_a_delegation_that_leads_nowhere_is_told(on_loopback: Tree, zone: str, detail: str) -> None:
    probed = ask(check(on_loopback.port, zone))
    assert (probed.failure, probed.detail) == ("dns.delegation", detail)


def test_where_the_servers_of_the_parent_serve_the_zone_there_is_no_referral_to_compare(
    on_loopback: Tree,
) -> None:
    probed = ask(check(on_loopback.port, "below.test"))
    assert probed.error is None
    assert [(one.name, one.address) for one in facts(probed).servers] == [("ns1.below.test", TOP)]
    assert facts(probed).delegation_differs is None
    assert facts(ask(check(on_loopback.port, "test"))).delegation_differs is False


def test_the_root_itself_is_asked_where_it_is_said_to_be(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, "."))
    assert probed.error is None
    assert [one.address for one in facts(probed).servers] == [ROOT]


def test_of_listed_servers_that_are_no_delegation_nothing_is_compared(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, **listed(ns1=SHOP_1, ns2=SHOP_2)))
    assert probed.error is None
    assert facts(probed).delegation_differs is None
    assert set(probed.record.phases) == {"request"}


def test_listed_names_must_be_the_ns_records_wherever_they_are_asked(on_loopback: Tree) -> None:
    """The addresses of a list say where to ask, behind a NAT say: they need not be those of the zone."""
    there = listed(**{f"ns1.{ZONE}": SHOP_2, "ns2.test": SHOP_1})
    probed = ask(check(on_loopback.port, delegation=(f"ns1.{ZONE}", "ns2.test"), **there))
    assert probed.error is None
    assert facts(probed).delegation_differs is False
    probed = ask(check(on_loopback.port, delegation=(f"ns1.{ZONE}", "ns3.test"), **there))
    assert (probed.failure, probed.detail) == (
        "dns.delegation",
        f"the delegation of {ZONE}. is not what ns1.{ZONE} [{SHOP_2}] says: "
        "ns3.test is only in the configuration, ns2.test is only in the zone",
    )
    assert facts(probed).delegation_differs is True
    assert facts(probed).answering == 2


def test_a_resolver_can_find_the_servers(on_loopback: Tree) -> None:
    async def main() -> Probed:
        async with dns_server(resolving) as resolver, bench() as on:
            made = check(on_loopback.port, roots=(), resolver=resolver.endpoint)
            return await on.run(probe_authority, made, MOST)

    probed = asyncio.run(main())
    assert probed.error is None
    assert [one.address for one in facts(probed).servers] == [SHOP_1, SHOP_2]


def test_false_answers_in_the_name_of_the_resolver_are_counted(on_loopback: Tree) -> None:
    """One before each of its answers: the NS records, and an address for either server."""

    def imitated(asked: Asked) -> None:
        server.wrong_case(asked)
        resolving(asked)

    async def main() -> Probed:
        async with dns_server(imitated) as resolver, bench() as on:
            made = check(on_loopback.port, roots=(), resolver=resolver.endpoint)
            return await on.run(probe_authority, made, MOST)

    probed = asyncio.run(main())
    assert probed.error is None
    assert facts(probed).spoof_suspected == 3


@pytest.mark.parametrize(
    ("behaviour", "failure", "words"),
    [
        (server.nxdomain, "dns.delegation", "no NS records of shop.example."),
        (server.garbage, "dns.timeout", "did not answer"),
        (server.cut_off, "dns.malformed", "cannot be read"),
    ],
)
def test_a_resolver_that_does_not_know_is_told(
    on_loopback: Tree, behaviour: Behaviour, failure: str, words: str
) -> None:
    async def main() -> Probed:
        async with dns_server(behaviour) as resolver, bench() as on:
            made = check(on_loopback.port, roots=(), resolver=resolver.endpoint)
            return await on.run(probe_authority, made, 0.6 if behaviour is server.garbage else MOST)

    probed = asyncio.run(main())
    assert probed.failure == failure
    assert words in probed.detail
