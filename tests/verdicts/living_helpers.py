"""A fleet that speaks to a real collector: which checks fail from where is for the test to say."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from collector.running_helpers import Running
from servers.mosquitto import Mosquitto
from vedette.mqtt import Broker, Link, Subscription
from vedette.wire import codec, limits
from vedette.wire.messages import Ask, Batch, Heartbeat, Presence, Result
from vedette.wire.topics import Kind, topic

AGENTS = {
    "par-01": "isp-a",
    "par-02": "isp-a",
    "fra-01": "isp-b",
    "fra-02": "isp-b",
    "lon-01": "isp-c",
    "lon-02": "isp-c",
}
CHECKS = ("api", "web", "shop", "mail", "docs", "img")
CONFIG = (
    "defaults: {interval: 10s, timeout: 5s}\nagents:\n"
    + "".join(f"  - {{name: {name}, tags: {{network: {network}}}}}\n" for name, network in AGENTS.items())
    + "checks:\n"
    + "".join(
        f"  - {{name: {name}, dns: {{name: www.{name}.test, type: A, resolver: 192.0.2.53}}}}\n"
        for name in CHECKS
    )
)
EPOCH = "0" * 31 + "a"


class Speaker:
    """One agent: numbers its results, and hears what it is asked."""

    def __init__(self, name: str, link: Link) -> None:
        self.name = name
        self.link = link
        self._seq = 0

    async def say(self, *results: Result) -> None:
        batch = Batch(
            v=limits.VERSION,
            agent=self.name,
            epoch=EPOCH,
            first_seq=self._seq,
            offset_us=0,
            results=list(results),
        )
        self._seq += len(results)
        await self._publish(batch, Kind.LIVE)

    async def present(self, state: str = "online", reason: str | None = None) -> None:
        presence = Presence(
            v=limits.VERSION,
            agent=self.name,
            epoch=EPOCH,
            state=state,  # type: ignore[arg-type]
            version="1",
            started_us=1,
            reason=reason,
        )
        await self._publish(presence, Kind.PRESENCE)

    async def beat(self) -> None:
        heartbeat = Heartbeat(
            v=limits.VERSION,
            agent=self.name,
            epoch=EPOCH,
            sent_us=1,
            next_seq=self._seq,
            pending=0,
            lost={},
            clock_offset_us=0,
            acked=0,
            skipped_slots=0,
            overlapping_slots=0,
            running=0,
            loop_lag_us=0,
            publish_refused=0,
        )
        await self._publish(heartbeat, Kind.HEARTBEAT)

    async def _publish(self, message: Batch | Presence | Heartbeat, kind: Kind) -> None:
        payload, content_type = codec.encode(message)
        await self.link.publish(topic(self.name, kind), payload, content_type=content_type)

    async def ask(self) -> Ask:
        message = await self.link.receive()
        message.done()
        return codec.decode(message.payload, message.content_type, Ask)


def result(check: str, *, ok: bool, **more: Any) -> Result:
    """One that ended just now."""
    fields: dict[str, Any] = {
        "check": check,
        "outcome": "ok" if ok else "fail",
        "started_us": time.time_ns() // 1000 - 2000,
        "duration_us": 1000,
        "reason": None if ok else "dns.nxdomain",
    }
    return Result(**{**fields, **more})


@asynccontextmanager
async def fleet(broker: Mosquitto, names: Iterable[str] = AGENTS) -> AsyncIterator[dict[str, Speaker]]:
    """Connected, and nothing said yet."""
    async with AsyncExitStack() as stack:
        speakers: dict[str, Speaker] = {}
        for name in names:
            link = Link(Broker.parse(broker.url), name, subscriptions=(Subscription(topic(name, Kind.ASK)),))
            await stack.enter_async_context(link.running())
            speakers[name] = Speaker(name, link)
        for speaker in speakers.values():
            await speaker.link.until(True)
        yield speakers


async def greet(speakers: dict[str, Speaker]) -> None:
    """All are there, and all is well."""
    for speaker in speakers.values():
        await speaker.present()
        await speaker.say(*(result(check, ok=True) for check in CHECKS))


async def fail(speakers: Iterable[Speaker], *checks: str) -> None:
    """A first failure and its repeat."""
    for speaker in speakers:
        for check in checks:
            await speaker.say(result(check, ok=False), result(check, ok=False, attempt=2))


async def incidents(running: Running, query: str = "") -> list[dict[str, Any]]:
    status, text, _ = await running.get(f"/api/v1/incidents{query}")
    assert status == 200, text
    found: list[dict[str, Any]] = json.loads(text)["incidents"]
    return found


async def one_incident(running: Running, seconds: float = 30.0) -> dict[str, Any]:
    """The first that appears."""
    async with asyncio.timeout(seconds):
        while not (found := await incidents(running)):
            await asyncio.sleep(0.05)
    return found[0]
