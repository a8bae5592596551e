"""From results on a real broker to an incident in the API, the metrics and the store."""

import asyncio
import json
from pathlib import Path

import pytest

from collector.exposition_helpers import value
from collector.incident_helpers import DYN, finding, incident
from collector.running_helpers import collecting, ready, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette_collector.verdicts.component import Entity, Kind, component
from verdicts.living_helpers import AGENTS, CONFIG, fail, fleet, greet, incidents, one_incident, result

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "vedette.yaml"
    file.write_text(CONFIG)
    return file


def test_what_fails_from_everywhere_is_one_incident_of_its_target(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                await greet(agents)
                await fail(agents.values(), "api")
                found = await one_incident(running)
                assert (found["kind"], found["component"]) == ("target", "target:www.api.test")
                assert (found["state"], found["severity"], found["alerting"]) == ("open", "page", True)
                assert found["inside"] == {"failed": 6, "total": 6}
                assert found["failures"] == {"dns.nxdomain": 6}
                assert sorted(found["agents"]) == sorted(AGENTS)
                assert found["confirmed"] == 6
                assert found["checks"] == ["api"]
                assert found["text"]["headline"] == found["headline"]
                first = found["first_failures"][0]
                assert (first["check"], first["failure"]) == ("api", "dns.nxdomain")
                _, page, _ = await running.get("/metrics")
                own = {"incident": found["id"], "kind": "target", "severity": "page"}
                assert value(page, "vedette_incident", component="target:www.api.test", **own) == 1
                assert value(page, "vedette_incidents_open", severity="page") == 1
                assert value(page, "vedette_incidents_total", severity="page") == 1
                assert value(page, "vedette_check_explained", check="api", incident=found["id"]) == 1
                own = {"check": "api", "agent": "par-01"}
                assert value(page, "vedette_probe_repeats_total", outcome="fail", **own) == 1
                assert value(page, "vedette_probe_attempts_total", **own) == 3
                await greet(agents)
                await until(lambda: not running.collector.condition.docket.explained_checks)

    asyncio.run(story())


def test_the_list_by_state_id_and_number(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                assert await incidents(running) == []
                await greet(agents)
                await fail(agents.values(), "api")
                name = (await one_incident(running))["id"]
                for query, count in ((f"?id={name}", 1), ("?id=other", 0), ("?state=all&limit=1", 1)):
                    assert len(await incidents(running, query)) == count
                for query in ("?state=closed", "?limit=0", "?limit=101"):
                    status, text, _ = await running.get(f"/api/v1/incidents{query}")
                    assert (status, list(json.loads(text))) == (400, ["error"])

    asyncio.run(story())


def test_the_worst_come_first_whatever_is_left_out(config: Path) -> None:
    held = [
        incident("closed", state="closed", began=5.0),
        incident("quiet", state="quiet", began=4.0),
        incident("ticket", severity="ticket", began=3.0),
        incident("page", began=1.0),
    ]

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running:
                await ready(running)
                running.collector.condition.docket.take({each.id: each for each in held})
                found = await incidents(running, "?state=all")
                assert [each["id"] for each in found] == ["page", "ticket", "quiet", "closed"]
                assert [each["id"] for each in await incidents(running, "?limit=1")] == ["page"]

    asyncio.run(story())


def test_what_else_it_may_be_is_listed(config: Path) -> None:
    rival = component([Entity(Kind.PROVIDER, "cloud")])
    told = incident(state="closed", findings={str(DYN): finding(certainty="ambiguous", rivals=(rival,))})

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running:
                await ready(running)
                running.collector.condition.docket.take({told.id: told})
                (found,) = await incidents(running, f"?id={told.id}")
                readings = (found["certainty"], found["rivals"], found["alternatives"])
                assert readings == ("ambiguous", ["provider:cloud"], ["zone:example.com"])

    asyncio.run(story())


def test_an_incident_goes_on_after_a_restart(config: Path) -> None:
    """The same id, and nobody is woken twice: what was paged is alerting from the first scrape on."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with fleet(broker) as agents:
                async with collecting(broker.url, config) as running:
                    await ready(running)
                    await greet(agents)
                    await fail(agents.values(), "api")
                    before = await one_incident(running)
                async with collecting(broker.url, config) as running:
                    (after,) = await incidents(running)
                    assert after["alerting"]
                    _, page, _ = await running.get("/metrics")
                    assert value(page, "vedette_incident", incident=before["id"]) == 1
                    assert value(page, "vedette_incidents_total", severity="page") == 1
                    await ready(running)
                    await fail(agents.values(), "api")
                    docket = running.collector.condition.docket
                    decided = sum(docket.decisions)
                    await until(lambda: sum(docket.decisions) > decided + 3)
                    (after,) = await incidents(running, "?state=all")
                    same = ("id", "component", "opened", "severity", "state", "began")
                    assert {key: after[key] for key in same} == {key: before[key] for key in same}
                    assert docket.reached["page"] == 1

    asyncio.run(story())


def test_another_way_changes_nothing_of_the_check(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker, ["par-01"]) as agents:
                await ready(running)
                par = agents["par-01"]
                await par.say(result("api", ok=True))
                await par.say(result("api", ok=False, bypass="authority"))
                cell = running.collector.board.cells["par-01"]["api"]
                await until(lambda: cell.total == 2)
                _, page, _ = await running.get("/metrics")
                own = {"check": "api", "agent": "par-01"}
                assert value(page, "probe_success", **own) == 1
                assert value(page, "vedette_probe_attempts_total", **own) == 1
                assert value(page, "vedette_probe_failures_total", **own) is None
                assert value(page, "vedette_probe_bypass_success", bypass="authority", **own) == 0
                assert len(cell.bars) == 1
                assert not cell.episodes
                assert value(page, "vedette_ledger_residual", agent="par-01") == 0

    asyncio.run(story())


def test_after_a_reload_the_verdicts_know_the_new_checks(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                await greet(agents)
                config.write_text(CONFIG.replace("name: img", "name: new").replace("www.img", "www.new"))
                assert (await running.post("/-/reload"))[0] == 200
                await fail(agents.values(), "new")
                found = await one_incident(running)
                assert (found["component"], found["checks"]) == ("target:www.new.test", ["new"])

    asyncio.run(story())
