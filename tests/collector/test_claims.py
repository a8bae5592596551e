"""What a heartbeat says is held against what is known: no loss is silent, and no claim goes beyond reason."""

import pytest

from collector.collector_helpers import EPOCH, LATER_EPOCH, NOW, Core, batch, heartbeat, ok, presence
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, EpochMark, Gap, Heartbeat, Held
from vedette.wire.topics import Kind
from vedette_collector.bucket import Quota
from vedette_collector.cell import Moment
from vedette_collector.claims import MAX_OPEN, SILENT_SECONDS
from vedette_collector.dedupe import CLOSED_SECONDS
from vedette_collector.ledger import Figures

OLD = "e" * 32


def books(core: Core, said: Heartbeat | None = None) -> Figures:
    held, gaps = ([], []) if said is None else (said.held, said.gaps)
    figures = core.ledger.book("par-01").figures(held, gaps)
    assert figures.residual == 0
    return figures


def beat(*held: Held, gaps: tuple[Gap, ...] = (), complete: bool = True, epoch: str = EPOCH) -> Heartbeat:
    own = next((each for each in held if each.epoch == epoch), None)
    return heartbeat(
        epoch=epoch,
        next_seq=0 if own is None else own.next_seq,
        acked=0 if own is None else own.floor,
        held=list(held),
        held_complete=complete,
        gaps=list(gaps),
    )


def of(epoch: str, next_seq: int, floor: int = 0) -> Held:
    return Held(epoch=epoch, next_seq=next_seq, floor=floor)


def gap(first: int, end: int, reason: str = "spool_full", epoch: str = EPOCH) -> Gap:
    return Gap(epoch=epoch, first=first, end=end, reason=reason)


def at(seconds: float) -> Moment:
    return Moment(NOW.wall + seconds, NOW.mono + seconds)


def test_what_is_produced_is_pending_until_it_comes() -> None:
    core = Core()
    core.send(beat(of(EPOCH, 30)))
    assert (books(core).produced, books(core).pending) == (30, 30)
    core.send(batch(*[ok()] * 10))
    assert (books(core).produced, books(core).applied, books(core).pending) == (30, 10, 20)


def test_a_gap_is_lost_for_its_reason_once_however_often_it_is_said() -> None:
    core = Core()
    said = beat(of(EPOCH, 30), gaps=(gap(5, 10), gap(20, 22, "crash")))
    for _ in range(3):
        core.send(said)
    assert books(core).lost == {"spool_full": 5, "crash": 2}
    core.send(batch(*[ok()] * 30))
    figures = books(core, said)
    assert (figures.applied, figures.pending, figures.disagreement) == (23, 0, 0)


def test_what_came_before_its_gap_was_declared_is_not_lost() -> None:
    core = Core()
    core.send(batch(*[ok()] * 8))
    core.send(beat(of(EPOCH, 10), gaps=(gap(5, 10),)))
    assert (books(core).applied, books(core).lost) == (8, {"spool_full": 2})


def test_a_reason_of_a_newer_agent_is_unknown() -> None:
    core = Core()
    core.send(beat(of(EPOCH, 10), gaps=(gap(0, 1, "eaten_by_mice"),)))
    assert books(core).lost == {"unknown": 1}


def test_the_losses_of_a_process_that_was_never_heard_are_in_the_books() -> None:
    """The collector was away for its whole life: 40 of 100 were given up, and the rest is to come."""
    core = Core()
    gaps = (gap(0, 30, epoch=OLD), gap(90, 100, "crash", epoch=OLD))
    core.send(beat(of(OLD, 100, floor=30), of(EPOCH, 0), gaps=gaps))
    figures = books(core)
    assert (figures.produced, figures.pending, figures.lost) == (100, 60, {"spool_full": 30, "crash": 10})


def test_a_gap_of_an_epoch_that_is_not_held_counts_too() -> None:
    core = Core()
    core.send(beat(of(EPOCH, 0), gaps=(gap(7, 9, epoch=OLD),)))
    assert (books(core).produced, books(core).lost, books(core).pending) == (2, {"spool_full": 2}, 0)


def test_what_another_collector_acknowledged_is_in_its_books_and_not_in_ours() -> None:
    core = Core()
    core.send(beat(of(EPOCH, 120, floor=100)))
    assert (books(core).produced, books(core).pending) == (20, 20)
    assert core.mark() == 100


def test_so_it_is_when_a_batch_that_was_packed_earlier_comes_first() -> None:
    """Packed when nothing was acked, for the collector before us; then the heartbeat says 100 are."""
    core = Core()
    core.send(batch(*[ok()] * 10, first=100))
    assert books(core).pending == 100
    core.send(beat(of(EPOCH, 115, floor=100)))
    figures = books(core)
    assert (figures.produced, figures.applied, figures.pending, figures.lost) == (15, 10, 5, {})


def test_a_loss_before_our_books_moves_their_beginning() -> None:
    """Found by a batch at 100; of what came before, 10 … 20 and 50 … 60 were given up, and the rest acked."""
    core = Core()
    core.send(batch(ok(), first=100, acked=100))
    core.send(beat(of(EPOCH, 101, floor=100), gaps=(gap(10, 20), gap(50, 60))))
    figures = books(core)
    assert (figures.produced, figures.applied, figures.lost, figures.pending) == (
        21,
        1,
        {"spool_full": 20},
        0,
    )


def test_acks_that_we_do_not_know_of_are_a_rewind() -> None:
    """We know the process from its first results on, and it holds acks for more than we have."""
    core = Core()
    core.send(beat(of(EPOCH, 5)))
    core.send(batch(*[ok()] * 5))
    said = beat(of(EPOCH, 40, floor=30))
    core.send(said)
    assert books(core, said).lost == {"rewind": 25}
    assert books(core, said).disagreement == 0


def test_an_agent_of_an_earlier_version_says_how_many_and_not_which() -> None:
    core = Core()
    core.send(batch(*[ok()] * 5))
    core.send(heartbeat(next_seq=30, acked=20, lost={"queue_full": 15, "refused": 0}))
    assert (books(core).lost, books(core).pending) == ({"queue_full": 15}, 10)


@pytest.mark.parametrize(("complete", "closed"), [(True, True), (False, False)])
def test_an_epoch_is_closed_when_nobody_holds_it(complete: bool, closed: bool) -> None:
    """300 s after its last message, by a heartbeat that says it lists everything. Its rest is lost."""
    core = Core()
    core.ingest.reading_since = NOW.mono
    core.send(beat(of(OLD, 10), epoch=OLD))
    core.send(batch(*[ok()] * 4, epoch=OLD))
    said = beat(of(EPOCH, 0), complete=complete)
    core.send(said, now=at(SILENT_SECONDS - 1))
    assert books(core).lost == {}
    core.send(said, now=at(SILENT_SECONDS + 1))
    assert books(core).lost == ({"restart": 6} if closed else {})
    assert books(core).produced == 10
    core.send(batch(*[ok()] * 10, epoch=OLD), kind=Kind.REPLAY)
    assert books(core).applied == (4 if closed else 10)
    assert core.mark(epoch=OLD) is None if closed else core.mark(epoch=OLD) == 10


def test_an_epoch_that_is_held_is_not_closed_however_silent_it_is() -> None:
    core = Core()
    core.send(beat(of(OLD, 10), epoch=OLD))
    core.send(beat(of(OLD, 10), of(EPOCH, 0)), now=at(10_000))
    assert (books(core).lost, books(core).pending) == ({}, 10)


def test_silence_counts_from_when_we_could_hear() -> None:
    core = Core()
    core.send(beat(of(OLD, 10), epoch=OLD))
    core.ingest.reading_since = NOW.mono + 900
    core.send(beat(of(EPOCH, 0)), now=at(1000))
    assert books(core).lost == {}


def test_what_comes_of_a_closed_epoch_is_a_copy_and_its_sender_may_drop_it() -> None:
    core = Core()
    core.send(batch(*[ok()] * 4, epoch=OLD))
    core.send(beat(of(EPOCH, 0)), now=at(400))
    core.acks.take(0)
    core.send(batch(*[ok()] * 4, epoch=OLD), kind=Kind.REPLAY)
    (ack,) = core.acks.take(0)
    assert [mark.low for mark in ack.marks if mark.epoch == OLD] == [4]
    assert core.board.agents["par-01"].duplicates == 4


def test_a_process_that_comes_back_goes_on_behind_its_end() -> None:
    """It was cut off, another one spoke for the agent, and what it had is declared lost by then."""
    core = Core()
    core.send(beat(of(OLD, 10), epoch=OLD))
    core.send(beat(of(EPOCH, 0)), now=at(400))
    core.send(batch(*[ok()] * 15, epoch=OLD), now=at(401))
    figures = books(core)
    assert (figures.produced, figures.applied, figures.lost) == (15, 5, {"restart": 10})


def test_claims_grow_no_faster_than_the_checks_of_an_agent_can() -> None:
    core = Core()
    core.send(beat(of(EPOCH, 100)))
    core.send(beat(of(EPOCH, 2**50)), now=at(10))
    core.send(batch(ok(), first=2**50), now=at(10))
    assert core.rejected == {"claim": 2}
    assert books(core).produced == 100
    core.send(beat(of(OLD, 2**50), of(EPOCH, 100)), now=at(20))
    core.send(batch(ok(), first=2**50, epoch=LATER_EPOCH), now=at(20))
    assert books(core).produced == 100
    core.send(beat(of(EPOCH, 2000)), now=at(30))
    assert books(core).produced == 2000


def test_gaps_beyond_what_may_be_claimed_are_not_confirmed() -> None:
    """The echo of a heartbeat confirms all its gaps: there is none, and the agent says them again."""
    core = Core()
    core.send(beat(of(EPOCH, 100)))
    core.acks.take(0)
    core.send(beat(of(EPOCH, 100), gaps=(gap(2**50, 2**50 + 1),)), now=at(10))
    assert [ack.heartbeat for ack in core.acks.take(0)] == [None]


def test_an_agent_opens_64_epochs_an_hour_and_holds_256() -> None:
    core = Core()
    for number in range(70):
        core.send(batch(ok(), epoch=f"{number:032x}"))
    assert core.rejected == {"too_many_epochs": 6}
    for hour in range(1, 6):
        for number in range(70):
            core.send(batch(ok(), epoch=f"{hour * 100 + number:032x}"), now=at(hour * 3700))
    assert len(core.ledger.book("par-01").epochs.open) == MAX_OPEN


def test_a_quota_is_of_any_hour() -> None:
    quota = Quota(2, 3600.0)
    assert [quota.admits(now) for now in (0.0, 10.0, 20.0, 3601.0, 3602.0)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_old_batches_of_a_process_that_was_never_heard_are_refused() -> None:
    """Recorded and sent again a month later. The same batch of a process that speaks now is not."""
    core = Core()
    month = Moment(NOW.wall + 30 * 86400, NOW.mono + 30 * 86400)
    core.send(batch(ok()), now=month)
    assert core.rejected == {"too_old": 1}
    assert not core.acks
    core.send(presence(), now=month)
    core.send(batch(ok()), now=month)
    assert core.applied() == 1
    core = Core()
    core.send(batch(ok(), offset_us=round(31 * 86400 * 1e6)), now=month)  # the agent's clock was behind
    assert core.applied() == 1
    assert month.wall - NOW.wall > CLOSED_SECONDS


def test_a_replayed_process_is_older_than_the_one_that_speaks() -> None:
    """Its state must not win over what is live, in whatever order the two come."""
    core = Core()
    core.send(beat(of(EPOCH, 0)))
    core.send(batch(*[ok()] * 9, epoch=OLD), kind=Kind.REPLAY)
    epochs = core.ledger.book("par-01").epochs.open
    assert epochs[OLD].number < epochs[EPOCH].number
    core.send(beat(of(OLD, 9), of(LATER_EPOCH, 0), epoch=LATER_EPOCH))
    assert epochs[LATER_EPOCH].number > epochs[EPOCH].number


def test_no_mark_goes_beyond_what_its_agent_can_read() -> None:
    core = Core()
    core.send(batch(*[ok()] * 5, first=limits.MAX_SEQ - 2, acked=limits.MAX_SEQ - 2))
    assert core.board.rejected["claim"] == 1
    core.send(batch(*[ok()] * 5, first=limits.MAX_SEQ - 5, acked=limits.MAX_SEQ - 5))
    (said,) = core.acks.take(0)
    assert codec.decode(*codec.encode(said), Ack).marks == [EpochMark(epoch=EPOCH, low=limits.MAX_SEQ)]
