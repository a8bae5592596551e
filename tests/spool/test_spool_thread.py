"""The spool as the loop sees it: real thread, real files."""

import asyncio
import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spool.spool_session import ROOMY, Roomy, epoch_name, in_loop, row
from vedette.errors import ConfigError
from vedette.wire.messages import Gap
from vedette_agent.delivery.runs import Run
from vedette_agent.spool import writer
from vedette_agent.spool.database import Database
from vedette_agent.spool.events import Changed, Event, SpoolError, Written
from vedette_agent.spool.policy import Room
from vedette_agent.spool.writer import Spool

ONE, TWO = epoch_name(1 << 100), epoch_name((1 << 100) + 1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def written(events: list[Event]) -> int:
    return sum(event.end - event.first for event in events if isinstance(event, Written))


@in_loop
async def test_rows_outlive_the_process_that_put_them(tmp_path: Path) -> None:
    events: list[Event] = []
    spool, held = await Spool.open(tmp_path / "a" / "s", ONE, tell=events.append, disk=Roomy())
    assert held.epochs == []
    for first in range(0, 200, 20):
        spool.note(first + 20)
        assert spool.put(row(ONE, first, 20))
    await until(lambda: written(events) == 200)
    last = [event for event in events if isinstance(event, Changed)][-1]
    assert (last.state, last.results) == ("ok", 200)
    assert abs((last.oldest_us or 0) - time.time_ns() // 1000) < 60_000_000
    assert [each.first for each in await spool.read(ONE, 30, 90, 1000, 1 << 20)] == [20, 40, 60, 80]
    spool.settle(ONE, 0, 50)
    gap = Gap(epoch=ONE, first=60, end=70, reason="queue_full")
    spool.declare(gap)
    assert spool.put(row(ONE, 200, 20))
    spool.note(220)
    await spool.close()
    assert not spool.put(row(ONE, 220, 1))
    assert await spool.read(ONE, 0, 10, 1, 1) == []
    spool, held = await Spool.open(tmp_path / "a" / "s", TWO, tell=events.append, disk=Roomy())
    (old,) = held.epochs
    assert (old.floor, old.next_seq, old.is_exact) == (50, 220, True)
    assert old.runs == [Run(50, 60), Run(70, 220)]
    assert held.gaps == [gap]
    spool.confirmed(gap)
    spool.settle(ONE, 0, 220)
    await spool.close()


@in_loop
async def test_what_is_acked_at_once_is_never_written(tmp_path: Path) -> None:
    events: list[Event] = []
    spool, _ = await Spool.open(tmp_path / "s", ONE, tell=events.append, disk=Roomy())
    for first in range(0, 1000, 10):
        spool.note(first + 10)
        assert spool.put(row(ONE, first, 10))
        spool.settle(ONE, first, first + 10)
        await asyncio.sleep(0.005)
    await spool.close()
    assert written(events) < 100  # a commit may fall between a result and its ack


class Hanging(Roomy):
    """Commits wait until they may go on."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.may.set()

    def database(self, path: Path) -> Database:
        may = self.may

        class Slow(Database):
            def commit(self) -> None:
                assert may.wait(60)
                super().commit()

        return Slow(path)


@in_loop
async def test_a_disk_that_hangs_holds_nobody_up_and_memory_is_bounded(tmp_path: Path) -> None:
    disk = Hanging()
    events: list[Event] = []
    spool, _ = await Spool.open(tmp_path / "s", ONE, tell=events.append, disk=disk)
    disk.may.clear()
    taken = seq = 0
    refused = False
    started = time.monotonic()
    while not refused:
        each = row(ONE, seq, 100, size=600)
        refused = not spool.put(each)
        taken += 0 if refused else len(each.payload)
        seq += 100
    assert time.monotonic() - started < 20
    assert writer.QUEUE_BYTES - 100_000 < taken <= writer.QUEUE_BYTES
    disk.may.set()
    await until(lambda: written(events) == seq - 100)
    assert spool.put(row(ONE, seq, 1))
    await spool.close()


@in_loop
async def test_settled_rows_leave_the_queue_of_a_disk_that_hangs(tmp_path: Path) -> None:
    disk = Hanging()
    spool, _ = await Spool.open(tmp_path / "s", ONE, tell=[].append, disk=disk)
    disk.may.clear()
    spool.put(row(ONE, 0, 1))
    await asyncio.sleep(0.5)  # the thread hangs in its commit
    for first in range(1, 20_001, 100):  # 13 MB
        assert spool.put(row(ONE, first, 100, size=600)), first
        spool.settle(ONE, first, first + 100)
    disk.may.set()
    await spool.close()


@in_loop
async def test_a_second_agent_is_told_who_has_the_directory(tmp_path: Path) -> None:
    spool, _ = await Spool.open(tmp_path / "s", ONE, tell=[].append, disk=Roomy())
    with pytest.raises(
        ConfigError, match=rf"another agent uses this directory \(process {os.getpid()}\); stop it"
    ):
        await Spool.open(tmp_path / "s", TWO, tell=[].append, disk=Roomy())
    await spool.close()
    spool, _ = await Spool.open(tmp_path / "s", TWO, tell=[].append, disk=Roomy())
    await spool.close()


@in_loop
async def test_nobody_else_can_read_the_results(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o755)
    spool, _ = await Spool.open(tmp_path / "s", ONE, tell=[].append, disk=Roomy())
    spool.put(row(ONE, 0, 1))
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").iterdir()}
    assert names == dict.fromkeys(["lock", "tail", "spool-1.db", "spool-1.db-wal"], 0o600)
    await spool.close()


@in_loop
async def test_a_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpoolError, match="file"):
        await Spool.open(tmp_path / "file" / "s", ONE, tell=[].append)


class Full(Roomy):
    is_full = False

    def room(self, directory: Path) -> Room:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return ROOMY


@in_loop
async def test_writing_resumes_within_ten_seconds_of_room(tmp_path: Path) -> None:
    disk = Full()
    events: list[Event] = []
    spool, _ = await Spool.open(tmp_path / "s", ONE, tell=events.append, disk=disk)
    disk.is_full = True
    spool.put(row(ONE, 0, 10))
    await until(lambda: any(isinstance(event, Changed) and event.state == "full" for event in events))
    assert writer.RETRY_SECONDS_MAX <= 10
    disk.is_full = False
    started = time.monotonic()
    await until(lambda: written(events) == 10)
    assert time.monotonic() - started < 10
    assert isinstance(events[-1], Changed)
    assert events[-1].state == "ok"
    await spool.close()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    """Whatever it died of: no file that somebody has to remove."""
    lock = tmp_path / "lock"
    code = f"import fcntl,os; f=os.open({str(lock)!r},66); fcntl.flock(f,2); os.kill(os.getpid(),9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_sqlite_is_loaded_with_a_spool_and_not_before() -> None:
    code = (
        "import sys, vedette_agent.app, vedette_agent.spool.rows, vedette_agent.spool.events; "
        "sys.exit('sqlite3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
