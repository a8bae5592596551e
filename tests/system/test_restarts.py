"""Broker, collector and agents may die in the middle: nobody stays away, and no result is missing."""

import time

import pytest

from servers.daemon import until
from system.world.pipeline import AGENTS
from system.world.series import Series
from system.world.world import CHECKS, World

pytestmark = pytest.mark.system
AWAY = 6.0  # seconds: three results of every check from every agent
INTERVAL = 2.0


@pytest.fixture
def green(world: World) -> World:
    world.until_green(15.0)
    return world


def test_broker_killed_and_started(green: World) -> None:
    """Every result that the agents produced meanwhile is applied once, and the next ones follow."""
    pipeline = green.pipeline
    before, began = pipeline.metrics(), time.monotonic()
    pipeline.broker.kill()
    until(lambda: time.monotonic() > began + AWAY, "the time without a broker", AWAY + 1)
    pipeline.start_broker()
    until_resumed(green)

    after = until_settled(green, since=before)
    assert after.total("vedette_collector_results_late_total") == 0  # younger than 60 s: still live
    assert after.total("vedette_collector_results_missed_total") == 0
    runs_match_the_clock(before, after, time.monotonic() - began)


def test_collector_killed_and_started(green: World) -> None:
    """Its counters begin anew; what it had not acknowledged is applied by its successor."""
    pipeline = green.pipeline
    began = time.monotonic()
    pipeline.collector.kill()
    until(lambda: time.monotonic() > began + AWAY, "the time without a collector", AWAY + 1)
    pipeline.start_collector()
    until_resumed(green)

    after = until_settled(green, since=Series({}))
    assert after.total("vedette_collector_results_late_total") == 0
    runs_match_the_clock(Series({}), after, time.monotonic() - began)


@pytest.mark.parametrize("name", AGENTS[:1])
def test_agent_killed_is_gone_at_once_and_welcome_back(green: World, name: str) -> None:
    """The broker says it with the agent's last will: no heartbeat has to be missed first."""
    agent, (other, *_) = green.pipeline.agents[name], [other for other in AGENTS if other != name]
    agent.kill()
    try:
        until(lambda: connected(green)[name] == 0, f"{name} is gone", within=5.0)
        assert connected(green)[other] == 1
    finally:
        green.pipeline.start_agent(name)
    until(lambda: connected(green) == dict.fromkeys(AGENTS, 1), f"{name} is back", within=15.0)
    until_settled(green, since=green.pipeline.metrics())


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

    until(resumed, lambda: f"fresh results of all checks: {world.view()}", within=20.0)


def until_settled(world: World, since: Series) -> Series:
    """The books of both agents, once each has sent a heartbeat after *since*: they must balance."""
    produced = dict(since.by("vedette_results_produced_total", "agent"))

    def beaten() -> Series | None:
        now = world.pipeline.metrics()
        news = now.by("vedette_results_produced_total", "agent")
        return (
            now if all(news.get((agent,), 0) not in (0, produced.get((agent,))) for agent in AGENTS) else None
        )

    until(beaten, "a heartbeat of both agents", within=25.0)
    found: list[Series] = []

    def balanced() -> Series | None:
        found[:] = [world.pipeline.metrics()]
        return found[0] if all(is_balanced(found[0], agent) for agent in AGENTS) else None

    def books() -> str:
        return "; ".join(
            f"{agent}: " + ", ".join(f"{name} {found[0].total(name, agent=agent):g}" for name in BOOKS)
            for agent in AGENTS
        )

    return until(balanced, lambda: f"balanced books: {books()}", within=25.0)  # type: ignore[return-value]


BOOKS = (
    "vedette_results_produced_total",
    "vedette_results_pending",
    "vedette_results_applied_total",
    "vedette_results_declared_lost_total",
    "vedette_collector_results_missed_total",
    "vedette_collector_results_late_total",
)
# Produced between a heartbeat and the look at it: ten seconds of all checks, and one batch.
SLACK = len(CHECKS) * (10.0 / INTERVAL + 1)


def is_balanced(now: Series, agent: str) -> bool:
    """Nothing lost or invented: what the agent holds no more was applied, here or by an earlier collector."""
    produced = now.one("vedette_results_produced_total", agent=agent)
    pending = now.one("vedette_results_pending", agent=agent)
    applied = now.one("vedette_results_applied_total", agent=agent)
    missed = now.one("vedette_collector_results_missed_total", agent=agent)
    late = now.one("vedette_collector_results_late_total", agent=agent)
    counted = now.total("vedette_probe_attempts_total", agent=agent) + now.total(
        "vedette_probe_not_run_total", agent=agent
    )
    return (
        now.total("vedette_results_declared_lost_total", agent=agent) == 0
        and pending <= 3 * len(CHECKS)
        and produced - pending <= applied + missed <= produced + SLACK
        and counted == applied - late
    )


def runs_match_the_clock(before: Series, after: Series, seconds: float) -> None:
    """Every check of every agent ran once an interval, also while nobody could listen."""
    done = before.by("vedette_probe_attempts_total", "check", "agent")
    for key, count in after.by("vedette_probe_attempts_total", "check", "agent").items():
        runs = count - done.get(key, 0)
        assert runs == pytest.approx(seconds / INTERVAL, abs=2.0), key
