"""What a publisher holds while the broker is away, and how it gets rid of it: alone, with a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.test_agent import run
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette.checks.model import TcpCheck
from vedette.mqtt import Broker
from vedette.wire import limits
from vedette.wire.messages import EpochMark, Result
from vedette_agent.delivery import group as grouping
from vedette_agent.delivery import parcels
from vedette_agent.delivery.parcel import Parcel
from vedette_agent.delivery.publish import Publisher
from vedette_agent.delivery.talk import Vitals
from vedette_agent.engine.record import Record

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

CHECK = TcpCheck(name="db", target="db:1", interval=10, timeout=5, host="db", port=1)
GOOD = Result(check="db", outcome="ok", started_us=7, duration_us=9)
BAD = Result(check="db", outcome="fail", started_us=8, duration_us=9, reason="tcp.expect")
NEVER = 1e6  # seconds


@asynccontextmanager
async def publishing(broker: Mosquitto) -> AsyncIterator[Publisher]:
    made = Publisher(Broker.parse(broker.url), "par-01", "0" * 32, {}, lambda: Vitals(0, 0, 0, 0.0))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(made.run())
        try:
            yield made
        finally:
            running.cancel()


async def came(broker: Mosquitto, kind: str, count: int) -> None:
    """Return when the broker has taken so many messages of *kind* since it was first started."""
    while broker.log.count(f"/{kind}'") < count:
        await asyncio.sleep(0.02)


def test_what_waits_for_an_ack_is_sent_again_as_soon_as_the_broker_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The broker took it and lost it. Nothing else than the new connection makes the agent send it again."""
    monkeypatch.setattr(parcels, "ACK_SECONDS", NEVER)
    monkeypatch.setattr(parcels, "ACK_SECONDS_MAX", NEVER)

    async def test() -> None:
        with Mosquitto() as broker:
            async with publishing(broker) as publisher:
                publisher.add(GOOD)
                await came(broker, "live", 1)
                while not publisher.outbox.is_settled:
                    await asyncio.sleep(0.02)
                broker.kill()
                await publisher.link.until(False)
                broker.start()
                await came(broker, "live", 2)
                assert publisher.outbox.pending == 1

    run(test)


def test_a_batch_that_an_ack_settled_before_it_was_sent_is_not_sent() -> None:
    """The ack of an earlier attempt comes in between; what is left of the batch cannot be read."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with publishing(broker) as publisher:
                await publisher.link.until(True)
                outbox = publisher.outbox
                outbox.add(GOOD, 0.0)
                parcel = outbox.take(1.0)
                assert isinstance(parcel, Parcel)
                outbox.acked([EpochMark(epoch="0" * 32, low=1)], 1.0)
                await publisher._send(parcel)
                assert (outbox.pending, broker.log.count("/live'")) == (0, 0)

    run(test)


def test_a_stop_does_not_wait_for_a_group_to_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BATCH_SECONDS", NEVER)
    monkeypatch.setattr(grouping, "FIRST_SECONDS", NEVER)

    async def test() -> None:
        with Mosquitto() as broker:
            async with publishing(broker) as publisher:
                await publisher.link.until(True)
                publisher.add(GOOD)
                await publisher.drain(10.0)
                assert broker.log.count("/live'") == 1
                assert publisher.outbox.is_settled

    run(test)


def test_evidence_is_kept_for_a_broker_that_is_away() -> None:
    """Made before there was one, and again between two connections."""

    async def test() -> None:
        broker = Mosquitto()
        async with publishing(broker) as publisher:
            for _ in range(3):
                assert publisher.showing.explain(CHECK, BAD, Record(), 0.0)
            with broker:
                await came(broker, "evidence", 3)
                broker.kill()
                await publisher.link.until(False)
                assert publisher.showing.explain(CHECK, BAD, Record(), 0.0)
                broker.start()
                await came(broker, "evidence", 4)
                while publisher.showing.stash:
                    await asyncio.sleep(0.02)
                assert sum(publisher.showing.stash.lost.values()) == 0

    run(test)
