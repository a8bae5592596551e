"""Files that rot, tear and are no databases: what is whole comes back, the rest is declared, none is false.

`VEDETTE_SPOOL_FLIPS=1000` flips a bit in so many spools, `VEDETTE_SPOOL_CUTS=1` cuts at every byte.
"""

import os
import random
import shutil
from pathlib import Path

import pytest

from spool.spool_session import BOOT, Session, declared
from vedette.wire.failure import Lost
from vedette_agent.delivery.runs import Run, Runs
from vedette_agent.spool.books import union
from vedette_agent.spool.database import MIGRATIONS, VERSION, Database
from vedette_agent.spool.events import Dropped, Unwritten
from vedette_agent.spool.policy import Caps
from vedette_agent.spool.salvage import Old

CUTS = int(os.environ.get("VEDETTE_SPOOL_CUTS", "1031"))
FLIPS = int(os.environ.get("VEDETTE_SPOOL_FLIPS", "200"))
ROW = 20  # results
OTHER_BOOT = "99999999-2222-3333-4444-555555555555"


def spool(directory: Path, rows: int = 30) -> Session:
    """Some of it in the file and some in its log; large rows and small ones."""
    session = Session(directory)
    for number in range(rows):
        session.put(session.produce(ROW, size=600 if number % 3 else 10))
        if number == rows // 2:
            assert session.files.current is not None
            session.files.current.checkpoint()
    session.settle(session.epoch, 0, 2 * ROW)
    return session


def stopped(session: Session) -> Path:
    session.keeper.finish()
    return session.directory


def lost(session: Session, epoch: str) -> Runs:
    """All that was declared, found at start or later."""
    events = [e.gap for e in session.events if isinstance(e, Dropped) and e.gap.epoch == epoch]
    return union(*declared(session.held, epoch).values(), [Run(gap.first, gap.end) for gap in events])


def check(session: Session, epoch: str, produced: int, settled: int) -> Runs:
    """Nothing is missing in silence. What is lost."""
    readable = session.readable(epoch)
    session.commit()
    gone = lost(session, epoch)
    assert union(readable, gone).covers(settled, produced), (list(readable), list(gone))
    return gone


@pytest.mark.parametrize("boot", [BOOT, OTHER_BOOT])
def test_one_flipped_bit_costs_a_page_at_most_and_is_declared(tmp_path: Path, boot: str) -> None:
    one = spool(tmp_path / "s")
    epoch = one.epoch
    image = one.crash()
    files = [image / "spool-1.db", image / "spool-1.db-wal"]
    sizes = [file.stat().st_size for file in files]
    worst = 0
    for number in range(FLIPS // 2):
        random_source = random.Random(number)
        copy = tmp_path / f"flip{number}"
        shutil.copytree(image, copy)
        bit = random_source.randrange(sum(sizes) * 8)
        file, offset = (0, bit // 8) if bit < sizes[0] * 8 else (1, bit // 8 - sizes[0])
        flip(copy / files[file].name, offset, bit % 8)
        two = Session(copy, boot=boot)
        gone = check(two, epoch, 30 * ROW, 2 * ROW)
        kept = two.readable(epoch)
        missing = sum(map(len, kept.missing(2 * ROW, 30 * ROW)))
        assert missing <= 4 * ROW, f"seed {number}: bit {bit % 8} of byte {offset} of {files[file].name}"
        worst = max(worst, missing)
        again = Session(two.crash(), boot=boot)
        assert again.readable(epoch).missing(2 * ROW, 30 * ROW) == kept.missing(2 * ROW, 30 * ROW)
        assert union(gone, again.readable(epoch)).covers(2 * ROW, 30 * ROW)
        for each in (copy, again.directory):
            shutil.rmtree(each)
    assert worst > 0  # the flips were felt


def flip(path: Path, offset: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


@pytest.mark.parametrize("name", ["spool-1.db-wal", "spool-1.db"])
def test_a_file_cut_anywhere_gives_back_what_was_before_the_cut(tmp_path: Path, name: str) -> None:
    """As a torn last write leaves it: the log at every offset of a frame, both files at odd places."""
    one = spool(tmp_path / "s", rows=6)
    image = one.crash()
    length = (image / name).stat().st_size
    cuts = sorted({*range(0, length, CUTS), *range(max(length - 64, 0), length), *range(min(length, 140))})
    before = 0
    for cut in cuts:
        copy = tmp_path / "cut"
        shutil.copytree(image, copy)
        os.truncate(copy / name, cut)
        two = Session(copy)
        check(two, one.epoch, 6 * ROW, 2 * ROW)
        results = sum(map(len, two.readable(one.epoch).within(2 * ROW, 6 * ROW)))
        if name.endswith("wal"):
            assert results >= before, f"cut at {cut}"
            before = results
        two.keeper.finish()
        shutil.rmtree(copy)


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough" * 200, bytes(8192)])
def test_a_file_that_is_no_database_is_replaced(tmp_path: Path, content: bytes) -> None:
    one = spool(tmp_path / "s")
    image = one.crash()
    (image / "spool-1.db").write_bytes(content)
    (image / "spool-1.db-wal").unlink()
    two = Session(image)
    assert two.keeper.state == "ok"
    gone = lost(two, one.epoch)
    assert (
        gone.covers(2 * ROW, 30 * ROW) or not content
    )  # an empty file is a new one; the page knows the epoch
    assert two.put(two.produce(ROW))
    assert list(two.readable(two.epoch)) == [Run(0, ROW)]


def test_a_row_that_rots_while_the_agent_runs_is_declared_when_it_is_read(tmp_path: Path) -> None:
    one = spool(tmp_path / "s")
    assert one.files.current is not None
    one.files.current._all("UPDATE rows SET payload = zeroblob(length(payload)) WHERE key & 1048575 = 100")
    kept = one.readable(one.epoch)
    assert kept.missing(40, 600) == [Run(100, 120)]
    one.commit()
    assert [e.gap.reason for e in one.events if isinstance(e, Dropped)] == [Lost.CORRUPT]
    assert list(lost(one, one.epoch)) == [Run(100, 120)]
    two = Session(one.crash())
    assert list(declared(two.held, one.epoch)[Lost.CORRUPT]) == [Run(100, 120)]


def test_rows_that_vanish_without_an_error_are_missed(tmp_path: Path) -> None:
    """No checksum of a row can tell that a row is not there: the digest of its epoch does."""
    one = spool(tmp_path / "s")
    assert one.files.current is not None
    one.files.current._all("DELETE FROM rows WHERE key & 1048575 = 100")
    two = Session(one.crash())
    gone = lost(two, one.epoch)
    assert union(gone, two.readable(one.epoch)).covers(40, 600)


def test_rows_in_a_log_that_is_broken_before_them_are_found(tmp_path: Path) -> None:
    """SQLite stops at the first broken frame and says nothing about those behind it."""
    one = Session(tmp_path / "s")
    for _ in range(12):
        one.put(one.produce(ROW))
    image = one.crash()
    flip(image / "spool-1.db-wal", 32 + 24 + 4120 * 3 + 100, 3)
    two = Session(image)
    assert len(two.readable(one.epoch)) >= 10 * ROW
    check(two, one.epoch, 12 * ROW, 0)


def test_a_damaged_file_goes_when_its_rows_are_settled(tmp_path: Path) -> None:
    one = spool(tmp_path / "s")
    image = stopped(one)
    flip(image / "spool-1.db", 2, 1)  # "SQLite format 3"
    two = Session(image)
    assert [p.name for p in two.files.found()] == ["spool-1.db", "spool-2.db"]
    assert list(two.readable(one.epoch)) == [Run(2 * ROW, 30 * ROW)]
    two.put(two.produce(ROW))
    for first in range(2 * ROW, 30 * ROW, 50):
        two.settle(one.epoch, first, min(first + 50, 30 * ROW))
    assert [p.name for p in two.files.found()] == ["spool-2.db"]
    assert list(two.readable(two.epoch)) == [Run(0, ROW)]
    assert not [e for e in two.events if isinstance(e, Dropped | Unwritten)]


def test_a_damaged_file_counts_against_the_cap_and_goes_first(tmp_path: Path) -> None:
    one = spool(tmp_path / "s", rows=90)
    image = stopped(one)
    flip(image / "spool-1.db", 2, 1)
    two = Session(image, Caps(size_bytes=1 << 20))
    for _ in range(80):
        two.put(two.produce(ROW, size=2000)._replace(payload=os.urandom(ROW * 1000)))
    assert [p.name for p in two.files.found()] == ["spool-2.db"]
    assert {e.gap.reason for e in two.events if isinstance(e, Dropped)} == {Lost.SPOOL_FULL}
    assert union(lost(two, one.epoch)).covers(2 * ROW, 90 * ROW)


def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    one = spool(tmp_path / "s")
    assert one.files.current is not None
    one.files.current._all(f"PRAGMA user_version={VERSION + 1}")
    image = stopped(one)
    before = (image / "spool-1.db").read_bytes()
    two = Session(image)
    two.put(two.produce(ROW))
    assert two.held.results == 0
    assert (image / "spool-1.db").read_bytes() == before
    assert two.files.size_bytes > len(before)
    three = Session(two.crash())
    assert three.held.results == ROW


def test_a_file_whose_first_page_is_overwritten_is_not_taken_for_a_newer_one(tmp_path: Path) -> None:
    one = spool(tmp_path / "s")
    image = stopped(one)
    with (image / "spool-1.db").open("r+b") as file:
        file.write(b"\xa5" * 4096)
    two = Session(image)
    assert two.files.foreign == []
    assert len(check(two, one.epoch, 30 * ROW, 2 * ROW)) < ROW  # all but what stood on that page comes back
    two.settle(one.epoch, 0, 30 * ROW)
    assert not (image / "spool-1.db").exists()


def test_a_file_that_somebody_removes_is_not_written_any_further(tmp_path: Path) -> None:
    """What memory still has goes into another one; what it has not is declared."""
    one = Session(stopped(spool(tmp_path / "s", rows=3)))
    earlier = one.held.epochs[0].epoch
    rows = [one.produce(ROW) for _ in range(3)]
    one.put(*rows)
    for file in one.directory.glob("spool-*"):
        file.unlink()
    one.commit()
    retracted = [Run(e.first, e.end) for e in one.events if isinstance(e, Unwritten) and e.epoch == one.epoch]
    assert union(retracted).covers(0, 3 * ROW)
    assert lost(one, earlier).covers(2 * ROW, 3 * ROW)
    one.put(*rows)
    assert [path.name for path in one.files.found()] == ["spool-2.db"]
    two = Session(one.crash())
    assert two.readable(one.epoch).covers(0, 3 * ROW)


def test_migrations_lead_from_nothing_to_the_version(tmp_path: Path) -> None:
    assert len(MIGRATIONS) == VERSION
    path = tmp_path / "spool-1.db"
    database = Database(path)
    assert database._number("PRAGMA user_version") == VERSION
    assert database._all("PRAGMA journal_mode") == [("wal",)]
    assert database._number("PRAGMA synchronous") == 2  # FULL
    assert database._number("PRAGMA auto_vacuum") == 2  # INCREMENTAL
    database.close()


def test_old_files_give_rows_that_stand_in_the_log_alone(tmp_path: Path) -> None:
    one = spool(tmp_path / "s")
    image = one.crash()
    old = Old(image / "spool-1.db")
    assert {entry.first for entry in old.entries()} >= set(range(2 * ROW, 30 * ROW, ROW))
    assert [row.first for row in old.stored(one.epoch, 3 * ROW, 5 * ROW)] == [3 * ROW, 4 * ROW]
    old.close()
