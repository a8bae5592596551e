"""Outages that nobody has tuned anything to, seen by a few agents."""

import json
from pathlib import Path
from typing import Any

import pytest

from replay.drawn_outages import write
from vedette_collector.replay import play
from vedette_collector.replay.fleet import read_fleet
from vedette_collector.replay.scenario import read_scenarios


def _played(
    directory: Path, seed: int, agents: int, targets: int, count: int, jobs: int
) -> list[dict[str, Any]]:
    scenarios, fleet = write(directory, seed, agents, targets, count)
    setting = play.Setting(read_fleet(fleet), 0.01, 30.0)
    wanted = [(each, 1) for each in read_scenarios(scenarios, setting.fleet)]
    return list(play.play(setting, wanted, jobs))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("agents", "targets"), [(5, 40), (8, 30)])
def test_a_few_agents_name_what_broke(tmp_path: Path, agents: int, targets: int) -> None:
    found = _played(tmp_path, 7, agents, targets, 10, 1)
    assert len(found) == 10
    # Of one target in a region nobody can tell whether it is the region: then it must say so.
    assert [each["id"] for each in found if not each["right_headline"] and not each["right_beside"]] == []
    assert [each["id"] for each in found if each["wrong_pages"] > each["wrong_pages_beside"]] == []
    assert [each["id"] for each in found if each["premature_closes"]] == []


def test_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    drawn = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        drawn.append([path.read_text() for path in write(tmp_path / name, 3, 6, 20, 12)])
    assert drawn[0] == drawn[1]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("seed", "agents", "targets"),
    [(1, 5, 40), (2, 6, 80), (3, 7, 25), (4, 9, 106), (5, 12, 60), (6, 5, 106), (7, 16, 106), (8, 6, 30)],
)
def test_many(tmp_path: Path, seed: int, agents: int, targets: int) -> None:
    found = _played(tmp_path, seed, agents, targets, 30, play.default_jobs())
    right, beside, wrong, hedged = (
        sum(each[key] for each in found)
        for key in ("right_headline", "right_beside", "wrong_pages", "wrong_pages_beside")
    )
    print(f"seed {seed}, {agents} agents, {targets} targets: {right} of 30 right, {beside} stand beside;")
    print(f"  {wrong} wrong pages, the right one stands beside {hedged} of them")
    assert right + beside >= 28, json.dumps(found, indent=1)
    assert wrong - hedged <= 1
