"""From the disk to the collector: a real broker, a real spool, and agents that are killed."""

import asyncio
import shutil
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.agent_process import agent
from agent.test_agent import Target, configuration, run
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tiny_collector import TinyCollector
from vedette.mqtt import Broker
from vedette.wire import limits
from vedette.wire.messages import Result
from vedette.wire.topics import Kind
from vedette_agent.delivery import clocks, publish
from vedette_agent.delivery.publish import Publisher
from vedette_agent.delivery.talk import Vitals

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

OLD, NEW = "0" * 32, "1" * 32


@asynccontextmanager
async def publishing(broker: Mosquitto, directory: Path | None, epoch: str = OLD) -> AsyncIterator[Publisher]:
    made = Publisher(Broker.parse(broker.url), "par-01", epoch, {}, lambda: Vitals(0, 0, 0, 0.0), directory)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(made.run())
        try:
            yield made
            await made.drain(1.0)
        finally:
            running.cancel()


def produce(publisher: Publisher, many: int) -> None:
    for n in range(many):
        publisher.add(Result(check=f"check-{n}", outcome="ok", started_us=time.time_ns() // 1000))


async def until(condition: object) -> None:
    while not condition():  # type: ignore[operator]
        await asyncio.sleep(0.02)


def kept(directory: Path) -> int:
    """Results on disk: what a copy has, for the spool lets nobody else in."""
    if not directory.exists():
        return 0
    with TemporaryDirectory() as elsewhere:
        copy = Path(elsewhere) / "copy"
        try:
            shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("tail-new"))  # it is renamed
        except shutil.Error:
            return 0  # a commit ended meanwhile, and its journal is gone
        for file in copy.glob("spool-*.db"):
            try:
                with closing(sqlite3.connect(file)) as connection:
                    return int(connection.execute("SELECT coalesce(sum(count), 0) FROM rows").fetchone()[0])
            except sqlite3.Error:
                pass  # copied in the middle of a commit
    return 0


def test_a_backlog_leaves_memory_and_comes_back_behind_what_is_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker is away for longer than the live lane allows: memory is empty, and then all is there."""
    monkeypatch.setattr(limits, "LIVE_EXPIRY_SECONDS", 3)

    async def test() -> None:
        broker = Mosquitto()
        async with publishing(broker, tmp_path / "agent") as publisher:
            for _ in range(10):
                produce(publisher, 100)
                await asyncio.sleep(0.05)
            await until(lambda: kept(tmp_path / "agent") == 1000)
            while publisher.outbox.buffered_bytes:
                produce(publisher, 1)  # something to wake up for
                await asyncio.sleep(0.2)
            before = publisher.outbox.next_seq
            with broker:
                tiny = TinyCollector(broker.url)
                async with tiny.running():
                    await until(lambda: publisher.outbox.is_connected)
                    produce(publisher, 100)
                    await tiny.until(lambda: len(tiny.seen.get(OLD, ())) == before + 100)
                    await until(lambda: publisher.outbox.pending == 0)
                    lanes = [kind for _, kind, batch in tiny.arrived if batch.first_seq >= before]
                    assert Kind.LIVE in lanes
                    behind = [batch for _, kind, batch in tiny.arrived if kind is Kind.REPLAY]
                    assert behind[0].first_seq == 0
                    assert [b.first_seq for b in behind] == sorted(b.first_seq for b in behind)
                    # A fresh one may have left before the first ack said that this collector is another.
                    assert {count for seq, count in tiny.seen[OLD].items() if seq < before} == {1}
                    await until(lambda: kept(tmp_path / "agent") == 0)

    run(test)


def test_what_a_stop_leaves_comes_after_the_next_start(tmp_path: Path) -> None:
    async def test() -> None:
        broker = Mosquitto()
        async with publishing(broker, tmp_path / "agent") as publisher:
            produce(publisher, 250)
        assert kept(tmp_path / "agent") == 250
        with broker:
            tiny = TinyCollector(broker.url)
            async with tiny.running(), publishing(broker, tmp_path / "agent", NEW) as publisher:
                produce(publisher, 5)
                await tiny.until(
                    lambda: len(tiny.seen.get(OLD, ())) == 250 and len(tiny.seen.get(NEW, ())) == 5
                )
                held = tiny.heartbeats[0].held
                assert (held[0].epoch, held[0].next_seq, held[0].floor) == (OLD, 250, 0)
                assert held[-1].epoch == NEW
                assert tiny.heartbeats[0].held_complete
                assert sum(tiny.seen[OLD].values()) == 250
                assert not any(tiny.lost.values())
                await until(lambda: [each.epoch for each in publisher.outbox.ledger] == [NEW])

    run(test)


def test_an_agent_that_is_killed_loses_what_it_says_it_lost(tmp_path: Path) -> None:
    """Everything that was written arrives once; the tail that was not is declared, to the last result."""

    async def test() -> None:
        target = Target()
        broker = Mosquitto()
        directory = tmp_path / "state" / "agent-par-01"
        state = ("--state-dir", str(tmp_path / "state"))
        async with target.running():
            config = configuration(tmp_path, target.port, checks=20)
            async with agent(config, broker.url, *state) as child:
                await until(lambda: kept(directory) >= 40)
                child.signal(signal.SIGKILL)
                await child.ended()
            with broker:
                tiny = TinyCollector(broker.url)
                async with tiny.running(), agent(config, broker.url, *state):
                    await tiny.until(lambda: bool(tiny.heartbeats))
                    old = tiny.heartbeats[0].held[0]
                    assert old.epoch != tiny.heartbeats[0].epoch
                    assert old.next_seq >= 40

                    def is_settled() -> bool:
                        return (
                            len(tiny.seen.get(old.epoch, {})) + len(tiny.lost.get(old.epoch, {}))
                            >= old.next_seq
                        )

                    await tiny.until(is_settled)
                    came, lost = set(tiny.seen[old.epoch]), set(tiny.lost.get(old.epoch, {}))
                    assert came | lost == set(range(old.next_seq))
                    assert not came & lost
                    assert len(came) >= 40
                    assert max(tiny.seen[old.epoch].values()) == 1

    run(test)


def test_a_gap_is_said_until_a_heartbeat_with_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.2)

    async def test() -> None:
        with Mosquitto() as broker:
            tiny = TinyCollector(broker.url)
            tiny.is_acking = False
            async with tiny.running(), publishing(broker, tmp_path / "agent") as publisher:
                produce(publisher, 1)
                huge = Result(check="m", outcome="ok", started_us=1, detail="x" * limits.MAX_DECODED_BYTES)
                publisher.add(huge)
                await tiny.until(lambda: len([each for each in tiny.heartbeats if each.gaps]) >= 2)
                assert tiny.heartbeats[-1].gaps[0].reason == "refused"
                assert len(publisher.outbox.ledger.gaps) == 1
                tiny.is_acking = True
                await until(lambda: not publisher.outbox.ledger.gaps)
                said = len(tiny.heartbeats)
                await tiny.until(lambda: len(tiny.heartbeats) > said + 1)
                assert not tiny.heartbeats[-1].gaps

    run(test)


def test_a_clock_that_leapt_begins_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before arrives under its old numbers, and the spool goes on with the new ones."""
    monkeypatch.setattr(publish, "EPOCH_SECONDS", 0.0)
    leap_us = 61_000_000
    readings_us = clocks.readings_us

    async def test() -> None:
        broker = Mosquitto()
        async with publishing(broker, tmp_path / "agent") as publisher:
            produce(publisher, 30)
            await until(lambda: kept(tmp_path / "agent") == 30)
            wall_us, *rest = readings_us()
            monkeypatch.setattr(clocks, "readings_us", lambda: (wall_us + leap_us, *rest))
            publisher.tick()
            await until(lambda: publisher.outbox.epoch != OLD)
            produce(publisher, 7)
            await until(lambda: kept(tmp_path / "agent") == 37)
            with broker:
                tiny = TinyCollector(broker.url)
                async with tiny.running():
                    await until(lambda: publisher.outbox.pending == 0)
                    assert {epoch: len(seqs) for epoch, seqs in tiny.seen.items()} == {
                        OLD: 30,
                        publisher.outbox.epoch: 7,
                    }
                    assert tiny.heartbeats[-1].clock_steps == 1

    run(test)


def test_rows_of_another_epoch_wait_for_its_spool(tmp_path: Path) -> None:
    """Results come while one is closed and the next is opened, and another leap in the middle of it."""

    async def test() -> None:
        broker = Mosquitto()
        async with publishing(broker, tmp_path / "agent") as publisher:
            produce(publisher, 30)
            await until(lambda: kept(tmp_path / "agent") == 30)
            epochs: list[str] = []

            def leap() -> None:
                publisher._clocks.has_leapt = True
                publisher._renew(publisher._now())
                epochs.append(publisher.outbox.epoch)
                produce(publisher, 200)

            leap()
            await until(lambda: kept(tmp_path / "agent") == 230)
            leap()
            await asyncio.sleep(0)
            leap()
            await until(lambda: kept(tmp_path / "agent") >= 430)
            produce(publisher, 50)
            await until(lambda: kept(tmp_path / "agent") >= 480)
        with broker:
            tiny = TinyCollector(broker.url)
            async with tiny.running(), publishing(broker, tmp_path / "agent", NEW):
                await tiny.until(lambda: len(tiny.seen.get(epochs[-1], ())) == 250)
                await tiny.until(lambda: len(tiny.seen.get(epochs[0], ())) == 200)
                await tiny.until(lambda: len(tiny.seen.get(OLD, ())) == 30)

    run(test)


def test_a_directory_that_cannot_be_used_is_told_and_probing_goes_on(tmp_path: Path) -> None:
    async def test() -> None:
        target = Target()
        (tmp_path / "state").write_text("a file")
        with Mosquitto() as broker:
            tiny = TinyCollector(broker.url)
            async with target.running(), tiny.running():
                config = configuration(tmp_path, target.port)
                async with agent(config, broker.url, "--state-dir", str(tmp_path / "state")) as child:
                    await tiny.until(lambda: bool(tiny.results) and bool(tiny.heartbeats))
                    await child.says("no spool")
                    assert tiny.heartbeats[0].spool is not None
                    assert tiny.heartbeats[0].spool.state == "failing"
                    assert not tiny.heartbeats[0].held_complete, "nobody knows what is on that disk"

    run(test)


def test_a_second_agent_with_the_directory_ends_and_the_first_goes_on(tmp_path: Path) -> None:
    async def test() -> None:
        target = Target()
        state = ("--state-dir", str(tmp_path / "state"))
        with Mosquitto() as broker:
            tiny = TinyCollector(broker.url)
            async with target.running(), tiny.running():
                config = configuration(tmp_path, target.port)
                async with agent(config, broker.url, *state) as first:
                    await tiny.until(lambda: bool(tiny.results))
                    async with agent(config, broker.url, *state) as second:
                        assert await second.ended() == 2
                        assert "another agent uses this directory" in second.log
                        assert "--state-dir" in second.log
                    assert broker.log.count("as par-01") == 1, "it never connected"
                    first.signal(signal.SIGTERM)
                    assert await first.ended() == 0

    run(test)


def test_an_agent_without_a_spool_does_without_sqlite(tmp_path: Path) -> None:
    async def test() -> None:
        target = Target()
        with Mosquitto() as broker:
            tiny = TinyCollector(broker.url)
            async with target.running(), tiny.running():
                config = configuration(tmp_path, target.port)
                for options in ((), ("--no-spool",)):
                    many = len(tiny.heartbeats)
                    async with agent(config, broker.url, *options) as child:
                        await tiny.until(lambda many=many: len(tiny.heartbeats) > many)  # type: ignore[misc]
                        loaded = Path(f"/proc/{child.pid}/maps").read_text()
                        assert ("_sqlite3" in loaded) == (not options)
                        spool = tiny.heartbeats[-1].spool
                        assert spool is not None
                        assert spool.state == ("off" if options else "ok")

    run(test)
