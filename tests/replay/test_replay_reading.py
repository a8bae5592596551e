"""Files of fleets and scenarios are read strictly: every problem is told, with its place and remedy."""

from pathlib import Path

import pytest

from replay.replay_helpers import FLEET, fleet, scenario, world, written
from vedette.errors import ConfigError
from vedette_collector.replay.commands import DATA
from vedette_collector.replay.fleet import read_fleet
from vedette_collector.replay.scenario import read_scenarios

PHASE = "t_offset_min: 0, duration_min: 10, scope: {target: {service: shop}}"
GOOD = f"""\
  phases:
  - {{{PHASE}, symptom: {{layer: tcp, code: timeout}}}}
  expected_verdict: [{{at_min: 2, kind: target, entity: shop}}]
"""


def problem(directory: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        scenario(directory, text, world(directory))
    return str(caught.value)


def test_library_and_fleet_that_come_along_are_read_whole() -> None:
    reference = read_fleet(DATA / "fleet.yaml")
    library = read_scenarios(DATA / "library.yaml", reference)
    assert (len(reference.agents), len(reference.targets), len(reference.resolvers)) == (47, 106, 27)
    assert len(library) == 30
    assert sum(len(each.phases) for each in library) == 68


def test_defaults_of_the_format_are_filled_in(tmp_path: Path) -> None:
    read = fleet(tmp_path)
    shop = read.targets[0].tags
    assert (shop["tld"], shop["authority"], shop["asn"], shop["zone"]) == (
        "com",
        "auth-shop",
        "AS-shop",
        "shop",
    )
    assert (read.agents[0].tags["access"], read.agents[0].tags["tls_stack"]) == ("vm", "modern")
    assert read.agents[4].tags["access"] == "mobile"


def test_phase_without_fraction_hits_all(tmp_path: Path) -> None:
    phase = scenario(tmp_path, GOOD, world(tmp_path)).phases[0]
    assert (phase.begin, phase.end, phase.fraction, phase.period) == (0, 600, 1.0, None)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            GOOD.replace("service", "sevice"),
            '5:58: scenarios[0].phases[0].scope.target: nothing has the tag "sevice"; did you mean "se',
        ),
        (
            GOOD.replace("target: {service", "targets: {service"),
            'unknown selector group "targets"; did you mean "target"?',
        ),
        (GOOD.replace("layer: tcp", "layer: ip"), 'layer "ip"; did you mean'),
        (GOOD.replace("code: timeout", "code: time_out"), 'code "time_out" of tcp; did you mean "timeout"?'),
        (GOOD.replace("duration_min: 10, ", ""), "duration_min is missing; add it"),
        (
            GOOD.replace("duration_min: 10", "duration_min: ten"),
            'expected a number, found "ten"; write digits without quotes',
        ),
        (GOOD.replace("symptom: {", "fraction: 1.5, symptom: {"), "1.5 is out of bounds; use 0 to 1"),
        (
            GOOD.replace("symptom: {", "faction: 1, symptom: {"),
            'unknown key "faction"; did you mean "fraction"?',
        ),
        (
            GOOD.replace("symptom: {", "pattern: {kind: sine, period_min: 1}, symptom: {"),
            'pattern "sine" is not known; use alternating',
        ),
        (GOOD.replace("kind: target", "kind: taget"), 'verdict kind "taget"; did you mean "target"?'),
        (GOOD.replace("kind: target", "kind: compound"), "a compound lists entities as kind:name"),
        (
            GOOD.replace("expected_verdict", "expected_verdicts"),
            'unknown key "expected_verdicts"; did you mean',
        ),
        (
            GOOD.replace("layer: tcp, code: timeout", "layer: agent, code: silent"),
            "agents fall silent, not probes",
        ),
        (GOOD.replace("scope: {", "scope: {af: 5, "), 'address family "5" is not known; use 4 or 6'),
        (GOOD.replace("phases:", "phases: 7\n  title:"), "expected a list, found the number 7"),
        (GOOD.replace("duration_min: 10", 'duration_min: "10"'), "write digits without quotes"),
        (GOOD.replace("service: shop", "service: []"), "has no value; name at least one"),
        (GOOD.replace("service: shop", "service: null"), "has no value; name at least one"),
        (GOOD.replace("entity: shop", "entity: []"), "is empty; list at least one"),
        (GOOD.replace("entity: shop", 'entity: ""'), '"" is no name'),
        (GOOD.replace("entity: shop", "entity: shop, qualifier: [ticket]"), "expected text, found a list"),
        (GOOD.replace("entity: shop", "entity: shop, same_incident: 1"), '"1" is neither true nor false'),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, wrong: str, told: str) -> None:
    assert told in problem(tmp_path, wrong)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = problem(tmp_path, GOOD.replace("service", "sevice").replace("kind: target", "kind: x"))
    assert len(text.splitlines()) == 2


def test_descriptions_may_be_anything(tmp_path: Path) -> None:
    more = "  background: {a: [1, null], b: {c: d}}\n  official: {public_min: null}\n"
    assert scenario(tmp_path, GOOD + more, world(tmp_path)).id == "tried"


def test_a_file_without_scenarios_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "empty.yaml", "schema_version: 1\nscenarios: []\n")
    with pytest.raises(ConfigError, match="is empty; list at least one"):
        read_scenarios(path, world(tmp_path).fleet)


@pytest.mark.parametrize("name", ['"\\e[31mred"', '"two\\nlines"', '""'])
def test_names_that_cannot_be_shown_are_told(tmp_path: Path, name: str) -> None:
    text = f"schema_version: 1\nscenarios:\n- id: {name}\n{GOOD}"
    path = written(tmp_path, "named.yaml", text)
    with pytest.raises(ConfigError, match="is no name; use one line"):
        read_scenarios(path, world(tmp_path).fleet)


def test_same_id_twice_is_told(tmp_path: Path) -> None:
    assert 'id "tried" is here twice; rename one' in problem(tmp_path, f"{GOOD}- id: tried\n{GOOD}")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            FLEET.replace("own-1]}", "own-2]}", 1),
            'resolver "own-2" is not listed under resolvers; did you mean "own-1"?',
        ),
        (FLEET.replace("agent: one-2", "agent: one-1"), '"one-1" is here twice; rename one'),
        (FLEET.replace("service: news", "servce: news"), "service is missing; add it"),
        (FLEET.partition("resolvers:\n")[0], "resolvers is missing; add it"),
        ("agents: [", "fleet.yaml:2:1: "),
        (FLEET.replace("service: news", "service: Checkout API"), '"checkout api" is not a DNS label'),
        (FLEET.replace("service: news", "service: shop:own"), "targets of a replay have names as in DNS"),
        (FLEET.replace("agent: one-2", 'agent: "one\\t2"'), "is no name"),
    ],
)
def test_what_is_wrong_with_a_fleet_is_told(tmp_path: Path, wrong: str, told: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s).*") as caught:
        fleet(tmp_path, wrong)
    assert told in str(caught.value)


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_fleet(tmp_path / "none.yaml")


def test_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes(b"agents: \xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        read_fleet(path)


def test_file_of_any_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    with path.open("wb") as file:
        file.truncate((4 << 20) + 1)
    with pytest.raises(ConfigError, match="more than 4 MiB; split it"):
        read_fleet(path)
