"""A spool without its thread: every call is done when it returns, and a crash is a copy of the directory."""

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

from vedette.wire.failure import Lost
from vedette_agent.delivery.runs import Runs
from vedette_agent.spool.database import Disk
from vedette_agent.spool.events import Event, Held
from vedette_agent.spool.files import Files
from vedette_agent.spool.keeper import Keeper
from vedette_agent.spool.opening import Opening
from vedette_agent.spool.policy import Caps, Room
from vedette_agent.spool.rows import Row
from vedette_agent.spool.tail import Tail, left
from vedette_agent.spool.work import Work

ROOMY = Room(total=1 << 40, free=1 << 39)
BOOT = "11111111-2222-3333-4444-555555555555"
_numbers = count(1)


class Roomy(Disk):
    """A disk that does not fill up, whatever the machine under the tests has."""

    def room(self, directory: Path) -> Room:
        return ROOMY


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*words: Any, **named: Any) -> None:
        asyncio.run(test(*words, **named))

    return run


def epoch_name(number: int) -> str:
    return f"{number:032x}"


def payload(first: int, results: int, size: int = 60) -> bytes:
    return b",".join(b'{"check":"c%08d","pad":"%s"}' % (first + n, b"x" * size) for n in range(results))


def row(epoch: str, first: int, results: int, size: int = 60, age_seconds: float = 0.0) -> Row:
    boot_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    wall_us = time.time_ns() // 1000
    born_us = wall_us - int(age_seconds * 1e6)
    return Row(epoch, first, results, born_us, wall_us - boot_us, payload(first, results, size))


class Session:
    """One run of one agent over *directory*."""

    def __init__(
        self, directory: Path, caps: Caps | None = None, disk: Disk | None = None, boot: str = BOOT
    ) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.epoch = epoch_name(next(_numbers))
        self.tail = Tail(self.epoch, boot)
        self.work = Work()
        self.events: list[Event] = []
        page = directory / "tail"
        self.files = Files(directory, disk or Roomy())
        opening = Opening(self.files, boot, left(page))
        self.held: Held = opening.held(time.time_ns() // 1000)
        opening.add(self.epoch)
        self.keeper = Keeper(self.files, opening, caps or Caps(), self.tail)
        self.commit()
        if self.keeper.is_on_record:
            self.tail.attach(page)

    def produce(self, results: int, size: int = 60) -> Row:
        """Results that no spool has yet."""
        made = row(self.epoch, self.tail.next_seq, results, size)
        self.tail.note(made.end)
        return made

    def put(self, *rows: Row) -> bool:
        self.work.rows += rows
        return self.commit()

    def settle(self, epoch: str, first: int, end: int) -> bool:
        self.work.settle(epoch, first, end)
        return self.commit()

    def declare(self, epoch: str, first: int, end: int, reason: Lost) -> bool:
        self.work.declare(epoch, first, end, reason)
        return self.commit()

    def commit(self) -> bool:
        work, self.work = self.work, Work()
        is_done = self.keeper.commit(work)
        self._note()
        return is_done

    def read(self, epoch: str, first: int = 0, end: int = 1 << 40, results: int = 1 << 40) -> list[Row]:
        rows = self.keeper.read(epoch, first, end, results, 1 << 40)
        self._note()
        return rows

    def readable(self, epoch: str) -> Runs:
        """Seqs that come back, each as it was put."""
        runs = Runs()
        for each in self.read(epoch):
            size = len(each.payload.split(b'"pad":"')[1].split(b'"')[0]) if each.count else 0
            assert each.payload == payload(each.first, each.count, size)
            runs.add(each.first, each.end)
        return runs

    def crash(self) -> Path:
        """What a killed process leaves: a copy, for SQLite will not open a file twice in one process."""
        copy = self.directory.with_name(f"{self.directory.name}+")
        shutil.copytree(self.directory, copy)
        self.keeper.finish()
        return copy

    def _note(self) -> None:
        self.events += self.keeper.events
        self.keeper.events = []


def declared(held: Held, epoch: str) -> dict[str, Runs]:
    """Gaps of an epoch by reason."""
    found: dict[str, Runs] = {}
    for gap in held.gaps:
        if gap.epoch == epoch:
            found.setdefault(gap.reason, Runs()).add(gap.first, gap.end)
    return found
