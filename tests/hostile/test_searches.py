"""Patterns are searched in the loop where that is cheap, beside it where it is not, whatever the kind."""

import asyncio
import json
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pytest

from hostile.hostile_helpers import Held, run_held
from hostile.hostile_servers import Say, datagrams, stream
from hostile.test_cost_of_one_answer import accepted
from servers.probing import Probed, bench
from servers.tcp import TcpServer, silent
from vedette.checks import read
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record
from vedette_agent.engine.searches import IN_LOOP, Searches
from vedette_agent.probers import tcp as probers_tcp
from vedette_agent.probers.conversing import EAGER
from vedette_agent.probers.run import prober

# Patterns that make RE2 try one state for every way that the last hundreds of letters can be: some 15 ns for
# each step.
SLOW = "[ab]*a[ab]{450}z"
LETTERS = "".join(random.Random(1).choices("ab", k=1 << 16)).encode()
MANY = ", ".join(f"'{SLOW}{number}'" for number in range(8))


def answered(*pieces: bytes) -> Say:
    """After what was asked; the connection stays open."""

    def say(asked: bytes) -> Iterator[bytes]:
        yield from pieces

    return say


def texts(asked: bytes, each: int, count: int) -> bytes:
    """*count* TXT records of *each* letters."""
    end = asked.index(b"\0", 12) + 5
    head = asked[:2] + b"\x84\0\0\1" + struct.pack(">HHH", count, 0, 0)
    records = []
    for number in range(count):
        text = LETTERS[number * each : (number + 1) * each]
        data = b"".join(bytes([len(text[at : at + 255])]) + text[at : at + 255] for at in range(0, each, 255))
        records.append(b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(data)) + data)
    return head + asked[12:end] + b"".join(records)


def zone(asked: bytes) -> Iterator[bytes]:
    wire = texts(asked[2:], 2000, 12)
    yield len(wire).to_bytes(2, "big") + wire


def page(headers: bytes, body: bytes) -> Say:
    return answered(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (headers, len(body), body))


# All of them are read at once.
MESSAGES = accepted(*(b"\x81\x46" + LETTERS[at : at + 70] for at in range(0, 7000, 70)), b"\x81\1!")
LONG_MESSAGE = accepted(
    b"\x81\x7e" + struct.pack(">H", 60_000) + LETTERS[:60_000], b"\x81\1!", b"\x89\0" * 300
)
DNS = "dns: {name: a.test, type: TXT, resolver: '127.0.0.1:PORT', transport: tcp, expect: {EXPECT}}"
HTTP = "http: {url: 'http://127.0.0.1:PORT/', expect: {EXPECT}}"
WEBSOCKET = "websocket: {url: 'ws://127.0.0.1:PORT/', dialogue: [{expect: 'SLOW|!'}]}"


class Case(NamedTuple):
    probe: str
    say: Say
    failure: str | None
    serve: Callable[[Say], AbstractContextManager[int]] = stream


CASES = {
    "tcp": Case("tcp: {address: '127.0.0.1:PORT', send: a, expect: 'SLOW'}", answered(LETTERS), "tcp.expect"),
    "tcp dialogue": Case(
        "tcp: {address: '127.0.0.1:PORT', dialogue: [{send: a}, {expect: '(SLOW)'}]}",
        answered(LETTERS),
        "tcp.expect",
    ),
    "websocket": Case(WEBSOCKET, LONG_MESSAGE, None),
    "websocket messages": Case(WEBSOCKET.replace("SLOW", "(a?b?){300}z"), MESSAGES, None),
    "udp": Case(
        "udp: {address: '127.0.0.1:PORT', send_hex: '00', expect: 'SLOW'}",
        answered(LETTERS[:60_000]),
        "udp.expect",
        datagrams,
    ),
    "dns": Case(DNS.replace("EXPECT", "answers: {match_none: [MANY]}"), zone, None),
    "dns sections": Case(DNS.replace("EXPECT", "sections: {answer: {match_none: [MANY]}}"), zone, None),
    "http small": Case(HTTP.replace("EXPECT", "body: {lack: [MANY]}"), page(b"", LETTERS[:2000]), None),
    "http header": Case(
        HTTP.replace("EXPECT", "headers: {X-A: {lack: [MANY]}}"),
        page(b"X-A: " + LETTERS[:8000] + b"\r\n", b""),
        None,
    ),
    "http json": Case(
        HTTP.replace("EXPECT", "json: {'$[*]': {lack: [MANY]}}"),
        page(b"", json.dumps([LETTERS.decode()[:4000]] * 2).encode()),
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_text_that_was_made_for_the_pattern_does_not_hold_the_loop(name: str) -> None:
    """In the loop each of these takes 40 to 300 ms."""
    case = CASES[name]
    probe = case.probe.replace("MANY", MANY).replace("SLOW", SLOW)
    held = Held()

    async def main(port: int) -> Probed:
        text = f"agents: [{{name: par-01}}]\nchecks: [{{name: a, {probe.replace('PORT', str(port))}}}]"
        check = read.loads(text.encode(), "one.yaml").checks[0]
        async with bench() as made:
            await made.run(prober, check, 0.2)  # of the first connection next to nothing comes
            held.worst = 0.0
            return await made.run(prober, check, 30.0)

    with case.serve(case.say) as port:
        found = run_held(main(port), held)
    assert found.failure == case.failure, found.error
    assert held.worst < 0.02


def test_what_is_cheap_is_searched_in_the_loop() -> None:
    """A thread would take longer than the search. The sum counts: a peer may say much in many words."""
    threads: list[threading.Thread] = []

    async def searches(check: None, io: Io, record: Record) -> None:
        made = Searches(io)
        for _ in range(5):
            await made.made(IN_LOOP // 2, lambda: threads.append(threading.current_thread()))

    async def main() -> None:
        async with bench() as made:
            assert (await made.run(searches, None)).error is None

    asyncio.run(main())
    mine = threading.current_thread()
    assert [one is mine for one in threads] == [True, True, False, True, True]


def test_a_text_that_grows_byte_by_byte_does_not_keep_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once EAGER steps are taken, one search comes after ten times as long as the last took."""
    took: list[float] = []
    steps = 0
    paced_from = 0.0

    class Timed(probers_tcp.compiled(SLOW).__class__):  # type: ignore[misc]
        def search(self, text: str) -> object:
            nonlocal steps, paced_from
            began = time.perf_counter()
            found = super().search(text)
            steps += self.steps(text)
            if steps > EAGER:
                paced_from = paced_from or began
                took.append(time.perf_counter() - began)
            return found

    def trickle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(LETTERS[:8_000])
        for at in range(8_000, 60_000):
            if len(took) > 2:
                break
            connection.sendall(LETTERS[at : at + 1])
            select.select([], [], [], 0.0005)
        connection.sendall(b"!")
        silent(connection)

    async def main(port: int) -> Probed:
        text = (
            "agents: [{name: par-01}]\nchecks: [{name: a, tcp: "
            f"{{address: '127.0.0.1:{port}', expect: '{SLOW}|!$'}}}}]"
        )
        async with bench() as made:
            return await made.run(prober, read.loads(text.encode(), "one.yaml").checks[0], 30.0)

    monkeypatch.setattr(probers_tcp, "compiled", lambda pattern: Timed(pattern, False))
    with TcpServer(trickle) as server:
        found = asyncio.run(main(server.port))
    assert found.error is None
    assert len(took) > 2
    assert sum(took[:-1]) < (time.perf_counter() - paced_from) / 5
