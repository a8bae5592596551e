"""A whole collector on a real Mosquitto: what it applies, what it refuses, and that it goes on."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from collector.collector_helpers import EPOCH, batch, failed, heartbeat, ok, presence
from collector.exposition_helpers import value
from collector.running_helpers import Running, collecting, ready, speaking, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.rude_broker import rude_broker
from vedette.mqtt import Broker, Link
from vedette.wire import codec, limits
from vedette.wire.messages import EpochMark
from vedette.wire.topics import Kind, topic

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


def test_a_result_becomes_a_metric_and_is_acknowledged_soon(config: Path) -> None:
    """Five batches that come within 0.1 s share an ack: at least in one of three rounds."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                loop = asyncio.get_running_loop()
                rounds = []
                for first in range(0, 15, 5):
                    began = loop.time()
                    for seq in range(first, first + 5):
                        await agent.say(batch(failed(), first=seq), Kind.LIVE)
                    acks = 1
                    while (await agent.ack()).marks != [EpochMark(epoch=EPOCH, low=seq + 1)]:
                        acks += 1
                    rounds.append((acks, loop.time() - began))
                fewest, took = min(rounds)
                assert fewest == 1
                assert took < 0.5  # 0.1 s of gathering, and a busy machine
                heard = sum(acks for acks, _ in rounds)
                # An agent may have its ack before the collector has the broker's word for it.
                await until(lambda: running.collector.condition.acks_published >= heard)
                _, page, headers = await running.get("/metrics")
                assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
                own = {"check": "api-dns", "agent": "par-01"}
                assert value(page, "probe_success", **own) == 0
                assert value(page, "vedette_probe_failures_total", reason="dns.nodata", **own) == 15
                assert value(page, "vedette_collector_acks_published_total") == heard
                assert value(page, "vedette_collector_broker_connected", link="live") == 1

    asyncio.run(story())


def test_a_heartbeat_is_echoed_at_once(config: Path) -> None:
    """Not after the 100 ms in which acks of results are gathered: one of twenty takes less than half."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                loop = asyncio.get_running_loop()
                took = [1.0]
                while min(took) >= 0.05 and len(took) <= 20:
                    began = loop.time()
                    await agent.say(heartbeat(sent_us=len(took)), Kind.HEARTBEAT)
                    echo = (await agent.ack()).heartbeat
                    assert echo is not None
                    assert echo.sent_us == len(took)
                    took.append(loop.time() - began)
                assert min(took) < 0.05

    asyncio.run(story())


def test_every_kind_of_bad_message_is_counted_and_the_next_good_one_applied(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with speaking(broker) as agent:
                await agent.say(batch(ok()), Kind.LIVE, retain=True)  # from before the collector came
                async with collecting(broker.url, config) as running:
                    await ready(running)
                    for kind in (Kind.LIVE, Kind.REPLAY, Kind.HEARTBEAT, Kind.PRESENCE):
                        await agent.raw(topic("par-01", kind), b"\x00\xffgarbage", codec.JSON)
                        await agent.raw(f"vedette/v1/00/PAR 01/{kind}", b"{}", codec.JSON)
                    oversized = b"x" * (limits.MAX_PAYLOAD_BYTES + 1)
                    await agent.raw(topic("par-01", Kind.LIVE), oversized, codec.JSON)
                    fields = msgspec.to_builtins(batch(ok()))
                    fields["results"] *= limits.MAX_BATCH_RESULTS + 1
                    await agent.raw(topic("par-01", Kind.LIVE), msgspec.json.encode(fields), codec.JSON)
                    foreign, content_type = codec.encode(batch(ok(), agent="fra-01"))
                    await agent.raw(topic("par-01", Kind.LIVE), foreign, content_type)
                    await agent.raw(topic("par-01", Kind.LIVE), b'{"v": 99}', codec.JSON)
                    await agent.raw(topic("par-01", Kind.LIVE), b"{}", "text/html")
                    await agent.say(batch(ok(), agent="not-there"), Kind.LIVE)
                    await agent.say(batch(ok("no-such-check")), Kind.LIVE)
                    for _ in range(2):
                        await agent.say(batch(ok(), first=1), Kind.LIVE)
                    # By two links, which do not wait for each other.
                    rejected = running.collector.board.rejected
                    await until(lambda: rejected.total() >= 15)
                    await until(lambda: running.collector.board.agents["par-01"].duplicates == 1)
                    # A duplicate is known when it comes, and the first of the two applied when it is on disk.
                    await until(lambda: running.collector.board.ledger.book("par-01").applied == 1)
                    assert dict(rejected) == {
                        "topic": 4,
                        "schema": 5,
                        "too_large": 1,
                        "identity": 1,
                        "version": 1,
                        "content_type": 1,
                        "unknown_agent": 1,
                        "unknown_check": 1,
                    }
                    assert (await running.get("/-/ready"))[0] == 200

    asyncio.run(story())


def test_a_broker_that_goes_and_comes_back_costs_no_result(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                await agent.say(batch(ok()), Kind.LIVE)
                await agent.ack()
                broker.kill()
                await until(lambda: len(running.collector.condition.not_ready()) == 3)
                status, text, _ = await running.get("/-/ready")
                assert (status, text.count("not connected")) == (503, 3)
                _, page, _ = await running.get("/metrics")
                assert value(page, "vedette_collector_broker_connected", link="replay") == 0
                broker.start()
                await until(lambda: not running.collector.condition.not_ready(), 30)
            async with collecting(broker.url, config) as again, speaking(broker) as agent:
                await ready(again)
                await agent.say(batch(ok(), first=1, acked=1), Kind.LIVE)
                assert [mark.low for mark in (await agent.ack()).marks] == [2]

    asyncio.run(story())


@pytest.mark.parametrize(("name", "is_new"), [("live", True), ("replay", True), ("control", False)])
def test_a_link_that_reads_and_connects_again_gives_the_collector_a_new_id(
    config: Path, name: str, is_new: bool
) -> None:
    """Agents that see it send again, for what came meanwhile is gone. One that only writes missed nothing."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                ids = []
                for number in range(4):
                    if number == 2:
                        await driven_out(running, broker, name)
                    await agent.say(heartbeat(sent_us=number), Kind.HEARTBEAT)
                    ids.append((await agent.ack()).collector)
                assert ids[0] == ids[1]
                assert ids[2] == ids[3]
                assert (ids[1] != ids[2]) is is_new

    asyncio.run(story())


async def driven_out(running: Running, broker: Mosquitto, name: str) -> None:
    """The link *name* has lost its connection to another client of its name, and has a new one."""
    condition = running.collector.condition
    async with Link(Broker.parse(broker.url), f"collector-{name}").running():
        await until(lambda: not condition.links[name])
    await until(lambda: condition.links[name], 30)


def test_a_collector_that_may_not_listen_is_not_ready(config: Path) -> None:
    """Connected, and deaf: without this, all would look well while every result is lost on the way."""

    async def story() -> None:
        async with (
            rude_broker(b"", codes=b"\x87\x01\x01") as url,
            collecting(url, config) as running,
        ):
            await until(lambda: running.collector.condition.links["live"])
            status, text, _ = await running.get("/-/ready")
            assert status == 503
            assert (
                "link live hears nothing: the broker refused its subscription vedette/v1/+/+/live: 0x87"
                in text
            )
            _, page, _ = await running.get("/metrics")
            assert value(page, "vedette_collector_broker_subscriptions_refused_total", link="live") == 1
            assert "hears nothing" in (await running.get("/"))[1]

    asyncio.run(story())


def test_late_results_travel_their_own_lane(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                await agent.say(batch(*[failed()] * 50), Kind.REPLAY)
                await agent.ack()
                _, page, _ = await running.get("/metrics")
                assert value(page, "vedette_results_late_total", agent="par-01") == 50
                assert value(page, "vedette_probe_attempts_total", check="api-dns", agent="par-01") == 0

    asyncio.run(story())


def test_presence_from_before_the_collector_is_known(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with speaking(broker) as agent:
                await agent.say(presence(version="9.9"), Kind.PRESENCE, retain=True)
                async with collecting(broker.url, config) as running:
                    await until(lambda: running.collector.board.agents["par-01"].presence is not None)
                    _, page, _ = await running.get("/metrics")
                    assert value(page, "vedette_agent_connected", agent="par-01") == 1
                    assert value(page, "vedette_agent_last_seen_timestamp_seconds", agent="par-01") is None

    asyncio.run(story())
