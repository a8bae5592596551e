"""The probe driver: deadlines, stalls, suspends, and that every run ends exactly once."""

import asyncio
from collections.abc import Callable

import pytest

from servers import virtual_time
from servers.virtual_time import VirtualLoop
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import (
    TICK,
    AgentStopped,
    DeadlineExceeded,
    Disarm,
    Engine,
    HostSuspended,
    Prober,
    Run,
    suspend,
)


class Trial:
    """An engine on virtual time, and what became of its runs."""

    def __init__(self, asleep: Callable[[], float] = lambda: 0.0) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.engine = Engine(loop, asleep)
        self.ended: list[tuple[float, BaseException | None]] = []
        self.is_over = asyncio.Event()

    def start(self, coro: Prober, timeout: float) -> Run:
        return self.engine.start(coro, Record(), timeout, self._done)

    def _done(self, run: Run, error: BaseException | None) -> None:
        self.ended.append((self.engine.now(), error))
        if len(self.engine) == 0:
            self.is_over.set()


class Wait:
    """Arms nothing and knows whether it is still armed."""

    def __init__(self) -> None:
        self.armed: list[Run] = []

    def __call__(self, run: Run) -> Disarm:
        self.armed.append(run)
        return self.armed.clear


async def waiting(wait: Wait) -> None:
    await suspend(wait)


def test_deadlines_hold_within_one_tick() -> None:
    """200 probes with timeouts of 3 ms to 2 s: never early, and at most one tick late."""

    async def main() -> None:
        trial = Trial()
        began = trial.engine.now()
        wanted = [0.003 + 0.01 * n for n in range(200)]
        for timeout in wanted:
            trial.start(waiting(Wait()), timeout)
        await trial.is_over.wait()
        late = [at - began - timeout for (at, _), timeout in zip(trial.ended, wanted, strict=True)]
        assert all(isinstance(error, DeadlineExceeded) for _, error in trial.ended)
        assert min(late) >= -1e-6
        assert max(late) <= TICK + 1e-6

    virtual_time.run(main())


def test_deadlines_hold_on_a_real_clock() -> None:
    """Within 100 ms, on a machine that does other things as well."""

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        engine = Engine(loop)
        over = asyncio.Event()
        late: list[float] = []

        def done(run: Run, error: BaseException | None) -> None:
            late.append(loop.time() - run.deadline)
            if not len(engine):
                over.set()

        for n in range(20):
            engine.start(waiting(Wait()), Record(), 0.05 + 0.01 * n, done)
        await over.wait()
        return late

    late = asyncio.run(main())
    assert min(late) >= 0
    assert max(late) <= 0.1


def test_a_run_that_ends_in_time_is_disarmed_and_never_timed_out() -> None:
    async def main() -> None:
        trial = Trial()
        wait = Wait()
        run = trial.start(waiting(wait), 1.0)
        trial.loop.call_later(0.1, run.resume)
        await trial.is_over.wait()
        await asyncio.sleep(0.9)
        trial.engine.start(
            waiting(Wait()), Record(), 0.5, lambda _, __: None
        )  # lets it sweep past the deadline
        await asyncio.sleep(0.9)
        assert [error for _, error in trial.ended] == [None]
        assert wait.armed == []

    virtual_time.run(main())


def test_a_run_that_is_over_ignores_what_comes_late() -> None:
    async def main() -> None:
        trial = Trial()
        run = trial.start(waiting(Wait()), 1.0)
        run.throw(OSError("first"))
        run.resume()
        run.throw(OSError("second"))
        assert [str(error) for _, error in trial.ended] == ["first"]

    virtual_time.run(main())


def test_what_goes_wrong_while_arming_is_the_probers_to_see() -> None:
    def refuses(run: Run) -> Disarm:
        raise OSError("no socket")

    async def prober(seen: list[str]) -> None:
        try:
            await suspend(refuses)
        except OSError as exc:
            seen.append(str(exc))

    async def main() -> None:
        trial, seen = Trial(), list[str]()
        trial.start(prober(seen), 1.0)
        assert seen == ["no socket"]
        assert [error for _, error in trial.ended] == [None]

    virtual_time.run(main())


def test_our_own_stall_is_accounted_to_the_runs_it_overlaps() -> None:
    """The loop stands still for 0.5 s: the run in flight knows, one that starts later does not."""

    async def main() -> None:
        trial = Trial()
        early = trial.start(waiting(Wait()), 5.0)
        await asyncio.sleep(0.1)
        trial.loop.stand_still(0.5)
        await asyncio.sleep(0.1)
        late = trial.start(waiting(Wait()), 5.0)
        await asyncio.sleep(0.1)
        assert early.stalled == pytest.approx(0.5, abs=TICK)
        assert late.stalled == 0.0
        assert trial.engine.worst_lag == pytest.approx(0.5, abs=TICK)
        trial.engine.stop()

    virtual_time.run(main())


def test_a_tick_that_is_a_little_late_is_no_stall() -> None:
    async def main() -> None:
        trial = Trial()
        run = trial.start(waiting(Wait()), 5.0)
        for _ in range(20):
            await asyncio.sleep(0.05)
            trial.loop.stand_still(0.015)
        assert run.stalled == 0.0
        trial.engine.stop()

    virtual_time.run(main())


def test_a_suspended_host_ends_what_was_in_flight() -> None:
    """The boot clock gains 30 s: the run ends as suspended, and the next one is not blamed for it."""

    async def main() -> None:
        slept = [0.0]
        trial = Trial(lambda: slept[0])
        trial.start(waiting(Wait()), 60.0)
        await asyncio.sleep(0.1)
        slept[0] = 30.0
        await trial.is_over.wait()
        assert [type(error) for _, error in trial.ended] == [HostSuspended]
        trial.start(waiting(Wait()), 0.2)
        await asyncio.sleep(0.5)
        assert [type(error) for _, error in trial.ended] == [HostSuspended, DeadlineExceeded]

    virtual_time.run(main())


def test_a_sleep_while_nothing_ran_blames_nobody() -> None:
    """An idle engine does not tick; the first run afterwards starts with a fresh look at the clock."""

    async def main() -> None:
        slept = [0.0]
        trial = Trial(lambda: slept[0])
        slept[0] = 30.0
        trial.start(waiting(Wait()), 0.2)
        await asyncio.sleep(0.5)
        assert [type(error) for _, error in trial.ended] == [DeadlineExceeded]

    virtual_time.run(main())


def test_sleep_before_a_run_is_not_its_own_though_a_tick_was_wanted() -> None:
    async def main() -> None:
        slept = [0.0]
        trial = Trial(lambda: slept[0])
        trial.engine.want(trial.engine.now() + 10.0)
        slept[0] = 30.0
        trial.start(waiting(Wait()), 0.2)
        await asyncio.sleep(0.5)
        assert [type(error) for _, error in trial.ended] == [DeadlineExceeded]
        trial.engine.stop()

    virtual_time.run(main())


def test_stop_ends_everything_and_the_ticking() -> None:
    async def main() -> None:
        trial = Trial()
        ticks: list[float] = []
        trial.engine.on_tick = ticks.append
        trial.engine.want(3.0)
        waits = [Wait() for _ in range(5)]
        for wait in waits:
            trial.start(waiting(wait), 5.0)
        await asyncio.sleep(0.1)
        trial.engine.stop()
        count = len(ticks)
        assert count >= 4
        assert [type(error) for _, error in trial.ended] == [AgentStopped] * 5
        assert not any(wait.armed for wait in waits)
        await asyncio.sleep(0.5)
        assert len(ticks) == count

    virtual_time.run(main())


def test_an_idle_engine_does_not_tick_unless_asked_to() -> None:
    async def main() -> None:
        trial = Trial()
        ticks: list[float] = []
        trial.engine.on_tick = ticks.append
        trial.start(waiting(Wait()), 0.1)
        await asyncio.sleep(1.0)
        count = len(ticks)
        assert 5 <= count <= 7
        wanted = trial.engine.now() + 0.5
        trial.engine.want(wanted)
        await asyncio.sleep(1.0)
        assert len(ticks) == count + 1
        assert wanted <= ticks[-1] <= wanted + TICK

    virtual_time.run(main())


def test_a_run_is_ticked_for_though_the_wanted_tick_is_far() -> None:
    """Its deadline holds; once it has ended, only the wanted tick is left."""

    async def main() -> None:
        trial = Trial()
        ticks: list[float] = []
        trial.engine.on_tick = ticks.append
        began = trial.engine.now()
        trial.engine.want(began + 2.0)
        await asyncio.sleep(0.5)
        assert ticks == []
        trial.start(waiting(Wait()), 0.1)
        run = trial.start(waiting(Wait()), 1.0)
        await asyncio.sleep(0.2)
        assert [type(error) for _, error in trial.ended] == [DeadlineExceeded]
        run.resume()
        count = len(ticks)
        await asyncio.sleep(1.0)
        assert len(ticks) == count
        await asyncio.sleep(0.5)
        assert len(ticks) == count + 1
        trial.engine.stop()

    virtual_time.run(main())


def test_a_stall_that_the_last_run_ends_in_is_still_noticed() -> None:
    """The socket is served before the overdue tick: the run knows of the stall, and so does the engine."""

    async def main() -> None:
        trial = Trial()
        stalls: list[float] = []
        run = trial.engine.start(waiting(Wait()), Record(), 5.0, lambda run, _: stalls.append(run.stalled))

        def stall() -> None:
            trial.loop.stand_still(0.5)
            run.resume()

        trial.loop.call_soon(stall)
        await asyncio.sleep(1.0)
        assert stalls == [pytest.approx(0.5, abs=TICK)]
        assert trial.engine.worst_lag == pytest.approx(0.5, abs=TICK)

    virtual_time.run(main())


def test_a_tick_that_takes_long_is_a_stall() -> None:
    """It starts two runs and is busy for 0.5 s in between: the next tick is that late."""

    async def main() -> None:
        trial = Trial()
        wait = Wait()

        def starts(now: float) -> None:
            trial.engine.on_tick = None
            trial.start(waiting(wait), 5.0)
            trial.loop.stand_still(0.5)
            trial.start(waiting(wait), 5.0)

        trial.engine.on_tick = starts
        trial.engine.want(0.0)
        await asyncio.sleep(0.1)
        assert trial.engine.stalled == pytest.approx(0.5 - TICK, abs=TICK)
        trial.engine.stop()

    virtual_time.run(main())


def test_ten_thousand_deadlines_in_one_bucket_are_all_swept() -> None:
    async def main() -> None:
        trial = Trial()
        for _ in range(10_000):
            trial.start(waiting(Wait()), 0.5)
        await trial.is_over.wait()
        assert len(trial.ended) == 10_000
        assert len(trial.engine) == 0

    virtual_time.run(main())


def test_deadlines_that_passed_while_the_loop_stood_still_are_swept_in_order() -> None:
    async def main() -> None:
        trial = Trial()
        for timeout in (2.0, 0.5, 1.0):
            trial.start(waiting(Wait()), timeout)
        await asyncio.sleep(0.1)
        trial.loop.stand_still(10.0)
        await trial.is_over.wait()
        assert len(trial.ended) == 3

    virtual_time.run(main())
