"""The offset of two clocks from four timestamps."""

from hypothesis import given
from hypothesis import strategies as st

from vedette.clock import STAGES, ClockEstimate, Exchange


def exchange(
    offset: int, there: int = 1000, back: int = 1000, answer: int = 500, at: int = 10**15
) -> Exchange:
    received = at + there + offset
    return Exchange(at, received, received + answer, at + there + answer + back)


def test_a_symmetric_path_gives_the_offset_exactly() -> None:
    """RFC 5905 8: theta = ((T2 - T1) + (T3 - T4)) / 2, delta = (T4 - T1) - (T3 - T2)."""
    assert exchange(7_200_000_000).offset == 7_200_000_000
    assert exchange(-3).offset == -3
    assert exchange(0, there=400, back=600, answer=9_000).delay == 1000


@given(
    offset=st.integers(-(10**12), 10**12),
    there=st.integers(0, 10**7),
    back=st.integers(0, 10**7),
    answer=st.integers(0, 10**7),
)
def test_the_error_is_at_most_half_the_delay(offset: int, there: int, back: int, answer: int) -> None:
    seen = exchange(offset, there, back, answer)
    assert abs(seen.offset - offset) <= seen.delay // 2 + 1


def test_the_smallest_delay_is_believed() -> None:
    clock = ClockEstimate()
    clock.add(exchange(50, there=90_000, back=1_000))
    clock.add(exchange(50, there=1_000, back=1_000))
    clock.add(exchange(50, there=1_000, back=90_000))
    assert clock.best is not None
    assert clock.best.offset == 50


def test_an_old_exchange_is_forgotten_after_eight() -> None:
    clock = ClockEstimate()
    clock.add(exchange(0, there=10, back=10))
    for _ in range(STAGES):
        clock.add(exchange(0, there=5_000, back=5_000))
    assert clock.best is not None
    assert clock.best.delay == 10_000


def test_a_step_of_a_clock_discards_what_was_known() -> None:
    """An hour cannot be explained by 2 ms of delay, however small the earlier delay was."""
    clock = ClockEstimate()
    clock.add(exchange(0, there=10, back=10))
    clock.add(exchange(3_600_000_000))
    assert clock.best is not None
    assert clock.best.offset == 3_600_000_000


def test_an_impossible_exchange_is_not_used() -> None:
    clock = ClockEstimate()
    assert not clock.add(Exchange(sent=100, received=50, replied=40, returned=200))
    assert not clock.add(Exchange(sent=100, received=50, replied=60, returned=90))
    assert not clock.add(Exchange(sent=100, received=0, replied=500, returned=200))
    assert clock.best is None
