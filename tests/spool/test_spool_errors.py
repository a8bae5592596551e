"""Disks that are full, broken or read-only: said by the narrow class, and by real file systems."""

import errno
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from spool.spool_session import Roomy, Session, epoch_name
from vedette_agent.delivery.runs import Run
from vedette_agent.spool.database import Database
from vedette_agent.spool.events import Dropped, Unwritten, Written
from vedette_agent.spool.salvage import Old

CHILD = Path(__file__).with_name("spool_child.py")


def error(name: str) -> sqlite3.OperationalError:
    exc = sqlite3.OperationalError(name)
    exc.sqlite_errorname = name
    exc.sqlite_errorcode = 0
    return exc


class Lying(Roomy):
    """Commits fail as long as `failure` says; opening fails with it where `opens` is False."""

    failure: str | None = None
    opens = True

    def __init__(self) -> None:
        self.commits = 0
        self.synced_after_failure: list[Path] = []

    def database(self, path: Path) -> Database:
        if not self.opens:
            raise OSError(errno.EROFS, "read-only", path)
        disk = self

        class Told(Database):
            has_failed = False

            def commit(self) -> None:
                if self.has_failed:
                    disk.synced_after_failure.append(path)
                if disk.failure is not None:
                    self.has_failed = not disk.failure.startswith(("SQLITE_FULL", "SQLITE_READONLY"))
                    raise error(disk.failure)
                super().commit()
                disk.commits += 1

            def checkpoint(self) -> None:
                if self.has_failed:
                    disk.synced_after_failure.append(path)
                super().checkpoint()

        return Told(path)


@pytest.mark.parametrize("failure", ["SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN"])
def test_a_disk_that_takes_nothing_is_tried_again_and_the_file_stays(tmp_path: Path, failure: str) -> None:
    disk = Lying()
    one = Session(tmp_path / "s", disk=disk)
    one.put(one.produce(10))
    disk.failure = failure
    for _ in range(5):
        assert not one.put(one.produce(10))
    assert one.keeper.state == ("full" if failure == "SQLITE_FULL" else "failing")
    assert list(one.readable(one.epoch)) == [Run(0, 10)]
    disk.failure = None
    assert one.commit()
    assert one.keeper.state == "ok"
    assert list(one.readable(one.epoch)) == [Run(0, 60)]
    assert [p.name for p in one.files.found()] == ["spool-1.db"]
    assert not [e for e in one.events if isinstance(e, Unwritten | Dropped)]


@pytest.mark.parametrize("failure", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT"])
def test_a_file_that_failed_is_never_synced_again(tmp_path: Path, failure: str) -> None:
    disk = Lying()
    one = Session(tmp_path / "s", disk=disk)
    one.put(one.produce(10))
    one.put(one.produce(10))
    disk.failure = failure
    assert not one.put(one.produce(10))
    assert not one.commit()  # nor does a new file work
    assert not one.commit()
    disk.failure = None
    assert one.put(one.produce(10))
    assert one.keeper.state == "ok"
    assert list(one.readable(one.epoch)) == [Run(0, 40)]  # of two files
    assert [p.name for p in one.files.found()] == ["spool-1.db", "spool-2.db"]
    written = [e for e in one.events if isinstance(e, Written)]
    assert written[-1] == Written(one.epoch, 20, 40)
    one.settle(one.epoch, 0, 20)
    assert [p.name for p in one.files.found()] == ["spool-2.db"]
    assert disk.synced_after_failure == []
    assert list(Session(one.crash()).readable(one.epoch)) == [Run(20, 40)]


def test_what_the_failed_file_does_not_give_back_is_retracted(tmp_path: Path) -> None:
    disk = Lying()
    zero = Session(tmp_path / "s", disk=disk)
    zero.put(zero.produce(10))
    zero.keeper.finish()
    one = Session(tmp_path / "s", disk=disk)
    one.put(one.produce(10))
    assert one.files.current is not None
    for file in (one.files.current.path, one.files.current._log):
        with file.open("r+b") as damaged:
            damaged.truncate(0)
    disk.failure = "SQLITE_IOERR_READ"
    assert not one.put(one.produce(5))
    assert [e for e in one.events if isinstance(e, Unwritten)] == [Unwritten(one.epoch, 0, 10)]
    disk.failure = None
    assert one.commit()
    assert [e.gap.epoch for e in one.events if isinstance(e, Dropped)] == [zero.epoch]
    assert list(one.readable(one.epoch)) == [Run(10, 15)]
    one.put(one.produce(0)._replace(first=0, count=10, payload=b"again"))
    assert one.read(one.epoch)[0].payload == b"again"


def test_a_start_on_a_disk_that_cannot_be_written_comes_through(tmp_path: Path) -> None:
    zero = Session(tmp_path / "s")
    zero.put(zero.produce(10))
    zero.produce(3)
    image = zero.crash()
    disk = Lying()
    disk.opens = False
    one = Session(image, disk=disk)
    assert one.held.epochs[0].runs == [Run(0, 10)]
    assert [(gap.first, gap.end) for gap in one.held.gaps] == [(10, 13)]
    assert one.keeper.state == "failing"
    assert list(one.readable(zero.epoch)) == [Run(0, 10)]
    assert not one.put(one.produce(10))
    # The page still speaks of the process before, for nothing else has recorded how it ended.
    disk.opens = True
    assert one.commit()
    assert list(one.readable(one.epoch)) == [Run(0, 10)]
    assert list(one.readable(zero.epoch)) == [Run(0, 10)]


def test_a_new_file_that_cannot_be_begun_leaves_nothing(tmp_path: Path) -> None:
    disk = Lying()
    disk.failure = "SQLITE_FULL"
    one = Session(tmp_path / "s", disk=disk)
    for _ in range(5):
        assert not one.commit()
    assert one.files.found() == []
    disk.failure = None
    assert one.put(one.produce(3))
    assert [p.name for p in one.files.found()] == ["spool-1.db"]


def child(*words: str, prefix: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        [*prefix, sys.executable, CHILD, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def namespaces() -> bool:
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not namespaces(), reason="no right to mount a small file system in a namespace")
def test_a_real_full_disk_never_reaches_the_loop(tmp_path: Path) -> None:
    """A file system of 3 MiB that others fill to the last byte, and give free again."""
    told = child("full", str(tmp_path), prefix=("unshare", "-rm"))
    assert "resumed" in told
    assert "lost 0" in told


def strace_injects() -> bool:
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=1", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not strace_injects(), reason="strace is missing or may not trace")
@pytest.mark.parametrize("when", [15, 21, 30])
def test_a_real_failing_fsync_retires_the_file(tmp_path: Path, when: int) -> None:
    """The kernel says EIO once; afterwards fsync would say all is well, and lie."""
    trace = tmp_path / "trace"
    told = child(
        "rows",
        str(tmp_path / "s"),
        prefix=(
            "strace", "-f", "-qq", "-y", "-o", str(trace),
            "-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:error=EIO:when={when}",
        ),
    )  # fmt: skip
    assert "written 400" in told
    calls = trace.read_text().splitlines()
    failed = next(at for at, call in enumerate(calls) if "EIO" in call)
    retired = calls[failed].partition("<")[2].partition(">")[0].removesuffix("-wal")
    if retired.endswith(".db"):
        assert not [call for call in calls[failed + 1 :] if f"<{retired}" in call]
        assert (tmp_path / "s" / "spool-2.db").exists()


def test_old_rows_are_read_where_a_part_of_the_disk_is_gone(tmp_path: Path) -> None:
    one = Session(tmp_path / "s")
    for _ in range(30):
        one.put(one.produce(20, size=600))
    image = one.crash()
    old = Old(image / "spool-1.db")
    with (image / "spool-1.db-wal").open("r+b") as log:
        log.truncate(40_000)
    rows = list(old.stored(one.epoch, 0, 600))
    assert 0 < len(rows) < 30
    assert epoch_name(0) not in {row.epoch for row in rows}
    old.close()
