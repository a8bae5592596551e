"""The demo world from start to Ctrl-C: every check green from ten agents, every drill seen and undone."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from up.running_up import Key, Metrics, Running, run, running_up
from up.up_helpers import children_of, until
from vedette.up import page
from vedette.up.world.drill import Drill
from vedette.up.world.drills import DRILLS
from vedette.up.world.fleet import AGENTS, DARK_AGENT

pytestmark = pytest.mark.system

NAMES = [agent.name for agent in AGENTS]
SEEN_SECONDS = 30  # 15 on a machine that has nothing else to do
DARK_SECONDS = 90  # its series end 60 s after the last result
BACK_SECONDS = 100  # its agent may wait 60 s for the next attempt to connect, and the one before may hang


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One world for all tests here. Each of them leaves it green."""
    root = tmp_path_factory.mktemp("up")
    with running_up(root) as running:
        asyncio.run(running.is_up())
        asyncio.run(running.is_green())
        yield running
        assert asyncio.run(running.end(signal.SIGINT)) == 0
        assert running.left_behind() == []
        assert running._errors() == ""


def test_every_kind_of_check_is_green_from_every_agent(world: Running) -> None:
    success = asyncio.run(Metrics.of(world.port)).success()
    checks = {key.check for key in success}
    assert set(success) == {Key(check, agent) for check in checks for agent in NAMES}
    assert len(checks) >= 40
    assert len(NAMES) == 10
    assert any("page" in line and f":{world.port}/" in line for line in world.lines)


async def breaks_exactly(world: Running, drills: list[Drill]) -> None:
    """Soon the checks of *drills* fail with their codes from every agent; the others never do."""
    broken = {Key(check, agent): one for one in drills for check in one.checks for agent in NAMES}
    before = await Metrics.of(world.port)
    for one in drills:
        assert world.drill("start", one.name, "--no-wait").returncode == 0

    async def seen() -> bool:
        now = await Metrics.of(world.port)
        success = now.success()
        others = {key: value for key, value in success.items() if key not in broken}
        assert set(others.values()) == {1.0}, [key for key, value in others.items() if value != 1]
        assert set(success) == set(before.success())
        return all(
            success[key] == 0
            and one.failure is not None
            and now.failures(one.failure).get(key, 0) > before.failures(one.failure).get(key, 0)
            for key, one in broken.items()
        )

    await until(seen, SEEN_SECONDS, f"{[one.name for one in drills]} is seen")


async def shows_the_empty_answer(world: Running) -> None:
    """Every agent's evidence has the NOERROR answer without records, in words and on the page."""
    base = "/api/v1/evidence?check=dynamodb-dns&agent="

    async def told() -> bool:
        for agent in NAMES:
            found = json.loads(await page.get(world.port, base + agent) or b"{}").get("evidence", [])
            answers = [
                note["text"]
                for one in found
                if one["failure"] == "dns.nodata"
                for note in one["notes"]
                if note["event"] == "dns.answer"
            ]
            if not any("NOERROR" in text and ", 0/" in text for text in answers):
                return False
        return True

    await until(told, SEEN_SECONDS, "the evidence of every agent")
    shown = await page.get(world.port, f"/evidence/dynamodb-dns/{NAMES[0]}")
    status = await page.get(world.port, "/")
    assert shown is not None
    assert status is not None
    assert b"NOERROR" in shown
    assert b"dns.answer" in shown
    assert f'href="/evidence/dynamodb-dns/{NAMES[0]}"'.encode() in status


def test_the_emptied_record_is_nodata_everywhere_and_nothing_else_fails(world: Running) -> None:
    """It is red soon after the start, with its evidence, and green again soon after the stop."""
    asyncio.run(breaks_exactly(world, [DRILLS["dynamodb-dns"]]))
    asyncio.run(shows_the_empty_answer(world))
    assert world.drill("stop").returncode == 0
    asyncio.run(world.is_green(SEEN_SECONDS))


def test_all_other_faults_at_once_are_told_apart(world: Running) -> None:
    """Six faults in six layers at the same time, each with its own code; the rest stays green."""
    drills = [one for one in DRILLS.values() if one.failure is not None and one.name != "dynamodb-dns"]
    asyncio.run(breaks_exactly(world, drills))
    listed = json.loads(world.drill("list", "--json").stdout)
    assert {one["name"] for one in listed if one["active"]} == {one.name for one in drills}
    stopped = json.loads(world.drill("stop", "edge-502", "--json").stdout)
    assert stopped["changed"] == ["edge-502"]
    assert "edge-502" not in stopped["active"]
    assert "has ended" in world.drill("stop").stdout
    asyncio.run(world.is_green(SEEN_SECONDS))


def test_drills_speak_plainly(world: Running) -> None:
    assert "expect: dynamodb-dns and dynamodb-isp-dns fail with dns.nodata" in world.drill("list").stdout
    wrong = world.drill("start", "edge-503")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        'vedette: there is no drill "edge-503"; did you mean "edge-502"?\n',
    )
    assert world.drill("list", "--port", str(world.port)).returncode == 0
    assert world.drill("list", "--port", "1").returncode == 2


def test_a_second_world_on_the_same_port_does_not_begin(world: Running, tmp_path: Path) -> None:
    second = run("up", "--port", str(world.port), root=tmp_path)
    assert second.returncode == 2
    assert second.stderr.startswith(f"vedette: port {world.port} on 127.0.0.1 is in use")
    assert second.stderr.count("\n") == 1
    assert second.stdout == ""
    assert not list(tmp_path.rglob("*.json"))


def test_a_child_that_is_killed_comes_back(world: Running) -> None:
    """Broker and collector are killed: new ones take their places, and all is green again."""
    children = children_of(world.process.pid)
    agents = {pid for pid, line in children.items() if " agent run " in line}
    assert len(agents) == len(NAMES)

    async def scenario() -> None:
        for pid in children.keys() - agents:
            os.kill(pid, signal.SIGKILL)
        await world.is_green(60)

    asyncio.run(scenario())
    now = children_of(world.process.pid)
    assert len(now) == len(NAMES) + 2
    assert agents <= now.keys(), "the agents went on"


@pytest.mark.timeout(240)
def test_a_dark_vantage_falls_silent_alone(world: Running) -> None:
    """It counts as not connected and its series end; the others stay green; then it comes back."""
    assert world.drill("start", "vantage-dark", "--no-wait").returncode == 0

    async def dark() -> bool:
        metrics = await Metrics.of(world.port)
        success = metrics.success()
        assert {value for key, value in success.items() if key.agent != DARK_AGENT} == {1.0}
        return metrics.connected()[DARK_AGENT] == 0 and not any(key.agent == DARK_AGENT for key in success)

    async def scenario() -> None:
        await until(dark, DARK_SECONDS, f"{DARK_AGENT} is silent")
        connected = (await Metrics.of(world.port)).connected()
        assert connected == {name: float(name != DARK_AGENT) for name in NAMES}
        assert world.drill("stop", "vantage-dark").returncode == 0
        await world.is_green(BACK_SECONDS)

    asyncio.run(scenario())


@pytest.mark.timeout(300)
def test_a_day_that_was_is_named_in_one_incident(world: Running) -> None:
    """20 October 2025: the emptied record, what depends on it, and the region's balancers."""
    done = world.drill("start", "aws-2025-10-20", "--json", within=240)
    verdicts = json.loads(done.stdout)["verdicts"]
    assert world.drill("stop").returncode == 0
    assert verdicts[0]["component"] == "target:dynamodb.us-east-1"
    assert verdicts[0]["is_headline"]
    assert len({verdict["incident"] for verdict in verdicts}) == 1
    print(
        *(f"{each['phase']}: after {each['after_seconds']} s: {each['headline']}" for each in verdicts),
        sep="\n",
    )
    asyncio.run(world.is_green())
