"""Rules, runbooks and boards speak of metrics that the collector exposes, with labels that it writes."""

import json
import re
from pathlib import Path

import pytest
import yaml

from servers.prometheus import RULES
from vedette_collector.exposition.families import CELL_FAMILIES, FLEET_FAMILIES

ROOT = Path(__file__).parents[2]
FAMILIES = {family.name: family for family in (*CELL_FAMILIES, *FLEET_FAMILIES)}
RECORDED = {
    rule["record"]
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
    if "record" in rule
}
FILES = [
    RULES,
    *sorted((ROOT / "docs" / "runbooks").glob("*.md")),
    *sorted((ROOT / "grafana" / "dashboards").glob("*.json")),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_metric_is_one_that_the_collector_writes(file: Path) -> None:
    text = file.read_text()
    for recorded in RECORDED:
        text = text.replace(recorded, "")
    # `vedette_runbooks` is an external label; an alert's group is written with a hyphen.
    names = set(re.findall(r"(?<![\w:$.])(?:probe|vedette)_[a-z0-9_]+\b(?![:(])", text)) - {
        "vedette_runbooks"
    }
    for name in names:
        family = FAMILIES.get(name) or FAMILIES.get(re.sub(r"_(bucket|sum|count)$", "", name))
        assert family is not None, name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_label_that_is_matched_is_one_that_the_metric_has(file: Path) -> None:
    """A misspelt matcher selects nothing, without an error."""
    text = file.read_text()
    if file.suffix == ".json":
        text = "\n".join(t["expr"] for panel in json.loads(text)["panels"] for t in panel["targets"])
    for name, inner in re.findall(r"((?:probe|vedette)_[a-z0-9_]+)\{([^}]*)\}", text):
        family = FAMILIES.get(name) or FAMILIES[re.sub(r"_(bucket|sum|count)$", "", name)]
        matched = set(re.findall(r"(\w+)=~?\\?\"?", inner.replace("%q", '"')))
        assert matched <= {*family.labels, "job", "instance", "le"}, (name, inner)
