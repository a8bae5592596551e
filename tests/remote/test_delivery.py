"""How one request's worth of samples ends, whatever the receiver says of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette_collector.remote.counters import Outcome, RemoteCounters
from vedette_collector.remote.delivery import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MAX_HALVINGS,
    MAX_SAMPLES,
    PATIENCE,
    Delivery,
    Pace,
)
from vedette_collector.remote.encode import Sample
from vedette_collector.remote.verdict import Answer, Verdict, verdict

DONE = verdict(Answer(204), 0.0)
OUT_OF_ORDER = verdict(Answer(400, "out of order sample"), 0.0)
BROKEN = verdict(Answer(500, "oops"), 0.0)
AWAY = verdict(Answer(503), 0.0)
SHUT = verdict(Answer(401), 0.0)


def samples(count: int) -> list[Sample]:
    return [Sample(b"s", at, 1.0) for at in range(count)]


def counted(counters: RemoteCounters) -> dict[Outcome, int]:
    return {outcome: count for outcome, count in counters.samples.items() if count}


def delivered(
    count: int, bad: set[int], refusal: Verdict = OUT_OF_ORDER
) -> tuple[list[int], RemoteCounters, int]:
    """What a receiver has that refuses a request with any *bad* sample; and how many requests it took."""
    counters = RemoteCounters()
    delivery = Delivery(samples(count), counters)
    stored: list[int] = []
    requests = 0
    while (piece := delivery.piece(0)) is not None:
        requests += 1
        times = [sample.at_ms for sample in piece]
        if bad.isdisjoint(times):
            stored += times
            delivery.heard(DONE)
        else:
            delivery.heard(refusal)
    return stored, counters, requests


@given(count=st.integers(1, MAX_SAMPLES), data=st.data())
def test_bad_samples_take_no_good_one_along(count: int, data: st.DataObject) -> None:
    """And what is written keeps its order."""
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=4))
    stored, counters, requests = delivered(count, bad)
    assert stored == [at for at in range(count) if at not in bad]
    assert counters.samples[Outcome.WRITTEN] == len(stored)
    assert counters.samples[Outcome.REFUSED_OUT_OF_ORDER] == len(bad)
    assert requests <= 2 * MAX_HALVINGS + 1


def test_a_receiver_that_refuses_all_gets_a_bounded_number_of_requests() -> None:
    stored, counters, requests = delivered(MAX_SAMPLES, set(range(MAX_SAMPLES)))
    assert stored == []
    assert counted(counters) == {Outcome.REFUSED_OUT_OF_ORDER: MAX_SAMPLES}
    assert requests <= 2 * MAX_HALVINGS + 1


@pytest.mark.parametrize("nothing", [AWAY, SHUT, BROKEN])
def test_without_a_receiver_the_same_is_sent_again_until_it_is_too_old(nothing: Verdict) -> None:
    """Nothing is tried for ever, and the counters know of each sample."""
    counters = RemoteCounters()
    delivery = Delivery(samples(10), counters)
    for oldest in range(5):
        piece = delivery.piece(oldest)
        assert piece is not None
        assert [sample.at_ms for sample in piece] == list(range(oldest, 10))
        assert not delivery.heard(nothing)
    assert delivery.piece(10) is None
    assert counted(counters) == {Outcome.TOO_OLD: 10}


def test_a_receiver_that_fails_over_one_sample_loses_that_one() -> None:
    """After its patience with an error that says nothing: Prometheus 2.42 knows more of these than one."""
    stored, counters, requests = delivered(MAX_SAMPLES, {77}, BROKEN)
    assert len(stored) == MAX_SAMPLES - 1
    assert counted(counters) == {Outcome.WRITTEN: MAX_SAMPLES - 1, Outcome.REFUSED_ERROR: 1}
    assert PATIENCE < requests < PATIENCE + 20


def test_a_broken_receiver_is_not_suspected_of_its_samples_at_once() -> None:
    counters = RemoteCounters()
    delivery = Delivery(samples(10), counters)
    for _ in range(PATIENCE):
        piece = delivery.piece(0)
        assert piece is not None
        assert len(piece) == 10
        assert not delivery.heard(BROKEN)
    assert delivery.piece(0) is not None
    delivery.heard(DONE)
    assert delivery.piece(0) is None
    assert counted(counters) == {Outcome.WRITTEN: 10}


def test_a_receiver_that_stays_broken_ends_too() -> None:
    _, counters, requests = delivered(MAX_SAMPLES, set(range(MAX_SAMPLES)), BROKEN)
    assert counted(counters) == {Outcome.REFUSED_ERROR: MAX_SAMPLES}
    assert requests <= PATIENCE + 2 * MAX_HALVINGS + 1


def test_pauses_double_up_to_a_limit_and_begin_anew_after_a_success() -> None:
    pace = Pace()
    limits = [pace.failed(0.0, 1.0) for _ in range(12)]
    assert limits[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert limits[-1] == LONGEST_PAUSE
    pace.succeeded()
    assert pace.failed(0.0, 1.0) == FIRST_PAUSE


def test_pauses_are_anywhere_below_their_limit_but_not_shorter_than_asked() -> None:
    """Full jitter: writers that failed together do not come back together."""
    assert Pace().failed(0.0, 0.0) == 0.0
    assert Pace().failed(0.0, 0.5) == FIRST_PAUSE / 2
    assert Pace().failed(7.0, 0.0) == 7.0
    assert 7.0 < Pace().failed(7.0, 0.5) <= 7.0 + FIRST_PAUSE
