"""Faults of the path between an agent and its broker: flaps, black holes, a slow uplink, copies."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from crash.measures import age
from crash.plant import APPLIED, LATE, Plant, plant
from crash.spooled import fill
from crash.stories import DUPLICATES, pause
from crash.test_outages import finish_well
from servers.daemon import until
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, Result
from vedette.wire.topics import Kind, subscription, topic

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
REJECTED: Final = "vedette_collector_results_rejected_total"


def test_link_flaps(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Five seconds up and five down, a dozen times."""
    with plant(tmp_path, agents=1) as made:
        made.start()
        (uplink,) = made.uplinks.values()
        before = made.until(lambda page: True, "a page")
        began, connects = time.monotonic(), len(uplink.connects)
        for _ in range(12):
            pause(5.0)
            uplink.cut()
            pause(5.0)
            uplink.mend()
        rate = (len(uplink.connects) - connects) / (time.monotonic() - began)
        pause(12.0)
        after = made.until(lambda page: True, "a page")
        fresh = age(before, after, 0.99)
        finish_well(made, say, f"{rate:.2f} connects/s, live age p99 <= {fresh:g} s")
        assert rate <= 1.0
        assert fresh <= 10.0  # the bounds of the histogram are 5 and 10


def test_black_hole(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Nothing goes through and nobody says so: the agent finds out, and connects anew when it can."""
    with plant(tmp_path, agents=1) as made:
        made.start()
        (name,) = made.names
        (uplink,) = made.uplinks.values()
        log = made.agents[name].log
        uplink.swallow("up", "down")
        began = time.monotonic()
        until(lambda: "connection lost" in log.read_text(), "the agent notices", 60.0)
        noticed = time.monotonic() - began
        pause(5.0)
        uplink.mend()
        finish_well(made, say, f"noticed after {noticed:.1f} s")
        assert noticed <= 30.0


def test_uplink_is_slow(tmp_path: Path, say: Callable[[str], None]) -> None:
    """64 kB/s, a round trip of 200 ms and 1 % of loss: the backlog takes what fresh results leave."""
    with plant(tmp_path, agents=1) as made:
        (name,) = made.names
        fill(tmp_path / "state", tmp_path / "notes", name, 20_000, made.checks)
        made.uplinks[name].shape(rate=64_000, delay=0.1, loss=0.01)
        made.start()
        before = made.until(lambda page: page.total(LATE) > 0, "the replay begins")
        began = time.monotonic()
        after = made.until(lambda page: page.total(LATE) >= 20_000, "all is replayed", 300.0)
        seconds = time.monotonic() - began
        fresh = age(before, after, 0.99)
        finish_well(made, say, f"20,000 replayed in {seconds:.0f} s, live age p99 <= {fresh:g} s")
        assert fresh <= 1.0


def test_copies_of_batches(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Three of ten messages come twice, and all that was heard comes once more in the end."""
    with plant(tmp_path, agents=2) as made:
        made.start()
        copied = asyncio.run(_copy(made, seconds=20.0))
        page = made.until(lambda page: page.total(DUPLICATES) >= copied, f"{copied} duplicates")
        assert page.total(DUPLICATES) == copied
        applied = page.total(APPLIED)
        asyncio.run(_forge_old(made))
        page = made.until(lambda page: _rejected(page, "too_old") > 0, "an old capture is refused")
        assert page.by(APPLIED, "agent").keys() >= set(made.names)
        finish_well(made, say, f"{copied} duplicates injected and counted, {applied:g} applied by then")


async def _copy(made: Plant, seconds: float) -> int:
    """How many results were sent once more."""
    heard: list[aiomqtt.Message] = []
    choice = random.Random(1)
    copied = 0
    async with aiomqtt.Client(
        "127.0.0.1", made.broker.port, protocol=aiomqtt.ProtocolVersion.V5, identifier="capture"
    ) as client:
        await client.subscribe(subscription(Kind.LIVE), options=None, properties=None, qos=1)
        mine: set[tuple[str, bytes]] = set()
        end = time.monotonic() + seconds
        async for message in client.messages:
            key = str(message.topic), bytes(message.payload)
            if key not in mine:
                heard.append(message)
                if choice.random() < 0.3:
                    mine.add(key)
                    copied += await _publish(client, message)
            if time.monotonic() > end:
                break
        await client.unsubscribe(subscription(Kind.LIVE))
        for message in heard:
            copied += await _publish(client, message)
            await asyncio.sleep(0.05)  # an agent has a rate
    return copied


async def _publish(client: aiomqtt.Client, message: aiomqtt.Message) -> int:
    properties = Properties(PacketTypes.PUBLISH)
    content_type = getattr(message.properties, "ContentType", None)
    properties.ContentType = content_type
    await client.publish(str(message.topic), message.payload, qos=1, properties=properties)
    return len(codec.decode(bytes(message.payload), content_type, Batch).results)


async def _forge_old(made: Plant) -> None:
    """A batch of a process that nobody remembers, from eight days ago."""
    name = made.names[0]
    result = Result(
        check="tcp-01",
        outcome="ok",
        started_us=time.time_ns() // 1000 - 8 * 86_400_000_000,
        duration_us=1000,
    )
    batch = Batch(
        v=limits.VERSION, agent=name, epoch=secrets.token_hex(16), first_seq=0, offset_us=0, results=[result]
    )
    payload, content_type = codec.encode(batch)
    async with aiomqtt.Client(
        "127.0.0.1", made.broker.port, protocol=aiomqtt.ProtocolVersion.V5, identifier="capture"
    ) as client:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType = content_type
        await client.publish(topic(name, Kind.REPLAY), payload, qos=1, properties=properties)


def _rejected(page: object, reason: str) -> float:
    return page.total(REJECTED, f'reason="{reason}"')  # type: ignore[attr-defined,no-any-return]
