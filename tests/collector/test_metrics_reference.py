"""docs/metrics.md says what the code exposes. Run as a program, this rewrites its tables."""

import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from vedette.checks.schema import KINDS
from vedette_collector.exposition.families import CELL_FAMILIES, FLEET_FAMILIES
from vedette_collector.exposition.text import Family
from vedette_collector.rejection import Rejection
from vedette_collector.remote.counters import Failure, Outcome, Skipped

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
MARK = (
    "<!-- The tables below are written from the code by: "
    "python tests/collector/test_metrics_reference.py -->\n"
)


def table(title: str, families: Sequence[Family]) -> str:
    rows = [f"\n### {title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n"]
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
        meaning = f"{family.help} {family.note}".strip()
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {meaning} |\n")
    return "".join(rows)


def tables() -> str:
    reasons, outcomes, skipped, failures = (
        ", ".join(f"`{each}`" for each in names) for names in (Rejection, Outcome, Skipped, Failure)
    )
    return (
        table("One for every check and agent", CELL_FAMILIES)
        + table("Checks, agents and the collector", FLEET_FAMILIES)
        + f"\nReasons of `vedette_collector_results_rejected_total`: {reasons}.\n"
        + f"\nOutcomes of `vedette_collector_remote_write_samples_total`: {outcomes}.\n"
        + f"Reasons of `vedette_collector_remote_write_entries_skipped_total`: {skipped}.\n"
        + f"Reasons of `vedette_collector_remote_write_failures_total`: {failures}.\n"
    )


def test_the_reference_is_what_the_code_exposes() -> None:
    written = PAGE.read_text().partition(MARK)[2]
    assert written == tables(), f"{PAGE.name} has drifted; run: python tests/collector/{Path(__file__).name}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_kind_has_its_series(kind: str) -> None:
    """And names none that are not exposed, but where it says so."""
    page = (PAGE.parent / "checks" / f"{kind}.md").read_text()
    module = import_module(f"vedette_collector.exposition.kinds.{'stream' if kind == 'tcp' else kind}")
    own = [family.name for family in module.FAMILIES]
    assert own
    assert [name for name in own if name not in page] == []
    exposed = {family.name for family in CELL_FAMILIES}
    named = re.findall(r"(?<!there is no )`((?:probe|vedette)_\w+)[`{]", page, re.IGNORECASE)
    assert set(named) - exposed == set()


if __name__ == "__main__":
    head, mark, _ = PAGE.read_text().partition(MARK)
    PAGE.write_text(head + mark + tables())
