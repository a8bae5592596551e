"""What is written, kept, given up and declared, commit by commit."""

import random
import time
from pathlib import Path

import pytest

from spool.spool_session import BOOT, Roomy, Session, declared, row
from vedette.wire.failure import Lost
from vedette_agent.delivery.runs import Run
from vedette_agent.spool.events import Dropped, Unwritten, Written
from vedette_agent.spool.policy import Caps, Room

OTHER_BOOT = "99999999-2222-3333-4444-555555555555"


def test_what_was_written_is_there_after_a_crash(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    for _ in range(10):
        assert one.put(one.produce(20))
    assert [e for e in one.events if isinstance(e, Written)][-1] == Written(one.epoch, 180, 200)
    two = Session(one.crash())
    (old,) = two.held.epochs
    assert (old.epoch, old.floor, old.next_seq, old.is_exact) == (one.epoch, 0, 200, True)
    assert old.runs == [Run(0, 200)]
    assert two.held.gaps == []
    assert list(two.readable(one.epoch)) == [Run(0, 200)]


def test_what_was_produced_and_not_written_is_declared_to_the_unit(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    one.put(one.produce(20))
    one.produce(7)
    two = Session(one.crash())
    assert list(declared(two.held, one.epoch)[Lost.CRASH]) == [Run(20, 27)]
    (old,) = two.held.epochs
    assert (old.next_seq, old.is_exact) == (27, True)


def test_what_was_acked_before_it_was_written_is_neither_written_nor_lost(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    made = one.produce(20)
    one.work.settle(one.epoch, 0, 20)
    one.put(made)
    one.settle(one.epoch, 0, 20)
    assert not [e for e in one.events if isinstance(e, Written)]
    two = Session(one.crash())
    assert two.held.epochs == []
    assert two.held.gaps == []
    assert two.held.settled == [(one.epoch, 20)]


def test_after_another_boot_the_page_is_not_believed_and_the_record_bounds_the_tail(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    one.put(one.produce(20))
    one.produce(7)
    two = Session(one.crash(), boot=OTHER_BOOT)
    (old,) = two.held.epochs
    (lost,) = declared(two.held, one.epoch)[Lost.CRASH]
    assert not old.is_exact
    assert lost.first == 20
    assert lost.end == old.next_seq >= 27
    three = Session(two.crash(), boot=OTHER_BOOT)
    assert three.held.gaps == two.held.gaps  # said once and not more
    assert [e for e in three.held.epochs if e.epoch == one.epoch] == [old]


def test_a_reserve_always_covers_what_is_produced(tmp_path: Path) -> None:
    """Also where everything is acked at once and so nothing is written."""
    one = Session(tmp_path / "s")
    for _ in range(30):
        made = one.produce(50)
        one.commit()
        assert one.keeper._books[one.epoch].reserved_to >= made.end
        one.settle(one.epoch, made.first, made.end)
    assert one.files.current is not None
    assert one.files.current.used_bytes < 64 * 1024


def test_a_row_goes_when_all_of_it_is_settled(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    for _ in range(4):
        one.put(one.produce(10))
    one.settle(one.epoch, 0, 15)
    assert list(one.readable(one.epoch)) == [Run(10, 40)]
    two = Session(one.crash())
    (old,) = two.held.epochs
    assert (old.floor, old.runs) == (15, [Run(15, 40)])  # the rest of the row is there, and is not wanted
    two.settle(one.epoch, 30, 40)
    two.settle(one.epoch, 15, 30)
    assert not two.readable(one.epoch)
    three = Session(two.crash())
    assert three.held.epochs == []
    assert three.held.settled[0] == (one.epoch, 40)


def test_a_gap_stays_until_it_is_confirmed(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    one.put(one.produce(30))
    one.declare(one.epoch, 5, 12, Lost.QUEUE_FULL)
    one.declare(one.epoch, 12, 20, Lost.QUEUE_FULL)
    two = Session(one.crash())
    assert list(declared(two.held, one.epoch)[Lost.QUEUE_FULL]) == [Run(5, 20)]
    two.work.confirm(one.epoch, 5, 20)
    two.commit()
    three = Session(two.crash())
    assert three.held.gaps == []


def test_results_of_memory_alone_are_lost_with_an_orderly_stop(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    one.put(one.produce(10))
    one.produce(5)
    one.put(one.produce(10))
    one.keeper.finish()
    (tmp_path / "s" / "tail").unlink()
    two = Session(tmp_path / "s")
    assert list(declared(two.held, one.epoch)[Lost.CRASH]) == [Run(10, 15)]


def test_at_the_cap_the_oldest_go_and_are_declared_to_the_unit(tmp_path: Path) -> None:
    """24 MiB of results through 2 MiB of disk."""
    cap = 2 << 20
    one = Session(tmp_path / "s", Caps(size_bytes=cap))
    largest = 0
    for _ in range(400):
        made = one.produce(100, size=600)
        one.put(made._replace(payload=_incompressible(made.payload)))
        largest = max(largest, one.files.size_bytes)
        assert one.files.current is not None
        log = one.files.current._log.stat().st_size
        assert one.files.current.path.stat().st_size <= cap + 2 * 68 * 1024
        assert log <= (1 << 20) + 4 * 68 * 1024
    assert largest > cap // 2
    dropped = [e.gap for e in one.events if isinstance(e, Dropped)]
    assert {gap.reason for gap in dropped} == {Lost.SPOOL_FULL}
    assert [gap.first for gap in dropped] == [0, *(gap.end for gap in dropped[:-1])]  # oldest first, no hole
    two = Session(one.crash())
    (old,) = two.held.epochs
    assert list(declared(two.held, one.epoch)[Lost.SPOOL_FULL]) == [Run(0, dropped[-1].end)]
    assert old.runs == [Run(dropped[-1].end, 40_000)]
    assert one.keeper.state == "full"


def test_rows_older_than_the_cap_go(tmp_path: Path) -> None:
    one = Session(tmp_path / "s", Caps(age_seconds=3600.0))
    one.put(row(one.epoch, 0, 10, age_seconds=3700.0), row(one.epoch, 10, 10, age_seconds=3500.0))
    one.commit()
    assert list(one.readable(one.epoch)) == [Run(10, 20)]
    assert [e.gap.reason for e in one.events if isinstance(e, Dropped)] == [Lost.TOO_OLD]
    assert one.keeper.state == "ok"


def test_rows_of_an_earlier_boot_have_no_age(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    one.put(row(one.epoch, 0, 10, age_seconds=400 * 86400.0))
    one.tail.note(10)
    two = Session(one.crash(), Caps(age_seconds=3600.0), boot=OTHER_BOOT)
    two.commit()
    assert list(two.readable(one.epoch)) == [Run(0, 10)]


class Filling(Roomy):
    """A file system that others fill."""

    free = 1 << 30

    def room(self, directory: Path) -> Room:
        return Room(total=2 << 30, free=self.free)


def test_a_disk_that_fills_up_is_left_to_the_others(tmp_path: Path) -> None:
    disk = Filling()
    one = Session(tmp_path / "s", disk=disk)
    for _ in range(20):
        one.put(one.produce(100, size=600))
    disk.free = 100 << 20
    assert not one.put(one.produce(100))
    assert one.keeper.state == "full"
    assert {e.gap.reason for e in one.events if isinstance(e, Dropped)} == {Lost.NO_SPACE}
    assert not one.readable(one.epoch)
    disk.free = 1 << 30
    assert one.commit()
    assert one.keeper.state == "ok"
    assert list(one.readable(one.epoch)) == [Run(2000, 2100)]  # it was waiting


def test_a_long_log_is_folded_in_and_an_empty_file_shrinks(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    for _ in range(150):
        made = one.produce(100, size=600)
        one.put(made._replace(payload=_incompressible(made.payload)))
    assert one.files.current is not None
    assert one.files.current.path.stat().st_size > 8 << 20
    one.settle(one.epoch, 0, 15_000)
    for _ in range(40):
        one.put(one.produce(1))
        one.settle(one.epoch, 0, one.tail.next_seq)
    one.files.current.checkpoint()
    assert one.files.current.path.stat().st_size < 3 << 20


def test_settled_epochs_are_remembered_for_a_while(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    names = []
    for _ in range(70):
        one = Session(directory)
        one.put(one.produce(3))
        one.settle(one.epoch, 0, 3)
        one.keeper.finish()
        names.append((one.epoch, 3))
    two = Session(directory)
    assert two.held.settled == names[-64:]
    assert len(two.keeper._books) == 65


def test_reading_gives_one_row_and_what_the_bounds_allow(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    for _ in range(10):
        one.put(one.produce(10))
    assert [r.first for r in one.read(one.epoch, 15, 100, results=25)] == [10, 20]
    assert [r.first for r in one.read(one.epoch, 15, 18)] == [10]
    assert [r.first for r in one.read(one.epoch, 0, 100, results=1)] == [0]
    assert [r.first for r in one.keeper.read(one.epoch, 0, 100, 1000, 1)] == [0]
    assert one.read("f" * 32) == []
    assert not [e for e in one.events if isinstance(e, Dropped | Unwritten)]


def test_opening_reads_the_index_alone(tmp_path: Path) -> None:
    """92,000 results in 2,000 rows, within a second also on a busy machine."""
    one = Session(tmp_path / "s")
    for _ in range(20):
        one.put(*(one.produce(46) for _ in range(100)))
    copy = one.crash()
    started = time.process_time()
    two = Session(copy)
    assert time.process_time() - started < 1.0
    assert two.held.results == 92_000
    assert two.held.epochs[0].runs == [Run(0, 92_000)]


@pytest.mark.parametrize("boot", [BOOT, OTHER_BOOT])
def test_a_lost_page_costs_exactness_and_no_results(tmp_path: Path, boot: str) -> None:
    one = Session(tmp_path / "s")
    one.put(one.produce(20))
    copy = one.crash()
    (copy / "tail").unlink()
    two = Session(copy, boot=boot)
    assert two.held.epochs[0].runs == [Run(0, 20)]
    assert not two.held.epochs[0].is_exact


def _incompressible(data: bytes) -> bytes:
    """Of the same length, and from it alone."""
    return random.Random(data).randbytes(len(data))
