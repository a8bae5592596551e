"""Every result is settled exactly once, whatever the broker repeats or reorders."""

import hypothesis.strategies as st
from hypothesis import given

from vedette_collector.dedupe import CLOSED_SECONDS, MAX_CLOSED, MAX_RUNS, Epoch, Epochs, Window

MAX_SEQ = 2**53 - 1
RANGES = st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def test_a_range_is_new_once() -> None:
    window = Window()
    assert window.missing(0, 5) == [(0, 5)]
    assert window.settle(0, 5) == 5
    assert window.missing(3, 8) == [(5, 8)]
    assert window.settle(3, 8) == 3
    assert window.low == 8


def test_the_mark_waits_for_a_hole_and_then_jumps() -> None:
    window = Window()
    window.settle(10, 15)
    assert (window.low, window.runs) == (0, [(10, 15)])
    assert window.missing(0, 20) == [(0, 10), (15, 20)]
    window.settle(0, 10)
    assert (window.low, window.runs) == (15, [])


def test_fresh_results_count_at_once_however_much_is_still_to_come() -> None:
    """After an outage 300,000 results wait; the newest batch comes first and takes one run."""
    window = Window()
    assert window.settle(300_000, 300_002) == 2
    assert window.settle(MAX_SEQ, MAX_SEQ + 1) == 1
    assert window.settle(0, 100) == 100
    assert (window.low, window.beyond) == (100, 3)


def test_more_gaps_than_can_be_remembered_do_not_fit() -> None:
    """Every other seq: 512 runs are kept, the next does not fit, and filling a gap still does."""
    window = Window()
    for number in range(MAX_RUNS):
        assert window.fits(2 * number + 1, 2 * number + 2)
        window.settle(2 * number + 1, 2 * number + 2)
    assert not window.fits(2 * MAX_RUNS + 1, 2 * MAX_RUNS + 2)
    assert window.fits(2 * MAX_RUNS - 1, 2 * MAX_RUNS + 2)  # it goes on where the last run ends
    assert window.fits(0, 1)
    window.settle(0, 1)
    assert window.low == 2
    assert window.fits(2 * MAX_RUNS + 1, 2 * MAX_RUNS + 2)


@given(st.lists(RANGES, max_size=30), RANGES)
def test_a_window_is_a_set_of_seqs(ranges: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    window, seqs = Window(), set[int]()
    for first, end in ranges:
        assert window.settle(first, end) == len(set(range(first, end)) - seqs)
        seqs |= set(range(first, end))
    assert window.low + window.beyond == len(seqs)
    assert window.low == next(seq for seq in range(100) if seq not in seqs)
    missing = [seq for first, end in window.missing(*asked) for seq in range(first, end)]
    assert missing == sorted(set(range(*asked)) - seqs)
    starts_and_ends = [place for run in window.runs for place in run]
    assert starts_and_ends == sorted(set(starts_and_ends))
    assert all(first > window.low for first, _ in window.runs)
    assert Window(window.low, window.runs).runs == window.runs


@given(st.integers(0, 40), st.lists(st.tuples(st.booleans(), RANGES), max_size=20), st.integers(0, 90))
def test_produced_is_settled_and_pending(
    base: int, ranges: list[tuple[bool, tuple[int, int]]], claimed: int
) -> None:
    """Also where a range lies before the books, and where it belongs in those of somebody else."""
    epoch, settled = Epoch("e", base, 1), 0
    epoch.claim(claimed, 5)
    for forgiven, (first, end) in ranges:
        if forgiven:
            epoch.forgive(first, end)
        else:
            settled += epoch.settle(first, end)
        assert epoch.settled == settled
        assert epoch.produced == settled + epoch.pending
        assert epoch.pending >= 0


def test_a_closed_epoch_is_known_by_its_end() -> None:
    epochs = Epochs()
    epochs.begin("e", 0, 1, 10).claim(42, 20)
    closed = epochs.close("e", 30)
    assert closed is not None
    assert (epochs.open, epochs.closed["e"].end) == ({}, 42)
    assert epochs.close("e", 30) is None
    epochs.begin("e", 42, 2, 40)
    assert (list(epochs.open), epochs.closed) == (["e"], {})


def test_an_epoch_that_comes_back_counts_nothing_again() -> None:
    """Of 42 closed results, a gap that begins at 40 and ends at 50 has 8 that are new."""
    epochs = Epochs()
    epochs.begin("e", 0, 1, 10).claim(42, 20)
    epochs.close("e", 30)
    epoch = epochs.begin("e", 42, 2, 40)
    assert (epoch.produced, epoch.pending, epoch.window.low) == (0, 0, 42)
    assert epoch.settle(40, 50) == 8
    assert (epoch.produced, epoch.pending) == (8, 0)


def test_closed_epochs_are_forgotten_by_number_and_by_age() -> None:
    epochs = Epochs()
    for number in range(MAX_CLOSED + 5):
        epochs.begin(str(number), 0, number, 0)
        epochs.close(str(number), number)
    assert len(epochs.closed) == MAX_CLOSED
    assert "4" not in epochs.closed
    epochs.begin("last", 0, 0, 0)
    epochs.close("last", round(CLOSED_SECONDS * 1e6) + 500)
    assert next(iter(epochs.closed)) == "500"


def test_the_epoch_settled_last_stands_last() -> None:
    epochs = Epochs()
    for name in "abc":
        epochs.begin(name, 0, 1, 0)
    epochs.touch("a")
    assert list(epochs.open) == ["b", "c", "a"]
    copy = epochs.copy()
    copy.open["b"].settle(0, 5)
    assert epochs.open["b"].settled == 0
