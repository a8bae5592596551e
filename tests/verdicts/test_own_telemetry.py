"""When we hear nobody, that is the incident, and no agent is blamed for it."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from collector.running_helpers import collecting, ready, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette_collector import absence, judging
from vedette_collector.verdicts import case, incidents
from verdicts.living_helpers import AGENTS, CHECKS, CONFIG, fleet, greet, one_incident, result

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "vedette.yaml"
    file.write_text(CONFIG)
    return file


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds instead of minutes."""
    settings = partial(case.Settings, silence_settle=0.5, shortest_grace=1.0)
    monkeypatch.setattr(incidents, "Settings", settings)
    monkeypatch.setattr(judging, "DEAF_SECONDS", 1.0)
    monkeypatch.setattr(judging, "LOOK_SECONDS", 0.2)


def test_without_the_broker_our_own_telemetry_is_what_broke(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                await greet(agents)
                cells = running.collector.board.cells
                await until(lambda: all(cells[name]["img"].last is not None for name in AGENTS))
                broker.kill()
                found = await one_incident(running)
                assert (found["component"], found["severity"]) == ("telemetry:broker", "page")
                assert found["silent_agents"] == sorted(AGENTS)
                broker.start()
                await ready(running)
                docket = running.collector.condition.docket
                for speaker in agents.values():
                    await speaker.link.until(True)
                await greet(agents)
                await until(lambda: [each.state for each in docket.held] == ["quiet"])

    asyncio.run(story())


def test_one_silent_agent_is_a_ticket_about_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence, "SILENT_SECONDS", -1.0)  # we need not listen for long before we judge

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                await greet(agents)
                cells = running.collector.board.cells
                await until(lambda: all(cells[name]["img"].last is not None for name in AGENTS))
                await agents["fra-02"].present("gone", "stopped")
                await agents["par-01"].present("gone", "connection lost")
                found = await one_incident(running)
                assert (found["kind"], found["severity"]) == ("agent", "ticket")
                assert found["silent_agents"] == ["par-01"]
                await agents["par-01"].present()
                await agents["par-01"].say(*(result(check, ok=True) for check in CHECKS))
                docket = running.collector.condition.docket
                await until(lambda: [each.state for each in docket.held] == ["quiet"])

    asyncio.run(story())
