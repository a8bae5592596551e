"""A store in memory, and a collector around it that dies where a test wants it to."""

import copy
from collections.abc import Iterable

from collector.collector_helpers import EPOCH, NOW
from vedette.checks.model import Assignment
from vedette.wire import codec
from vedette.wire.messages import Ack, Batch, Heartbeat, Presence
from vedette.wire.topics import Kind, topic
from vedette_collector.acks import Acks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.effects import Effects
from vedette_collector.ingest import Ingest
from vedette_collector.store import checkpoint, recovery, rows
from vedette_collector.store import entry as entries
from vedette_collector.store.database import AgentRow, CellRow, Loaded, Writing
from vedette_collector.store.entry import Entry

KINDS = {Batch: Kind.LIVE, Heartbeat: Kind.HEARTBEAT, Presence: Kind.PRESENCE}


def entry(number: int, **more: object) -> Entry:
    fields = {"kind": "live", "agent": "par-01", "received_us": number, "epoch": EPOCH, "payload": b"x" * 50}
    return Entry(**{"id": number, "count": 1, "first": number, **fields, **more})  # type: ignore[arg-type]


class Shelf:
    """A `Storage` without a disk."""

    def __init__(self) -> None:
        self.journal: dict[int, entries.Row] = {}
        self.cells: dict[tuple[str, str, str], CellRow] = {}
        self.agents: dict[str, AgentRow] = {}
        self.generations: dict[int, bytes] = {}
        self.facts: dict[str, int] = {}
        self.parked: list[tuple[int, str, bytes]] = []

    def write(self, writing: Writing) -> None:
        self.journal.update({row[0]: row for row in writing.entries})
        self.parked += writing.parked
        for cell in writing.cells:
            key = (cell.agent, cell.check, cell.identity)
            before = self.cells.get(key)
            state = cell.state or (None if before is None else before.state)
            self.cells[key] = CellRow(*key, cell.position, cell.hidden_us, cell.counters, state)
        self.agents.update({row.agent: row for row in writing.agents})
        self.generations.update(dict(writing.generations))
        for key in writing.gone_cells:
            self.cells.pop(key, None)
        first = writing.first_generation
        self.generations = {number: each for number, each in self.generations.items() if number >= first}
        for agent in writing.gone_agents:
            self.agents.pop(agent, None)
        self.facts.update(writing.facts)

    def load(self) -> Loaded:
        return Loaded(
            list(self.cells.values()),
            list(self.agents.values()),
            sorted(self.generations.items()),
            dict(self.facts),
            max(self.journal, default=0),
        )

    def entries(self, after: int, limit: int) -> list[Entry]:
        found = [entries.entry(self.journal[number]) for number in sorted(self.journal) if number > after]
        return found[:limit]

    def prune(self, upto: int, before_us: int, max_bytes: int, limit: int) -> int:
        gone = [number for number in sorted(self.journal) if number <= upto][:limit]
        for number in gone:
            del self.journal[number]
        return len(gone)

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        pass


class Life:
    """One run of a collector, from its start on the store until it dies."""

    def __init__(self, shelf: Shelf, config: Assignment, furthest: int = 0, now: Moment = NOW) -> None:
        self.shelf = shelf
        self.now = now
        self.board = Board(config)
        self.acks = Acks("f" * 32, self.board.ledger)
        self.ingest = Ingest(self.board, self.acks)
        self.effects = Effects(self.board, self.acks)
        self.waiting: list[Entry] = []  # decided, not stored
        self.stored: list[Entry] = []  # not applied
        loaded = shelf.load()
        at = recovery.resume(self.board, self.ingest, loaded, now)
        for entry in shelf.entries(at, 10**9):
            self.effects.apply(entry, now)
        last_id = max(loaded.last_id, loaded.facts.get(recovery.FLOOR, 0))
        self.was_backup = recovery.finish(self.board, self.ingest, last_id, furthest, now)
        self.acks.take(0)
        self.applied_id = self.ingest.last_id
        self.configured()
        self.checkpoint()

    def configured(self) -> None:
        """The entries from now on refer to the configuration of this moment."""
        self.shelf.write(
            Writing(generations=[(self.board.generation, rows.identities(self.board.identities))])
        )

    def send(self, message: Batch | Heartbeat | Presence, kind: Kind | None = None) -> None:
        """Decide on a message."""
        payload, content_type = codec.encode(message)
        name = topic(message.agent, kind or KINDS[type(message)])
        entry = self.ingest.message(name, payload, content_type, False, self.now)
        if entry is not None:
            self.waiting.append(entry)

    def commit(self, count: int | None = None) -> None:
        """Store the oldest decisions; all of them without *count*."""
        taken = self.waiting[:count]
        self.waiting = self.waiting[len(taken) :]
        self.shelf.write(Writing(entries=[entries.row(each) for each in taken if each.is_kept]))
        self.stored += taken

    def apply(self, count: int | None = None) -> None:
        taken = self.stored[:count]
        self.stored = self.stored[len(taken) :]
        for entry in taken:
            self.effects.apply(entry, self.now)
            self.applied_id = max(self.applied_id, entry.id)

    def settle(self) -> list[Ack]:
        """Store and apply everything. The acks that are due."""
        self.commit()
        self.apply()
        return self.acks.take(0)

    def checkpoint(self, *, whole: bool = True, slices: int | None = None) -> None:
        """*slices*: so many of its transactions; then the disk was too slow."""
        made = checkpoint.slices(
            self.board,
            self.now.wall,
            floor=self.applied_id,
            restored_us=self.ingest.restored_us,
            whole=whole,
        )
        for number, writing in enumerate(made):
            if slices is None or number < slices:
                self.shelf.write(writing)
        if slices is not None:
            checkpoint.again(self.board)

    def counters(self) -> dict[tuple[str, ...], float]:
        """All that may never fall."""
        found: dict[tuple[str, ...], float] = {}
        for name in self.board.agents:
            figures = self.board.ledger.book(name).figures()
            found[name, "produced"], found[name, "applied"] = figures.produced, figures.applied
            found[name, "late"] = figures.late
            found |= {(name, "lost", reason): count for reason, count in figures.lost.items()}
        for cell in self.board.all_cells():
            own = (cell.agent, cell.check.name, cell.identity)
            found[*own, "attempts"], found[*own, "late"] = cell.attempts, cell.late_attempts
            found[*own, "sum"] = cell.latency_sum
            found |= {(*own, "failures", reason): count for reason, count in cell.failures.items()}
        return found

    def residuals(self) -> dict[str, int]:
        """By agent, with the counters summed up anew."""
        found = {}
        for name, book in self.board.ledger:
            assert book.counted == self.board.counted(name), name
            found[name] = book.figures().residual
        return found


def copied(shelf: Shelf) -> Shelf:
    """A backup."""
    return copy.deepcopy(shelf)


def fallen(before: dict[tuple[str, ...], float], now: dict[tuple[str, ...], float]) -> list[tuple[str, ...]]:
    """Counters that went down; one that is not exposed for now did not."""
    return [key for key, value in before.items() if key in now and now[key] < value]


def seqs(runs: Iterable[tuple[int, int]]) -> set[int]:
    return {seq for first, end in runs for seq in range(first, end)}
