"""What becomes of an ask: which are heard, what they start, and what they cannot."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.staged import Stage, check
from servers import virtual_time
from vedette.errors import WireError
from vedette.mqtt.messages import Inbound
from vedette.wire import codec, limits
from vedette.wire.failure import ASK_FATES
from vedette.wire.messages import Ask
from vedette.wire.topics import Kind, topic
from vedette_agent.allowance import ASKED_BURST, ASKED_RATE, ASKED_SHARE, ASKED_TOGETHER, AskedBudget
from vedette_agent.delivery.asks import EARLY_US, MAX_LIFE_US, REMEMBERED, Asks
from vedette_agent.engine.run import TICK
from vedette_agent.shedding import Step

NOW = 1_760_940_000_000_000  # µs
SECOND = 1_000_000
LATE = 3 * TICK


def message(payload: bytes, *, retain: bool = False, received_us: int = NOW) -> Inbound:
    return Inbound(
        topic("par-01", Kind.ASK),
        payload,
        content_type=codec.JSON,
        retain=retain,
        qos=1,
        received=0.0,
        received_us=received_us,
        acknowledge=None,
    )


def ask(*checks: str, agent: str = "par-01", sent_us: int = NOW, life: int = 10 * SECOND) -> bytes:
    wanted = Ask(v=1, agent=agent, sent_us=sent_us, expires_us=sent_us + life, checks=list(checks))
    return msgspec.json.encode(wanted)


class Heard:
    def __init__(self) -> None:
        self.checks: list[tuple[str, float]] = []
        self.asks = Asks("par-01", lambda name, within: self.checks.append((name, within)))

    def refused(self, payload: bytes, offset_us: int | None = 0, now_us: int = NOW, **how: Any) -> str:
        """The reason; nothing was asked for, and it was counted."""
        before, counts = list(self.checks), self.asks.counts.total()
        with pytest.raises(WireError) as caught:
            self.asks.take(message(payload, **how), now_us, offset_us)
        assert self.checks == before
        assert self.asks.counts.total() == counts + 1
        assert self.asks.counts[caught.value.reason] > 0
        return caught.value.reason


def test_a_good_ask_is_heard_with_the_time_that_is_left() -> None:
    """Three seconds of ten have passed by the collector's clock, which is an hour ahead of ours."""
    heard = Heard()
    hour = 3600 * SECOND
    heard.asks.take(message(ask("a", "b", "a", sent_us=NOW + hour - 3 * SECOND)), NOW, hour)
    assert heard.checks == [("a", 7.0), ("b", 7.0)]
    assert heard.asks.counts == {"taken": 1}


def test_what_is_not_an_ask_for_us_is_refused() -> None:
    heard = Heard()
    assert heard.refused(ask("a"), retain=True) == "retained"
    assert heard.refused(ask("a", agent="par-02")) == "foreign"
    assert heard.refused(ask("a") + b" " * limits.MAX_ASK_BYTES) == "too_large"
    assert heard.refused(b"{") == "schema"
    assert heard.refused(b'{"v": 2}') == "version"
    assert heard.refused(ask()) == "schema"
    assert heard.refused(ask(*["a"] * (limits.MAX_ASKED + 1))) == "schema"
    assert heard.refused(ask("a\n")) == "schema"


@pytest.mark.parametrize(
    ("sent_us", "life", "reason"),
    [
        (NOW - 11 * SECOND, 10 * SECOND, "expired"),
        (NOW - 10 * SECOND, 10 * SECOND, "expired"),
        (NOW, 0, "life"),
        (NOW, -SECOND, "life"),
        (NOW, MAX_LIFE_US + 1, "life"),
        (NOW + EARLY_US + 1, 10 * SECOND, "early"),
        (NOW - 9 * SECOND, 10 * SECOND, None),
        (NOW + EARLY_US, MAX_LIFE_US, None),
    ],
)
@pytest.mark.parametrize("offset_us", [0, -7200 * SECOND, 86_400 * SECOND])
def test_expiry_is_by_the_clock_of_the_collector(
    sent_us: int, life: int, reason: str | None, offset_us: int
) -> None:
    heard = Heard()
    payload = ask("a", sent_us=sent_us + offset_us, life=life)
    if reason is not None:
        assert heard.refused(payload, offset_us) == reason
    else:
        heard.asks.take(message(payload), NOW, offset_us)
        assert [name for name, _ in heard.checks] == ["a"]


def test_without_a_clock_in_common_its_time_begins_when_it_is_received() -> None:
    """The broker drops what is expired; what has waited here for longer than it lives is dropped as well."""
    heard = Heard()
    heard.asks.take(message(ask("a", sent_us=1), received_us=NOW - 4 * SECOND), NOW, None)
    assert heard.checks == [("a", 6.0)]
    assert heard.refused(ask("b", sent_us=1), None, received_us=NOW - 11 * SECOND) == "expired"


def test_an_ask_that_comes_twice_counts_once() -> None:
    heard = Heard()
    payload = ask("a")
    heard.asks.take(message(payload), NOW, 0)
    assert heard.refused(payload) == "duplicate"
    heard.asks.take(message(ask("a", sent_us=NOW + 1)), NOW, 0)
    assert heard.asks.counts == {"taken": 2, "duplicate": 1}


def test_what_is_remembered_of_asks_is_bounded() -> None:
    heard = Heard()
    for number in range(3 * REMEMBERED):
        heard.asks.take(message(ask("a", sent_us=NOW - number)), NOW, 0)
    assert len(heard.asks._taken) == REMEMBERED
    assert heard.refused(ask("a", sent_us=NOW - 3 * REMEMBERED + 1)) == "duplicate"


@given(st.binary(max_size=300) | st.sampled_from([ask("a"), ask("b", life=1)]), st.none() | st.integers())
def test_whatever_comes_is_heard_or_refused(payload: bytes, offset_us: int | None) -> None:
    asks = Asks("par-01", lambda *_: None)
    try:
        asks.take(message(payload), NOW, offset_us)
    except WireError as exc:
        outcome = exc.reason
    else:
        outcome = "taken"
    assert asks.counts == {outcome: 1}


def test_what_may_become_of_an_ask_fits_into_a_heartbeat() -> None:
    """Each of these is met by a test above or below."""
    of_messages = {"taken", "retained", "foreign", "life", "early", "expired", "duplicate"}
    of_codec = {"too_large", "content_type", "compression", "version", "schema"}
    of_checks = {"run", "unknown", "rate", "late", "shed"}
    assert of_messages | of_codec | of_checks == set(ASK_FATES)
    assert len(ASK_FATES) <= limits.MAX_REASONS


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    virtual_time.run(test())


async def quiet(stage: Stage) -> None:
    """Wait until nothing runs and nothing is due for a while: intervals are an hour here."""
    await asyncio.sleep(1.0)
    assert not stage.began


HOUR = 3600.0


def test_an_idle_agent_probes_at_once() -> None:
    async def test() -> None:
        with Stage().running([check("a", HOUR), check("b", HOUR)]) as stage:
            await quiet(stage)
            at = stage.engine.now()
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(2.0)
            ((ended, result),) = stage.ended
            assert (result.check, result.asked, result.attempt, result.outcome) == ("a", True, 1, "ok")
            assert ended - at <= stage.took + LATE
            assert stage.runner.out_of_turn.asked == {"run": 1}
            assert stage.runner.schedule.running == set()

    run(test)


def test_nothing_but_own_checks_can_be_asked_for() -> None:
    async def test() -> None:
        with Stage().running([check("a", HOUR)]) as stage:
            await quiet(stage)
            stage.runner.ask("b", 5.0)
            await asyncio.sleep(2.0)
            assert stage.began == []
            assert stage.runner.out_of_turn.asked == {"unknown": 1}

    run(test)


def test_a_check_that_runs_is_probed_again_behind_it() -> None:
    """One probe at a time, and the answer is of a probe that began after the ask."""

    async def test() -> None:
        with Stage(took=0.5).running([check("a", HOUR)]) as stage:
            await quiet(stage)
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(0.3)
            at = stage.engine.now()
            for _ in range(5):
                stage.runner.ask("a", 5.0)
            await asyncio.sleep(5.0)
            began, ended = [at for at, _ in stage.began], [at for at, _ in stage.ended]
            assert len(began) == 2
            assert began[0] < at < ended[0] <= began[1] <= ended[0] + LATE
            assert all(result.asked for _, result in stage.ended)
            assert stage.runner.out_of_turn.asked == {"run": 2}

    run(test)


def test_an_ask_that_waited_too_long_is_dropped() -> None:
    async def test() -> None:
        with Stage(took=3.0).running([check("a", HOUR, 10.0)]) as stage:
            await quiet(stage)
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(0.3)
            stage.runner.ask("a", 1.0)
            await asyncio.sleep(10.0)
            assert len(stage.began) == 1
            assert stage.runner.out_of_turn.asked == {"run": 1, "late": 1}

    run(test)


def test_the_schedule_stands_and_its_slots_go_before_what_is_asked() -> None:
    """A check of 5 s that takes 2 s, asked for all the time: each slot is run, within 2 s of its time."""

    async def test() -> None:
        with Stage(took=2.0).running([check("a", 5.0, 4.0)]) as stage:
            while not stage.began:
                await asyncio.sleep(0.01)
            slot, _ = stage.began[0]
            for _ in range(600):
                stage.runner.ask("a", 5.0)
                await asyncio.sleep(0.1)
            schedule = stage.runner.schedule
            assert (schedule.skipped, schedule.overlapping) == (0, 0)
        began = [at for at, _ in stage.began]
        regular = [at for at, (_, result) in zip(began, stage.ended, strict=False) if not result.asked]
        assert len(regular) >= 12
        assert all(0 <= at - slot - 5.0 * number <= 2.2 for number, at in enumerate(regular))
        assert any(result.asked for _, result in stage.ended)

    run(test)


def test_an_asked_failure_after_success_is_a_first_failure() -> None:
    async def test() -> None:
        with Stage(lambda *_: "fail").running([check("a", HOUR)]) as stage:
            await quiet(stage)
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(2.0)
            said = [(result.attempt, result.asked) for _, result in stage.ended]
            assert said == [(1, True), (2, False)]
            assert len(stage.confirmed) == 1

    run(test)


def test_an_ask_during_the_wait_for_a_repeat_takes_its_place() -> None:
    async def test() -> None:
        with Stage(lambda *_: "fail").running([check("a", HOUR)]) as stage:
            await quiet(stage)
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(0.15)
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(2.0)
            assert [(result.attempt, result.asked) for _, result in stage.ended] == [(1, True), (1, True)]
            assert len(stage.confirmed) == 1

    run(test)


def test_whoever_asks_for_ever_gets_no_more_than_the_budget() -> None:
    """100 checks of 10 s, each asked for 10 times a second for a minute."""

    async def test() -> None:
        names = [f"c{number}" for number in range(100)]
        with Stage().running([check(name, 10.0) for name in names]) as stage:
            for _ in range(600):
                for name in names:
                    stage.runner.ask(name, 5.0)
                await asyncio.sleep(0.1)
            asked = stage.runner.out_of_turn.asked
            assert stage.runner.schedule.skipped == 0
        most = ASKED_BURST + 60.0 * ASKED_RATE
        assert 0.9 * most <= asked["run"] <= most + 1
        assert asked["rate"] > 50_000

    run(test)


def test_one_check_is_asked_for_no_more_than_a_few_times_an_interval() -> None:
    budget = AskedBudget()
    admitted = sum(budget.admits("a", 60.0, float(second)) for second in range(600))
    assert admitted == ASKED_TOGETHER + 599 // (60.0 * ASKED_SHARE)
    assert budget.admits("b", 60.0, 600.0)
    budget.keep({"b"})
    assert set(budget._each) == {"b"}


def test_an_agent_with_far_too_much_to_do_answers_nobody() -> None:
    async def test() -> None:
        stage = Stage()
        stage.shedding.level = Step.CHECKS
        with stage.running([check("a", HOUR)]):
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(2.0)
            assert stage.began == []
            assert stage.runner.out_of_turn.asked == {"shed": 1}

    run(test)


def test_what_was_asked_of_a_check_that_is_gone_is_forgotten() -> None:
    async def test() -> None:
        with Stage(took=1.0).running([check("a", HOUR)]) as stage:
            await quiet(stage)
            stage.runner.ask("a", 5.0)
            await asyncio.sleep(0.5)
            stage.runner.ask("a", 5.0)
            stage.runner.assign([check("b", HOUR)])
            await asyncio.sleep(5.0)
            stage.runner.ask("b", 5.0)
            await asyncio.sleep(5.0)
            assert [name for _, name in stage.began] == ["a", "b"]

    run(test)
