"""Reading all sections of a response: what dnspython reads, read alike, and bombs refused."""

import struct
import time

import dns.exception
import dns.message
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterate.iterate_helpers import end_of, response
from vedette_agent.dns.iterate.sections import Rr, is_within, sections
from vedette_agent.dns.records import MAX_RECORDS, Malformed

REFERRAL = response(
    "www.Shop.example.",
    authority=["shop.example. NS ns1.shop.example.", "shop.example. NS NS.Other.test."],
    additional=["ns1.shop.example. A 192.0.2.7", "ns1.shop.example. AAAA 2001:db8::7"],
)


def test_a_referral_is_read_with_its_glue() -> None:
    read = sections(REFERRAL, end_of(REFERRAL))
    assert (read.rcode, read.authoritative, read.answer, read.serial) == (0, False, (), None)
    assert read.authority == (
        Rr("shop.example", 2, "ns1.shop.example"),
        Rr("shop.example", 2, "ns.other.test"),
    )
    assert [rr.data for rr in read.additional] == ["192.0.2.7", "2001:db8::7"]


def test_a_serial_and_an_extended_rcode_are_read() -> None:
    wire = response("z.", "SOA", answer=["z. SOA ns.z. root.z. 4294967295 1 2 3 4"], aa=True)
    read = sections(wire, end_of(wire))
    assert (read.serial, read.authoritative) == (4294967295, True)
    wire = bytearray(wire)
    wire[10:12] = b"\0\1"
    wire += b"\0\0\x29\x04\xd0\x01\0\0\0\0\0"  # OPT with the high bits of BADVERS
    assert sections(bytes(wire), end_of(bytes(wire))).rcode == 16


def test_bytes_that_are_not_plain_are_numbers_so_that_no_name_looks_like_another() -> None:
    wire = response("z.", authority=["z. NS a\\.b.z."])
    assert sections(wire, end_of(wire)).authority[0].data == "a\\046b.z"


@pytest.mark.parametrize(
    ("name", "zone", "is_in"),
    [
        ("a.example", "example", True),
        ("example", "example", True),
        ("badexample", "example", False),
        ("anything", ".", True),
        (".", "example", False),
    ],
)
def test_a_name_is_within_a_zone_by_whole_labels(name: str, zone: str, is_in: bool) -> None:
    assert is_within(name, zone) is is_in


def head(answers: int) -> bytes:
    return b"\0\0\x84\0\0\1" + answers.to_bytes(2, "big") + bytes(4) + b"\1a\0\0\1\0\1"


def data_of(rdtype: int, data: bytes) -> bytes:
    return b"\xc0\x0c" + struct.pack(">HHIH", rdtype, 1, 60, len(data)) + data


MALFORMED = {
    "short address": head(1) + data_of(1, b"\1\2\3"),
    "long name": head(1) + data_of(2, b"\xc0\x0c\0"),
    "name beyond the end": head(1) + data_of(2, b"\x3fabc"),
    "pointer to itself": head(1) + b"\xc0\x13" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\1\2\3\4",
    "pointer forward to a name": head(1) + b"\xc0\x1f" + struct.pack(">HHIH", 2, 1, 60, 3) + b"\1z\0",
    "pointer forward": head(1) + b"\xc0\x20" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\1\2\3\4",
    "unknown label form": head(1) + b"\x80a\0" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\1\2\3\4",
    "cut record": head(1) + b"\xc0\x0c\0\1\0\1",
    "fewer records": head(2) + data_of(1, b"\1\2\3\4"),
    "soa without numbers": head(1) + data_of(6, b"\0\0\1\2\3\4"),
    "300 bytes of name": head(1) + b"\x3f" + b"x" * 63 + (b"\x3f" + b"x" * 63) * 4 + b"\0" + bytes(14),
    "bytes behind the last record": head(1) + data_of(1, b"\1\2\3\4") + b"\0",
    "too many records": head(MAX_RECORDS + 1) + data_of(1, b"\1\2\3\4") * (MAX_RECORDS + 1),
}


@pytest.mark.parametrize("wire", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_message_is_refused(wire: bytes) -> None:
    with pytest.raises(Malformed):
        sections(wire, 19)


def bomb() -> bytes:
    """64 KiB of NS records, each a name of 126 one-letter labels spelled out."""
    name = b"\1a" * 126 + b"\0"
    one = b"\xc0\x0c" + struct.pack(">HHIH", 2, 1, 60, len(name)) + name
    count = 65000 // len(one)
    return head(count) + one * count


def test_a_message_of_spelled_out_names_stops_at_a_bound() -> None:
    started = time.process_time()
    with pytest.raises(Malformed, match="more parts than"):
        sections(bomb(), 19)
    assert time.process_time() - started < 0.1


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tail: bytes) -> None:
    try:
        sections(head(3) + tail, 19)
    except Malformed:
        pass


NAMES = st.sampled_from(["a.", "b.a.", "c.b.a.", "ns.test.", "x-1.test.", "."])
RECORDS = st.lists(
    st.one_of(
        st.tuples(NAMES, st.sampled_from(["NS", "CNAME"]), NAMES).map(" ".join),
        st.tuples(NAMES, st.just("A 192.0.2.9")).map(" ".join),
        st.tuples(NAMES, st.just("AAAA 2001:db8::9")).map(" ".join),
        st.tuples(NAMES, st.just("TXT hello")).map(" ".join),
        st.tuples(NAMES, NAMES.map(lambda name: f"SOA {name} {name} 7 1 1 1 1")).map(" ".join),
    ),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(RECORDS, RECORDS, RECORDS)
def test_dnspython_reads_the_same(answer: list[str], authority: list[str], additional: list[str]) -> None:
    wire = response("q.a.", answer=answer, authority=authority, additional=additional)
    read = sections(wire, end_of(wire))
    other = dns.message.from_wire(wire, one_rr_per_rrset=True)
    for ours, theirs in (
        (read.answer, other.answer),
        (read.authority, other.authority),
        (read.additional, other.additional),
    ):
        assert [(rr.owner, rr.rdtype) for rr in ours] == [
            (rrset.name.to_text(omit_final_dot=True) if len(rrset.name) > 1 else ".", int(rrset.rdtype))
            for rrset in theirs
        ]
        for rr, rrset in zip(ours, theirs, strict=True):
            if rrset.rdtype in (dns.rdatatype.NS, dns.rdatatype.CNAME):
                assert f"{rr.data.rstrip('.')}." == rrset[0].target.to_text()
            elif rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
                assert rr.data == rrset[0].to_text()
