"""Broker, collector and agents may die in the middle: nobody stays away, and no result is missing."""

import re
import time
from collections import Counter

import pytest

from servers.daemon import until
from system.world.pipeline import AGENTS
from system.world.series import Series
from system.world.world import CHECKS, World

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]  # waits that fail speak for themselves
AWAY = 4.0  # seconds: two results of every check from every agent
INTERVAL = 2.0
A_BATCH = len(CHECKS)  # more than an agent produces in the second after which a batch leaves
PRODUCED, PENDING = "vedette_results_produced_total", "vedette_results_pending"
APPLIED, LOST = "vedette_results_applied_total", "vedette_results_declared_lost_total"
LATE, RESIDUAL = "vedette_results_late_total", "vedette_ledger_residual"


def test_broker_killed_and_started(world: World) -> None:
    """Every result that the agents produced meanwhile is applied, and applied once."""
    earlier = renew_agents(world)
    before, began = world.pipeline.metrics(), time.monotonic()
    world.pipeline.broker.kill()
    pause()
    world.pipeline.start_broker()
    until_resumed(world)

    after = until_balanced(world, before)
    assert after.total(LATE) == before.total(LATE)  # younger than 60 s: still live
    until_runs_match_the_clock(world, before, began)
    until_all_is_applied(world, earlier)


def test_collector_killed_and_started(world: World) -> None:
    """It goes on where it was killed: no counter falls, no result is missing, and none counts twice."""
    earlier = renew_agents(world)
    before, began = world.pipeline.metrics(), time.monotonic()
    world.pipeline.collector.kill()
    pause()
    world.pipeline.start_collector()
    again = world.pipeline.metrics()
    for name in (PRODUCED, APPLIED, "vedette_probe_attempts_total", "vedette_probe_latency_seconds_count"):
        for labels, count in before.all(name):
            assert again.one(name, **labels) >= count, (name, labels)
    until_resumed(world)

    after = until_balanced(world, before)
    assert after.total(LATE) == before.total(LATE)
    until_runs_match_the_clock(world, before, began)
    until_all_is_applied(world, earlier)


def test_results_that_come_twice_count_once(world: World) -> None:
    """What a collector applied and could not acknowledge comes again, and is not applied again."""
    world.until_green(30.0)
    before, began = world.pipeline.metrics(), time.monotonic()
    duplicates = "vedette_results_duplicates_total"

    def gained(name: str, **labels: str) -> float:
        return world.pipeline.metrics().total(name, **labels) - before.total(name, **labels)

    world.pipeline.grant(acks=False)
    try:
        until(lambda: gained(APPLIED) > 6 * A_BATCH, "results without acks", within=45.0)
        assert gained("vedette_collector_acks_failed_total") > 0
        # Only while acks are refused: once they are not, one may come before the agents send again.
        until(lambda: gained(duplicates) > 2 * A_BATCH, "the same ones again", within=60.0)
    finally:
        world.pipeline.grant()
    until_resumed(world)
    until_runs_match_the_clock(world, before, began)


@pytest.mark.parametrize("name", AGENTS[:1])
def test_agent_killed_is_gone_at_once_and_welcome_back(world: World, name: str) -> None:
    """The broker says it with the agent's last will: no heartbeat has to be missed first."""
    world.until_green(30.0)
    world.pipeline.agents[name].kill()
    try:
        until(lambda: connected(world)[name] == 0, f"{name} is gone", within=15.0)
        assert all(connected(world)[other] == 1 for other in AGENTS if other != name)
    finally:
        world.pipeline.start_agent(name)
    until_resumed(world)


def pause() -> None:
    end = time.monotonic() + AWAY
    until(lambda: time.monotonic() > end, "the time without", AWAY + 1)


def stop_agents(world: World) -> dict[str, float]:
    """End both agents politely. How many results each had produced in its life, all of them acknowledged."""
    produced = {}
    for name, agent in world.pipeline.agents.items():
        assert agent.stop() == 0
        last = re.findall(r"drained.* produced=(\d+) pending=(\d+) lost=(\d+)", agent.log.read_text())[-1]
        assert last[1:] == ("0", "0"), f"{name}: {last}"
        produced[name] = float(last[0])
    return produced


def start_agents(world: World) -> None:
    for name in AGENTS:
        world.pipeline.start_agent(name)
    until_resumed(world)


def renew_agents(world: World) -> dict[str, float]:
    """Begin a new epoch of both agents. What the collector had applied of the ones before."""
    world.until_green(30.0)
    stop_agents(world)
    earlier = applied(world.pipeline.metrics())
    start_agents(world)
    return earlier


def applied(now: Series) -> dict[str, float]:
    return {agent: now.one(APPLIED, agent=agent) for agent in AGENTS}


def connected(world: World) -> dict[str, float]:
    now = world.stored("vedette_agent_connected")
    return {agent: value for (agent,), value in now.by("vedette_agent_connected", "agent").items()}


def until_resumed(world: World) -> None:
    """Both agents are connected, and every check is green by results that came after this call."""
    began = time.time()

    def resumed() -> bool:
        now = world.stored("probe_success", "vedette_agent_connected", "vedette_probe_last_result.*")
        fresh = now.by("vedette_probe_last_result_timestamp_seconds", "check", "agent")
        green = now.by("probe_success", "check", "agent")
        return (
            now.by("vedette_agent_connected", "agent") == {(agent,): 1 for agent in AGENTS}
            and len(fresh) == len(green) == len(CHECKS) * len(AGENTS)
            and min(fresh.values()) > began
            and set(green.values()) == {1}
        )

    # A pause between two attempts to connect is at most as long as the outage has lasted, or 4 s.
    until(resumed, lambda: f"fresh results of all checks: {world.view()}", within=45.0)


def until_all_is_applied(world: World, earlier: dict[str, float]) -> None:
    """The agents end their lives: every result of those is applied. *earlier*: what was applied before."""
    produced = stop_agents(world)
    total = applied(world.pipeline.metrics())
    start_agents(world)
    assert {agent: total[agent] - earlier[agent] for agent in AGENTS} == produced


def until_balanced(world: World, before: Series) -> Series:
    """The books, once there is news of both agents since *before* and next to nothing is pending."""
    last: list[Series] = []

    def balanced() -> Series | None:
        last[:] = [world.pipeline.metrics()]
        return last[0] if all(is_balanced(before, last[0], agent) for agent in AGENTS) else None

    def books() -> str:
        names = (PRODUCED, PENDING, LOST, APPLIED, LATE, RESIDUAL)
        return "; ".join(
            f"{agent}: " + ", ".join(f"{name} {last[0].total(name, agent=agent):g}" for name in names)
            for agent in AGENTS
        )

    found = until(balanced, lambda: f"the books balance: {books()}", within=45.0)
    assert found is not None
    return found


def is_balanced(before: Series, now: Series, agent: str) -> bool:
    """What is not pending was applied, and counted once."""
    return (
        now.total(PRODUCED, agent=agent) > before.total(PRODUCED, agent=agent)
        and now.total(LOST, agent=agent) == before.total(LOST, agent=agent)
        and now.total(PENDING, agent=agent) <= 2 * A_BATCH
        and now.total(RESIDUAL, agent=agent) == 0
        and uncounted(now, agent) == uncounted(before, agent)
    )


def uncounted(now: Series, agent: str) -> float:
    """Applied, and in no check's counters: late results, and those of checks that are no longer there."""
    own, around = "vedette_probe", "vedette_probe_bypass"
    counters = [f"{way}_{what}_total" for way in (own, around) for what in ("attempts", "not_run")]
    return now.total(APPLIED, agent=agent) - sum(now.total(name, agent=agent) for name in counters)


def until_runs_match_the_clock(world: World, before: Series, began: float) -> None:
    """Every check of every agent ran once an interval since *began*, also while nobody could listen.

    What is still on its way may arrive; what was counted twice would stay too much. Runs that an agent had to
    leave out, on a machine that is short of time, may be missing as far as it says so.
    """
    done = runs_by_check(before)
    left_out_before = left_out(before)
    wrong: dict[tuple[str, ...], float] = {}

    def matched() -> bool:
        now = world.pipeline.metrics()
        due = (time.monotonic() - began) / INTERVAL
        excused = left_out(now)
        excused.subtract(left_out_before)
        wrong.clear()
        for (check, agent), count in runs_by_check(now).items():
            surplus = count - done[check, agent] - due
            if not -2.0 - excused[agent] <= surplus <= 2.0:
                wrong[check, agent] = surplus
        return not wrong

    # What was published while the collector had no connection is sent again at an ack of the collector. A
    # heartbeat brings one every 10 s; those within 10 s of an earlier repeat do not count.
    until(matched, lambda: f"as many runs as intervals; too many or too few: {wrong}", within=45.0)


def runs_by_check(now: Series) -> Counter[tuple[str, ...]]:
    runs: Counter[tuple[str, ...]] = Counter()
    for name in ("vedette_probe_attempts_total", "vedette_probe_not_run_total"):
        for labels, count in now.all(name):
            runs[labels["check"], labels["agent"]] += int(count)
    return runs


def left_out(now: Series) -> Counter[str]:
    """By agent: slots of all its checks in which nothing ran."""
    slots: Counter[str] = Counter()
    for name in ("vedette_agent_skipped_slots_total", "vedette_agent_overlapping_slots_total"):
        for labels, count in now.all(name):
            slots[labels["agent"]] += int(count)
    return slots
