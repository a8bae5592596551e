"""Payloads that were on the wire once. They must mean the same for as long as version 1 is spoken.

A golden file is never edited: a new kind of content gets a new file.
"""

import json
from pathlib import Path

import pytest

from vedette.errors import WireError
from vedette.wire import codec
from vedette.wire.facts import DnsFacts, Facts, HttpFacts, IcmpFacts, TlsFacts
from vedette.wire.messages import (
    Ack,
    Ask,
    Batch,
    EpochMark,
    Evidence,
    Gap,
    Heartbeat,
    HeartbeatEcho,
    Held,
    Note,
    Presence,
    Result,
    SpoolState,
)

GOLDEN = Path(__file__).parent / "golden" / "v1"
EPOCH = "0123456789abcdef0123456789abcdef"
COLLECTOR = "fedcba9876543210fedcba9876543210"
T = 1_760_940_000_000_000

DNS = Result(
    check="api-dns",
    outcome="fail",
    started_us=T,
    duration_us=1840,
    reason="dns.nodata",
    detail="NOERROR without an A record",
    phases_us={"request": 1840},
    clock="kernel",
    lag_us=12,
    facts=Facts(
        address="192.0.2.53",
        port=53,
        resolver="192.0.2.53:53",
        dns=DnsFacts(
            rcode="NOERROR",
            transport="tcp",
            answers=["192.0.2.1", "192.0.2.2"],
            answer_hash="5feceb66ffc86f38",
            cname_chain=["edge.example.net"],
            answer_rrs=3,
            authority_rrs=1,
            additional_rrs=2,
            ttl_seconds=60,
            serial=2025102001,
            authoritative=True,
            authenticated=True,
            spoof_suspected=4,
        ),
    ),
)
HTTP = Result(
    check="web:ipv6",
    outcome="fail",
    started_us=T + 1,
    duration_us=52_000,
    reason="http.status",
    detail="502, expected 200-299",
    phases_us={"resolve": 900, "connect": 1100, "tls": 9000, "processing": 40_000, "transfer": 1000},
    facts=Facts(
        address="2001:db8::1",
        port=443,
        http=HttpFacts(
            status=502,
            version="1.1",
            redirects=1,
            content_length=166,
            body_bytes=166,
            last_modified_us=T - 86_400_000_000,
        ),
        tls=TlsFacts(
            version="TLSv1.3",
            cipher="TLS_AES_256_GCM_SHA384",
            verified=True,
            subject="CN=www.example.com",
            issuer="CN=Example CA",
            alternative_names=["www.example.com", "example.com"],
            serial_number="0a1b2c",
            fingerprint_sha256="ab" * 32,
            not_before_us=T - 86_400_000_000,
            not_after_us=T + 86_400_000_000,
            earliest_not_after_us=T + 86_400_000_000,
        ),
    ),
)
ICMP = Result(
    check="router",
    outcome="ok",
    started_us=T + 2,
    duration_us=310,
    phases_us={"rtt": 310},
    clock="kernel",
    facts=Facts(address="192.0.2.254", icmp=IcmpFacts(sent=1, received=1, hop_limit=64)),
)
NOT_RUN = Result(check="db", outcome="not_run", started_us=T + 3, reason="loop_lag", lag_us=700_000)
BATCH = Batch(
    v=1, agent="par-01", epoch=EPOCH, first_seq=4711, acked=4700, results=[DNS, HTTP, ICMP, NOT_RUN]
)
SMALL = Batch(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    first_seq=0,
    results=[Result(check="db", outcome="ok", started_us=T, duration_us=1, phases_us={"connect": 1})],
)
ONLINE = Presence(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    state="online",
    version="0.1.0",
    started_us=T,
    tags={"network": "isp-a", "region": "eu-west"},
    config_hash="cd" * 32,
)
GONE = Presence(
    v=1, agent="par-01", epoch=EPOCH, state="gone", version="0.1.0", started_us=T, reason="connection lost"
)
HEARTBEAT = Heartbeat(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    sent_us=T,
    next_seq=4715,
    acked=4700,
    pending=12,
    lost={"queue_full": 2, "refused": 1},
    skipped_slots=5,
    overlapping_slots=3,
    running=7,
    loop_lag_us=1500,
    publish_refused=1,
    clock_offset_us=-2500,
    clock_rtt_us=800,
)
ACK = Ack(
    v=1,
    agent="par-01",
    collector=COLLECTOR,
    sent_us=T + 10,
    marks=[EpochMark(epoch=EPOCH, low=4715)],
    heartbeat=HeartbeatEcho(sent_us=T, received_us=T + 5),
)
EVIDENCE = Evidence(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    seq=4711,
    check="api-dns",
    target="api.example.com A",
    started_us=T,
    reason="dns.nodata",
    detail="NOERROR without an A record",
    notes=[
        Note(at_us=0, event="target.address", text="192.0.2.53 port 53"),
        Note(at_us=12, event="dns.query", text="id 4660, flags rd", data=b"\x12\x34\x01\x00"),
        Note(at_us=1840, event="dns.answer", data=b"\x12\x34\x81\x80"),
    ],
    truncated=True,
)
OLDER = "00112233445566778899aabbccddeeff"
BATCH_DIFF = Batch(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    first_seq=9000,
    acked=8990,
    offset_us=-2_000_000,
    results=[
        Result(check="router", outcome="ok", started_us=T, duration_us=310, phases_us={"rtt": 310}, diff={}),
        Result(
            check="api-dns",
            outcome="ok",
            started_us=T + 1,
            duration_us=900,
            clock="kernel",
            diff={"dns": {"ttl_seconds": 17, "serial": None}, "tls": None},
        ),
    ],
)
HEARTBEAT_HELD = Heartbeat(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    sent_us=T,
    next_seq=4715,
    acked=4700,
    pending=12,
    lost={"spool_full": 300},
    skipped_slots=0,
    overlapping_slots=0,
    running=0,
    loop_lag_us=0,
    publish_refused=0,
    held=[Held(epoch=OLDER, next_seq=90_000, floor=1200), Held(epoch=EPOCH, next_seq=4715, floor=4700)],
    held_complete=True,
    gaps=[Gap(epoch=OLDER, first=900, end=1200, reason="spool_full")],
    spool=SpoolState(state="full", results=88_812, size_bytes=3_100_000, oldest_us=T - 1_800_000_000),
    shed={"detail": 40},
    clock_steps=1,
    suspensions=2,
)
ACK_RUNS = Ack(
    v=1,
    agent="par-01",
    collector=COLLECTOR,
    sent_us=T,
    marks=[EpochMark(epoch=OLDER, low=1200, runs=[(4000, 4100), (9000, 9001)])],
    replay_rate=500,
    refresh=True,
)

ASK = Ask(v=1, agent="par-01", sent_us=T, expires_us=T + 10_000_000, checks=["api-dns", "web:google:ipv6"])

BATCH_WAYS = Batch(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    first_seq=0,
    results=[
        Result(check="api-dns", outcome="ok", started_us=T, duration_us=900, attempt=2, asked=True),
        Result(
            check="api-dns",
            outcome="fail",
            started_us=T,
            duration_us=900,
            reason="dns.nodata",
            bypass="no_validation",
        ),
    ],
)

HEARTBEAT_ASKS = Heartbeat(
    v=1,
    agent="par-01",
    epoch=EPOCH,
    sent_us=T,
    next_seq=4715,
    acked=4715,
    pending=0,
    lost={},
    skipped_slots=0,
    overlapping_slots=0,
    running=1,
    loop_lag_us=0,
    publish_refused=0,
    repeats={"run": 7, "rate": 2, "shed": 1},
    asks={"taken": 3, "run": 5, "unknown": 1, "expired": 2},
)

MESSAGES: dict[str, codec.Message] = {
    "batch": BATCH,
    "batch_small": SMALL,
    "presence_online": ONLINE,
    "presence_gone": GONE,
    "heartbeat": HEARTBEAT,
    "ack": ACK,
    "evidence": EVIDENCE,
    "batch_diff": BATCH_DIFF,
    "heartbeat_held": HEARTBEAT_HELD,
    "ack_runs": ACK_RUNS,
    "ask": ASK,
    "batch_ways": BATCH_WAYS,
    "heartbeat_asks": HEARTBEAT_ASKS,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_golden_payload_decodes_to_the_same_message(name: str) -> None:
    message = MESSAGES[name]
    assert codec.decode((GOLDEN / f"{name}.json").read_bytes(), codec.JSON, type(message)) == message


@pytest.mark.parametrize("name", MESSAGES)
def test_message_is_still_written_as_the_golden_payload(name: str) -> None:
    """Same keys, same values, same things left out; an old collector reads what a new agent writes."""
    raw = codec.decompressed(*codec.encode(MESSAGES[name]))
    assert json.loads(raw) == json.loads((GOLDEN / f"{name}.json").read_bytes())


def test_compressed_golden_payload_decodes_to_the_same_message() -> None:
    assert codec.decode((GOLDEN / "batch.json.zst").read_bytes(), codec.ZSTD, Batch) == BATCH


def test_fields_of_a_newer_sender_pass() -> None:
    """batch_newer.json is the small batch with an unknown field at every level, and an unknown reason."""
    batch = codec.decode((GOLDEN / "batch_newer.json").read_bytes(), codec.JSON, Batch)
    assert batch.agent == "par-01"
    assert [(result.check, result.reason) for result in batch.results] == [("db", "quic.blocked")]


def test_message_of_another_version_is_named_as_such() -> None:
    """batch_v2.json breaks the schema of version 1 in every field but `v`."""
    with pytest.raises(WireError) as caught:
        codec.decode((GOLDEN / "batch_v2.json").read_bytes(), codec.JSON, Batch)
    assert caught.value.reason == "version"


def test_every_golden_file_is_held_by_a_test() -> None:
    held = {f"{name}.json" for name in MESSAGES} | {"batch.json.zst", "batch_newer.json", "batch_v2.json"}
    assert {path.name for path in GOLDEN.iterdir()} == held
