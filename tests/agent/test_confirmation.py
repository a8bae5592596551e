"""A first failure is repeated at once, once, beside the schedule, and not by everybody at one moment."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import pairwise

import pytest
from msgspec.structs import replace

from agent.staged import Stage, check
from servers import virtual_time
from vedette.wire.messages import Result
from vedette_agent.allowance import REPEAT_BURST, REPEAT_RATE
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.engine.run import TICK
from vedette_agent.outofturn import DELAY, SPREAD, OutOfTurn
from vedette_agent.runner import MAX_WAIT
from vedette_agent.schedule import phase
from vedette_agent.shedding import Step

LATE = 2 * TICK  # that a run may begin after its time


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    virtual_time.run(test())


def after(*kinds: str) -> Callable[[str, float], str]:
    """The first probes of each check end so, and all others as the last one."""
    seen: dict[str, int] = {}

    def weather(name: str, now: float) -> str:
        seen[name] = seen.get(name, -1) + 1
        return kinds[min(seen[name], len(kinds) - 1)]

    return weather


def test_a_first_failure_is_repeated_once_within_a_second() -> None:
    """A check of 10 s fails for a minute: seven results, one of them a second attempt."""

    async def test() -> None:
        with Stage(after("ok", "fail")).running([check("c")]) as stage:
            await asyncio.sleep(60.0)
        assert stage.attempts("c") == [("ok", 1), ("fail", 1), ("fail", 2), *[("fail", 1)] * 4]
        (_, _), (first, one), (second, two), *_ = stage.of("c")
        began = [at for at, _ in stage.began][2]
        assert DELAY <= began - first <= DELAY + SPREAD + LATE
        assert second - first < 1.0
        assert replace(two, attempt=1, started_us=one.started_us, phases_us=one.phases_us) == replace(
            one, duration_us=two.duration_us
        )
        regular = [at for at, result in stage.of("c") if result.attempt == 1]
        assert all(
            later - earlier == pytest.approx(10.0, abs=MAX_WAIT + TICK)
            for earlier, later in pairwise(regular)
        )

    run(test)


def test_the_first_failure_of_all_is_repeated_and_what_was_not_run_is_not() -> None:
    async def test() -> None:
        with Stage(after("fail", "fail", "ok")).running([check("c")]) as stage:
            await asyncio.sleep(30.0)
        assert stage.attempts("c")[:3] == [("fail", 1), ("fail", 2), ("ok", 1)]
        with Stage(after("spoiled")).running([check("c")]) as stage:
            await asyncio.sleep(60.0)
        assert set(stage.attempts("c")) == {("not_run", 1)}

    run(test)


def test_what_was_not_run_is_no_success_in_between() -> None:
    """A failure that was there before is no first failure after it."""

    async def test() -> None:
        with Stage(after("fail", "fail", "spoiled", "fail")).running([check("c")]) as stage:
            await asyncio.sleep(40.0)
        assert stage.attempts("c")[:4] == [("fail", 1), ("fail", 2), ("not_run", 1), ("fail", 1)]
        assert sum(attempt == 2 for _, attempt in stage.attempts("c")) == 1

    run(test)


def test_each_failure_after_a_success_is_a_first_one() -> None:
    async def test() -> None:
        with Stage(after("fail", "ok", "fail", "fail", "ok", "fail")).running([check("c")]) as stage:
            await asyncio.sleep(40.0)
        assert stage.attempts("c")[:6] == [
            ("fail", 1), ("ok", 2), ("fail", 1), ("fail", 2), ("ok", 1), ("fail", 1),
        ]  # fmt: skip

    run(test)


def test_a_slot_that_comes_due_before_the_repeat_confirms_in_its_place() -> None:
    """A check of one second whose probes take 0.9 s: the next slot is 0.1 s away, and a repeat 0.2."""

    async def test() -> None:
        with Stage(after("fail"), took=0.9).running([check("c", 1.0)]) as stage:
            await asyncio.sleep(5.0)
            assert (stage.runner.schedule.skipped, stage.runner.schedule.overlapping) == (0, 0)
        assert {attempt for _, attempt in stage.attempts("c")} == {1}
        assert len(stage.of("c")) >= 4
        assert stage.runner.out_of_turn.repeats["run"] == 0
        assert len(stage.confirmed) == 1

    run(test)


def test_a_slot_that_comes_due_during_the_repeat_runs_behind_it() -> None:
    """Timeouts of 6 s every 10 s: the repeat ends some 2.3 s after the next slot. It is run, and run once."""

    async def test() -> None:
        with Stage(after("ok", "timeout"), took=0.0).running([check("c", 10.0, 6.0)]) as stage:
            await asyncio.sleep(75.0)
            assert (stage.runner.schedule.skipped, stage.runner.schedule.overlapping) == (0, 0)
        began = [at for at, _ in stage.began]
        ends = [at for at, _ in stage.of("c")]
        assert [result.attempt for _, result in stage.of("c")][:4] == [1, 1, 2, 1]
        slot = began[1]
        assert began[3] - ends[2] <= MAX_WAIT + LATE  # behind the repeat, and at once
        assert began[3] > slot + 10.0
        assert began[4] - slot == pytest.approx(20.0, abs=MAX_WAIT + LATE)  # and the next one in its place
        assert began[5] - slot == pytest.approx(30.0, abs=MAX_WAIT + LATE)

    run(test)


def test_repeats_of_what_fails_at_one_moment_are_spread_and_each_has_its_place() -> None:
    names = [f"c{number}" for number in range(100)]
    turns = OutOfTurn("par-01")
    for name in names:
        turns.failed(name, 50.0)
    at = {}
    for step in range(1000):
        now = 50.0 + step / 1000
        for turn in turns.take(now, 1000, set(), is_repeating=True):
            at[turn.check] = now
    tenths = [sum(DELAY + SPREAD * n / 10 <= t - 50.0 < DELAY + SPREAD * (n + 1) / 10 for t in at.values())
              for n in range(10)]  # fmt: skip
    assert len(at) == 100
    assert min(tenths) >= 3
    assert max(tenths) <= 20
    assert at["c7"] - 50.0 == pytest.approx(DELAY + SPREAD * phase("par-01", "c7"), abs=0.002)
    assert phase("par-01", "c7") != phase("nyc-01", "c7")


def test_when_everything_fails_repeats_have_a_budget() -> None:
    """1,000 checks of 1 s fail at once for 4 s: what is beyond the budget is counted, and schedules stand."""

    async def test() -> None:
        failing = False
        names = [f"c{number}" for number in range(1000)]
        stage = Stage(lambda *_: "fail" if failing else "ok")
        with stage.running([check(name, 1.0) for name in names]):
            await asyncio.sleep(2.0)
            failing = True
            await asyncio.sleep(4.0)
            failing = False
            repeats = stage.runner.out_of_turn.repeats
            assert stage.runner.schedule.skipped == 0
        assert REPEAT_BURST <= repeats["run"] <= REPEAT_BURST + 4.0 * REPEAT_RATE + 1
        assert repeats["run"] + repeats["rate"] == pytest.approx(1000, abs=20)
        # What went without one was confirmed by its next interval.
        assert len(stage.confirmed) == 1000

    run(test)


def test_an_agent_with_too_much_to_do_leaves_repeats_out_first() -> None:
    async def test() -> None:
        stage = Stage(after("fail"))
        stage.shedding.level = Step.DETAIL
        with stage.running([check("c")]):
            await asyncio.sleep(9.9)
        assert stage.attempts("c") == [("fail", 1)]
        assert stage.runner.out_of_turn.repeats == {"shed": 1}

    run(test)


def test_the_second_failure_in_a_row_is_told_once() -> None:
    """After the result of the repeat; and again when it fails after it was ok."""

    async def test() -> None:
        weather = after("fail", "fail", "fail", "ok", "fail", "fail")
        with Stage(weather).running([check("c")]) as stage:
            await asyncio.sleep(60.0)
        assert [result.attempt for _, result in stage.confirmed] == [2, 2]
        assert stage.confirmed == [entry for entry in stage.of("c") if entry[1].attempt == 2]

    run(test)


def test_a_repeat_that_is_ok_confirms_nothing() -> None:
    async def test() -> None:
        with Stage(after("fail", "ok")).running([check("c")]) as stage:
            await asyncio.sleep(60.0)
        assert stage.confirmed == []

    run(test)


def test_a_bug_behind_the_confirmation_stops_no_probe(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        stage = Stage(after("fail"))

        def broken(*_: object) -> None:
            raise RuntimeError("broken")

        stage.runner._confirmed = broken
        with stage.running([check("c")]):
            await asyncio.sleep(35.0)
        assert len(stage.of("c")) >= 4

    run(test)
    assert [record.message for record in caplog.records] == ["probe spoiled by a bug of ours"]


def test_a_repeat_is_shown_beside_what_it_repeats() -> None:
    """And what fails after them in the same way is not."""

    async def test() -> None:
        with Stage(after("fail")).running([check("c")]) as stage:
            await asyncio.sleep(60.0)
        assert [result.attempt for result in stage.shown] == [1, 2]

    run(test)


def test_a_repeat_of_what_was_not_shown_is_offered_and_kept_to_the_rules() -> None:
    async def test() -> None:
        stage = Stage(after("fail"))
        stage.shedding.level = Step.DETAIL
        with stage.running([check("c")]):
            await asyncio.sleep(15.0)
            stage.shedding.level = 0
            await asyncio.sleep(30.0)
        assert len(stage.shown) == 1

    run(test)


def test_another_check_of_the_same_name_has_not_failed_before() -> None:
    """And a repeat that waits for the old one is not made of the new one."""

    async def test() -> None:
        stage = Stage(after("fail"))
        with stage.running([check("c", 10.0)]):
            while not stage.of("c"):
                await asyncio.sleep(0.01)
            stage.runner.assign([check("c", 20.0), check("more")])
            await asyncio.sleep(1.0)
            assert 2 not in {attempt for _, attempt in stage.attempts("c")}
            await asyncio.sleep(25.0)
        assert [attempt for _, attempt in stage.attempts("c")][1:3] == [1, 2]

    run(test)


def test_a_check_that_is_gone_is_not_repeated() -> None:
    async def test() -> None:
        stage = Stage(after("fail"))
        with stage.running([check("goes")]):
            while not stage.of("goes"):
                await asyncio.sleep(0.01)
            stage.runner.assign([check("stays")])
            await asyncio.sleep(35.0)
        assert stage.attempts("goes") == [("fail", 1)]
        assert ("fail", 2) in stage.attempts("stays")

    run(test)


def test_a_new_configuration_with_the_same_check_forgets_nothing() -> None:
    async def test() -> None:
        stage = Stage(after("fail"))
        with stage.running([check("c")]):
            while not stage.of("c"):
                await asyncio.sleep(0.01)
            stage.runner.assign([check("c"), check("more")])
            await asyncio.sleep(35.0)
        assert [attempt for _, attempt in stage.attempts("c")][:3] == [1, 2, 1]
        assert stage.attempts("c").count(("fail", 2)) == 1

    run(test)


def test_an_agent_that_stops_repeats_nothing() -> None:
    async def test() -> None:
        stage = Stage(after("fail"), took=0.3)
        with stage.running([check("c")]):
            while not stage.of("c"):
                await asyncio.sleep(0.01)
        stage.runner.ask("c", 5.0)
        await asyncio.sleep(5.0)
        assert stage.attempts("c") == [("fail", 1)]
        assert len(stage.began) == 1

    run(test)


def results(*said: tuple[str, int, bool]) -> Iterable[Result]:
    for outcome, attempt, asked in said:
        reason = None if outcome == "ok" else "tcp.refused"
        yield Result(
            check="c",
            outcome=outcome,  # type: ignore[arg-type]
            started_us=1,
            reason=reason,
            attempt=attempt,
            asked=asked,
        )


@pytest.mark.parametrize("last", [("fail", 2, False), ("fail", 1, True)])
def test_what_somebody_waits_for_leaves_at_once(last: tuple[str, int, bool]) -> None:
    """The same state twice waits up to a second; a repeat and an answer to an ask do not."""
    outbox = Outbox("par-01", "0" * 32)
    now = 10.0
    for result in results(("ok", 1, False), ("fail", 1, False)):
        outbox.add(result, now)
    while outbox.take(now) is not None:
        pass
    now += 5.0
    (same, other) = results(("fail", 1, False), last)
    assert outbox.add(same, now) > now + 0.5
    assert outbox.add(other, now) <= now
