"""Records that take a library long to read cost a probe its answer, and never the loop."""

import struct
import time

import pytest

from vedette_agent.dns.options import extended_errors, nsid
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import Malformed, read_unusual

OWNER = b"\xc0\x0c"
ADDRESS = (1, b"\xc0\x00\x02\x01")
BITMAP = b"".join(bytes([window, 32]) + b"\xff" * 32 for window in range(9))
PARAMETERS = b"".join(struct.pack(">HH", number, 0) for number in range(10, 4500))


def answer(query: Query, *records: tuple[int, bytes], sections: tuple[int, int, int] | None = None) -> bytes:
    counts = sections or (len(records), 0, 0)
    head = (
        b"\0\0\x81\x80\0\1" + struct.pack(">HHH", *counts) + query.name + struct.pack(">HH", query.rdtype, 1)
    )
    made = (OWNER + struct.pack(">HHIH", kind, 1, 60, len(data)) + data for kind, data in records)
    return head + b"".join(made)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (16, b"\0" * 20_000),  # TXT: so many empty strings
        (65, b"\0\1\0" + PARAMETERS),  # HTTPS
        (42, b"\0\1\x20\0" * 5000),  # APL
        (55, b"\4\2\0\2abcdab" + b"\1a\0" * 6000),  # HIP
    ],
)
def test_what_nobody_asked_for_is_not_read(kind: int, data: bytes) -> None:
    """Each of these records would take dnspython 60 to 100 ms, beside any answer."""
    query = Query("a.test", "A")
    began = time.thread_time()
    for sections in ((2, 0, 0), (1, 1, 0), (1, 0, 1)):
        assert read_unusual(answer(query, ADDRESS, (kind, data), sections=sections), query).answers == [
            "192.0.2.1"
        ]
    assert time.thread_time() - began < 0.06


@pytest.mark.parametrize(
    ("rdtype", "kind", "data", "most"),
    [
        ("HTTPS", 65, b"\0\1\0" + PARAMETERS, "more HTTPS data than this agent reads"),
        ("NSEC", 47, b"\0" + BITMAP, "more NSEC data than this agent reads"),
        ("TXT", 16, b"\1a" * 8193, "more than the 8192 strings that this agent reads"),
    ],
)
def test_what_was_asked_for_is_read_within_bounds(rdtype: str, kind: int, data: bytes, most: str) -> None:
    """20 KB of bitmaps would take a second."""
    query = Query("a.test", rdtype)
    with pytest.raises(Malformed, match=most):
        read_unusual(answer(query, (kind, data)), query)


def test_ordinary_sets_of_the_asked_type_are_read() -> None:
    texts = Query("a.test", "TXT")
    long = [(16, bytes([200]) + bytes([65 + number % 26]) * 200) for number in range(70)]
    assert len(read_unusual(answer(texts, *long), texts).answers) == 26
    bitmap = Query("a.test", "NSEC")
    data = b"\1b\4test\0" + b"\0\6\x40\1\0\0\0\3"
    assert read_unusual(answer(bitmap, (47, data)), bitmap).answers == ["b.test. A MX RRSIG NSEC"]


def test_a_stranger_does_not_become_the_asked_private_type() -> None:
    query = Query("a.test", "TYPE65280")
    found = read_unusual(answer(query, (65280, b"\1"), (16, b"\1x")), query)
    assert found.answers == [r"\# 1 01"]


def test_an_answer_that_ends_within_a_record_is_malformed() -> None:
    query = Query("a.test", "A")
    whole = answer(query, ADDRESS, (16, b"\1x"))
    for cut in range(len(answer(query)), len(whole)):
        with pytest.raises(Malformed):
            read_unusual(whole[:cut], query)


LONG_NAME = b"\1a" * 126 + b"\0"
ODD_NAME = (b"\x3f" + b"\7" * 63) * 3 + b"\x3d" + b"\7" * 61 + b"\0"
SIGNATURE = struct.pack(">HBBIIIH", 1, 8, 2, 60, 1, 1, 1) + LONG_NAME + bytes(600)
STRINGS = (b"\xff" + b"\x80" * 255) * 3


@pytest.mark.parametrize(
    ("rdtype", "records"),
    [
        ("NS", [(2, ODD_NAME)] * 240),
        ("TXT", [(16, b"\1\1" * 8192)]),
        ("TXT", [(16, b"\0" * 65000)]),
        ("TXT", [(16, STRINGS * 80)]),
        ("RRSIG", [(46, SIGNATURE)] * 60),
        ("NAPTR", [(35, b"\0\1\0\2" + STRINGS + LONG_NAME)] * 60),
        ("NSEC", [(47, b"\0\0\x20" + b"\xff" * 32)] * 9),
        ("SVCB", [(64, b"\0\1\0" + PARAMETERS[:3000])]),
        ("APL", [(42, b"\0\1\x20\0" * 480)]),
        ("ANY", [(46, SIGNATURE)] * 30 + [(47, b"\0\0\x20" + b"\xff" * 32)] * 3 + [(65, PARAMETERS[:900])]),
    ],
)  # fmt: skip
def test_the_worst_of_each_type_costs_less_than_20_ms(rdtype: str, records: list[tuple[int, bytes]]) -> None:
    """Half of that here, with all sections shown; the rest is for slower machines."""
    query = Query("a.test", rdtype)
    wire = answer(query, *records)
    took = []
    for _ in range(4):
        began = time.thread_time()
        try:
            read_unusual(wire, query, with_sections=True)
        except Malformed:
            pass
        took.append(time.thread_time() - began)
    assert min(took) < 0.02


def test_the_labels_of_all_names_are_counted() -> None:
    """1,000 records that point into a field of labels: 120,000 labels without the bound."""
    query = Query("a.test", "NS")
    field = b"\1a" * 2000 + b"\0"
    begin = len(answer(query)) + 12
    points = [(0xC000 | begin + 2 * (1880 + n)).to_bytes(2, "big") for n in range(120)]
    wire = answer(query, (10, field), *((2, points[n % 120]) for n in range(1000)))
    with pytest.raises(Malformed, match="more parts than the 8192 this agent reads"):
        read_unusual(wire, query)
    few = answer(query, (10, field), *((2, points[n % 120]) for n in range(100)))
    assert read_unusual(few, query).answer_rrs == 101


def test_sections_are_read_once_and_shown_as_zone_files_write_them() -> None:
    query = Query("a.test", "MX")
    wire = answer(
        query,
        (15, b"\0\x0a\2MX" + b"\xc0\x0c"),
        (2, b"\2Ns\xc0\x0c"),
        (16, b'\3a"b\1\xff'),
        sections=(1, 1, 1),
    )
    found = read_unusual(wire, query, with_sections=True)
    assert found.answers == ["10 mx.a.test"]
    assert found.sections is not None
    assert [str(one) for part in found.sections for one in part] == [
        "a.test. 60 IN MX 10 mx.a.test.",
        "a.test. 60 IN NS ns.a.test.",
        r'a.test. 60 IN TXT "a\"b" "\255"',
    ]


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\0\7", b"\0\7\0\2", b"\0\x0f\0\1\6", b"\0\3\xff\xff", b"\0\x0f\0\2\0\6" + b"\0\x0f\0\x09"],
)
def test_options_that_are_cut_off_are_left_out(data: bytes) -> None:
    assert len(extended_errors(data)) <= 1
    assert nsid(data) is None


def test_options_are_looked_at_up_to_a_bound_and_their_texts_cut() -> None:
    one = b"\0\x0f\0\2\0\6"
    assert len(extended_errors(one * 10_000)) == 64
    (long,) = extended_errors(b"\0\x0f" + (40_000).to_bytes(2, "big") + b"\0\0" + b"\xff" * 39_998)
    assert len(long.text) == 4 * 512
    assert nsid(b"\0\3\0\4\x01ab\xff") == "016162ff"
    assert nsid(b"\0\3\0\4lon1") == "lon1"


def test_long_texts_that_are_no_utf8_are_spelled_byte_by_byte() -> None:
    """Python escapes what is odd in a text at 0.2 µs a byte: 64 KiB would take 13 ms."""
    query = Query("a.test", "TXT")
    for times, text in ((500, "\\xff" + "é" * 500), (5000, "\\xff" + r"\xc3\xa9" * 5000)):
        odd = b"\xff" + "é".encode() * times
        strings = b"".join(
            bytes([len(odd[at : at + 255])]) + odd[at : at + 255] for at in range(0, len(odd), 255)
        )
        assert read_unusual(answer(query, (16, strings)), query).answers == [text]


@pytest.mark.parametrize("name", [(b"\x3f" + b"a" * 63) * 4 + b"\0", b"\1a" * 128 + b"\0", b"\x40a\0"])
def test_names_beyond_255_bytes_and_of_unknown_forms_are_malformed(name: bytes) -> None:
    """RFC 1035 2.3.4."""
    query = Query("a.test", "NS")
    with pytest.raises(Malformed, match="too long, or of an unknown form"):
        read_unusual(answer(query, (2, name)), query)


OPT = struct.pack(">HHIH", 41, 1232, 0x01000000, 0)


@pytest.mark.parametrize(
    ("records", "sections"),
    [(b"\0" + OPT + b"\0" + OPT, (0, 0, 2)), (b"\0" + OPT, (0, 1, 0)), (OWNER + OPT, (0, 0, 1))],
)
def test_edns_stands_once_at_the_root_in_the_additional_section(
    records: bytes, sections: tuple[int, int, int]
) -> None:
    """RFC 6891 6.1.1. Its TTL has the upper bits of the response code."""
    query = Query("a.test", "A")
    assert read_unusual(answer(query, sections=(0, 0, 1)) + b"\0" + OPT, query).rcode == 16
    with pytest.raises(Malformed, match="OPT record"):
        read_unusual(answer(query, sections=sections) + records, query)
