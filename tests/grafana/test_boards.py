"""The committed boards: what the builder writes, and the house rules for every panel."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
# Units by the names of Grafana's list.
UNITS = {"none", "percentunit", "s", "d", "bytes", "short"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def load(path: Path) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(path.read_text())
    return board


def _panels() -> Iterator[Any]:
    for path in BOARDS:
        for panel in load(path)["panels"]:
            yield pytest.param(panel, id=f"{path.stem}-{panel['id']}")


PANELS = list(_panels())


def test_the_committed_boards_are_what_the_builder_writes(tmp_path: Path) -> None:
    """After a change of the code: `python grafana/build.py`, and commit the JSON."""
    subprocess.run([sys.executable, "-B", str(GRAFANA / "build.py"), str(tmp_path)], check=True)
    built = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert built == {path.name: path.read_text() for path in BOARDS}


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_board_is_stable_and_has_one_data_source(path: Path) -> None:
    board = load(path)
    assert board["uid"] == path.stem
    assert board["schemaVersion"] >= 39
    assert board["editable"] is False
    assert board["title"]
    assert board["description"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for variable in variables.values():
        if variable["type"] == "query":
            assert variable["datasource"] == DATASOURCE
            assert variable["refresh"] == 2, "asked again when the time range changes"
    for annotation in board["annotations"]["list"]:
        assert annotation["datasource"] == DATASOURCE


def test_no_two_boards_share_a_uid() -> None:
    assert len({load(path)["uid"] for path in BOARDS}) == len(BOARDS)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_fill_the_grid_without_overlap(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load(path)["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    """Title, description, unit, a word for nothing; words beside colours."""
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["noValue"]
    assert defaults["unit"] in UNITS
    assert panel["datasource"] == DATASOURCE
    for mapping in defaults.get("mappings", []):
        assert all(option["text"] for option in mapping["options"].values())


@pytest.mark.parametrize("panel", PANELS)
def test_a_query_asks_the_variable_source_and_names_its_series(panel: dict[str, Any]) -> None:
    assert [t["refId"] for t in panel["targets"]] == [chr(65 + i) for i in range(len(panel["targets"]))]
    for target in panel["targets"]:
        assert target["datasource"] == DATASOURCE
        if panel["type"] in {"timeseries", "status-history"}:
            assert "{{" in target["legendFormat"], target["expr"]
        if panel["type"] in {"table", "stat"}:
            assert target["instant"]


@pytest.mark.parametrize("panel", PANELS)
def test_counters_stand_inside_rate_or_increase_over_a_fitting_range(panel: dict[str, Any]) -> None:
    """A fixed range is wrong at most zoom levels; a bare counter is wrong at all of them."""
    for target in panel["targets"]:
        expr = target["expr"]
        counters = re.findall(r"\w+(?:_total|_bucket|_count)\b(?=[{\[])", expr)
        wrapped = re.findall(r"(?:rate|increase)\((\w+(?:_total|_bucket|_count))\{[^}]*\}\[(\$\w+)\]\)", expr)
        assert [name for name, _ in wrapped] == counters, expr
        allowed = {"$__range"} if panel["type"] == "stat" else {"$__rate_interval"}
        assert {window for _, window in wrapped} <= allowed, expr


def test_provisioning_points_at_what_compose_mounts() -> None:

    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/vedette.yaml").read_text())["providers"]
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/vedette.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    compose = yaml.safe_load((GRAFANA.parent / "deploy" / "compose.yaml").read_text())["services"]["grafana"]
    mounted = {volume.split(":")[1] for volume in compose["volumes"]}
    assert provider["options"]["path"] in mounted
    assert source["url"] == "${VEDETTE_PROMETHEUS_URL}"
    assert compose["environment"]["VEDETTE_PROMETHEUS_URL"].startswith("http://")
