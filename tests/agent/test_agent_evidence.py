"""Evidence on its way: from an agent's first failure to whoever reads it at a real broker."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.agent_process import agent
from agent.test_agent import Target, configuration, run
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tiny_collector import TinyCollector
from vedette.checks.model import TcpCheck
from vedette.mqtt import Broker, Link, Subscription
from vedette.wire import codec
from vedette.wire.messages import Evidence, Result
from vedette.wire.topics import Kind, subscription, topic
from vedette_agent.delivery.publish import Publisher
from vedette_agent.delivery.talk import Vitals
from vedette_agent.engine.record import Record

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


@asynccontextmanager
async def reader(broker: str) -> AsyncIterator[Link]:
    link = Link(
        Broker.parse(broker),
        "reader",
        subscriptions=(Subscription(subscription(Kind.EVIDENCE)),),
        backoff=0.05,
    )
    async with link.running():
        await link.until(True)
        yield link


async def next_evidence(link: Link) -> Evidence:
    message = await link.receive()
    message.done()
    assert message.topic == topic("par-01", Kind.EVIDENCE)
    return codec.decode(message.payload, message.content_type, Evidence)


def test_each_first_failure_is_published_once_with_its_transcript(tmp_path: Path) -> None:
    """Wrong greeting, then silence: two codes, two records, whose seqs are those of the results."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                reader(broker.url) as link,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port), broker.url),
            ):
                await collector.until(lambda: len(collector.results) >= 1)
                target.greeting = b"goodbye\n"
                first = await next_evidence(link)
                assert (first.check, first.reason, first.truncated) == ("greeting-0", "tcp.expect", False)
                told = {note.event: note.text for note in first.notes}
                assert told["tcp.received"] == "goodbye\n"
                assert told["target.address"] == f"127.0.0.1 port {target.port}"
                assert first.seq is not None
                assert first.seq >= 1
                target.greeting = b""
                second = await next_evidence(link)
                assert second.reason != first.reason
                assert second.seq is not None
                assert second.seq > first.seq

    run(test)


def test_a_connection_that_breaks_under_evidence_costs_nothing() -> None:
    """It alone is on its way when the connection ends: the loop goes on, and it comes by the next one."""
    check = TcpCheck(name="db", target="db:1", interval=10, timeout=5, host="db", port=1)
    failed = Result(check="db", outcome="fail", started_us=7, duration_us=9, reason="tcp.expect")

    async def test() -> None:
        with Mosquitto() as broker:
            publisher = Publisher(
                Broker.parse(broker.url), "par-01", "0" * 32, {}, lambda: Vitals(0, 0, 0, 0.0)
            )
            async with reader(broker.url) as link, asyncio.TaskGroup() as group:
                running = group.create_task(publisher.run())
                await publisher.link.until(True)
                broker.freeze()
                assert publisher.showing.explain(check, failed, Record(), 0.0)
                await asyncio.sleep(0.1)  # it is written, and no answer comes
                broker.kill()
                await link.until(False)
                broker.start()
                assert (await link.receive()).topic == topic("par-01", Kind.EVIDENCE)
                running.cancel()

    run(test)


def test_a_broker_that_refuses_evidence_is_told_of_once_and_results_go_on(tmp_path: Path) -> None:
    kinds = ("live", "replay", "presence", "heartbeat", "ack")
    acl = "".join(f"topic readwrite vedette/v1/+/+/{kind}\n" for kind in kinds)

    async def test() -> None:
        with Mosquitto(acl=acl) as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port, checks=3), broker.url) as child,
            ):
                await collector.until(lambda: len(collector.results) >= 3)
                target.greeting = b"goodbye\n"
                assert "0x87" in await child.says("the broker refuses our evidence")
                seen = len(collector.results)
                await collector.until(lambda: len(collector.results) > seen + 3)
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0
                assert child.log.count("refuses our evidence") == 1

    run(test)
