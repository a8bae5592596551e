"""How long results are pending, at least, and what was lost of late."""

from collector.collector_helpers import EPOCH, NOW, Core, batch, heartbeat, ok
from vedette.wire.messages import Gap, Held
from vedette_collector.waiting import RECENT_SECONDS, STEP_SECONDS, Waiting


def test_what_is_settled_between_two_looks_waits_for_nobody() -> None:
    core, waiting = Core(), Waiting()
    book = core.ledger.book("par-01")
    for second in range(100):
        core.send(heartbeat(next_seq=second + 1, pending=1))
        waiting.look(book, float(second))
        assert waiting.seconds(float(second)) == 0.0
        core.send(batch(ok(), first=second))


def test_a_result_that_does_not_come_gets_older_with_every_look() -> None:
    core, waiting = Core(), Waiting()
    book = core.ledger.book("par-01")
    core.send(heartbeat(next_seq=1, pending=1))
    for second in range(100):
        core.send(batch(ok(), first=second + 1))
        waiting.look(book, float(second))
    assert waiting.seconds(99.0) == 99.0
    core.send(batch(ok(), first=0))
    waiting.look(book, 100.0)
    assert waiting.seconds(100.0) == 0.0


def test_a_backlog_is_old_until_all_of_it_is_in() -> None:
    """Though its oldest results come in all the time."""
    core, waiting = Core(), Waiting()
    book = core.ledger.book("par-01")
    core.send(heartbeat(next_seq=100, pending=100))
    for second in range(100):
        waiting.look(book, float(second))
        core.send(batch(ok(), first=second))
    assert waiting.seconds(99.0) == 99.0
    waiting.look(book, 100.0)
    assert waiting.seconds(100.0) == 0.0


def test_losses_are_recent_for_a_quarter_of_an_hour() -> None:
    core, waiting = Core(), Waiting()
    book = core.ledger.book("par-01")
    waiting.look(book, 0.0)
    held = [Held(epoch=EPOCH, next_seq=42, floor=0)]
    gap = Gap(epoch=EPOCH, first=0, end=5, reason="spool_full")
    core.send(heartbeat(held=held, gaps=[gap]), now=NOW)
    assert waiting.lost_lately(book) == {"spool_full": 5}
    for number in range(1, int(RECENT_SECONDS / STEP_SECONDS)):
        waiting.look(book, number * STEP_SECONDS)
        assert waiting.lost_lately(book) == {"spool_full": 5}
    waiting.look(book, RECENT_SECONDS + STEP_SECONDS)
    assert waiting.lost_lately(book) == {}
