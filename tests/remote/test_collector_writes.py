"""A whole collector: what an agent replays over a broker is written, with a store and without one."""

import asyncio
from pathlib import Path

import pytest

from collector.exposition_helpers import value
from collector.running_helpers import CONFIG, collecting, ready, speaking, until
from remote.late_helpers import EPOCH, ok
from remote.writing_helpers import came, now_us
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.remote_write import answer, receiver
from vedette.wire import limits
from vedette.wire.messages import Batch
from vedette.wire.topics import Kind
from vedette_collector.remote.settings import Settings

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


def batch(first: int, began_us: int) -> Batch:
    """Two results, a second apart."""
    results = [ok(began_us + at * 1_000_000, "api-dns", duration_us=0) for at in range(2)]
    return Batch(v=limits.VERSION, agent="par-01", epoch=EPOCH, first_seq=first, offset_us=0, results=results)


@pytest.mark.parametrize("keeps", [True, False], ids=["store", "no store"])
def test_a_replayed_batch_is_written_at_its_own_times(tmp_path: Path, keeps: bool) -> None:
    """And only that: live ones come with a scrape. Sent again by its agent, it is written once."""
    config = tmp_path / "vedette.yaml"
    config.write_text(CONFIG)

    async def story() -> None:
        began = now_us() - 300_000_000
        with Mosquitto() as broker:
            async with (
                asyncio.timeout(60),
                receiver(lambda *_: answer(204)) as there,
                collecting(broker.url, config, keeps=keeps, remote_write=Settings(url=there.url)) as running,
                speaking(broker) as agent,
            ):
                await ready(running)
                await agent.say(batch(10, now_us() - 1_000_000), Kind.LIVE)
                for _ in range(2):
                    await agent.say(batch(0, began), Kind.REPLAY)
                await agent.say(batch(2, began + 60_000_000), Kind.REPLAY)
                counters = running.collector.condition.remote_write
                assert counters is not None
                await until(lambda: counters.samples["written"] == 8)
                read = sorted({(each.at_ms, each.name, each.value) for each in came(there.came)})
                times = [began // 1000 + 1000 * second for second in (0, 1, 60, 61)]
                assert read == [
                    (at, name, value)
                    for at in times
                    for name, value in (("probe_duration_seconds", 0.0), ("probe_success", 1.0))
                ]
                assert len(came(there.came)) == 8
                _, page, _ = await running.get("/metrics")
                samples = "vedette_collector_remote_write_samples_total"
                assert value(page, samples, outcome="written") == 8
                assert value(page, samples, outcome="too_old") == 0
                assert value(page, "vedette_collector_remote_write_failures_total", reason="connect") == 0

    asyncio.run(story())


def test_a_receiver_that_is_away_changes_nothing_else(tmp_path: Path) -> None:
    """Ready, results applied, acks sent; and the next collector writes what this one could not."""
    config = tmp_path / "vedette.yaml"
    config.write_text(CONFIG)

    async def story() -> None:
        began = now_us() - 300_000_000
        state = {"now": answer(503)}
        with Mosquitto() as broker:
            async with asyncio.timeout(90), receiver(lambda *_: state["now"]) as there:
                settings = Settings(url=there.url)
                async with (
                    collecting(broker.url, config, remote_write=settings) as running,
                    speaking(broker) as agent,
                ):
                    await ready(running)
                    await agent.say(batch(0, began), Kind.REPLAY)
                    while not any(mark.low == 2 for mark in (await agent.ack()).marks):
                        pass
                    await there.until(2)
                    assert running.collector.condition.not_ready() == []
                    loop = asyncio.get_running_loop()
                    counters = running.collector.condition.remote_write
                    assert counters is not None
                    assert counters.lag_seconds(loop.time()) > 0
                before = len(there.came)
                state["now"] = answer(204)
                async with collecting(broker.url, config, remote_write=settings):
                    await there.until(before + 1)
                assert sorted(each.at_ms for each in came(there.came[before:])) == [
                    began // 1000 + 1000 * second for second in (0, 0, 1, 1)
                ]

    asyncio.run(story())
