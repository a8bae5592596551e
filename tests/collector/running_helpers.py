"""A whole collector on a real broker, and an agent's voice to speak to it with."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from servers.mosquitto import Mosquitto
from vedette.mqtt import Broker, Link, Subscription
from vedette.wire import codec
from vedette.wire.codec import Message
from vedette.wire.messages import Ack
from vedette.wire.topics import Kind, topic
from vedette_collector.app import Collector, Options
from vedette_collector.remote.settings import Settings
from vedette_collector.web.server import Listen

CONFIG = """
defaults: {interval: 10s, timeout: 5s}
agents:
  - {name: par-01, tags: {network: isp-a}}
  - {name: fra-01, tags: {network: isp-b}}
checks:
  - name: api-dns
    dns: {name: api.example.com, type: A}
  - name: web
    agents: {name: [par-01]}
    http: {url: "https://www.example.com/"}
"""


class Running:
    """A collector that runs, and an HTTP client for it."""

    def __init__(self, collector: Collector, address: Listen, session: aiohttp.ClientSession) -> None:
        self.collector = collector
        self.base = f"http://{address}"
        self._session = session

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self._session.get(self.base + path, headers=headers) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    async def post(self, path: str, **headers: str) -> tuple[int, str]:
        async with self._session.post(self.base + path, headers=headers) as answer:
            return answer.status, await answer.text()


async def until(fact: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def collecting(
    broker_url: str,
    config: Path,
    *,
    keeps: bool = True,
    remote_write: Settings | None = None,
    asks: bool = True,
    asn_database: Path | None = None,
) -> AsyncIterator[Running]:
    """With a broker behind *broker_url* or without one: being connected is for the caller to wait for."""
    options = Options(
        config=config,
        broker=Broker.parse(broker_url),
        listen=Listen("127.0.0.1", 0),
        state=config.parent / "state" if keeps else None,
        remote_write=remote_write,
        asks=asks,
        asn_database=asn_database,
    )
    collector = Collector(options)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
        task = group.create_task(collector.run(stop))
        await asyncio.wait((task, collector.listening), return_when=asyncio.FIRST_COMPLETED)
        try:
            yield Running(collector, collector.listening.result(), session)
        finally:
            stop.set()
            await task


class Voice:
    """Speaks to the broker as one agent would, true or not, and hears what is said to it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def say(self, message: Message, kind: Kind, *, retain: bool = False) -> None:
        payload, content_type = codec.encode(message)
        await self.raw(topic(message.agent, kind), payload, content_type, retain=retain)

    async def raw(self, name: str, payload: bytes, content_type: str | None, *, retain: bool = False) -> None:
        await self._link.publish(name, payload, content_type=content_type, retain=retain)

    async def ack(self) -> Ack:
        async with asyncio.timeout(20):
            message = await self._link.receive()
        message.done()
        return codec.decode(message.payload, message.content_type, Ack)


@asynccontextmanager
async def speaking(broker: Mosquitto, agent: str = "par-01") -> AsyncIterator[Voice]:
    subscriptions = (Subscription(topic(agent, Kind.ACK)),)
    link = Link(Broker.parse(broker.url), agent, subscriptions=subscriptions)
    async with link.running():
        await link.until(True)
        yield Voice(link)


async def ready(running: Running) -> None:
    await until(lambda: not running.collector.condition.not_ready())
