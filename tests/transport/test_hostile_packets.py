"""What other clients, and a broker gone bad, can send a link: it costs a message or a connection, no more."""

import asyncio
import socket
import time

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from servers.rude_broker import CONNACK, packet, publish, rude_broker
from transport.link_helpers import link, run, until
from vedette.mqtt import Link, Subscription
from vedette.mqtt.packet import Publish, PublishProperties, Unreadable, read_publish

SUBSCRIPTIONS = (Subscription("t"),)
JSON = b"\x03\x00\x10application/json"
USER_PROPERTY = b"\x26\x00\x01a\x00\x01b"  # section 3.3.2.3.7


def body(properties: bytes = b"", **options: object) -> bytes:
    """What follows the fixed header of a PUBLISH of at least 128 bytes and less than 16 KiB."""
    whole = publish(7, b"x" * 200, properties=properties, **options)  # type: ignore[arg-type]
    return whole[3:]


def test_the_content_type_is_found_among_other_properties() -> None:
    others = (
        b"\x01\x01" + b"\x02\x00\x00\x00\x3c" + b"\x08\x00\x01r" + b"\x09\x00\x02\xff\x00" + b"\x0b\x80\x01"
    )
    found = read_publish(0x33, body(others + USER_PROPERTY + JSON))
    assert found == Publish("t", 7, 1, True, "application/json", b"x" * 200)


@pytest.mark.parametrize(
    "properties",
    [
        b"",
        b"\x03\xff\xffshort",
        b"\x03\x00",
        b"\x03\x00\x01\xff",  # not UTF-8
        b"\x77\x00" + JSON,  # no property has this number
        b"\x26\x00\x01a" + JSON[:3],
        b"\x0b\xff\xff\xff\xff\x01" + JSON,  # a number of five bytes
        JSON + b"\x02\x00",
        USER_PROPERTY * 200 + JSON,  # 1.4 KB
    ],
)
def test_properties_that_cannot_be_read_cost_the_content_type_alone(properties: bytes) -> None:
    assert read_publish(0x32, body(properties)) == Publish("t", 7, 1, False, None, b"x" * 200)


def test_a_topic_that_is_not_text_is_no_topic() -> None:
    assert read_publish(0x32, body(topic=b"\xff\xfe")).topic == ""


@pytest.mark.parametrize("cut", range(7))
def test_a_publish_that_is_cut_short_is_unreadable(cut: int) -> None:
    """Two bytes of topic length, one of topic, two of packet id, one of properties length: six."""
    whole = publish(7, b"", properties=JSON)[2:]
    with pytest.raises(Unreadable):
        read_publish(0x32, whole[:cut])


def test_characters_that_the_library_refuses_do_not_cost_the_connection() -> None:
    """U+FEFF in a content type: Mosquitto passes it on, and kept as a retained message it would come again
    after every connect."""

    async def test() -> None:
        odd = publish(1, properties=b"\x03\x00\x03\xef\xbb\xbf")
        async with (
            rude_broker(odd + publish(2)) as url,
            link(url, subscriptions=SUBSCRIPTIONS).running() as agent,
        ):
            assert (await agent.receive()).content_type == "\ufeff"
            await agent.receive()
            await agent.until(True)
            assert agent.counters.connects == 1
            assert agent.counters.disconnects == 0

    run(test)


def test_fifty_thousand_user_properties_do_not_stop_the_loop() -> None:
    """The library takes half a minute for them; the message arrives without its content type, at once."""

    async def test() -> None:
        many = publish(1, properties=JSON + USER_PROPERTY * 35_000)
        async with (
            rude_broker(many) as url,
            link(url, subscriptions=SUBSCRIPTIONS).running() as agent,
        ):
            began = time.process_time()
            assert (await agent.receive()).content_type is None
            assert time.process_time() - began < 0.5
            await agent.until(True)

    run(test)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (publish(1, qos=2), "the broker sent a PUBLISH with a QoS that we did not ask for"),
        (packet(0x40, b"\0\1\0" + USER_PROPERTY * 500), "the broker sent a packet of type 4 with 3503 bytes"),
        (packet(0xC0, b""), "the broker sent a packet of type 12"),
        (packet(0x50, b"\0\1"), "the broker sent a packet of type 5"),
        (packet(0x32, b"\xff\xfft"), "the broker sent a PUBLISH that is cut short"),
    ],
)
def test_what_no_honest_broker_sends_ends_the_connection(after: bytes, reason: str) -> None:
    """QoS 2 without its second half stays in memory; a ping from the broker is answered into a queue."""

    async def test() -> None:
        async with (
            rude_broker(after) as url,
            link(url, subscriptions=SUBSCRIPTIONS, backoff=5).running() as agent,
        ):
            await until(lambda: agent.counters.disconnects == 1)
            assert agent.reason == reason

    run(test)


def test_a_connack_with_thousands_of_properties_is_refused() -> None:
    async def test() -> None:
        connack = packet(0x20, b"\0\0\xac\x1b" + USER_PROPERTY * 500)
        async with (
            rude_broker(b"", connack) as url,
            link(url, backoff=5).running() as agent,
        ):
            await until(lambda: agent.counters.connect_failures["closed"] == 1)
            assert "a packet of type 2 with 3504 bytes" in agent.reason

    run(test)


@pytest.mark.parametrize("codes", [b"", b"\1\1"])
def test_a_suback_with_more_or_fewer_answers_than_questions_is_one_failed_connect(codes: bytes) -> None:
    async def test() -> None:
        async with (
            rude_broker(b"", CONNACK, codes=codes) as url,
            link(url, subscriptions=SUBSCRIPTIONS, backoff=5).running() as agent,
        ):
            await until(lambda: agent.counters.connect_failures["closed"] == 1)
            assert f"{len(codes)} answers to 1 subscriptions" in agent.reason

    run(test)


def test_a_broker_that_sends_and_never_reads_is_given_up() -> None:
    """Each message is acknowledged at once; the acknowledgements that it does not take are bounded."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1024)
            writer.write(CONNACK)
            await reader.read(1024)
            writer.write(b"\x90\x04\0\1\0\1")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            while True:
                writer.write(b"".join(publish(mid) for mid in range(1, 1000)))
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def settle(agent: Link) -> None:
        async for message in agent.messages():
            message.done()

    async def test() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"mqtt://127.0.0.1:{listener.getsockname()[1]}"
        async with (
            await asyncio.start_server(serve, sock=listener),
            link(url, subscriptions=SUBSCRIPTIONS, backoff=5).running() as agent,
        ):
            await agent.until(True)
            assert agent._connection is not None
            agent._connection._wire._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            reading = asyncio.create_task(settle(agent))
            await agent.until(False)
            reading.cancel()
            assert "does not take our acknowledgements" in agent.reason

    run(test)


@pytest.mark.parametrize(("size", "a_turn"), [(1, 64), (40_000, 2)], ids=["many", "large"])
def test_a_flood_leaves_the_loop_to_others(size: int, a_turn: int) -> None:
    """However much waits in the socket, a turn of the loop reads 64 packets or 64 KiB and no more."""
    wanted = 100 * a_turn

    async def test() -> None:
        async with (
            rude_broker(publish(0, b"x" * size, qos=0) * 2 * wanted) as url,
            link(url, subscriptions=SUBSCRIPTIONS, backoff=5).running() as agent,
        ):
            await agent.until(True)
            most = seen = 0
            while seen < wanted:
                before = agent.counters.received + agent.counters.dropped_unacknowledged
                await asyncio.sleep(0)
                seen = agent.counters.received + agent.counters.dropped_unacknowledged
                most = max(most, seen - before)
            assert most <= 2 * a_turn  # the sleep may fall between two turns

    run(test)


@pytest.mark.parametrize("expiry", [None, 1, 60, 2**32 - 1])
@pytest.mark.parametrize("content_type", [None, "application/json", "application/json+zstd"])
def test_properties_are_packed_as_by_the_library(expiry: int | None, content_type: str | None) -> None:
    theirs = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expiry is not None:
        theirs.MessageExpiryInterval = expiry
    if content_type is not None:
        theirs.ContentType = content_type
    assert PublishProperties(expiry, content_type).pack() == theirs.pack()  # type: ignore[no-untyped-call]
