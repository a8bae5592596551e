"""What given servers of the parent say of a zone, held against what the zone says."""

import asyncio
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest

from iterate.authority_helpers import MOST, ZONE, ask, beside, check, facts, listed, resolving
from iterate.tree_helpers import NOBODY, SHOP_1, SHOP_2, TOP, Tree
from servers import dns as server
from servers.dns import Asked, Behaviour, dns_server
from servers.probing import Probed, bench
from vedette_agent.probers.authority import probe_authority


@pytest.mark.parametrize("way", ["servers", "resolver"])
def test_a_parent_that_is_given_is_compared_however_the_servers_are_found(
    on_loopback: Tree, way: str
) -> None:
    async def main() -> tuple[Probed, Probed]:
        async with dns_server(resolving) as resolver, bench() as on:
            found: dict[str, Any] = {"roots": (), "resolver": resolver.endpoint}
            if way == "servers":
                found = listed(**{f"ns1.{ZONE}": SHOP_1})
            good = check(on_loopback.port, parents=(TOP,), **found)
            bad = check(on_loopback.port, "moved.example", parents=(TOP,), **found)
            return await on.run(probe_authority, good, MOST), await on.run(probe_authority, bad, MOST)

    good, bad = asyncio.run(main())
    assert good.error is None
    assert facts(good).delegation_differs is False
    assert set(good.record.phases) == {"resolve", "request"}
    assert (bad.failure, bad.detail) == (
        "dns.delegation",
        f"the delegation of moved.example. is not what ns1.{ZONE} [{SHOP_1}] says: ns9.test is only in the "
        f"zone; ns1.moved.example has {SHOP_1} at the parent [{TOP}], {SHOP_2} in the zone",
    )


def referring_to(*names: str, zone: str = f"{ZONE}.") -> Behaviour:
    def behaviour(asked: Asked) -> None:
        response = dns.message.make_response(asked.message)
        response.authority.append(dns.rrset.from_text(zone, 60, "IN", "NS", *names))
        if f"ns1.{ZONE}." in names:
            response.additional.append(dns.rrset.from_text(f"ns1.{ZONE}.", 60, "IN", "A", SHOP_1))
        asked.reply(response.to_wire())

    return behaviour


def test_of_several_servers_of_the_parent_the_one_that_differs_is_named(on_loopback: Tree) -> None:
    made = check(on_loopback.port, parents=(TOP, NOBODY), **listed(ns1=SHOP_1))
    assert beside(referring_to("ns2.test.", f"ns1.{ZONE}."), made).error is None
    probed = beside(referring_to(f"ns1.{ZONE}.", "ns2.test.", "ns0.test."), made)
    assert (probed.failure, probed.detail) == (
        "dns.delegation",
        f"the delegation of {ZONE}. is not what ns1 [{SHOP_1}] says: "
        f"ns0.test is only at the parent [{NOBODY}]",
    )


def test_servers_of_the_parent_that_say_the_same_are_told_once(on_loopback: Tree) -> None:
    zone = "moved.example"
    made = check(on_loopback.port, zone, parents=(TOP, NOBODY), **listed(ns1=SHOP_1))

    def as_the_other(asked: Asked) -> None:
        response = dns.message.make_response(asked.message)
        response.authority.append(dns.rrset.from_text(f"{zone}.", 60, "IN", "NS", f"ns1.{zone}."))
        response.additional.append(dns.rrset.from_text(f"ns1.{zone}.", 60, "IN", "A", SHOP_1))
        asked.reply(response.to_wire())

    probed = beside(as_the_other, made)
    assert probed.detail.count("ns9.test is only in the zone") == 1


def missing(asked: Asked) -> None:
    asked.reply(asked.response(rcode=3, flags=dns.flags.AA))


def undelegated(asked: Asked) -> None:
    asked.reply(asked.response(flags=dns.flags.AA))


def alias(asked: Asked) -> None:
    asked.reply(asked.response("@ 60 CNAME other.test.", flags=dns.flags.AA))


@pytest.mark.parametrize(
    ("behaviour", "failure", "words"),
    [
        (server.refused, "dns.lame", "is lame: it says REFUSED"),
        (referring_to("a.root.", zone="."), "dns.lame", "is lame: it refers upwards, to ."),
        (missing, "dns.delegation", f"says that {ZONE}. does not exist"),
        (undelegated, "dns.delegation", f"says that {ZONE}. is not delegated"),
        (alias, "dns.delegation", f"says that {ZONE}. is an alias"),
        (server.cut_off, "dns.malformed", "sent what cannot be read"),
    ],
)
def test_a_server_of_the_parent_that_does_not_delegate_is_told_beside_the_zone(
    on_loopback: Tree, behaviour: Behaviour, failure: str, words: str
) -> None:
    probed = beside(behaviour, check(on_loopback.port, parents=(NOBODY,), **listed(ns1=SHOP_1)))
    assert probed.failure == failure
    assert probed.detail.startswith(f"[{NOBODY}], a server of the parent, {words}")
    assert facts(probed).answering == 1
    assert facts(probed).delegation_differs is None


def test_a_server_two_levels_up_refers_to_the_parent_and_not_to_the_zone(on_loopback: Tree) -> None:
    made = check(on_loopback.port, "a.b.dead.example", parents=(NOBODY,), **listed(ns1=SHOP_1))
    probed = beside(referring_to("ns.dead.example.", zone="dead.example."), made)
    assert "a server of the parent, is lame: it refers upwards, to dead.example." in probed.detail


def test_a_parent_that_serves_the_zone_itself_does_not_tell_what_it_delegates(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, "below.test", parents=(TOP,), **listed(ns1=TOP)))
    assert probed.error is None
    assert facts(probed).delegation_differs is None


def test_a_silent_server_of_the_parent_takes_its_share_of_the_time_alone(on_loopback: Tree) -> None:
    made = check(on_loopback.port, parents=(NOBODY,), **listed(ns1=SHOP_1))
    probed = beside(server.silent, made, 4.0)
    assert probed.failure == "dns.timeout"
    assert probed.detail.startswith(f"[{NOBODY}], a server of the parent, did not answer, ")
    assert facts(probed).answering == 1
