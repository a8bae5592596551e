"""Outages that come with Vedette, seen by the fleet that comes along: what is said, and when."""

import json
from pathlib import Path

import pytest

from vedette_collector.replay import play
from vedette_collector.replay.commands import DATA
from vedette_collector.replay.fleet import read_fleet
from vedette_collector.replay.scenario import Scenario, read_scenarios

FLEETS = Path(__file__).parent / "fleets"
SETTING = play.Setting(read_fleet(DATA / "fleet.yaml"), 0.01, 30.0)


def library(setting: play.Setting = SETTING) -> dict[str, Scenario]:
    return {each.id: each for each in read_scenarios(DATA / "library.yaml", setting.fleet)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    ["do-lon1-resolver-2021-01-28", "ovh-2024-10-30", "cf-waf-2019-07-02", "ctl-mqtt-broker-down"],
)
def test_hard_fault_is_named_within_two_intervals(name: str) -> None:
    """A resolver, a network with agents and targets, a product, our own broker: one page each."""
    (score,) = play.play(SETTING, [(library()[name], 1)], 1)
    assert score["right_headline"], json.dumps(score, indent=1)
    assert score["time_to_first_right_s"] <= 60
    assert (score["pages"], score["wrong_pages"], score["incidents"]) == (1, 0, 1)
    assert score["premature_closes"] == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fleet", sorted(FLEETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_few_agents_name_a_single_target(fleet: Path) -> None:
    setting = SETTING._replace(fleet=read_fleet(fleet))
    (score,) = play.play(setting, [(library(setting)["ctl-single-target"], 1)], 1)
    assert score["right_headline"], json.dumps(score, indent=1)
    assert (score["wrong_pages"], score["incidents"], score["premature_closes"]) == (0, 1, 0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_whole_library() -> None:
    wanted = [(each, 1) for each in library().values()]
    found = list(play.play(SETTING, wanted, play.default_jobs()))
    wrong = [score["id"] for score in found if not score["right_headline"]]
    assert len(wrong) <= 0.05 * len(found), wrong
    assert sum(score["wrong_pages"] for score in found) == 0
    assert sum(score["premature_closes"] for score in found) == 0
