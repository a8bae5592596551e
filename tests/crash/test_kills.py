"""SIGKILL at random points: every result is applied once, or declared lost by an agent that was killed."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from crash.plant import APPLIED, Plant, increase, plant, scraped, until_scraped
from crash.stories import pause

SEED = int(os.environ.get("VEDETTE_CRASH_SEED", "4"))
KILLS = int(os.environ.get("VEDETTE_CRASH_KILLS", "200"))
RESULTS = (
    "vedette_probe_attempts_total",
    "vedette_probe_late_attempts_total",
    "vedette_probe_not_run_total",
    "vedette_probe_bypass_attempts_total",
    "vedette_probe_bypass_not_run_total",
    "vedette_probe_bypass_late_total",
)


@pytest.mark.timeout(400)
def test_killed_at_random(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Broker, collector and agents, 20 times in all, also several at once."""
    ordeal(tmp_path, say, ("broker", "collector", "agent"), kills=20, heartbeat=2.0, longest=1.0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("victim", ["broker", "collector", "agent"])
def test_one_kind_killed(tmp_path: Path, say: Callable[[str], None], victim: str) -> None:
    ordeal(tmp_path, say, (victim,), kills=KILLS, heartbeat=None, longest=3.0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_all_killed(tmp_path: Path, say: Callable[[str], None]) -> None:
    ordeal(tmp_path, say, ("broker", "collector", "agent"), kills=KILLS, heartbeat=None, longest=3.0)


def ordeal(
    directory: Path,
    say: Callable[[str], None],
    victims: tuple[str, ...],
    *,
    kills: int,
    heartbeat: float | None,
    longest: float,
) -> None:
    began = time.monotonic()
    with plant(directory, agents=3, checks=50, heartbeat=heartbeat) as made, scraped(made) as prometheus:
        made.start()
        felled = fell(made, random.Random(SEED), victims, kills, longest)
        made.hush()
        page = made.settle(90)
        until_scraped(prometheus, page)
        verdict = made.verdict(page)
        assert not verdict.faults, "\n".join((str(verdict), *verdict.faults, made.tails()))
        counted = [increase(prometheus, name) for name in RESULTS]
        assert sum(total for total, _ in counted) == verdict.applied, f"{counted}: {verdict}"
        assert not any(resets for _, resets in counted), counted
        assert increase(prometheus, APPLIED) == (verdict.applied, 0)
        assert set(verdict.lost) <= {"crash"}, str(verdict)
        agents = sum(count for victim, count in felled.items() if victim.startswith("agent"))
        crashed = verdict.lost.get("crash", 0)
        made.finish()
    say(
        f"seed {SEED}: killed {dict(sorted(felled.items()))}; {verdict}, "
        f"{crashed / max(agents, 1):.1f} a killed agent, at most {verdict.largest}; "
        f"increase() {verdict.applied}; no counter fell in {made.watch.scrapes} scrapes; "
        f"collector up in {made.slowest:.1f} s at most; "
        f"{time.monotonic() - began:.0f} s"
    )


def fell(
    made: Plant, choice: random.Random, victims: tuple[str, ...], kills: int, longest: float
) -> Counter[str]:
    """Kill *kills* times; what is down comes back a moment later, or after the next one was killed too.

    An agent that has just begun is left alone until its spool is open: what it produced in that moment is
    nowhere but in its memory, and nobody has heard of it.
    """
    felled: Counter[str] = Counter()
    down: list[str] = []
    for _ in range(kills):
        victim = choice.choice(victims)
        name = (
            min(made.names, key=lambda each: (felled[each], choice.random())) if victim == "agent" else victim
        )
        if name in down:
            made.bring_back(name)
            down.remove(name)
        pause(choice.uniform(0.0, longest))
        if victim == "agent":
            made.until_spooled(name)
        made.kill(name)
        felled[name] += 1
        down.append(name)
        while len(down) > choice.choice((0, 0, 1, 2)):
            pause(choice.uniform(0.0, longest / 2))
            made.bring_back(down.pop(0))
    for name in down:
        made.bring_back(name)
    return felled
