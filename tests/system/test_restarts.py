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
LATE, MISSED = "vedette_collector_results_late_total", "vedette_collector_results_missed_total"


def test_broker_killed_and_started(world: World) -> None:
    """Every result that the agents produced meanwhile is applied, and applied once."""
    earlier = renew_agents(world)
    before, began = world.pipeline.metrics(), time.monotonic()
    world.pipeline.broker.kill()
    pause()
    world.pipeline.start_broker()
    until_resumed(world)

    after = until_balanced(world, before, {agent: -count for agent, count in earlier.items()})
    assert after.total(LATE) == before.total(LATE)  # younger than 60 s: still live
    assert after.total(MISSED) == before.total(MISSED)
    until_runs_match_the_clock(world, before, began)

    produced = stop_agents(world)
    total = applied(world.pipeline.metrics())
    start_agents(world)
    assert {agent: total[agent] - earlier[agent] for agent in AGENTS} == produced


def test_collector_killed_and_started(world: World) -> None:
    """Its counters begin anew; what it had not acknowledged is applied by its successor."""
    earlier = renew_agents(world)
    first, began = applied(world.pipeline.metrics()), time.monotonic()
    world.pipeline.collector.kill()
    pause()
    world.pipeline.start_collector()
    until_resumed(world)

    predecessor = {agent: first[agent] - earlier[agent] for agent in AGENTS}
    after = until_balanced(world, Series({}), predecessor)
    assert after.total(LATE) == after.total(MISSED) == 0
    until_runs_match_the_clock(world, Series({}), began)

    produced = stop_agents(world)
    total = applied(world.pipeline.metrics())
    start_agents(world)
    for agent in AGENTS:
        # What the first one applied without a word of it reaching the agent, the second applies as well.
        assert predecessor[agent] + total[agent] == pytest.approx(produced[agent], abs=A_BATCH)


def test_results_that_come_twice_count_once(world: World) -> None:
    """What a collector applied and could not acknowledge comes again, and is not applied again."""
    world.until_green(30.0)
    before, began = world.pipeline.metrics(), time.monotonic()
    duplicate = "vedette_collector_results_rejected_total"

    def gained(name: str, **labels: str) -> float:
        return world.pipeline.metrics().total(name, **labels) - before.total(name, **labels)

    world.pipeline.grant(acks=False)
    try:
        until(lambda: gained(APPLIED) > 6 * A_BATCH, "results without acks", within=45.0)
        assert gained("vedette_collector_acks_failed_total") > 0
        # Only while acks are refused: once they are not, one may come before the agents send again.
        until(lambda: gained(duplicate, reason="duplicate") > 2 * A_BATCH, "the same ones again", within=60.0)
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


def until_balanced(world: World, before: Series, elsewhere: dict[str, float]) -> Series:
    """The books, once both agents have sent a heartbeat since *before* and they balance.

    *elsewhere*: by agent, how many results of its present life another collector applied; negative for those
    that this collector applied of the agent's former lives.
    """
    said_before = before.by(PRODUCED, "agent")
    last: list[Series] = []

    def balanced() -> Series | None:
        last[:] = [world.pipeline.metrics()]
        said = last[0].by(PRODUCED, "agent")
        has_news = len(said) == len(AGENTS) and all(
            count > said_before.get(key, 0) for key, count in said.items()
        )
        if has_news and all(is_balanced(before, last[0], agent, elsewhere[agent]) for agent in AGENTS):
            return last[0]
        return None

    def books() -> str:
        names = (PRODUCED, PENDING, LOST, APPLIED, LATE, MISSED)
        return f"{elsewhere} elsewhere; " + "; ".join(
            f"{agent}: " + ", ".join(f"{name} {last[0].total(name, agent=agent):g}" for name in names)
            for agent in AGENTS
        )

    found = until(balanced, lambda: f"the books balance: {books()}", within=45.0)
    assert found is not None
    return found


def is_balanced(before: Series, now: Series, agent: str, elsewhere: float) -> bool:
    """What the agent holds no more was applied somewhere, and nothing else was."""
    produced, pending = now.one(PRODUCED, agent=agent), now.one(PENDING, agent=agent)
    # The agent's word is up to one heartbeat (ten seconds) old, and a batch may be under way.
    since = len(CHECKS) * 10.0 / INTERVAL
    return (
        now.total(LOST, agent=agent) == 0
        and pending <= 2 * A_BATCH
        and produced - pending - A_BATCH
        <= now.one(APPLIED, agent=agent) + elsewhere
        <= produced + since + A_BATCH
        and uncounted(now, agent) == uncounted(before, agent)
    )


def uncounted(now: Series, agent: str) -> float:
    """Applied, and in no check's counters: late results, and those of checks that are no longer there."""
    counters = ("vedette_probe_attempts_total", "vedette_probe_not_run_total")
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
