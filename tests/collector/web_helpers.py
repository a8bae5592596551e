"""The HTTP server of a collector, with results that are fresh, and a client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from collector.collector_helpers import NOW, Core, batch, failed, heartbeat, ok, presence, spoiled
from vedette.errors import ConfigError
from vedette.wire.facts import Facts, HttpFacts
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.docket import Docket
from vedette_collector.web.events import Hub
from vedette_collector.web.server import Listen, Routes, serving


class Site:
    def __init__(
        self, core: Core, condition: Condition, hub: Hub, base: str, http: aiohttp.ClientSession
    ) -> None:
        self.core = core
        self.condition = condition
        self.hub = hub
        self.base = base
        self.http = http

    async def json(self, path: str) -> dict[str, object]:
        async with self.http.get(self.base + path) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "application/json"
            body: dict[str, object] = await answer.json()
            return body


@asynccontextmanager
async def site(
    core: Core, clients: int = 3, store: Path | None = None, docket: Docket | None = None
) -> AsyncIterator[Site]:
    async def reload() -> None:
        raise ConfigError("c.yaml: never")

    condition = Condition(NOW.wall)
    condition.docket = docket or condition.docket
    hub = Hub(core.board, condition, clients)
    app = Routes(core.board, condition, hub, reload, store).application()
    async with (
        serving(app, Listen("127.0.0.1", 0)) as where,
        aiohttp.ClientSession(auto_decompress=False) as http,
        asyncio.timeout(60),  # Chromium takes its time
    ):
        try:
            yield Site(core, condition, hub, f"http://{where}", http)
        finally:
            await hub.close()


def fresh(core: Core | None = None) -> Core:
    """Results that are fresh by the clock of the running loop."""
    core = core or Core()
    now = Moment(NOW.wall, asyncio.get_running_loop().time())
    core.send(presence(), now=now)
    core.send(heartbeat(), now=now)
    facts = Facts(address="192.0.2.1", http=HttpFacts(status=502, version="1.1"))
    phases = {"connect": 10_000, "processing": 2_000}
    web = failed("web", "http.status", detail="502 <script>alert(1)</script>", facts=facts, phases_us=phases)
    core.send(batch(ok(), web, spoiled("ssh")), now=now)
    return core
