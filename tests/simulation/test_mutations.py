"""Each guard is taken away once, and then some story goes wrong."""

import logging

import pytest

from simulation.mutations import MUTATIONS
from simulation.story import Plan
from simulation.telling import failure

SEEDS = 30


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xdist_group(f"half-{number % 2}"))
        for number, name in enumerate(MUTATIONS)
    ],
)
def test_a_guard_that_is_missing_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logging.disable(logging.CRITICAL)
    mutation = MUTATIONS[name]
    mutation.take_away(monkeypatch)
    try:
        plans = (Plan(seed, mutation.seconds, 1, mutation.faults) for seed in range(SEEDS))
        assert any(failure(each) is not None for each in plans), f"no story of {SEEDS} notices"
    finally:
        logging.disable(logging.NOTSET)
