"""What travels together, what is sent next, and that nothing is forgotten: without a disk."""

from delivery.delivery_helpers import EPOCH, granted, mark, result, taken, unpack
from vedette.wire import limits
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.messages import Result
from vedette_agent.delivery import outbox as module
from vedette_agent.delivery import pace, parcels
from vedette_agent.delivery.outbox import Outbox


def box(**options: int) -> Outbox:
    return Outbox("par-01", EPOCH, **options)  # type: ignore[arg-type]


def in_order(outbox: Outbox, now: float) -> list[tuple[str, bool]]:
    return [(unpack(parcel).results[0].check, parcel.is_replay) for parcel in taken(outbox, now)]


def test_a_group_leaves_after_a_second() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    assert outbox.take(0.5) is not None
    outbox.add(result(), 1.0)
    assert outbox.take(1.99) is None
    assert outbox.next_due(1.99) == 2.0
    (parcel,) = taken(outbox, 2.0)
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
    outbox.flush(0.0)
    for parcel in taken(outbox, 0.0):
        assert sum(len(module._encode(each)) + 1 for each in unpack(parcel).results) <= limits.BATCH_BYTES


def test_a_group_without_room_for_the_next_result_is_due_at_once() -> None:
    outbox = box()
    large = Result(check="large", outcome="ok", started_us=1, detail="x" * (limits.BATCH_BYTES * 2 // 3))
    assert outbox.add(large, 0.0) > 0.0
    assert outbox.add(large, 0.1) == 0.1
    assert [each.first for each in taken(outbox, 0.1)] == [0]


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
    outbox.flush(0.0)
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
    outbox.acked(mark(100), 0.0)
    assert (outbox.ledger.acked_count, outbox.pending, outbox.floor) == (100, 100, 100)
    again = taken(outbox, parcels.ACK_SECONDS)
    assert [p.first for p in again] == [100]


def test_foreign_and_impossible_marks_are_ignored() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush(0.0)
    outbox.acked(mark(1, "f" * 32), 0.0)
    assert not outbox.is_resumed
    outbox.acked(mark(2), 0.0)
    assert outbox.pending == 1
    assert outbox.is_resumed


def test_what_waits_for_an_ack_is_sent_again_after_a_reconnect() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush(0.0)
    (parcel,) = taken(outbox, 0.0)
    outbox.delivered(parcel, 0.0)
    assert outbox.take(0.1) is None
    outbox.resend(0.1)
    assert outbox.take(0.1) is parcel


def test_an_old_batch_goes_by_the_replay_lane_and_after_fresh_ones() -> None:
    outbox = granted(box())
    outbox.add(result("old"), 0.0)
    outbox.flush(0.0)
    outbox.add(result("new"), 70.0)
    outbox.flush(0.0)
    assert in_order(outbox, 70.0) == [("new", False), ("old", True)]


def test_replay_is_paced_and_grows_with_acks() -> None:
    """A backlog of 20,000 results: some 500 in the first second, and more later while acks come."""
    outbox = granted(box())
    for n in range(20_000):
        outbox.add(result(f"check-{n}"), 0.0)
    sent = [0] * 10
    for step in range(1000):
        now = 100.0 + step / 100
        for parcel in taken(outbox, now):
            sent[step // 100] += parcel.count
            outbox.delivered(parcel, now)
            outbox.acked(mark(parcel.end), now)
    assert 300 <= sent[0] <= 800
    assert sent[5] > sent[0]
    assert max(sent) <= pace.RATE_MAX * 1.6


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
    assert sum(sent[6:]) < 6 * 60 * pace.RATE / 4


def test_days_without_a_collector_are_survived() -> None:
    """The broker takes every attempt and nobody acknowledges: once a minute, for a day and a half."""
    outbox = granted(box())
    outbox.add(result(), 0.0)
    outbox.flush(0.0)
    now = 0.0
    for _ in range(2160):
        while (parcel := outbox.take(now)) is None:
            now = outbox.next_due(now)
        outbox.delivered(parcel, now)
    assert now > 86400.0
    assert (outbox.pending, outbox.next_due(now)) == (1, now + parcels.ACK_SECONDS_MAX)


def test_flights_are_bounded() -> None:
    outbox = box()
    for n in range(5_000):
        outbox.add(result(f"check-{n}"), 0.0)
    assert len(taken(outbox, 0.0)) == parcels.LIVE_IN_FLIGHT


def test_replay_flights_are_bounded_too() -> None:
    """Tokens for 250 results, batches of one: two of them fly."""
    outbox = granted(box())
    for n in range(10):
        outbox.add(result(f"check-{n}"), 0.0)
        outbox.flush(0.0)
    assert len(taken(outbox, 100.0)) == parcels.REPLAY_IN_FLIGHT


def test_a_full_buffer_gives_up_the_oldest_and_says_so() -> None:
    outbox = box(max_bytes=20_000)
    for n in range(5_000):
        outbox.add(result(f"check-{n}", detail=f"{n * 7919}"), 0.0)
    assert outbox.buffered_bytes <= 20_000
    assert outbox.ledger.gaps.counts["queue_full"] > 0
    assert outbox.ledger.gaps.counts["queue_full"] + outbox.pending == 5_000
    assert outbox.floor == outbox.ledger.gaps.counts["queue_full"]


def test_a_result_that_no_batch_can_carry_is_lost_once() -> None:
    outbox = box()
    outbox.add(result("small"), 0.0)
    outbox.add(result("huge", detail="x" * (limits.MAX_DECODED_BYTES + 1)), 0.0)
    outbox.add(result("small"), 0.0)
    outbox.flush(0.0)
    assert outbox.ledger.gaps.counts["refused"] == 1
    assert [(p.first, p.count) for p in taken(outbox, 0.0)] == [(0, 1), (2, 1)]


def test_a_refused_batch_is_tried_again_slowly_and_one_too_large_never() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush(0.0)
    (parcel,) = taken(outbox, 0.0)
    outbox.refused(parcel, 0x87, 0.0)
    assert outbox.take(parcels.REFUSED_SECONDS - 0.1) is None
    assert taken(outbox, parcels.REFUSED_SECONDS) == [parcel]
    outbox.refused(parcel, 0x95, 31.0)
    assert outbox.ledger.gaps.counts["refused"] == 1
    assert outbox.pending == 0


def test_an_ack_that_overtakes_the_puback_settles_too() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    outbox.flush(0.0)
    (parcel,) = taken(outbox, 0.0)
    outbox.acked(mark(1), 0.0)
    outbox.delivered(parcel, 0.1)
    assert taken(outbox, 1000.0) == []
    assert outbox.pending == 0


def test_what_a_resumed_machine_remembers_is_late_whatever_its_clock_says() -> None:
    outbox = granted(box())
    outbox.add(result("before"), 0.0)
    outbox.begin("f" * 32, 1.0)
    outbox.add(result("since"), 1.0)
    assert in_order(outbox, 3.0) == [("since", False), ("before", True)]


def test_a_result_by_another_way_is_no_change_of_state_and_hides_none() -> None:
    outbox = box()
    outbox.add(result(), 0.0)
    taken(outbox, 1.0)
    around = Result(check="web", outcome="fail", started_us=1, reason="dns.timeout", bypass="resolver")
    assert outbox.add(around, 2.0) == 3.0
    assert outbox.add(result(), 2.1) == 3.0
    taken(outbox, 3.0)
    assert outbox.add(result(outcome="fail", reason="dns.timeout"), 4.0) == 4.0
