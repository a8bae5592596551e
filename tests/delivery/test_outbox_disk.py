"""What is on disk, what is in memory, and what goes from one to the other."""

from delivery.delivery_helpers import EPOCH, granted, mark, result, taken, unpack
from vedette.wire import limits
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.messages import Gap, Result
from vedette_agent.delivery import replay
from vedette_agent.delivery.ledger import Backlog
from vedette_agent.delivery.outbox import OFFLINE_SECONDS, Outbox
from vedette_agent.delivery.parcel import Parcel
from vedette_agent.delivery.parcels import REFUSED_SECONDS
from vedette_agent.delivery.replay import Fetch
from vedette_agent.delivery.runs import Run
from vedette_agent.spool.rows import Row

OLD = "f" * 32
LATE = float(limits.LIVE_EXPIRY_SECONDS)


def box(**options: int) -> Outbox:
    return granted(Outbox("par-01", EPOCH, is_spooled=True, **options))  # type: ignore[arg-type]


def produce(outbox: Outbox, many: int, now: float = 0.0) -> None:
    for n in range(many):
        outbox.add(result(f"check-{n}"), now)


def write(outbox: Outbox, now: float) -> list[Row]:
    rows = outbox.rows(now)
    for row in rows:
        outbox.disk.written(row.epoch, row.first, row.end)
    return rows


def row(epoch: str, first: int, count: int, wmb_us: int = 0) -> Row:
    text = b'{"check":"web","outcome":"ok","started_us":1}'
    return Row(epoch, first, count, 1, wmb_us, b",".join([text] * count))


def with_backlog(*runs: tuple[int, int], next_seq: int = 1000, is_same_boot: bool = True) -> Outbox:
    outbox = box()
    outbox.ledger.adopt([Backlog(OLD, next_seq, is_same_boot, tuple(Run(*run) for run in runs))], [], [])
    return outbox


def fetch(outbox: Outbox, now: float = 0.0) -> Fetch:
    work = outbox.take(now)
    assert isinstance(work, Fetch)
    return work


def test_a_row_has_the_results_of_a_fifth_of_a_second() -> None:
    outbox = box()
    for n in range(50):
        outbox.add(result(), n / 100)
    rows = [each for n in range(100) for each in outbox.rows(n / 100)]
    assert [(each.first, each.count) for each in rows] == [(0, 50)]
    produce(outbox, 1, 1.0)
    assert outbox.next_due(1.0) <= 1.2
    assert outbox.rows(1.19) == []
    assert [each.first for each in outbox.rows(1.2)] == [50]


def test_a_row_is_never_more_than_one_batch_carries() -> None:
    """However many results come before anybody looks for rows, and however small they are."""
    outbox = box()
    produce(outbox, 3000)
    assert max(each.count for each in outbox.rows(0.0)) <= 200
    assert outbox.add(result(), 0.0) <= 0.2


def test_what_is_written_leaves_memory_when_it_is_late_and_comes_back_by_the_replay_lane() -> None:
    outbox = box()
    produce(outbox, 190)
    rows = write(outbox, 0.2)
    outbox.flush(0.2)
    assert outbox.buffered_bytes > 0
    outbox.rows(LATE)
    assert outbox.buffered_bytes == 0
    assert outbox.pending == 190
    asked = fetch(outbox, LATE)
    assert (asked.epoch, asked.first, asked.end) == (EPOCH, 0, 190)
    parcel = outbox.fetched(asked, rows, LATE)
    assert parcel is not None
    assert parcel.is_replay
    assert [each.check for each in unpack(parcel).results] == [f"check-{n}" for n in range(190)]
    outbox.delivered(parcel, LATE)
    outbox.acked(mark(190), LATE)
    assert (outbox.pending, outbox.buffered_bytes) == (0, 0)


def test_what_is_not_written_stays_in_memory() -> None:
    outbox = box()
    produce(outbox, 100)
    outbox.rows(LATE)
    assert outbox.buffered_bytes > 0
    assert [parcel.is_replay for parcel in taken(outbox, LATE)] == [True]


def test_a_full_memory_gives_up_what_the_disk_has_first() -> None:
    outbox = box(max_bytes=3_000)
    produce(outbox, 200)
    outbox.disk.written(EPOCH, 100, 200)
    produce(outbox, 300)
    held = {parcel.first for parcel in outbox._parcels}
    assert 100 not in held
    assert next(iter(outbox.ledger.own.backlog)) == Run(100, 200)
    assert outbox.pending + outbox.ledger.gaps.counts["queue_full"] == 500


def test_what_is_acknowledged_before_it_is_written_is_not_written() -> None:
    outbox = box()
    produce(outbox, 100)
    outbox.acked(mark(100), 0.1)
    assert outbox.rows(1.0) == []


def test_one_reading_at_a_time_and_no_more_than_two_batches_fly() -> None:
    outbox = with_backlog((0, 1000))
    first = fetch(outbox)
    assert outbox.take(0.0) is None
    assert outbox.fetched(first, [row(OLD, 0, 10)], 0.0) is not None
    second = fetch(outbox)
    assert second.first == 10
    assert outbox.fetched(second, [row(OLD, 10, 10)], 0.0) is not None
    assert outbox.take(50.0) is None
    assert outbox.next_due(50.0) == float("inf")


def test_rows_of_two_settings_of_the_clock_do_not_share_a_batch() -> None:
    """And each has the offset as it was for it, as far as it is of this boot."""
    outbox = with_backlog((0, 30))
    outbox.clock_is(5_000_000, 0.0)
    outbox.offset_us = 100
    parcel = outbox.fetched(fetch(outbox), [row(OLD, 0, 10, 2_000_000), row(OLD, 10, 10, 5_000_000)], 0.0)
    assert parcel is not None
    assert (parcel.count, unpack(parcel).offset_us) == (10, 100 + 3_000_000)
    parcel = outbox.fetched(fetch(outbox), [row(OLD, 10, 10, 5_000_000)], 0.0)
    assert parcel is not None
    assert unpack(parcel).offset_us == 100
    other = with_backlog((0, 30), is_same_boot=False)
    other.offset_us = 100
    parcel = other.fetched(fetch(other), [row(OLD, 0, 10)], 0.0)
    assert parcel is not None
    assert unpack(parcel).offset_us is None


def test_what_the_disk_has_not_though_it_has_what_follows_is_corrupt() -> None:
    outbox = with_backlog((0, 30))
    parcel = outbox.fetched(fetch(outbox), [row(OLD, 10, 20)], 0.0)
    assert parcel is not None
    assert parcel.first == 10
    assert outbox.ledger.gaps.counts == {"corrupt": 10}


def test_a_disk_that_gives_nothing_is_asked_again_later_and_not_for_ever() -> None:
    outbox = with_backlog((0, 30))
    now = 0.0
    for _ in range(replay.MISSES - 1):
        assert outbox.fetched(fetch(outbox, now), [], now) is None
        assert outbox.take(now + 0.5) is None
        assert outbox.pending == 30
        now += 60.0
    assert outbox.fetched(fetch(outbox, now), [], now) is None
    assert outbox.ledger.gaps.counts == {"corrupt": 30}


def test_a_disk_that_is_away_loses_nothing() -> None:
    outbox = with_backlog((0, 30))
    for n in range(20):
        assert outbox.fetched(fetch(outbox, n * 60.0), None, n * 60.0) is None
    assert outbox.pending == 30


def test_what_was_settled_while_it_was_read_is_not_sent() -> None:
    outbox = with_backlog((0, 30))
    asked = fetch(outbox)
    outbox.acked(mark(30, OLD), 0.0)
    assert outbox.fetched(asked, [row(OLD, 0, 30)], 0.0) is None
    outbox = with_backlog((0, 30), (40, 50))
    asked = fetch(outbox)
    outbox.acked(mark(30, OLD), 0.0)
    assert outbox.fetched(asked, [row(OLD, 0, 30)], 0.0) is None
    assert outbox.pending == 10


def test_a_row_that_begins_like_a_batch_in_memory_is_another() -> None:
    """Its end is on disk alone, and its beginning waits for an ack."""
    outbox = box()
    for many in (100, 30, 30):
        produce(outbox, many)
        outbox.flush(0.0)
    outbox.disk.written(EPOCH, 130, 160)
    outbox.rows(LATE)
    for parcel in taken_late(outbox, 2):
        outbox.delivered(parcel, LATE)
    asked = fetch(outbox, LATE + 1)
    assert asked.first == 130
    twin = outbox.fetched(asked, [row(EPOCH, 100, 60)], LATE + 1)
    assert twin is not None
    assert twin.first == 100
    outbox.acked(mark(160), LATE + 1)
    assert (outbox.buffered_bytes, outbox.pending) == (0, 0)


def taken_late(outbox: Outbox, many: int) -> list[Parcel]:
    found = [outbox.take(LATE) for _ in range(many)]
    return [parcel for parcel in found if isinstance(parcel, Parcel) and parcel.is_replay]


def test_what_the_disk_drops_is_lost_unless_memory_has_it() -> None:
    outbox = box()
    produce(outbox, 100)
    write(outbox, 0.2)
    outbox.rows(LATE)
    produce(outbox, 100, LATE)
    write(outbox, LATE + 0.2)
    outbox.disk.dropped(Gap(epoch=EPOCH, first=0, end=200, reason="no_space"))
    assert outbox.ledger.gaps.counts == {"no_space": 100}
    assert outbox.pending == 100
    outbox.rows(2 * LATE)
    assert outbox.buffered_bytes > 0, "it is in memory alone now"


def test_a_batch_from_disk_that_flies_is_kept_when_the_disk_drops_it() -> None:
    outbox = with_backlog((0, 30))
    parcel = outbox.fetched(fetch(outbox), [row(OLD, 0, 30)], 0.0)
    assert parcel is not None
    outbox.disk.dropped(Gap(epoch=OLD, first=0, end=30, reason="too_old"))
    outbox.undelivered(parcel, 1.0)
    assert outbox.pending == 30
    assert taken(outbox, 10.0) == [parcel]


def test_what_the_disk_did_not_take_or_lost_is_offered_again_without_what_it_has() -> None:
    outbox = box()
    produce(outbox, 300)
    before = outbox.rows(0.2)
    assert [(each.first, each.count) for each in before] == [(0, 200), (200, 100)]
    for each in before:
        outbox.disk.untaken(each)
    assert outbox.disk.offer()
    again = outbox.rows(0.2)
    assert [(each.first, each.count) for each in again] == [(0, 100), (100, 100), (200, 100)]
    assert b",".join(each.payload for each in again) == b",".join(each.payload for each in before)
    assert not outbox.disk.offer()
    for each in again:
        outbox.disk.written(EPOCH, each.first, each.end)
    outbox.disk.unwritten(EPOCH, 50, 60)
    outbox.disk.offer()
    (part,) = outbox.rows(0.2)
    assert (part.first, part.count) == (50, 10)
    assert outbox.pending == 300


def test_what_the_disk_lost_and_memory_has_not_is_corrupt() -> None:
    outbox = box()
    produce(outbox, 100)
    write(outbox, 0.2)
    outbox.rows(LATE)
    outbox.disk.unwritten(EPOCH, 0, 40)
    assert outbox.ledger.gaps.counts == {"corrupt": 40}
    assert outbox.pending == 60


def test_a_broker_that_refuses_the_replay_lane_is_not_asked_batch_after_batch() -> None:
    outbox = with_backlog((0, 1000))
    parcel = outbox.fetched(fetch(outbox), [row(OLD, 0, 10)], 0.0)
    assert parcel is not None
    outbox.refused(parcel, 0x87, 0.0)
    assert outbox.take(REFUSED_SECONDS - 0.1) is None
    assert outbox.next_due(REFUSED_SECONDS - 0.1) >= REFUSED_SECONDS - 0.01
    assert outbox.take(REFUSED_SECONDS + 0.1) is not None


def test_an_agent_without_a_connection_has_no_reason_to_wake_up_but_rows() -> None:
    outbox = box()
    outbox.is_connected = False
    due = outbox.add(result(), 0.0)
    assert due == outbox.next_due(0.0) == 0.2
    outbox.rows(0.2)
    assert outbox.next_due(0.2) == float("inf")
    outbox.disk.unspooled()
    assert outbox.add(result(), 0.5) == float("inf")


def test_a_batch_spans_a_while_at_most_when_there_is_no_connection() -> None:
    """Fresh results that share a batch with old ones would be late like them."""
    outbox = Outbox("par-01", EPOCH)
    outbox.is_connected = False
    for n in range(10):
        outbox.add(result(), n * 10.0)
    outbox.is_connected = True
    granted(outbox)
    spans = [parcel.count for parcel in outbox._parcels]
    assert max(spans) <= OFFLINE_SECONDS / 10 + 1


def test_another_epoch_leaves_the_old_results_under_their_numbers() -> None:
    outbox = granted(box())
    produce(outbox, 5)
    outbox.begin(OLD, 0.0)
    produce(outbox, 3)
    assert [(each.epoch, each.first, each.count) for each in outbox.rows(0.2)] == [(EPOCH, 0, 5), (OLD, 0, 3)]
    parcels = [unpack(parcel) for parcel in taken(outbox, 1.0)]
    assert [(each.epoch, each.first_seq, len(each.results)) for each in parcels] == [
        (OLD, 0, 3),
        (EPOCH, 0, 5),
    ]
    outbox.acked(mark(5), 1.0)
    assert [book.epoch for book in outbox.ledger] == [OLD]


def test_a_stop_waits_for_what_memory_has_and_not_for_the_backlog() -> None:
    outbox = with_backlog((0, 1000))
    assert outbox.is_said
    outbox.add(result(), 0.0)
    outbox.flush(0.0)
    assert not outbox.is_said
    parcel = outbox.take(0.0)
    assert isinstance(parcel, Parcel)
    outbox.acked(mark(1), 0.0)
    assert outbox.is_said


def test_an_acknowledgement_of_what_was_never_sent_settles_nothing() -> None:
    """It is in the open batch: another copy of this process sent its own result under that number."""
    outbox = box()
    produce(outbox, 5)
    outbox.acked(mark(3), 0.0)
    assert (outbox.pending, outbox.is_resumed) == (5, True)


def test_facts_that_were_lost_are_no_base() -> None:
    outbox = box()
    said = Facts(dns=DnsFacts(rcode="NOERROR", answers=["192.0.2.1"]))
    outbox.add(Result(check="web", outcome="ok", started_us=1, facts=said), 0.0)
    outbox.flush(0.0)
    (parcel,) = taken(outbox, 0.0)
    outbox.refused(parcel, 0x95, 0.0)
    outbox.add(Result(check="web", outcome="ok", started_us=1, facts=said), 0.0)
    outbox.flush(0.0)
    (parcel,) = taken(outbox, 0.0)
    assert unpack(parcel).results[0].facts == said
