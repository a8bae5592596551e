"""A collector that ends and starts again is the same one to everybody who counts on it."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from collector.collector_helpers import EPOCH, batch, failed, heartbeat, ok
from collector.exposition_helpers import value
from collector.running_helpers import collecting, ready, speaking, until
from servers.mosquitto import Mosquitto
from vedette.errors import StoreError
from vedette.wire.messages import EpochMark, Held
from vedette.wire.topics import Kind
from vedette_collector.store import journal
from vedette_collector.store.database import Database, Writing
from vedette_collector.store.keeper import Keeper


def test_counters_go_on_and_what_was_acknowledged_counts_once(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with speaking(broker) as agent:
                async with collecting(broker.url, config) as running:
                    await ready(running)
                    await agent.say(batch(ok(), failed(), ok()), Kind.LIVE)
                    assert (await agent.ack()).marks == [EpochMark(epoch=EPOCH, low=3)]
                    assert running.collector.condition.store.is_durable
                async with collecting(broker.url, config) as running:
                    await ready(running)
                    _, page, _ = await running.get("/metrics")
                    own = {"check": "api-dns", "agent": "par-01"}
                    assert value(page, "vedette_probe_attempts_total", **own) == 3
                    assert value(page, "probe_success", **own) == 1
                    await agent.say(batch(ok(), failed(), ok(), failed()), Kind.LIVE)
                    assert (await agent.ack()).marks == [EpochMark(epoch=EPOCH, low=4)]
                    _, page, _ = await running.get("/metrics")
                    assert value(page, "vedette_probe_attempts_total", **own) == 4
                    assert value(page, "vedette_results_duplicates_total", agent="par-01") == 3
                    assert value(page, "vedette_ledger_residual", agent="par-01") == 0

    asyncio.run(story())


def test_nothing_is_acknowledged_or_shown_before_it_is_on_the_disk(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: `/-/ready` says it. When there is room again, everything is there, once."""
    is_full = False
    write = Database.write

    def writing(self: Database, writing: Writing) -> None:
        if is_full:
            exc = sqlite3.OperationalError("database or disk is full")
            exc.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise exc
        write(self, writing)

    monkeypatch.setattr(Database, "write", writing)

    async def story() -> None:
        nonlocal is_full
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                is_full = True
                await agent.say(batch(ok(), ok()), Kind.LIVE)
                held = [Held(epoch=EPOCH, next_seq=2, floor=0)]
                await agent.say(heartbeat(next_seq=2, held=held), Kind.HEARTBEAT)
                await until(lambda: running.collector.condition.store.trouble is not None)
                status, why, _ = await running.get("/-/ready")
                assert (status, "disk is full" in why) == (503, True)
                _, page, _ = await running.get("/metrics")
                own = {"check": "api-dns", "agent": "par-01"}
                assert value(page, "vedette_probe_attempts_total", **own) == 0
                assert value(page, "vedette_results_produced_total", agent="par-01") == 0
                assert value(page, "vedette_collector_acks_published_total") == 0
                is_full = False
                assert (await agent.ack()).marks == [EpochMark(epoch=EPOCH, low=2)]
                await ready(running)

    asyncio.run(story())


def test_what_is_replayed_waits_while_live_results_wait_for_the_disk(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit takes long: the backlog is not even decided on, and what comes live meanwhile is."""
    monkeypatch.setattr(journal, "BUSY_BYTES", 0)
    monkeypatch.setattr(journal, "MAX_SECONDS", 60.0)
    free = threading.Event()
    free.set()
    write = Database.write

    def writing(self: Database, writing: Writing) -> None:
        assert free.wait(30)
        write(self, writing)

    monkeypatch.setattr(Database, "write", writing)

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                free.clear()
                try:
                    book = running.collector.board.ledger.book("par-01")
                    await agent.say(batch(ok(), first=50), Kind.LIVE)
                    await until(lambda: EPOCH in book.reserved.open)
                    received = running.collector.condition.link_counters["replay"]
                    await agent.say(batch(*[ok()] * 20), Kind.REPLAY)
                    await until(lambda: received.received == 1)
                    await agent.say(batch(ok(), first=51), Kind.LIVE)
                    await until(lambda: book.reserved.open[EPOCH].window.runs == [(50, 52)])
                    assert book.reserved.open[EPOCH].window.low == 0
                finally:
                    free.set()
                await until(lambda: book.applied == 22)

    asyncio.run(story())


def test_a_second_collector_on_the_same_directory_says_so(config: Path) -> None:
    async def story() -> None:
        async with collecting("mqtt://127.0.0.1:1", config) as running:
            collector = running.collector
            with pytest.raises(StoreError, match="another collector"):
                Keeper(config.parent / "state", collector.board, collector._ingest, collector.condition)

    asyncio.run(story())
