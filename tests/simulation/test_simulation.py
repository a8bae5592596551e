"""Whatever happens, every result is applied once or declared lost, and nothing said is taken back."""

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from simulation.misfortunes import FAULTS
from simulation.scenario import plan
from simulation.telling import happened, kept, report

SEEDS = 1000
PARTS = 20
HALVES = 2  # one for each worker

# What a set of seeds must have met to prove anything.
SOMETIMES = (
    "ack", "agent_kill", "bit_flip", "broker_crash", "captured", "checkpoint", "clone", "closed",
    "collector_crash", "commit_failed", "corrected", "deferred", "duplicate", "journal_replayed", "late",
    "lie", "lost_corrupt", "lost_crash", "lost_rejected", "lost_rewind",
    "new_epoch", "partition", "power_loss", "refresh", "reload", "replay", "spool_failing",
    "spool_found", "spool_full", "store_restored", "suspend", "vm_snapshot",
)  # fmt: skip
_met: dict[int, Counter[str]] = {half: Counter() for half in range(HALVES)}
_parts: Counter[int] = Counter()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The programs tell of each misfortune."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def halves(numbers: range) -> list[object]:
    """As parameters, shared by both workers."""
    return [
        pytest.param(number, marks=pytest.mark.xdist_group(f"half-{number % HALVES}")) for number in numbers
    ]


def run(seed: int) -> Counter[str]:
    try:
        return happened(plan(seed))
    except Exception:
        pytest.fail(report(seed), pytrace=False)


@pytest.mark.parametrize("seed", kept())
def test_what_failed_once_does_not_fail_again(seed: int) -> None:
    run(seed)


@pytest.mark.parametrize("part", halves(range(PARTS)))
def test_nothing_is_lost_in_silence_and_nothing_counts_twice(part: int) -> None:
    size = SEEDS // PARTS
    for seed in range(part * size, (part + 1) * size):
        _met[part % HALVES] += run(seed)
    _parts[part % HALVES] += 1


@pytest.mark.parametrize("half", halves(range(HALVES)))
def test_what_can_happen_did(half: int) -> None:
    """A guard that is never needed is never tested."""
    if _parts[half] < PARTS // HALVES:
        pytest.skip("only after all seeds of this half")
    assert not [name for name in SOMETIMES if not _met[half][name]]


def test_a_story_is_its_seed() -> None:
    assert run(17) == run(17)


def test_every_misfortune_is_drawn() -> None:
    drawn = Counter(fault for seed in range(SEEDS) for fault in plan(seed).faults)
    assert min(drawn[name] for name in FAULTS) >= 20
