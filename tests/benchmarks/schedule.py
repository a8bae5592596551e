"""10,000 checks on the agent's schedule: CPU for each slot, and how far slots are from where they belong.

The schedule is pure, so an hour of it is run as fast as it goes, in ticks of the engine.
"""

import time
from collections.abc import Iterator

from benchmarks.figure import Figure, median_figure
from benchmarks.settings import Settings
from vedette_agent.engine.run import TICK
from vedette_agent.schedule import Schedule

CHECKS = 10_000
INTERVAL = 30.0  # seconds
HOUR = 3600.0


def figures(settings: Settings) -> Iterator[Figure]:
    costs, drifts, bursts = [], [], []
    for _ in range(settings.runs):
        cost, drift, burst = _hour()
        costs.append(cost)
        drifts.append(drift)
        bursts.append(burst)
    note = f"{CHECKS} checks, {INTERVAL:g} s, one virtual hour"
    yield median_figure("schedule_cpu_per_slot", costs, "us", note=note)
    yield median_figure("schedule_drift", drifts, "s", note=f"{note}: worst change of a check's phase")
    yield median_figure("schedule_burst", bursts, "checks", note=f"{note}: most due in one tick of {TICK} s")


def _hour() -> tuple[float, float, float]:
    schedule = Schedule("bench-01")
    schedule.assign({f"check-{number:05d}": INTERVAL for number in range(CHECKS)}, 0.0)
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    slots = burst = 0
    spent = 0.0
    for tick in range(int(HOUR / TICK) + 1):
        now = tick * TICK
        began = time.process_time()
        due = schedule.take(now, CHECKS)
        for name in due:
            schedule.ended(name)
        spent += time.process_time() - began
        slots += len(due)
        burst = max(burst, len(due))
        for name in due:
            first.setdefault(name, now)
            last[name] = now
    if schedule.skipped or len(first) != CHECKS:
        raise RuntimeError(f"{schedule.skipped} slots were skipped; {len(first)} of {CHECKS} checks ran")
    drift = max(
        abs((last[name] - first[name]) - round((last[name] - first[name]) / INTERVAL) * INTERVAL)
        for name in first
    )
    return spent / slots * 1e6, drift, burst
