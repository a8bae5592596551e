"""Which entities a probe goes through, by its configuration alone."""

import textwrap

import pytest

from vedette.checks import read
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.topology import CheckTraits, Stage, Topology
from vedette_collector.verdicts.traits import topology

AGENTS = """\
agents:
  - name: par-01
    tags: {asn: "3215", region: eu, site: par-a, access: fibre, tls_stack: modern}
  - name: lon-01
    tags: {network: as5378, asn: AS1, region: uk}
  - name: lon-02
    tags: {network: vodafone, host_region: lon-b}
  - {name: bare-01}
"""


def made(checks: str, agents: str = AGENTS, resolvers: str = "") -> Topology:
    text = agents + resolvers + "checks:\n" + textwrap.indent(textwrap.dedent(checks).strip("\n"), "  ")
    return topology(read.loads(text.encode(), "test.yaml"))


def one(check: str, resolvers: str = "") -> CheckTraits:
    return made(f"- {{name: one, {check}}}", resolvers=resolvers).checks["one"]


def names(traits: CheckTraits) -> dict[str, str]:
    return {entity.kind.value: entity.name for entity in traits.entities}


def test_agents_are_what_their_tags_say_and_networks_have_one_form() -> None:
    """3215 and AS3215 are one network; `network` goes before `asn`; a name stays as it is."""
    made_of = made("- {name: web, http: {url: https://www.example.com/}}").agents
    assert made_of["par-01"] == (
        Entity(Kind.AGENT, "par-01"),
        Entity(Kind.SITE, "par-a"),
        Entity(Kind.NETWORK, "AS3215"),
        Entity(Kind.ACCESS, "fibre"),
        Entity(Kind.CLIENT_STACK, "modern"),
        Entity(Kind.REGION, "eu"),
    )
    assert Entity(Kind.NETWORK, "AS5378") in made_of["lon-01"]
    assert set(made_of["lon-02"]) >= {Entity(Kind.NETWORK, "vodafone"), Entity(Kind.SITE, "lon-b")}
    assert made_of["bare-01"] == (Entity(Kind.AGENT, "bare-01"),)


def test_every_standard_tag_of_a_check_is_an_entity() -> None:
    tags = (
        "{service: shop, zone: example.com, authority: dyn, provider: aws, region: us-east-1, product: elb, "
        'asn: "16509", prefix: cf-a, host_os: windows, plane: control, ca_chain: le, tld: shop, '
        'depends_on: "dynamodb, kms"}'
    )
    traits = one(f"tags: {tags}, http: {{url: https://www.example.com/}}")
    assert traits.entities[0] == Entity(Kind.TARGET, "shop")
    assert names(traits) == {
        "target": "shop",
        "zone": "example.com",
        "prefix_set": "cf-a",
        "host_class": "windows",
        "dependency": "kms",
        "plane": "control",
        "product": "elb",
        "authority_dns": "dyn",
        "provider_network": "AS16509",
        "provider": "aws",
        "provider_region": "aws/us-east-1",
        "tld": "shop",
        "ca_chain": "le",
        "address_family": "ipv4",
    }
    assert Entity(Kind.DEPENDENCY, "dynamodb") in traits.entities


def test_other_words_for_the_same_tag_give_way_to_the_standard_one() -> None:
    traits = one(
        "tags: {provider_asn: AS1, asn: AS2, prefix: b, prefix_set: a, host_class: x, host_os: y}, "
        "icmp: {host: 192.0.2.1}"
    )
    assert {
        "provider_network": "AS2",
        "prefix_set": "a",
        "host_class": "x",
    }.items() <= names(traits).items()


def test_a_region_of_no_provider_is_nothing() -> None:
    assert "provider_region" not in names(one("tags: {region: eu}, icmp: {host: 192.0.2.1}"))


@pytest.mark.parametrize(
    "kind",
    [
        "dns: {name: WWW.Example.com.}",
        "trace: {name: www.example.com}",
        "dnssec: {name: www.example.com}",
        "authority: {zone: www.example.com}",
        "http: {url: https://WWW.example.com:8443/a}",
        'tcp: {address: "www.example.com:25"}',
        'tls: {address: "www.example.com:443"}',
        'udp: {address: "www.example.com:9", send: a}',
        "icmp: {host: www.example.com}",
        "path: {host: www.example.com}",
        "ntp: {host: www.example.com}",
        'grpc: {address: "www.example.com:50051"}',
        "websocket: {url: wss://www.example.com/}",
    ],
)
def test_checks_of_one_host_share_its_name_as_target_whatever_their_kind(kind: str) -> None:
    found = names(one(kind))
    assert found["target"] == "www.example.com"
    assert found["tld"] == "com"


@pytest.mark.parametrize(
    ("check", "stages", "asks_own"),
    [
        ("dns: {name: a.example}", {Stage.DNS}, True),
        ("dns: {name: a.example, resolver: 192.0.2.53}", {Stage.DNS}, False),
        ("dnssec: {name: a.example}", {Stage.DNS}, True),
        ("trace: {name: a.example}", {Stage.DNS}, False),
        ("authority: {zone: a.example}", {Stage.DNS}, False),
        ("http: {url: https://a.example/}", {Stage.DNS, Stage.CONNECTION}, True),
        ("http: {url: https://a.example/, resolver: 192.0.2.53}", {Stage.DNS, Stage.CONNECTION}, False),
        ("http: {url: https://a.example/, address: 192.0.2.1}", {Stage.CONNECTION}, False),
        ("http: {url: https://A.example/, resolve: {a.EXAMPLE.: 192.0.2.1}}", {Stage.CONNECTION}, False),
        (
            "http: {url: https://a.example/, resolve: {b.example: 192.0.2.1}}",
            {Stage.DNS, Stage.CONNECTION},
            True,
        ),
        ('http: {url: http://a.example/, proxy: {address: "192.0.2.9:3128"}}', {Stage.CONNECTION}, False),
        (
            'http: {url: http://192.0.2.1/, proxy: {address: "p.example:3128"}}',
            {Stage.DNS, Stage.CONNECTION},
            True,
        ),
        ("http: {url: https://192.0.2.1/}", {Stage.CONNECTION}, False),
        ("icmp: {host: 192.0.2.1, resolver: 192.0.2.53}", {Stage.CONNECTION}, False),
        ('tcp: {address: "[2001:db8::1]:25"}', {Stage.CONNECTION}, False),
    ],
)
def test_what_a_check_needs_follows_from_what_it_asks(check: str, stages: set[Stage], asks_own: bool) -> None:
    traits = one(check)
    assert traits.stages == stages
    assert traits.own_resolver is asks_own
    assert (Kind.FAMILY in {entity.kind for entity in traits.entities}) is (Stage.CONNECTION in stages)


def test_addresses_and_the_root_have_no_top_level_domain() -> None:
    assert "tld" not in names(one("icmp: {host: 192.0.2.1}"))
    assert "tld" not in names(one("icmp: {host: '2001:db8::1'}"))
    assert "tld" not in names(one("dns: {name: ., type: NS}"))


def test_both_families_are_two_checks_of_one_target() -> None:
    checks = made("- {name: web, families: [ipv4, ipv6], http: {url: https://a.example/}}").checks
    assert {names(each)["target"] for each in checks.values()} == {"a.example"}
    assert {names(each)["address_family"] for each in checks.values()} == {"ipv4", "ipv6"}


def test_a_proxy_is_a_dependency() -> None:
    check = 'http: {url: http://a.example/, proxy: {address: "Proxy.example:3128"}}'
    assert names(one(check))["dependency"] == "proxy.example"
    assert names(one(f"tags: {{depends_on: squid}}, {check}"))["dependency"] == "squid"


NAMED = """\
resolvers:
  - {name: big, addresses: [192.0.2.53, "2001:DB8::53", dns.big.example], validating: true, public: true}
  - {name: odd, addresses: ["192.0.2.53:5353"], validating: false}
  - {name: isp, addresses: [10.0.0.53]}
"""


@pytest.mark.parametrize(
    ("resolver", "expected"),
    [
        ("192.0.2.53", ["resolver:big", "resolver_class:validating"]),
        ('"[2001:db8::53]:54"', ["resolver:big", "resolver_class:validating"]),
        ("https://dns.big.example/dns-query", ["resolver:big", "resolver_class:validating"]),
        ('"192.0.2.53:5353"', ["resolver:odd", "resolver_class:not_validating"]),
        ("10.0.0.53", ["resolver:isp"]),
        ("192.0.2.99", ["resolver:192.0.2.99"]),
        ('"192.0.2.99:5300"', ["resolver:192.0.2.99:5300"]),
    ],
)
def test_a_resolver_is_called_by_its_name_else_by_its_address(resolver: str, expected: list[str]) -> None:
    traits = one(f"dns: {{name: a.example, resolver: {resolver}}}", NAMED)
    asked = [str(entity) for entity in traits.entities if entity.kind.startswith("resolver")]
    assert asked == expected


def test_a_private_address_is_another_resolver_in_each_network() -> None:
    found = made("- {name: one, dns: {name: a.example, resolver: 192.168.1.1}}")
    assert Kind.RESOLVER not in {entity.kind for entity in found.checks["one"].entities}
    assert {agent: [str(one) for one in of] for (agent, _), of in found.pairs.items()} == {
        "par-01": ["resolver:192.168.1.1@AS3215"],
        "lon-01": ["resolver:192.168.1.1@AS5378"],
        "lon-02": ["resolver:192.168.1.1@vodafone"],
        "bare-01": ["resolver:192.168.1.1@bare-01"],
    }


def test_the_resolver_of_an_agents_host_can_be_named() -> None:
    agents = "agents:\n  - {name: par-01, tags: {resolver: big}}\n  - {name: par-02}\n"
    found = made("- {name: one, dns: {name: a.example}}", agents, NAMED)
    assert {agent: [str(one) for one in of] for agent, of in found.own_resolvers.items()} == {
        "par-01": ["resolver:big", "resolver_class:validating"]
    }


def test_a_zone_is_known_from_its_authority_check_and_from_tags() -> None:
    """A name is in the longest zone that it ends in, by whole labels; a top-level domain is no zone."""
    checks = made("""
        - {name: zone, authority: {zone: example.com}}
        - {name: tld, authority: {zone: org}}
        - {name: inner, tags: {zone: Inner.example.com.}, dns: {name: a.inner.example.com}}
        - {name: www, dns: {name: www.example.com}}
        - {name: deep, dns: {name: b.inner.example.com}}
        - {name: other, dns: {name: notexample.com}}
        - {name: org, dns: {name: www.example.org}}
        """).checks
    assert {name: names(each).get("zone") for name, each in checks.items()} == {
        "zone": "example.com",
        "tld": None,
        "inner": "inner.example.com",
        "www": "example.com",
        "deep": "inner.example.com",
        "other": None,
        "org": None,
    }


def test_the_listed_servers_of_a_zone_say_who_runs_it() -> None:
    checks = made("""
        - name: zone
          authority:
            zone: example.com
            servers:
              - {name: ns1.p01.nsone.example, addresses: [192.0.2.1], short: a}
              - {name: ns-2.awsdns-02.co.uk, addresses: [192.0.2.2], short: b}
        - {name: www, dns: {name: www.example.com}}
        - {name: told, tags: {authority: dyn}, authority: {zone: example.net}}
        - {name: other, dns: {name: www.example.net}}
        """).checks
    assert {name: names(each)["authority_dns"] for name, each in checks.items()} == {
        "zone": "awsdns+nsone",
        "zone:a": "nsone",
        "zone:b": "awsdns",
        "www": "awsdns+nsone",
        "told": "dyn",
        "other": "dyn",
    }


def test_assigned_are_the_agents_of_each_check() -> None:
    found = made("""
        - {name: all, dns: {name: a.example}}
        - {name: uk, agents: {region: uk}, interval: 10s, dns: {name: a.example}}
        """)
    assert found.assigned == {"all": ("par-01", "lon-01", "lon-02", "bare-01"), "uk": ("lon-01",)}
    assert found.checks["uk"].interval == 10.0
