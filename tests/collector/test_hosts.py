"""DNS rebinding: a site whose name is made to point to loopback does not get our pages."""

import asyncio

import aiohttp
import pytest

from collector.collector_helpers import Core
from collector.web_helpers import fresh, site
from vedette_collector.condition import Condition
from vedette_collector.web.events import Hub
from vedette_collector.web.server import Listen, Routes, serving

PATHS = ("/", "/metrics", "/events", "/api/v1/results", "/-/healthy", "/nowhere")
OURS = ("localhost", "LOCALHOST:9960", "localhost.", "127.0.0.1:9960", "127.0.0.53", "[::1]", "[::1]:9960")
OTHERS = ("evil.example:9960", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1", "[", "")


@pytest.mark.parametrize("host", OTHERS)
def test_another_name_is_told_why_not(host: str) -> None:
    async def story() -> None:
        async with site(Core()) as it:
            for path in PATHS:
                async with it.http.get(it.base + path, headers={"Host": host}) as answer:
                    assert answer.status == 421
                    assert "localhost" in await answer.text()

    asyncio.run(story())


@pytest.mark.parametrize("host", OURS)
def test_names_of_loopback_are_ours(host: str) -> None:
    async def story() -> None:
        async with site(fresh()) as it, it.http.get(f"{it.base}/metrics", headers={"Host": host}) as answer:
            assert answer.status == 200

    asyncio.run(story())


def test_without_a_name() -> None:
    """HTTP/1.0, as simple health checks speak it."""

    async def story() -> None:
        async with site(Core()) as it:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(it.base.rpartition(":")[2]))
            writer.write(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            assert b" 200 OK\r\n" in await reader.read()
            writer.close()

    asyncio.run(story())


def test_beyond_loopback_any_name_is_ours() -> None:
    async def story() -> None:
        core = Core()
        condition = Condition(0.0)
        app = Routes(core.board, condition, Hub(core.board, condition), _never).application()
        async with serving(app, Listen("0.0.0.0", 0)) as where, aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{where.port}/-/healthy"
            async with http.get(url, headers={"Host": "status.example.com"}) as answer:
                assert answer.status == 200

    asyncio.run(story())


async def _never() -> None:
    raise AssertionError
