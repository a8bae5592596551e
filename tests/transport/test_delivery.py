"""What publish and receive promise, on a real Mosquitto."""

import asyncio
import time

import pytest

from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.proxy import Proxy
from servers.rude_broker import publish, rude_broker
from transport.link_helpers import link, run, until
from vedette.mqtt import NotConnected, PublishRefused, Subscription, Will
from vedette.mqtt.connection import MAX_IN_FLIGHT

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def test_a_publish_that_the_broker_refuses_raises() -> None:
    """Mosquitto answers 0x87 (not authorized) to a topic that the ACL denies; the link stays up."""

    async def test() -> None:
        with Mosquitto(acl="topic write allowed\n") as broker:
            async with link(broker.url).running() as agent:
                await agent.until(True)
                await agent.publish("allowed", b"x")
                with pytest.raises(PublishRefused) as refused:
                    await agent.publish("denied", b"x")
                assert refused.value.code == 0x87
                assert agent.counters.publish_refused == {0x87: 1}
                await agent.publish("allowed", b"x")
                assert agent.counters.published == 2

    run(test)


def test_a_packet_beyond_the_brokers_limit_is_refused_before_it_costs_the_connection() -> None:
    async def test() -> None:
        with Mosquitto("max_packet_size 20000") as broker:
            async with link(broker.url).running() as agent:
                await agent.until(True)
                with pytest.raises(PublishRefused) as refused:
                    await agent.publish("t", b"x" * 20_000)
                assert refused.value.code == 0x95
                await agent.publish("t", b"x" * 10_000)
                assert agent.counters.disconnects == 0

    run(test)


def test_pending_publishes_fail_as_soon_as_the_connection_drops() -> None:
    """500 publishes to a broker that is frozen, then killed: all fail at once, not after 10 s of waiting."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with link(broker.url).running() as agent:
                await agent.until(True)
                broker.freeze()
                tasks = [asyncio.create_task(agent.publish("t", b"x")) for _ in range(500)]
                await asyncio.sleep(0.05)
                assert not any(task.done() for task in tasks)
                broker.kill()
                began = time.monotonic()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                assert time.monotonic() - began < 5.0
                assert all(isinstance(each, NotConnected) for each in outcomes)
                with pytest.raises(NotConnected):
                    await agent.publish("t", b"x")

    run(test)


def test_what_waits_for_puback_is_bounded() -> None:
    async def test() -> None:
        with Mosquitto("max_inflight_messages 1000") as broker:
            async with link(broker.url).running() as agent:
                await agent.until(True)
                broker.freeze()
                tasks = [asyncio.create_task(agent.publish("t", b"x")) for _ in range(1000)]
                await asyncio.sleep(0.05)
                assert agent._connection is not None
                assert len(agent._connection._published) == MAX_IN_FLIGHT
                assert len(agent._connection._client._out_messages) == MAX_IN_FLIGHT
                broker.thaw()
                await asyncio.gather(*tasks)
                assert agent.counters.published == 1000

    run(test)


def test_the_brokers_receive_maximum_is_kept() -> None:
    """It says 5, so at most 5 publishes are without PUBACK (MQTT 5 section 3.2.2.3.3)."""

    async def test() -> None:
        connack = bytes([0x20, 6, 0, 0, 3, 0x21, 0, 5])
        async with (
            rude_broker(b"", connack) as url,
            link(url, subscriptions=[Subscription("t")]).running() as agent,
        ):
            await agent.until(True)
            tasks = [asyncio.create_task(agent.publish("t", b"x")) for _ in range(20)]
            await asyncio.sleep(0.05)
            assert agent._connection is not None
            assert len(agent._connection._published) == 5
            for task in tasks:
                task.cancel()

    run(test)


def test_a_flood_on_a_slow_reader_loses_nothing_and_needs_no_room() -> None:
    """5,000 messages, a window of 50: all arrive in order, and never more than some 100 wait here."""

    async def test() -> None:
        with Mosquitto("max_queued_messages 0") as broker:
            reader = link(broker.url, "reader", subscriptions=[Subscription("t")], inbox_limit=50)
            async with reader.running(), link(broker.url, "writer").running() as writer:
                await reader.until(True)
                await writer.until(True)

                async def flood() -> None:
                    await asyncio.gather(*(writer.publish("t", b"%d" % n) for n in range(5000)))

                async with asyncio.TaskGroup() as group:
                    group.create_task(flood())
                    most = 0
                    for n in range(5000):
                        message = await reader.receive()
                        most = max(most, len(reader._inbox))
                        assert message.payload == b"%d" % n
                        if n % 1000 == 0:  # the flood overtakes us
                            await until(lambda: len(reader._inbox) >= 25)
                        message.done()
                assert 25 <= most <= 2 * 50 + 16
                assert reader.counters.disconnects == 0

    run(test)


def test_nothing_is_acknowledged_before_its_reader_says_so() -> None:
    """A reader with a window of 8 takes 4 and finishes none: 4 more come, and no PUBACK goes."""

    async def test() -> None:
        with Mosquitto() as broker:
            reader = link(broker.url, "reader", subscriptions=[Subscription("t")], inbox_limit=8)
            async with reader.running(), link(broker.url, "writer").running() as writer:
                await reader.until(True)
                await writer.until(True)
                for _ in range(12):
                    await writer.publish("t", b"x")
                taken = [await reader.receive() for _ in range(4)]
                await until(lambda: len(reader._inbox) == 4)
                assert "Received PUBACK from reader" not in broker.log
                taken[0].done()
                taken[0].done()
                await until(lambda: len(reader._inbox) == 5)
                assert broker.log.count("Received PUBACK from reader") == 1

    run(test)


def test_a_broker_that_ignores_the_window_is_read_no_further_than_its_reader_keeps_pace() -> None:
    """Of 999 messages for a window of 10, at most 37 are here at a time, and all come."""

    async def test() -> None:
        flood = b"".join(publish(mid) for mid in range(1, 1000))
        async with (
            rude_broker(flood) as url,
            link(url, subscriptions=[Subscription("t")], inbox_limit=10).running() as reader,
        ):
            await until(lambda: len(reader._inbox) == 37)
            most = 0
            for _ in range(999):
                message = await reader.receive()
                await asyncio.sleep(0)  # the flood overtakes us
                most = max(most, len(reader._inbox) + 1)
                message.done()
            assert most == 37
            assert reader.counters.disconnects == 0

    run(test)


def test_a_flood_without_acknowledgement_is_bounded_and_counted() -> None:
    async def test() -> None:
        flood = b"".join(publish(0, qos=0) for _ in range(1000))
        async with (
            rude_broker(flood) as url,
            link(url, subscriptions=[Subscription("t")], inbox_limit=10).running() as reader,
        ):
            await until(lambda: reader.counters.dropped_unacknowledged == 990)
            assert len(reader._inbox) == 10

    run(test)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xf0\xff\xff\xff\xff\xff",  # a length of five bytes
        b"\x32\xff\xff\xff\x7f" + b"x" * 300_000,  # announces 256 MiB
        b"\x32\x05\x00\xff\x00\x01",  # a topic longer than the packet
        b"\x00\x00",
    ],
)
def test_garbage_from_the_broker_ends_the_connection_and_nothing_else(garbage: bytes) -> None:
    async def test() -> None:
        async with (
            rude_broker(garbage + publish(1)) as url,
            link(url, subscriptions=[Subscription("t")]).running() as reader,
        ):
            await until(lambda: reader.counters.disconnects >= 2)
            assert sum(len(m.payload) for m in reader._inbox) < 1000

    run(test)


def test_a_lost_publish_is_not_sent_again_behind_our_back() -> None:
    """Each connection has its own client: what failed is the caller's to repeat, and comes once."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with Proxy(broker.port) as proxy:
                writer = link(proxy.url, "writer")
                reader = link(broker.url, "reader", subscriptions=[Subscription("t")])
                async with reader.running(), writer.running():
                    await reader.until(True)
                    await writer.until(True)
                    first = writer._connection
                    proxy.swallow()
                    lost = asyncio.create_task(writer.publish("t", b"lost"))
                    await asyncio.sleep(0.05)
                    await proxy.cut()
                    proxy.restore()
                    with pytest.raises(NotConnected):
                        await lost
                    await writer.until(True)
                    assert writer._connection is not first
                    await writer.publish("t", b"last")
                    message = await reader.receive()
                    assert message.payload == b"last"
                    assert "(d1," not in broker.log

    run(test)


def test_properties_survive_the_way() -> None:
    async def test() -> None:
        with Mosquitto() as broker:
            subscriptions = [Subscription("kept", retained=True), Subscription("other/#")]
            async with link(broker.url, "writer").running() as writer:
                await writer.until(True)
                await writer.publish("kept", b"k", retain=True, content_type="application/json")
                await writer.publish("other/kept", b"k", retain=True)
                async with link(broker.url, "reader", subscriptions=subscriptions).running() as reader:
                    await reader.until(True)
                    await writer.publish("other/x", b"now", expiry=60)
                    kept, now = await reader.receive(), await reader.receive()
        assert (kept.topic, kept.payload, kept.content_type, kept.retain) == (
            "kept",
            b"k",
            "application/json",
            True,
        )
        assert (now.topic, now.content_type, now.retain) == ("other/x", None, False)
        assert abs(now.received_us / 1e6 - time.time()) < 30

    run(test)


def test_the_will_is_spoken_for_the_dead_and_not_for_the_leaving() -> None:
    async def test() -> None:
        with Mosquitto() as broker:
            async with Proxy(broker.port) as proxy:
                reader = link(broker.url, "reader", subscriptions=[Subscription("gone/#")])
                async with reader.running():
                    await reader.until(True)
                    async with link(broker.url, "leaver", will=Will("gone/leaver", b"")).running() as leaver:
                        await leaver.until(True)
                    will = Will("gone/dead", b"bye", "text/plain")
                    async with link(proxy.url, "dead", will=will, backoff=5.0).running() as dead:
                        await dead.until(True)
                        await proxy.cut()
                        message = await reader.receive()
                        assert (message.topic, message.payload) == ("gone/dead", b"bye")
                        assert message.content_type == "text/plain"

    run(test)
