"""Runs scenarios and quiet days, in one process or more: what comes out does not depend on how many."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, Final, NamedTuple

from vedette_collector.replay.fleet import Fleet
from vedette_collector.replay.scenario import Scenario
from vedette_collector.replay.score import score
from vedette_collector.replay.simulate import Simulation
from vedette_collector.replay.told import told
from vedette_collector.replay.world import World

DAY = 86400.0


class Setting(NamedTuple):
    fleet: Fleet
    noise: float
    interval: float


def play(setting: Setting, wanted: list[tuple[Scenario, int]], jobs: int) -> Iterator[dict[str, Any]]:
    """One score for each scenario and seed, in this order."""
    yield from _spread(setting, _one, wanted, jobs)


def quiet(setting: Setting, days: int, seed: int, jobs: int) -> dict[str, Any]:
    """Days of noise without a fault, each on its own."""
    each = list(_spread(setting, _day, [(day, seed) for day in range(days)], jobs))
    return {
        "days": days,
        "seed": seed,
        **{key: sum(day[key] for day in each) for key in ("pages", "tickets", "incidents")},
        "headlines": [headline for day in each for headline in day["headlines"]],
    }


def _spread(setting: Setting, function: Any, arguments: list[tuple[Any, ...]], jobs: int) -> Iterator[Any]:
    jobs = min(jobs, len(arguments))
    if jobs <= 1:
        stage = _Stage(setting)
        yield from (function(stage, *each) for each in arguments)
        return
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_begin, initargs=(setting,)
    ) as pool:
        yield from pool.map(partial(_in_process, function), *zip(*arguments, strict=True))


class _Stage:
    """What all runs of one setting share."""

    def __init__(self, setting: Setting) -> None:
        self.world = World(setting.fleet, setting.interval)
        self.noise = setting.noise


_stages: Final[list[_Stage]] = []  # of this process, when it is one of several: the only one


def _begin(setting: Setting) -> None:
    _end_with_parent()
    _stages.append(_Stage(setting))


def _in_process(function: Any, *values: Any) -> Any:
    return function(_stages[0], *values)


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


def _one(stage: _Stage, scenario: Scenario, seed: int) -> dict[str, Any]:
    until = max((one.at for one in scenario.expected), default=0.0)
    simulation = Simulation(stage.world, scenario.phases, stage.noise, f"{seed}/{scenario.id}", until)
    return told(score(stage.world, scenario, simulation.run(), stage.noise), scenario, seed)


def _day(stage: _Stage, day: int, seed: int) -> dict[str, Any]:
    run = Simulation(stage.world, (), stage.noise, f"{seed}/quiet/{day}", DAY).run()
    opened = [event for event in run.events if event.what == "opened"]
    paged = {event.incident for event in run.events if event.paged}
    return {
        "pages": sum(event.paged for event in run.events),
        "tickets": sum(event.incident not in paged for event in opened),
        "incidents": len(opened),
        "headlines": [event.headline for event in opened],
    }
