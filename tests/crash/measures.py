"""What a run took: memory of processes while it ran, ages of fresh results."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.proc import rss_mib
from crash.watch import Page

EVERY: Final = 0.2  # seconds
AGE: Final = "vedette_live_age_seconds_bucket"


class Memory:
    """MiB."""

    def __init__(self, pid: int) -> None:
        self.before = self.most = rss_mib(pid)

    @property
    def growth(self) -> float:
        return self.most - self.before


@contextmanager
def memory(pid: int) -> Iterator[Memory]:
    """Of a process that lives as long as the block."""
    found = Memory(pid)
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(EVERY):
            found.most = max(found.most, rss_mib(pid))

    thread = threading.Thread(target=look, name="memory")
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join(10)


def age(before: Page, after: Page, share: float) -> float:
    """The bound below which *share* of the live batches between two pages were on arrival, in seconds."""
    counts: dict[float, float] = {}
    for (name, inner), value in after.samples.items():
        if name == AGE:
            bound = float(inner.rpartition('le="')[2].partition('"')[0].replace("+Inf", "inf"))
            counts[bound] = counts.get(bound, 0.0) + value - before.samples.get((name, inner), 0.0)
    total = counts.get(float("inf"), 0.0)
    return next((bound for bound in sorted(counts) if counts[bound] >= share * total), float("inf"))
