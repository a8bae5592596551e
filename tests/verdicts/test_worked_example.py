"""The table of docs/verdicts.md comes out of the engine's own arithmetic."""

import re
from pathlib import Path

import pytest

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.sample import Sample, cost
from vedette_collector.verdicts.score import DEFAULTS, gain, surprise
from verdicts.fleet_helpers import Play, fleet

PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"
KINDS = {"target": Kind.TARGET, "provider": Kind.PROVIDER, "family": Kind.FAMILY, "network": Kind.NETWORK}
ROW = re.compile(rf"\| ({'|'.join(KINDS)}) (\S+) \| (\d+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|")
ROWS = ROW.findall(PAGE.read_text())


def test_the_table_is_there() -> None:
    assert [row[1] for row in ROWS] == ["t4", "p1", "ipv4", "net-0"]


@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_a_row_is_what_the_engine_computes(row: tuple[str, ...]) -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    play.look()
    tracker = play.engine.tracker
    index = tracker.index
    sample = Sample(
        index,
        "connection",
        tracker.newest("connection"),
        lambda parts, without: float(index.count("connection", parts, without)),
    )
    kind = KINDS[row[0]]
    number = index.number(Entity(kind, row[1]))
    assert number is not None
    failed, total = sample.by_entity[number], sample.count(((number,),))
    assert (failed, total) == (int(row[2]), float(row[3]))
    assert gain(failed, total, sample.failed, sample.total) == pytest.approx(float(row[4]), abs=0.06)
    assert cost(sample, kind) == pytest.approx(float(row[5]), abs=0.06)
    assert surprise(failed, total, DEFAULTS.repeated_noise) == pytest.approx(float(row[6]), abs=0.06)


def test_the_verdict_is_the_one_that_the_page_comes_to() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    found = play.finding("target:t4")
    assert found.score == pytest.approx(124.3 - 4.3, abs=0.1)
    exonerated = {str(each.entity): each.elsewhere for each in found.exonerated}
    assert (exonerated["provider:p1"].failed, exonerated["provider:p1"].total) == (0, 40)
