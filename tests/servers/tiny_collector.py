"""A collector of a few lines: it notes every seq that arrives and acknowledges what has no hole before it."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from vedette.mqtt import Broker, Inbound, Link, NotConnected, Subscription
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, Ask, Batch, EpochMark, Heartbeat, HeartbeatEcho, Presence, Result
from vedette.wire.topics import Kind, address, subscription, topic


class TinyCollector:
    def __init__(self, url: str) -> None:
        kinds = (Kind.LIVE, Kind.REPLAY, Kind.HEARTBEAT)
        wanted = [Subscription(subscription(kind)) for kind in kinds]
        wanted.append(Subscription(subscription(Kind.PRESENCE), retained=True))
        self.link = Link(Broker.parse(url), "tiny-collector", subscriptions=wanted, backoff=0.05)
        self.identity = secrets.token_hex(16)
        self.seen: dict[str, Counter[int]] = {}  # by epoch: how often each seq came
        self.low: dict[str, int] = {}
        self.results: list[Result] = []
        self.arrived: list[tuple[float, Kind, Batch]] = []  # the loop's clock
        self.presences: list[Presence] = []
        self.heartbeats: list[Heartbeat] = []
        self.lost: dict[str, Counter[int]] = {}  # by epoch: seqs in gaps of heartbeats
        self.is_acking = True
        self.replay_rate = 100_000
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TinyCollector"]:
        async with self.link.running(), asyncio.TaskGroup() as group:
            reader = group.create_task(self._read(), name="tiny collector")
            await self.link.until(True)
            yield self
            reader.cancel()

    async def until(self, condition: Callable[[], bool], within: float = 15.0) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def ask(self, agent: str, *checks: str, within: float = 10.0, times: int = 1) -> None:
        """Ask for these checks, from now on until *within* seconds have passed; say it so many times."""
        now_us = time.time_ns() // 1000
        ask = Ask(
            v=limits.VERSION,
            agent=agent,
            sent_us=now_us,
            expires_us=now_us + int(within * 1e6),
            checks=list(checks),
        )
        payload, content_type = codec.encode(ask)
        for _ in range(times):
            await self.link.publish(topic(agent, Kind.ASK), payload, expiry=10, content_type=content_type)

    async def _read(self) -> None:
        async for message in self.link.messages():
            try:
                await self._take(message)
            except NotConnected:
                pass
            message.done()
            self._changed.set()

    async def _take(self, message: Inbound) -> None:
        agent, kind = address(message.topic)
        match kind:
            case Kind.LIVE | Kind.REPLAY:
                batch = codec.decode(message.payload, message.content_type, Batch)
                self.arrived.append((message.received, kind, batch))
                self._note(batch)
                await self._ack(agent, batch.epoch, None)
            case Kind.HEARTBEAT:
                heartbeat = codec.decode(message.payload, message.content_type, Heartbeat)
                self.heartbeats.append(heartbeat)
                for gap in heartbeat.gaps:
                    self.lost.setdefault(gap.epoch, Counter()).update(range(gap.first, gap.end))
                echo = HeartbeatEcho(sent_us=heartbeat.sent_us, received_us=message.received_us)
                await self._ack(agent, heartbeat.epoch, echo)
            case Kind.PRESENCE:
                self.presences.append(codec.decode(message.payload, message.content_type, Presence))
            case Kind.ACK | Kind.ASK:
                raise AssertionError("nobody else says that here")

    def _note(self, batch: Batch) -> None:
        seen = self.seen.setdefault(batch.epoch, Counter())
        for place, result in enumerate(batch.results):
            seq = batch.first_seq + place
            if not seen[seq]:
                self.results.append(result)
            seen[seq] += 1
        self.low[batch.epoch] = max(self.low.get(batch.epoch, 0), batch.acked)

    def _mark(self, epoch: str) -> EpochMark:
        seen, lost = self.seen.get(epoch, Counter()), self.lost.get(epoch, Counter())
        low = self.low.get(epoch, 0)
        while seen[low] or lost[low]:
            low += 1
        self.low[epoch] = low
        return EpochMark(epoch=epoch, low=low)

    async def _ack(self, agent: str, epoch: str, echo: HeartbeatEcho | None) -> None:
        if not self.is_acking:
            return
        ack = Ack(
            v=limits.VERSION,
            agent=agent,
            collector=self.identity,
            sent_us=time.time_ns() // 1000,
            marks=[self._mark(epoch)],
            heartbeat=echo,
            replay_rate=self.replay_rate,
        )
        payload, content_type = codec.encode(ack)
        await self.link.publish(topic(agent, Kind.ACK), payload, content_type=content_type)
