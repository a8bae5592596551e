"""What a fleet cannot tell apart or does not see is told before anything breaks, with what to add."""

import re
import textwrap

import pytest
from msgspec.structs import replace

from vedette.checks import read
from vedette_collector.fleet.commands import written
from vedette_collector.fleet.gaps import observed, too_few
from vedette_collector.fleet.hint import EXAMPLES, Hint
from vedette_collector.fleet.hints import hints
from vedette_collector.fleet.survey import _STAGES, Survey
from vedette_collector.verdicts.component import Entity
from vedette_collector.verdicts.traits import topology
from verdicts.fleet_helpers import Play, fleet

# Two of everything, so that each test can take one thing away.
AGENTS = """\
  - {name: par-01, tags: {network: AS1, region: eu, site: par, access: fibre, tls_stack: a}}
  - {name: par-02, tags: {network: AS1, region: eu, site: lyo, access: mobile, tls_stack: b}}
  - {name: fra-01, tags: {network: AS2, region: eu, site: par, access: mobile, tls_stack: a}}
  - {name: nyc-01, tags: {network: AS2, region: us, site: lyo, access: fibre, tls_stack: b}}
  - {name: nyc-02, tags: {network: AS3, region: us, site: par, access: fibre, tls_stack: a}}
  - {name: sfo-01, tags: {network: AS3, region: us, site: lyo, access: mobile, tls_stack: a}}
"""
CHECKS = """\
- {name: one, tags: {service: one, provider: p, region: r}, tcp: {address: "192.0.2.1:443"}}
- {name: two, tags: {service: two, provider: p, region: r}, tcp: {address: "192.0.2.2:443"}}
- {name: three, tags: {service: three, provider: p, region: s}, tcp: {address: "192.0.2.3:443"}}
- {name: four, tags: {service: four, provider: p, region: s}, tcp: {address: "192.0.2.4:443"}}
- {name: five, tags: {service: five, provider: q}, tcp: {address: "192.0.2.5:443"}}
- {name: six, tags: {service: six, provider: q}, tcp: {address: "[2001:db8::6]:443"}}
- {name: seven, tags: {service: seven, provider: q}, tcp: {address: "[2001:db8::7]:443"}}
"""
INFORMATIVE = {"never_tagged"}


def told(checks: str = CHECKS, agents: str = AGENTS, resolvers: str = "") -> dict[str, Hint]:
    text = f"agents:\n{agents}{resolvers}checks:\n{textwrap.indent(checks, '  ')}"
    assignment = read.loads(text.encode(), "test.yaml")
    found = hints(assignment, topology(assignment))
    assert len({hint.lint for hint in found}) == len(found)
    return {hint.lint: hint for hint in found if hint.lint not in INFORMATIVE}


def test_a_fleet_with_two_of_everything_needs_nothing() -> None:
    assert told() == {}


def test_a_network_with_one_agent_is_like_that_agent() -> None:
    hint = told(agents=AGENTS.replace("sfo-01, tags: {network: AS3", "sfo-01, tags: {network: AS2"))
    found = hint["vantage_network_like_agent"]
    assert found.text == "1 network cannot be told from its only agent"
    assert found.examples == ("AS3 (nyc-02)",)
    assert "second agent" in found.advice


def test_a_provider_with_one_target_is_like_that_target() -> None:
    checks = CHECKS.replace("service: seven, provider: q", "service: seven, provider: alone")
    assert told(checks)["provider_like_target"].examples == ("alone (seven)",)


def test_two_components_with_the_same_probes_are_told_as_such() -> None:
    """All of region eu is network AS1: either can be blamed for the other."""
    agents = AGENTS.replace(
        "fra-01, tags: {network: AS2, region: eu", "fra-01, tags: {network: AS2, region: us"
    )
    hint = told(agents=agents)["vantage_region_like_vantage_network"]
    assert hint.text == "1 region cannot be told from the network with the same probes"
    assert hint.examples == ("eu (AS1)",)


def test_a_resolver_that_one_network_asks_is_like_that_network() -> None:
    checks = (
        "- {name: a, tags: {provider: p, service: a}, agents: {network: AS1}, "
        "dns: {name: a.example, resolver: 192.0.2.53}}\n"
        "- {name: b, tags: {provider: p, service: b}, agents: {network: AS2}, "
        "dns: {name: a.example, resolver: 192.0.2.54}}\n"
    )
    found = told(CHECKS + checks)
    assert found["resolver_like_target"].examples == ("192.0.2.53 (a)", "192.0.2.54 (b)")


def test_an_own_resolver_of_one_agent_is_like_that_agent() -> None:
    """Its own resolver is the way of every name check of the agent; on the connection side they differ."""
    agents = AGENTS.replace("access: fibre, tls_stack: b}", "access: fibre, tls_stack: b, resolver: isp}")
    checks = "".join(
        f"- {{name: n{n}, tags: {{provider: p, service: n{n}}}, dns: {{name: n{n}.example}}}}\n"
        for n in (1, 2)
    )
    assert told(CHECKS + checks, agents)["resolver_like_agent"].examples == ("isp (nyc-01)",)


def test_a_target_that_one_of_several_networks_sees_has_no_incident_of_its_own() -> None:
    hint = told(CHECKS.replace("- {name: one,", "- {name: one, agents: {network: AS1},"))
    assert hint["seen_from_one_network"].examples == ("one (AS1)",)
    assert "no incident is opened" in hint["seen_from_one_network"].text


def test_of_a_fleet_in_one_network_nobody_knows_what_others_see() -> None:
    agents = re.sub("AS[0-9]+", "AS1", AGENTS)
    text = told(CHECKS, agents)["seen_from_one_network"].text
    assert text.endswith("whether others see a fault of it too, nobody can tell")


@pytest.mark.parametrize("targets", [1, 2, 12, 200])
@pytest.mark.parametrize("agents", [1, 2, 3, 4, 5])
def test_targets_with_too_few_probes_are_those_of_which_no_incident_is_opened(
    targets: int, agents: int
) -> None:
    whole = fleet(networks=agents, per_network=1, targets=targets)
    checks = {name: traits for name, traits in whole.checks.items() if name.endswith(":ipv4")}
    few = replace(whole, checks=checks, assigned={name: whole.assigned[name] for name in checks})
    play = Play(few)
    play.look(60)
    play.fail(play.probes("t0:"))
    hint = next(too_few(Survey(few)), None)
    assert (hint is None) == any("target:t0" in str(each.component) for each in play.look(30).findings)
    if hint is not None:
        needed = 4 if targets > 2 else 3
        assert hint.count == targets
        assert hint.examples[0] == f"t0 (connections: {agents} of the {needed} needed)"


def test_agents_and_checks_without_the_weighty_tags_are_listed() -> None:
    agents = AGENTS.replace("network: AS1, region: eu, site: par", "site: par")
    found = told(CHECKS.replace("service: six, provider: q", "service: six"), agents)
    assert found["no_network"].examples == ("par-01",)
    assert "1 agent of 6" in found["no_network"].text
    assert found["no_region"].examples == ("par-01",)
    assert found["no_provider"].examples == ("six",)


def test_names_that_one_resolver_answers_are_told_and_a_second_one_ends_it() -> None:
    name = "- {name: dns, tags: {service: one, provider: p}, dns: {name: www.example.com%s}}\n"
    assert told(CHECKS + name % "")["one_resolver"].examples == ("dns",)
    assert "one_resolver" not in told(CHECKS + name % ", resolvers: [host, 192.0.2.53]")
    bypass = name.replace("name: dns,", "name: dns, bypass: {resolver: 192.0.2.53},")
    assert "one_resolver" not in told(CHECKS + bypass % "")


def test_a_name_over_http_without_a_way_around_dns_is_told() -> None:
    web = "- {name: web, tags: {service: %s, provider: p}, bypass: none, http: {url: https://www.example.com/}}\n"
    assert told(CHECKS + web % "web")["no_other_way"].examples == ("web",)
    assert "no_other_way" not in told(CHECKS + web % "one")  # it has a check by address
    assert "no_other_way" not in told(CHECKS + (web % "web").replace("bypass: none, ", ""))


@pytest.mark.parametrize(
    ("tags", "side", "example"),
    [
        ("provder: p", "check", "`provder` of checks: `provider`?"),
        ("network: AS1", "check", "`network` of checks: `asn`?"),
        ("netwrk: AS1", "agent", "`netwrk` of agents: `network`?"),
        ("team: blue", "agent", None),
        ("customer: x", "check", None),
        ("authority: x", "check", None),
    ],
)
def test_a_tag_that_looks_like_a_standard_one_is_asked_about(
    tags: str, side: str, example: str | None
) -> None:
    if side == "check":
        found = told(CHECKS.replace("service: one,", f"service: one, {tags},"))
    else:
        found = told(agents=AGENTS.replace("site: par, access: fibre", f"{tags}, site: par, access: fibre"))
    assert (found["tag_like_a_standard_one"].examples if example else ()) == ((example,) if example else ())
    assert ("tag_like_a_standard_one" in found) is (example is not None)


def test_values_that_differ_in_letters_case_or_signs_are_two_things() -> None:
    checks = CHECKS.replace("service: one, provider: p", "service: one, provider: P")
    assert told(checks)["values_alike"].examples == ("provider: P / p",)
    regions = CHECKS.replace("region: r", "region: us-east-1").replace("region: s", "region: us-east1")
    assert "values_alike" not in told(regions)


def test_what_says_nothing_for_want_of_something_else_is_told() -> None:
    found = told(
        CHECKS.replace('provider: q}, tcp: {address: "192.0.2.5', 'region: r}, tcp: {address: "192.0.2.5'),
        AGENTS.replace("access: fibre, tls_stack: a}", "access: fibre, tls_stack: a, resolver: isb}"),
        "resolvers: [{name: isp, addresses: [192.0.2.53]}]\n",
    )
    assert found["region_without_provider"].examples == ("five",)
    assert found["unknown_resolver"].examples == ("isb",)


def test_what_every_probe_goes_through_is_told() -> None:
    checks = CHECKS.replace("[2001:db8::6]", "192.0.2.6").replace("[2001:db8::7]", "192.0.2.7")
    assert told(checks)["shared_by_all"].examples == ("address family ipv4",)
    found = told(checks.replace("provider: q", "provider: p"))
    assert found["shared_by_all"].examples == ("address family ipv4", "provider p")
    assert [lint for lint in found if "_like_" in lint] == []


def test_tags_that_nobody_has_are_one_line() -> None:
    text = f"agents:\n{AGENTS}checks:\n{textwrap.indent(CHECKS, '  ')}"
    assignment = read.loads(text.encode(), "test.yaml")
    found = {hint.lint: hint for hint in hints(assignment, topology(assignment))}
    assert found["never_tagged"].count == 10
    assert "`zone`" in found["never_tagged"].examples


def test_extents_agree_with_a_count_of_probes() -> None:
    """The sums find exactly the groups that listing every probe finds."""
    checks = CHECKS + (
        "- {name: n1, agents: {region: eu}, tags: {provider: z, zone: z1}, dns: {name: a.z1.example}}\n"
        "- {name: n2, agents: {region: eu}, tags: {provider: z, zone: z1}, dns: {name: b.z1.test}}\n"
        "- {name: n3, tags: {zone: z3}, dns: {name: c.z3.example, resolver: 10.0.0.1}}\n"
        "- {name: n4, agents: {name: nyc-01}, tags: {host_os: h}, http: {url: https://d.example/}}\n"
    )
    agents = AGENTS.replace("tls_stack: b}", "tls_stack: b, resolver: own}")
    text = f"agents:\n{agents}checks:\n{textwrap.indent(checks, '  ')}"
    found = topology(read.loads(text.encode(), "test.yaml"))
    survey = Survey(found)
    expected = set()
    for stage, kinds in _STAGES:
        probes: dict[Entity, set[tuple[str, str]]] = {}
        whole = set()
        for check, traits in found.checks.items():
            for agent in found.assigned[check]:
                if stage not in traits.stages:
                    continue
                whole.add((agent, check))
                through = (*traits.entities, *found.agents[agent], *found.pairs.get((agent, check), ()))
                if traits.own_resolver:
                    through += found.own_resolvers.get(agent, ())
                for entity in through:
                    if entity.kind in kinds:
                        probes.setdefault(entity, set()).add((agent, check))
        for entity in probes:
            group = frozenset(other for other in probes if probes[other] == probes[entity])
            if len(group) > 1 and probes[entity] != whole:
                expected.add(group)
    assert {frozenset(group) for group in survey.alike()} == expected
    assert len(expected) >= 5


def test_what_people_read_is_bounded_for_a_large_fleet() -> None:
    agents = "".join(f"  - {{name: agent-{n:04}, tags: {{netwrk: AS{n}, site: s{n}}}}}\n" for n in range(300))
    checks = "".join(
        f"- {{name: c{n}, tags: {{provider: p{n}}}, icmp: {{host: h{n}.example}}}}\n" for n in range(300)
    )
    assignment = read.loads(
        f"agents:\n{agents}checks:\n{textwrap.indent(checks, '  ')}".encode(), "test.yaml"
    )
    found = topology(assignment)
    made = hints(assignment, found)
    lines = written(made, observed(found))
    assert all(len(hint.examples) <= EXAMPLES for hint in made)
    assert len(lines) < 100
    assert max(map(len, lines)) < 250
    listed = ", ".join(f"s{n} (agent-{n:04})" for n in (0, 1, 10, 100, 101))
    assert f"    {listed}, and 295 more" in lines
