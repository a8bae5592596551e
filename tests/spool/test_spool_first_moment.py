"""A process that is killed while it opens its spool has a page already, and its results are declared."""

from pathlib import Path

from spool.spool_session import BOOT, Roomy, Session, declared
from vedette.wire.failure import Lost
from vedette_agent.delivery.runs import Run
from vedette_agent.spool.files import Files
from vedette_agent.spool.opening import Opening
from vedette_agent.spool.tail import Tail, left

NEW = "d" * 32


def test_both_pages_count(tmp_path: Path) -> None:
    """One process wrote 20 of 27 and was killed; the next one produced 5 and was killed before its commit."""
    one = Session(tmp_path / "s")
    one.put(one.produce(20))
    one.produce(7)
    copy = one.crash()
    fresh = Tail(NEW, BOOT)
    fresh.attach(copy / "tail-new")
    fresh.note(5)
    opening = Opening(Files(copy, Roomy()), BOOT, left(copy / "tail"), left(copy / "tail-new"))
    held = opening.held(0)
    assert list(declared(held, one.epoch)[Lost.CRASH]) == [Run(20, 27)]
    assert list(declared(held, NEW)[Lost.CRASH]) == [Run(0, 5)]
    assert [each.epoch for each in held.epochs] == [one.epoch, NEW]
