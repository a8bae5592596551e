"""Nothing counts twice, nothing is missing, and no counter falls: whatever the network does, whoever dies."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from collector.collector_helpers import DNS, NOW, SSH, WEB, assignment, batch, failed, heartbeat, ok
from collector.store_helpers import Life, Shelf, fallen, seqs
from vedette.checks.model import Assignment
from vedette.wire.messages import Ack, Batch, Gap, Held, Result
from vedette.wire.topics import Kind
from vedette_collector.cell import Moment
from vedette_collector.store import checkpoint

AGENT = "par-01"
CHECKS = ("api-dns", "web", "ssh", "nobody-asked")  # the last one is of no configuration
MOVED = msgspec.structs.replace(DNS, target="elsewhere.example.com A", query_name="elsewhere.example.com")
CONFIGS = (
    assignment((DNS, WEB, SSH), (AGENT,)),
    assignment((MOVED, WEB, SSH), (AGENT,)),
    assignment((DNS, WEB), (AGENT,)),
)
REASONS = ("queue_full", "spool_full", "crash")


@dataclass
class Process:
    """One process of the agent, by its own word."""

    epoch: str
    next_seq: int = 0
    acked: set[int] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)  # not confirmed
    given_up: set[int] = field(default_factory=set)
    forgotten: bool = False

    @property
    def held(self) -> list[int]:
        return [seq for seq in range(self.next_seq) if seq not in self.acked | self.given_up]

    @property
    def floor(self) -> int:
        return min([*self.held, self.next_seq])

    def result(self, seq: int) -> Result:
        check = CHECKS[seq % 11 % len(CHECKS)]
        return failed(check, "dns.nodata") if seq % 5 == 0 else ok(check, duration_us=1000 * (seq + 1))

    def batch(self, first: int, count: int) -> Batch:
        results = [self.result(seq) for seq in range(first, first + count)]
        # Not everything below is acked where a gap is not confirmed.
        acked = min([*self.held, *(gap.first for gap in self.gaps), first])
        return batch(*results, epoch=self.epoch, first=first, acked=acked)


class World(RuleBasedStateMachine):
    """One agent that restarts, one collector that dies, and a network that repeats, reorders and loses."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(checkpoint, "SLICE", 1)  # every row by itself, and some never
        self.now = NOW
        self.shelf = Shelf()
        self.furthest = 0
        self.life = Life(self.shelf, CONFIGS[0])
        self.processes: list[Process] = [Process(f"{0:032x}")]
        self.network: list[tuple[Batch, Kind]] = []
        self.exposed = self.life.counters()

    @property
    def present(self) -> Process:
        return self.processes[-1]

    @rule(count=st.integers(1, 30), kind=st.sampled_from([Kind.LIVE, Kind.LIVE, Kind.REPLAY]))
    def produce(self, count: int, kind: Kind) -> None:
        process = self.present
        self.network.append((process.batch(process.next_seq, count), kind))
        process.next_seq += count

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """What is held, cut in another way."""
        process = data.draw(st.sampled_from(self.processes))
        if process.held:
            first = data.draw(st.sampled_from(process.held))
            end = next(seq for seq in range(first, process.next_seq + 1) if seq not in process.held)
            count = data.draw(st.integers(1, end - first))
            self.network.append((process.batch(first, count), Kind.REPLAY))

    @rule(data=st.data(), again=st.booleans())
    def deliver(self, data: st.DataObject, again: bool) -> None:
        if self.network:
            index = data.draw(st.integers(0, len(self.network) - 1))
            self.life.send(*(self.network[index] if again else self.network.pop(index)))

    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def give_up(self, data: st.DataObject, reason: str) -> None:
        process = data.draw(st.sampled_from(self.processes))
        if process.held and len(process.gaps) < 10:
            first = data.draw(st.sampled_from(process.held))
            end = next(seq for seq in range(first, process.next_seq + 1) if seq not in process.held)
            end = data.draw(st.integers(first + 1, end))
            process.gaps.append(Gap(epoch=process.epoch, first=first, end=end, reason=reason))
            process.given_up |= set(range(first, end))

    @rule()
    def beat(self) -> None:
        """With everything that is held, in full. Confirmed gaps are not said again."""
        held = [
            Held(epoch=each.epoch, next_seq=each.next_seq, floor=each.floor)
            for each in self.processes
            if each is self.present or each.held or each.gaps
        ]
        gaps = [gap for each in self.processes for gap in each.gaps][:16]
        for index, each in enumerate(held):
            untold = [
                gap.first
                for process in self.processes
                if process.epoch == each.epoch
                for gap in process.gaps
                if gap not in gaps
            ]
            held[index] = msgspec.structs.replace(each, floor=min([each.floor, *untold]))
        said = heartbeat(
            epoch=self.present.epoch,
            next_seq=self.present.next_seq,
            held=held,
            held_complete=True,
            gaps=gaps,
            sent_us=1,
        )
        self.life.now = self.now = Moment(self.now.wall + 10, self.now.mono + 10)
        self.life.send(said)
        acks = self.life.settle()
        self.hear(acks)
        if any(ack.heartbeat is not None for ack in acks):
            for process in self.processes:
                for gap in gaps:
                    if gap in process.gaps:
                        process.gaps.remove(gap)

    @rule(count=st.integers(0, 3))
    def write(self, count: int) -> None:
        self.life.commit(count)

    @rule(count=st.integers(0, 3))
    def apply(self, count: int) -> None:
        self.life.apply(count)

    @rule()
    def acknowledge(self) -> None:
        self.hear(self.life.acks.take(0))

    @rule(whole=st.booleans(), slices=st.sampled_from([None, None, 0, 1, 2, 3, 5]))
    def checkpoint(self, whole: bool, slices: int | None) -> None:
        self.life.checkpoint(whole=whole, slices=slices)
        self.furthest = max(self.furthest, self.life.applied_id)

    @rule(config=st.sampled_from(CONFIGS))
    def reload(self, config: Assignment) -> None:
        self.life.board.configure(config, round(self.now.wall * 1e6))
        self.life.configured()

    @rule(config=st.sampled_from(CONFIGS))
    def die(self, config: Assignment) -> None:
        """At any moment; what was decided and not stored is gone. Somebody may have edited the checks."""
        self.life = Life(self.shelf, config, self.furthest, self.now)
        assert not self.life.was_backup

    @precondition(lambda self: len(self.processes) < 4)
    @rule(memory_only=st.booleans())
    def restart_agent(self, memory_only: bool) -> None:
        if memory_only:
            gone = self.present
            gone.given_up |= set(gone.held)  # and nobody says so
            gone.gaps.clear()
            gone.forgotten = True
        self.processes.append(Process(f"{len(self.processes):032x}"))

    @rule()
    def be_silent(self) -> None:
        self.life.now = self.now = Moment(self.now.wall + 400, self.now.mono + 400)
        self.network.clear()

    def hear(self, acks: list[Ack]) -> None:
        for ack in acks:
            for mark in ack.marks:
                process = next(each for each in self.processes if each.epoch == mark.epoch)
                settled = set(range(mark.low)) | seqs(mark.runs)
                assert settled <= set(range(process.next_seq))
                assert settled <= self.kept(process), "an ack is ahead of the disk"
                process.acked |= settled - process.given_up

    def kept(self, process: Process) -> set[int]:
        """Seqs that the journal settles, read without the code under test."""
        found: set[int] = set()
        for row in self.shelf.journal.values():
            if row[4] == process.epoch and row[1] != "claim":
                found |= set(range(row[5], row[5] + row[6]))
        return found | process.given_up | process.acked

    @invariant()
    def books_balance(self) -> None:
        assert set(self.life.residuals().values()) <= {0}

    @invariant()
    def no_counter_falls(self) -> None:
        now = self.life.counters()
        assert fallen(self.exposed, now) == []
        self.exposed |= now

    def teardown(self) -> None:
        self.patch.undo()
        self.drain()

    def drain(self) -> None:
        """At last everything comes through, and everything is in the books exactly once."""
        for _ in range(2):
            for process in self.processes:
                for seq in process.held:
                    self.life.send(process.batch(seq, 1), Kind.REPLAY)
            self.beat()
        self.be_silent()
        self.beat()
        epochs = self.life.board.ledger.book(AGENT).epochs
        # What a process without a spool produced and never spoke of before it died, nobody can know.
        ends = {name: epoch.end for name, epoch in epochs.open.items()}
        ends |= {name: closed.end for name, closed in epochs.closed.items()}
        produced = sum(min(each.next_seq, ends.get(each.epoch, 0)) for each in self.processes)
        assert all(ends.get(each.epoch, 0) == each.next_seq for each in self.processes if not each.forgotten)
        figures = self.life.board.ledger.book(AGENT).figures()
        assert figures.produced == produced
        assert (figures.pending, figures.residual) == (0, 0)
        assert figures.lost.get("rewind", 0) == 0
        assert figures.applied + sum(figures.lost.values()) == produced
        self.life.checkpoint()
        again = Life(self.shelf, CONFIGS[0], self.furthest, self.now)
        assert again.board.ledger.book(AGENT).figures() == figures


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
