"""The collector's shell in virtual time: links, journal, checkpoints, acks, crashes. The core is real."""

from collections import deque
from collections.abc import Callable, Iterator

from simulation.network import Broker, Message, Wire
from simulation.oracle import Oracle
from simulation.store import ModelStore
from simulation.world import START, World
from vedette.checks.model import Assignment
from vedette.wire import codec, limits
from vedette.wire.topics import Kind, topic
from vedette_collector.acks import Acks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.effects import Effects
from vedette_collector.ingest import Ingest
from vedette_collector.store import checkpoint, recovery, rows
from vedette_collector.store import entry as entries
from vedette_collector.store.database import Writing, is_passing
from vedette_collector.store.entry import Entry

APART = 0.005
ACK_SECONDS = 0.1
BEHIND_SECONDS = 5.0

# A few rows at a time, with time to crash in between: the real ones have hundreds of thousands.
checkpoint.SLICE = 2  # type: ignore[misc]
SLICE_SECONDS = 3.0
LINKS = {
    "live": frozenset(("live", "heartbeat", "presence")),
    "replay": frozenset(("replay",)),
    "control": frozenset[str](),
}


class Collector:
    """One after the other: `start`, `crash`, `start` …; *store* is what stays."""

    def __init__(self, world: World, broker: Broker, oracle: Oracle, assignment: Assignment) -> None:
        self.world = world
        self.store = ModelStore(world)
        self.assignment = assignment
        self.commit_seconds = 0.004
        self.replay_rate: int | None = 3000
        self.scrape_seconds = 15.0
        self.checkpoint_seconds = world.rng.choice((8.0, 30.0, 60.0))
        self.process: Process | None = None
        self._broker = broker
        self._oracle = oracle

    @property
    def broker(self) -> Broker:
        return self._broker

    @property
    def oracle(self) -> Oracle:
        return self._oracle

    def start(self) -> None:
        if self.process is None:
            self.process = Process(self)

    def crash(self) -> None:
        """SIGKILL or power: what is committed is there, and perhaps what was just being committed."""
        process, self.process = self.process, None
        if process is not None:
            self.world.tell("collector_crash")
            process.die()

    def restore(self, backup: ModelStore) -> None:
        """Put an older database back; the side file is that of today."""
        self.crash()
        furthest = self.store.furthest
        self.store = backup.backup()
        self.store.furthest = furthest
        is_seen = furthest > max(backup.journal, default=0)
        self.world.tell("store_restored" if is_seen else "store_restored_unseen")
        self._oracle.restored(set(self.store.journal), is_seen=is_seen)

    def reload(self, assignment: Assignment) -> None:
        self.world.tell("reload")
        self._oracle.shown_anew()
        self.assignment = assignment
        if self.process is not None:
            self.process.reload()


class Process:
    def __init__(self, collector: Collector) -> None:
        self.world = collector.world
        self.is_alive = True
        self.board = Board(collector.assignment)
        self.acks = Acks(self._name(), self.board.ledger)
        self.ingest = Ingest(self.board, self.acks)
        self.effects = Effects(self.board, self.acks)
        self._collector = collector
        self._oracle = collector.oracle
        self._broker = collector.broker
        self._began = self.world.now
        self._wires: dict[str, Wire] = {}
        self._queue: deque[tuple[float, Entry | Writing, Callable[[], None] | None]] = deque()
        self._is_committing = False
        self._acks_due = False
        self._generation = 0
        self._applied = 0
        self._slices: Iterator[Writing] | None = None
        self._recover()
        for name in LINKS:
            self._connect(name)
        self._after(collector.checkpoint_seconds * (0.5 + self.world.rng.random()), self._checkpoint)
        self._after(collector.scrape_seconds * self.world.rng.random(), self._scrape)

    @property
    def now(self) -> Moment:
        return Moment(START + self.world.now, self.world.now - self._began + 50.0)

    def die(self) -> None:
        if self._is_committing and self.world.chance(0.5) and not self._collector.store.is_failing:
            self.world.seen["commit_unheard"] += 1
            self._commit_to_disk(self._batch())
        self.is_alive = False
        for wire in list(self._wires.values()):
            wire.close()

    def reload(self) -> None:
        self.board.configure(self._collector.assignment, self.world.true_us)
        self._post(Writing(generations=self._generations()))

    # start

    def _recover(self) -> None:
        store = self._collector.store
        loaded = store.load()
        at = recovery.resume(self.board, self.ingest, loaded, self.now)
        left = store.entries(at)
        for entry in left:
            self.effects.apply(entry, self.now)
        if left:
            self.world.seen["journal_replayed"] += 1
        last_id = max(loaded.last_id, left[-1].id if left else at)
        if recovery.finish(self.board, self.ingest, last_id, store.furthest, self.now):
            self._oracle.counters_restart()
        self._applied = self.ingest.last_id
        was_failing, store.is_failing = store.is_failing, False
        for writing in self._rows(self.ingest.last_id):
            store.write(writing)
        store.is_failing = was_failing
        store.furthest = self.ingest.last_id
        self._oracle.shown_anew()
        self._oracle.look(self)

    # links

    def _connect(self, name: str) -> None:
        if not self.is_alive:
            return
        client = f"collector-{name}"
        wire = self._broker.connect(client, LINKS[name], self._receive, lambda: self._lost(name))
        if wire is None:
            self._after(1.0 + 2 * self.world.rng.random(), self._connect, name)
            return
        self._wires[name] = wire
        if LINKS[name]:
            self.acks.collector = self._name()
            self.ingest.reading_since = self.now.mono
        self._take_acks()

    def _lost(self, name: str) -> None:
        self._wires.pop(name, None)
        self._after(1.0 + self.world.rng.random(), self._connect, name)

    def _receive(self, message: Message) -> None:
        now = self.now
        self.ingest.is_deferring = bool(self._queue) and self.world.now - self._queue[0][0] > BEHIND_SECONDS
        if self.ingest.is_deferring:
            self.world.seen["deferred"] += 1
        entry = self.ingest.message(message.topic, message.payload, message.content_type, message.retain, now)
        if entry is not None:
            self._oracle.decided(entry, message, self.board)
            self._put(entry, None)
        else:
            self._arm_acks()

    # journal

    def _put(self, job: Entry | Writing, done: Callable[[], None] | None) -> None:
        self._queue.append((self.world.now, job, done))
        if not self._is_committing:
            self._is_committing = True
            self._after(
                APART + self._collector.commit_seconds * (0.5 + self.world.rng.random()), self._commit
            )

    def _post(self, writing: Writing, done: Callable[[], None] | None = None) -> None:
        self._put(writing, done)

    def _batch(self) -> list[tuple[float, Entry | Writing, Callable[[], None] | None]]:
        """What shares the next transaction: entries, or one set of rows."""
        first = self._queue[0][1]
        if isinstance(first, Writing):
            return [self._queue[0]]
        found = []
        for each in self._queue:
            if isinstance(each[1], Writing):
                break
            found.append(each)
        return found

    def _commit_to_disk(self, batch: list[tuple[float, Entry | Writing, Callable[[], None] | None]]) -> None:
        jobs = [job for _, job, _ in batch]
        kept = [job for job in jobs if isinstance(job, Entry) and job.is_kept]
        for job in jobs:
            if isinstance(job, Writing):
                self._collector.store.write(job)
        if kept:
            try:
                self._collector.store.write(Writing(entries=[entries.row(each) for each in kept]))
            finally:
                for each in kept:
                    if each.id in self._collector.store.journal:
                        self._oracle.durable(each)

    def _commit(self, pause: float = 0.1) -> None:
        batch = self._batch()
        try:
            self._commit_to_disk(batch)
        except Exception as exc:
            if not is_passing(exc):
                raise
            self.world.seen["commit_failed"] += 1
            self._after(pause, self._commit, min(2 * pause, 10.0))
            return
        for _ in batch:
            self._queue.popleft()
        for _, job, done in batch:
            if isinstance(job, Entry):
                self.effects.apply(job, self.now)
                self._applied = max(self._applied, job.id)
            if done is not None:
                done()
        self._arm_acks()
        self._is_committing = bool(self._queue)
        if self._is_committing:
            self._after(
                APART + self._collector.commit_seconds * (0.5 + self.world.rng.random()), self._commit
            )

    # checkpoints

    def _checkpoint(self) -> None:
        if self._slices is None:
            floor = self._applied
            self._slices = self._rows(floor)
            self._slice(floor)
        self._after(self._collector.checkpoint_seconds, self._checkpoint)

    def _slice(self, floor: int) -> None:
        assert self._slices is not None
        writing = next(self._slices, None)
        if writing is None:
            self._slices = None
            self._collector.store.furthest = floor
            self.world.seen["checkpoint"] += 1
            return
        self._post(
            writing, lambda: self._after(SLICE_SECONDS * self.world.rng.random() ** 2, self._slice, floor)
        )

    def _rows(self, floor: int) -> Iterator[Writing]:
        if self._generation != self.board.generation:
            yield Writing(generations=self._generations())
        restored_us = self.ingest.restored_us
        yield from checkpoint.slices(
            self.board, self.now.wall, floor=floor, restored_us=restored_us, whole=False
        )

    def _generations(self) -> list[tuple[int, bytes]]:
        self._generation = self.board.generation
        return [(self._generation, rows.identities(self.board.identities))]

    # acks

    def _arm_acks(self) -> None:
        if self.acks and not self._acks_due:
            self._acks_due = True
            self._after(0.0 if self.acks.is_urgent else ACK_SECONDS, self._take_acks)

    def _take_acks(self) -> None:
        self._acks_due = False
        wire = self._wires.get("control")
        if wire is None:
            return
        for agent in self.board.agents:
            if self._collector.replay_rate is not None:
                self.acks.replay_rates[agent] = self._collector.replay_rate
        for ack in self.acks.take(self.world.true_us):
            self._oracle.acknowledged(ack)
            payload, content_type = codec.encode(ack)
            wire.publish(
                Message(topic(ack.agent, Kind.ACK), payload, content_type),
                limits.LIVE_EXPIRY_SECONDS,
                _nothing,
            )

    def _scrape(self) -> None:
        self._oracle.look(self)
        self._after(self._collector.scrape_seconds, self._scrape)

    def _name(self) -> str:
        return f"{self.world.rng.getrandbits(128):032x}"

    def _after(self, seconds: float, call: Callable[..., None], *values: object) -> None:
        self.world.after(seconds, self._run, call, values)

    def _run(self, call: Callable[..., None], values: tuple[object, ...]) -> None:
        if self.is_alive:
            call(*values)


def _nothing() -> None:
    pass
