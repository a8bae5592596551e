"""What agent and collector tell one another beside results: presence and heartbeats out, acks and asks in."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import vedette
from vedette.clock import ClockEstimate, Exchange
from vedette.errors import WireError
from vedette.log import fields
from vedette.mqtt import Inbound, Link, NotConnected, PublishRefused, Will
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, Heartbeat, HeartbeatEcho, Presence, SpoolState
from vedette.wire.topics import Kind, topic
from vedette_agent.delivery.asks import Asks
from vedette_agent.delivery.beats import Beats
from vedette_agent.delivery.clocks import boot_seconds, now_us
from vedette_agent.delivery.clockwatch import ClockWatch
from vedette_agent.delivery.collectors import Collectors
from vedette_agent.delivery.keeping import Keeping
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.stash import Lost

log = logging.getLogger("vedette.publish")

HEARTBEAT_EXPIRY: Final = 30  # seconds
SILENCE: Final = 1.5  # heartbeats without an ack; the collector answers every one


class Vitals:
    """What the rest of the agent reports in a heartbeat."""

    __slots__ = ("asked", "lag", "overlapping", "repeats", "running", "shed", "skipped")

    def __init__(
        self,
        skipped: int,
        overlapping: int,
        running: int,
        lag: float,
        shed: Mapping[str, int] | None = None,
        repeats: Mapping[str, int] | None = None,
        asked: Mapping[str, int] | None = None,
    ) -> None:
        self.skipped = skipped
        self.overlapping = overlapping
        self.running = running
        self.lag = lag  # seconds; the worst since the last heartbeat
        self.shed = shed or {}  # what was left out under load, by step
        self.repeats = repeats or {}  # of first failures: run, and not run, by reason
        self.asked = asked or {}  # checks: run, and not run, by reason


class Talk:
    """`beat` and `listen` while *link* runs, and `greet` after every connect.

    *look*: looks at the clocks. *on_ack*: called when an ack has been taken in.
    """

    def __init__(
        self,
        link: Link,
        agent: str,
        outbox: Outbox,
        keeping: Keeping | None,
        clocks: ClockWatch,
        evidence_lost: Mapping[Lost, int],
        vitals: Callable[[], Vitals],
        tags: dict[str, str],
        *,
        look: Callable[[], None],
        on_ack: Callable[[], None],
        asks: Asks,
    ) -> None:
        self.clock = ClockEstimate()  # of the collector's clock over our time since boot
        self.acks_rejected: Counter[str] = Counter()  # by reason
        self.tags = tags
        self.config_hash: str | None = None
        self._link = link
        self._agent = agent
        self._outbox = outbox
        self._keeping = keeping
        self._clocks = clocks
        self._evidence_lost = evidence_lost
        self._vitals = vitals
        self._look = look
        self._on_ack = on_ack
        self._asks = asks
        self._ask_topic = topic(agent, Kind.ASK)
        self._started_us = now_us()
        self._beats = Beats()
        self._collectors = Collectors()
        self._answered = 0.0  # when the last ack came, or the connection began
        self._is_alone = False

    @property
    def has_met_a_collector(self) -> bool:
        return bool(self._collectors)

    async def announce(self) -> None:
        """Say that we are here, and with which configuration."""
        await self._say(Kind.PRESENCE, self._presence("online"), retain=True)

    async def leave(self) -> None:
        await self._say(Kind.PRESENCE, self._presence("gone", "stopped"), retain=True)

    async def greet(self) -> None:
        """To be called after every connect."""
        self._answered = boot_seconds()
        await self.announce()
        await self.say_heartbeat()

    def will(self) -> Will:
        payload, content_type = codec.encode(self._presence("gone", "connection lost"))
        return Will(topic(self._agent, Kind.PRESENCE), payload, content_type)

    async def beat(self) -> None:
        at = boot_seconds()
        while True:
            at += limits.HEARTBEAT_SECONDS
            await asyncio.sleep(at - boot_seconds())
            # After a suspension: one, not all that passed.
            at = max(at, boot_seconds() - limits.HEARTBEAT_SECONDS)
            try:
                await self.say_heartbeat()
            except (NotConnected, PublishRefused):
                continue  # counted and told by the link
            self._listen_for_silence()

    def _listen_for_silence(self) -> None:
        """The broker acknowledges whatever it takes, so that is no sign of a collector."""
        is_alone = boot_seconds() - self._answered >= SILENCE * limits.HEARTBEAT_SECONDS
        if is_alone and not self._is_alone:
            log.warning("no collector answers", extra=fields(pending=self._outbox.pending))
        self._is_alone = is_alone

    async def say_heartbeat(self) -> None:
        is_all_known = self._keeping is None or self._keeping.has_adopted
        vitals = self._vitals()
        best = self.clock.best
        sent_us = now_us()
        heartbeat = Heartbeat(
            v=limits.VERSION,
            agent=self._agent,
            sent_us=sent_us,
            skipped_slots=vitals.skipped,
            overlapping_slots=vitals.overlapping,
            running=vitals.running,
            loop_lag_us=min(int(vitals.lag * 1e6), limits.MAX_DURATION_US),
            publish_refused=self._link.counters.publish_refused.total(),
            clock_offset_us=self._outbox.offset_us,
            clock_rtt_us=None if best is None else min(best.delay, limits.MAX_DURATION_US),
            evidence_lost={reason: count for reason, count in self._evidence_lost.items() if count},
            spool=SpoolState(state="off") if self._keeping is None else self._keeping.state,
            shed=dict(vitals.shed),
            clock_steps=self._clocks.steps,
            suspensions=self._clocks.suspensions,
            repeats=dict(vitals.repeats),
            asks={**self._asks.counts, **vitals.asked},
            **self._beats.said(self._outbox, sent_us, is_all_known=is_all_known),
        )
        await self._say(Kind.HEARTBEAT, heartbeat, expiry=HEARTBEAT_EXPIRY)

    async def listen(self) -> None:
        async for message in self._link.messages():
            message.done()
            if message.topic == self._ask_topic:
                self._take_ask(message)
                continue
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

    def _take_ask(self, message: Inbound) -> None:
        self._look()
        try:
            self._asks.take(message, now_us(), self._outbox.offset_us)
        except WireError as exc:
            if self._asks.counts[exc.reason] == 1:
                log.warning("ask ignored", extra=fields(reason=exc.reason, detail=exc.detail))

    def _take_ack(self, message: Inbound) -> bool:
        """True when it is of a collector that may have missed what we said."""
        if message.topic != topic(self._agent, Kind.ACK) or message.retain:
            raise WireError("topic", "not an ack for us, or one that was kept for us")
        ack = codec.decode(message.payload, message.content_type, Ack)
        if ack.agent != self._agent:
            raise WireError("foreign", f"for {ack.agent}")
        now = self._answered = boot_seconds()
        if self._is_alone:
            self._is_alone = False
            log.info("a collector answers again", extra=fields(pending=self._outbox.pending))
        self._outbox.acked(ack.marks, now)
        self._outbox.pace.grant(ack.replay_rate)
        if ack.refresh:
            self._outbox.refresh()
        is_stranger = self._collectors.is_new(ack.collector, now)
        if is_stranger:
            self._outbox.forgotten(now)
            self._beats.mention(self._outbox.ledger.done())
        if ack.heartbeat is not None:
            self._take_echo(ack, ack.heartbeat, message.received_us)
        self._on_ack()
        return is_stranger

    def _take_echo(self, ack: Ack, echo: HeartbeatEcho, returned_us: int) -> None:
        gaps = self._beats.echoed(echo.sent_us)
        if gaps is None:
            return
        if gaps:
            self._outbox.ledger.confirmed(gaps)
            if self._keeping is not None:
                self._keeping.confirmed(gaps)
        self._look()
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
            self._outbox.theirs_is(best.offset)

    def _presence(self, state: str, reason: str | None = None) -> Presence:
        return Presence(
            v=limits.VERSION,
            agent=self._agent,
            epoch=self._outbox.epoch,
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
        await self._link.publish(
            topic(self._agent, kind), payload, retain=retain, expiry=expiry, content_type=content_type
        )
