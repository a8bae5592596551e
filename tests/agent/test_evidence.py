"""What a probe noted becomes evidence: decoded, without secrets, and never beyond the contract's bounds."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.checks.model import TcpCheck
from vedette.wire import codec, limits
from vedette.wire.messages import Evidence, Note, Result
from vedette_agent.delivery.stash import BURST, MAX_BYTES, MAX_RECORDS, Packed, Stash
from vedette_agent.dns.described import described
from vedette_agent.engine.record import CERTIFICATE_BYTES, NOTES, Record
from vedette_agent.evidence import evidence, notes, within
from vedette_agent.http.secrets import Secrets, sent

CHECK = TcpCheck(name="db", target="db.example:5432", interval=10, timeout=5, host="db.example", port=5432)
FAILED = Result(check="db", outcome="fail", started_us=7, duration_us=9, reason="tcp.expect", detail="no")
# RFC 1035 4.1: id 0x1234, a response without records to "a.example AAAA".
EMPTY = bytes.fromhex("123485800001000000000000") + b"\x01a\x07example\x00\x00\x1c\x00\x01"


def made(record: Record) -> Evidence:
    said = evidence("par-01", "0" * 32, 4, CHECK, FAILED, record, 0.0)
    return codec.decode(*codec.encode(said), Evidence)


def noted(*pairs: tuple[str, bytes | str]) -> Record:
    record = Record()
    for event, what in pairs:
        record.note(event, what)
    return record


def test_a_dns_answer_is_kept_as_it_came_and_told_in_words() -> None:
    record = noted(("dns.answer", EMPTY))
    record.address, record.port = "192.0.2.53", 53
    where, answer = made(record).notes
    assert (where.event, where.text) == ("target.address", "192.0.2.53 port 53")
    assert answer.data == EMPTY
    assert answer.text == (
        "id 4660, NOERROR, flags qr aa rd ra, 0/0/0 answer/authority/additional records\n"
        "question: a.example IN AAAA"
    )


@pytest.mark.parametrize("size", range(len(EMPTY)))
def test_a_message_that_is_cut_is_told_as_far_as_it_goes(size: int) -> None:
    said = described(EMPTY[:size])
    assert "too short" in said if size < 12 else "cannot be read" in said


@given(st.binary(max_size=600))
def test_junk_is_told_and_raises_nothing(wire: bytes) -> None:
    assert described(wire)
    assert described(EMPTY[:12] + wire)


def test_secrets_are_hidden_wherever_http_repeats_them() -> None:
    record = noted(
        ("http.request", b"GET / HTTP/1.1\r\nAuthorization: Bearer s3cr3t-t0ken-of-ours\r\n\r\n"),
        ("http.response", b"HTTP/1.1 500 No\r\nX-Echo: s3cr3t-t0ken-of-ours\r\n\r\nyou sent s3cr3t-t0k"),
        ("http.response", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b coded"),
        ("http.response", b"\xff\xfes3cr3t-t0ken-of-ours"),
    )
    record.secrets = partial(sent, (("Authorization", "Bearer s3cr3t-t0ken-of-ours"),), None)
    raw = codec.decompressed(*codec.encode(evidence("par-01", "0" * 32, 4, CHECK, FAILED, record, 0.0)))
    assert b"s3cr3t" not in raw
    texts = [note["text"] for note in json.loads(raw)["notes"]]
    assert texts[0] == "GET / HTTP/1.1\nAuthorization: [hidden]\n\n"
    assert texts[1] == "HTTP/1.1 500 No\nX-Echo:[hidden]\n\nyou sent[hidden]"
    assert texts[2].endswith("[8 bytes of a coded body]")
    assert texts[3] == "22 bytes"


def test_what_cannot_be_searched_in_time_is_left_out() -> None:
    """A body of 64 KiB makes each character dear to look through."""
    record = noted(("http.response", b"a" * 4000))
    record.secrets = lambda: Secrets({"%" * 65536})
    (note,) = notes(record, 0.0)
    assert note.text is not None
    assert len(note.text) < 100


def test_a_dialogue_with_a_password_shows_nothing_that_was_sent() -> None:
    plain = made(noted(("tcp.sent", b"EHLO probe\r\n"), ("tcp.received", b"250 ok\r\n")))
    assert [note.text for note in plain.notes] == ["EHLO probe\n", "250 ok\n"]
    said = made(noted(("tcp.sent", b"AUTH LOGIN\r\n"), ("tcp.sent", b"aHVudGVyMg==\r\n")))
    assert [note.text for note in said.notes] == ["[hidden]", "[hidden]"]


def test_control_characters_are_shown_as_their_codes() -> None:
    (note,) = made(noted(("tcp.received", b"220 welcome to this quiet server \x1b[2J\r\n"))).notes
    assert note.text == "220 welcome to this quiet server \\x1b[2J\n"


def test_notes_are_bounded_in_number_and_size() -> None:
    record = noted(*[("tcp.received", b"x" * 9999)] * (NOTES + 1))
    record.notes.clear()
    assert record.notes_dropped
    record.note("tcp.received", b"x" * 9999)
    record.note("tls.certificate", b"x" * 99999, CERTIFICATE_BYTES)
    assert [len(what) for _, _, what in record.notes] == [4096, CERTIFICATE_BYTES]
    assert made(record).truncated


@given(st.lists(st.binary(max_size=4096), max_size=64), st.booleans())
def test_every_evidence_fits_its_bound(came: list[bytes], is_large: bool) -> None:
    record = noted(*(("tcp.received", each * (64 if is_large else 1)) for each in came))
    said = made(record)
    assert said.truncated or len(said.notes) == len(came)


def test_the_first_and_the_last_notes_are_kept_where_not_all_fit() -> None:
    found = [Note(at_us=at, event="tcp.received", text="x" * 1000) for at in range(100)]
    kept, is_whole = within(found, 10_000)
    times = [note.at_us for note in kept]
    assert not is_whole
    assert times[0] == 0
    assert times[-1] == 99
    assert 7 <= len(times) <= 10
    assert within(found[:2], 10_000) == (found[:2], True)


def test_the_stash_is_bounded_and_gives_up_the_oldest() -> None:
    stash = Stash()
    for number in range(MAX_RECORDS + 1):
        stash.put(Packed(b"%d" % number, "x"))
    assert (len(stash), stash.lost["queue_full"]) == (MAX_RECORDS, 1)
    first = stash.first()
    assert first is not None
    assert first.payload == b"1"
    for _ in range(2):
        stash.put(Packed(bytes(MAX_BYTES // 2 + 1), "x"))
    assert len(stash) == 1
    stash.settled(first)
    assert len(stash) == 1, "what was given up meanwhile takes nobody along"


def test_one_a_second_after_a_burst_and_the_rest_is_counted() -> None:
    stash = Stash()
    assert [stash.admits(100.0) for _ in range(22)] == [True] * int(BURST) + [False] * 2
    assert stash.lost["rate"] == 2
    assert stash.admits(101.0)
    assert not stash.admits(101.5)


def test_the_contract_allows_what_is_noted() -> None:
    assert limits.MAX_NOTE_BYTES >= CERTIFICATE_BYTES
    assert limits.MAX_NOTES >= NOTES
