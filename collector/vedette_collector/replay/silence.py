"""Which agents are silent: drawn for each phase and agent, every ten minutes anew where it is partial."""

from collections.abc import Iterator
from random import Random
from typing import Final, Literal, NamedTuple

from vedette_collector.replay.scenario import Phase

HEARTBEAT: Final = 10.0  # seconds
GONE_AFTER: Final = 35.0  # since the last one
REDRAW: Final = 600.0


class Turn(NamedTuple):
    at: float
    agent: int
    what: Literal["mute", "gone", "back"]
    heard: float  # of last, before it fell silent


def spells(phase: Phase, random: Random) -> list[tuple[float, float]]:
    """When one agent is silent because of *phase*: begins and ends, which may meet."""
    found: list[tuple[float, float]] = []
    at = phase.begin
    while at < phase.end:
        if phase.period is not None:
            until = min(at + phase.period / 2, phase.end)
        else:
            until = phase.end if phase.fraction >= 1 else min(at + REDRAW, phase.end)
        if phase.is_on(at) and random.random() < phase.fraction:
            found.append((at, until))
        at = until
    return found


def turns(agent: int, silent: list[tuple[float, float]], random: Random) -> Iterator[Turn]:
    """What is noticed of *agent*, silent in these spells of one or more phases, in no order."""
    until = float("-inf")
    for begin, end in _joined(silent):
        heard = max(begin - HEARTBEAT * random.random(), until)
        back = end + HEARTBEAT * random.random()
        yield Turn(begin, agent, "mute", heard)
        if heard + GONE_AFTER < back:
            yield Turn(heard + GONE_AFTER, agent, "gone", heard)
        yield Turn(back, agent, "back", heard)
        until = back


def _joined(silent: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spells that overlap, or leave no time to come back between them, are one."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(silent):
        if found and begin <= found[-1][1] + HEARTBEAT:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
