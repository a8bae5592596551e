"""An agent whose broker takes everything says so when no collector answers, and when one does again."""

import asyncio

import pytest

from agent.test_agent import run
from agent.test_publisher import GOOD, came, publishing
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tiny_collector import TinyCollector
from vedette.wire import limits

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, whatever the broker acknowledges, and its end is told too."""
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.1)
    caplog.set_level("INFO", "vedette.publish")

    async def told(words: str) -> None:
        while words not in caplog.text:
            await asyncio.sleep(0.02)

    async def test() -> None:
        with Mosquitto() as broker:
            async with publishing(broker) as publisher:
                publisher.add(GOOD)
                await told("no collector answers")
                await came(broker, "heartbeat", broker.log.count("/heartbeat'") + 4)
                assert caplog.text.count("no collector answers") == 1
                async with TinyCollector(broker.url).running():
                    await told("a collector answers again")

    run(test)
