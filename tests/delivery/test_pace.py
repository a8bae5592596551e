"""How fast a backlog may go."""

from vedette_agent.delivery import pace as module
from vedette_agent.delivery.pace import Pace


def granted(rate: int | None = 1_000_000) -> Pace:
    pace = Pace()
    pace.connected()
    pace.grant(rate)
    return pace


def sent(pace: Pace, start: float, seconds: float) -> int:
    """Results that leave in *seconds*, when each batch is as large as it may be."""
    count, now = 0, start
    while now < start + seconds:
        if pace.admits(now):
            pace.spent(pace.size)
            count += pace.size
        now += 0.01
    return count


def test_nothing_leaves_before_the_first_ack_of_a_connection() -> None:
    """A broker that comes back finds a fleet; what each of it may send is the collector's to say."""
    pace = granted()
    assert sent(pace, 0.0, 10.0) > 0
    pace.connected()
    assert sent(pace, 20.0, 10.0) == 0
    assert pace.wait(30.0) == float("inf")
    pace.grant(200)
    assert 100 <= sent(pace, 40.0, 1.0) <= 300


def test_the_collector_bounds_the_rate_and_one_that_says_nothing_gets_little() -> None:
    assert 1800 <= sent(granted(200), 0.0, 10.0) <= 2100
    assert sent(granted(0), 0.0, 10.0) == 0
    assert 400 <= sent(granted(None), 0.0, 10.0) <= module.UNGRANTED * 10 + 100


def test_the_rate_grows_by_a_tenth_a_second_up_to_the_most() -> None:
    pace = granted()
    for second in range(1, 8):
        for part in range(5):
            pace.acked(0.01, second + part / 5, is_fresh=True)
    assert round(pace.rate) == round(module.RATE * module.GROWTH**7)
    for second in range(8, 100):
        pace.acked(0.01, float(second), is_fresh=True)
    assert pace.rate == module.RATE_MAX


def test_fresh_batches_that_are_late_halve_the_rate_and_late_ones_do_not() -> None:
    pace = granted()
    pace.acked(0.02, 1.0, is_fresh=True)
    before = pace.rate
    pace.acked(5.0, 2.0, is_fresh=False)
    assert pace.rate > before
    before = pace.rate
    pace.acked(0.02 + module.SLACK + 0.01, 3.0, is_fresh=True)
    assert pace.rate == before / 2


def test_a_missing_ack_halves_the_rate_but_never_to_nothing() -> None:
    pace = granted()
    for _ in range(20):
        pace.slower()
    assert pace.rate == module.RATE_MIN


def test_a_slow_uplink_makes_batches_small() -> None:
    """20 kB/s: a fresh batch waits behind no more than a quarter of a second, or ten results."""
    pace = granted()
    for _ in range(30):
        pace.carried(100, 6000, 0.3)
    assert pace.size == int(20_000 * module.UPLINK_SECONDS / 60)
    for _ in range(30):
        pace.carried(100, 6000, 10.0)
    assert pace.size == module.LEAST
    for _ in range(30):
        pace.carried(100, 6000, 0.001)
    assert pace.size == module.MOST


def test_a_pause_is_kept() -> None:
    pace = granted()
    pace.admits(0.0)
    pace.pause(30.0)
    assert not pace.admits(29.0)
    assert pace.wait(29.0) == 1.0
    assert pace.admits(30.0)


def test_a_clock_that_stands_still_earns_nothing() -> None:
    pace = granted()
    pace.admits(10.0)
    assert pace.admits(20.0)
    pace.spent(10_000)
    assert not any(pace.admits(20.0) for _ in range(1000))
