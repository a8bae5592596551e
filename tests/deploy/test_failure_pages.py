"""Whoever is woken by a code finds it: on the page of all codes, and on the page of a kind that yields it."""

import re
from pathlib import Path

from vedette.wire.failure import FAILURE_CODES, NOT_RUN_REASONS

DOCS = Path(__file__).parents[2] / "docs"


def words(text: str) -> set[str]:
    return set(re.findall(r"`([a-z]+(?:[._][a-z_]+)*)`", text))


def first_cells(heading: str) -> list[str]:
    """The codes in the first column of the table under *heading*, in order."""
    section = (DOCS / "failures.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def test_every_code_stands_once_on_the_page_of_codes() -> None:
    assert sorted(first_cells("The target failed")) == sorted(FAILURE_CODES)
    assert sorted(first_cells("Our own side failed")) == sorted(NOT_RUN_REASONS)


def test_every_failure_code_stands_on_the_page_of_a_kind() -> None:
    told = set().union(*(words(page.read_text()) for page in (DOCS / "checks").glob("*.md")))
    assert FAILURE_CODES - told == set()


def test_every_reason_that_lasts_is_in_the_runbook() -> None:
    """An agent that stops reports nothing more, so that alert never follows."""
    runbook = (DOCS / "runbooks" / "VedetteCheckNotRun.md").read_text()
    assert NOT_RUN_REASONS - words(runbook) == {"shutdown"}
