"""Probes paths as nobody: a check a line comes in as JSON, its result goes out."""

import asyncio
import json
import os
import sys
import time

import msgspec

from servers.probing import Bench, bench
from vedette.checks.model import PathCheck
from vedette_agent import outcome
from vedette_agent.probers.path import probe_path

NOBODY = 65534


async def probed(on: Bench, fields: dict[str, object]) -> dict[str, object]:
    check = msgspec.convert(
        {"name": "t", "target": "t", "interval": 60.0, "timeout": 20.0, **fields}, PathCheck, strict=False
    )
    done = await on.run(probe_path, check, check.timeout)
    started_us = time.time_ns() // 1000
    result = outcome.result(
        check, done.record, done.error, started_us=started_us, elapsed=done.seconds, stalled=0.0
    )
    return {"privileges": os.getresuid()[1], **msgspec.to_builtins(result)}


async def main() -> None:
    async with bench() as on:
        while line := sys.stdin.readline():  # nothing else runs meanwhile
            print(json.dumps(await probed(on, json.loads(line))), flush=True)


if __name__ == "__main__":
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    asyncio.run(main())
