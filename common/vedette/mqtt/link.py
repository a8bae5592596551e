"""A connection to the broker that is made again for ever, each time with a new client."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from vedette.errors import ConfigError
from vedette.log import fields
from vedette.mqtt.broker import Broker
from vedette.mqtt.connection import Connection
from vedette.mqtt.counters import LinkCounters
from vedette.mqtt.dial import dial
from vedette.mqtt.errors import ConnectFailed, NotConnected, PublishRefused
from vedette.mqtt.messages import Inbound, Subscription, Will

log = logging.getLogger("vedette.mqtt")

KEEPALIVE = 20  # seconds; a black hole is noticed within 1.4 times this
OPEN_TIMEOUT = 10.0  # seconds for socket and handshake, and again for CONNACK and SUBACK
BACKOFF = 1.0  # seconds; also the shortest time between two attempts
BACKOFF_FIRST = 4.0  # the longest first wait: it spreads a fleet that lost its broker at one moment
BACKOFF_CAP = 60.0
_NOT_AUTHORIZED = 0x87
STABLE = 3.0  # a connection that lived this long starts the backoff afresh


class Link:
    """Run it inside a task group; publish and read while it runs.

    *on_connect* is awaited after every connect, subscriptions in place. Its LinkErrors are logged.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        subscriptions: Sequence[Subscription] = (),
        will: Will | None = None,
        on_connect: Callable[[], Awaitable[None]] | None = None,
        inbox_limit: int = 1000,
        keepalive: int = KEEPALIVE,
        backoff: float = BACKOFF,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.broker = broker
        self.will = will  # of connections to come
        self.client_id = client_id
        self.counters = LinkCounters()
        self.is_connected = False
        self.since = 0.0  # the loop's clock: when is_connected last changed
        self.reason = "not connected yet"  # of being down
        self.refusals: list[str] = []  # subscriptions that the broker refused this connection
        self._subscriptions = subscriptions
        self._on_connect = on_connect
        self._inbox_limit = inbox_limit
        self._keepalive = keepalive
        self._backoff = backoff
        self._uniform = uniform
        self._connection: Connection | None = None
        self._inbox: deque[Inbound] = deque()
        self._arrived = asyncio.Event()
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._down.set()
        self._complaint: tuple[object, ...] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Link"]:
        """Run while the block runs; leaving it disconnects cleanly."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.run(), name=f"link {self.client_id}")
            try:
                yield self
            finally:
                task.cancel()

    async def run(self) -> None:
        """Connect for ever. Cancelled, it disconnects cleanly: the broker keeps the will to itself."""
        loop = asyncio.get_running_loop()
        self.since = steady = loop.time()  # steady: when a connection last held
        while True:
            began = loop.time()
            try:
                await self._one_connection()
            except ConnectFailed as exc:
                self.counters.connect_failures[exc.fault] += 1
                self.reason = str(exc)
                self._complain("cannot connect", reason=exc.fault, detail=exc.detail)
            now = loop.time()
            if self.since > began and now - began > STABLE * self._backoff:
                steady = now
            # Full jitter, but never sooner than the floor: a broker that comes back is not stormed. And the
            # wait is never longer than the trouble has lasted: a restart of seconds must not cost a minute.
            cap = min(BACKOFF_CAP * self._backoff, max(BACKOFF_FIRST * self._backoff, now - steady))
            await asyncio.sleep(self._uniform(self._backoff, cap))

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry: int | None = None,
        content_type: str | None = None,
    ) -> None:
        """Returns once the broker has it (QoS 1). Raises PublishRefused, or NotConnected without any wait."""
        connection = self._connection
        if connection is None:
            raise NotConnected(self.reason)
        try:
            await connection.send(topic, payload, qos, retain, expiry, content_type)
        except PublishRefused as exc:
            self.counters.publish_refused[exc.code] += 1
            raise
        self.counters.published += 1

    @property
    def unread(self) -> int:
        """Messages that came and were not received."""
        return len(self._inbox)

    async def receive(self) -> Inbound:
        """The next message, whichever connection it came by. One reader."""
        while not self._inbox:
            self._arrived.clear()
            await self._arrived.wait()
        return self._inbox.popleft()

    async def messages(self) -> AsyncIterator[Inbound]:
        while True:
            yield await self.receive()

    async def until(self, connected: bool) -> None:
        """Wait for the link to be up, or down."""
        await (self._up if connected else self._down).wait()

    async def _one_connection(self) -> None:
        connection = await self._opened()
        try:
            self._announce(True, "")
            self.counters.connects += 1
            log.info("connected", extra=fields(broker=self.broker, client=self.client_id))
            self._complaint = None
            self._connection = connection
            await self._greet(connection)
        finally:
            self._connection = None
            connection.close()
            self.counters.disconnects += 1
            self._announce(False, connection.lost.result())
        self._complain("connection lost", reason=connection.lost.result())

    async def _opened(self) -> Connection:
        try:
            # In a thread: a host's trust store takes tens of milliseconds, and the loop has probes to time.
            tls = await asyncio.to_thread(self.broker.tls_context)
            password = self.broker.password()
        except ConfigError as exc:
            raise ConnectFailed("files", str(exc)) from exc
        floor = self.broker.floor
        ahead = floor.at if floor is not None and floor.is_ahead() else None
        wire = await dial(self.broker.host, self.broker.port, tls, OPEN_TIMEOUT, ahead)
        connection = Connection(
            wire,
            host=self.broker.host,
            port=self.broker.port,
            identity=self.client_id,
            username=self.broker.username,
            password=password,
            will=self.will,
            keepalive=self._keepalive,
            # What an earlier connection left unread takes its place in the window of this one.
            receive_maximum=max(1, self._inbox_limit - len(self._inbox)),
            deliver=self._take_in,
        )
        try:
            await connection.open(OPEN_TIMEOUT)
            self.refusals = await connection.listen(self._subscriptions, OPEN_TIMEOUT)
            for refusal in self.refusals:
                self.counters.subscriptions_refused += 1
                self._complain("subscription refused", detail=refusal)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _greet(self, connection: Connection) -> None:
        """Until the connection is lost; the greeting must not keep us from noticing."""
        if self._on_connect is None:
            await asyncio.shield(connection.lost)
            return
        async with asyncio.TaskGroup() as group:
            greeting = group.create_task(self._greeting(self._on_connect), name="greeting")
            await asyncio.shield(connection.lost)
            greeting.cancel()

    async def _greeting(self, on_connect: Callable[[], Awaitable[None]]) -> None:
        try:
            await on_connect()
        except PublishRefused as exc:
            # Accepted, and yet refused its own topic: mostly the certificate of another host, which the
            # broker takes for that one.
            where = f"does the certificate (or user name) say {self.client_id}, and the broker's ACL too?"
            hint = {"hint": where} if exc.code == _NOT_AUTHORIZED else {}
            log.error("greeting refused", extra=fields(client=self.client_id, reason=exc, **hint))
        except NotConnected:
            pass  # said by the link itself

    def _take_in(self, message: Inbound) -> None:
        if message.qos == 0 and len(self._inbox) >= self._inbox_limit:
            self.counters.dropped_unacknowledged += 1
            return
        self.counters.received += 1
        self._inbox.append(message)
        self._arrived.set()

    def _announce(self, connected: bool, reason: str) -> None:
        self.is_connected = connected
        self.since = asyncio.get_running_loop().time()
        self.reason = reason
        now, before = (self._up, self._down) if connected else (self._down, self._up)
        before.clear()
        now.set()

    def _complain(self, event: str, **why: object) -> None:
        """Once for every change; a broker that stays away is one line, not one a minute."""
        complaint = (event, *why.values())
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning(event, extra=fields(broker=self.broker, client=self.client_id, **why))
