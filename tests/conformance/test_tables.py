"""The tables as such: no case is missing, and nothing differs without a word."""

import pytest

from conformance.cases import HERE, load

PARTS = sorted(path.stem for path in HERE.glob("*.yaml"))


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
