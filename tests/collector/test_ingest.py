"""Every message changes what is known or is a counted rejection; nothing raises, nothing good is lost."""

import hypothesis.strategies as st
import msgspec
import pytest
import zstandard
from hypothesis import given, settings

from collector.collector_helpers import (
    DNS,
    NOW,
    Core,
    assignment,
    batch,
    failed,
    heartbeat,
    ok,
    presence,
    spoiled,
)
from vedette.wire import codec, limits
from vedette.wire.topics import Kind, topic
from vedette_collector.board import MIN_BURST
from vedette_collector.cell import Moment
from vedette_collector.rejection import Rejection

LIVE = topic("par-01", Kind.LIVE)


def test_a_live_batch_is_applied_and_acknowledged() -> None:
    core = Core()
    core.send(batch(ok(), failed("web", "http.status")))
    assert core.applied() == 2
    assert core.board.cells["par-01"]["web"].failures == {"http.status": 1}
    (ack,) = core.acks.take(7)
    assert [(mark.epoch, mark.low) for mark in ack.marks] == [(batch(ok()).epoch, 2)]
    assert core.rejected == {}


def test_a_redelivered_batch_counts_nothing_and_is_acknowledged_again() -> None:
    core = Core()
    core.send(batch(ok(), ok()))
    core.acks.take(7)
    core.send(batch(ok(), ok()))
    assert core.board.cells["par-01"]["api-dns"].attempts == 2
    assert core.board.agents["par-01"].duplicates == 2
    assert core.acks


def test_a_heartbeat_is_echoed_with_both_times() -> None:
    core = Core()
    core.send(heartbeat(sent_us=5))
    (ack,) = core.acks.take(7)
    assert ack.heartbeat is not None
    assert (ack.heartbeat.sent_us, ack.heartbeat.received_us) == (5, 1_800_000_000_000_000)


def test_a_heartbeat_frees_the_mark_from_a_gap_that_was_given_up() -> None:
    core = Core()
    core.send(batch(ok()))
    core.send(batch(ok(), first=5))
    core.send(heartbeat(next_seq=6, acked=5))
    assert core.mark() == 6
    assert core.ledger.book("par-01").lost == {"rewind": 4}


def encoded(**fields: object) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(batch(ok())), **fields})


BOMB = zstandard.ZstdCompressor().compress(b" " * (limits.MAX_DECODED_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "payload", "content_type", "reason"),
    [
        ("vedette/v1/00/par-01/live", b"{}", codec.JSON, Rejection.TOPIC),
        (topic("par-01", Kind.ACK), b"{}", codec.JSON, Rejection.TOPIC),
        ("$SYS/broker/uptime", b"1", None, Rejection.TOPIC),
        (topic("not-there", Kind.LIVE), encoded(), codec.JSON, Rejection.UNKNOWN_AGENT),
        (LIVE, b"x" * (limits.MAX_PAYLOAD_BYTES + 1), codec.JSON, Rejection.TOO_LARGE),
        (LIVE, BOMB, codec.ZSTD, Rejection.TOO_LARGE),
        (LIVE, encoded(), None, Rejection.CONTENT_TYPE),
        (LIVE, encoded(), "text/html", Rejection.CONTENT_TYPE),
        (LIVE, b"not a frame", codec.ZSTD, Rejection.COMPRESSION),
        (LIVE, encoded(v=2), codec.JSON, Rejection.VERSION),
        (LIVE, b'{"v": 2, "unheard": "of"}', codec.JSON, Rejection.VERSION),
        (LIVE, b"\xff\xfe", codec.JSON, Rejection.SCHEMA),
        (LIVE, b"[" * 100_000, codec.JSON, Rejection.SCHEMA),
        (LIVE, encoded(results=[]), codec.JSON, Rejection.SCHEMA),
        (LIVE, encoded(first_seq=-1), codec.JSON, Rejection.SCHEMA),
        (LIVE, encoded(results=[1] * (limits.MAX_BATCH_RESULTS + 1)), codec.JSON, Rejection.SCHEMA),
        (LIVE, encoded(agent="fra-01"), codec.JSON, Rejection.IDENTITY),
        (topic("par-01", Kind.HEARTBEAT), b"{}", codec.JSON, Rejection.SCHEMA),
        (topic("par-01", Kind.PRESENCE), b"", None, Rejection.CONTENT_TYPE),
    ],
)
def test_what_cannot_be_applied_is_counted_under_its_reason(
    name: str, payload: bytes, content_type: str | None, reason: Rejection
) -> None:
    core = Core()
    core.take(name, payload, content_type, False, NOW)
    assert core.rejected == {reason.value: 1}
    assert not core.acks
    assert core.applied() == 0


@pytest.mark.parametrize("kind", [Kind.PRESENCE, Kind.HEARTBEAT])
def test_an_agent_cannot_speak_for_another(kind: Kind) -> None:
    core = Core()
    message = presence("fra-01") if kind is Kind.PRESENCE else heartbeat("fra-01")
    core.send(message, sender="par-01")
    assert core.rejected == {"identity": 1}
    assert core.board.agents["fra-01"].presence is None


def test_retained_results_and_heartbeats_are_ignored_and_a_retained_presence_is_not() -> None:
    core = Core()
    core.send(batch(ok()), retained=True)
    core.send(batch(ok()), kind=Kind.REPLAY, retained=True)
    core.send(heartbeat(), retained=True)
    core.send(presence(), retained=True)
    assert core.rejected == {"retained": 3}
    assert core.applied() == 0
    assert core.board.agents["par-01"].presence is not None


def test_one_broken_result_does_not_take_the_others_along() -> None:
    """Three results, the middle one of a phase nobody knows: two applied, one counted, all acknowledged."""
    core = Core()
    results = [*msgspec.to_builtins(batch(ok(), ok(), failed()))["results"]]
    results[1]["phases_us"] = {"teleport": 1}
    core.take(LIVE, encoded(results=results), codec.JSON, False, NOW)
    assert core.board.cells["par-01"]["api-dns"].attempts == 2
    assert core.rejected == {"schema": 1}
    assert core.mark() == 3


def test_bad_results_are_settled_and_their_neighbours_applied() -> None:
    """An unknown check, a check of somebody else and three contradictions: five counted, two applied."""
    core = Core(assignment(only={"par-01": ("api-dns",)}))
    core.send(
        batch(
            ok(),
            ok("nobody-asked"),
            ok("web"),
            ok(reason="dns.nodata"),
            ok(duration_us=None),
            failed(reason=None),
            failed(),
        )
    )
    assert core.rejected == {"unknown_check": 1, "not_assigned": 1, "inconsistent": 3}
    assert core.applied() == 2
    assert core.mark() == 7


def test_a_code_of_a_newer_agent_becomes_unknown() -> None:
    core = Core()
    core.send(batch(failed(reason="dns.invented"), spoiled(reason="solar_flare")))
    cell = core.board.cells["par-01"]["api-dns"]
    assert (cell.failures, cell.not_run) == ({"unknown": 1}, {"unknown": 1})


def test_late_results_touch_only_the_late_counter() -> None:
    core = Core()
    core.send(batch(ok()))
    core.send(batch(failed(), failed(), first=1), kind=Kind.REPLAY)
    cell = core.board.cells["par-01"]["api-dns"]
    assert (cell.attempts, cell.failures, cell.state(NOW.mono)) == (1, {}, "ok")
    assert core.ledger.book("par-01").late == 2
    assert core.mark() == 3


def test_a_late_copy_of_a_live_result_is_a_duplicate() -> None:
    core = Core()
    core.send(batch(ok()))
    core.send(batch(ok()), kind=Kind.REPLAY)
    assert core.board.agents["par-01"].duplicates == 1
    assert core.ledger.book("par-01").late == 0


def test_a_flooding_agent_is_cut_off_and_its_neighbour_is_not() -> None:
    """Beyond the burst nothing is read, settled or acknowledged; a minute later the agent is heard again."""
    core = Core()
    burst = int(core.board.agents["par-01"].live.burst)
    assert burst >= MIN_BURST
    per_batch = 500
    for number in range(burst // per_batch + 5):
        core.send(batch(*[ok()] * per_batch, first=number * per_batch))
    applied = core.applied()
    assert applied <= burst + per_batch
    assert core.rejected["rate"] >= 4
    assert core.mark() == applied
    core.send(batch(ok(), agent="fra-01"))
    assert core.applied("fra-01") == 1
    later = Moment(NOW.wall + 600, NOW.mono + 600)
    core.send(batch(ok(), first=applied), now=later)
    assert core.applied() == applied + 1


def test_garbage_costs_its_sender_too() -> None:
    """Messages that cannot be read empty the bucket by their size: soon they are refused unread."""
    core = Core()
    for _ in range(50):
        core.take(LIVE, b"x" * limits.MAX_PAYLOAD_BYTES, codec.JSON, False, NOW)
    assert core.rejected["rate"] > 30


@pytest.mark.parametrize("kind", ["live", "presence"])
def test_garbage_that_packs_well_costs_what_it_unpacks_to(kind: str) -> None:
    """A megabyte of zeros is 100 bytes on the wire, and the same work to read."""
    core = Core()
    packed = zstandard.ZstdCompressor().compress(b"[" + b"0," * (limits.MAX_DECODED_BYTES // 2 - 10))
    for _ in range(100):
        core.take(topic("par-01", Kind(kind)), packed, codec.ZSTD, False, NOW)
    assert core.rejected["rate"] > 90


def test_no_more_than_an_honest_batch_is_searched_for_readable_results() -> None:
    """The pieces of a list are counted after they were made: a megabyte of zeros makes 36 MiB of them."""
    core = Core()
    core.take(LIVE, encoded(results=[0] * 1000), codec.JSON, False, NOW)
    assert core.rejected == {"schema": 1000}
    core.take(LIVE, encoded(results=[0, "x" * (2 * limits.BATCH_BYTES)]), codec.JSON, False, NOW)
    assert core.rejected == {"schema": 1001}


def test_heartbeats_have_a_rate_as_well() -> None:
    core = Core()
    for _ in range(100):
        core.send(heartbeat())
    assert core.rejected["rate"] > 60


def test_only_the_will_of_the_current_process_counts() -> None:
    """The will of a process that died late must not hide its successor."""
    core = Core()
    core.send(presence(epoch="a" * 32))
    core.send(presence(epoch="b" * 32))
    core.send(presence(epoch="a" * 32, state="gone", reason="connection lost"))
    agent = core.board.agents["par-01"]
    assert agent.is_connected(NOW.mono)
    core.send(presence(epoch="b" * 32, state="gone", reason="stopped"))
    assert not agent.is_connected(NOW.mono)
    core.send(heartbeat(epoch="b" * 32))
    assert agent.is_connected(NOW.mono)


def test_results_sent_again_are_no_sign_of_life_after_a_goodbye() -> None:
    """They come by another connection, and may be read seconds later."""
    core = Core()
    core.send(presence())
    agent = core.board.agents["par-01"]
    core.send(batch(ok()), kind=Kind.REPLAY, now=Moment(NOW.wall + 30, NOW.mono + 30))
    assert agent.is_connected(NOW.mono + 60)
    core.send(presence(state="gone", reason="stopped"))
    core.send(batch(ok(), first=1), kind=Kind.REPLAY)
    assert core.applied() == 2
    assert not agent.is_connected(NOW.mono)


def test_a_silent_agent_is_not_connected_after_35_seconds() -> None:
    core = Core()
    core.send(heartbeat())
    agent = core.board.agents["par-01"]
    assert agent.is_connected(NOW.mono + 35)
    assert not agent.is_connected(NOW.mono + 36)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(list(Kind)),
    payload=st.binary(max_size=200),
    content_type=st.sampled_from([codec.JSON, codec.ZSTD, None]),
    retained=st.booleans(),
)
def test_no_payload_gets_through_or_raises(
    kind: Kind, payload: bytes, content_type: str | None, retained: bool
) -> None:
    core = Core()
    core.take(topic("par-01", kind), payload, content_type, retained, NOW)
    rejected = core.board.evidence_rejected if kind is Kind.EVIDENCE else core.board.rejected
    assert sum(rejected.values()) == 1


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(field=st.sampled_from(["v", "agent", "epoch", "first_seq", "acked", "results"]), value=json)
def test_a_batch_with_any_field_replaced_never_raises(field: str, value: object) -> None:
    core = Core()
    core.take(LIVE, encoded(**{field: value}), codec.JSON, False, NOW)
    applied = core.applied()
    assert applied + sum(core.rejected.values()) >= 1
    assert set(core.rejected) <= {reason.value for reason in Rejection}


def test_every_reason_of_the_codec_is_a_rejection() -> None:
    assert {"too_large", "content_type", "compression", "version", "schema", "topic"} <= set(Rejection)


def test_a_reload_keeps_the_counters_of_what_stays() -> None:
    core = Core()
    core.send(batch(ok(), ok("web")))
    moved = msgspec.structs.replace(DNS, target="elsewhere.example.com A")
    core.board.configure(assignment(checks=(moved, *assignment().checks[1:])))
    cells = core.board.cells["par-01"]
    assert (cells["api-dns"].attempts, cells["web"].attempts) == (0, 1)
