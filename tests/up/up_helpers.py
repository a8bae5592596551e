"""Waiting for what another process or task does, with a deadline."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path


async def until(is_so: Callable[[], bool] | Callable[[], Awaitable[bool]], within: float, what: str) -> None:
    """Return when *is_so*; fail after *within* seconds, saying *what* did not come."""
    try:
        async with asyncio.timeout(within):
            while True:
                answer = is_so()
                if answer is True or (not isinstance(answer, bool) and await answer):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"within {within} s: {what}") from None


def lives(pid: int) -> bool:
    """Whether the process *pid* runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def children_of(pid: int) -> dict[int, str]:
    """The living children of *pid*: process number to command line."""
    found: dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and lives(int(entry)):
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
                line = Path(f"/proc/{entry}/cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found[int(entry)] = line.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return found
