"""Runs seeds, and says of one that fails what is needed to look into it."""

from collections import Counter
from pathlib import Path

from simulation.scenario import plan, story
from simulation.story import Plan

KEPT = Path(__file__).with_name("seeds.txt")


def kept() -> list[int]:
    """Seeds that once failed, or that meet something rare."""
    lines = (line.partition("#")[0].strip() for line in KEPT.read_text(encoding="utf-8").splitlines())
    return [int(line) for line in lines if line]


def happened(drawn: Plan) -> Counter[str]:
    """Run a story and count what it met. Raises whatever went wrong."""
    return story(drawn).run().seen


def failure(drawn: Plan) -> Exception | None:
    try:
        happened(drawn)
    except Exception as exc:
        return exc
    return None


def report(seed: int) -> str:
    """Of a seed that fails: with as few misfortunes as it needs, and what happened at last."""
    drawn = shortest(plan(seed))
    told = story(drawn)
    wrong: Exception | None = None
    try:
        told.run()
    except Exception as exc:
        wrong = exc
    lines = "\n".join(f"  {at:9.2f} s  {text}" for at, text in told.world.story)
    return (
        f"seed {seed} ({drawn.seconds:.0f} s, {drawn.agents} agents, {', '.join(drawn.faults)}): "
        f"{type(wrong).__name__}: {wrong}\n{lines}\n"
        f"again: PYTHONPATH=tests .venv/bin/python -m simulation --seed {seed}"
    )


def shortest(drawn: Plan) -> Plan:
    """Without the faults that it does not need to fail in some way."""
    at = 0
    while at < len(drawn.faults):
        shorter = drawn._replace(faults=drawn.faults[:at] + drawn.faults[at + 1 :])
        if failure(shorter) is None:
            at += 1
        else:
            drawn = shorter
    return drawn
