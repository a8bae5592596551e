"""`vedette` as it is, with a witness inside: `python -m crash.tapped agent run …`, `… collector run …`.

An agent's process notes every result with its identity before the product has it, and a full stop after the
product took it, by one `write` each: what the kernel has outlives SIGKILL. So the notes end with at most one
result of which nobody knows whether it came to be.

    VEDETTE_CRASH_TAP        directory for the notes, one file a process
    VEDETTE_CRASH_MUTATION   name of a guard to take away; see `mutations`
    VEDETTE_CRASH_HEARTBEAT  seconds between two heartbeats
    VEDETTE_CRASH_COMMIT     seconds by which a commit of the collector takes longer
    VEDETTE_CRASH_CHECKPOINT seconds between two checkpoints of the collector
    VEDETTE_CRASH_SPOOL      bytes that a spool may take
"""

import os
import sys
import time
from pathlib import Path
from typing import Any
from zlib import crc32

from vedette.cli import main
from vedette.wire import limits
from vedette.wire.messages import Result


def fingerprint(result: Result) -> int:
    """Of what stays the same on every way: facts may travel as a difference."""
    return crc32(
        repr((result.check, result.outcome, result.started_us, result.duration_us, result.reason)).encode()
    )


def tap(directory: Path) -> None:
    from vedette_agent.delivery.outbox import Outbox
    from vedette_agent.delivery.publish import Publisher

    notes = os.open(
        directory / f"{time.time_ns()}-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    add_to_outbox: Any = Outbox.add
    add: Any = Publisher.add

    def noting(self: Any, result: Result, *rest: Any) -> Any:
        words = (self.agent, self.epoch, self.next_seq, fingerprint(result), result.check)
        os.write(notes, (" ".join(map(str, words)) + "\n").encode())
        return add_to_outbox(self, result, *rest)

    def taken(self: Any, result: Result) -> Any:
        answer = add(self, result)
        os.write(notes, b".\n")
        return answer

    Outbox.add = noting  # type: ignore[method-assign]
    Publisher.add = taken  # type: ignore[method-assign]


def slow_commits(seconds: float) -> None:
    from vedette_collector.store.database import Database

    write = Database.write

    def slowly(self: Any, *given: Any) -> None:
        time.sleep(seconds)
        write(self, *given)

    Database.write = slowly  # type: ignore[method-assign]


def small_spool(size: int) -> None:
    from vedette_agent.spool.policy import Caps
    from vedette_agent.spool.writer import Spool

    open_spool: Any = Spool.open.__func__  # type: ignore[attr-defined]

    async def opened(cls: Any, directory: Path, epoch: str, caps: Any = None, **named: Any) -> Any:
        return await open_spool(cls, directory, epoch, Caps(size_bytes=size), **named)

    Spool.open = classmethod(opened)  # type: ignore[assignment,method-assign]


def run() -> int:
    if heartbeat := os.environ.get("VEDETTE_CRASH_HEARTBEAT"):
        limits.HEARTBEAT_SECONDS = float(heartbeat)  # type: ignore[misc]
    if (directory := os.environ.get("VEDETTE_CRASH_TAP")) and sys.argv[1] == "agent":
        tap(Path(directory))
    if seconds := os.environ.get("VEDETTE_CRASH_COMMIT"):
        slow_commits(float(seconds))
    if seconds := os.environ.get("VEDETTE_CRASH_CHECKPOINT"):
        from vedette_collector.store import keeper

        keeper.CHECKPOINT_SECONDS = float(seconds)  # type: ignore[misc]
    if size := os.environ.get("VEDETTE_CRASH_SPOOL"):
        small_spool(int(size))
    if name := os.environ.get("VEDETTE_CRASH_MUTATION"):
        from crash.mutations import MUTATIONS

        MUTATIONS[name].take_away()
    return main()


if __name__ == "__main__":
    sys.exit(run())
