"""The messages of wire version 1, as frozen records.

Times are whole microseconds since the Unix epoch by the sender's clock; durations are whole microseconds.
A field at its default is left out, and unknown is `None`. Unknown fields of a newer sender are ignored.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from vedette.wire import limits

AgentName = Annotated[str, Meta(pattern=limits.AGENT_NAME, max_length=32)]
CheckName = Annotated[str, Meta(pattern=limits.CHECK_NAME, max_length=80)]
Epoch = Annotated[str, Meta(pattern=limits.EPOCH, max_length=32)]
Seq = Annotated[int, Meta(ge=0, le=limits.MAX_SEQ)]
TimeUs = Annotated[int, Meta(ge=0, le=limits.MAX_TIME_US)]
DurationUs = Annotated[int, Meta(ge=0, le=limits.MAX_DURATION_US)]
OffsetUs = Annotated[int, Meta(ge=-limits.MAX_TIME_US, le=limits.MAX_TIME_US)]
Text = Annotated[str, Meta(max_length=limits.MAX_TEXT)]
AnswerText = Annotated[str, Meta(max_length=limits.MAX_ANSWER_TEXT)]
Code = Annotated[str, Meta(max_length=40, pattern=r"^[a-z_]+(\.[a-z_]+)?\Z")]
Count = Annotated[int, Meta(ge=0, le=limits.MAX_SEQ)]
TagName = Annotated[str, Meta(pattern=limits.TAG_NAME)]
TagValue = Annotated[str, Meta(max_length=limits.MAX_TAG_TEXT)]
Tags = Annotated[dict[TagName, TagValue], Meta(max_length=limits.MAX_TAGS)]
Outcome = Literal["ok", "fail", "not_run"]
Phase = Literal["resolve", "connect", "tls", "processing", "transfer", "request", "rtt"]


class _Message(Struct, frozen=True, omit_defaults=True):
    pass


class DnsFacts(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """What a DNS answer said. RFC 1035; counts are of records in each section."""

    rcode: Text | None = None  # None: no answer came
    transport: Literal["udp", "tcp"] = "udp"
    answers: Annotated[
        list[AnswerText], Meta(max_length=limits.MAX_ANSWERS)
    ] = []  # of the asked type, sorted
    answer_hash: Text | None = None  # over the whole sorted set, also of what `answers` leaves out
    cname_chain: Annotated[list[AnswerText], Meta(max_length=limits.MAX_ANSWERS)] = []
    answer_rrs: Count = 0
    authority_rrs: Count = 0
    additional_rrs: Count = 0
    ttl_seconds: Count | None = None  # the smallest in the answer section
    serial: Count | None = None  # of a SOA answer
    authoritative: bool = False
    authenticated: bool = False  # AD, as the resolver claims
    spoof_suspected: Count = 0  # datagrams that matched the port and nothing else


class HttpFacts(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """The last response of a redirect chain. RFC 9110."""

    status: Annotated[int, Meta(ge=0, le=999)] = 0  # 0: no response came
    version: Text | None = None  # "1.0", "1.1", "2"
    redirects: Count = 0
    content_length: Count | None = None  # as the header says
    body_bytes: Count = 0  # as received, decoded
    last_modified_us: TimeUs | None = None


class TlsFacts(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """What the peer presented, also when its verification failed."""

    version: Text | None = None  # "TLSv1.3"
    cipher: Text | None = None
    verified: bool = False
    subject: Text | None = None
    issuer: Text | None = None
    alternative_names: Annotated[list[Text], Meta(max_length=limits.MAX_ANSWERS)] = []
    serial_number: Text | None = None
    fingerprint_sha256: Text | None = None
    not_before_us: TimeUs | None = None
    not_after_us: TimeUs | None = None  # of the leaf
    earliest_not_after_us: TimeUs | None = None  # over the presented certificates, the first dozen at least


class IcmpFacts(_Message, frozen=True, kw_only=True, omit_defaults=True):
    sent: Count = 0
    received: Count = 0
    hop_limit: Count | None = None  # of the reply, as it arrived


class Facts(_Message, frozen=True, kw_only=True, omit_defaults=True):
    address: Text | None = None  # the one address that was probed
    port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    resolver: Text | None = None  # address:port that was asked, for the target's name or by a DNS check
    dns: DnsFacts | None = None
    http: HttpFacts | None = None
    tls: TlsFacts | None = None
    icmp: IcmpFacts | None = None


class Result(_Message, frozen=True, kw_only=True, omit_defaults=True):
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
    facts: Facts | None = None


class Batch(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """Results of one epoch with consecutive seqs: `first_seq`, `first_seq + 1`, …"""

    v: int
    agent: AgentName
    epoch: Epoch
    first_seq: Seq
    acked: Seq = 0  # every seq below it is settled: acknowledged, or declared lost
    results: Annotated[list[Result], Meta(min_length=1, max_length=limits.MAX_BATCH_RESULTS)]


class Presence(_Message, frozen=True, kw_only=True, omit_defaults=True):
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


class Heartbeat(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """Same fields healthy or not. Counters are of this epoch."""

    v: int
    agent: AgentName
    epoch: Epoch
    sent_us: TimeUs
    next_seq: Seq  # = results produced
    acked: Seq  # as in `Batch`
    pending: Count  # produced, neither acked nor declared lost
    lost: dict[Literal["queue_full", "refused"], Count]  # declared lost, by reason
    skipped_slots: Count  # schedule slots that passed without a run
    overlapping_slots: Count  # of these: the check's previous run had not ended
    running: Count  # probes in flight
    loop_lag_us: DurationUs  # worst since the last heartbeat
    publish_refused: Count  # PUBACKs with a failure code
    clock_offset_us: OffsetUs | None = None  # collector minus agent, by the last exchange
    clock_rtt_us: DurationUs | None = None


class HeartbeatEcho(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """The collector's half of the four-timestamp exchange. RFC 5905 8."""

    sent_us: TimeUs  # as the agent sent it
    received_us: TimeUs  # by the collector's clock


class EpochMark(_Message, frozen=True, kw_only=True, omit_defaults=True):
    epoch: Epoch
    low: Seq  # every seq below it is applied


class Ack(_Message, frozen=True, kw_only=True, omit_defaults=True):
    v: int
    agent: AgentName
    collector: Epoch  # new at every start of the collector
    sent_us: TimeUs
    marks: Annotated[list[EpochMark], Meta(max_length=limits.MAX_EPOCHS)] = []
    heartbeat: HeartbeatEcho | None = None
