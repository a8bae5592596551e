"""What is on the disk: opened again, of another version, no store at all, and put back from a backup."""

import contextlib
import sqlite3
from pathlib import Path

import msgspec
import pytest

from collector.collector_helpers import EPOCH, NOW, assignment, batch, failed, heartbeat, ok
from collector.store_helpers import Life, Shelf, copied, entry
from vedette.errors import StoreError
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.messages import Gap, Held
from vedette.wire.topics import Kind
from vedette_collector.cell import Moment
from vedette_collector.store import checkpoint
from vedette_collector.store.database import Database, Writing, history
from vedette_collector.store.directory import Directory, default
from vedette_collector.store.entry import row
from vedette_collector.store.schema import MIGRATIONS, VERSION

FIRST = Path(__file__).parent / "data" / "store_v1.sql"
FACTS = Facts(address="192.0.2.1", dns=DnsFacts(rcode="NOERROR", ttl_seconds=300))


def test_a_restart_forgets_nothing() -> None:
    """Counters, verdicts, history and facts are what they were; ages go on."""
    shelf = Shelf()
    first = Life(shelf, assignment())
    first.send(batch(ok(facts=FACTS), failed("web", "http.status"), ok(diff={"dns": {"ttl_seconds": 5}})))
    first.send(batch(failed(), ok("web"), first=3), Kind.REPLAY)
    first.settle()
    first.checkpoint()
    second = Life(shelf, assignment(), now=Moment(NOW.wall + 20, 5000.0))
    assert second.counters() == first.counters()
    before, cell = first.board.cells["par-01"]["api-dns"], second.board.cells["par-01"]["api-dns"]
    assert cell.last is not None
    assert cell.last.result == before.last.result  # type: ignore[union-attr]
    assert cell.last.result.facts == msgspec.structs.replace(
        FACTS, dns=DnsFacts(rcode="NOERROR", ttl_seconds=5)
    )
    assert (cell.bars.all(), cell.changed_at) == (before.bars.all(), before.changed_at)
    assert (cell.last.mono, cell.is_fresh(5009.0), cell.is_fresh(5041.0)) == (4980.0, True, False)
    assert [seen.result.reason for seen in second.board.cells["par-01"]["web"].episodes] == ["http.status"]


def test_a_checkpoint_that_was_cut_off_anywhere_counts_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows that are there are ahead of the journal's floor, the others are behind: each says where it is."""
    monkeypatch.setattr(checkpoint, "SLICE", 1)
    held = [Held(epoch=EPOCH, next_seq=30, floor=0)]
    for written in range(8):
        shelf = Shelf()
        life = Life(shelf, assignment())
        life.send(batch(ok(), ok("web"), ok("nobody-asked"), failed("ssh", "tcp.reset")))
        life.send(batch(ok(), ok("nobody-asked"), first=4), Kind.REPLAY)
        life.send(heartbeat(held=held, gaps=[Gap(epoch=EPOCH, first=9, end=12, reason="crash")]))
        life.settle()
        life.checkpoint(slices=written)
        again = Life(shelf, assignment(), furthest=life.applied_id)
        assert again.counters() == life.counters(), written
        assert set(again.residuals().values()) == {0}


def test_facts_are_no_base_after_newer_ones_were_lost_with_the_process() -> None:
    """State is stored less often than counters: what a difference is from must be known for sure."""
    shelf = Shelf()
    life = Life(shelf, assignment())
    life.send(batch(ok(facts=FACTS)))
    life.settle()
    life.checkpoint()
    life.send(batch(ok(facts=msgspec.structs.replace(FACTS, address="192.0.2.2")), first=1))
    life.settle()
    life.checkpoint(whole=False)
    again = Life(shelf, assignment())
    again.send(batch(ok(diff={}), first=2))
    (ack,) = again.settle()
    last = again.board.cells["par-01"]["api-dns"].last
    assert ack.refresh
    assert last is not None
    assert last.result.facts is None


def test_a_target_that_was_edited_while_nothing_ran_takes_over_no_counter() -> None:
    """What the journal has of the old target counts for the old one, and is there when it comes back."""
    shelf = Shelf()
    life = Life(shelf, assignment())
    life.send(batch(ok(), ok(), failed()))
    life.commit()
    dns, *others = assignment().checks
    moved = assignment((msgspec.structs.replace(dns, target="elsewhere A"), *others))
    second = Life(shelf, moved)
    assert second.board.cells["par-01"]["api-dns"].attempts == 0
    assert second.board.ledger.book("par-01").applied == 3
    assert set(second.residuals().values()) == {0}
    third = Life(shelf, assignment())
    assert third.board.cells["par-01"]["api-dns"].attempts == 3


def test_configurations_are_remembered_as_long_as_the_journal_may_refer_to_them() -> None:
    shelf = Shelf()
    life = Life(shelf, assignment())
    dns, *others = assignment().checks
    for number in range(200):
        moved = msgspec.structs.replace(dns, target=f"{number} A")
        life.board.configure(assignment((moved, *others)), 1)
        life.configured()
        life.checkpoint()
    assert len(shelf.generations) == len(life.board.generations) == 65
    assert max(shelf.generations) == life.board.generation == 201
    assert Life(shelf, assignment()).board.generation == 202


def test_counters_that_are_hidden_for_a_week_go_and_their_sum_stays() -> None:
    shelf = Shelf()
    life = Life(shelf, assignment())
    life.send(batch(ok(), ok("web")))
    life.settle()
    life.board.configure(assignment(assignment().checks[1:]), round(NOW.wall * 1e6))
    life.now = Moment(NOW.wall + 8 * 86400, NOW.mono + 8 * 86400)
    life.checkpoint()
    assert not any(check == "api-dns" for _, check, _ in shelf.cells)
    again = Life(shelf, assignment())
    assert again.board.cells["par-01"]["api-dns"].attempts == 0
    assert set(again.residuals().values()) == {0}
    assert again.board.ledger.book("par-01").applied == 2


def test_a_backup_counts_from_0_and_the_missing_time_is_declared() -> None:
    """Ten results were acknowledged after the backup was made: the agent's word makes them ten lost ones."""
    shelf = Shelf()
    life = Life(shelf, assignment())
    life.send(batch(*[ok()] * 20))
    life.settle()
    life.checkpoint()
    backup = copied(shelf)
    life.send(batch(*[ok()] * 10, first=20))
    life.settle()
    late_epoch = "a" * 32
    life.send(batch(*[ok()] * 5, epoch=late_epoch))
    life.settle()
    restored = Life(backup, assignment(), furthest=life.applied_id)
    assert restored.was_backup
    assert restored.counters()["par-01", "applied"] == 0
    assert restored.board.cells["par-01"]["api-dns"].attempts == 0
    held = [
        Held(epoch=EPOCH, next_seq=30, floor=30),
        Held(epoch=late_epoch, next_seq=7, floor=5),
    ]
    restored.send(heartbeat(epoch=late_epoch, next_seq=7, held=held, held_complete=True))
    restored.send(batch(ok(), ok(), epoch=late_epoch, first=5, acked=5))
    restored.send(batch(*[ok()] * 10, first=20))  # the network had it all the time
    restored.settle()
    figures = restored.board.ledger.book("par-01").figures(held)
    assert (figures.produced, figures.applied, figures.lost) == (17, 2, {"rewind": 15})
    assert (figures.residual, figures.disagreement) == (0, 0)
    again = Life(backup, assignment(), furthest=restored.applied_id)
    assert not again.was_backup
    assert again.board.ledger.book("par-01").figures(held) == figures


def test_the_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    """Written by that version, with a checkpoint, two entries after it, and two configurations."""
    path = tmp_path / "store.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST.read_text())
    database = Database(path)
    shelf = Shelf()
    loaded = database.load()
    shelf.write(
        Writing(
            entries=[row(each) for each in database.entries(0, 1000)],
            cells=loaded.cells,
            agents=loaded.agents,
            generations=loaded.generations,
            facts=loaded.facts,
        )
    )
    database.close()
    life = Life(shelf, assignment())
    figures = life.board.ledger.book("par-01").figures()
    assert (figures.produced, figures.applied, figures.late, figures.pending) == (42, 6, 2, 33)
    assert (figures.lost, figures.residual) == ({"rejected": 1, "spool_full": 2}, 0)
    cell = life.board.cells["par-01"]["api-dns"]
    assert (cell.attempts, cell.late_attempts, cell.failures) == (4, 2, {"dns.nodata": 1})
    assert cell.last is not None
    assert cell.last.result.facts == FACTS


def test_a_new_file_has_the_schema_of_all_migrations(tmp_path: Path) -> None:
    Database(tmp_path / "a.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        connection.executescript(FIRST.read_text())
    Database(tmp_path / "b.db").close()
    schemas = []
    for name in ("a.db", "b.db"):
        with contextlib.closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
            rows = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
            )
            schemas.append([(each, " ".join(sql.split())) for each, sql in rows])
    assert schemas[0] == schemas[1]
    assert len(MIGRATIONS) == VERSION


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Database(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(StoreError, match="later version"):
        Database(path)


def test_what_is_no_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(StoreError, match="move it away"):
        Database(path)
    with pytest.raises(StoreError, match="directory"):
        Database(tmp_path)


def test_nobody_is_told_to_move_a_store_away_whose_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    monkeypatch.setattr(Database, "_migrate", _no_room)
    with pytest.raises(StoreError, match=r"full.*start again when the disk can be written"):
        Database(path)


def _no_room(database: Database) -> None:
    """A file that may not grow is what SQLite makes of a full disk."""
    connection = database._connection
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA max_page_count=2")
    connection.execute("INSERT INTO t VALUES (zeroblob(100000))")


def test_nobody_else_may_read_it_and_one_collector_has_it(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "state")
    Database(directory.database).close()
    assert (directory.path.stat().st_mode & 0o777, directory.database.stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    with pytest.raises(StoreError, match="another collector"):
        Directory(tmp_path / "state")
    directory.note_furthest(7)
    directory.release()
    again = Directory(tmp_path / "state")
    assert again.furthest() == 7
    again.release()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="--state-dir"):
        Directory(tmp_path / "file")


def test_where_it_is_kept() -> None:
    assert default({"STATE_DIRECTORY": "/var/lib/vedette:/else"}) == Path("/var/lib/vedette")
    assert default({"XDG_STATE_HOME": "/x"}) == Path("/x/vedette")
    assert default({"XDG_STATE_HOME": "not/absolute"}) == Path.home() / ".local/state/vedette"


def test_only_old_entries_that_no_start_needs_are_dropped(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")
    database.write(Writing(entries=[row(entry(number)) for number in range(1, 101)]))
    assert database.prune(upto=100, before_us=31, max_bytes=10**9, limit=20) == 20
    assert database.prune(upto=100, before_us=31, max_bytes=10**9, limit=20) == 10
    assert database.prune(upto=100, before_us=31, max_bytes=10**9, limit=20) == 0
    assert database.prune(upto=40, before_us=0, max_bytes=1, limit=1000) == 10
    assert [each.id for each in database.entries(0, 2)] == [41, 42]
    found = history(database.path, agent="par-01", from_us=50, until_us=90, after=60, limit=3)
    assert [each.id for each in found] == [61, 62, 63]
    assert not [*history(database.path, agent="fra-01", from_us=0, until_us=90)]
    database.close()


def test_the_store_in_memory_of_these_tests_does_what_the_file_does(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")

    class Both(Shelf):
        def write(self, writing: Writing) -> None:
            super().write(writing)
            database.write(writing)

    shelf = Both()
    life = Life(shelf, assignment())
    life.send(batch(ok(facts=FACTS), failed("web", "http.status"), ok("nobody-asked")))
    life.settle()
    life.checkpoint()
    life.board.configure(assignment(assignment().checks[1:]), round(NOW.wall * 1e6))
    life.configured()
    life.send(batch(ok("web"), first=3))
    life.settle()
    life.checkpoint(whole=False)
    life.now = Moment(NOW.wall + 8 * 86400, NOW.mono + 8 * 86400)
    life.checkpoint()
    shelf.write(Writing(first_generation=2, gone_agents=["fra-01"], facts={"floor": 1}))
    loaded, held = database.load(), shelf.load()
    for each in (loaded, held):
        each.cells.sort(key=lambda row: row.check)
        each.agents.sort(key=lambda row: row.agent)
    assert loaded == held
    assert database.entries(0, 10) == shelf.entries(0, 10)
    database.close()
