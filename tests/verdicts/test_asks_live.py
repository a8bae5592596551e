"""What the collector asks of agents, on a real broker."""

import asyncio
from pathlib import Path

import pytest

from collector.exposition_helpers import value
from collector.running_helpers import Running, collecting, ready, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette.wire.messages import Ask
from vedette_collector.asks import EXPIRY_SECONDS
from verdicts.living_helpers import CONFIG, Speaker, fail, fleet, greet, one_incident, result

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")

DENYING = """\
topic write vedette/v1/+/+/ack
topic read #
pattern write vedette/v1/+/%c/live
pattern write vedette/v1/+/%c/presence
pattern write vedette/v1/+/%c/heartbeat
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """One agent does not run what fails."""
    file = tmp_path / "vedette.yaml"
    file.write_text(
        CONFIG.replace("name: api,", "name: api, agents: {name: [par-01, par-02, fra-01, lon-01]},")
    )
    return file


async def asks(speakers: list[Speaker], seconds: float) -> list[Ask]:
    """All that come in this time."""
    found: list[Ask] = []

    async def hear(speaker: Speaker) -> None:
        while True:
            found.append(await speaker.ask())

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for speaker in speakers:
                group.create_task(hear(speaker))
    except TimeoutError:
        pass
    return found


async def asked(running: Running, what: str = "") -> float:
    _, page, _ = await running.get("/metrics")
    return value(page, f"vedette_collector_asks{what}_total") or 0.0


def test_a_failure_is_asked_of_those_that_are_there_and_run_the_check(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                present = {name: each for name, each in agents.items() if name != "lon-01"}
                await greet(present)
                cell = running.collector.board.cells["fra-01"]["api"]
                await until(lambda: cell.last is not None)
                await fail([agents["par-01"]], "api")
                first = await asyncio.wait_for(agents["fra-01"].ask(), 20)
                assert (first.agent, first.expires_us - first.sent_us) == (
                    "fra-01",
                    EXPIRY_SECONDS * 1_000_000,
                )
                assert "api" in first.checks
                others = await asks(list(agents.values()), 0.9)
                assert {ask.agent for ask in others if "api" in ask.checks} == {"par-02"}
                assert "lon-01" not in {ask.agent for ask in others}
                before = await asked(running)
                assert before >= 2
                answers = running.collector._judging.engine.tracker.answers
                await until(lambda: len(list(answers.waiting())) >= 2)
                await agents["fra-01"].say(result("api", ok=True, asked=True))
                await until(lambda: running.collector.condition.docket.asks.answered == 1)  # type: ignore[union-attr]
                assert await asked(running, "_answered") == 1

    asyncio.run(story())


def test_nobody_is_asked_where_asks_are_off(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config, asks=False) as running, fleet(broker) as agents:
                await ready(running)
                await greet(agents)
                await fail([agents["par-01"], agents["fra-01"]], "api")
                await until(lambda: running.collector.condition.docket.observed >= 4)
                assert await asks(list(agents.values()), 0.9) == []
                assert await asked(running) == 0

    asyncio.run(story())


def test_a_broker_that_refuses_asks_is_left_alone(config: Path) -> None:
    """Its ACL is older than asks: acks and verdicts go on."""

    async def story() -> None:
        with Mosquitto(acl=DENYING) as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                await greet(agents)
                await fail(agents.values(), "web")
                asks = running.collector.condition.docket.asks
                assert asks is not None
                await until(lambda: asks.withheld["refused"] > 0)
                await one_incident(running)
                assert (asks.asked, broker.log.count("Denied PUBLISH from collector-control")) == (0, 1)

    asyncio.run(story())
