"""How entries come onto a disk that fails, is damaged or is slow: all of them, in order, once."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.collector_helpers import EPOCH, NOW, assignment, batch, heartbeat, ok
from collector.running_helpers import until
from collector.store_helpers import Life, Shelf, entry
from vedette.errors import StoreError
from vedette.wire.messages import Gap
from vedette_collector.cell import Moment
from vedette_collector.condition import StoreCondition
from vedette_collector.store import journal as journals
from vedette_collector.store import writer as writers
from vedette_collector.store.database import Database, Writing
from vedette_collector.store.entry import Entry
from vedette_collector.store.journal import Applying, Journal


class Disk(Database):
    """A database whose disk does what a test says: `trouble` is raised by every write while it is set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.trouble: Callable[[Writing], Exception | None] = lambda writing: None
        self.writes = 0
        self.reopened = 0
        self.free = threading.Event()
        self.free.set()

    def write(self, writing: Writing) -> None:
        assert self.free.wait(30)
        exc = self.trouble(writing)
        if exc is not None:
            raise exc
        self.writes += 1
        super().write(writing)

    def reopen(self) -> None:
        self.reopened += 1
        super().reopen()


def error(code: int) -> Exception:
    exc = sqlite3.OperationalError("made up")
    exc.sqlite_errorcode = code
    return exc


class Bench:
    """A journal on a disk of that kind."""

    def __init__(self, path: Path) -> None:
        self.disk = Disk(path / "store.db")
        self.condition = StoreCondition()
        self.applied: list[Entry] = []
        self.journal = Journal(self.disk, Applying(self.take, self.condition), lambda: None, self.condition)
        self.journal.start()

    def take(self, entry: Entry, now: Moment) -> None:
        if entry.epoch == "bug":
            raise ZeroDivisionError
        self.applied.append(entry)


def on_bench(tmp_path: Path, story: Callable[[Bench], object]) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            task = group.create_task(bench.journal.run())
            try:
                await story(bench)  # type: ignore[misc]
            finally:
                bench.disk.free.set()
                await asyncio.to_thread(bench.journal.stop, 20.0)
                task.cancel()
        bench.disk.close()

    asyncio.run(run())


def test_entries_that_wait_share_a_transaction_and_are_applied_after_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.disk.free.clear()
        bench.journal.add(entry(1))
        for number in range(2, 200):
            bench.journal.add(entry(number))
        assert bench.applied == []
        bench.disk.free.set()
        await bench.journal.idle()
        assert [each.id for each in bench.applied] == [*range(1, 200)]
        assert bench.disk.writes < 20
        assert [each.id for each in bench.disk.entries(0, 1000)] == [*range(1, 200)]

    on_bench(tmp_path, story)


@pytest.mark.parametrize(
    "trouble", [error(sqlite3.SQLITE_FULL), error(sqlite3.SQLITE_IOERR), OSError(5, "made up")]
)
def test_a_disk_that_fails_is_tried_again_with_the_same_entries(
    tmp_path: Path, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is applied and nothing dropped meanwhile; a new connection each time; said while it lasts."""
    monkeypatch.setattr(writers, "FIRST_PAUSE", 0.01)

    async def story(bench: Bench) -> None:
        bench.disk.trouble = lambda writing: trouble
        bench.journal.add(entry(1))
        await until(lambda: bench.disk.reopened >= 3)
        await until(lambda: bench.condition.trouble is not None)
        bench.journal.add(entry(2))
        assert bench.applied == []
        bench.disk.trouble = lambda writing: None
        await bench.journal.idle()
        assert [each.id for each in bench.applied] == [1, 2]
        await until(lambda: bench.condition.trouble is None)
        bench.journal.observe()
        assert (bench.condition.failures >= 3, bench.condition.parked) == (True, 0)

    on_bench(tmp_path, story)


def test_a_commit_that_failed_and_was_one_all_the_same_is_no_fault_of_its_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error came after the log had it: trying again finds the entries there, and sets none aside."""
    monkeypatch.setattr(writers, "FIRST_PAUSE", 0.01)

    async def story(bench: Bench) -> None:
        def once(writing: Writing) -> Exception | None:
            bench.disk.trouble = lambda writing: None
            bench.disk.write(writing)
            return error(sqlite3.SQLITE_IOERR)

        bench.disk.trouble = once
        bench.journal.add(entry(1))
        await bench.journal.idle()
        bench.journal.observe()
        assert ([each.kind for each in bench.applied], bench.condition.parked) == (["live"], 0)

    on_bench(tmp_path, story)


def test_an_entry_that_cannot_be_stored_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    """Its results are lost, and the books say so: also after a restart."""

    async def story(bench: Bench) -> None:
        poison = sqlite3.DataError("made up")
        bench.disk.free.clear()
        bench.disk.trouble = lambda writing: (
            poison if any(each[0] == 2 and each[1] == "live" for each in writing.entries) else None
        )
        for number in (1, 2, 3):
            bench.journal.add(entry(number))
        bench.disk.free.set()
        await bench.journal.idle()
        assert [(each.id, each.kind) for each in bench.applied] == [(1, "live"), (2, "claim"), (3, "live")]
        claim = bench.disk.entries(1, 1)[0].claim
        assert claim is not None
        assert [(loss.first, loss.end, loss.reason) for loss in claim.losses] == [(2, 3, "rejected")]
        bench.journal.observe()
        assert bench.condition.parked == 1

    on_bench(tmp_path, story)


def test_a_damaged_file_is_no_fault_of_its_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait for another file, and so does whoever wants an ack; the next start says what to do."""
    monkeypatch.setattr(writers, "FIRST_PAUSE", 0.01)

    async def story(bench: Bench) -> None:
        good, bad = bench.disk.path.read_bytes(), bytearray(bench.disk.path.read_bytes())
        page = bench.disk._number("SELECT rootpage FROM sqlite_master WHERE name='journal_by_agent'") - 1
        bad[page * 4096 : page * 4096 + 4096] = b"\xa5" * 4096
        bench.disk.close()
        bench.disk.path.write_bytes(bad)
        Database.reopen(bench.disk)
        bench.journal.add(entry(1))
        await until(lambda: bench.disk.reopened >= 3)
        await until(lambda: bench.condition.trouble is not None)
        assert bench.applied == []
        with bench.disk.path.open("r+b") as file:
            file.write(good)
        await bench.journal.idle()
        assert [(each.id, each.kind) for each in bench.applied] == [(1, "live")]

    path = tmp_path / "store.db"
    Database(path).close()
    on_bench(tmp_path, story)


@pytest.mark.parametrize("table", ["journal", "cells", "agents", "facts"])
def test_a_damaged_page_is_told_with_what_to_do(tmp_path: Path, table: str) -> None:
    path = tmp_path / "store.db"
    database = Database(path)
    page = database._number(f"SELECT rootpage FROM sqlite_master WHERE name='{table}'") - 1
    database.close()
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096)
    database = Database(path)
    with pytest.raises(StoreError, match="move it away"):
        database.load()
    if table == "journal":
        with pytest.raises(StoreError, match="move it away"):
            database.entries(0, 10)
    database.close()


def test_a_store_that_cannot_be_opened_again_at_once_is_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "FIRST_PAUSE", 0.01)

    async def story(bench: Bench) -> None:
        away = tmp_path / "away"
        bench.disk.trouble = lambda writing: error(sqlite3.SQLITE_IOERR)
        (tmp_path / "in").rename(away)
        bench.journal.add(entry(1))
        await until(lambda: bench.disk.reopened >= 3)
        bench.disk.trouble = lambda writing: None
        seen = bench.disk.reopened
        await until(lambda: bench.disk.reopened >= seen + 2)
        assert bench.applied == []
        away.rename(tmp_path / "in")
        await bench.journal.idle()
        assert [(each.id, each.kind) for each in bench.applied] == [(1, "live")]

    (tmp_path / "in").mkdir()
    on_bench(tmp_path / "in", story)


def test_an_error_of_ours_does_not_stop_what_follows(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        for number, epoch in ((1, "bug"), (2, EPOCH), (3, "bug")):
            bench.journal.add(entry(number, epoch=epoch))
        await bench.journal.idle()
        assert ([each.id for each in bench.applied], bench.condition.apply_errors) == ([2], 2)

    on_bench(tmp_path, story)


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bytes and by age: then results stay with their agents."""
    monkeypatch.setattr(journals, "MAX_BYTES", 20_000)

    async def story(bench: Bench) -> None:
        now = asyncio.get_running_loop().time
        bench.disk.free.clear()
        bench.journal.add(entry(1))
        assert not bench.journal.is_behind(now())
        assert bench.journal.is_behind(now() + 6)
        bench.journal.add(entry(2, payload=b"x" * 20_000))
        assert bench.journal.is_behind(now())
        bench.disk.free.set()
        await bench.journal.idle()
        assert not bench.journal.is_behind(now() + 6)

    on_bench(tmp_path, story)


def test_while_the_store_is_behind_results_stay_with_their_agents() -> None:
    """Not stored, not acknowledged, counted; a heartbeat is answered unless it declares a loss."""
    life = Life(Shelf(), assignment())
    life.ingest.is_deferring = True
    life.send(batch(ok(), ok()))
    life.send(heartbeat())
    assert (life.waiting, life.board.deferred) == ([], 2)
    (ack,) = life.acks.take(0)
    assert (ack.heartbeat is not None, ack.marks) == (True, [])
    life.send(heartbeat(gaps=[Gap(epoch=EPOCH, first=0, end=1, reason="crash")]))
    assert life.acks.take(0) == []
    assert life.board.agents["par-01"].is_connected(NOW.mono)
    life.ingest.is_deferring = False
    life.send(batch(ok(), ok()))
    life.settle()
    assert life.board.ledger.book("par-01").applied == 2
