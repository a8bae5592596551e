"""Clocks that are set, and hosts that sleep."""

from vedette_agent.delivery.clockwatch import ClockWatch

HOUR = 3_600_000_000
START = (1_700_000_000_000_000, HOUR, HOUR)


def later(seconds: float, *, wall: float = 0.0, slept: float = 0.0) -> tuple[int, int, int]:
    passed = int(seconds * 1e6)
    asleep = int(slept * 1e6)
    return START[0] + passed + asleep + int(wall * 1e6), START[1] + passed + asleep, START[2] + passed


def test_a_clock_that_runs_is_no_news() -> None:
    watch = ClockWatch(*START)
    assert not any(watch.see(*later(second)) for second in range(100))
    assert (watch.steps, watch.suspensions, watch.has_leapt) == (0, 0, False)


def test_a_step_is_counted_and_a_slew_is_not() -> None:
    watch = ClockWatch(*START)
    for tick in range(1000):
        watch.see(*later(tick, wall=tick * 0.0005))
    assert (watch.steps, watch.wmb_us) == (0, START[0] - START[1] + 499_000)
    assert watch.see(*later(1001, wall=-2.0))
    assert (watch.steps, watch.has_leapt) == (1, False)
    assert not watch.see(*later(1002, wall=-2.0))


def test_a_minute_is_a_leap() -> None:
    watch = ClockWatch(*START)
    watch.see(*later(1, wall=59.0))
    assert not watch.has_leapt
    watch.see(*later(2, wall=59.0 + 61.0))
    assert watch.has_leapt
    assert watch.steps == 2


def test_a_host_that_slept_kept_its_clock() -> None:
    watch = ClockWatch(*START)
    assert not watch.see(*later(5, slept=300.0))
    assert not watch.see(*later(6, slept=300.0))
    assert (watch.steps, watch.suspensions, watch.has_leapt) == (0, 1, False)
