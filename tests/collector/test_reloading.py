"""A collector that is told to read its configuration again, at once, too often, and by whom."""

import asyncio
import gc
import threading
import weakref
from pathlib import Path

import pytest

from collector.exposition_helpers import value
from collector.running_helpers import CONFIG, Running, collecting, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette.checks import read
from vedette.checks.model import Assignment
from vedette_collector.app import Collector

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


def test_a_reload_applies_a_good_file_and_survives_a_bad_one(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running:
                config.write_text(CONFIG.replace("name: web", "name: shop"))
                assert await running.post("/-/reload") == (200, "reloaded\n")
                assert set(running.collector.board.checks) == {"api-dns", "shop"}
                config.write_text(CONFIG.replace("http:", "htpp:"))
                status, text = await running.post("/-/reload")
                assert status == 400
                assert "htpp" in text
                assert set(running.collector.board.checks) == {"api-dns", "shop"}
                _, page, _ = await running.get("/metrics")
                assert value(page, "vedette_collector_config_last_reload_successful") == 0
                assert "was not reloaded" in (await running.get("/"))[1]
                config.write_text(CONFIG)
                running.collector.hang_up()
                await until(lambda: "web" in running.collector.board.checks)
                assert running.collector.condition.reload_error is None

    asyncio.run(story())


def test_reloads_that_are_asked_for_at_once_are_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fifty that come while the file is read, the first finds that reading begun; 49 share the next."""
    readings = asked = 0
    may_end = threading.Event()
    load, reload = read.load, Collector.reload

    def counted(path: Path) -> Assignment:
        nonlocal readings
        readings += 1
        may_end.wait(30)
        return load(path)

    async def noted(collector: Collector) -> None:
        nonlocal asked
        asked += 1
        await reload(collector)

    async def fifty(running: Running) -> list[tuple[int, str]]:
        nonlocal readings, asked
        readings = asked = 0
        may_end.clear()
        try:
            answers = asyncio.gather(*(running.post("/-/reload") for _ in range(50)))
            await until(lambda: asked == 50)
        finally:
            may_end.set()
        return await answers

    monkeypatch.setattr(Collector, "reload", noted)

    async def story() -> None:
        async with collecting("mqtt://127.0.0.1:9", config) as running:
            monkeypatch.setattr(read, "load", counted)
            assert await fifty(running) == [(200, "reloaded\n")] * 50
            assert readings <= 2
            config.write_text("checks: 1")
            assert {status for status, _ in await fifty(running)} == {400}
            assert readings <= 2

    asyncio.run(story())


def test_reloads_take_half_of_the_time_at_most(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten in a row that read for 20 ms each take ten times 40 ms, but for the pause after the last."""
    load = read.load

    def slow(path: Path) -> Assignment:
        threading.Event().wait(0.02)
        return load(path)

    async def story() -> float:
        async with collecting("mqtt://127.0.0.1:9", config) as running:
            monkeypatch.setattr(read, "load", slow)
            began = asyncio.get_running_loop().time()
            for _ in range(10):
                await running.post("/-/reload")
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(story()) >= 0.38


class Ring:
    """Garbage that only the garbage collector can free."""

    def __init__(self) -> None:
        self.itself = self


def test_full_collections_pass_over_the_configuration(config: Path) -> None:
    """From the start and after a reload; what became garbage since goes with the reload."""

    async def story() -> None:
        gc.unfreeze()
        ring = Ring()
        gone = weakref.ref(ring)
        async with collecting("mqtt://127.0.0.1:9", config) as running:
            board = running.collector.board
            assert not any(each is board.agents for each in gc.get_objects())
            del ring
            gc.collect()
            assert gone() is not None
            await running.post("/-/reload")
            assert gone() is None
            assert not any(each is board.agents for each in gc.get_objects())

    try:
        asyncio.run(story())
    finally:
        gc.unfreeze()


def test_a_browser_on_another_site_cannot_reload(config: Path) -> None:
    async def story() -> None:
        async with collecting("mqtt://127.0.0.1:1", config) as running:
            status, _ = await running.post("/-/reload", Origin="https://evil.example")
            assert status == 403

    asyncio.run(story())
