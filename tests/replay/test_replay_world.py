"""Which probes a fleet has, which of them a scope hits, and what of it the engine is told."""

from pathlib import Path

import pytest

from replay.replay_helpers import FLEET, of, world
from vedette_collector.replay.fleet import HIDDEN, transit
from vedette_collector.replay.scenario import Scope
from vedette_collector.replay.symptom import Symptom
from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.topology import Stage


def scope(family: int | None = None, **groups: dict[str, tuple[str, ...]]) -> Scope:
    return Scope(groups=groups, family=family)


def test_every_agent_probes_every_target_by_each_way(tmp_path: Path) -> None:
    """6 agents x 8 targets x (2 resolvers + 2 families)."""
    assert len(world(tmp_path)) == 6 * 8 * 4


@pytest.mark.parametrize(
    ("selected", "stage", "count"),
    [
        (scope(), Stage.DNS, 6 * 8 * 2),
        (scope(), Stage.CONNECTION, 6 * 8 * 2),
        (scope(), None, 6 * 8 * 4),
        (scope(target={"service": ("shop",)}), Stage.CONNECTION, 6 * 2),
        (scope(target={"service": ("shop", "news")}), Stage.CONNECTION, 2 * 6 * 2),
        (scope(target={"product": ("cdn",), "region": ("east",)}), None, 0),
        (scope(target={"tld": ("com",)}), Stage.DNS, 6 * 8 * 2),
        (scope(target={"zone": ("chat.example",)}), Stage.DNS, 6 * 2 * 2),
        (scope(vantage={"asn": ("AS1", "AS4")}), Stage.DNS, 3 * 8 * 2),
        (scope(vantage={"access": ("mobile",)}, target={"service": ("shop",)}), Stage.CONNECTION, 2),
        (scope(vantage={"hijack_cone": ("true",)}), Stage.CONNECTION, 8 * 2),
        (scope(resolver={"name": ("9.9.9.9",)}), Stage.DNS, 6 * 8),
        (scope(resolver={"validating": ("true",), "nta": ("false",)}), Stage.DNS, 6 * 8),
        (scope(resolver={"name": ("9.9.9.9",)}), Stage.CONNECTION, 0),
        (scope(family=6), Stage.CONNECTION, 6 * 8),
        (scope(family=6), Stage.DNS, 0),
        (scope(family=4), Stage.DNS, 6 * 8 * 2),
    ],
)
def test_scope_hits_what_all_its_selectors_fit(
    tmp_path: Path, selected: Scope, stage: Stage | None, count: int
) -> None:
    found = world(tmp_path).probes(selected, stage)
    assert len(found) == count
    assert found == sorted(set(found))


def test_transit_is_that_of_the_formula(tmp_path: Path) -> None:
    tried = world(tmp_path)
    agent, target = tried.fleet.agents[0], tried.fleet.targets[6]  # AS1 and AS1: sum of codes 197
    assert transit(agent, target) == ["AS3356", "AS1299", "AS174", "AS2914"][(197 * 7 + 197 * 3) % 4]
    carried = tried.probes(scope(path={"transit_asn": ("AS3356",)}), Stage.CONNECTION)
    assert tried.mask(carried) == tried.extent(of("transit:AS3356"), Stage.CONNECTION)
    assert 0 < len(carried) < 6 * 8 * 2
    assert not tried.probes(scope(path={"transit_asn": ("AS3356",)}), Stage.DNS)


def test_component_goes_through_what_all_its_parts_have(tmp_path: Path) -> None:
    tried = world(tmp_path)
    assert tried.extent(of("target:shop", "vantage_network:AS1"), Stage.CONNECTION).bit_count() == 2 * 2
    assert tried.extent(of("target:shop", "target:news"), Stage.DNS).bit_count() == 2 * 6 * 2
    assert tried.extent(of("provider_region:cloud/east"), None).bit_count() == 2 * 6 * 4
    assert tried.extent(of("resolver_class:not_validating"), None).bit_count() == 2 * 8
    assert tried.extent(of("telemetry:broker"), None).bit_count() == len(tried)


def test_configuration_does_not_say_who_will_be_hit(tmp_path: Path) -> None:
    """Tags of the world alone are in no assignment, and change nothing of what is known about the probes."""
    marked = FLEET.replace("service: shop,", "service: shop, cf_stack: fl2,").replace(
        "nta: false}", "nta: false, aggressive_nsec: true, flushed: true}"
    )
    tried = world(tmp_path, marked)
    assert tried.fleet.agents[2].tags["hijack_cone"] == "true"
    assert tried.fleet.targets[0].tags["cf_stack"] == "fl2"
    told = {tag for each in tried.assignment.agents for tag in each.tags}
    told |= {tag for each in tried.assignment.checks for tag in each.tags}
    assert told & HIDDEN == set()
    assert {"asn", "region", "access", "product", "service"} <= told
    assert tried.topology == world(tmp_path, FLEET.replace(", hijack_cone: true", "")).topology


@pytest.mark.parametrize(
    ("layer", "code", "told"),
    [
        ("http", "403", "http.denied"),
        ("http", "503", "http.status"),
        ("http", "4xx", "http.status"),
        ("tcp", "timeout", "tcp.timeout"),
        ("agent", "silent", ""),
    ],
)
def test_a_symptom_has_the_code_that_verdicts_know(layer: str, code: str, told: str) -> None:
    assert Symptom(layer=layer, code=code).told == told


def test_standard_tags_name_the_entities(tmp_path: Path) -> None:
    topology = world(tmp_path).topology
    kinds = {each.kind: each.name for each in topology.checks["web.wiki:ipv6"].entities}
    assert kinds[Kind.TARGET] == "wiki"
    assert kinds[Kind.DEPENDENCY] == "mail"
    assert kinds[Kind.PROVIDER_REGION] == "cloud/east"
    assert kinds[Kind.FAMILY] == "ipv6"
    assert {each.kind for each in topology.agents["four-1"]} == {
        *(Kind.AGENT, Kind.NETWORK, Kind.REGION, Kind.ACCESS, Kind.CLIENT_STACK),
    }
    assert topology.checks["name.shop:own-1"].stages == {Stage.DNS}
    assert topology.checks["web.shop:ipv4"].stages == {Stage.CONNECTION}
