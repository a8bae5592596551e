"""Runs one target on inputs: nothing undeclared is raised, each costs little, and what does not is kept."""

import random
import resource
import time
import traceback
from pathlib import Path
from typing import Final, NamedTuple

from fuzz.mutate import Coverage, mutated
from fuzz.targets import TARGETS

CORPUS: Final = Path(__file__).parent / "corpus"
MAX_SECONDS: Final = 0.02  # of CPU, for one input
MAX_GROWN: Final = 8 * 1024  # KiB of memory, for one input
_EVERY: Final = 4  # that many inputs for one whose lines are followed, which takes ten times as long


class Fault(NamedTuple):
    target: str
    data: bytes
    what: str


def seeds(target: str) -> dict[str, bytes]:
    """By file name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / target).iterdir())}


def fault(target: str, data: bytes) -> Fault | None:
    """What is wrong with how *target* took *data*."""
    run = TARGETS[target]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = 1.0
    for _ in range(4):  # a cold cache is no fault, and neither is another thread's collection
        began = time.thread_time()
        try:
            run(data)
        except Exception:
            return Fault(target, data, traceback.format_exc())
        took = min(took, time.thread_time() - began)
        if took <= MAX_SECONDS:
            break
    else:
        return Fault(target, data, f"{took * 1000:.0f} ms of CPU for {len(data)} bytes")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if grown > MAX_GROWN:
        return Fault(target, data, f"{grown} KiB of memory for {len(data)} bytes")
    return None


class Fuzzed(NamedTuple):
    inputs: int
    pool: int
    fault: Fault | None


def fuzz(target: str, seed: int, *, rounds: int | None = None, seconds: float = 0.0) -> Fuzzed:
    """Up to *rounds* inputs, or for *seconds*; ends at the first fault. One *seed*, one series."""
    random_ = random.Random(f"{target} {seed}")
    coverage = Coverage()
    pool = list(seeds(target).values())
    for data in pool:
        found = fault(target, data)
        if found is not None:
            return Fuzzed(0, len(pool), found)
        coverage.grows(lambda data=data: TARGETS[target](data))
    until = time.monotonic() + seconds
    count = 0
    while count < rounds if rounds is not None else time.monotonic() < until:
        count += 1
        data = mutated(random_, pool)
        found = fault(target, data)
        if found is not None:
            return Fuzzed(count, len(pool), found)
        if (
            count % _EVERY == 0
            and len(data) < 4096
            and coverage.grows(lambda data=data: TARGETS[target](data))
        ):
            pool.append(data)
    return Fuzzed(count, len(pool), None)
