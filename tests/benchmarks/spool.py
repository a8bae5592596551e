"""What the spool costs an agent: CPU per probe with it and without it, and of its thread for each result."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks import mixed
from benchmarks.figure import Figure, median_figure
from benchmarks.probes import agent_cpu, world
from benchmarks.settings import Settings
from vedette_agent.spool.rows import Row
from vedette_agent.spool.writer import Spool

ROW_SECONDS = 0.2

_encode = msgspec.json.Encoder().encode


def figures(settings: Settings) -> Iterator[Figure]:
    on: list[float] = []
    off: list[float] = []
    with ExitStack() as stack:
        servers = world(stack, settings.scratch)
        for _ in range(settings.runs):
            off.append(agent_cpu(servers, "dns", settings, is_spooled=False))
            on.append(agent_cpu(servers, "dns", settings, is_spooled=True))
    note = f"dns, {settings.rate}/s, everything acknowledged at once"
    yield median_figure("cpu_per_probe_with_spool", on, "us", "without the spool", off, note)
    for rate in (50, settings.rate):
        spent = [asyncio.run(_thread(settings, rate)) for _ in range(settings.runs)]
        note = f"whole results at {rate}/s, no broker: rows, compression, commits, checkpoints"
        yield median_figure(f"spool_cpu_per_result_{rate}", spent, "us", note=note)


async def _thread(settings: Settings, rate: int) -> float:
    """Microseconds of this process per result while it does nothing but write them, in real time."""
    source, checks, epoch = mixed.Source(1), mixed.check_names(100), f"{1:032x}"
    each = round(rate * ROW_SECONDS)
    rows = [
        b",".join(
            _encode(source.result(checks[(at * each + n) % 100], time.time_ns() // 1000)) for n in range(each)
        )
        for at in range(round(settings.seconds / ROW_SECONDS))
    ]
    with tempfile.TemporaryDirectory(dir=settings.scratch) as directory:
        spool, _ = await Spool.open(Path(directory), epoch, tell=lambda event: None)
        began, due = time.process_time(), time.monotonic()
        for number, payload in enumerate(rows):
            spool.put(Row(epoch, number * each, each, time.time_ns() // 1000, 0, payload))
            spool.note((number + 1) * each)
            due += ROW_SECONDS
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
        spent = time.process_time() - began
        await spool.close()
    return spent / len(rows) / each * 1e6
