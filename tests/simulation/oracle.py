"""Stands outside and notes what was produced, what became durable, what was acknowledged and exposed.

It shares no code with the books of the collector: sets of seqs, counted one by one.
"""

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from simulation.world import START, Violation, World
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, Batch, Gap, Result
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcel import Parcel
from vedette_agent.delivery.runs import Runs
from vedette_agent.spool.events import Held
from vedette_collector.board import Board
from vedette_collector.cell import Cell
from vedette_collector.claims import MAX_OPEN
from vedette_collector.dedupe import MAX_RUNS
from vedette_collector.store.entry import FORGIVEN, Entry

if TYPE_CHECKING:
    from simulation.collecting import Process
    from simulation.hosts import Host
    from simulation.network import Message

LIVE_SECONDS = limits.LIVE_EXPIRY_SECONDS + 30.0  # a wire may be silent so long before it is given up
CLOSED_SECONDS = 290.0
SPOOLED_SECONDS = 2.0  # what is older is on a disk that works, if the process was killed


class Made(NamedTuple):
    result: Result
    at: float  # true seconds since the start


class Life:
    """One epoch."""

    def __init__(self, number: int, host: "Host") -> None:
        self.number = number
        self.host = host
        self.made: list[Made] = []
        self.killed_at: float | None = None
        self.durable: set[int] = set()  # on disk when the process was killed
        self.is_on_record = True  # a disk knows of it
        self.is_concluded = False  # how it ended is on record
        self.is_vague = False  # its numbers may have been given out twice, or are only bounded
        self.given_up: dict[int, set[str]] = {}  # by the agent, and why


class Truth:
    """What the durable journal says of one epoch."""

    def __init__(self) -> None:
        self.applied: dict[int, str] = {}  # seq to kind
        self.lost: dict[int, str] = {}
        self.forgiven: set[int] = set()
        self.settled = Runs()


class Oracle:
    def __init__(self, world: World) -> None:
        self.lives: dict[tuple[str, str], Life] = {}
        self._lives_of: dict[tuple[str, str], Life] = {}
        self.hosts: dict[str, Host] = {}
        self.allowed: dict[
            str, set[str]
        ] = {}  # reasons for which an agent may lose something, by faults it met
        self.rotten: set[str] = set()  # agents whose disk broke
        self.strangers: set[str] = set()  # agents that lie
        self.cloned: set[str] = set()
        self.colliding: set[str] = set()  # gave numbers out twice, which they cannot know
        self.is_captured = False  # somebody sends old messages again
        self.restores = 0
        self.since_us = 0  # what was shown before is not always shown now
        self._world = world
        self._truths: dict[tuple[str, str], Truth] = {}
        self._entries: list[Entry] = []
        self._is_again = False
        self._undone: list[tuple[tuple[str, str], set[int]]] = []  # applied, and forgotten with a store
        self._ever: dict[tuple[str, str], set[int]] = {}
        self._shown: dict[tuple[str, ...], float] = {}
        self._increase: Counter[tuple[str, ...]] = Counter()
        self._claimed: dict[tuple[str, str], int] = {}
        self._verdicts: dict[tuple[str, str], tuple[int, int]] = {}
        self._came: dict[tuple[str, str], float] = {}  # the last batch of an epoch
        self._restarts = False
        self._restored_at = float("-inf")

    # the agents' side

    def started(self, host: "Host", epoch: str) -> None:
        self.lives[host.name, epoch] = self._lives_of[host.name, epoch[:8]] = Life(len(self.lives), host)

    def produced(self, agent: str, epoch: str, seq: int, result: Result) -> None:
        life = self.lives[agent, epoch]
        if life.is_vague:
            del life.made[seq:]
        if seq != len(life.made):
            raise Violation(f"seq {seq} of {epoch[:4]} after {len(life.made)}")
        life.made.append(Made(result, self._world.now))

    def killed(self, host: "Host", outbox: Outbox, *, is_rolled_back: bool = False) -> None:
        if host.name in self.strangers:
            return
        life = self.lives[host.name, outbox.epoch]
        life.killed_at = self._world.now
        life.durable = {seq for epoch, seq in host.disk.durable() if epoch == outbox.epoch}
        life.is_vague |= is_rolled_back
        is_on_record = host.page is not None and host.page.epoch == outbox.epoch
        life.is_on_record &= is_on_record and not is_rolled_back
        allowed = self.allowed.setdefault(host.name, set())
        allowed.add("crash" if host.is_spooled else "restart")

    def dark(self, host: "Host") -> None:
        """The host went down: how far its newest process got is known to within a bound."""
        for life in self.lives.values():
            if life.host is host and not life.is_concluded:
                life.is_vague = True

    def on_record(self, host: "Host", epoch: str) -> None:
        """Its disk has this process, and how all before it ended."""
        number = self.lives[host.name, epoch].number
        for life in self.lives.values():
            if life.host is host and life.number < number:
                life.is_concluded = True

    def gone(self, host: "Host") -> None:
        """It is scrapped, with its disk."""
        for life in self.lives.values():
            if life.host is host:
                life.is_on_record = False

    def found(self, host: "Host", held: Held) -> None:
        for gap in held.gaps:
            self.given_up(host.name, gap)

    def given_up(self, agent: str, gap: Gap) -> None:
        life = self.lives.get((agent, gap.epoch))
        if life is not None:
            for seq in range(gap.first, gap.end):
                life.given_up.setdefault(seq, set()).add(gap.reason)

    # the collector's side

    def decided(self, entry: Entry, message: "Message", board: Board) -> None:
        if entry.agent in self.strangers:
            self._bounded(entry, board)
            return
        if entry.kind not in ("live", "late"):
            return
        self._world.seen[entry.kind] += 1
        if (entry.kind == "late") != message.topic.endswith("/replay"):
            raise Violation(f"{message.topic} decided as {entry.kind}")
        made = self.lives[entry.agent, entry.epoch].made
        assert entry.results is not None
        rejected = dict(entry.rejected)
        for first, end in entry.news:
            for offset in range(first, end):
                self._compare(entry, offset, entry.results[offset], made)
                result = entry.results[offset]
                if offset in rejected and result is not None and result.check in board.cells[entry.agent]:
                    raise Violation(f"rejected {result.check}: {rejected[offset]}")
        self._came[entry.agent, entry.epoch] = self._world.now
        newest = made[entry.first + entry.news[-1][1] - 1].at
        if entry.kind == "live" and not self.is_captured and self._world.now - newest > LIVE_SECONDS:
            raise Violation(f"live after {self._world.now - newest:.0f} s")

    def _bounded(self, entry: Entry, board: Board) -> None:
        """No claim goes further than all that the checks can have produced."""
        if entry.claim is None:
            return
        for opening in entry.claim.openings:
            self._claimed.setdefault((entry.agent, opening.epoch), opening.base)
        for name, end in entry.claim.ends:
            before = self._claimed.get((entry.agent, name), end)
            if end - before > board.agents[entry.agent].producible(7 * 86400.0):
                raise Violation(f"{entry.agent} claims {end} after {before}")
            self._claimed[entry.agent, name] = end

    def _compare(self, entry: Entry, offset: int, result: Result | None, made: list[Made]) -> None:
        seq = entry.first + offset
        if entry.agent in self.colliding:
            return
        if seq >= len(made):
            raise Violation(f"{entry.epoch[:4]} {seq} was never produced")
        true = made[seq].result
        if result is None or (result.check, result.outcome, result.detail, result.duration_us) != (
            true.check,
            true.outcome,
            true.detail,
            true.duration_us,
        ):
            raise Violation(f"{entry.epoch[:4]} {seq} arrived as {result}, was {true}")

    def sent(self, host: "Host", parcel: Parcel) -> None:
        """A batch leaves. Its results are corrected by what it says of the clock."""
        made = self.lives[host.name, parcel.book.epoch].made
        offset_us = codec.decode(parcel.payload, parcel.content_type, Batch).offset_us
        if offset_us is None:
            return
        self._world.seen["corrected"] += 1
        for each in (made[parcel.first], made[parcel.end - 1]):
            error = (each.result.started_us + offset_us) / 1e6 - (START + each.at)
            bound = 0.05 + host.delay_us / 2e6 + abs(host.clock.skew) * (self._world.now - each.at + 200)
            if abs(error) > bound:
                raise Violation(f"{host.name}: corrected time is off by {error:.3f} s, {bound:.3f} allowed")

    def durable(self, entry: Entry) -> None:
        """The journal has it."""
        if self._entries and entry.id <= self._entries[-1].id:
            if entry is self._entries[-1] or any(entry is each for each in self._entries[-50:]):
                return  # the commit was tried again
            raise Violation(f"entry {entry.id} after {self._entries[-1].id}")
        self._entries.append(entry)
        if entry.agent not in self.strangers:
            self._enter(entry)

    def _enter(self, entry: Entry) -> None:
        agent = entry.agent
        if entry.opening is not None:
            self._begin(agent, entry.opening.epoch, entry.opening.base)
        if entry.claim is None:
            truth = self._truth(agent, entry.epoch)
            rejected = dict(entry.rejected)
            for first, end in entry.news:
                for offset in range(first, end):
                    seq = entry.first + offset
                    if seq in truth.applied or seq in truth.lost:
                        raise Violation(f"{agent} {entry.epoch[:4]} {seq} twice")
                    if offset in rejected:
                        truth.lost[seq] = "rejected"
                    else:
                        truth.applied[seq] = entry.kind
                truth.settled.add(entry.first + first, entry.first + end)
            return
        for opening in entry.claim.openings:
            self._begin(agent, opening.epoch, opening.base)
        for epoch, first, end, reason in entry.claim.losses:
            truth = self._truth(agent, epoch)
            for run in truth.settled.missing(first, end):
                if reason == FORGIVEN:
                    truth.forgiven.update(range(*run))
                else:
                    truth.lost.update(dict.fromkeys(range(*run), reason))
            truth.settled.add(first, end)
        for epoch in entry.claim.closings:
            self._world.seen["closed"] += 1
            silent = self._world.now - self._came.get((agent, epoch), float("-inf"))
            if silent < CLOSED_SECONDS and agent not in self.cloned and not self._is_again:
                raise Violation(f"{agent} {epoch[:4]} closed {silent:.0f} s after its last batch")
            truth = self._truth(agent, epoch)
            top = self._top(agent, epoch)
            for run in truth.settled.missing(0, top):
                truth.lost.update(dict.fromkeys(range(*run), "restart"))
            truth.settled.add(0, top)

    def _top(self, agent: str, epoch: str) -> int:
        """What was claimed of it so far."""
        top = 0
        for entry in self._entries:
            if entry.agent == agent and entry.claim is None and entry.epoch == epoch:
                top = max(top, entry.first + entry.count)
            elif entry.agent == agent and entry.claim is not None:
                ends = [end for name, end in entry.claim.ends if name == epoch]
                ends += [loss.end for loss in entry.claim.losses if loss.epoch == epoch]
                top = max([top, *ends])
        return top

    def _begin(self, agent: str, epoch: str, base: int) -> None:
        truth = self._truth(agent, epoch)
        for run in truth.settled.missing(0, base):
            truth.forgiven.update(range(*run))
        # Not settled: a gap that begins before it moves it.

    def _truth(self, agent: str, epoch: str) -> Truth:
        return self._truths.setdefault((agent, epoch), Truth())

    def acknowledged(self, ack: Ack) -> None:
        """An ack leaves: it must say nothing that is not durable."""
        if ack.agent in self.strangers:
            return
        self._world.seen["ack"] += 1
        for mark in ack.marks:
            truth = self._truth(ack.agent, mark.epoch)
            for first, end in ((0, mark.low), *mark.runs):
                ahead = [
                    run
                    for run in truth.settled.missing(first, end)
                    if not truth.forgiven.issuperset(range(*run))
                ]
                if ahead:
                    raise Violation(f"ack of {ack.agent} {mark.epoch[:4]} is ahead: {ahead[:3]}")

    def restored(self, ids: set[int], *, is_seen: bool) -> None:
        """The journal has only these entries now."""
        self._remember()
        before = self._truths
        entries, self._entries, self._truths = self._entries, [], {}
        self._is_again = True
        for entry in entries:
            if entry.id in ids:
                self._entries.append(entry)
                if entry.agent not in self.strangers:
                    self._enter(entry)
        for (agent, epoch), truth in before.items():
            undone = truth.applied.keys() - self._truth(agent, epoch).applied.keys()
            self._undone.append(((agent, epoch), undone))
        self._is_again = False
        self.restores += 1
        self._restored_at = self._world.now
        self._restarts |= not is_seen
        for agent in self.hosts:
            self.allowed.setdefault(agent, set()).add("rewind")

    def _remember(self) -> None:
        for key, truth in self._truths.items():
            self._ever.setdefault(key, set()).update(truth.applied, truth.lost)

    def counters_restart(self) -> None:
        self._restarts = True

    def look(self, process: "Process") -> None:
        """A scrape."""
        board = process.board
        shown: dict[tuple[str, ...], float] = {}
        for agent, state in board.agents.items():
            figures = board.figures(state)
            if figures.residual:
                raise Violation(f"residual {figures.residual} of {agent}")
            if (
                figures.disagreement
                and self._world.now - self._restored_at > 400
                and agent not in (self.cloned | self.strangers)
            ):
                raise Violation(f"disagreement {figures.disagreement} of {agent}")
            shown["produced", agent] = figures.produced
            shown["applied", agent] = figures.applied
            shown["late", agent] = figures.late
            for reason, lost in figures.lost.items():
                shown["lost", agent, reason] = lost
            for check, cell in board.cells[agent].items():
                self._verdict_now(cell)
                key = (agent, check, cell.identity)
                shown["attempts", *key] = cell.attempts
                shown["late_attempts", *key] = cell.late_attempts
                shown["not_run", *key] = sum(cell.not_run.values())
                shown["failures", *key] = sum(cell.failures.values())
                shown["latency", *key] = sum(cell.buckets)
            book = board.ledger.book(agent)
            if len(book.epochs.open) > MAX_OPEN or figures.produced >= 2**63:
                raise Violation(f"{agent} made the books grow")
            if any(len(epoch.window.runs) > MAX_RUNS + 1 for epoch in book.epochs.open.values()):
                raise Violation("too many runs")
        for key, value in shown.items():
            before = self._shown.get(key, 0)
            if value < before and not self._restarts and key[1] not in self.strangers:
                raise Violation(f"{key} fell from {before} to {value}")
            self._increase[key] += int(value if value < before else value - before)
        self._shown.update(shown)
        if self._restarts:
            # What has no series yet counts from 0 as well.
            self._shown = {key: shown.get(key, 0) for key in self._shown}
        self._restarts = False

    def _verdict_now(self, cell: Cell) -> None:
        """What is shown never goes back to an older result, and its facts are those of that result."""
        if cell.last is None or cell.agent in self.strangers | self.cloned | self.colliding:
            return
        epoch, _, seq = str(cell.last.result.detail).rstrip("x").partition(".")
        life = self._lives_of[cell.agent, epoch]
        order = (life.number, int(seq))
        if order < self._verdicts.get((cell.agent, cell.check.name), order):
            raise Violation(f"{cell.agent} {cell.check.name} shows an older result than before")
        self._verdicts[cell.agent, cell.check.name] = order
        facts = cell.last.result.facts
        if facts is not None and facts != life.made[int(seq)].result.facts:
            raise Violation(f"{cell.agent} {cell.check.name}: wrong facts {facts}")

    def shown_anew(self) -> None:
        """Another process or another configuration: verdicts may be as old as what was stored of them."""
        self.since_us = self._world.true_us
        self._verdicts.clear()

    # the end

    def final(self, process: "Process") -> None:
        self.look(process)
        self._remember()
        for (agent, epoch), life in self.lives.items():
            if agent not in self.strangers | self.colliding:
                self._life(agent, epoch, life)
        for (agent, epoch), truth in self._truths.items():
            self._forgiven(agent, epoch, truth)
        for agent in self.hosts:
            if agent not in self.strangers | self.colliding:
                self._books(agent, process.board)
        self._cells(process.board)

    def _life(self, agent: str, epoch: str, life: Life) -> None:
        truth = self._truth(agent, epoch)
        name = f"{agent} {epoch[:4]}"
        ever = self._ever.get((agent, epoch), set())
        for seq in range(len(life.made)):
            if seq in truth.applied and seq in truth.lost:
                raise Violation(f"{name} {seq} applied and lost")
            if seq not in truth.applied and seq not in truth.lost:
                if self.restores and seq in ever:
                    continue  # of an epoch that nobody holds any more: the backup ends before it begins
                if not life.is_on_record and seq >= self._top(agent, epoch):
                    self._world.seen["untold"] += 1
                    continue  # the process died before it had told anybody, a disk or the network
                raise Violation(f"{name} {seq} of {len(life.made)} vanished")
        beyond = [seq for seq in (*truth.applied, *truth.lost) if seq >= len(life.made)]
        if beyond and not life.is_vague and agent not in self.cloned:
            raise Violation(f"{name} {sorted(beyond)[:3]} were never produced, there are {len(life.made)}")
        for seq, reason in truth.lost.items():
            self._world.seen[f"lost_{reason}"] += 1
            if reason not in self.allowed.get(agent, ()):
                raise Violation(f"{name} {seq} lost to {reason}, which did not happen")
            if reason == "rewind" and seq not in ever and seq < len(life.made):
                raise Violation(f"{name} {seq} lost to rewind, and was never here")
            if reason == "crash":
                self._crash(agent, name, seq, life)

    def _crash(self, agent: str, name: str, seq: int, life: Life) -> None:
        if agent in self.rotten or agent in self.cloned or (life.is_vague and seq >= len(life.made)):
            return
        if seq in life.durable:
            raise Violation(f"{name} {seq} was on disk and is called crash")
        if life.killed_at is not None and seq < len(life.made):
            age = life.killed_at - life.made[seq].at
            if age > SPOOLED_SECONDS and agent not in self.allowed_slow:
                raise Violation(f"{name} {seq} was {age:.1f} s old and not on disk")

    @property
    def allowed_slow(self) -> set[str]:
        """Agents whose disk did not take everything at once."""
        return {name for name, host in self.hosts.items() if host.was_slow}

    def _forgiven(self, agent: str, epoch: str, truth: Truth) -> None:
        if agent in self.strangers:
            return
        ever = self._ever.get((agent, epoch), set())
        silent = truth.forgiven - ever
        if silent:
            raise Violation(f"{agent} {epoch[:4]} {sorted(silent)[:5]} forgiven, and were never here")

    def _books(self, agent: str, board: Board) -> None:
        figures = board.figures(board.agents[agent])
        if figures.pending:
            raise Violation(f"{agent}: {figures.pending} pending at the end")
        truths = [truth for (name, _), truth in self._truths.items() if name == agent]
        applied = sum(len(truth.applied) for truth in truths)
        lost = Counter(reason for truth in truths for reason in truth.lost.values())
        if not self.restores and (figures.applied, Counter(figures.lost)) != (applied, lost):
            raise Violation(f"{agent}: books {figures.applied} {figures.lost}, true {applied} {lost}")
        produced = sum(len(life.made) for (name, _), life in self.lives.items() if name == agent)
        increase = self._increase["applied", agent]
        # What no ack had arrived for came again, and counts again.
        produced += sum(
            len(undone & self._truth(*key).applied.keys()) for key, undone in self._undone if key[0] == agent
        )
        if increase > produced or (not self.restores and increase != applied):
            raise Violation(f"{agent}: increase() says {increase}, {applied} of {produced} are applied")

    def _cells(self, board: Board) -> None:
        if self.restores:
            return
        counts: dict[tuple[str, str, str], list[float]] = {}
        newest: dict[tuple[str, str, str], tuple[tuple[int, int], Made]] = {}
        for entry in self._entries:
            if entry.claim is None and entry.agent not in self.strangers:
                self._count(entry, board, counts, newest)
        for cell in board.all_cells():
            key = (cell.agent, cell.check.name, cell.identity)
            if key not in counts or cell.agent in self.colliding:
                continue
            found = [cell.attempts, sum(cell.not_run.values()), cell.late_attempts + cell.late_not_run]
            if found != counts[key][:3] or abs(cell.latency_sum - counts[key][3]) > 2e-7:
                raise Violation(f"{key}: counters {found} {cell.latency_sum}, true {counts[key]}")
            if key in newest and cell.agent not in self.cloned:
                self._verdict(cell, newest[key][1])

    def _count(self, entry: Entry, board: Board, counts: dict, newest: dict) -> None:  # type: ignore[type-arg]
        life = self.lives[entry.agent, entry.epoch]
        rejected = dict(entry.rejected)
        for first, end in entry.news:
            for offset in range(first, end):
                if offset in rejected:
                    continue
                made = life.made[entry.first + offset]
                identity = board.generations[entry.generation][made.result.check]
                key = (entry.agent, made.result.check, identity)
                count = counts.setdefault(key, [0, 0, 0, 0.0])
                if entry.kind == "late":
                    count[2] += 1
                    continue
                order = (life.number, entry.first + offset)
                if entry.received_us > self.since_us and (key not in newest or order > newest[key][0]):
                    newest[key] = (order, made)
                if made.result.outcome == "not_run":
                    count[1] += 1
                    continue
                count[0] += 1
                if made.result.outcome == "ok":
                    count[3] += (made.result.duration_us or 0) / 1e6

    def _verdict(self, cell, made: Made) -> None:  # type: ignore[no-untyped-def]
        last = cell.last
        if made.result.outcome == "not_run":
            return  # what came behind it changes nothing any more
        if last is None or last.result.detail != made.result.detail:
            raise Violation(f"{cell.agent} {cell.check.name}: shows {last}, newest is {made.result.detail}")
        if last.result.facts is not None and last.result.facts != made.result.facts:
            raise Violation(f"{cell.agent} {cell.check.name}: wrong facts {last.result.facts}")
