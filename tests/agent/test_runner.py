"""When probes leave: together, on time, and without waking an idle host."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from servers import virtual_time
from vedette.checks.model import Check, TcpCheck
from vedette.wire.messages import Result
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import TICK, Engine
from vedette_agent.runner import MAX_SILENCE, MAX_WAIT, TOGETHER, Runner


def at_once(name: str, interval: float) -> Check:
    """A check whose probe ends where it starts: its host is an address of the other family."""
    return TcpCheck(name=name, target=name, interval=interval, timeout=1.0, host="::1", port=1, family=4)


@dataclass
class Seen:
    ticks: list[float] = field(default_factory=list)
    results: list[tuple[float, str]] = field(default_factory=list)

    def of(self, name: str) -> list[float]:
        return [at for at, check in self.results if check == name]


async def _run(checks: Sequence[Check], seconds: float, later: Sequence[Check] | None = None) -> Seen:
    """What happens in *seconds*, and again in as many after a change to *later*."""
    engine = Engine(asyncio.get_running_loop(), lambda: 0.0)
    io = Io(engine)
    seen = Seen()

    def deliver(result: Result) -> None:
        if result.attempt == 1:  # repeats leave when they leave
            seen.results.append((engine.now(), result.check))

    runner = Runner("par-01", engine, io, deliver, seen.ticks.append)
    runner.assign(checks)
    runner.start()
    await asyncio.sleep(seconds)
    if later is not None:
        runner.assign(later)
        await asyncio.sleep(seconds)
    assert runner.schedule.skipped == 0
    engine.stop()
    io.close()
    return seen


def _gaps(times: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


def test_probes_leave_together_and_no_slot_is_lost() -> None:
    """200 probes a second: twelve at a time on average, so every 60 ms, for 4 s."""
    checks = [at_once(f"c{number}", 2.0) for number in range(400)]
    seen = virtual_time.run(_run(checks, 4.0))
    departures = sorted({at for at, _ in seen.results})
    assert min(_gaps(departures)) >= TOGETHER / 200 - 1e-6
    assert len(seen.results) >= 2 * len(checks) - 2 * TOGETHER
    assert max(_gaps(seen.of("c0"))) <= 2.0 + MAX_WAIT + TICK


def test_an_agent_with_little_to_do_sleeps_and_still_shows_that_it_moves() -> None:
    seen = virtual_time.run(_run([at_once("rare", 30.0)], 60.0))
    assert len(seen.of("rare")) == 2
    assert len(seen.ticks) < 70
    assert max(_gaps(seen.ticks)) <= MAX_SILENCE + 2 * TICK


def test_a_new_check_does_not_wait_for_the_slot_of_an_old_one() -> None:
    seen = virtual_time.run(_run([at_once("rare", 3600.0)], 4.5, [at_once("often", 0.25)]))
    assert len(seen.of("often")) >= 17


def test_without_checks_it_still_shows_that_it_moves() -> None:
    seen = virtual_time.run(_run([], 5.0))
    assert len(seen.ticks) >= 4


async def _explained(answers: Sequence[bool]) -> list[tuple[str | None, float]]:
    """What is offered as evidence in twelve runs of a check that always fails in the same way."""
    engine = Engine(asyncio.get_running_loop(), lambda: 0.0)
    io = Io(engine)
    offered: list[tuple[str | None, float]] = []
    waiting = list(answers)

    def explain(check: Check, result: Result, record: Record, started: float) -> bool:
        assert started <= engine.now()
        offered.append((result.reason, started))
        if not waiting:
            raise RuntimeError("a bug of ours")
        return waiting.pop(0)

    runner = Runner("par-01", engine, io, lambda _: None, lambda _: None, explain)
    runner.assign([at_once("c", 1.0)])
    runner.start()
    await asyncio.sleep(12.0)
    engine.stop()
    io.close()
    return offered


def test_a_failure_that_lasts_is_evidence_once_and_so_is_its_repeat() -> None:
    assert len(virtual_time.run(_explained([True, True]))) == 2


def test_evidence_that_met_the_rate_is_offered_again_at_the_next_run() -> None:
    """The first run, its repeat, and the next two runs."""
    offered = virtual_time.run(_explained([False, False, False, True]))
    assert [reason for reason, _ in offered] == ["dns.nodata"] * 4
    assert offered[3][1] - offered[2][1] >= 1.0 - TICK


def test_a_bug_in_evidence_stops_no_probe() -> None:
    """Neither of the first run nor of its repeat is anything kept."""
    assert len(virtual_time.run(_explained([]))) == 2
