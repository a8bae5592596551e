"""Drives the outbox over the link: batches, heartbeats and presence out, acks in."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable

import vedette
from vedette.checks.model import Check
from vedette.clock import ClockEstimate, Exchange
from vedette.errors import WireError
from vedette.log import fields
from vedette.mqtt import Broker, Inbound, Link, NotConnected, PublishRefused, Subscription, Will
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, Heartbeat, Presence, Result
from vedette.wire.topics import Kind, topic
from vedette_agent.collectors import Collectors
from vedette_agent.engine.record import Record
from vedette_agent.evidence import evidence
from vedette_agent.outbox import Outbox, Parcel
from vedette_agent.stash import Packed, Stash

log = logging.getLogger("vedette.publish")

HEARTBEAT_EXPIRY = 30  # seconds
BREATH = 0.02  # seconds; results that are due leave before evidence does
INBOX = 100  # acks; each repeats what the one before said


class Vitals:
    """What the rest of the agent reports in a heartbeat."""

    __slots__ = ("lag", "overlapping", "running", "skipped")

    def __init__(self, skipped: int, overlapping: int, running: int, lag: float) -> None:
        self.skipped = skipped
        self.overlapping = overlapping
        self.running = running
        self.lag = lag  # seconds; the worst since the last heartbeat


class Publisher:
    """`add` results from anywhere on the loop while `run` runs; then `drain`, then cancel `run`."""

    def __init__(
        self, broker: Broker, agent: str, epoch: str, tags: dict[str, str], vitals: Callable[[], Vitals]
    ) -> None:
        self.outbox = Outbox(agent, epoch)
        self.stash = Stash()
        self.clock = ClockEstimate()
        self.acks_rejected: Counter[str] = Counter()  # by reason
        self.tags = tags
        self.config_hash: str | None = None
        self._agent = agent
        self._epoch = epoch
        self._vitals = vitals
        self._started_us = _now_us()
        payload, content_type = codec.encode(self._presence("gone", "connection lost"))
        self.link = Link(
            broker,
            agent,
            subscriptions=(Subscription(topic(agent, Kind.ACK)),),
            will=Will(topic(agent, Kind.PRESENCE), payload, content_type),
            on_connect=self._greet,
            inbox_limit=INBOX,
        )
        self._now = asyncio.get_running_loop().time
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._has_evidence = asyncio.Event()
        self._is_barred = False  # the broker refuses our evidence, and some drop who is refused
        self._sleeps_until = 0.0
        self._beats: deque[int] = deque(maxlen=8)  # sent_us of heartbeats that have no answer yet
        self._collectors = Collectors()
        self._refusal: int | None = None

    def add(self, result: Result) -> None:
        now = self._now()
        # Waking the pump for every result would undo what batching saves.
        if self.outbox.add(result, now) and self.outbox.next_due(now) < self._sleeps_until:
            self._wake.set()

    def explain(self, check: Check, result: Result, record: Record, started: float) -> bool:
        """Publish, after results, what the probe of *result* noted. False when there was too much already.

        *result* is the last that was added; *started*: monotonic seconds.
        """
        if self._is_barred:
            self.stash.lost["refused"] += 1
            return True
        if not self.stash.admits(self._now()):
            return False
        seq = self.outbox.next_seq - 1
        said = evidence(self._agent, self._epoch, seq, check, result, record, started)
        self.stash.put(Packed(*codec.encode(said)))
        self._has_evidence.set()
        return True

    async def run(self) -> None:
        async with self.link.running(), asyncio.TaskGroup() as group:
            group.create_task(self._pump(group), name="pump")
            group.create_task(self._beat(), name="heartbeat")
            group.create_task(self._listen(), name="acks")
            group.create_task(self._show(), name="evidence")

    async def announce(self) -> None:
        """Say that we are here, and with which configuration."""
        await self._say(Kind.PRESENCE, self._presence("online"), retain=True)

    async def drain(self, within: float) -> None:
        """Send what there is, wait for a collector that is there, say goodbye; at most *within* seconds."""
        if self._collectors:
            # Nobody will be here to notice a missing ack: what went past the collector has to go again now.
            self.outbox.forgotten(self._now())
        self.outbox.flush()
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
                await self._say(Kind.PRESENCE, self._presence("gone", "stopped"), retain=True)
        except (TimeoutError, NotConnected, PublishRefused):
            pass  # the last will says it
        log.info(
            "drained",
            extra=fields(produced=self.outbox.next_seq, pending=self.outbox.pending, lost=self._lost()),
        )

    def _is_drained(self) -> bool:
        has_collector = bool(self._collectors)
        return self.outbox.pending == 0 if has_collector else self.outbox.is_settled

    def _lost(self) -> int:
        return sum(self.outbox.lost.values())

    async def _greet(self) -> None:
        self.outbox.forgotten(self._now())
        self._wake.set()
        await self.announce()
        await self._heartbeat()

    async def _pump(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self.link.until(True)
            self._wake.clear()
            now = self._now()
            while self.link.is_connected and (parcel := self.outbox.take(now)) is not None:
                group.create_task(self._send(parcel), name=f"batch {parcel.first}")
            self._sleeps_until = self.outbox.next_due(now)
            try:
                async with asyncio.timeout_at(min(self._sleeps_until, now + 3600.0)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _send(self, parcel: Parcel) -> None:
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

    async def _show(self) -> None:
        """One record at a time, each behind the results that are due."""
        while True:
            await self._has_evidence.wait()
            await self.link.until(True)
            if self.outbox.next_due(self._now()) <= self._now():
                await asyncio.sleep(BREATH)
                continue
            packed = self.stash.first()
            if packed is None:
                self._has_evidence.clear()
                continue
            try:
                await self.link.publish(
                    topic(self._agent, Kind.EVIDENCE),
                    packed.payload,
                    expiry=limits.EVIDENCE_EXPIRY_SECONDS,
                    content_type=packed.content_type,
                )
            except PublishRefused as exc:
                self.stash.settled(packed, refused=True)
                if not self._is_barred:
                    hint = "does its ACL let agents write it?"
                    log.error(
                        "the broker refuses our evidence, none is sent from now on",
                        extra=fields(topic=Kind.EVIDENCE.value, reason=exc, hint=hint),
                    )
                self._is_barred = True
            except NotConnected:
                # It goes by the next connection. The link learns of the end of this one only when the loop
                # turns, and until then neither wait above gives it a turn.
                await asyncio.sleep(BREATH)
            else:
                self.stash.settled(packed)

    async def _beat(self) -> None:
        at = self._now()
        while True:
            at += limits.HEARTBEAT_SECONDS
            await asyncio.sleep(at - self._now())
            at = max(
                at, self._now() - limits.HEARTBEAT_SECONDS
            )  # after a suspension: one, not all that passed
            try:
                await self._heartbeat()
            except (NotConnected, PublishRefused):
                pass  # counted and told by the link

    async def _heartbeat(self) -> None:
        vitals = self._vitals()
        best = self.clock.best
        sent_us = _now_us()
        self._beats.append(sent_us)
        heartbeat = Heartbeat(
            v=limits.VERSION,
            agent=self._agent,
            epoch=self._epoch,
            sent_us=sent_us,
            next_seq=self.outbox.next_seq,
            acked=self.outbox.floor,
            pending=self.outbox.pending,
            lost=dict(self.outbox.lost),
            skipped_slots=vitals.skipped,
            overlapping_slots=vitals.overlapping,
            running=vitals.running,
            loop_lag_us=min(int(vitals.lag * 1e6), limits.MAX_DURATION_US),
            publish_refused=self.link.counters.publish_refused.total(),
            clock_offset_us=None if best is None else best.offset,
            clock_rtt_us=None if best is None else min(best.delay, limits.MAX_DURATION_US),
            evidence_lost={reason: count for reason, count in self.stash.lost.items() if count},
        )
        await self._say(Kind.HEARTBEAT, heartbeat, expiry=HEARTBEAT_EXPIRY)

    async def _listen(self) -> None:
        async for message in self.link.messages():
            message.done()
            try:
                is_stranger = self._take_ack(message)
            except WireError as exc:
                self.acks_rejected[exc.reason] += 1
                if self.acks_rejected[exc.reason] == 1:  # one line a reason: whoever sends these sends many
                    log.warning("ack ignored", extra=fields(reason=exc.reason, detail=exc.detail))
                continue
            if is_stranger:
                # Its configuration may have learned of us after it had refused what we said at the connect.
                try:
                    await self.announce()
                except (NotConnected, PublishRefused):
                    pass  # the next connect announces us

    def _take_ack(self, message: Inbound) -> bool:
        """True when it is of a collector that may have missed what we said."""
        if message.topic != topic(self._agent, Kind.ACK) or message.retain:
            raise WireError("topic", "not an ack for us, or one that was kept for us")
        ack = codec.decode(message.payload, message.content_type, Ack)
        if ack.agent != self._agent:
            raise WireError("foreign", f"for {ack.agent}")
        self.outbox.acked(ack.marks)
        now = self._now()
        is_stranger = self._collectors.is_new(ack.collector, now)
        if is_stranger:
            self.outbox.forgotten(now)
        if ack.heartbeat is not None and ack.heartbeat.sent_us in self._beats:
            self._beats.remove(ack.heartbeat.sent_us)
            self.clock.add(
                Exchange(
                    sent=ack.heartbeat.sent_us,
                    received=ack.heartbeat.received_us,
                    replied=ack.sent_us,
                    returned=message.received_us,
                )
            )
        self._wake.set()
        self._progress.set()
        return is_stranger

    def _presence(self, state: str, reason: str | None = None) -> Presence:
        return Presence(
            v=limits.VERSION,
            agent=self._agent,
            epoch=self._epoch,
            state="online" if state == "online" else "gone",
            version=vedette.__version__,
            started_us=self._started_us,
            reason=reason,
            tags=self.tags,
            config_hash=self.config_hash,
        )

    async def _say(
        self, kind: Kind, message: Presence | Heartbeat, *, retain: bool = False, expiry: int | None = None
    ) -> None:
        payload, content_type = codec.encode(message)
        await self.link.publish(
            topic(self._agent, kind), payload, retain=retain, expiry=expiry, content_type=content_type
        )


def _now_us() -> int:
    return time.time_ns() // 1000
