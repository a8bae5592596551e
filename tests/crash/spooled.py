"""Fills the spool of an agent that does not run, as a long outage would have."""

import asyncio
import time
from pathlib import Path
from typing import Final

import msgspec

from crash.plant import KINDS
from crash.tapped import fingerprint
from vedette.wire.facts import Facts
from vedette.wire.messages import Result
from vedette_agent.spool.rows import Row
from vedette_agent.spool.writer import Spool

ROW: Final = 10  # results: 200 ms at 50 a second
PER_SECOND: Final = 50
EPOCH: Final = "f" * 32


def fill(state: Path, notes: Path, agent: str, results: int, checks: int) -> None:
    """The last of *results* is a second old. They are noted as produced."""
    asyncio.run(_fill(state, notes, agent, results, checks))


async def _fill(state: Path, notes: Path, agent: str, results: int, checks: int) -> None:
    spool, _ = await Spool.open(state / f"agent-{agent}", EPOCH, tell=lambda event: None)
    wmb_us = (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1000
    began_us = time.time_ns() // 1000 - (results // PER_SECOND + 1) * 1_000_000
    said: list[str] = []
    for first in range(0, results, ROW):
        texts = []
        for seq in range(first, min(first + ROW, results)):
            each = _result(seq, began_us + seq * 1_000_000 // PER_SECOND, checks)
            texts.append(msgspec.json.encode(each))
            said.append(f"{agent} {EPOCH} {seq} {fingerprint(each)} {each.check}\n.\n")
        row = Row(EPOCH, first, len(texts), began_us + first * 20_000, wmb_us, b",".join(texts))
        spool.note(first + len(texts))
        while not spool.put(row):
            await asyncio.sleep(0.01)
    await spool.close()
    (notes / f"0-{agent}").write_text("".join(said))


def _result(seq: int, started_us: int, checks: int) -> Result:
    number = seq % checks
    return Result(
        check=f"{KINDS[number % len(KINDS)]}-{number:02d}",
        outcome="ok",
        started_us=started_us,
        duration_us=900 + seq * 7919 % 9000,
        phases_us={"rtt": 800 + seq * 7919 % 8000},
        clock="kernel",
        facts=Facts(address="127.0.0.1"),
    )
