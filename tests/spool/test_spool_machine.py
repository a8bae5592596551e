"""A spool under everything at once, against a model that knows what was put, settled and declared."""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spool.spool_session import Roomy, Session, payload
from vedette.wire.failure import Lost
from vedette_agent.delivery.runs import Run, Runs
from vedette_agent.spool.books import union
from vedette_agent.spool.database import Database
from vedette_agent.spool.events import Dropped, Unwritten, Written
from vedette_agent.spool.policy import Caps

CAP = 1 << 20
LARGEST = 150_000  # bytes of a commit here, on disk
PICKS = st.tuples(st.integers(0, 99), st.integers(0, 9999), st.integers(0, 2))
FAILURES = ["SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT"]


class Unreliable(Roomy):
    failure: str | None = None

    def database(self, path: Path) -> Database:
        disk = self

        class Told(Database):
            def commit(self) -> None:
                if disk.failure is not None:
                    exc = sqlite3.OperationalError(disk.failure)
                    exc.sqlite_errorname = disk.failure
                    raise exc
                super().commit()

        return Told(path)


class Spooled(RuleBasedStateMachine):
    """Epochs come and go. A result that was written is readable or declared, until it is settled."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="vedette-spool-"))
        self.disk = Unreliable()
        self.written: dict[str, Runs] = {}
        self.settled: dict[str, Runs] = {}
        self.declared: dict[str, Runs] = {}
        self.produced: dict[str, int] = {}
        self.seen = 0
        self.flips = 0

    @initialize()
    def start(self) -> None:
        self._open(self.home / "s")

    def _open(self, directory: Path) -> None:
        self.session = Session(directory, Caps(size_bytes=CAP), self.disk)
        self.seen = 0
        for epoch in (self.session.epoch, *self.produced):
            self.settled.setdefault(epoch, Runs())
            self.written.setdefault(epoch, Runs())
            self.declared.setdefault(epoch, Runs())
        self.produced[self.session.epoch] = 0
        for gap in self.session.held.gaps:
            self.declared[gap.epoch].add(gap.first, gap.end)
        for old in self.session.held.epochs:
            if old.is_exact or not self.flips:
                assert old.next_seq == self.produced[old.epoch]
            assert old.next_seq >= self.produced[old.epoch]
            assert not union(self.declared[old.epoch], old.runs, self.settled[old.epoch]).missing(
                0, old.next_seq
            )

    def _heard(self) -> None:
        for event in self.session.events[self.seen :]:
            match event:
                case Written(epoch=epoch, first=first, end=end):
                    self.written[epoch].add(first, end)
                case Unwritten(epoch=epoch, first=first, end=end):
                    assert self.flips, "an honest disk loses nothing"
                    self.written[epoch].discard(first, end)
                case Dropped(gap=gap):
                    assert gap.reason != Lost.CORRUPT or self.flips
                    self.declared[gap.epoch].add(gap.first, gap.end)
        self.seen = len(self.session.events)

    @rule(results=st.integers(1, 120), size=st.sampled_from([1, 60, 500]), is_packable=st.booleans())
    def append(self, results: int, size: int, is_packable: bool) -> None:
        made = self.session.produce(results, size)
        if not is_packable:
            made = made._replace(payload=made.payload + os.urandom(len(made.payload)))
        self.produced[made.epoch] = made.end
        self.session.put(made)

    @rule(results=st.integers(1, 30))
    def produce_and_keep_in_memory(self, results: int) -> None:
        self.produced[self.session.epoch] = self.session.produce(results).end

    @rule(pick=PICKS)
    def settle(self, pick: tuple[int, int, int]) -> None:
        epoch, run = self._range(pick)
        self.settled[epoch].add(run.first, run.end)
        self.session.settle(epoch, run.first, run.end)

    @rule(pick=PICKS)
    def declare(self, pick: tuple[int, int, int]) -> None:
        epoch, run = self._range(pick)
        self.session.declare(epoch, run.first, run.end, Lost.QUEUE_FULL)
        self.declared[epoch].add(run.first, run.end)

    @rule(pick=PICKS)
    def confirm(self, pick: tuple[int, int, int]) -> None:
        """The collector has taken note: from then on it is settled."""
        epoch, run = self._range(pick)
        self.session.work.confirm(epoch, run.first, run.end)
        for known in self.declared[epoch].within(run.first, run.end):
            self.settled[epoch].add(known.first, known.end)
        self.session.commit()

    @rule(failure=st.sampled_from(FAILURES))
    def begin_to_fail(self, failure: str) -> None:
        self.disk.failure = failure

    @rule()
    def work_again(self) -> None:
        self.disk.failure = None
        self.session.commit()

    @precondition(lambda self: self.disk.failure is None)
    @rule()
    def crash(self) -> None:
        self.session.commit()
        self._heard()
        self._open(self.session.crash())

    @precondition(lambda self: self.disk.failure is None)
    @rule()
    def stop_and_start(self) -> None:
        self.session.commit()
        self._heard()
        self.session.keeper.finish()
        self._open(self.session.directory)

    @precondition(lambda self: self.disk.failure is None and self.flips < 1)
    @rule(bit=st.integers(0, 1 << 40))
    def rot(self, bit: int) -> None:
        """One bit, while nobody looks."""
        self.session.commit()
        self._heard()
        copy = self.session.crash()
        files = sorted(copy.glob("spool-*"))
        sizes = [file.stat().st_size for file in files]
        at = bit % (sum(sizes) * 8)
        for file, size in zip(files, sizes, strict=True):
            if at < size * 8:
                content = bytearray(file.read_bytes())
                content[at // 8] ^= 1 << at % 8
                file.write_bytes(content)
                break
            at -= size * 8
        self.flips += 1
        self._open(copy)

    @invariant()
    def nothing_is_missing(self) -> None:
        for epoch in [*self.produced] if hasattr(self, "session") else []:
            rows = self.session.read(epoch)
            self._heard()
            assert [row.first for row in rows] == sorted(row.first for row in rows)
            for row in rows:
                whole = payload(row.first, row.count, 1), payload(row.first, row.count, 60)
                start = payload(row.first, 1, 0)[:20]
                assert row.payload in whole or row.payload.startswith(start)
            readable = union([Run(row.first, row.end) for row in rows])
            accounted = union(readable, self.declared[epoch], self.settled[epoch])
            for run in self.written[epoch]:
                assert accounted.covers(run.first, run.end), (epoch, run, list(accounted))

    @invariant()
    def it_stays_below_its_cap(self) -> None:
        if hasattr(self, "session") and self.disk.failure is None and self.session.files.current is not None:
            assert self.session.files.size_bytes <= CAP + LARGEST

    def _range(self, pick: tuple[int, int, int]) -> tuple[str, Run]:
        """What is drawn never depends on what the run before did: epochs have new names each time."""
        epoch = list(self.produced)[pick[0] % len(self.produced)]
        end = pick[1] % (self.produced[epoch] + 1)
        return epoch, Run([0, max(end - 40, 0), end // 2][pick[2]], end)

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.disk.failure = None
            self.session.keeper.finish()
        shutil.rmtree(self.home)


TestSpooled: Any = Spooled.TestCase
TestSpooled.settings = settings(
    max_examples=int(os.environ.get("VEDETTE_SPOOL_EXAMPLES", "25")), stateful_step_count=40
)
