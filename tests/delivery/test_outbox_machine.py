"""Any order of events, with a disk, a broker that loses, and restarts: where every result is, at any time."""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from delivery.delivery_helpers import unpack
from vedette.wire import limits
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.facts.diff import patched
from vedette.wire.failure import Lost
from vedette.wire.messages import Batch, EpochMark, Gap, Result
from vedette_agent.delivery import parcels
from vedette_agent.delivery.ledger import Backlog
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcel import Parcel
from vedette_agent.delivery.replay import Fetch
from vedette_agent.delivery.runs import Run, Runs
from vedette_agent.spool.rows import Row

MAX_BYTES = 12_000
FACTS = [
    None,
    Facts(dns=DnsFacts(rcode="NOERROR", answers=["192.0.2.1"], ttl_seconds=60)),
    Facts(dns=DnsFacts(rcode="NOERROR", answers=["192.0.2.1"], ttl_seconds=59)),
    Facts(dns=DnsFacts(rcode="NOERROR", answers=["198.51.100.1"] * 9, ttl_seconds=59)),
]
Seqs = defaultdict[str, set[int]]


class Disk:
    """What a spool keeps, and what it forgets when the process is killed."""

    def __init__(self) -> None:
        self.queued: list[Row] = []
        self.rows: dict[tuple[str, int], Row] = {}
        self.settled: defaultdict[str, Runs] = defaultdict(Runs)
        self.gaps: list[Gap] = []

    def holds(self, epoch: str) -> set[int]:
        return {seq for row in self.rows.values() if row.epoch == epoch for seq in range(row.first, row.end)}


class Collector:
    """Applies each result once and says so when it is asked; only heartbeats declare anything lost."""

    def __init__(self) -> None:
        self.settled: Seqs = defaultdict(set)
        self.declared: Seqs = defaultdict(set)
        self.bases: dict[tuple[str, str], tuple[int, Facts]] = {}

    def mark(self, epoch: str, share: float) -> EpochMark:
        settled = Runs()
        for seq in self.settled[epoch]:
            settled.add(seq, seq + 1)
        runs = [(run.first, run.end) for run in settled if run.first > settled.low][-limits.MAX_RUNS :]
        return EpochMark(epoch=epoch, low=int(settled.low * share), runs=runs)


class Delivery(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.disk = Disk()
        self.collector = Collector()
        self.truth: dict[tuple[str, int], Result] = {}
        self.produced: dict[str, int] = {}
        self.flying: list[Parcel] = []
        self.reading: list[Fetch] = []
        self.beats: list[list[Gap]] = []
        self.outbox = self.started()

    def started(self) -> Outbox:
        epoch = f"{len(self.produced):032x}"
        self.produced[epoch] = 0
        outbox = Outbox("par-01", epoch, is_spooled=True, max_bytes=MAX_BYTES)
        outbox.pace.connected()
        outbox.pace.grant(1_000_000)
        outbox.offset_us = 7
        return outbox

    # Results

    @rule(
        many=st.sampled_from([1, 2, 5, 40, 130]),
        check=st.sampled_from(["a", "b"]),
        outcome=st.sampled_from([("ok", None), ("fail", "dns.nodata"), ("not_run", "loop_lag")]),
        facts=st.sampled_from(FACTS),
    )
    def produce(self, many: int, check: str, outcome: tuple[str, str | None], facts: Facts | None) -> None:
        state, reason = outcome
        for _ in range(many):
            seq = self.outbox.next_seq
            said = Result(check=check, outcome=state, started_us=seq, reason=reason, facts=facts)  # type: ignore[arg-type]
            before = self.outbox.next_due(self.now)
            due = self.outbox.add(said, self.now)
            # Whoever sleeps until the earlier of the two misses nothing.
            assert min(before, due) <= max(self.now, self.outbox.next_due(self.now))
            self.truth[self.outbox.epoch, seq] = said
        self.produced[self.outbox.epoch] = self.outbox.next_seq

    @rule()
    def produce_monster(self) -> None:
        huge = Result(check="m", outcome="ok", started_us=1, detail="x" * (limits.MAX_DECODED_BYTES + 1))
        self.truth[self.outbox.epoch, self.outbox.next_seq] = huge
        self.outbox.add(huge, self.now)
        self.produced[self.outbox.epoch] = self.outbox.next_seq

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 11.0, 61.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def flush(self) -> None:
        self.outbox.flush(self.now)

    @rule()
    def begin(self) -> None:
        epoch = f"{len(self.produced):032x}"
        self.disk.queued += self.outbox.rows(self.now)
        self.outbox.begin(epoch, self.now)
        self.produced[epoch] = 0

    @rule(wmb_us=st.sampled_from([0, 1_000_000]))
    def clock(self, wmb_us: int) -> None:
        self.outbox.clock_is(wmb_us, self.now)

    # The disk

    @rule(is_busy=st.booleans())
    def hand_over(self, is_busy: bool) -> None:
        for row in self.outbox.rows(self.now):
            if is_busy:
                self.outbox.disk.untaken(row)
            else:
                self.disk.queued.append(row)
        for epoch, run in self.outbox.ledger.settled():
            self.disk.settled[epoch].add(*run)
        self.disk.gaps += self.outbox.ledger.declared()

    @rule()
    def commit(self) -> None:
        for row in self.disk.queued:
            for seq in range(row.first, row.end):
                assert self.truth[row.epoch, seq].check
            if not self.disk.settled[row.epoch].covers(row.first, row.end):
                self.disk.rows[row.epoch, row.first] = row
                self.outbox.disk.written(row.epoch, row.first, row.end)
        self.disk.queued = []
        for key, row in list(self.disk.rows.items()):
            if self.disk.settled[row.epoch].covers(row.first, row.end):
                del self.disk.rows[key]

    @precondition(lambda self: self.disk.rows)
    @rule(data=st.data(), how=st.sampled_from(["unwritten", "dropped", "silently"]))
    def lose_a_row(self, data: st.DataObject, how: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.disk.rows)))
        row = self.disk.rows[key]
        if how == "unwritten" and row.epoch == self.outbox.epoch:
            del self.disk.rows[key]
            self.outbox.disk.unwritten(row.epoch, row.first, row.end)
        elif how == "dropped":
            del self.disk.rows[key]
            for run in self.disk.settled[row.epoch].missing(row.first, row.end):
                gap = Gap(epoch=row.epoch, first=run.first, end=run.end, reason=Lost.SPOOL_FULL.value)
                self.disk.gaps.append(gap)
                self.outbox.disk.dropped(gap)
            self.disk.settled[row.epoch].add(row.first, row.end)

    @rule()
    def offer(self) -> None:
        self.outbox.disk.offer()

    # The broker

    @rule()
    def send(self) -> None:
        expected = self.outbox.next_send(self.now)
        work = self.outbox.take(self.now)
        if work is None:
            assert self.outbox.next_send(self.now) > self.now
            return
        assert expected <= self.now or work is not None
        if isinstance(work, Fetch):
            assert not self.reading, "one reading at a time"
            assert not self.outbox._parcels.can_send_live(), "live first"
            self.reading.append(work)
        else:
            self.depart(work)

    @precondition(lambda self: self.reading)
    @rule(is_there=st.booleans())
    def read(self, is_there: bool) -> None:
        fetch = self.reading.pop()
        rows = sorted(
            row
            for row in self.disk.rows.values()
            if row.epoch == fetch.epoch and row.first < fetch.end and row.end > fetch.first
        )
        parcel = self.outbox.fetched(fetch, rows if is_there else None, self.now)
        if parcel is not None:
            assert parcel.is_on_disk
            self.depart(parcel)

    def depart(self, parcel: Parcel) -> None:
        assert all(parcel is not other for other in self.flying)
        if parcel.is_replay:
            assert not self.outbox._parcels.can_send_live(), "live first"
        else:
            assert self.now - parcel.born < limits.LIVE_EXPIRY_SECONDS
        settled = self.outbox.ledger.get(parcel.book.epoch)
        assert settled is not None
        assert not settled.settled.covers(parcel.first, parcel.end), "sent though nobody waits for it"
        assert 1 <= self.outbox.expiry(parcel, self.now) <= limits.LIVE_EXPIRY_SECONDS
        self.flying.append(parcel)

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(), end=st.sampled_from(["delivered", "swallowed", "lost", "applied, lost", 0x87, 0x95])
    )
    def land(self, data: st.DataObject, end: str | int) -> None:
        parcel = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        if end in ("delivered", "applied, lost") and parcel.payload:
            self.arrive(unpack(parcel), is_live=not parcel.is_replay)
        match end:
            case "delivered" | "swallowed":
                self.outbox.delivered(parcel, self.now)
            case "lost" | "applied, lost":
                self.outbox.undelivered(parcel, self.now)
            case int():
                self.outbox.refused(parcel, end, self.now)

    def arrive(self, batch: Batch, *, is_live: bool) -> None:
        settled = self.collector.settled[batch.epoch]
        assert set(range(batch.acked)) <= settled, "the agent says that we have what we do not have"
        for seq, result in enumerate(batch.results, batch.first_seq):
            truth = self.truth[batch.epoch, seq]
            assert (result.check, result.started_us) == (truth.check, truth.started_us)
            key = batch.epoch, result.check
            base = self.collector.bases.get(key)
            if result.facts is not None:
                assert result.facts == truth.facts
                if base is None or base[0] < seq:
                    self.collector.bases[key] = seq, result.facts
            elif result.diff is not None and is_live:
                assert base is not None
                if base[0] < seq and seq not in settled:
                    assert patched(base[1], result.diff) == truth.facts
            settled.add(seq)

    # The collector

    @rule(share=st.floats(0.0, 1.0), is_own=st.booleans())
    def ack(self, share: float, is_own: bool) -> None:
        for epoch in list(self.produced):
            if is_own == (epoch == self.outbox.epoch):
                self.outbox.acked([self.collector.mark(epoch, share)], self.now)

    @rule()
    def hostile_ack(self) -> None:
        before = self.outbox.pending
        self.outbox.acked([EpochMark(epoch="f" * 32, low=5)], self.now)
        self.outbox.acked([EpochMark(epoch=self.outbox.epoch, low=self.outbox.next_seq + 1)], self.now)
        assert self.outbox.pending == before
        assert self.outbox.is_resumed

    @rule()
    def beat(self) -> None:
        gaps = list(self.outbox.ledger.gaps.shown())
        assert len(gaps) <= limits.MAX_GAPS
        for gap in gaps:
            span = set(range(gap.first, gap.end))
            self.collector.declared[gap.epoch] |= span - self.collector.settled[gap.epoch]
            self.collector.settled[gap.epoch] |= span
        held, _ = self.outbox.ledger.held()
        for each in held:
            assert set(range(each.floor)) <= self.collector.settled[each.epoch], "a floor over a hole"
        self.beats.append(gaps)

    @precondition(lambda self: self.beats)
    @rule()
    def echo(self) -> None:
        self.outbox.ledger.confirmed(self.beats.pop())

    @rule(is_new=st.booleans())
    def reconnect(self, is_new: bool) -> None:
        if is_new:
            self.outbox.forgotten(self.now)
        else:
            self.outbox.resend(self.now)

    @rule()
    def disconnect(self) -> None:
        self.outbox.is_connected = not self.outbox.is_connected

    @rule()
    def refresh(self) -> None:
        self.outbox.refresh()

    # The process

    @rule()
    def kill(self) -> None:
        """What was queued for the disk is gone; the page says how far the process came."""
        self.flying, self.reading, self.beats = [], [], []
        backlogs, gaps = [], list(self.disk.gaps)
        for book in self.outbox.ledger:
            held, done = self.disk.holds(book.epoch), self.disk.settled[book.epoch]
            runs = Runs()
            for seq in held:
                if seq not in done:
                    runs.add(seq, seq + 1)
            for run in done.missing(0, book.next_seq):
                for lost in runs.missing(*run):
                    # The disk was not told that it is settled, or has it not: nobody can tell.
                    gaps.append(Gap(epoch=book.epoch, first=lost.first, end=lost.end, reason="crash"))
                    done.add(*lost)
            backlogs.append(Backlog(book.epoch, book.next_seq, True, tuple(runs)))
        self.disk.queued = []
        self.disk.gaps = gaps
        self.outbox = self.started()
        self.outbox.ledger.adopt(backlogs, [], gaps)

    # What holds at any time

    @invariant()
    def every_result_is_somewhere(self) -> None:
        """Pending results are in memory, or on disk and known to be there."""
        for book in self.outbox.ledger:
            assert book.next_seq == self.produced[book.epoch]
            in_memory = Runs()
            for parcel in self.outbox._parcels.of(book):
                in_memory.add(parcel.first, parcel.end)
            if book is self.outbox.ledger.own:
                in_memory.add(book.next_seq - len(self.outbox._group), book.next_seq)
            on_disk = self.disk.holds(book.epoch)
            for run in book.settled.missing(0, book.next_seq):
                for first, end in in_memory.missing(*run):
                    assert book.backlog.covers(first, end)
                    assert set(range(first, end)) <= on_disk
            for run in book.backlog:
                assert book.settled.missing(*run) == [Run(*run)]

    @invariant()
    def what_is_settled_is_applied_or_declared(self) -> None:
        gaps = self.outbox.ledger.gaps
        for book in self.outbox.ledger:
            said = self.collector.settled[book.epoch]
            declared = {
                seq for gap in gaps._open if gap.epoch == book.epoch for seq in range(gap.first, gap.end)
            }
            for run in book.settled:
                assert set(range(*run)) <= said | declared

    @invariant()
    def memory_and_flights_are_bounded(self) -> None:
        every = list(self.outbox._parcels)
        size = sum(len(parcel.payload) + parcels.OVERHEAD for parcel in every)
        assert self.outbox.buffered_bytes == size
        flying = sum(len(parcel.payload) + parcels.OVERHEAD for parcel in self.flying)
        assert size <= MAX_BYTES + flying + 70_000 * bool(self.reading or self.flying)
        assert sum(not p.is_replay for p in self.flying) <= parcels.LIVE_IN_FLIGHT
        assert sum(p.is_replay for p in self.flying) + len(self.reading) <= parcels.REPLAY_IN_FLIGHT


Delivery.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestDelivery = Delivery.TestCase
