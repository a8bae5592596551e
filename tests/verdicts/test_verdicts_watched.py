"""What tells that verdicts stand still, and what keeps alerts of checks quiet only as long as it should."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.exposition_helpers import value
from collector.running_helpers import collecting, ready, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette_collector.docket import Docket
from vedette_collector.exposition import incidents
from vedette_collector.verdicts.engine import Decision, Engine
from verdicts.living_helpers import CONFIG, fail, fleet, greet, one_incident, result

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
WAITING = "vedette_collector_decision_waiting_seconds"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "vedette.yaml"
    file.write_text(CONFIG)
    return file


def waiting(docket: Docket, mono: float) -> float:
    return next(number for name, _, number in incidents.samples(docket, mono) if name == WAITING)


def test_what_waits_to_be_decided_has_an_age() -> None:
    docket = Docket()
    assert waiting(docket, 500.0) == 0
    docket.due_since = 460.0
    assert waiting(docket, 500.0) == 40
    docket.decided(0.01, 1.0)
    assert waiting(docket, 500.0) == 0


@needs_mosquitto
def test_decisions_that_end_in_errors_are_seen_from_outside_and_made_up_for(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else goes on; what came meanwhile is decided once that works again."""

    def broken(engine: Engine, now: float) -> Decision:
        raise ZeroDivisionError

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                docket = running.collector.condition.docket
                with monkeypatch.context() as patch:
                    patch.setattr(Engine, "decide", broken)
                    await greet(agents)
                    await fail(agents.values(), "api")
                    await until(lambda: docket.decision_errors > 1)
                    _, page, _ = await running.get("/metrics")
                    assert (value(page, WAITING) or 0) > 0
                    assert (value(page, "vedette_collector_decision_errors_total") or 0) > 1
                    assert value(page, "probe_success", check="api", agent="par-01") == 0
                await fail(agents.values(), "api")
                found = await one_incident(running)
                assert found["component"] == "target:www.api.test"
                await until(lambda: docket.due_since is None)

    asyncio.run(story())


@needs_mosquitto
def test_an_incident_that_is_only_held_keeps_no_alert_quiet(config: Path) -> None:
    """Its own has resolved: a check that fails behind it again has to be told by somebody."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                known = running.collector._judging.engine.incidents
                known._settings = replace(
                    known._settings,
                    shortest_grace=0.5,
                    longest_grace=0.5,
                    shortest_lull=1.0,
                    longest_lull=1.0,
                )
                docket = running.collector.condition.docket
                await ready(running)
                await greet(agents)
                await fail(agents.values(), "api")
                await until(lambda: "api" in docket.explained_checks)
                await greet(agents)
                await until(lambda: bool(docket.held) and not docket.alerting)
                decided = sum(docket.decisions)
                await agents["par-01"].say(result("api", ok=False))
                await until(lambda: sum(docket.decisions) > decided)
                assert [each.state for each in docket.held] == ["quiet"]
                assert docket.explained_checks == {}

    asyncio.run(story())
