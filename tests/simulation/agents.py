"""A run of the agent in virtual time.

The outbox, the spool's books and policy, and the clock estimate are the real ones; probing is made up.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from simulation.network import Message, Wire
from simulation.spooling import Page, SpoolShell
from simulation.world import Violation
from vedette.clock import ClockEstimate, Exchange
from vedette.wire import codec, limits
from vedette.wire.facts import Facts
from vedette.wire.facts.dns import DnsFacts
from vedette.wire.messages import Ack, Heartbeat, HeartbeatEcho, Presence, Result
from vedette.wire.topics import Kind, topic
from vedette_agent.delivery.beats import Beats
from vedette_agent.delivery.clockwatch import ClockWatch
from vedette_agent.delivery.collectors import Collectors
from vedette_agent.delivery.ledger import Backlog
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcel import Parcel, State
from vedette_agent.delivery.parcels import LIVE_IN_FLIGHT
from vedette_agent.delivery.replay import Fetch
from vedette_agent.spool.events import Changed, Dropped, Event, Unwritten, Written

if TYPE_CHECKING:
    from simulation.hosts import Host

ACKS = frozenset(("ack",))
HEARTBEAT_EXPIRY = 30.0
EPOCHS, EPOCH_SECONDS = 5, 300.0
FLYING = LIVE_IN_FLIGHT + 3  # batches that memory may have beyond its bound: they are on the network


class Process:
    """One run of the agent."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.world = host.world
        self.is_alive = True
        epoch = host.epoch_name()

        self.outbox = Outbox(host.name, epoch, is_spooled=host.is_spooled, max_bytes=host.max_bytes)
        self.outbox.is_connected = False
        self.outbox.clock_is(host.clock.wmb_us, self.now)
        self.page = Page(epoch, host.boot)
        self.spool: SpoolShell | None = None
        self.spool_state = "ok" if host.is_spooled else "off"
        self.estimate = ClockEstimate()
        self.clocks = ClockWatch(*host.clock.all_us)
        self.collectors = Collectors()
        self.beats = Beats()
        self.renewed: deque[float] = deque(maxlen=EPOCHS)
        self.in_flight: list[Parcel] = []
        self.largest = 1500
        self.fetches: list[Fetch] = []
        self.wire: Wire | None = None
        self.is_busy = False
        self.wakes_at = float("inf")
        self.facts: dict[str, Facts] = {}
        host.oracle.started(host, epoch)
        self.begin()

    def begin(self) -> None:
        """Have everything happen that happens by itself."""
        random = self.world.rng.random
        if self.host.is_spooled and self.spool is None:
            self._after(0.02 + random(), self._open)
        self._after(random() * self.host.tick, self._tick)
        self._after(random() * 0.5, self._connect)
        self._after(limits.HEARTBEAT_SECONDS, self._beat)

    # life and death

    def die(self) -> None:
        self.is_alive = False
        if self.spool is not None:
            self.spool.is_alive = False
            if self.spool.is_busy and self.world.chance(0.3):
                self.world.seen["spool_unheard"] += 1
                self.spool.commit_unheard()
        self._hang_up()

    def stop(self) -> None:
        self.outbox.flush(self.now)
        if self.spool is not None:
            self._hand_over()
            self.spool.finish()
        self.is_alive = False
        self._hang_up()

    def _hang_up(self) -> None:
        if self.wire is not None:
            self.wire.close()

    # probing

    def _tick(self) -> None:
        if self.host.is_probing:
            self._probe()
            self._pump()
        self._after(self.host.tick, self._tick)

    def _probe(self) -> None:
        host, rng = self.host, self.world.rng
        self._mind_the_clock()
        for check in host.checks:
            seq = self.outbox.next_seq
            draw = rng.random()
            duration = rng.randrange(1, 1_000_000)
            facts = self._facts(check.name)
            detail = f"{self.outbox.epoch[:8]}.{seq}" + "x" * host.padding
            started_us = host.clock.wall_us
            if draw < host.failing:
                reason = rng.choice(("dns.timeout", "dns.servfail"))
                result = Result(
                    check=check.name, outcome="fail", started_us=started_us, duration_us=duration,
                    reason=reason, detail=detail, facts=facts,
                )  # fmt: skip
            elif draw < host.failing + 0.03:
                result = Result(
                    check=check.name,
                    outcome="not_run",
                    started_us=started_us,
                    reason="loop_lag",
                    detail=detail,
                )
            else:
                result = Result(
                    check=check.name, outcome="ok", started_us=started_us, duration_us=duration,
                    detail=detail, facts=facts,
                )  # fmt: skip
            host.oracle.produced(host.name, self.outbox.epoch, seq, result)
            self.outbox.add(result, self.now)
            self.page.note(self.outbox.next_seq)

    def _facts(self, check: str) -> Facts:
        """Mostly the same as before, as of most targets."""
        rng = self.world.rng
        before = self.facts.get(check)
        draw = rng.random()
        if before is None or before.dns is None or draw < 0.1:
            answers = sorted(f"192.0.2.{rng.randrange(256)}" for _ in range(rng.randrange(1, 9)))
            facts = DnsFacts(rcode="NOERROR", answers=answers, answer_rrs=len(answers), ttl_seconds=300)
            self.facts[check] = Facts(dns=facts)
        elif draw < 0.3:
            self.facts[check] = Facts(dns=replace(before.dns, ttl_seconds=rng.randrange(300)))
        return self.facts[check]

    def _mind_the_clock(self) -> None:
        if self.clocks.see(*self.host.clock.all_us):
            self.outbox.clock_is(self.clocks.wmb_us, self.now)
        is_wanted = self.outbox.is_resumed or self.clocks.has_leapt
        if is_wanted and sum(self.now - at < EPOCH_SECONDS for at in self.renewed) < EPOCHS:
            self.renew()

    def renew(self) -> None:
        """Begin a new epoch: nobody knows which numbers of this one were given out."""
        self.renewed.append(self.now)
        self.clocks.has_leapt = False
        self.world.tell(f"new_epoch {self.host.name}")
        epoch = self.host.epoch_name()
        self.outbox.begin(epoch, self.now)
        self.host.oracle.started(self.host, epoch)
        if self.spool is not None:
            self._hand_over()
            self.spool.finish()
            self.page = Page(epoch, self.host.boot)
            self.host.left = self.host.page.left() if self.host.page is not None else None
            self.spool = SpoolShell(self.host, epoch, self._told, self.page)
        else:
            self.page = Page(epoch, self.host.boot)

    # the disk

    def _open(self) -> None:
        host = self.host
        self.spool = SpoolShell(host, self.outbox.epoch, self._told, self.page)
        held = self.spool.held
        backlogs = [Backlog(each.epoch, each.next_seq, each.is_same_boot, each.runs) for each in held.epochs]
        if held.results:
            self.world.seen["spool_found"] += 1
        host.oracle.found(host, held)
        self.outbox.ledger.adopt(backlogs, held.settled, held.gaps)
        self._pump()

    def _told(self, event: Event) -> None:
        match event:
            case Written(epoch, first, end):
                self.outbox.disk.written(epoch, first, end)
            case Unwritten(epoch, first, end):
                self.world.seen["unwritten"] += 1
                self.outbox.disk.unwritten(epoch, first, end)
            case Dropped(gap):
                self.world.seen[f"dropped_{gap.reason}"] += 1
                self.outbox.disk.dropped(gap)
            case Changed(state):
                self.spool_state = state

    def _hand_over(self) -> None:
        outbox, spool = self.outbox, self.spool
        if spool is None:
            return
        for gap in outbox.ledger.declared():
            self.host.oracle.given_up(self.host.name, gap)
            spool.declare(gap)
        for epoch, run in outbox.ledger.settled():
            spool.settle(epoch, *run)
        if spool.has_room:
            outbox.disk.offer()
        for row in outbox.rows(self.now):
            if not spool.put(row):
                outbox.disk.untaken(row)

    # the network

    def _connect(self) -> None:
        host = self.host
        if self.wire is not None:
            return
        wire = host.broker.connect(host.name, ACKS, self._receive, self._lost)
        if wire is None:
            self._after(1.0 + 4.0 * self.world.rng.random(), self._connect)
            return
        self.wire = wire
        wire.will = Message(*self._presence("gone"), retain=True)
        self.outbox.is_connected = True
        self.outbox.pace.connected()
        self.outbox.resend(self.now)
        wire.publish(Message(*self._presence("online"), retain=True), 1e9, _nothing)
        self._heartbeat()
        self._pump()

    def _lost(self) -> None:
        self.wire = None
        if not self.is_alive:
            return
        self.outbox.is_connected = False
        in_flight, self.in_flight = self.in_flight, []
        for parcel in in_flight:
            self.outbox.undelivered(parcel, self.now)
        self._after(0.5 + self.world.rng.random(), self._connect)

    def _presence(self, state: str) -> tuple[str, bytes, str]:
        presence = Presence(
            v=limits.VERSION,
            agent=self.host.name,
            epoch=self.outbox.epoch,
            state="online" if state == "online" else "gone",
            version="1",
            started_us=0,
        )
        return topic(self.host.name, Kind.PRESENCE), *codec.encode(presence)

    def _pump(self) -> None:
        now = self.now
        self._mind_the_clock()
        outbox = self.outbox
        self._hand_over()
        while self.wire is not None:
            taken = outbox.take(now)
            if taken is None:
                break
            self._check_lanes(taken, now)
            if isinstance(taken, Fetch):
                self.fetches.append(taken)
                self._after(0.002, self._read, taken)
            else:
                self._send(taken)
        self._hand_over()
        self.largest = max([self.largest, *(len(parcel.payload) + 1000 for parcel in self.in_flight)])
        if outbox.buffered_bytes > self.host.max_bytes + FLYING * self.largest:
            raise Violation(f"{outbox.buffered_bytes} bytes in memory")
        if len(outbox.ledger.gaps) > 1000:
            raise Violation(f"{len(outbox.ledger.gaps)} gaps")
        self._wake_at(outbox.next_due(now))

    def _wake_at(self, due: float) -> None:
        if due < self.wakes_at or self.wakes_at <= self.now:
            self.wakes_at = due
            if due < float("inf"):
                self._after(max(due - self.now, 0.001), self._wake, due)

    def _wake(self, due: float) -> None:
        if due == self.wakes_at:
            self.wakes_at = float("inf")
            self._pump()

    def _check_lanes(self, taken: Parcel | Fetch, now: float) -> None:
        if isinstance(taken, Parcel) and not taken.is_replay:
            if now - taken.born >= limits.LIVE_EXPIRY_SECONDS + 1:
                raise Violation(f"a batch of {now - taken.born:.0f} s in the live lane")
            return
        self.world.seen["replay"] += 1
        live = [each for each in self.in_flight if not each.is_replay]
        if len(live) < LIVE_IN_FLIGHT and any(
            parcel.state is State.WAITING and now - parcel.born < limits.LIVE_EXPIRY_SECONDS
            for parcel in self.outbox._parcels
        ):
            raise Violation("replay before live")

    def _read(self, fetch: Fetch) -> None:
        if fetch not in self.fetches:
            return
        self.fetches.remove(fetch)
        rows = None
        if self.spool is not None:
            rows = self.spool.read(fetch.epoch, fetch.first, fetch.end, fetch.most, 64 * 1024)
        parcel = self.outbox.fetched(fetch, rows, self.now)
        if parcel is not None:
            self._send(parcel)
        self._pump()

    def _send(self, parcel: Parcel) -> None:
        self.in_flight.append(parcel)
        if self.wire is None:
            self.in_flight.remove(parcel)
            self.outbox.undelivered(parcel, self.now)
            return
        self.host.oracle.sent(self.host, parcel)
        kind = Kind.REPLAY if parcel.is_replay else Kind.LIVE
        message = Message(topic(self.host.name, kind), parcel.payload, parcel.content_type)
        expiry = self.outbox.expiry(parcel, self.now)
        self.wire.publish(message, expiry, lambda: self._run(self._delivered, (parcel,)))

    def _delivered(self, parcel: Parcel) -> None:
        if parcel in self.in_flight:
            self.in_flight.remove(parcel)
            self.outbox.delivered(parcel, self.now)
            self._pump()

    def _beat(self) -> None:
        self._heartbeat()
        self._after(limits.HEARTBEAT_SECONDS, self._beat)

    def _heartbeat(self) -> None:
        wire, outbox = self.wire, self.outbox
        if wire is None:
            return
        self._mind_the_clock()
        sent_us = self.host.clock.wall_us
        heartbeat = Heartbeat(
            v=limits.VERSION,
            agent=self.host.name,
            sent_us=sent_us,
            skipped_slots=0,
            overlapping_slots=0,
            running=0,
            loop_lag_us=0,
            publish_refused=0,
            **self.beats.said(outbox, sent_us),
        )
        wire.publish(
            Message(topic(self.host.name, Kind.HEARTBEAT), *codec.encode(heartbeat)),
            HEARTBEAT_EXPIRY,
            _nothing,
        )

    def _receive(self, message: Message) -> None:
        if not self.is_alive or self.host.is_asleep:
            return
        ack = codec.decode(message.payload, message.content_type, Ack)
        now, outbox = self.now, self.outbox
        self._mind_the_clock()
        outbox.acked(ack.marks, now)
        outbox.pace.grant(ack.replay_rate)
        if ack.refresh:
            self.world.seen["refresh"] += 1
            outbox.refresh()
        if self.collectors.is_new(ack.collector, now):
            outbox.forgotten(now)
            self.beats.mention(outbox.ledger.done())
            if self.wire is not None:
                self.wire.publish(Message(*self._presence("online"), retain=True), 1e9, _nothing)
        if ack.heartbeat is not None:
            self._take_echo(ack, ack.heartbeat)
        self._pump()

    def _take_echo(self, ack: Ack, echo: HeartbeatEcho) -> None:
        gaps = self.beats.echoed(echo.sent_us)
        if gaps is None:
            return
        self.outbox.ledger.confirmed(gaps)
        if self.spool is not None:
            for gap in gaps:
                self.spool.confirmed(gap)
        wmb_us, returned = self.clocks.wmb_us, self.host.clock.boot_us
        self.estimate.add(
            Exchange(
                sent=echo.sent_us - wmb_us, received=echo.received_us, replied=ack.sent_us, returned=returned
            )
        )
        best = self.estimate.best
        if best is not None:
            self.outbox.theirs_is(best.offset)
            self.host.delay_us = max(self.host.delay_us, best.delay)

    # time

    @property
    def now(self) -> float:
        """A batch ages while the host sleeps."""
        return self.host.clock.boot_us / 1e6

    def _after(self, seconds: float, call: Callable[..., None], *values: Any) -> None:
        self.world.after(seconds, self._run, call, values)

    def _run(self, call: Callable[..., None], values: tuple[Any, ...]) -> None:
        if not self.is_alive:
            return
        if self.host.is_asleep:
            self.world.after(1.0, self._run, call, values)
            return
        call(*values)


def _nothing() -> None:
    pass
