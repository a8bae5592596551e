"""Drives the outbox over the link and the disk, and begins epochs. `talk` and `showing` say the rest."""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from vedette.log import fields
from vedette.mqtt import Broker, Link, NotConnected, PublishRefused, Subscription
from vedette.wire.messages import Result
from vedette.wire.topics import Kind, topic
from vedette_agent.delivery import clocks
from vedette_agent.delivery.asks import Asks
from vedette_agent.delivery.clockwatch import LEAP_US, ClockWatch
from vedette_agent.delivery.keeping import Keeping
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcel import Parcel
from vedette_agent.delivery.replay import Fetch
from vedette_agent.delivery.showing import Showing
from vedette_agent.delivery.talk import Talk, Vitals

log = logging.getLogger("vedette.publish")

INBOX = 100  # acks; each repeats what the one before said
OPEN_SECONDS = 1.0  # that a connection waits for the spool: what is on disk may be another agent's
EPOCHS = 5  # that one process may begin
EPOCH_SECONDS = 300.0  # in any such time


class Publisher:
    """`add` results from anywhere on the loop while `run` runs; then `drain`, then cancel `run`.

    *directory*: of the spool; None for none. *ask*: probe a check within so many seconds; see `Asks`.
    """

    def __init__(
        self,
        broker: Broker,
        agent: str,
        epoch: str,
        tags: dict[str, str],
        vitals: Callable[[], Vitals],
        directory: Path | None = None,
        ask: Callable[[str, float], None] = lambda *_: None,
    ) -> None:
        self.outbox = Outbox(agent, epoch, is_spooled=directory is not None)
        self._agent = agent
        self.link = Link(
            broker,
            agent,
            subscriptions=(Subscription(topic(agent, Kind.ACK)), Subscription(topic(agent, Kind.ASK))),
            on_connect=self._greet,
            inbox_limit=INBOX,
        )
        self._now = clocks.boot_seconds  # a batch ages while the host sleeps
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._sleeps_until = 0.0
        self._clocks = ClockWatch(*clocks.readings_us())
        self.outbox.clock_is(self._clocks.wmb_us, self._now())
        self._renewed: deque[float] = deque(maxlen=EPOCHS)  # when it began epochs
        self._has_begun = False  # the present epoch, and nobody was told
        self._keeping = None if directory is None else Keeping(directory, self.outbox, self._wake.set)
        self._refusal: int | None = None
        self.showing = Showing(self.link, agent, self.outbox)
        self.talk = Talk(
            self.link,
            agent,
            self.outbox,
            self._keeping,
            self._clocks,
            self.showing.stash.lost,
            vitals,
            tags,
            look=self.tick,
            on_ack=self._acked,
            asks=Asks(agent, ask),
        )
        self.link.will = self.talk.will()

    def add(self, result: Result) -> None:
        now = self._now()
        if abs(time.time() - now - self._clocks.wmb_us / 1e6) > LEAP_US / 1e6:
            # Before it is numbered: in a machine that was resumed the number may be one that was given out.
            self.tick()
            self._renew(now)
        due = self.outbox.add(result, now)
        if self._keeping is not None:
            self._keeping.note(self.outbox.next_seq)
        # Waking the pump for every result would undo what batching saves.
        if due < self._sleeps_until:
            self._wake.set()

    @property
    def queued_share(self) -> float:
        """Of what may wait for the disk, what does."""
        return 0.0 if self._keeping is None else self._keeping.queued_share

    def tick(self) -> None:
        """Look at the clocks. To be called every second or so, between results."""
        if self._clocks.see(*clocks.readings_us()):
            self.outbox.clock_is(self._clocks.wmb_us, self._now())
            if self._clocks.has_leapt:
                self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Raises ConfigError, in a group, when another agent has the directory."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(group), name="pump")
            if self._keeping is not None:
                opening = group.create_task(self._keeping.open(), name="spool")
                await asyncio.wait([opening], timeout=OPEN_SECONDS)
            async with self.link.running(), asyncio.TaskGroup() as linked:
                linked.create_task(self.talk.beat(), name="heartbeat")
                linked.create_task(self.talk.listen(), name="acks")
                linked.create_task(self.showing.run(), name="evidence")

    async def drain(self, within: float) -> None:
        """Send what there is, wait for a collector that is there, say goodbye; at most *within* seconds.

        What has no ack by then is on disk when this returns, where there is one.
        """
        if self.talk.has_met_a_collector:
            # Nobody will be here to notice a missing ack: what went past the collector has to go again now.
            self.outbox.resend(self._now())
        self.outbox.flush(self._now())
        self._wake.set()
        try:
            async with asyncio.timeout(within * 0.8):
                while self.link.is_connected and not self._is_drained():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            pass
        try:
            async with asyncio.timeout(within * 0.2):
                await self.talk.leave()
        except (TimeoutError, NotConnected, PublishRefused):
            pass  # the last will says it
        if self._keeping is not None:
            await self._keeping.close(self._now(), within)
        log.info(
            "drained",
            extra=fields(produced=self.outbox.next_seq, pending=self.outbox.pending, lost=self._lost()),
        )

    def _is_drained(self) -> bool:
        return self.outbox.is_said if self.talk.has_met_a_collector else self.outbox.is_settled

    def _lost(self) -> int:
        return self.outbox.ledger.gaps.counts.total()

    async def _greet(self) -> None:
        self.outbox.pace.connected()
        self.outbox.resend(self._now())
        self._wake.set()
        await self.talk.greet()

    def _acked(self) -> None:
        self._wake.set()
        self._progress.set()

    async def _pump(self, group: asyncio.TaskGroup) -> None:
        outbox = self.outbox
        while True:
            self._wake.clear()
            now = self._now()
            self._renew(now)
            if self._has_begun:
                self._has_begun = False
                group.create_task(self._begun(), name="epoch")
            outbox.is_connected = self.link.is_connected
            while self.link.is_connected and (work := outbox.take(now)) is not None:
                doing = self._send(work) if isinstance(work, Parcel) else self._fetch(work)
                group.create_task(doing, name=f"batch {work.first}")
            if self._keeping is not None:
                self._keeping.move(now)
            self._sleeps_until = outbox.next_due(now)
            try:
                async with asyncio.timeout(min(self._sleeps_until - now, 3600.0)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _renew(self, now: float) -> None:
        """Begin another epoch, if there is reason to."""
        is_wanted = self.outbox.is_resumed or self._clocks.has_leapt
        recent = [at for at in self._renewed if now - at < EPOCH_SECONDS]
        if not is_wanted or len(recent) >= EPOCHS:
            return
        self._renewed.append(now)
        self._has_begun = True
        self._clocks.has_leapt = False
        if self._keeping is not None:
            self._keeping.leave()
        self.outbox.begin(secrets.token_hex(16), now)
        self.link.will = self.talk.will()  # of the next connection
        log.warning("the clock leapt, or this is a copy of what ran before: results are numbered anew")

    async def _begun(self) -> None:
        if self._keeping is not None:
            await self._keeping.reopen()
        try:
            await self.talk.announce()
            await self.talk.say_heartbeat()
        except (NotConnected, PublishRefused):
            pass  # the next connect says both

    async def _fetch(self, fetch: Fetch) -> None:
        assert self._keeping is not None
        rows = await self._keeping.read(fetch)
        parcel = self.outbox.fetched(fetch, rows, self._now())
        if parcel is not None:
            await self._send(parcel)
        self._wake.set()

    async def _send(self, parcel: Parcel) -> None:
        if not parcel.payload:  # an ack has settled it since it was taken
            self.outbox.undelivered(parcel, self._now())
            self._wake.set()
            self._progress.set()
            return
        kind = Kind.REPLAY if parcel.is_replay else Kind.LIVE
        try:
            await self.link.publish(
                topic(self._agent, kind),
                parcel.payload,
                expiry=self.outbox.expiry(parcel, self._now()),
                content_type=parcel.content_type,
            )
        except PublishRefused as exc:
            self.outbox.refused(parcel, exc.code, self._now())
            if self._refusal != exc.code:
                self._refusal = exc.code
                log.error("the broker refuses our results", extra=fields(topic=kind.value, reason=exc))
        except NotConnected:
            self.outbox.undelivered(parcel, self._now())
        else:
            self.outbox.delivered(parcel, self._now())
            self._refusal = None
        self._wake.set()
        self._progress.set()
