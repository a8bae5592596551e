"""Days that were, on real processes: what broke is named, once, and falls quiet when it is mended.

Three worlds run side by side, since a verdict on silent agents takes the time that silence takes: some forty
processes, for `make drills`. What happens in them is written down; each test then looks at one day. One day
is played in every run of the tests, by `test_up_demo`.
"""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from up.running_up import Metrics, Running, running_up
from up.up_helpers import until
from vedette.up import page
from vedette.up.world.drills import DRILLS

pytestmark = [pytest.mark.system, pytest.mark.soak, pytest.mark.timeout(900)]

# Two days of one provider's region are one incident when the second follows on the first, and so are two
# networks that fall silent within minutes: each of them stands in a world of its own.
DAYS = (
    ("att-2024-02-22", "aws-2021-12-07", "azure-2025-10-29", "crowdstrike-2024-07-19"),
    ("vodafone-2025-10-13", "aws-2025-10-20"),
)
LIVE = "dynamodb-dns"  # at the interval of a real fleet
BEGIN_SECONDS = 90
DRILL_SECONDS = 240
QUIET_SECONDS = 180
LIVE_SECONDS = 5.0
TOO_BUSY = 4.0  # a core: probes then time out for want of a processor, and verdicts say so


@dataclass
class Day:
    """What was seen of one drill."""

    before: list[dict[str, Any]]  # incidents
    told: dict[str, Any]  # by `vedette drill start --json`
    code: int
    after: list[dict[str, Any]] = field(default_factory=list)  # incidents, when all of it is quiet
    crowd: float = 0.0  # runnable processes a core

    @property
    def new(self) -> list[dict[str, Any]]:
        known = {incident["id"] for incident in self.before}
        return [incident for incident in self.after if incident["id"] not in known]


async def incidents(world: Running) -> list[dict[str, Any]]:
    body = await page.get(world.port, "/api/v1/incidents?state=all")
    assert body is not None
    found: list[dict[str, Any]] = json.loads(body)["incidents"]
    return [incident for incident in found if incident["merged_into"] is None]


async def day(world: Running, name: str) -> Day:
    before = await incidents(world)
    done = await asyncio.to_thread(world.drill, "start", name, "--json", within=DRILL_SECONDS)
    assert done.stdout, done.stderr
    seen = Day(before, json.loads(done.stdout), done.returncode)
    seen.crowd = crowd()
    await asyncio.to_thread(world.drill, "stop")

    async def quiet() -> bool:
        seen.after = await incidents(world)
        seen.crowd = max(seen.crowd, crowd())
        return all(incident["state"] != "open" for incident in seen.after) or seen.crowd > TOO_BUSY

    await until(quiet, QUIET_SECONDS, f"quiet after {name}")
    return seen


def crowd() -> float:
    return os.getloadavg()[0] / (os.cpu_count() or 1)


async def days(world: Running, names: tuple[str, ...]) -> dict[str, Day]:
    await until(lambda: probes_all(world), BEGIN_SECONDS, "a result of every probe")
    return {name: await day(world, name) for name in names}


async def probes_all(world: Running) -> bool:
    metrics = await Metrics.of(world.port)
    success = metrics.success()
    return bool(success) and set(success) == metrics.assigned()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Day]]:
    root = tmp_path_factory.mktemp("outages")
    roots = [root / name for name in ("live", "first", "second")]
    for each in roots:
        each.mkdir()

    async def scenario() -> dict[str, Day]:
        found: dict[str, Day] = {}
        with ExitStack() as stack:
            worlds: list[Running] = []
            for each, interval in zip(roots, ("30s", "4s", "4s"), strict=True):
                world = stack.enter_context(running_up(each, "--interval", interval))
                await world.is_up()  # three dozen processes that start at once would all be late
                worlds.append(world)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(days(world, names), name=names[0])
                    for world, names in zip(worlds, ((LIVE,), *DAYS), strict=True)
                ]
            for task in tasks:
                found |= task.result()
            for world in worlds:
                assert await world.end(signal.SIGTERM) == 0
                assert world.left_behind() == []
        return found

    return asyncio.run(scenario())


@pytest.mark.parametrize("name", [name for names in DAYS for name in names])
def test_a_day_is_named_once_and_falls_quiet(seen: dict[str, Day], name: str) -> None:
    """Nothing before it; each phase that has a component gets its verdict, all of them in one incident."""
    day, drill = seen[name], DRILLS[name]
    if day.crowd > TOO_BUSY:
        pytest.skip(f"{day.crowd:.1f} runnable processes a core: probes failed by that")
    assert not [incident for incident in day.before if incident["state"] == "open"]
    assert day.code == 0
    verdicts = day.told["verdicts"]
    assert [verdict["phase"] for verdict in verdicts] == [
        each.name for each in drill.phases if each.components
    ]
    assert verdicts[0]["is_headline"]
    assert len({verdict["incident"] for verdict in verdicts}) == 1
    assert [incident["id"] for incident in day.new] == [verdicts[0]["incident"]]
    for verdict in verdicts:
        print(f"{name}, {verdict['phase']}: after {verdict['after_seconds']} s: {verdict['headline']}")


def test_an_emptied_record_is_an_incident_within_seconds_of_the_first_probe_that_saw_it(
    seen: dict[str, Day],
) -> None:
    """At an interval of 30 s: the agent repeats, the collector asks others, nobody waits for a next turn."""
    day = seen[LIVE]
    assert [verdict["component"] for verdict in day.told["verdicts"]] == ["target:dynamodb.us-east-1"]
    assert len(day.new) == 1
    took = day.new[0]["opened"] - day.new[0]["first_failure"]
    print(f"{LIVE} at 30 s: {took:.1f} s after the first probe that saw it")
    assert took < LIVE_SECONDS * max(1.0, day.crowd)  # other work delays probes and answers
