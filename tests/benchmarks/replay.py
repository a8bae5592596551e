"""A backlog: how soon an agent that starts with 90,000 results on disk has handed them in, how old fresh ones
become meanwhile, and how soon a spool of 92,000 results is open.

Agent, Mosquitto and collector are real processes, with their spool and store. The backlog is written by the
agent's own spool before: half an hour of 50 results a second. Meanwhile there are 50 DNS probes a second.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks import mixed
from benchmarks.figure import Figure, median_figure
from benchmarks.page import Page
from benchmarks.probes import AGENT, Pipeline, World, world
from benchmarks.settings import Settings
from vedette_agent.spool.rows import Row
from vedette_agent.spool.writer import Spool

BACKLOG, OPENED = 90_000, 92_000
RATE = 50
ROW = 10  # results, as of 200 ms
PATIENCE = 300.0  # seconds
BUSY = 0.5  # of what may wait for the disk

_encode = msgspec.json.Encoder().encode


def figures(settings: Settings) -> Iterator[Figure]:
    opened = [_opened(settings, OPENED) for _ in range(settings.runs)]
    yield median_figure("spool_open", opened, "s", note=f"{OPENED} results, until all of them are known")
    with ExitStack() as stack:
        servers = world(stack, settings.scratch)
        runs = [_replayed(settings, servers, BACKLOG) for _ in range(settings.runs)]
    took, ages = zip(*runs, strict=True)
    note = f"{BACKLOG} results, {RATE} fresh ones a second meanwhile"
    yield median_figure("replay", took, "s", note=f"{note}; from the agent's start to the last one applied")
    yield median_figure("replay_live_age_p99", ages, "s", note=note)


def _opened(settings: Settings, results: int) -> float:
    with tempfile.TemporaryDirectory(dir=settings.scratch) as directory:
        asyncio.run(_fill(Path(directory), [f"c-{number:04d}" for number in range(RATE)], results))
        return asyncio.run(_open(Path(directory), results))


async def _open(directory: Path, results: int) -> float:
    began = time.monotonic()
    spool, held = await Spool.open(directory, f"{2:032x}", tell=lambda event: None)
    took = time.monotonic() - began
    await spool.close()
    if held.results != results or held.gaps:
        raise RuntimeError(f"{held.results} of {results} found, gaps {held.gaps}")
    return took


async def _fill(directory: Path, checks: list[str], results: int) -> None:
    """Leave *directory* as an agent does that ends in order after *results* at RATE/s and no broker."""
    epoch = f"{1:032x}"
    spool, _ = await Spool.open(directory, epoch, tell=lambda event: None)
    source = mixed.Source(1)
    now_us = time.time_ns() // 1000
    wmb_us = now_us - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    for first in range(0, results, ROW):
        texts = []
        for seq in range(first, min(first + ROW, results)):
            at_us = now_us - (results - seq) * 1_000_000 // RATE
            found = source.result(f"dns-{seq % RATE:04d}", at_us)
            texts.append(_encode(msgspec.structs.replace(found, check=checks[seq % RATE])))
        while spool.queued_share > BUSY:
            await asyncio.sleep(0.005)
        spool.put(Row(epoch, first, len(texts), at_us, wmb_us, b",".join(texts)))
        spool.note(first + len(texts))
    await spool.close()


def _replayed(settings: Settings, servers: World, results: int) -> tuple[float, float]:
    """Seconds that the backlog took, and the p99 age of fresh batches meanwhile."""
    checks = [servers.check("dns", number) for number in range(RATE)]
    names = [str(check["name"]) for check in checks]

    def prepare(state: Path) -> None:
        asyncio.run(_fill(state / f"agent-{AGENT}", names, results))

    with Pipeline(settings.scratch, checks, prepare=prepare) as pipeline:
        before = Page()
        began = time.monotonic()
        while (page := pipeline.page()).total("vedette_results_late_total") < results:
            if time.monotonic() - began > PATIENCE:
                late, lost = (
                    page.total(f"vedette_results_{name}_total") for name in ("late", "declared_lost")
                )
                raise RuntimeError(f"{late:g} of {results} came, {lost:g} lost\n{pipeline.agent.output()}")
            time.sleep(0.25)
        took = time.monotonic() - pipeline.agent.started
        if page.total("vedette_results_declared_lost_total") or page.total("vedette_ledger_residual"):
            raise RuntimeError("results are lost, or the books do not agree")
        return took, page.live_age(0.99, before)
