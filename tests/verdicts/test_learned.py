"""What results say of the entities that probes go through."""

import pytest

from vedette.wire import facts as f
from vedette.wire.facts import Facts
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.learned import Learned, Origin
from vedette_collector.verdicts.traits import topology
from verdicts.learned_helpers import AGENTS, Pupil, alias, assignment, certificate, hops, of, served


@pytest.fixture
def pupil() -> Pupil:
    return Pupil()


def test_the_end_of_an_alias_chain_names_the_product_of_every_check_of_the_name(pupil: Pupil) -> None:
    pupil.tell("dns", alias("shop.azurefd.net.", "star.T-0009.t-msedge.net."))
    found = pupil.after()
    assert {name: of(found, name, Kind.PRODUCT) for name in ("dns", "web", "zone", "told")} == {
        "dns": "t-msedge.net",
        "web": "t-msedge.net",
        "zone": None,
        "told": "ours",
    }


def test_an_alias_inside_what_was_registered_is_no_product(pupil: Pupil) -> None:
    pupil.tell("dns", alias("lb.eu.shop.example."))
    assert of(pupil.after(), "web", Kind.PRODUCT) is None


def test_the_name_servers_say_who_runs_the_zone_and_all_names_in_it(pupil: Pupil) -> None:
    pupil.tell("zone", served("ns-1.awsdns-01.com", "NS-2.awsdns-12.co.uk.", "ns-3.awsdns-3.org"))
    found = pupil.after()
    assert {name: of(found, name, Kind.AUTHORITY) for name in ("zone", "dns", "web", "told", "deep")} == {
        "zone": "awsdns",
        "dns": "awsdns",
        "web": "awsdns",
        "told": "ours",
        "deep": None,
    }


def test_servers_that_were_asked_around_the_resolver_say_it_as_well(pupil: Pupil) -> None:
    pupil.tell("deep", served("ns1.dynect.net"), bypass="authority")
    assert of(pupil.after(), "deep", Kind.AUTHORITY) == "dynect"


def test_servers_of_two_zones_say_nothing_of_one_and_one_server_nothing_of_its_zone() -> None:
    """An alias leads into the zone of a product; a check of one listed server sees that one alone."""
    led_on = Facts(authority=served("ns1.dynect.net").authority, dns=alias("shop.cdn.example").dns)
    assert not Pupil("- {name: dns, dns: {name: a.example}}").tell("dns", led_on, bypass="authority")
    zone = """
- name: zone
  authority:
    zone: shop.example
    servers:
      - {name: ns1.one.example, addresses: [192.0.2.1], short: a}
      - {name: ns1.two.example, addresses: [192.0.2.2], short: b}
"""
    assert not Pupil(zone).tell("zone:a", served("ns1.one.example"))


@pytest.mark.parametrize("bypass", ["resolver", "no_validation", "last_good", "family", "authority"])
def test_what_is_seen_on_another_way_says_nothing_else_of_the_check(pupil: Pupil, bypass: str) -> None:
    assert not pupil.tell("dns", alias("shop.cdn.example."), bypass=bypass)
    assert not pupil.tell("web", certificate("Some CA"), bypass=bypass)


def test_the_issuer_names_the_chain_where_it_was_verified(pupil: Pupil) -> None:
    """Anybody can write any issuer into a certificate; one who signs for itself is no chain."""
    pupil.tell("web", certificate("R11"))
    pupil.tell("told", certificate("R11"))
    found = pupil.after()
    assert (of(found, "web", Kind.CA_CHAIN), of(found, "told", Kind.CA_CHAIN)) == ("r11", "ours")
    assert not pupil.tell("web", certificate("Forged", verified=False))
    assert not pupil.tell("web", certificate("me", subject="me"))


def test_an_address_names_the_network_and_prefix_of_its_target(pupil: Pupil) -> None:
    pupil.tell("web", Facts(address="198.51.100.7"))
    pupil.tell("told", Facts(address="198.51.100.7"))
    pupil.tell("dns", Facts(address="198.51.100.7"))  # of the resolver
    pupil.tell("proxied", Facts(address="198.51.100.7"))  # of the proxy
    found = pupil.after()
    assert (of(found, "web", Kind.PROVIDER_NETWORK), of(found, "web", Kind.PREFIX_SET)) == (
        "AS2",
        "198.51.100.0/24",
    )
    assert of(found, "told", Kind.PROVIDER_NETWORK) == "AS1"
    assert of(found, "dns", Kind.PROVIDER_NETWORK) is None
    assert of(found, "proxied", Kind.PROVIDER_NETWORK) is None


def test_without_a_database_there_are_no_networks() -> None:
    alone = Learned(assignment())
    assert not alone.observe("par-01", "web", Facts(address="198.51.100.7"), 0.0)


def test_another_database_is_asked_from_then_on(pupil: Pupil) -> None:
    pupil.tell("web", Facts(address="198.51.100.7"))
    pupil.after()
    pupil.learned.use(lambda _: Origin("AS9", "198.51.100.0/23"))
    assert pupil.tell("web", Facts(address="198.51.100.7"))
    assert of(pupil.after(61.0), "web", Kind.PROVIDER_NETWORK) == "AS9"


def test_agents_that_see_different_networks_have_them_on_their_own_probes(pupil: Pupil) -> None:
    for agent, address in zip(AGENTS, ("192.0.2.1", "198.51.100.1", "203.0.113.1"), strict=True):
        pupil.tell("web", Facts(address=address), agent)
    found = pupil.after(60.0)
    assert of(found, "web", Kind.PROVIDER_NETWORK) is None
    assert found.pairs["par-01", "web"] == (
        Entity(Kind.PREFIX_SET, "192.0.2.0/24"),
        Entity(Kind.PROVIDER_NETWORK, "AS1"),
    )
    assert Entity(Kind.PROVIDER_NETWORK, "AS3") in found.pairs["nyc-01", "web"]


def test_a_path_names_the_networks_between_agent_and_target_for_all_checks_of_the_host(pupil: Pupil) -> None:
    path = hops("10.0.0.1", "100.64.0.1", None, "203.0.113.1", "203.0.113.2", "198.51.100.1", "192.0.2.1")
    pupil.tell("way", Facts(address="192.0.2.1", path=path), "par-01")
    found = pupil.after(60.0)
    between = {Entity(Kind.TRANSIT, "AS3"), Entity(Kind.TRANSIT, "AS2")}
    assert set(found.pairs["par-01", "way"]) >= between
    assert set(found.pairs["par-01", "ping"]) == between
    assert Entity(Kind.TRANSIT, "AS3") not in found.pairs.get(("lon-01", "way"), ())


def test_the_server_that_answered_is_the_own_resolver_of_the_host(pupil: Pupil) -> None:
    """A private address is one in each network; a resolver that a check names is nobody's own."""
    for agent, address in zip(AGENTS, ("10.0.0.1:53", "10.0.0.1:53", "192.0.2.53:53"), strict=True):
        pupil.tell("web", Facts(resolver=address), agent)
    assert pupil.after(60.0).own_resolvers == {
        "par-01": (Entity(Kind.RESOLVER, "10.0.0.1@isp-par"),),
        "lon-01": (Entity(Kind.RESOLVER, "10.0.0.1@isp-lon"),),
        "nyc-01": (Entity(Kind.RESOLVER, "192.0.2.53"),),
    }
    assert not pupil.tell("ping", Facts(resolver="192.0.2.99:53"))
    assert not pupil.tell("web", Facts(resolver="https://dns.example/dns-query"))


def test_a_walk_and_a_chain_of_trust_say_in_which_zone_a_name_is(pupil: Pupil) -> None:
    def step(zone: str, outcome: str) -> f.TraceStep:
        return f.TraceStep(zone=zone, server="ns", address="192.0.2.1", outcome=outcome)  # type: ignore[arg-type]

    walked = [
        step(".", "referral"),
        step("example", "referral"),
        step("b.other.example", "lame"),
        step("b.other.example", "alias"),
        step("cdn.example", "answer"),
    ]
    pupil.tell("walk", Facts(trace=f.TraceFacts(steps=walked)))
    found = pupil.after()
    assert of(found, "walk", Kind.ZONE) == "b.other.example"
    assert of(found, "deep", Kind.ZONE) == "b.other.example"
    chain = Pupil("- {name: safe, dnssec: {name: www.shop.example}}")
    zones = [
        f.DnssecZone(zone=z, algorithm="", key_tag=1) for z in (".", "example", "shop.example", "cdn.test")
    ]
    chain.tell("safe", Facts(dnssec=f.DnssecFacts(status="secure", zones=zones)))
    assert of(chain.after(), "safe", Kind.ZONE) == "shop.example"


def test_a_top_level_domain_is_no_zone_of_a_name(pupil: Pupil) -> None:
    steps = [f.TraceStep(zone="example", server="ns", address="192.0.2.1", outcome="nxdomain")]
    assert not pupil.tell("walk", Facts(trace=f.TraceFacts(steps=steps)))


def test_a_new_configuration_keeps_what_was_learned(pupil: Pupil) -> None:
    """Agents and checks come and go; what the remaining ones said counts on."""
    pupil.tell("dns", alias("shop.cdn.example.net."))
    pupil.tell("web", Facts(address="192.0.2.1", resolver="192.0.2.53:53"))
    pupil.after(60.0)
    later = assignment(
        "- {name: web, http: {url: https://www.shop.example/new}}\n"
        "- {name: more, tcp: {address: 'www.shop.example:25'}}",
        ("new-01", "lon-01", "par-01"),
    )
    moved = pupil.learned.arranged(later)
    base = topology(later)
    found = moved.renewed(base, pupil.now + 31.0)
    assert found is not None
    assert of(found, "more", Kind.PRODUCT) == "example.net"
    assert of(found, "web", Kind.PROVIDER_NETWORK) == "AS1"
    assert sorted(found.own_resolvers) == ["lon-01", "par-01"]
    assert (Kind.PREFIX_SET, "told") not in moved._tallies
