"""Which phases of an outage a fleet sees, and how long a partial one must last to be told from noise."""

from collections.abc import Iterator
from math import log
from typing import NamedTuple

from vedette_collector.replay.record import Run
from vedette_collector.replay.scenario import Phase, Scenario
from vedette_collector.replay.world import World
from vedette_collector.verdicts.score import DEFAULTS


class Visible(NamedTuple):
    """A phase of which this fleet sees something."""

    phase: Phase
    first: float | None  # symptom that was drawn
    when: dict[int, float]  # probes (agents, where they fall silent) and when each showed it first
    scope: int  # mask of probes; of silent agents all of them
    bound: float  # seconds until enough samples have come


def visible(world: World, scenario: Scenario, run: Run, noise: float) -> Iterator[Visible]:
    for phase, seen in zip(scenario.phases, run.seen, strict=True):
        if not phase.symptom.is_visible:
            continue
        if phase.symptom.is_silence:
            agents = set(world.agents(phase.scope))
            scope = world.mask(p for p, agent in enumerate(world.agent_of) if agent in agents)
            bound = 0.0
        else:
            scope = world.mask(world.probes(phase.scope, phase.symptom.stage))
            bound = sample_seconds(phase, scope.bit_count(), world.interval, noise)
        yield Visible(phase, seen.first, seen.when, scope, bound)


def sample_seconds(phase: Phase, probes: int, interval: float, noise: float) -> float:
    """Time until n samples of a partial fault have n * kl(p, noise) of the threshold; 0 of a hard one."""
    if not is_partial(phase) or not probes:
        return 0.0
    rate = phase.fraction * (0.5 if phase.period is not None else 1.0)
    floor = max(noise, 1e-3)
    if rate <= floor:
        return float("inf")
    each = rate * log(rate / floor) + (1 - rate) * log((1 - rate) / (1 - floor))
    return DEFAULTS.threshold / each / probes * interval


def is_partial(phase: Phase) -> bool:
    return phase.fraction < 1 or phase.period is not None
