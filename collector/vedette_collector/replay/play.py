"""Runs scenarios and quiet days, in one process or more: what comes out does not depend on how many."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from vedette_collector.replay.fleet import Fleet, read_fleet
from vedette_collector.replay.scenario import Scenario, read_scenarios
from vedette_collector.replay.score import score
from vedette_collector.replay.simulate import Simulation
from vedette_collector.replay.told import told
from vedette_collector.replay.world import World

DAY = 86400.0


class Setting(NamedTuple):
    scenarios: Path
    fleet: Path
    noise: float
    interval: float


def play(setting: Setting, wanted: list[tuple[str, int]], jobs: int) -> Iterator[dict[str, Any]]:
    """One score for each (id, seed), in this order."""
    yield from _spread(_one, [(setting, *each) for each in wanted], jobs)


def quiet(setting: Setting, days: int, seed: int, jobs: int) -> dict[str, Any]:
    """Days of noise without a fault, each on its own."""
    each = list(_spread(_day, [(setting, day, seed) for day in range(days)], jobs))
    return {
        "days": days,
        "seed": seed,
        **{key: sum(day[key] for day in each) for key in ("pages", "tickets", "incidents")},
        "headlines": [headline for day in each for headline in day["headlines"]],
    }


def _spread(function: Any, arguments: list[tuple[Any, ...]], jobs: int) -> Iterator[Any]:
    if jobs <= 1 or len(arguments) <= 1:
        yield from (function(*each) for each in arguments)
        return
    jobs = min(jobs, len(arguments))
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        yield from pool.map(function, *zip(*arguments, strict=True))


def _end_with_parent() -> None:
    """Whoever ends the command ends its processes, which would play on for minutes."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def default_jobs() -> int:
    return len(os.sched_getaffinity(0))


@lru_cache(maxsize=2)
def world_of(fleet: Path, interval: float) -> World:
    return World(_fleet(fleet), interval)


@lru_cache(maxsize=2)
def _fleet(path: Path) -> Fleet:
    return read_fleet(path)


@lru_cache(maxsize=2)
def scenarios_of(scenarios: Path, fleet: Path) -> dict[str, Scenario]:
    return {each.id: each for each in read_scenarios(scenarios, _fleet(fleet))}


def _one(setting: Setting, scenario_id: str, seed: int) -> dict[str, Any]:
    world = world_of(setting.fleet, setting.interval)
    scenario = scenarios_of(setting.scenarios, setting.fleet)[scenario_id]
    until = max((one.at for one in scenario.expected), default=0.0)
    simulation = Simulation(world, scenario.phases, setting.noise, f"{seed}/{scenario.id}", until)
    return told(score(world, scenario, simulation.run(), setting.noise), scenario, seed)


def _day(setting: Setting, day: int, seed: int) -> dict[str, Any]:
    world = world_of(setting.fleet, setting.interval)
    run = Simulation(world, (), setting.noise, f"{seed}/quiet/{day}", DAY).run()
    opened = [event for event in run.events if event.what == "opened"]
    paged = {event.incident for event in run.events if event.paged}
    return {
        "pages": sum(event.paged for event in run.events),
        "tickets": sum(event.incident not in paged for event in opened),
        "incidents": len(opened),
        "headlines": [event.headline for event in opened],
    }
