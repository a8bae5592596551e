"""A process of its own that probes twice: a peer that says little, then the hostile one, which is measured.

Reads two configurations (JSON list of texts) from its input; prints one JSON object. The first probe loads
modules and fills caches, so that what the second takes is what the answer took. An argument is how many
seconds the second may take.
"""

import asyncio
import gc
import json
import sys
from pathlib import Path

from hostile.hostile_helpers import Held, run_held
from servers.probing import Probed, bench
from vedette.checks import read
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.probers.run import prober

SECONDS = 2.0


def memory(field: str) -> int:
    """KiB."""
    return next(
        int(line.split()[1])
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(field)
    )


def main(seconds: float = SECONDS) -> None:
    gentle, hostile = (read.loads(text.encode(), "one.yaml").checks[0] for text in json.load(sys.stdin))
    held = Held()
    before = 0

    async def probes() -> Probed:
        nonlocal before
        async with bench() as made:
            await made.run(prober, gentle, SECONDS / 2)
            gc.collect()
            gc.freeze()  # as the agent does: what is loaded for good is not looked through again
            await asyncio.sleep(0)  # into the next turn
            held.worst = 0.0
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: proc(5)
            before = memory("VmRSS")
            return await made.run(prober, hostile, seconds)

    probed = run_held(probes(), held)
    error = probed.error
    print(
        json.dumps(
            {
                "failure": error.failure.value if isinstance(error, ProbeFailed) else type(error).__name__,
                "held_ms": held.worst * 1000,
                "grown_kib": memory("VmHWM") - before,
                "seconds": probed.seconds,
            }
        )
    )


if __name__ == "__main__":
    main(float(sys.argv[1]))
