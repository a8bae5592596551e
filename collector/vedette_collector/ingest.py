"""Turns messages into knowledge, or into a counted rejection. Never raises, whatever a message says.

Every bound comes before the work it bounds: topic and agent before decoding, the size before decompression,
the schema before dedupe, the assignment before a cell is touched. A result that is settled here, applied or
rejected for good, is acknowledged; one that may come again (over the rate, behind too many gaps) is not.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from vedette.errors import WireError
from vedette.wire import codec, limits, topics
from vedette.wire.messages import Evidence, Heartbeat, HeartbeatEcho, Presence, Result
from vedette.wire.topics import Kind
from vedette_collector import salvage
from vedette_collector.acks import Acks
from vedette_collector.board import AgentState, Board
from vedette_collector.bucket import Bucket
from vedette_collector.cell import Moment
from vedette_collector.dedupe import Dedupe
from vedette_collector.evidence import Exhibit

# Reading costs its sender by size, applying by the number of results: the larger of the two counts.
BYTES_PER_TOKEN: Final = 1024


class Rejection(StrEnum):
    """Why a message or a result was not applied. A closed set: it is a metric label."""

    TOPIC = "topic"  # not a topic that an agent writes
    RETAINED = "retained"  # a result or heartbeat from the broker's memory, of unknown age
    TOO_LARGE = "too_large"
    CONTENT_TYPE = "content_type"
    COMPRESSION = "compression"
    VERSION = "version"
    SCHEMA = "schema"
    IDENTITY = "identity"  # the payload names another agent than the topic
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_CHECK = "unknown_check"
    NOT_ASSIGNED = "not_assigned"  # a check of the configuration, but not of this agent
    INCONSISTENT = "inconsistent"  # outcome, reason and duration contradict each other
    DUPLICATE = "duplicate"
    TOO_MANY_GAPS = "too_many_gaps"  # between the results before this one
    RATE = "rate"  # more than the checks of this agent can produce


class Ingest:
    """Feeds *board* from messages and notes in *acks* what was settled."""

    def __init__(self, board: Board, dedupe: Dedupe, acks: Acks) -> None:
        self._board = board
        self._dedupe = dedupe
        self._acks = acks
        self._kinds: dict[Kind, Callable[[AgentState, bytes, str | None, bool, Moment], None]] = {
            Kind.LIVE: self._live,
            Kind.REPLAY: self._late,
            Kind.PRESENCE: self._presence,
            Kind.HEARTBEAT: self._heartbeat,
            Kind.EVIDENCE: self._evidence,
        }

    def message(
        self, topic: str, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> None:
        """Apply one message, whole or in part, or count why not."""
        kind: Kind | None = None
        try:
            agent_name, kind = topics.address(topic)
            take = self._kinds.get(kind)
            if take is None:
                raise WireError("topic", f"{kind} is not written by agents")
            agent = self._board.agents.get(agent_name)
            if agent is None:
                raise WireError("unknown_agent", agent_name)
            take(agent, payload, content_type, retained, now)
        except WireError as exc:
            rejected = self._board.evidence_rejected if kind is Kind.EVIDENCE else self._board.rejected
            rejected[Rejection(exc.reason)] += 1

    def _reject(self, reason: Rejection, count: int = 1) -> None:
        if count:
            self._board.rejected[reason] += count

    def _live(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> None:
        self._batch(agent, agent.live, payload, content_type, retained, now, late=False)

    def _late(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> None:
        self._batch(agent, agent.replay, payload, content_type, retained, now, late=True)

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
    ) -> None:
        raw = _admitted(bucket, payload, content_type, retained, now)
        batch = salvage.read(raw)
        bucket.charge(max(len(batch.results) - _tokens(raw), 0.0))
        _same(batch.agent, agent)
        agent.hear(now, late=late)
        fresh = self._dedupe.take(agent.name, batch.epoch, batch.first_seq, len(batch.results), batch.acked)
        self._reject(Rejection.DUPLICATE, fresh.duplicates)
        self._reject(Rejection.TOO_MANY_GAPS, fresh.unsettled)
        agent.missed += fresh.missed
        for offset in fresh.offsets:
            order = (fresh.order, batch.first_seq + offset)
            self._result(agent, batch.results[offset], order, now, late=late)
        # Duplicates are acknowledged again: that they came means that an ack was lost.
        self._acks.note(agent.name)

    def _result(
        self, agent: AgentState, result: Result | None, order: tuple[int, int], now: Moment, *, late: bool
    ) -> None:
        if result is None:
            return self._reject(Rejection.SCHEMA)
        cell = self._board.cells[agent.name].get(result.check)
        if cell is None:
            known = result.check in self._board.checks
            return self._reject(Rejection.NOT_ASSIGNED if known else Rejection.UNKNOWN_CHECK)
        if not _is_consistent(result):
            return self._reject(Rejection.INCONSISTENT)
        agent.applied += 1
        if late:
            agent.late += 1
        else:
            cell.apply(result, order, now)
            self._board.version += 1
        return None

    def _presence(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> None:
        presence = codec.parsed(_admitted(agent.talk, payload, content_type, False, now), Presence)
        _same(presence.agent, agent)
        self._board.appear(agent, presence, now, retained=retained)

    def _heartbeat(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> None:
        heartbeat = codec.parsed(_admitted(agent.talk, payload, content_type, retained, now), Heartbeat)
        _same(heartbeat.agent, agent)
        agent.hear(now)
        agent.heartbeat = heartbeat
        # Without this a gap that the agent gave up holds back the mark until its next batch.
        agent.missed += self._dedupe.pass_over(agent.name, heartbeat.epoch, heartbeat.acked)
        self._board.version += 1
        received_us = round(now.wall * 1e6)
        self._acks.echo(agent.name, HeartbeatEcho(sent_us=heartbeat.sent_us, received_us=received_us))

    def _evidence(
        self, agent: AgentState, payload: bytes, content_type: str | None, retained: bool, now: Moment
    ) -> None:
        raw = _admitted(agent.evidence, payload, content_type, retained, now, limits.MAX_EVIDENCE_BYTES)
        said = codec.parsed(raw, Evidence)
        _same(said.agent, agent)
        if said.check not in self._board.cells[agent.name]:
            known = said.check in self._board.checks
            raise WireError("not_assigned" if known else "unknown_check", said.check)
        self._board.evidence.put(said.check, agent.name, Exhibit(now.wall, payload, content_type))
        self._board.version += 1


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


def _tokens(text: bytes) -> float:
    return len(text) / BYTES_PER_TOKEN


def _same(named: str, agent: AgentState) -> None:
    if named != agent.name:
        raise WireError("identity", f"{agent.name} sent a message of {named}")


def _is_consistent(result: Result) -> bool:
    if result.outcome == "ok":
        return result.reason is None and result.duration_us is not None
    if result.outcome == "fail":
        return result.reason is not None and result.duration_us is not None
    return result.reason is not None
