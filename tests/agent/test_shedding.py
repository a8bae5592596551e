"""What an agent leaves out under load, in which order, and what it never does."""

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from servers import virtual_time
from servers.dns import dns_server, records
from servers.tcp import TcpServer, silent
from vedette.checks.model import Check, DnsCheck, TcpCheck
from vedette.wire.facts import (
    DnsFacts,
    DnssecFacts,
    DnssecZone,
    Facts,
    PathFacts,
    PathHop,
    TlsFacts,
    TraceFacts,
)
from vedette.wire.failure import SHED_STEPS
from vedette.wire.messages import Result
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.pace import RATE, RATE_MIN, Pace
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine
from vedette_agent.runner import Runner
from vedette_agent.shedding import ENTER, QUIET_SECONDS, STALLED, WINDOW, Load, Shedding, Step, without_lists

IDLE = Load(0.0, 0.0, 0.0, 0.0)


def at(memory: float) -> Load:
    return Load(memory, 0.0, 0.0, 0.0)


def test_the_steps_are_taken_in_their_order() -> None:
    shedding = Shedding()
    levels = []
    for second, percent in enumerate(range(0, 101, 5)):
        shedding.observe(float(second), at(percent / 100))
        levels.append(shedding.level)
    assert levels == [*[0] * 12, 1, 1, 2, 2, 3, 3, 4, 4, 4]
    assert tuple(step.name.lower() for step in Step) == SHED_STEPS


def test_whatever_is_short_counts() -> None:
    for load in (Load(1, 0, 0, 0), Load(0, 1, 0, 0), Load(0, 0, 1, 0)):
        shedding = Shedding()
        shedding.observe(0.0, load)
        assert shedding.level == Step.CHECKS


def test_a_level_is_given_up_after_ten_quiet_seconds_and_then_the_next() -> None:
    shedding = Shedding()
    shedding.observe(0.0, at(1.0))
    seen = []
    for second in range(1, 60):
        shedding.observe(float(second), IDLE)
        seen.append(shedding.level)
    assert Counter(seen) == {4: 10, 3: 10, 2: 10, 1: 10, 0: 19}
    assert sorted(seen, reverse=True) == seen


def test_a_load_about_a_threshold_changes_nothing() -> None:
    """Less than 0.15 below the threshold for an hour: one level, taken once."""
    shedding = Shedding()
    shedding.observe(0.0, at(ENTER[1]))
    levels = set()
    for second in range(1, 3600):
        shedding.observe(float(second), at(ENTER[1] - 0.1))
        levels.add(shedding.level)
    assert levels == {Step.REPLAY}


def test_a_quiet_time_that_is_interrupted_begins_again() -> None:
    shedding = Shedding()
    shedding.observe(0.0, at(1.0))
    for second in range(1, 100):
        shedding.observe(float(second), at(0.9) if second % 9 == 0 else IDLE)
        assert shedding.level == Step.CHECKS


def test_a_stall_at_the_start_is_no_overload_either() -> None:
    shedding = Shedding()
    shedding.observe(0.0, IDLE)
    shedding.observe(1.0, Load(0, 0, 0, 0.9))
    assert shedding.level == 0


def test_one_stall_is_no_overload_and_many_are() -> None:
    """A stall of 1 s is a fifth of what is looked at; to be late most of the time is too much to do."""
    shedding = Shedding()
    stalled = 0.0
    for second in range(20):
        stalled += 1.0 if second == 10 else 0.0
        shedding.observe(float(second), Load(0, 0, 0, stalled))
        assert shedding.level == 0
    for second in range(20, 27):
        stalled += STALLED
        shedding.observe(float(second), Load(0, 0, 0, stalled))
    assert shedding.level == Step.CHECKS


@given(st.lists(st.tuples(st.floats(0.1, 20.0), st.floats(0, 1.2), st.floats(0, 1.0)), max_size=60))
def test_the_level_is_never_below_what_the_load_asks_for_and_falls_slowly(
    course: list[tuple[float, float, float]],
) -> None:
    shedding = Shedding()
    now = stalled = 0.0
    fallen_at = -QUIET_SECONDS
    for step, memory, lag in course:
        now += step
        stalled += min(lag, step)
        before = shedding.level
        shedding.observe(now, Load(memory, 0.0, 0.0, stalled))
        assert shedding.level >= sum(memory >= least for least in ENTER)
        assert shedding.level >= before - 1
        if shedding.level < before:
            assert now - fallen_at >= QUIET_SECONDS
            fallen_at = now
    assert len(shedding._stalls) <= WINDOW / 0.1 + 2


WHOLE = Facts(
    address="192.0.2.1",
    dns=DnsFacts(rcode="NOERROR", answers=["a", "b"], cname_chain=["c"], answer_hash="x", answer_rrs=3),
    tls=TlsFacts(alternative_names=["a.example"], not_after_us=1, chain=2),
    dnssec=DnssecFacts(
        status="secure", zones=[DnssecZone(zone="a", algorithm="b", key_tag=1)], chain_zones=1
    ),
    trace=TraceFacts(answers=["a"]),
    path=PathFacts(protocol="icmp", hops=[PathHop(ttl=1, address="192.0.2.1")]),
)


def test_lists_for_people_go_and_what_series_are_made_of_stays() -> None:
    short = without_lists(WHOLE)
    assert short.dns == DnsFacts(rcode="NOERROR", answer_hash="x", answer_rrs=3)
    assert short.tls == TlsFacts(not_after_us=1, chain=2)
    assert short.dnssec == DnssecFacts(status="secure", chain_zones=1)
    assert short.trace == TraceFacts()
    assert (short.path, short.address) == (WHOLE.path, WHOLE.address)
    assert without_lists(short) is short


def _check(name: str, priority: str) -> Check:
    """Its probe ends where it starts, as a failure: its host is an address of the other family."""
    return TcpCheck(
        name=name,
        target=name,
        interval=1.0,
        timeout=1.0,
        host="::1",
        port=1,
        family=4,
        priority=priority,  # type: ignore[arg-type]
    )


async def _under(level: int, seconds: float = 10.5) -> tuple[list[Result], list[str | None], Shedding, int]:
    """Results, offered evidence, what was left out, and skipped slots."""
    engine = Engine(asyncio.get_running_loop(), lambda: 0.0)
    io = Io(engine)
    results: list[Result] = []
    offered: list[str | None] = []
    shedding = Shedding()
    shedding.level = level

    def explain(check: Check, result: Result, record: Record, started: float) -> bool:
        offered.append(result.reason)
        return True

    runner = Runner("par-01", engine, io, results.append, lambda _: None, explain, shedding)
    runner.assign([_check("low", "low"), _check("normal", "normal")])
    runner.start()
    await asyncio.sleep(seconds)
    engine.stop()
    io.close()
    return results, offered, shedding, runner.schedule.skipped


def test_only_checks_of_low_priority_are_left_out_and_each_run_says_so() -> None:
    results, _, shedding, skipped = virtual_time.run(_under(Step.CHECKS))
    seen = {name: {(r.outcome, r.reason) for r in results if r.check == name} for name in ("low", "normal")}
    assert seen == {"low": {("not_run", "shed")}, "normal": {("fail", "dns.nodata")}}
    assert sum(result.check == "low" for result in results) >= 10
    assert shedding.counts["checks"] == sum(result.check == "low" for result in results)
    assert all(result.duration_us is not None for result in results if result.check == "normal")
    assert skipped == 0


def test_below_that_level_all_checks_run() -> None:
    results, _, shedding, _ = virtual_time.run(_under(Step.PHASES))
    assert {result.reason for result in results} == {"dns.nodata"}
    assert "checks" not in shedding.counts


def test_evidence_waits_until_there_is_time_for_it() -> None:
    _, offered, shedding, _ = virtual_time.run(_under(Step.DETAIL))
    assert offered == []
    assert shedding.counts["detail"] >= 20

    async def relieved() -> list[str | None]:
        engine = Engine(asyncio.get_running_loop(), lambda: 0.0)
        io = Io(engine)
        late: list[str | None] = []
        own = Shedding()
        own.level = Step.DETAIL
        runner = Runner(
            "par-01",
            engine,
            io,
            lambda _: None,
            lambda _: None,
            lambda *it: late.append(it[1].reason) or True,
            own,
        )
        runner.assign([_check("normal", "normal")])
        runner.start()
        await asyncio.sleep(3.0)
        assert late == []
        own.level = 0
        await asyncio.sleep(3.0)
        engine.stop()
        io.close()
        return late

    assert virtual_time.run(relieved()) == ["dns.nodata"]


async def _once(check: Check, level: int) -> tuple[Result, Shedding]:
    engine = Engine(asyncio.get_running_loop())
    io = Io(engine, policy=Anywhere())
    came: asyncio.Queue[Result] = asyncio.Queue()
    shedding = Shedding()
    shedding.level = level
    runner = Runner("par-01", engine, io, came.put_nowait, lambda _: None, shedding=shedding)
    runner.assign([check])
    runner.start()
    async with asyncio.timeout(20):
        result = await came.get()
    engine.stop()
    io.close()
    return result, shedding


def test_the_times_of_phases_go_and_the_time_of_the_whole_stays() -> None:
    with TcpServer(silent) as server:
        check = TcpCheck(
            name="a", target="a", interval=1.0, timeout=1.0, host="127.0.0.1", port=server.port, family=4
        )
        whole, _ = asyncio.run(_once(check, Step.REPLAY))
        short, shedding = asyncio.run(_once(check, Step.PHASES))
    assert (whole.outcome, short.outcome) == ("ok", "ok")
    assert set(whole.phases_us) == {"connect"}
    assert short.phases_us == {}
    assert short.duration_us
    assert shedding.counts["phases"] == 1


def test_the_answers_of_a_lookup_go_and_their_number_stays() -> None:
    async def both() -> tuple[Result, Result, Shedding]:
        async with dns_server(records("shop.example. 60 A 192.0.2.1")) as server:
            check = DnsCheck(
                name="a",
                target="a",
                interval=1.0,
                timeout=1.0,
                query_name="shop.example",
                server=server.endpoint,
            )
            whole, _ = await _once(check, 0)
            return whole, *await _once(check, Step.DETAIL)

    whole, short, shedding = asyncio.run(both())
    assert whole.facts is not None
    assert short.facts is not None
    assert whole.facts.dns is not None
    assert whole.facts.dns.answers == ["192.0.2.1"]
    assert short.facts.dns == structs.replace(whole.facts.dns, answers=[])
    assert shedding.counts["detail"] == 1


def test_a_slow_pace_is_the_lowest_rate() -> None:
    pace = Pace()
    pace.grant(1000)
    assert pace.allowed == RATE
    pace.is_slow = True
    assert pace.allowed == RATE_MIN
    pace.is_slow = False
    assert pace.allowed == RATE


def test_memory_is_full_of_what_is_nowhere_else() -> None:
    """Without a disk all of it counts; with one, what it does not have yet."""
    for is_spooled in (False, True):
        outbox = Outbox("par-01", "0" * 32, is_spooled=is_spooled, max_bytes=10_000)
        now = 0.0
        while outbox.buffered_bytes < 9000:
            outbox.add(Result(check="a", outcome="ok", started_us=1), now)
            outbox.flush(now)
        assert outbox.unsafe_share >= 0.9
        outbox.disk.written(outbox.epoch, 0, outbox.next_seq - 1)
        assert (outbox.unsafe_share < 0.2) is is_spooled
