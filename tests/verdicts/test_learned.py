"""What results say of the entities that probes go through; targets are hostile and agents may be rooted."""

import textwrap
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Any

import pytest

from vedette.checks import read
from vedette.checks.model import Assignment
from vedette.wire import facts as f
from vedette.wire.facts import Facts
from vedette_collector.verdicts import learned
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.learned import Learned, Origin
from vedette_collector.verdicts.topology import Topology
from vedette_collector.verdicts.traits import topology

AGENTS = ("par-01", "lon-01", "nyc-01")
CHECKS = """
- {name: dns, dns: {name: www.shop.example}}
- {name: web, http: {url: https://www.shop.example/}}
- {name: zone, authority: {zone: shop.example}}
- {name: told, tags: {product: ours, ca_chain: ours, authority: ours, asn: AS1, prefix: p, zone: z},
   http: {url: https://www.shop.example/told}}
- {name: sole, agents: {name: par-01}, tls: {address: "sole.example:443"}}
- {name: walk, trace: {name: a.b.other.example}}
- {name: deep, dns: {name: a.b.other.example}}
- {name: way, path: {host: 192.0.2.1}}
- {name: ping, icmp: {host: 192.0.2.1}}
- {name: proxied, http: {url: http://x.example/, proxy: {address: "192.0.2.9:3128"}}}
"""


def assignment(checks: str = CHECKS, agents: tuple[str, ...] = AGENTS) -> Assignment:
    listed = "".join(f"  - {{name: {name}, tags: {{network: isp-{name[:3]}}}}}\n" for name in agents)
    text = f"agents:\n{listed}checks:\n{textwrap.indent(checks.strip(), '  ')}"
    return read.loads(text.encode(), "test.yaml")


NETWORKS = {
    "192.0.2.0/24": "AS1",
    "198.51.100.0/24": "AS2",
    "203.0.113.0/24": "AS3",
    "100.64.0.0/10": "AS4",
}


def origins(address: str) -> Origin | None:
    try:
        literal = ip_address(address)
    except ValueError:
        return None
    for prefix, network in NETWORKS.items():
        if literal in ip_network(prefix):
            return Origin(network, prefix)
    return None


class Pupil:
    """Learns, with a clock that is turned by hand."""

    def __init__(self, checks: str = CHECKS, agents: tuple[str, ...] = AGENTS) -> None:
        self.assignment = assignment(checks, agents)
        self.base = topology(self.assignment)
        self.learned = Learned(self.assignment, origins)
        self.now = 1_000_000.0

    def tell(self, check: str, facts: Facts, *agents: str, **more: Any) -> bool:
        told = [self.learned.observe(a, check, facts, self.now, **more) for a in agents or AGENTS]
        return any(told)

    def after(self, seconds: float = 0.0) -> Topology:
        self.now += seconds
        return self.learned.renewed(self.base, self.now) or self.learned.topology(self.base)


def of(found: Topology, check: str, kind: Kind) -> str | None:
    names = [entity.name for entity in found.checks[check].entities if entity.kind == kind]
    assert len(names) < 2
    return names[0] if names else None


def alias(*chain: str) -> Facts:
    return Facts(dns=f.DnsFacts(rcode="NOERROR", cname_chain=list(chain)))


def served(*names: str) -> Facts:
    return Facts(
        authority=f.AuthorityFacts(
            servers=[f.AuthorityServerFacts(name=n, address="192.0.2.1") for n in names]
        )
    )


def certificate(issuer: str, *, verified: bool = True, subject: str = "www.shop.example") -> Facts:
    return Facts(tls=f.TlsFacts(verified=verified, issuer=issuer, subject=subject))


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


def hops(*addresses: str | None) -> f.PathFacts:
    return f.PathFacts(
        protocol="udp",
        reached=True,
        hops=[f.PathHop(ttl=ttl, address=address) for ttl, address in enumerate(addresses, 1)],
    )


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


def test_one_agent_names_nothing_for_others(pupil: Pupil) -> None:
    """A rooted agent says what it likes; it names only its own probes by it."""
    pupil.tell("dns", alias("x.forged.example."), "par-01")
    pupil.tell("zone", served("ns1.forged.example"), "par-01")
    pupil.tell("web", certificate("Forged"), "par-01")
    pupil.tell("web", Facts(address="192.0.2.1"), "par-01")
    found = pupil.after(100_000.0)
    assert found.checks == pupil.base.checks
    assert {agent for agent, _ in found.pairs} == {"par-01"}


def test_the_only_agent_of_a_check_is_believed_after_a_minute(pupil: Pupil) -> None:
    pupil.tell("sole", certificate("R11", subject="sole.example"), "par-01")
    assert of(pupil.after(30.0), "sole", Kind.CA_CHAIN) is None
    assert of(pupil.after(31.0), "sole", Kind.CA_CHAIN) == "r11"


def test_a_flapping_alias_makes_no_topology_with_every_result(pupil: Pupil) -> None:
    """Another product with every answer, for a day: a few topologies, and ever fewer."""
    made = []
    for step in range(2880):
        pupil.now += 30.0
        pupil.tell("dns", alias(f"shop.cdn-{step % 2}.example."))
        if pupil.learned.renewed(pupil.base, pupil.now) is not None:
            made.append(step)
    assert len(made) <= 3
    unsteady = Pupil()
    made = []
    for step in range(2880):
        unsteady.now += 30.0
        unsteady.tell("dns", alias(f"shop.cdn-{step // 7 % 2}.example."))
        if unsteady.learned.renewed(unsteady.base, unsteady.now) is not None:
            made.append(step)
    assert 1 < len(made) <= 6


def test_two_topologies_are_half_a_minute_apart() -> None:
    """Every second another check has something new that counts at once."""
    listed = "".join(f"- {{name: c{n}, icmp: {{host: 192.0.2.{n}}}}}\n" for n in range(100))
    pupil = Pupil(listed)
    made = []
    for number in range(100):
        pupil.now += 1.0
        assert pupil.tell(f"c{number}", Facts(address=f"192.0.2.{number}"))
        if pupil.learned.renewed(pupil.base, pupil.now) is not None:
            made.append(pupil.now)
    assert len(made) == 4
    assert all(later - earlier >= 30.0 for earlier, later in pairwise(made))


def test_nothing_new_makes_no_topology(pupil: Pupil) -> None:
    assert pupil.tell("dns", alias("a.cdn.example."))
    assert pupil.learned.renewed(pupil.base, pupil.now) is not None
    assert not pupil.tell("dns", alias("a.cdn.example."))
    assert pupil.learned.renewed(pupil.base, pupil.now + 1000.0) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a" * 512,
        "\x00\x1b[31m.\x00",
        "é.ü",
        ".".join("a" * 250),
        "1.2.3.4",
        "a..b",
        "x.\n.y",
        "::1",
    ],
)
def test_hostile_texts_become_short_printable_names_or_none(text: str) -> None:
    pupil = Pupil()
    pupil.tell("dns", alias(text))
    pupil.tell("dns", alias(f"{text}.{text}"))
    pupil.tell("zone", served(text, f"ns.{text}.example"))
    pupil.tell("web", certificate(text))
    pupil.tell("web", Facts(address=text, resolver=text))
    pupil.tell("way", Facts(address=text, path=hops(text)))
    trace = f.TraceFacts(steps=[f.TraceStep(zone=text, server="", address="", outcome="answer")])
    pupil.tell("walk", Facts(trace=trace))
    found = pupil.after(100.0)
    names = [entity.name for traits in found.checks.values() for entity in traits.entities]
    names += [entity.name for entities in found.pairs.values() for entity in entities]
    for name in names:
        assert 0 < len(name) <= 128
        assert name.isascii()
        assert name.isprintable()


def test_unknown_agents_and_checks_say_nothing(pupil: Pupil) -> None:
    assert not pupil.tell("dns", alias("a.cdn.example."), "mallory")
    assert not pupil.tell("none", alias("a.cdn.example."))


def test_addresses_that_are_remembered_are_bounded(pupil: Pupil, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MAX_ORIGINS", 50)
    for number in range(500):
        pupil.tell("web", Facts(address=f"192.0.2.{number}"), "par-01")
    assert len(pupil.learned._remembered) == 50


def test_probes_with_an_entity_of_their_own_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MAX_PAIRS", 2)
    pupil = Pupil()
    for agent, address in zip(AGENTS, ("192.0.2.1", "198.51.100.1", "203.0.113.1"), strict=True):
        pupil.tell("web", Facts(address=address), agent)
    assert len(pupil.after(60.0).pairs) == 2


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


def test_what_a_topology_costs_in_one_call_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is done in the next calls."""
    monkeypatch.setattr(learned, "_STEPS", 3)
    pupil = Pupil()
    for check in ("web", "ping", "told"):
        pupil.tell(check, Facts(address="192.0.2.1"))
    settled = [pupil.learned.renewed(pupil.base, pupil.now + 31.0 * turn) for turn in range(1, 9)]
    assert settled[0] is not None
    assert of(settled[0], "ping", Kind.PROVIDER_NETWORK) is None
    assert of(pupil.after(), "ping", Kind.PROVIDER_NETWORK) == "AS1"
