"""Runs of numbers are the set that they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from vedette_agent.delivery.runs import Run, Runs

ranges = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def numbers(runs: list[Run]) -> set[int]:
    assert runs == sorted(runs)
    assert all(run.first < run.end for run in runs)
    assert sum(map(len, runs)) == len({n for run in runs for n in range(*run)})
    return {n for run in runs for n in range(*run)}


@given(st.lists(st.tuples(st.booleans(), ranges), max_size=30), ranges)
def test_runs_are_a_set(steps: list[tuple[bool, tuple[int, int]]], asked: tuple[int, int]) -> None:
    runs, model = Runs(), set[int]()
    for is_added, (first, end) in steps:
        span = set(range(first, end))
        if is_added:
            assert numbers(runs.add(first, end)) == span - model
            model |= span
        else:
            assert numbers(runs.discard(first, end)) == span & model
            model -= span
        assert numbers(list(runs)) == model
        assert all(one.end < other.first for one, other in zip(list(runs), list(runs)[1:], strict=False))
    first, end = asked
    span = set(range(first, end))
    assert len(runs) == len(model)
    assert numbers(runs.within(first, end)) == span & model
    assert numbers(runs.missing(first, end)) == span - model
    assert runs.covers(first, end) == (span <= model)
    assert (first in runs) == (first in model)
    assert runs.low == next(n for n in range(100) if n not in model)
