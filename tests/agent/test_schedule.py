"""When each check runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette_agent.schedule import Schedule, phase


def runs(schedule: Schedule, start: float, end: float, tick: float = 0.02) -> list[tuple[float, str]]:
    """Drive *schedule*; every run ends before the next tick."""
    found = []
    for step in range(round((end - start) / tick) + 1):
        now = start + step * tick
        for name in schedule.take(now, 1_000_000):
            found.append((now, name))
            schedule.ended(name)
    return found


def test_every_interval_has_one_run_within_a_tick_of_its_slot() -> None:
    schedule = Schedule("par-01")
    schedule.assign({"web": 1.0}, 100.0)
    times = [at for at, _ in runs(schedule, 100.0, 110.0)]
    assert len(times) == 10
    shift = phase("par-01", "web")
    assert all(0 <= (at - shift) % 1.0 < 0.0201 for at in times)


def test_a_restart_keeps_the_phase() -> None:
    """Two processes of one agent, hours apart, hit the same places of the interval."""
    before, after = Schedule("par-01"), Schedule("par-01")
    before.assign({"web": 30.0}, 1_000.0)
    after.assign({"web": 30.0}, 1_000.0 + 30.0 * 500 + 12.34)
    (first, _), *_ = runs(before, 1_000.0, 1_060.0)
    (second, _), *_ = runs(after, 16_012.34, 16_072.34)
    assert (second - first) % 30.0 == pytest.approx(0.0, abs=0.03) or (second - first) % 30.0 > 29.97


def test_agents_and_checks_are_spread_over_the_interval() -> None:
    """Each tenth of the interval gets between 3 and 20 of a hundred."""
    for phases in (
        [phase(f"agent-{n}", "web") for n in range(100)],
        [phase("par-01", f"check-{n}") for n in range(100)],
    ):
        tenths = [sum(1 for p in phases if n <= p * 10 < n + 1) for n in range(10)]
        assert min(tenths) >= 3
        assert max(tenths) <= 20


def test_missed_slots_are_counted_and_not_caught_up() -> None:
    """After a stall of 35 s a 10 s check runs once, and three slots are reported."""
    schedule = Schedule("par-01")
    schedule.assign({"web": 10.0}, 0.0)
    first = phase("par-01", "web") * 10.0
    assert schedule.take(first + 35.0, 10) == ["web"]
    assert schedule.skipped == 3
    schedule.ended("web")
    assert schedule.take(first + 39.9, 10) == []
    assert schedule.take(first + 40.0, 10) == ["web"]


@pytest.mark.parametrize("stall", [3.0, 12.0, 35.0, 47.5])
def test_after_a_stall_every_check_keeps_its_own_slot(stall: float) -> None:
    """Checks of one interval have missed different numbers of slots, and none waits for another."""
    schedule = Schedule("par-01")
    names = [f"check-{n}" for n in range(30)]
    schedule.assign(dict.fromkeys(names, 10.0) | {"often": 0.5}, 0.0)
    runs(schedule, 0.0, 20.0)
    runs(schedule, 20.0 + stall, 20.0 + stall)
    found = runs(schedule, 20.02 + stall, 30.0 + stall)
    for name in names:
        (at,) = [at for at, each in found if each == name]
        assert 0 <= (at - phase("par-01", name) * 10.0) % 10.0 < 0.0201
    assert sum(name == "often" for _, name in found) in (19, 20)


def test_checks_leave_in_the_order_of_their_slots() -> None:
    """Whatever their intervals are, and also where a change of the configuration came between."""
    schedule = Schedule("par-01")
    checks = {f"check-{n}": 1.0 + n % 4 for n in range(40)}
    schedule.assign(checks, 0.0)
    runs(schedule, 0.0, 5.0)
    schedule.assign(checks | {f"more-{n}": 2.0 for n in range(20)}, 5.01)
    slots = {name: phase("par-01", name) * interval for name, interval in checks.items()}
    taken = [name for name in schedule.take(5.9, 100) if name in checks]
    at = [slots[name] + -((slots[name] - 5.0) // checks[name]) * checks[name] for name in taken]
    assert len(taken) > 5
    assert at == sorted(at)


def test_a_check_never_overlaps_itself() -> None:
    schedule = Schedule("par-01")
    schedule.assign({"web": 10.0}, 0.0)
    first = phase("par-01", "web") * 10.0
    assert schedule.take(first, 10) == ["web"]
    assert schedule.take(first + 10.0, 10) == []
    assert (schedule.overlapping, schedule.skipped) == (1, 1)
    schedule.ended("web")
    assert schedule.take(first + 20.0, 10) == ["web"]


def test_without_room_the_slot_is_skipped() -> None:
    schedule = Schedule("par-01")
    schedule.assign({f"check-{n}": 1.0 for n in range(10)}, 0.0)
    assert len(schedule.take(1.0, 4)) == 4
    assert schedule.skipped == 6
    assert schedule.overlapping == 0


def test_reconfiguration_keeps_the_slots_of_what_stays() -> None:
    schedule = Schedule("par-01")
    schedule.assign({"stays": 10.0, "goes": 10.0, "slower": 10.0}, 0.0)
    slot = phase("par-01", "stays") * 10.0
    schedule.assign(
        {"stays": 10.0, "slower": 20.0, "new": 10.0}, slot + 2.0
    )  # its slot is due and not taken yet
    assert schedule.take(slot + 2.0, 10)[0] == "stays"
    seen = {name for _, name in runs(schedule, slot + 2.02, slot + 30.0)}
    assert seen == {"slower", "new"}  # "stays" still runs: it was never ended


@given(
    intervals=st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(0.5, 60.0), max_size=20),
    steps=st.lists(st.floats(0.001, 90.0), max_size=30),
)
def test_every_slot_is_run_or_counted(intervals: dict[str, float], steps: list[float]) -> None:
    schedule = Schedule("par-01")
    schedule.assign(intervals, 1000.0)
    now, taken = 1000.0, 0
    for index, step in enumerate(steps):
        now += step
        for name in schedule.take(now, 3):
            taken += 1
            if index % 3:
                schedule.ended(name)
    slots = 0
    for name, interval in intervals.items():
        first = 1000.0 + (phase("par-01", name) * interval - 1000.0) % interval
        slots += int((now - first) // interval) + 1 if now >= first else 0
    assert taken + schedule.skipped == pytest.approx(
        slots, abs=len(intervals)
    )  # a slot on the edge of a float


def test_a_slot_during_a_run_out_of_turn_is_taken_behind_it() -> None:
    schedule = Schedule("par-01")
    schedule.assign({"web": 10.0}, 0.0)
    first = phase("par-01", "web") * 10.0
    schedule.begin("web")
    assert schedule.take(first, 10) == []
    assert schedule.take(first + 10.0, 10) == []
    assert (schedule.skipped, schedule.overlapping) == (1, 1)  # one slot waits, and no more
    assert schedule.ended_between("web")
    assert schedule.busy == {"web"}
    assert schedule.next_due == 0.0
    assert schedule.take(first + 12.0, 10) == ["web"]
    schedule.ended("web")
    assert schedule.next_due == pytest.approx(first + 20.0)
    assert schedule.take(first + 20.0, 10) == ["web"]


def test_a_slot_that_waits_and_finds_no_room_is_counted() -> None:
    schedule = Schedule("par-01")
    schedule.assign({"web": 10.0}, 0.0)
    schedule.begin("web")
    schedule.take(10.0, 10)
    schedule.ended_between("web")
    assert schedule.take(10.1, -3) == []
    assert schedule.skipped == 1
    assert schedule.busy == set()


@given(gone_during=st.booleans())
def test_a_slot_of_a_check_that_is_gone_does_not_wait(gone_during: bool) -> None:
    schedule = Schedule("par-01")
    schedule.assign({"web": 10.0}, 0.0)
    schedule.begin("web")
    schedule.take(10.0, 10)
    if not gone_during:
        schedule.ended_between("web")
    schedule.assign({"other": 10.0}, 10.0)
    if gone_during:
        assert not schedule.ended_between("web")
    assert "web" not in schedule.take(30.0, 10)


@given(
    intervals=st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(0.5, 60.0), max_size=20),
    steps=st.lists(st.tuples(st.floats(0.001, 90.0), st.integers(0, 7)), max_size=30),
)
def test_runs_out_of_turn_cost_no_slot(intervals: dict[str, float], steps: list[tuple[float, int]]) -> None:
    """Whatever begins and ends beside the schedule, each slot is run, counted, or waits."""
    schedule = Schedule("par-01")
    schedule.assign(intervals, 1000.0)
    names = sorted(intervals)
    between: list[str] = []
    now, taken = 1000.0, 0
    for step, what in steps:
        now += step
        for name in schedule.take(now, 1000):
            taken += 1
            schedule.ended(name)
        if what % 2 and between:
            schedule.ended_between(between.pop(0))
        for name in names[what :: what + 1]:
            if name not in schedule.busy:
                schedule.begin(name)
                between.append(name)
    assert schedule.overlapping <= schedule.skipped
    for name in between:
        schedule.ended_between(name)
    taken += len(schedule.take(now, 1000))
    slots = 0
    for name, interval in intervals.items():
        first = 1000.0 + (phase("par-01", name) * interval - 1000.0) % interval
        slots += int((now - first) // interval) + 1 if now >= first else 0
    assert taken + schedule.skipped == pytest.approx(slots, abs=len(intervals))
