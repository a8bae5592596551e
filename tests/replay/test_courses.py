"""Outages with a course: two at once, waves, flapping, growth, silence."""

from pathlib import Path
from typing import Any

import pytest

from vedette_collector.replay import play
from vedette_collector.replay.fleet import read_fleet
from vedette_collector.replay.scenario import read_scenarios

HERE = Path(__file__).parent
SETTING = play.Setting(read_fleet(HERE / "fleets" / "eight.yaml"), 0.01, 30.0)
CAUSES = {
    "product-and-authority": 2,
    "two-targets-at-once": 2,
    "two-targets-alike": 2,
    "two-targets-alike-later": 2,
}


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, Any]]:
    wanted = [(each, 1) for each in read_scenarios(HERE / "courses.yaml", SETTING.fleet)]
    return {each["id"]: each for each in play.play(SETTING, wanted, 1)}


@pytest.mark.timeout(300)
def test_each_is_named_in_an_incident_for_each_cause(played: dict[str, dict[str, Any]]) -> None:
    assert len(played) == 14
    assert [name for name, each in played.items() if not each["right_headline"]] == []
    assert {name: each["incidents"] for name, each in played.items()} == dict.fromkeys(played, 1) | CAUSES


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bad", ["wrong_pages", "surplus_components", "premature_closes"])
def test_nothing_else_is_told(played: dict[str, dict[str, Any]], bad: str) -> None:
    assert [name for name, each in played.items() if each[bad]] == []


@pytest.mark.timeout(300)
def test_each_cause_pages_and_what_comes_back_pages_again(played: dict[str, dict[str, Any]]) -> None:
    pages = dict.fromkeys(played, 1) | CAUSES | {"waves": 2}
    assert {name: each["pages"] for name, each in played.items()} == pages
