"""Drives the outbox over the link and the disk: batches, heartbeats and presence out, acks in."""

import asyncio
import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

import vedette
from vedette.checks.model import Check
from vedette.clock import ClockEstimate, Exchange
from vedette.errors import WireError
from vedette.log import fields
from vedette.mqtt import Broker, Inbound, Link, NotConnected, PublishRefused, Subscription, Will
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, Heartbeat, HeartbeatEcho, Presence, Result, SpoolState
from vedette.wire.topics import Kind, topic
from vedette_agent.delivery.beats import Beats
from vedette_agent.delivery.clockwatch import LEAP_US, ClockWatch
from vedette_agent.delivery.collectors import Collectors
from vedette_agent.delivery.keeping import Keeping
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcel import Parcel
from vedette_agent.delivery.replay import Fetch
from vedette_agent.delivery.stash import Packed, Stash
from vedette_agent.engine.record import Record
from vedette_agent.evidence import evidence

log = logging.getLogger("vedette.publish")

HEARTBEAT_EXPIRY = 30  # seconds
SILENCE = 1.5  # heartbeats without an ack; the collector answers every one
BREATH = 0.02  # seconds; results that are due leave before evidence does
INBOX = 100  # acks; each repeats what the one before said
OPEN_SECONDS = 1.0  # that a connection waits for the spool: what is on disk may be another agent's
EPOCHS = 5  # that one process may begin
EPOCH_SECONDS = 300.0  # in any such time


class Vitals:
    """What the rest of the agent reports in a heartbeat."""

    __slots__ = ("lag", "overlapping", "running", "shed", "skipped")

    def __init__(
        self, skipped: int, overlapping: int, running: int, lag: float, shed: dict[str, int] | None = None
    ) -> None:
        self.skipped = skipped
        self.overlapping = overlapping
        self.running = running
        self.lag = lag  # seconds; the worst since the last heartbeat
        self.shed = shed or {}  # what was left out under load, by step


class Publisher:
    """`add` results from anywhere on the loop while `run` runs; then `drain`, then cancel `run`.

    *directory*: of the spool; None for none.
    """

    def __init__(
        self,
        broker: Broker,
        agent: str,
        epoch: str,
        tags: dict[str, str],
        vitals: Callable[[], Vitals],
        directory: Path | None = None,
    ) -> None:
        self.outbox = Outbox(agent, epoch, is_spooled=directory is not None)
        self.stash = Stash()
        self.clock = ClockEstimate()  # of the collector's clock over our time since boot
        self.acks_rejected: Counter[str] = Counter()  # by reason
        self.tags = tags
        self.config_hash: str | None = None
        self._agent = agent
        self._vitals = vitals
        self._started_us = _now_us()
        self.link = Link(
            broker,
            agent,
            subscriptions=(Subscription(topic(agent, Kind.ACK)),),
            will=self._will(),
            on_connect=self._greet,
            inbox_limit=INBOX,
        )
        self._now = _boot_seconds  # a batch ages while the host sleeps
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._has_evidence = asyncio.Event()
        self._is_barred = False  # the broker refuses our evidence, and some drop who is refused
        self._sleeps_until = 0.0
        self._beats = Beats()
        self._clocks = ClockWatch(*_clocks_us())
        self.outbox.clock_is(self._clocks.wmb_us, self._now())
        self._renewed: deque[float] = deque(maxlen=EPOCHS)  # when it began epochs
        self._has_begun = False  # the present epoch, and nobody was told
        self._keeping = None if directory is None else Keeping(directory, self.outbox, self._wake.set)
        self._collectors = Collectors()
        self._refusal: int | None = None
        self._answered = 0.0  # when the last ack came, or the connection began
        self._is_alone = False

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
        if self._clocks.see(*_clocks_us()):
            self.outbox.clock_is(self._clocks.wmb_us, self._now())
            if self._clocks.has_leapt:
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
        said = evidence(self._agent, self.outbox.epoch, seq, check, result, record, started)
        self.stash.put(Packed(*codec.encode(said)))
        self._has_evidence.set()
        return True

    async def run(self) -> None:
        """Until cancelled. Raises ConfigError, in a group, when another agent has the directory."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(group), name="pump")
            if self._keeping is not None:
                opening = group.create_task(self._keeping.open(), name="spool")
                await asyncio.wait([opening], timeout=OPEN_SECONDS)
            async with self.link.running(), asyncio.TaskGroup() as linked:
                linked.create_task(self._beat(), name="heartbeat")
                linked.create_task(self._listen(), name="acks")
                linked.create_task(self._show(), name="evidence")

    async def announce(self) -> None:
        """Say that we are here, and with which configuration."""
        await self._say(Kind.PRESENCE, self._presence("online"), retain=True)

    async def drain(self, within: float) -> None:
        """Send what there is, wait for a collector that is there, say goodbye; at most *within* seconds.

        What has no ack by then is on disk when this returns, where there is one.
        """
        if self._collectors:
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
                await self._say(Kind.PRESENCE, self._presence("gone", "stopped"), retain=True)
        except (TimeoutError, NotConnected, PublishRefused):
            pass  # the last will says it
        if self._keeping is not None:
            await self._keeping.close(self._now(), within)
        log.info(
            "drained",
            extra=fields(produced=self.outbox.next_seq, pending=self.outbox.pending, lost=self._lost()),
        )

    def _is_drained(self) -> bool:
        has_collector = bool(self._collectors)
        return self.outbox.is_said if has_collector else self.outbox.is_settled

    def _lost(self) -> int:
        return self.outbox.ledger.gaps.counts.total()

    async def _greet(self) -> None:
        self.outbox.pace.connected()
        self._answered = self._now()
        self.outbox.resend(self._now())
        self._wake.set()
        await self.announce()
        await self._heartbeat()

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
        self.link.will = self._will()  # of the next connection
        log.warning("the clock leapt, or this is a copy of what ran before: results are numbered anew")

    async def _begun(self) -> None:
        if self._keeping is not None:
            await self._keeping.reopen()
        try:
            await self.announce()
            await self._heartbeat()
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
            if self.outbox.next_send(self._now()) <= self._now():
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
                continue  # counted and told by the link
            self._listen_for_silence()

    def _listen_for_silence(self) -> None:
        """The broker acknowledges whatever it takes, so that is no sign of a collector."""
        is_alone = self._now() - self._answered >= SILENCE * limits.HEARTBEAT_SECONDS
        if is_alone and not self._is_alone:
            log.warning("no collector answers", extra=fields(pending=self.outbox.pending))
        self._is_alone = is_alone

    async def _heartbeat(self) -> None:
        is_all_known = self._keeping is None or self._keeping.has_adopted
        vitals = self._vitals()
        best = self.clock.best
        sent_us = _now_us()
        heartbeat = Heartbeat(
            v=limits.VERSION,
            agent=self._agent,
            sent_us=sent_us,
            skipped_slots=vitals.skipped,
            overlapping_slots=vitals.overlapping,
            running=vitals.running,
            loop_lag_us=min(int(vitals.lag * 1e6), limits.MAX_DURATION_US),
            publish_refused=self.link.counters.publish_refused.total(),
            clock_offset_us=self.outbox.offset_us,
            clock_rtt_us=None if best is None else min(best.delay, limits.MAX_DURATION_US),
            evidence_lost={reason: count for reason, count in self.stash.lost.items() if count},
            spool=SpoolState(state="off") if self._keeping is None else self._keeping.state,
            shed=vitals.shed,
            clock_steps=self._clocks.steps,
            suspensions=self._clocks.suspensions,
            **self._beats.said(self.outbox, sent_us, is_all_known=is_all_known),
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
        now = self._answered = self._now()
        if self._is_alone:
            self._is_alone = False
            log.info("a collector answers again", extra=fields(pending=self.outbox.pending))
        self.outbox.acked(ack.marks, now)
        self.outbox.pace.grant(ack.replay_rate)
        if ack.refresh:
            self.outbox.refresh()
        is_stranger = self._collectors.is_new(ack.collector, now)
        if is_stranger:
            self.outbox.forgotten(now)
            self._beats.mention(self.outbox.ledger.done())
        if ack.heartbeat is not None:
            self._take_echo(ack, ack.heartbeat, message.received_us)
        self._wake.set()
        self._progress.set()
        return is_stranger

    def _take_echo(self, ack: Ack, echo: HeartbeatEcho, returned_us: int) -> None:
        gaps = self._beats.echoed(echo.sent_us)
        if gaps is None:
            return
        if gaps:
            self.outbox.ledger.confirmed(gaps)
            if self._keeping is not None:
                self._keeping.confirmed(gaps)
        self.tick()
        # By time since boot, which nothing sets. An exchange in which the wall clock was set seems slow.
        wmb_us = self._clocks.wmb_us
        self.clock.add(
            Exchange(
                sent=echo.sent_us - wmb_us,
                received=echo.received_us,
                replied=ack.sent_us,
                returned=returned_us - wmb_us,
            )
        )
        best = self.clock.best
        if best is not None:
            self.outbox.theirs_is(best.offset)

    def _will(self) -> Will:
        payload, content_type = codec.encode(self._presence("gone", "connection lost"))
        return Will(topic(self._agent, Kind.PRESENCE), payload, content_type)

    def _presence(self, state: str, reason: str | None = None) -> Presence:
        return Presence(
            v=limits.VERSION,
            agent=self._agent,
            epoch=self.outbox.epoch,
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


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _clocks_us() -> tuple[int, int, int]:
    """Wall clock, time since boot, monotonic time."""
    boot_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return _now_us(), boot_us, time.monotonic_ns() // 1000
