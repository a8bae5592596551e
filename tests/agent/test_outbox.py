"""What travels together, what is sent next, and that nothing is forgotten."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vedette.wire import codec, limits
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.messages import Batch, EpochMark, Result
from vedette_agent import outbox as module
from vedette_agent.outbox import Outbox, Parcel

EPOCH = "0123456789abcdef" * 2


def result(
    check: str = "web", outcome: str = "ok", reason: str | None = None, detail: str | None = None
) -> Result:
    return Result(check=check, outcome=outcome, started_us=1, reason=reason, detail=detail)  # type: ignore[arg-type]


def box(**options: int) -> Outbox:
    return Outbox("par-01", EPOCH, **options)


def unpack(parcel: Parcel) -> Batch:
    return codec.decode(parcel.payload, parcel.content_type, Batch)


def mark(low: int, epoch: str = EPOCH) -> list[EpochMark]:
    return [EpochMark(epoch=epoch, low=low)]


def taken(outbox: Outbox, now: float) -> list[Parcel]:
    parcels = []
    while (parcel := outbox.take(now)) is not None:
        parcels.append(parcel)
    return parcels


def test_a_group_leaves_after_a_second() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    assert outbox.take(0.5) is not None
    outbox.add(result(), 1.0)
    assert outbox.take(1.99) is None
    assert outbox.next_due(1.99) == 2.0
    parcel = outbox.take(2.0)
    assert parcel is not None
    assert unpack(parcel).first_seq == 1
    assert outbox.expiry(parcel, 2.0) == 59


def test_the_very_first_group_leaves_sooner() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    assert outbox.take(0.19) is None
    assert outbox.next_due(0.19) == 0.2
    assert outbox.take(0.2) is not None


def test_a_group_leaves_at_a_hundred_results() -> None:
    outbox = box()
    for n in range(250):
        outbox.add(result(f"check-{n}"), 0.0)
    assert [(p.first, p.count) for p in taken(outbox, 0.0)] == [(0, 100), (100, 100)]


def test_a_group_leaves_at_64_kib() -> None:
    """Large results: no batch is larger than the bound before it is compressed."""
    outbox = box()
    facts = Facts(dns=DnsFacts(rcode="NOERROR", answers=["x" * 500] * 10))
    for n in range(99):
        large = Result(check=f"check-{n}", outcome="ok", started_us=1, facts=facts)
        outbox.add(large, 0.0)
    outbox.flush()
    for parcel in taken(outbox, 0.0):
        assert sum(len(module._encode(each)) + 1 for each in unpack(parcel).results) <= limits.BATCH_BYTES


def test_a_change_of_state_leaves_at_once() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.add(result(outcome="fail", reason="dns.nodata"), 0.1)
    parcel = outbox.take(0.1)
    assert parcel is not None
    assert parcel.count == 2


def test_a_change_of_the_reason_is_a_change_and_not_run_is_none() -> None:
    outbox = box()
    outbox.add(result(outcome="fail", reason="dns.nodata"), 0.0)
    outbox.add(result(outcome="not_run", reason="loop_lag"), 0.0)
    outbox.add(result(outcome="fail", reason="dns.nodata"), 0.0)
    assert outbox.take(0.0) is None
    outbox.add(result(outcome="fail", reason="dns.servfail"), 0.0)
    assert outbox.take(0.0) is not None


def test_a_start_does_not_flush_for_every_check() -> None:
    outbox = box()
    sent = []
    for n in range(50):
        outbox.add(result(f"check-{n}", "fail", "tcp.refused"), n / 100)
        sent += taken(outbox, n / 100)
    assert len(sent) == 1  # the first group, after 0.2 s


def test_a_mass_outage_is_still_batched() -> None:
    """A change every millisecond for a second: at most 20 urgent batches and not 1,000."""
    outbox = box()
    for n in range(1000):
        outbox.add(result(f"check-{n}"), 0.0)
    outbox.flush()
    sent = 0
    for n in range(1000):
        now = 2.0 + n / 1000
        outbox.add(result(f"check-{n}", "fail", "tcp.refused"), now)
        for parcel in taken(outbox, now):
            sent += 1
            outbox.delivered(parcel, now)
    assert sent <= 10 + 21


def test_an_ack_settles_and_a_resend_carries_no_acked_result() -> None:
    outbox = box()
    for n in range(200):
        outbox.add(result(f"check-{n}"), 0.0)
    for parcel in taken(outbox, 0.0):
        outbox.delivered(parcel, 0.0)
    assert outbox.acked(mark(100))
    assert (outbox.acked_count, outbox.pending, outbox.floor) == (100, 100, 100)
    again = taken(outbox, module.ACK_SECONDS)
    assert [p.first for p in again] == [100]


def test_foreign_and_impossible_marks_are_ignored() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush()
    assert not outbox.acked(mark(1, "f" * 32))
    assert not outbox.acked(mark(2))
    assert outbox.pending == 1


def test_what_waits_for_an_ack_is_sent_again_after_a_reconnect() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush()
    (parcel,) = taken(outbox, 0.0)
    outbox.delivered(parcel, 0.0)
    assert outbox.take(0.1) is None
    outbox.forgotten(0.1)
    assert outbox.take(0.1) is parcel


def test_an_old_batch_goes_by_the_replay_lane_and_after_fresh_ones() -> None:
    outbox = box()
    outbox.take(0.0)  # starts the token bucket
    outbox.add(result("old"), 0.0)
    outbox.flush()
    outbox.add(result("new"), 70.0)
    outbox.flush()
    lanes = [(unpack(p).results[0].check, p.is_replay) for p in taken(outbox, 70.0)]
    assert lanes == [("new", False), ("old", True)]


def test_replay_is_paced_and_grows_with_acks() -> None:
    """A backlog of 20,000 results: some 500 in the first second, and more later while acks come."""
    outbox = box()
    for n in range(20_000):
        outbox.add(result(f"check-{n}"), 0.0)
    sent = [0] * 10
    for step in range(1000):
        now = 100.0 + step / 100
        for parcel in taken(outbox, now):
            sent[step // 100] += parcel.count
            outbox.delivered(parcel, now)
            outbox.acked(mark(parcel.end))
    assert 300 <= sent[0] <= 800
    assert sent[5] > sent[0]
    assert max(sent) <= module.REPLAY_RATE_MAX * 1.6


def test_replay_slows_down_when_acks_stay_away() -> None:
    outbox = box()
    for n in range(1000):
        outbox.add(result(f"check-{n}"), 0.0)
    sent = [0] * 12
    for step in range(12 * 60 * 10):
        now = 100.0 + step / 10
        for parcel in taken(outbox, now):
            sent[step // 600] += parcel.count
            outbox.delivered(parcel, now)
    assert sum(sent[6:]) < 6 * 60 * module.REPLAY_RATE / 4


def test_days_without_a_collector_are_survived() -> None:
    """The broker takes every attempt and nobody acknowledges: once a minute, for a day and a half."""
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush()
    now = 0.0
    for _ in range(2160):
        while (parcel := outbox.take(now)) is None:
            now = outbox.next_due(now)
        outbox.delivered(parcel, now)
    assert now > 86400.0
    assert (outbox.pending, outbox.next_due(now)) == (1, now + module.ACK_SECONDS_MAX)


def test_flights_are_bounded() -> None:
    outbox = box()
    for n in range(5_000):
        outbox.add(result(f"check-{n}"), 0.0)
    assert len(taken(outbox, 0.0)) == module.LIVE_IN_FLIGHT


def test_replay_flights_are_bounded_too() -> None:
    """Tokens for 250 results, batches of one: two of them fly."""
    outbox = box()
    outbox.take(0.0)  # starts the token bucket
    for n in range(10):
        outbox.add(result(f"check-{n}"), 0.0)
        outbox.flush()
    assert len(taken(outbox, 100.0)) == module.REPLAY_IN_FLIGHT


def test_a_full_buffer_gives_up_the_oldest_and_says_so() -> None:
    outbox = box(max_bytes=20_000)
    for n in range(5_000):
        outbox.add(result(f"check-{n}", detail=f"{n * 7919}"), 0.0)
    assert outbox.buffered_bytes <= 20_000
    assert outbox.lost["queue_full"] > 0
    assert outbox.lost["queue_full"] + outbox.pending == 5_000
    assert outbox.floor == outbox.lost["queue_full"]


def test_a_result_that_no_batch_can_carry_is_lost_once() -> None:
    outbox = box()
    outbox.add(result("small"), 0.0)
    outbox.add(result("huge", detail="x" * (limits.MAX_DECODED_BYTES + 1)), 0.0)
    outbox.add(result("small"), 0.0)
    outbox.flush()
    assert outbox.lost["refused"] == 1
    assert [(p.first, p.count) for p in taken(outbox, 0.0)] == [(0, 1), (2, 1)]


def test_a_refused_batch_is_tried_again_slowly_and_one_too_large_never() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush()
    (parcel,) = taken(outbox, 0.0)
    outbox.refused(parcel, 0x87, 0.0)
    assert outbox.take(module.REFUSED_SECONDS - 0.1) is None
    assert outbox.take(module.REFUSED_SECONDS) is parcel
    outbox.refused(parcel, 0x95, 31.0)
    assert outbox.lost["refused"] == 1
    assert outbox.pending == 0


def test_an_ack_that_overtakes_the_puback_settles_too() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush()
    (parcel,) = taken(outbox, 0.0)
    outbox.acked(mark(1))
    outbox.delivered(parcel, 0.1)
    assert taken(outbox, 1000.0) == []
    assert outbox.pending == 0


class Ledger(RuleBasedStateMachine):
    """Any order of events: every result is acked, pending or lost, and sent only while it is pending."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = box(max_bytes=1_500)
        self.now = 0.0
        self.flying: list[Parcel] = []
        self.low = 0
        self.applied: set[int] = set()

    @rule(
        many=st.integers(1, 130),
        check=st.sampled_from(["a", "b", "c"]),
        outcome=st.sampled_from([("ok", None), ("fail", "dns.nodata"), ("not_run", "loop_lag")]),
    )
    def produce(self, many: int, check: str, outcome: tuple[str, str | None]) -> None:
        for _ in range(many):
            self.outbox.add(result(check, *outcome), self.now)

    @rule()
    def produce_monster(self) -> None:
        self.outbox.add(result("m", detail="x" * (limits.MAX_DECODED_BYTES + 1)), self.now)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 11.0, 61.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def send(self) -> None:
        expected = self.outbox.next_due(self.now)
        live_waits = self.outbox._in_flight[False] < module.LIVE_IN_FLIGHT
        parcel = self.outbox.take(self.now)
        if parcel is None:
            assert self.outbox.next_due(self.now) > self.now
            return
        assert parcel not in self.flying
        assert parcel.first >= self.low or parcel.end > self.low, "acked already"
        assert parcel.is_replay == (self.now - parcel.born >= limits.LIVE_EXPIRY_SECONDS)
        if parcel.is_replay and live_waits:
            assert not self.outbox._has_waiting(self.outbox._live)
        assert expected is not None
        batch = unpack(parcel)
        assert (batch.first_seq, len(batch.results)) == (parcel.first, parcel.count)
        assert batch.acked <= parcel.first
        assert 1 <= self.outbox.expiry(parcel, self.now) <= limits.LIVE_EXPIRY_SECONDS
        self.flying.append(parcel)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), end=st.sampled_from(["delivered", "lost", 0x87, 0x95]))
    def land(self, data: st.DataObject, end: str | int) -> None:
        parcel = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        match end:
            case "delivered":
                self.outbox.delivered(parcel, self.now)
            case "lost":
                self.outbox.undelivered(parcel, self.now)
            case int():
                self.outbox.refused(parcel, end, self.now)

    @rule(share=st.floats(0.0, 1.0))
    def ack(self, share: float) -> None:
        packed = self.outbox.next_seq - len(self.outbox._open)
        self.low = max(self.low, int(packed * share))
        assert self.outbox.acked(mark(self.low))

    @rule(low=st.integers(0, 10_000), epoch=st.sampled_from(["f" * 32, EPOCH]))
    def hostile_ack(self, low: int, epoch: str) -> None:
        before = self.outbox.acked_count
        beyond = self.outbox.next_seq + low + 1 if epoch == EPOCH else low
        self.outbox.acked(mark(beyond, epoch))
        assert self.outbox.acked_count == before

    @rule()
    def reconnect(self) -> None:
        self.outbox.forgotten(self.now)

    @rule()
    def flush(self) -> None:
        self.outbox.flush()

    @invariant()
    def nothing_is_forgotten(self) -> None:
        packed = sum(parcel.count for parcel in self.outbox._parcels.values())
        assert self.outbox.pending == packed + len(self.outbox._open)

    @invariant()
    def parcels_are_in_order_and_do_not_touch(self) -> None:
        ends = 0
        for first, parcel in self.outbox._parcels.items():
            assert first == parcel.first >= ends
            ends = parcel.end
        assert ends <= self.outbox.next_seq
        assert self.outbox.floor <= self.outbox.next_seq

    @invariant()
    def the_buffer_is_bounded(self) -> None:
        """Only what is in flight may keep it above the bound."""
        assert self.outbox.buffered_bytes == sum(len(p.payload) for p in self.outbox._parcels.values())
        flying = sum(len(parcel.payload) for parcel in self.flying)
        assert self.outbox.buffered_bytes <= 1_500 + flying

    @invariant()
    def flights_are_bounded(self) -> None:
        assert sum(not p.is_replay for p in self.flying) <= module.LIVE_IN_FLIGHT
        assert sum(p.is_replay for p in self.flying) <= module.REPLAY_IN_FLIGHT


Ledger.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLedger = Ledger.TestCase
