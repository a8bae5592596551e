"""Records that take a library long to read cost a probe its answer, and never the loop."""

import struct
import time

import pytest

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
        ("HTTPS", 65, b"\0\1\0" + PARAMETERS, "more than 4096 bytes of HTTPS data"),
        ("NSEC", 47, b"\0" + BITMAP, "more than 300 bytes of NSEC data"),
        ("TXT", 16, b"\1a" * 8193, "more than 8192 strings"),
    ],
)
def test_what_was_asked_for_is_read_within_bounds(rdtype: str, kind: int, data: bytes, most: str) -> None:
    """20 KB of bitmaps would take a second."""
    query = Query("a.test", rdtype)
    with pytest.raises(Malformed, match=f"{most}; this agent reads no more than that"):
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
