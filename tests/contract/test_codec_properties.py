"""What holds for every message and for every payload, whoever wrote it."""

import tracemalloc
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import inspect as kinds

from contract.wire_messages import MESSAGE
from vedette.errors import WireError
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, Ask, Batch, Heartbeat, Presence

DIFF = msgspec.inspect.type_info(dict[str, Any])
KINDS = (Batch, Presence, Heartbeat, Ack, Ask)
REASONS = {"too_large", "content_type", "compression", "version", "schema"}


def reason(payload: bytes, content_type: str | None, kind: Any = Batch) -> str | None:
    """Why *payload* is refused; None when it is not. Anything but a WireError passes through."""
    try:
        codec.decode(payload, content_type, kind)
    except WireError as exc:
        return exc.reason
    return None


@given(MESSAGE)
def test_message_survives_the_wire(message: Any) -> None:
    payload, content_type = codec.encode(message)
    assert codec.decode(payload, content_type, type(message)) == message


@given(st.binary(max_size=400), st.sampled_from([codec.JSON, codec.ZSTD, None, "text/plain"]))
@example(b'{"v":' + b"9" * 5000 + b"}", codec.JSON)
@example(b"[" * 100_000, codec.JSON)
@example(b'{"v":1,"agent":"\xff"}', codec.JSON)
@example(b'{"v":1,"agent":"\\ud800"}', codec.JSON)
def test_arbitrary_bytes_are_refused_with_a_known_reason(payload: bytes, content_type: str | None) -> None:
    for kind in KINDS:
        assert reason(payload, content_type, kind) in REASONS


@given(MESSAGE, st.data())
def test_damaged_message_is_read_or_refused(message: Any, data: st.DataObject) -> None:
    payload, content_type = codec.encode(message)
    at = data.draw(st.integers(0, len(payload)))
    cut = data.draw(st.integers(0, 4))
    damaged = payload[:at] + data.draw(st.binary(max_size=4)) + payload[at + cut :]
    for kind in KINDS:
        assert reason(damaged, content_type, kind) in {None, *REASONS}
        assert reason(zstandard.compress(damaged), codec.ZSTD, kind) in {None, *REASONS}


@given(MESSAGE, st.dictionaries(st.text(min_size=12, max_size=20), st.integers() | st.text(), max_size=3))
def test_unknown_fields_pass(message: Any, unknown: dict[str, Any]) -> None:
    payload = msgspec.json.encode({**unknown, **msgspec.to_builtins(message)})
    assert codec.decode(payload, codec.JSON, type(message)) == message


@given(MESSAGE, st.integers(-(2**63), 2**63).filter(lambda v: v != limits.VERSION))
def test_every_other_version_is_refused_by_that_name(message: Any, version: int) -> None:
    payload = msgspec.json.encode({**msgspec.to_builtins(message), "v": version})
    assert reason(payload, codec.JSON, type(message)) == "version"


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "1.5", "-1", "true", '"1"', "null"]
)
def test_what_is_not_a_whole_number_is_refused(number: str) -> None:
    raw = codec.decompressed(*codec.encode(heartbeat()))
    assert reason(raw, codec.JSON, Heartbeat) is None
    damaged = raw.replace(b'"sent_us":5', b'"sent_us":' + number.encode())
    assert damaged != raw
    assert reason(damaged, codec.JSON, Heartbeat) == "schema"


def heartbeat() -> Heartbeat:
    return Heartbeat(
        v=1,
        agent="par-01",
        epoch="0" * 32,
        sent_us=5,
        next_seq=0,
        acked=0,
        pending=0,
        lost={},
        skipped_slots=0,
        overlapping_slots=0,
        running=0,
        loop_lag_us=0,
        publish_refused=0,
    )


def test_no_message_holds_a_float() -> None:
    """msgspec writes NaN as null, and then nobody knows what was meant: so there is nothing to be NaN."""

    def walk(info: kinds.Type, seen: set[type]) -> None:
        assert not isinstance(info, kinds.FloatType | kinds.AnyType)
        if info == DIFF:
            return  # what it makes of the base has to be facts again, and those are walked over here
        for name in ("type", "item_type", "key_type", "value_type"):
            if isinstance(getattr(info, name, None), kinds.Type):
                walk(getattr(info, name), seen)
        for one in getattr(info, "types", ()):
            walk(one, seen)
        if isinstance(info, kinds.StructType) and info.cls not in seen:
            seen.add(info.cls)
            for field in info.fields:
                walk(field.type, seen)

    for kind in KINDS:
        walk(msgspec.inspect.type_info(kind), set())


def frame(claimed: int, content: int, window: int | None = None) -> bytes:
    """A zstd frame of *content* spaces whose header says whatever it likes. RFC 8878 3.1.1."""
    head = b"\x28\xb5\x2f\xfd"
    if window is None:
        head += bytes([0b11100000])  # 8 bytes of size, single segment: the content is the window
    else:
        head += bytes([0b11000000, (window.bit_length() - 1 - 10) << 3])
    run_of_one_byte = 0b011 | content << 3
    return head + claimed.to_bytes(8, "little") + run_of_one_byte.to_bytes(3, "little") + b" "


BOMBS = {
    "honest, 64 MiB of spaces": (zstandard.compress(b" " * (64 << 20)), "too_large"),
    "claims 2 GiB": (frame(2 << 30, 100), "too_large"),
    "claims 64 MiB behind a small window": (frame(64 << 20, 100, window=1 << 20), "too_large"),
    "claims 16 EiB less three": (frame(2**64 - 3, 100), "too_large"),
    "claims nothing at all": (
        zstandard.ZstdCompressor(write_content_size=False).compress(b" " * (64 << 20)),
        "compression",
    ),
    "claims 1 KiB, holds 128 KiB": (frame(1024, 1 << 17, window=1 << 17), "compression"),
    "claims 1 MiB, holds 100 bytes": (frame(1 << 20, 100), "compression"),
    "wants a window of 1 GiB": (frame(100, 100, window=1 << 30), "too_large"),
    "skippable frame": (b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", "compression"),
    "two frames": (zstandard.compress(b"{}") * 2, "compression"),
    "cut short": (zstandard.compress(b" " * 5000)[:-2], "compression"),
    "empty": (b"", "compression"),
}


def test_frame_that_says_the_truth_is_decompressed() -> None:
    """So that the lies below are refused for what they say, and not for how they are built."""
    assert codec.decompressed(frame(100, 100), codec.ZSTD) == b" " * 100
    assert codec.decompressed(frame(100, 100, window=1 << 20), codec.ZSTD) == b" " * 100


@pytest.mark.parametrize("name", BOMBS)
def test_zstd_bomb_is_refused_before_it_costs_memory(name: str) -> None:
    """At most the decoded limit is ever allocated, and nothing where the header alone is wrong."""
    payload, expected = BOMBS[name]
    assert len(payload) < limits.MAX_PAYLOAD_BYTES
    tracemalloc.start()
    try:
        assert reason(payload, codec.ZSTD) == expected
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limits.MAX_DECODED_BYTES + 64 * 1024
    if expected == "too_large":
        assert peak < 64 * 1024
