"""What a forger has to guess of a query: its id and its source port (RFC 5452 9.2), and the case of letters.

The bounds lie so far out that honest random numbers pass them for all but one run in 10^9.
"""

import asyncio
import math
import socket
from collections import Counter
from itertools import pairwise

from servers.probing import bench
from vedette.checks.model import Endpoint
from vedette_agent.dns.query import Query
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record

QUERIES = 10_000
BINS = 64


def too_uneven(counts: Counter[int], bins: int) -> bool:
    """Chi-square of *counts* over *bins*, 7 deviations out by Wilson's and Hilferty's approximation."""
    total = sum(counts.values())
    chi = sum((counts[one] - total / bins) ** 2 for one in range(bins)) * bins / total
    part = 2 / (9 * (bins - 1))
    most: float = (bins - 1) * (1 - part + 7 * math.sqrt(part)) ** 3
    return chi > most


def test_ids_and_letter_case_are_even_and_independent() -> None:
    """10,000 ids over 64 bins, by their upper and their lower bits; each letter is upper in half of them."""
    query = Query("letters.example.test", "A")
    drawn = [query.draw() for _ in range(QUERIES)]
    ids = [int.from_bytes(wire[:2], "big") for wire in drawn]
    assert not too_uneven(Counter(one >> 10 for one in ids), BINS)
    assert not too_uneven(Counter(one & 63 for one in ids), BINS)
    # The next id says nothing of its neighbour.
    assert not too_uneven(Counter((a ^ b) & 63 for a, b in pairwise(ids)), BINS)
    # 65,536 (1 - e^(-10,000/65,536)) = 9,272 different ones, give or take 25.
    assert 9_272 - 200 < len(set(ids)) < 9_272 + 200
    for at in range(13, 20):
        upper = sum(wire[at] & 0x20 == 0 for wire in drawn)
        assert abs(upper - QUERIES / 2) < 6.5 * math.sqrt(QUERIES) / 2


def test_uneven_numbers_would_be_noticed() -> None:
    """A counter, fifteen random bits instead of sixteen, one value in a hundred too often."""
    assert too_uneven(Counter(number & 31 for number in range(QUERIES)), BINS)
    assert too_uneven(Counter([0] * 400 + [number & 63 for number in range(QUERIES)]), BINS)


async def seen_by_a_server(count: int) -> list[tuple[int, int]]:
    """Source port and id of *count* queries."""
    seen: list[tuple[int, int]] = []
    loop = asyncio.get_running_loop()
    query = Query("letters.example.test", "A")

    def answer() -> None:
        data, address = server.recvfrom(2048)
        seen.append((address[1], int.from_bytes(data[:2], "big")))
        server.sendto(data[:2] + b"\x84\0\0\1" + bytes(6) + data[12 : query.end], address)

    async def ask(to: Endpoint, io: Io, record: Record) -> None:
        await io.ask(to, query, record)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        loop.add_reader(server, answer)
        to = Endpoint("127.0.0.1", server.getsockname()[1])
        async with bench() as made:
            while len(seen) < count:
                for one in await asyncio.gather(*(made.run(ask, to, 20.0) for _ in range(50))):
                    assert one.error is None
        loop.remove_reader(server)
    return seen


def test_port_and_id_together_have_28_bits() -> None:
    """10,000 queries to one server leave from more than 140 ports, spread over thousands (13 bits), and with
    ids that a port does not tell (16 bits).
    """
    seen = asyncio.run(seen_by_a_server(QUERIES))
    ports = list(dict.fromkeys(port for port, _ in seen))
    assert len(ports) > 140
    low, high = min(ports), max(ports)
    assert math.log2(high - low) > 13
    assert not too_uneven(Counter((port - low) * 8 // (high - low + 1) for port in ports), 8)
    assert not too_uneven(Counter(ident >> 10 for _, ident in seen), BINS)
    assert not too_uneven(Counter((ident ^ port) & 63 for port, ident in seen), BINS)
    # A socket leaves after 64 queries; now and then a later one is given the same port by chance.
    assert max(Counter(port for port, _ in seen).values()) <= 4 * 64
    # 64 queries share a port, so that 5 pairs in 10,000 queries are expected to be alike.
    assert len(seen) - len(set(seen)) < 40
