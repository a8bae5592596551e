"""docs/remote-write.md names every option and every outcome, and none that does not exist."""

import argparse
import re
from pathlib import Path

from vedette_collector.remote.counters import Outcome
from vedette_collector.remote.settings import add_options

PAGE = (Path(__file__).parents[2] / "docs" / "remote-write.md").read_text()


def first_cells(heading: str) -> set[str]:
    """What is in backticks in the first column of the tables under *heading*."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_option_has_a_row() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    options = {name for action in parser._actions for name in action.option_strings}
    assert first_cells("Setting it up") == options
    assert set(re.findall(r"--remote-write-[a-z-]+", PAGE)) == options


def test_every_outcome_has_advice() -> None:
    cells = first_cells("When the receiver does not want it")
    assert {name for name in cells if re.fullmatch("[a-z_]+", name)} == set(Outcome)
