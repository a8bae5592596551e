"""Every number in `vedette.wire.limits`: what stands at the limit is read, one beyond is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import zstandard
from msgspec import inspect as kinds

from vedette.errors import WireError
from vedette.wire import codec, limits

RESULT: dict[str, Any] = {"check": "db", "outcome": "ok", "started_us": 1, "duration_us": 1}
STEP = {"zone": ".", "server": "a.root", "address": "192.0.2.1", "outcome": "referral"}
NAMES: dict[str, Any] = {"v": 1, "agent": "par-01", "epoch": "0" * 32}
Document = dict[str, Any]


def batch(**fields: Any) -> Document:
    return {**NAMES, "first_seq": 0, "results": [RESULT], **fields}


def result(**fields: Any) -> Document:
    return batch(results=[{**RESULT, **fields}])


def answers(*texts: str) -> Document:
    return result(facts={"dns": {"rcode": "NOERROR", "answers": texts}})


def presence(**fields: Any) -> Document:
    return {**NAMES, "state": "online", "version": "0.1.0", "started_us": 1, **fields}


def ack(marks: int) -> Document:
    mark = {"epoch": "0" * 32, "low": 1}
    return {"v": 1, "agent": "par-01", "collector": "0" * 32, "sent_us": 1, "marks": [mark] * marks}


def ask(checks: int) -> Document:
    return {"v": 1, "agent": "par-01", "sent_us": 1, "expires_us": 2, "checks": ["db"] * checks}


def heartbeat(**fields: Any) -> Document:
    counts = ("next_seq", "acked", "pending", "skipped_slots", "overlapping_slots", "running")
    rest = dict.fromkeys((*counts, "sent_us", "loop_lag_us", "publish_refused"), 1)
    return {**NAMES, **rest, "lost": {}, **fields}


def evidence(notes: list[Document]) -> Document:
    head = {**NAMES, "check": "db", "target": "db:5432", "started_us": 1, "reason": "tcp.refused"}
    return {**head, "notes": notes}


def note(**fields: Any) -> Document:
    return {"at_us": 1, "event": "tcp.sent", **fields}


def refused(document: Document) -> str | None:
    kind: type[Any] = codec.Batch
    for key, named in (
        ("marks", codec.Ack),
        ("state", codec.Presence),
        ("lost", codec.Heartbeat),
        ("notes", codec.Evidence),
        ("checks", codec.Ask),
    ):
        kind = named if key in document else kind
    try:
        codec.decode(msgspec.json.encode(document), codec.JSON, kind)
    except WireError as exc:
        return exc.reason
    return None


ZONE = {"zone": ".", "algorithm": "RSASHA256", "key_tag": 20326}

# limit -> (document for a number, the reason beyond)
COUNTED: dict[str, Callable[[int], Document]] = {
    "MAX_BATCH_RESULTS": lambda n: batch(results=[RESULT] * n),
    "MAX_SEQ": lambda n: batch(first_seq=n),
    "MAX_TIME_US": lambda n: result(started_us=n),
    "MAX_DURATION_US": lambda n: result(duration_us=n),
    "MAX_TAGS": lambda n: presence(tags={f"tag_{at}": "x" for at in range(n)}),
    "MAX_TAG_TEXT": lambda n: presence(tags={"network": "é" * n}),
    "MAX_TEXT": lambda n: result(detail="é" * n),
    "MAX_SERVERS": lambda n: result(
        facts={"authority": {"servers": [{"name": "ns1.example.com", "address": "192.0.2.1"}] * n}}
    ),
    "MAX_STEPS": lambda n: result(facts={"trace": {"steps": [STEP] * n}}),
    "MAX_ANSWERS": lambda n: answers(*["192.0.2.1"] * n),
    "MAX_ANSWER_TEXT": lambda n: answers("é" * n),
    "MAX_ZONES": lambda n: result(facts={"dnssec": {"status": "secure", "zones": [ZONE] * n}}),
    "MAX_HOPS": lambda n: result(facts={"path": {"protocol": "udp", "hops": [{"ttl": 1}] * n}}),
    "MAX_EPOCHS": ack,
    "MAX_RUNS": lambda n: {**ack(0), "marks": [{"epoch": "0" * 32, "low": 1, "runs": [(2, 3)] * n}]},
    "MAX_GAPS": lambda n: heartbeat(gaps=[{"epoch": "0" * 32, "first": 1, "end": 2, "reason": "crash"}] * n),
    "MAX_REASONS": lambda n: heartbeat(lost={f"reason_{'a' * at}": 1 for at in range(n)}),
    "MAX_NOTES": lambda n: evidence([note()] * n),
    "MAX_NOTE_BYTES": lambda n: evidence([note(text="é" * n)]),
    "MAX_ASKED": ask,
    "MAX_EVENT": lambda n: evidence([note(event="e" * n)]),
}

# limit -> (allowed, refused, document for a text)
PATTERNS: dict[str, tuple[list[str], list[str], Callable[[str], Document]]] = {
    "AGENT_NAME": (
        ["abc", "0-0", "a" + "-" * 30 + "z"],
        ["", "ab", "a" * 33, "Abc", "-ab", "ab-", "a_b", "abc\n", "äbc", "a/b", "a+b", "a.b"],
        lambda text: batch(agent=text),
    ),
    "CHECK_NAME": (
        ["a", "A.b_c-9", "a" * 63, "web:ipv4", "dns:google:ipv6", "a" * 63 + 2 * (":" + "b" * 63)],
        [
            "",
            "a" * 64,
            "a:" + "b" * 64,
            "a:b:c:d",
            "a::b",
            "web:",
            ".a",
            "web\n",
            "web:ipv4\n",
            "a b",
            "é",
            'a"',
        ],
        lambda text: result(check=text),
    ),
    "EPOCH": (
        ["0123456789abcdef" * 2],
        ["", "0" * 31, "0" * 33, "0" * 31 + "g", "0" * 31 + "A", "0" * 32 + "\n"],
        lambda text: batch(epoch=text),
    ),
    "TAG_NAME": (
        ["a", "_", "network_2", "a" * 32],
        ["", "2a", "a" * 33, "A", "a-b", "a\n", "é"],
        lambda text: presence(tags={text: "x"}),
    ),
}

PAYLOADS = {
    "MAX_ASK_BYTES",
    "MAX_EVIDENCE_BYTES",
    "VERSION",
    "MAX_PAYLOAD_BYTES",
    "MAX_DECODED_BYTES",
    "MAX_WINDOW_BYTES",
    "COMPRESS_ABOVE_BYTES",
    "PARTS",
}
# When a sender flushes, how often it speaks, what the broker lets through: no reader of a payload sees it.
HABITS = {
    "MAX_PACKET_BYTES",
    "BATCH_RESULTS",
    "BATCH_BYTES",
    "BATCH_SECONDS",
    "EVIDENCE_EXPIRY_SECONDS",
    "LIVE_EXPIRY_SECONDS",
    "HEARTBEAT_SECONDS",
}


@pytest.mark.parametrize("name", COUNTED)
def test_counted_limit(name: str) -> None:
    most = getattr(limits, name)
    assert refused(COUNTED[name](most)) is None
    assert refused(COUNTED[name](most + 1)) == "schema"


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern(name: str) -> None:
    allowed, wrong, document = PATTERNS[name]
    assert [text for text in allowed if refused(document(text)) is not None] == []
    assert [text for text in wrong if refused(document(text)) != "schema"] == []


def unbounded(info: kinds.Type, path: str) -> Iterator[str]:
    """Where a number, a text or a collection without an upper bound stands."""
    match info:
        case kinds.StructType():
            for field in info.fields:
                yield from unbounded(field.type, f"{path}.{field.name}")
        case kinds.UnionType():
            for one in info.types:
                yield from unbounded(one, path)
        case kinds.Metadata():
            yield from unbounded(info.type, path)
        case kinds.ListType():
            yield from unbounded(info.item_type, f"{path}[]")
            if info.max_length is None:
                yield path
        case kinds.TupleType():
            for one in info.item_types:
                yield from unbounded(one, f"{path}[]")
        case kinds.DictType(value_type=kinds.AnyType()):
            pass  # a diff: what it makes of its base is held to the bounds of facts (test_facts_diff.py)
        case kinds.DictType():
            yield from unbounded(info.key_type, f"{path} key")
            yield from unbounded(info.value_type, f"{path}[]")
            if info.max_length is None and not isinstance(info.key_type, kinds.LiteralType):
                yield path
        case kinds.IntType():
            if info.ge is None or info.le is None:
                yield path
        case kinds.StrType():
            if info.max_length is None and (info.pattern is None or not info.pattern.endswith(r"\Z")):
                yield path
        case kinds.LiteralType() | kinds.BoolType() | kinds.NoneType():
            pass
        case _:
            raise AssertionError(f"{path}: {info}")


@pytest.mark.parametrize("message", [codec.Batch, codec.Presence, codec.Heartbeat, codec.Ack, codec.Ask])
def test_no_field_is_without_a_bound(message: type) -> None:
    """A number of 400 digits is no float: one such field of one agent would end every scrape of all."""
    name = message.__name__
    assert list(unbounded(msgspec.inspect.type_info(message), name)) == [f"{name}.v"]  # compared at once


def test_offset_may_be_negative_and_not_endless() -> None:
    heartbeat = {
        **NAMES, "sent_us": 1, "next_seq": 1, "acked": 0, "pending": 1, "lost": {}, "skipped_slots": 0,
        "overlapping_slots": 0, "running": 0, "loop_lag_us": 0, "publish_refused": 0,
    }  # fmt: skip
    for offset, reason in (
        (-limits.MAX_TIME_US, None),
        (limits.MAX_TIME_US + 1, "schema"),
        (-(10**400), "schema"),
    ):
        raw = msgspec.json.encode({**heartbeat, "clock_offset_us": None})
        raw = raw.replace(b'"clock_offset_us":null', b'"clock_offset_us":%d' % offset)
        if reason is None:
            assert codec.decode(raw, codec.JSON, codec.Heartbeat).clock_offset_us == offset
        else:
            with pytest.raises(WireError, match=reason):
                codec.decode(raw, codec.JSON, codec.Heartbeat)


def test_batch_without_results_is_refused() -> None:
    assert refused(batch(results=[])) == "schema"


@pytest.mark.parametrize(
    ("code", "reason"),
    [("dns.nodata", None), ("loop_lag", None), ("a" * 40, None), ("a" * 41, "schema"), ("a.b.c", "schema"),
     ("dns.nodata\n", "schema"), ("DNS", "schema"), ("", "schema"), ('a"', "schema")],
)  # fmt: skip
def test_reason_code_is_fit_for_a_label(code: str, reason: str | None) -> None:
    assert refused(result(reason=code)) == reason


def padded(size: int) -> bytes:
    """A valid batch of exactly *size* bytes of JSON; a reader skips the field it does not know."""
    empty = len(msgspec.json.encode(batch(padding="")))
    return msgspec.json.encode(batch(padding="x" * (size - empty)))


def reason_of(payload: bytes, content_type: str) -> str | None:
    try:
        codec.decode(payload, content_type, codec.Batch)
    except WireError as exc:
        return exc.reason
    return None


def test_payload_limit() -> None:
    assert reason_of(padded(limits.MAX_PAYLOAD_BYTES), codec.JSON) is None
    assert reason_of(padded(limits.MAX_PAYLOAD_BYTES + 1), codec.JSON) == "too_large"


def test_payload_limit_holds_for_compressed_payloads_too() -> None:
    """Bytes after the frame are refused as such, so that only the size can be the reason here."""
    packed = zstandard.compress(padded(5000))
    filled = packed + b"\0" * (limits.MAX_PAYLOAD_BYTES - len(packed))
    assert reason_of(filled, codec.ZSTD) == "compression"
    assert reason_of(filled + b"\0", codec.ZSTD) == "too_large"


def test_decoded_limit() -> None:
    assert reason_of(zstandard.compress(padded(limits.MAX_DECODED_BYTES)), codec.ZSTD) is None
    assert reason_of(zstandard.compress(padded(limits.MAX_DECODED_BYTES + 1)), codec.ZSTD) == "too_large"


def test_window_limit() -> None:
    """A window of one step above the limit is refused, though the content would fit."""
    content = padded(5000)
    for window, reason in [(limits.MAX_WINDOW_BYTES, None), (2 * limits.MAX_WINDOW_BYTES, "too_large")]:
        parameters = zstandard.ZstdCompressionParameters(
            window_log=window.bit_length() - 1, write_content_size=True
        )
        framed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        # Streamed without a size, the frame keeps its window; the size is then written into the header.
        payload = _with_size(framed.compress(content) + framed.flush(), len(content))
        assert zstandard.get_frame_parameters(payload).window_size == window
        assert reason_of(payload, codec.ZSTD) == reason


def _with_size(frame: bytes, size: int) -> bytes:
    """The same frame with an eight-byte content size in its header. RFC 8878 3.1.1.1."""
    magic, descriptor, window, blocks = frame[:4], frame[4], frame[5:6], frame[6:]
    assert descriptor & 0b11100011 == 0
    return magic + bytes([descriptor | 0b11000000]) + window + size.to_bytes(8, "little") + blocks


def message(results: int, detail: str) -> codec.Batch:
    one = codec.decode(msgspec.json.encode(result(detail=detail)), codec.JSON, codec.Batch)
    return msgspec.structs.replace(one, results=one.results * results)


def encoded(size: int) -> codec.Batch:
    """A batch whose JSON has exactly *size* bytes."""
    one, two = (len(msgspec.json.encode(message(count, ""))) for count in (1, 2))
    filled = message(1 + (size - one) // (two - one), "")
    missing = size - len(msgspec.json.encode(filled))
    last = msgspec.structs.replace(filled.results[0], detail="x" * missing)
    return msgspec.structs.replace(filled, results=[*filled.results[1:], last])


def test_small_payload_travels_as_it_is_and_a_large_one_compressed() -> None:
    payload, content_type = codec.encode(encoded(limits.COMPRESS_ABOVE_BYTES))
    assert (len(payload), content_type) == (limits.COMPRESS_ABOVE_BYTES, codec.JSON)
    payload, content_type = codec.encode(encoded(limits.COMPRESS_ABOVE_BYTES + 1))
    assert content_type == codec.ZSTD
    assert len(payload) < limits.COMPRESS_ABOVE_BYTES


def test_sender_refuses_what_a_reader_would_refuse() -> None:
    codec.encode(encoded(limits.MAX_DECODED_BYTES))
    with pytest.raises(WireError) as caught:
        codec.encode(encoded(limits.MAX_DECODED_BYTES + 1))
    assert caught.value.reason == "too_large"


def test_habits_stay_within_the_bounds() -> None:
    assert limits.BATCH_RESULTS <= limits.MAX_BATCH_RESULTS
    assert limits.BATCH_BYTES < limits.MAX_PAYLOAD_BYTES
    assert limits.BATCH_SECONDS < limits.HEARTBEAT_SECONDS < limits.LIVE_EXPIRY_SECONDS


def test_every_limit_is_held_by_a_test() -> None:
    written = {name for name in vars(limits) if name.isupper()}
    assert written == set(COUNTED) | set(PATTERNS) | PAYLOADS | HABITS


def test_the_longest_ask_fits() -> None:
    """As many checks as may be asked for, each with the longest name there is."""
    longest = ":".join(("c" * 63, "d" * 63, "e" * 63))
    most = {**ask(limits.MAX_ASKED), "checks": [longest] * limits.MAX_ASKED, "agent": "a" * 32}
    times = {"sent_us": limits.MAX_TIME_US, "expires_us": limits.MAX_TIME_US}
    raw = msgspec.json.encode({**most, **times})
    assert codec.parsed(raw, codec.Ask).checks[0] == longest
    assert len(raw) <= limits.MAX_ASK_BYTES


def test_evidence_has_a_bound_of_its_own() -> None:
    """64 KiB of text: what compresses well is refused by the size in its frame, before it is unpacked."""
    most = limits.MAX_EVIDENCE_BYTES
    for size, reason in ((most, None), (most + 1, "too_large")):
        packed = zstandard.ZstdCompressor().compress(b" " * size)
        found = None
        try:
            codec.decompressed(packed, codec.ZSTD, most)
        except WireError as exc:
            found = exc.reason
        assert found == reason
    whole = [note(text="x" * limits.MAX_NOTE_BYTES)] * 4
    said = msgspec.convert(evidence(whole), codec.Evidence)
    with pytest.raises(WireError) as caught:
        codec.encode(said)
    assert caught.value.reason == "too_large"
