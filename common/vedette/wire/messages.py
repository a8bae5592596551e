"""The messages of wire version 1, as frozen records.

Times are whole microseconds since the Unix epoch by the sender's clock; durations are whole microseconds.
A field at its default is left out, and unknown is `None`. Unknown fields of a newer sender are ignored.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.facts import Facts
from vedette.wire.fields import (
    AgentName,
    CheckName,
    Code,
    Count,
    DurationUs,
    Epoch,
    EventName,
    Message,
    NoteBytes,
    NoteText,
    OffsetUs,
    Seq,
    Tags,
    Text,
    TimeUs,
)

Outcome = Literal["ok", "fail", "not_run"]
Counts = Annotated[dict[Code, Count], Meta(max_length=limits.MAX_REASONS)]


Phase = Literal["resolve", "connect", "tls", "processing", "transfer", "request", "rtt"]


Bypass = Literal["resolver", "authority", "no_validation", "last_good", "family"]


class Result(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One check run from one vantage. Identity: (agent, epoch, seq); the seq is its place in the batch."""

    check: CheckName
    outcome: Outcome
    started_us: TimeUs
    duration_us: DurationUs | None = None  # None when the probe was not run
    reason: Code | None = None  # failure code or not-run reason; None exactly when the outcome is ok
    detail: Text | None = None  # for people: what was expected and what came
    phases_us: dict[Phase, DurationUs] = {}
    clock: Literal["kernel", "monotonic"] = "monotonic"  # what timed the wire part
    lag_us: DurationUs = 0  # our own stalls that overlap the run
    attempt: Annotated[int, Meta(ge=1, le=2)] = 1  # 2: the repeat, at once, of a first failure
    asked: bool = False  # the collector asked for it
    bypass: Bypass | None = None  # another way to the same target: it says nothing about the check itself
    facts: Facts | None = None  # all of them; with `diff` there are none here
    diff: dict[str, Any] | None = None  # what differs from the base; see `facts.diff`


class Batch(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Results of one epoch with consecutive seqs: `first_seq`, `first_seq + 1`, …"""

    v: int
    agent: AgentName
    epoch: Epoch
    first_seq: Seq
    acked: Seq = 0  # every seq below it is settled: acknowledged, or declared lost
    # Collector's clock minus the agent's while these results were produced, as known now; None: not known.
    offset_us: OffsetUs | None = None
    results: Annotated[list[Result], Meta(min_length=1, max_length=limits.MAX_BATCH_RESULTS)]


class Presence(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Retained. The last will carries `gone`; a clean stop says so itself."""

    v: int
    agent: AgentName
    epoch: Epoch
    state: Literal["online", "gone"]
    version: Text
    started_us: TimeUs
    reason: Text | None = None  # of `gone`: "stopped", "connection lost"
    tags: Tags = {}
    config_hash: Text | None = None  # of the checks that this agent runs


class Held(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One epoch of which the agent holds something, or may yet produce something."""

    epoch: Epoch
    next_seq: Seq  # = results produced in it
    floor: Seq  # every seq below it is acknowledged, or in a gap of this heartbeat or an earlier one


class Gap(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Results that will never come: seqs `first` … `end` - 1. Said again until a mark covers it."""

    epoch: Epoch
    first: Seq
    end: Seq
    reason: Code  # one of `vedette.wire.failure.LOST_REASONS`


class SpoolState(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The agent's store on disk."""

    state: Code  # off: there is none; ok; full: something was given up for room; failing: it cannot write
    results: Count = 0
    size_bytes: Count = 0
    oldest_us: TimeUs | None = None


class Heartbeat(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Same fields healthy or not. Counters are of this epoch."""

    v: int
    agent: AgentName
    epoch: Epoch
    sent_us: TimeUs
    next_seq: Seq  # = results produced
    acked: Seq  # as in `Batch`
    pending: Count  # produced, neither acked nor declared lost
    lost: Counts  # declared lost, by reason
    skipped_slots: Count  # schedule slots that passed without a run
    overlapping_slots: Count  # of these: the check's previous run had not ended
    running: Count  # probes in flight
    loop_lag_us: DurationUs  # worst since the last heartbeat
    publish_refused: Count  # PUBACKs with a failure code
    clock_offset_us: OffsetUs | None = None  # collector minus agent, by the last exchange
    clock_rtt_us: DurationUs | None = None
    evidence_lost: dict[Literal["rate", "queue_full", "refused"], Count] = {}  # records, by reason
    held: Annotated[list[Held], Meta(max_length=limits.MAX_EPOCHS)] = []  # of this process, and what is older
    held_complete: bool = False  # whatever is not in `held` is not here any more
    gaps: Annotated[list[Gap], Meta(max_length=limits.MAX_GAPS)] = []  # not yet acknowledged, oldest first
    spool: SpoolState | None = None
    shed: Counts = {}  # what was left out under overload, by step
    clock_steps: Count = 0  # times the wall clock was set
    suspensions: Count = 0  # times the host slept
    repeats: Counts = {}  # first failures: repeated at once (`run`), and not repeated, by reason
    asks: Counts = {}  # asks `taken` and asked checks that were `run`; and what was refused, by reason


class Note(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One event of a probe: what was sent, what came, or what became of it."""

    at_us: DurationUs  # since the start of the probe
    event: EventName  # such as dns.answer
    text: NoteText | None = None  # what it says, or what `data` means; secrets are hidden
    data: NoteBytes | None = None  # base64 on the wire


class Evidence(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What a probe sent and got when its check first failed, or failed in another way than before."""

    v: int
    agent: AgentName
    epoch: Epoch
    seq: Seq | None = None  # of the result; None when it is not known
    check: CheckName
    target: Text
    started_us: TimeUs
    reason: Code  # the failure code of the result
    detail: Text | None = None
    notes: Annotated[list[Note], Meta(max_length=limits.MAX_NOTES)] = []
    truncated: bool = False  # there was more than fits


class HeartbeatEcho(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The collector's half of the four-timestamp exchange. RFC 5905 8."""

    sent_us: TimeUs  # as the agent sent it
    received_us: TimeUs  # by the collector's clock


class EpochMark(Message, frozen=True, kw_only=True, omit_defaults=True):
    epoch: Epoch
    low: Seq  # every seq below it is settled: applied, or declared lost
    runs: Annotated[list[tuple[Seq, Seq]], Meta(max_length=limits.MAX_RUNS)] = []  # settled beyond it: [a, b)


class Ack(Message, frozen=True, kw_only=True, omit_defaults=True):
    v: int
    agent: AgentName
    collector: Epoch  # new at every start of the collector, and when batches may have passed it by
    sent_us: TimeUs
    marks: Annotated[list[EpochMark], Meta(max_length=limits.MAX_EPOCHS)] = []
    heartbeat: HeartbeatEcho | None = None
    replay_rate: Count | None = None  # results per second that this agent may replay
    refresh: bool = False  # a base is missing here: send facts whole again


class Ask(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Probe these checks now. They are the agent's own checks: nothing else can be asked for."""

    v: int
    agent: AgentName
    sent_us: TimeUs
    expires_us: TimeUs  # by the collector's clock, as `sent_us`
    checks: Annotated[list[CheckName], Meta(min_length=1, max_length=limits.MAX_ASKED)]
