"""A collector that is killed in the middle of an incident goes on with it."""

import asyncio
import json
import sqlite3
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from servers.daemon import Daemon, accepts, free_port
from servers.mosquitto import MOSQUITTO, Mosquitto
from verdicts.living_helpers import CONFIG, fail, fleet, greet

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


async def incidents(port: int) -> list[dict[str, Any]]:
    text = await asyncio.to_thread(get, port, "/api/v1/incidents?state=all")
    found: list[dict[str, Any]] = json.loads(text)["incidents"]
    return found


def test_after_sigkill_the_same_incident_alerts_and_nobody_is_woken_again(tmp_path: Path) -> None:
    config, port = tmp_path / "vedette.yaml", free_port()
    config.write_text(CONFIG)

    async def story() -> None:
        with Mosquitto() as broker:
            argv = [sys.executable, "-m", "vedette", "collector", "run", "--config", str(config)]
            argv += ["--broker", broker.url, "--listen", f"127.0.0.1:{port}"]
            collector = Daemon([*argv, "--state-dir", str(tmp_path / "state")], tmp_path / "log")

            async def start() -> None:
                await asyncio.to_thread(collector.start, lambda: accepts(port), 30)
                async with asyncio.timeout(30):
                    while True:
                        try:
                            await asyncio.to_thread(get, port, "/-/ready")
                        except OSError:
                            await asyncio.sleep(0.05)
                        else:
                            return

            try:
                async with fleet(broker) as agents:
                    await start()
                    await greet(agents)
                    await fail(agents.values(), "api")
                    async with asyncio.timeout(30):
                        while not (before := await incidents(port)):
                            await asyncio.sleep(0.05)
                        # On the disk: what a page told must outlast the process.
                        while "api" not in before[0]["checks"] or not stored(tmp_path):
                            await asyncio.sleep(0.05)
                            before = await incidents(port)
                    collector.kill()
                    await start()
                    (after,) = await incidents(port)
                    assert (after["id"], after["state"], after["alerting"]) == (before[0]["id"], "open", True)
                    assert after["opened"] == before[0]["opened"]
                    page = await asyncio.to_thread(get, port, "/metrics")
                    assert f'vedette_incident{{incident="{after["id"]}"' in page
                    assert 'vedette_incidents_total{severity="page"} 1\n' in page
                    await fail(agents.values(), "api")
                    async with asyncio.timeout(30):
                        while (await incidents(port))[0]["last_failure"] <= before[0]["last_failure"]:
                            await asyncio.sleep(0.05)
                    assert [each["id"] for each in await incidents(port)] == [after["id"]]
                    log = collector.log.read_text()
                    assert (log.count("incident opened"), log.count("paged=true")) == (1, 1), log
            finally:
                collector.kill()

    asyncio.run(story())


def stored(directory: Path) -> bool:
    path = directory / "state" / "collector" / "store.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        count: int = connection.execute("SELECT count(*) FROM incidents").fetchone()[0]
    connection.close()
    return count > 0
