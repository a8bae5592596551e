"""Draws from a seed what a story is to be: a few agents, a time, and some misfortunes.

Most stories are short: what goes wrong at an edge goes wrong in a minute, and many edges are wanted.
"""

from random import Random

from simulation.misfortunes import FAULTS
from simulation.story import Plan, Story


def plan(seed: int) -> Plan:
    rng = Random(seed)
    kind = rng.random()
    if kind < 0.72:
        seconds = rng.uniform(40, 200)
    elif kind < 0.97:
        seconds = rng.uniform(200, 400)
    else:
        seconds = rng.uniform(2000, 2600)
    agents = rng.choices((1, 2, 3), (70, 25, 5))[0] if seconds < 500 else 1
    faults = tuple(
        rng.choices(list(FAULTS), [weight for weight, _ in FAULTS.values()], k=rng.randrange(1, 6))
    )
    return Plan(seed, seconds, agents, faults)


def story(drawn: Plan) -> Story:
    return Story(drawn, [FAULTS[name][1] for name in drawn.faults])
