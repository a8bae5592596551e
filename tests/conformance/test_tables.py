"""The tables as such: no case is missing, and nothing differs without a word."""

from pathlib import Path

import pytest

from conformance.cases import HERE, load
from conformance.page import text

PARTS = sorted(str(path.relative_to(HERE).with_suffix("")) for path in HERE.rglob("*.yaml"))
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


@pytest.mark.parametrize("part", PARTS)
def test_every_case_of_every_function_is_there(part: str) -> None:
    assert load(part).miscounted() == {}


@pytest.mark.parametrize("part", PARTS)
def test_every_case_stands_for_one_of_theirs(part: str) -> None:
    cases = load(part).cases
    assert len({case.origin for case in cases}) == len(cases)
    assert len({case.name for case in cases}) == len(cases)


@pytest.mark.parametrize("part", PARTS)
def test_what_differs_says_why(part: str) -> None:
    for case in load(part).cases:
        ours = "ok" if case.outcome == "ok" else "fail"
        assert case.theirs != ours, f"{case.name}: theirs is for another verdict"
        assert case.differs or not (case.theirs or case.their_metrics), case.name


def test_the_page_is_current() -> None:
    """After a change: `PYTHONPATH=tests python -m conformance.page docs/conformance.md`."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == text(page)
