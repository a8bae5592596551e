"""Feeds the core from the broker and publishes acks and asks: three links, as one identity is one connection.

A message is settled with the broker once the core has decided on it; the agent keeps what it holds until an
ack says that it is durable. The rights of the three identities do not overlap: the two that read cannot
write, and the other way.
"""

import asyncio
import logging
import secrets
import time
from typing import Final

from vedette.log import fields
from vedette.mqtt import Broker, Link, LinkError, PublishRefused, Subscription
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, Ask
from vedette.wire.topics import Kind, subscription, topic
from vedette_collector.acks import Acks
from vedette_collector.asks import EXPIRY_SECONDS
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.ingest import Ingest
from vedette_collector.store.journal import Keeping

log = logging.getLogger("vedette.collector.subscribe")

QUIET_SECONDS: Final = 0.005  # until replay looks again whether it is its turn
REFUSED_SECONDS: Final = 600.0  # until a broker that refused an ask is given another
ACK_SECONDS: Final = 0.1  # acks of one agent within this time become one

_SUBSCRIPTIONS: Final[dict[str, tuple[Subscription, ...]]] = {
    "live": (
        Subscription(subscription(Kind.LIVE)),
        Subscription(subscription(Kind.HEARTBEAT)),
        # Who is there was said before we came.
        Subscription(subscription(Kind.PRESENCE), retained=True),
    ),
    # Evidence is bulky: here it delays no fresh result.
    "replay": (Subscription(subscription(Kind.REPLAY)), Subscription(subscription(Kind.EVIDENCE))),
    "control": (),
}


class Courier:
    """Owns the links `live`, `replay` and `control`, connected as `collector-live` and so on."""

    def __init__(
        self,
        broker: Broker,
        ingest: Ingest,
        acks: Acks,
        board: Board,
        condition: Condition,
    ) -> None:
        """`journal` is to be set before it runs; it calls `applied`.

        Raises ConfigError when a password or certificate file of an identity cannot be used.
        """
        self._ingest = ingest
        self._acks = acks
        self.journal: Keeping
        self._board = board
        self._condition = condition
        self._asking = asyncio.Lock()
        self._ask_from = float("-inf")  # monotonic
        self._due = asyncio.Event()
        self._urgent = asyncio.Event()
        self.links = {
            name: Link(broker.of(identity), identity, subscriptions=subscriptions)
            for name, subscriptions in _SUBSCRIPTIONS.items()
            for identity in (f"collector-{name}",)
        }
        condition.link_counters = {name: link.counters for name, link in self.links.items()}

    async def run(self) -> None:
        """Until cancelled. A broker that is away is tried again for ever."""
        async with asyncio.TaskGroup() as group:
            for name, link in self.links.items():
                group.create_task(link.run(), name=f"link {name}")
                group.create_task(self._watch(name, link), name=f"watch {name}")
            for name in ("live", "replay"):
                group.create_task(self._read(self.links[name]), name=f"read {name}")
            group.create_task(self._acknowledge(self.links["control"]), name="acknowledge")

    async def _read(self, link: Link) -> None:
        async for message in link.messages():
            if link is self.links["replay"]:
                await self._quiet()
            now = Moment(message.received_us / 1e6, message.received)
            self._ingest.is_deferring = self.journal.is_behind(now.mono)
            entry = self._ingest.message(
                message.topic, message.payload, message.content_type, message.retain, now
            )
            # Of what is lost between here and the disk the agent gets no ack: it sends it again.
            message.done()
            if entry is not None:
                self.journal.add(entry)
            else:
                self.applied()
            # A full inbox would otherwise be worked off in one go, and scrapes would wait for it.
            await asyncio.sleep(0)

    async def _quiet(self) -> None:
        """Until nothing live waits, here or for the disk: what is replayed has waited already.

        A disk that stands still is not waited for. What comes then is left to its agent, unread.
        """
        while self.links["live"].unread or self.journal.is_busy():
            if self.journal.is_behind(asyncio.get_running_loop().time()):
                return
            await asyncio.sleep(QUIET_SECONDS)

    def applied(self) -> None:
        """Acks may be due."""
        if self._acks:
            self._due.set()
            if self._acks.is_urgent:
                self._urgent.set()

    async def _watch(self, name: str, link: Link) -> None:
        connected = False
        while True:
            connected = not connected
            await link.until(connected)
            if connected and _SUBSCRIPTIONS[name]:
                # What the broker took for us while nobody read it is gone, and its senders do not know.
                self._acks.collector = secrets.token_hex(16)
                self._ingest.reading_since = asyncio.get_running_loop().time()
            self._condition.links[name] = connected
            self._condition.refusals[name] = link.refusals
            self._board.version += 1

    async def _acknowledge(self, control: Link) -> None:
        while True:
            await self._due.wait()
            try:
                async with asyncio.timeout(ACK_SECONDS):
                    await self._urgent.wait()
            except TimeoutError:
                pass  # nobody is in a hurry: the acks of this time go out together
            await control.until(True)
            self._due.clear()
            self._urgent.clear()
            async with asyncio.TaskGroup() as group:
                for ack in self._acks.take(time.time_ns() // 1000):
                    group.create_task(self._publish(control, ack), name=f"ack {ack.agent}")

    async def ask(self, ask: Ask) -> bool:
        """Whether the broker took it. One that does not let us ask is left alone for a while."""
        payload, content_type = codec.encode(ask)
        loop = asyncio.get_running_loop()
        until = loop.time() + EXPIRY_SECONDS
        # One at a time: what is refused once is not tried with the others that wait.
        async with self._asking:
            if not self._ask_from <= loop.time() < until:
                return False
            try:
                await self.links["control"].publish(
                    topic(ask.agent, Kind.ASK), payload, expiry=EXPIRY_SECONDS, content_type=content_type
                )
            except PublishRefused as exc:
                # Some brokers also drop the connection for it, and acks go by the same.
                self._ask_from = loop.time() + REFUSED_SECONDS
                log.warning("the broker refuses asks: does its ACL have them?", extra=fields(reason=exc))
                return False
            except LinkError as exc:
                log.debug("ask not published", extra=fields(agent=ask.agent, reason=exc))
                return False
        return True

    async def _publish(self, control: Link, ack: Ack) -> None:
        payload, content_type = codec.encode(ack)
        try:
            await control.publish(
                topic(ack.agent, Kind.ACK),
                payload,
                expiry=limits.LIVE_EXPIRY_SECONDS,
                content_type=content_type,
            )
        except LinkError as exc:
            # The next heartbeat of the agent brings the marks again: nothing to keep.
            self._condition.acks_failed += 1
            log.debug("ack not published", extra=fields(agent=ack.agent, reason=exc))
        else:
            self._condition.acks_published += 1
