"""What hostile name servers can make a resolution from the roots down cost, and one beside many others."""

import struct
from typing import NamedTuple

import pytest

from hostile.name_servers import Records, name_servers
from hostile.test_cost_of_one_answer import MAX_GROWN_KIB, MAX_HELD_MS, cost

NS, CNAME, A = 2, 5, 1
LONG = b"".join(b"\x3f" + b"\xff" * 63 for _ in range(3))  # each byte of it is written in four


def rr(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def label(number: int) -> bytes:
    text = b"n%d" % number
    return bytes([len(text)]) + text


def pointer(at: int) -> bytes:
    return struct.pack(">H", 0xC000 | at)


def few(question: bytes) -> tuple[tuple[int, int, int], bytes]:
    return (1, 0, 0), rr(b"\xc0\x0c", A, b"\xc0\0\2\1")


def servers(question: bytes) -> tuple[tuple[int, int, int], bytes]:
    """1,000 servers of the zone."""
    return (0, 1000, 0), b"".join(rr(b"\xc0\x0c", NS, label(at) + b"\xc0\x0c") for at in range(1000))


def long_servers(question: bytes) -> tuple[tuple[int, int, int], bytes]:
    """The same, each with a name of 1,000 characters."""
    first = rr(b"\xc0\x0c", NS, label(0) + LONG + b"\xc0\x0c")
    long = pointer(12 + len(question) + 12 + len(label(0)))
    return (0, 1000, 0), first + b"".join(rr(b"\xc0\x0c", NS, label(at) + long) for at in range(1, 1000))


def glue(question: bytes) -> tuple[tuple[int, int, int], bytes]:
    """20 servers with 1,000 addresses."""
    named = b"".join(rr(b"\xc0\x0c", NS, label(at) + b"\xc0\x0c") for at in range(20))
    addresses = b"".join(
        rr(label(at % 20) + b"\xc0\x0c", A, b"\x7f\0" + struct.pack(">H", at + 1)) for at in range(1000)
    )
    return (0, 20, 1000), named + addresses


def aliases(question: bytes) -> tuple[tuple[int, int, int], bytes]:
    """1,000, one of the other."""
    owners = [b"\xc0\x0c", *(label(at) + b"\xc0\x0c" for at in range(1000))]
    return (1000, 0, 0), b"".join(rr(owners[at], CNAME, owners[at + 1]) for at in range(1000))


def addresses(question: bytes) -> tuple[tuple[int, int, int], bytes]:
    return (1000, 0, 0), b"".join(rr(b"\xc0\x0c", A, b"\xc0\0" + struct.pack(">H", at)) for at in range(1000))


class Case(NamedTuple):
    records: Records
    flags: bytes = b"\x84\0"


TRACE = "trace: {{name: a.test, roots: [127.0.0.1], port: {port}}}"
NAMES = ", ".join(f"{{{{name: n{at}.a.test, addresses: [127.0.0.{at + 1}]}}}}" for at in range(16))
AUTHORITY = f"authority: {{{{zone: a.test, servers: [{NAMES}], port: {{port}}}}}}"
DNSSEC = "dnssec: {{name: a.test, resolver: '127.0.0.1:{port}'}}"
CASES = {
    "servers": Case(servers, b"\x80\0"),
    "servers with long names": Case(long_servers, b"\x80\0"),
    "glue": Case(glue, b"\x80\0"),
    "aliases": Case(aliases),
    "addresses": Case(addresses),
}


def judged(probe: str, case: Case, count: int) -> None:
    with name_servers(few, count) as gentle, name_servers(case.records, count, case.flags) as port:
        told = cost(probe, (gentle, port))
    assert told["failure"].startswith("dns.") or told["failure"] in ("net.refused", "NoneType"), told
    assert told["held_ms"] <= MAX_HELD_MS, told
    assert told["grown_kib"] <= MAX_GROWN_KIB, told


@pytest.mark.parametrize("name", CASES)
def test_one_answer_on_the_way_down(name: str) -> None:
    judged(TRACE, CASES[name], 1)


@pytest.mark.parametrize("name", CASES)
def test_one_answer_each_of_sixteen_servers_of_a_zone(name: str) -> None:
    """They come at once: what one turn of the loop reads of them counts together."""
    judged(AUTHORITY, CASES[name], 16)


@pytest.mark.parametrize("name", CASES)
def test_one_answer_on_the_chain_of_trust(name: str) -> None:
    judged(DNSSEC, CASES[name], 1)
