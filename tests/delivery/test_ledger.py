"""What the agent says of epochs, floors and gaps."""

from delivery.delivery_helpers import EPOCH, mark
from vedette.wire import limits
from vedette.wire.failure import Lost
from vedette.wire.messages import Gap
from vedette_agent.delivery.ledger import MAX_SETTLED, Backlog, Ledger
from vedette_agent.delivery.runs import Run


def ledger(produced: int = 0, *, is_spooled: bool = True) -> Ledger:
    made = Ledger(EPOCH, is_spooled=is_spooled)
    made.own.next_seq = produced
    return made


def lose_every_second(made: Ledger, many: int) -> None:
    for n in range(many):
        made.lose(made.own, 2 * n + 1, 2 * n + 2, Lost.CORRUPT)


def test_neighbours_of_one_reason_are_one_gap_when_nothing_between_them_is_pending() -> None:
    made = ledger(100)
    made.lose(made.own, 10, 20, Lost.QUEUE_FULL)
    made.lose(made.own, 20, 30, Lost.QUEUE_FULL)
    made.lose(made.own, 40, 50, Lost.QUEUE_FULL)
    assert [(gap.first, gap.end) for gap in made.gaps.shown()] == [(10, 30), (40, 50)]
    made.acked(mark(0, runs=[(50, 60)])[0], 100)
    made.lose(made.own, 60, 70, Lost.QUEUE_FULL)
    made.lose(made.own, 70, 80, Lost.REFUSED)
    assert [(gap.first, gap.end) for gap in made.gaps.shown()] == [(10, 30), (40, 70), (70, 80)]
    assert made.gaps.counts == {"queue_full": 40, "refused": 10}


def test_what_is_settled_is_not_lost_and_not_twice() -> None:
    made = ledger(100)
    made.acked(mark(15)[0], 100)
    assert made.lose(made.own, 10, 20, Lost.CORRUPT) == [Run(15, 20)]
    assert made.lose(made.own, 10, 20, Lost.CORRUPT) == []
    assert (made.acked_count, made.pending) == (15, 80)


def test_a_floor_does_not_pass_a_gap_that_is_not_said_yet() -> None:
    """Else the collector would book what is in it as forgotten by itself."""
    made = ledger(100)
    lose_every_second(made, limits.MAX_GAPS + 3)
    made.acked(mark(0, runs=[(2 * n, 2 * n + 1) for n in range(50)])[0], 100)
    first_hidden = 2 * limits.MAX_GAPS + 1
    assert made.own.settled.low > first_hidden
    assert made.floor(made.own) == first_hidden
    made.confirmed(made.gaps.shown())
    assert made.floor(made.own) == made.own.settled.low


def test_what_the_collector_knows_ends_at_the_first_gap_that_it_has_not_confirmed() -> None:
    """Batches say this number: a base below it is there."""
    made = ledger(100)
    made.lose(made.own, 3, 5, Lost.CORRUPT)
    made.acked(mark(10)[0], 100)
    assert (made.floor(made.own), made.known(made.own)) == (10, 3)
    made.confirmed(made.gaps.shown())
    assert made.known(made.own) == 10


def test_a_gap_that_grew_after_it_was_said_is_said_again() -> None:
    made = ledger(100)
    made.lose(made.own, 0, 5, Lost.CORRUPT)
    said = list(made.gaps.shown())
    made.lose(made.own, 5, 9, Lost.CORRUPT)
    made.confirmed(said)
    assert [(gap.first, gap.end) for gap in made.gaps.shown()] == [(0, 9)]


def test_epochs_of_the_past_are_older_and_go_when_nothing_is_left_to_say() -> None:
    made = ledger(5)
    old, gap = "a" * 32, Gap(epoch="a" * 32, first=8, end=10, reason="crash")
    made.adopt([Backlog(old, 10, False, (Run(2, 8),))], [("b" * 32, 77)], [gap])
    held, is_complete = made.held()
    assert [(each.epoch, each.next_seq, each.floor) for each in held] == [(old, 10, 2), (EPOCH, 5, 0)]
    assert is_complete
    assert made.pending == 6 + 5
    made.acked(mark(8, old)[0], 10)
    made.prune()
    assert [each.epoch for each in made.held()[0]] == [old, EPOCH]
    made.confirmed([gap])
    assert [each.epoch for each in made.held()[0]] == [EPOCH]
    assert [(each.epoch, each.floor) for each in made.done()] == [(old, 10), ("b" * 32, 77)]


def test_more_epochs_than_a_heartbeat_holds_are_said_to_be_more() -> None:
    made = ledger(1)
    made.adopt([Backlog(f"{n:032x}", 4, True, (Run(0, 4),)) for n in range(limits.MAX_EPOCHS)], [], [])
    held, is_complete = made.held()
    assert len(held) == limits.MAX_EPOCHS
    assert held[-1].epoch == EPOCH
    assert not is_complete


def test_settled_epochs_are_remembered_up_to_a_bound() -> None:
    made = ledger()
    for n in range(MAX_SETTLED + 9):
        made.open(f"{n:032x}")
    made.prune()
    assert len(made.done()) == MAX_SETTLED
    assert made.done()[0].epoch == f"{MAX_SETTLED + 7:032x}"


def test_the_disk_is_told_in_runs_what_is_settled_and_lost() -> None:
    made = ledger(1000)
    for low in range(1, 500):
        made.acked(mark(low)[0], 1000)
    made.lose(made.own, 600, 610, Lost.QUEUE_FULL)
    assert made.settled() == [(EPOCH, Run(0, 499)), (EPOCH, Run(600, 610))]
    assert made.settled() == []
    assert made.declared() == [Gap(epoch=EPOCH, first=600, end=610, reason="queue_full")]


def test_without_a_disk_nothing_is_kept_for_it() -> None:
    made = ledger(1000, is_spooled=False)
    made.acked(mark(10)[0], 1000)
    made.lose(made.own, 600, 610, Lost.QUEUE_FULL)
    assert (made.settled(), made.declared()) == ([], [])
