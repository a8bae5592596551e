"""`python -m benchmarks.outage DIRECTORY RESULTS RATE`: how an agent grows that has no broker.

Prints one JSON object: resident memory in MiB before and at its highest, and what the spool then holds. Its
outbox and its spool in *DIRECTORY* are the agent's own; time is made up, a result each 1/RATE s, and goes as
fast as the disk takes what is to be written.
"""

import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path

from benchmarks import mixed
from benchmarks.proc import rss_mib
from vedette_agent.delivery.keeping import Keeping
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.publish import Publisher

CHECKS = 50
BUSY = 0.02  # of what may wait for the disk: a real outage has hardly anything waiting
LOOK = 500  # results between two looks at the memory


async def _outage(directory: Path, results: int, rate: float) -> dict[str, float]:
    assert Publisher  # what a whole agent has in memory before the outage is not growth
    outbox = Outbox("agent-0000", f"{1:032x}", is_spooled=True)
    keeping = Keeping(directory, outbox, lambda: None)
    source, checks = mixed.Source(1), mixed.check_names(CHECKS)
    await keeping.open()
    for check in checks:  # every certificate was seen before
        source.result(check, 0)
    gc.collect()
    before = highest = rss_mib(os.getpid())
    outbox.is_connected = False
    start, now_us = time.monotonic(), time.time_ns() // 1000
    for seq in range(results):
        now = start + seq / rate
        outbox.add(source.result(checks[seq % CHECKS], now_us + int(seq / rate * 1e6)), now)
        keeping.note(outbox.next_seq)
        keeping.move(now)
        if seq % 50 == 49:
            await asyncio.sleep(0)
            while keeping.queued_share > BUSY:
                await asyncio.sleep(0.005)
        if seq % LOOK == LOOK - 1:
            highest = max(highest, rss_mib(os.getpid()))
    await keeping.close(start + results / rate + 1.0, 5.0)
    highest = max(highest, rss_mib(os.getpid()))
    assert outbox.pending == results, "no result was given up"
    size = sum(file.stat().st_size for file in directory.iterdir())
    return {
        "before": before,
        "highest": highest,
        "disk_bytes": size,
        "in_memory_bytes": outbox.buffered_bytes,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_outage(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
