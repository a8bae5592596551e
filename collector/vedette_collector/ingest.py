"""Turns messages into entries of the journal. Never raises, whatever comes.

Every bound comes before the work it bounds: topic and agent before decoding, the size before decompression,
the schema before dedupe, the assignment before a cell is touched. What is decided is reserved, so that the
same result is not new a second time; nobody sees that yet. `effects` does what an entry says, once the entry
is durable. So whatever is exposed or acknowledged survives a crash.

A result that is settled here, applied or rejected for good, is acknowledged; one that may come again (over
the rate, behind too many gaps, of an epoch that may not be opened) is not.
"""

from collections.abc import Callable
from typing import Final

from vedette.errors import WireError
from vedette.wire import codec, limits, topics
from vedette.wire.messages import Evidence, Heartbeat, HeartbeatEcho, Presence
from vedette.wire.topics import Kind
from vedette_collector import salvage
from vedette_collector.acks import Acks
from vedette_collector.board import AgentState, Board
from vedette_collector.bucket import Bucket
from vedette_collector.cell import Moment
from vedette_collector.claims import Decision, may_open, reach
from vedette_collector.dedupe import CLOSED_SECONDS, Epoch
from vedette_collector.evidence import Exhibit
from vedette_collector.ledger import Book
from vedette_collector.rejection import Rejection, fault, is_consistent
from vedette_collector.salvage import Read
from vedette_collector.store.entry import Entry, Opening

# Reading costs its sender by size, applying by the number of results: the larger of the two counts.
BYTES_PER_TOKEN: Final = 1024


class Ingest:
    """Decides on the messages of the agents of *board*; *acks* is told what needs no decision."""

    def __init__(self, board: Board, acks: Acks) -> None:
        self.last_id = 0  # of the newest entry that was decided
        self.is_deferring = False  # the journal is behind: results stay with their agents for now
        self.reading_since = float("-inf")  # monotonic: since when nothing passed us by
        self.restored_us: int | None = None  # when the store was found to be older than what it had said
        self._board = board
        self._ledger = board.ledger
        self._acks = acks
        self._kinds: dict[Kind, Callable[[AgentState, bytes, str | None, bool, Moment], Entry | None]] = {
            Kind.LIVE: self._live,
            Kind.REPLAY: self._late,
            Kind.PRESENCE: self._presence,
            Kind.HEARTBEAT: self._heartbeat,
            Kind.EVIDENCE: self._evidence,
        }

    def message(
        self, topic: str, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> Entry | None:
        """What is to be stored and then applied, in the order of the calls. None: nothing."""
        kind: Kind | None = None
        try:
            agent_name, kind = topics.address(topic)
            take = self._kinds.get(kind)
            if take is None:
                raise WireError("topic", f"{kind} is not written by agents")
            agent = self._board.agents.get(agent_name)
            if agent is None:
                raise WireError("unknown_agent", agent_name)
            return take(agent, payload, content_type, retained, now)
        except WireError as exc:
            rejected = self._board.evidence_rejected if kind is Kind.EVIDENCE else self._board.rejected
            rejected[Rejection(exc.reason)] += 1
            return None

    def _reject(self, reason: Rejection, count: int = 1) -> None:
        if count:
            self._board.rejected[reason] += count

    def _live(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> Entry | None:
        return self._batch(agent, agent.live, payload, content_type, retained, now, late=False)

    def _late(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> Entry | None:
        return self._batch(agent, agent.replay, payload, content_type, retained, now, late=True)

    def _batch(
        self,
        agent: AgentState,
        bucket: Bucket,
        payload: bytes,
        content_type: str | None,
        retained: bool,
        now: Moment,
        *,
        late: bool,
    ) -> Entry | None:
        raw = _admitted(bucket, payload, content_type, retained, now)
        batch = salvage.read(raw)
        count = len(batch.results)
        bucket.charge(max(count - _tokens(raw), 0.0))
        _same(batch.agent, agent)
        agent.hear(now, late=late)
        if self.is_deferring:
            self._board.deferred += count
            return None
        if not late and batch.offset_us is not None:
            ended = _ended(batch)
            if ended is not None:
                agent.arrived(now.wall - ended)
        entry = Entry(
            id=self.last_id,
            kind="late" if late else "live",
            agent=agent.name,
            received_us=round(now.wall * 1e6),
            epoch=batch.epoch,
            first=batch.first_seq,
            count=count,
            acked=batch.acked,
            generation=self._board.generation,
            payload=payload,
            content_type=content_type,
            mono=now.mono,
            results=batch.results,
            offset_us=batch.offset_us,
        )
        if not self._reserved(entry, agent, batch, now):
            entry.kind, entry.results, entry.payload = "note", None, b""
            return entry
        entry.rejected = self._rejected(entry, batch)
        self.last_id += 1
        entry.id = self.last_id
        return entry

    def _reserved(self, entry: Entry, agent: AgentState, batch: Read, now: Moment) -> bool:
        """Find out what is new of it, and reserve that. False when nothing is, or nothing can be taken."""
        book = self._ledger.book(agent.name)
        epochs, end = book.reserved, entry.first + entry.count
        epoch = epochs.open.get(entry.epoch)
        if epoch is None:
            closed = epochs.closed.get(entry.epoch)
            if closed is not None and end <= closed.end:
                agent.duplicates += entry.count
                return False
            entry.opening = self._opening(agent, book, batch, now)
            epoch = Epoch(entry.epoch, entry.opening.base, entry.opening.number)
            limit = reach(agent, None, epoch.base, now)
        else:
            limit = epoch.end if end <= epoch.end else reach(agent, epoch, epoch.base, now)
        if end > limit:
            raise WireError("claim", f"seq {end}, {limit} can have been produced")
        window = epoch.window
        new = window.missing(entry.first, end)
        duplicates = 0
        if new != [(entry.first, end)]:
            duplicates = entry.count - sum(stop - start for start, stop in new)
            agent.duplicates += duplicates
        if not new:
            return False
        if not window.fits(entry.first, end):
            self._reject(Rejection.TOO_MANY_GAPS, entry.count - duplicates)
            return False
        if duplicates:
            entry.new = [(start - entry.first, stop - entry.first) for start, stop in new]
        entry.number = epoch.number
        if entry.opening is not None and not may_open(agent, epochs, now):
            raise WireError("too_many_epochs", agent.name)
        book.reserve(entry)
        epochs.open[entry.epoch].touched = now.mono
        return True

    def _opening(self, agent: AgentState, book: Book, batch: Read, now: Moment) -> Opening:
        """For a batch of a process that was not heard of. Raises WireError("too_old")."""
        said = [each.epoch for each in (agent.presence, agent.heartbeat) if each is not None]
        if batch.epoch not in said and batch.epoch not in book.held:
            # Whoever has recorded old batches can send them when their epoch is forgotten.
            ended = _ended(batch)
            age = 0.0 if ended is None else now.wall - ended
            if age > CLOSED_SECONDS:
                raise WireError("too_old", f"{age:.0f} s")
        epochs = book.reserved
        closed = epochs.closed.get(batch.epoch)
        if closed is not None:
            base = closed.end
        elif self._is_restored(now):
            base = 0
        else:
            base = min(batch.acked, batch.first_seq)
        # What comes late may be of a process that was there before the one that speaks.
        is_newest = not said or batch.epoch in said
        number = epochs.newest + 1 if is_newest else epochs.oldest - 1
        return Opening(batch.epoch, base, number, False)

    def _is_restored(self, now: Moment) -> bool:
        """Whether an agent may still hold acks of what this collector forgot when its store was restored."""
        restored = self.restored_us
        return restored is not None and now.wall - restored / 1e6 < CLOSED_SECONDS

    def _rejected(self, entry: Entry, batch: Read) -> list[tuple[int, str]]:
        """The new results of *batch* that can never be applied."""
        row = self._board.cells[entry.agent]
        found: list[tuple[int, str]] = []
        for first, end in entry.news:
            for offset in range(first, end):
                result = batch.results[offset]
                if result is not None and result.check in row and is_consistent(result):
                    continue
                reason = fault(result, row, self._board.checks)
                self._reject(reason)
                found.append((offset, reason.value))
        return found

    def _presence(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> Entry | None:
        presence = codec.parsed(_admitted(agent.talk, payload, content_type, False, now), Presence)
        _same(presence.agent, agent)
        self._board.appear(agent, presence, now, retained=retained)
        return None

    def _heartbeat(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> Entry | None:
        heartbeat = codec.parsed(_admitted(agent.talk, payload, content_type, retained, now), Heartbeat)
        _same(heartbeat.agent, agent)
        agent.hear(now)
        agent.beat(heartbeat, now)
        agent.clones.heard(heartbeat, now.mono)
        self._board.version += 1
        received_us = round(now.wall * 1e6)
        book = self._ledger.book(agent.name)
        book.held = [each.epoch for each in heartbeat.held]
        # The echo tells the agent that the gaps of this heartbeat are in our books: it follows them.
        entry = Entry(
            id=self.last_id,
            kind="note",
            agent=agent.name,
            received_us=received_us,
            epoch=heartbeat.epoch,
            mono=now.mono,
            echo=HeartbeatEcho(sent_us=heartbeat.sent_us, received_us=received_us),
        )
        if self.is_deferring:
            if not heartbeat.gaps:
                self._acks.answer(entry)  # the agent's clock and its idea of us need not wait for our disk
            return None
        decision = Decision(agent, book.reserved, now, restored=self._is_restored(now))
        decision.heard(heartbeat, self.reading_since)
        if decision.refused:
            self._reject(Rejection.CLAIM, decision.refused)
            if heartbeat.gaps:
                entry.echo = None
        if decision.claim:
            self.last_id += 1
            entry.id, entry.kind, entry.claim = self.last_id, "claim", decision.claim
        return entry

    def _evidence(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> Entry | None:
        raw = _admitted(agent.evidence, payload, content_type, retained, now, limits.MAX_EVIDENCE_BYTES)
        said = codec.parsed(raw, Evidence)
        _same(said.agent, agent)
        if said.check not in self._board.cells[agent.name]:
            known = said.check in self._board.checks
            raise WireError("not_assigned" if known else "unknown_check", said.check)
        self._board.evidence.put(said.check, agent.name, Exhibit(now.wall, payload, content_type))
        self._board.version += 1
        return None


def _admitted(
    bucket: Bucket,
    payload: bytes,
    content_type: str | None,
    retained: bool,
    now: Moment,
    most: int = limits.MAX_DECODED_BYTES,
) -> bytes:
    """The JSON text of *payload*. Refuses before any work is done, and charges for the work of reading.

    That work goes by the text and not by what came: 200 bytes can be a megabyte of text.
    """
    if retained:
        raise WireError("retained", "an old message from the broker's memory")
    if not bucket.admits(now.mono):
        raise WireError("rate", "more than this agent is allowed")
    bucket.charge(1 + _tokens(payload))
    raw = codec.decompressed(payload, content_type, most)
    bucket.charge(_tokens(raw) - _tokens(payload))
    return raw


def _ended(batch: Read) -> float | None:
    """When the newest readable result of *batch* ended, by our clock as far as the agent knows it."""
    ended = [each.started_us + (each.duration_us or 0) for each in batch.results if each is not None]
    return (max(ended) + (batch.offset_us or 0)) / 1e6 if ended else None


def _tokens(text: bytes) -> float:
    return len(text) / BYTES_PER_TOKEN


def _same(named: str, agent: AgentState) -> None:
    if named != agent.name:
        raise WireError("identity", f"{agent.name} sent a message of {named}")
