"""Answers that never end are ended at the deadline, and leave no descriptor and no task behind."""

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from hostile.hostile_servers import Say, stream
from servers.probing import Bench, Probed, bench
from vedette.checks import read
from vedette_agent.probers.run import prober

SECONDS = 0.5
LATE = 0.1  # beside what the engine has found itself to be late


def trickled(head: bytes, byte: bytes) -> Say:
    """One more *byte* every 20 ms."""

    def say(asked: bytes) -> Iterator[bytes]:
        if head:
            yield head
        while True:
            time.sleep(0.02)
            yield byte

    return say


def silent(asked: bytes) -> Iterator[bytes]:
    yield from ()


HTTP = "http: {url: 'http://127.0.0.1:PORT/', expect: {body: {match: b}}}"
OK = b"HTTP/1.1 200 OK\r\n"
CASES = {
    "http head": (HTTP, trickled(OK, b"X")),
    "http body": (HTTP, trickled(OK + b"Content-Length: 1000000\r\n\r\n", b"a")),
    "http chunks": (HTTP, trickled(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n")),
    "http 1xx": (HTTP, trickled(b"", b"HTTP/1.1 102 Processing\r\n\r\n")),
    "http silence": (HTTP, silent),
    "http2 pings": (
        HTTP.replace("expect", "versions: [HTTP/2], expect"),
        trickled(b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\6\0\0\0\0\0" + bytes(8)),
    ),
    "tcp banner": ("tcp: {address: '127.0.0.1:PORT', send: hello, expect: never}", trickled(b"", b"a")),
    "tls handshake": ("tls: {address: '127.0.0.1:PORT'}", trickled(b"\x16\3\3\x40\0\2\0\x3f\xfc", b"a")),
    "tls silence": ("tls: {address: '127.0.0.1:PORT'}", silent),
    "websocket": ("websocket: {url: 'ws://127.0.0.1:PORT/'}", trickled(b"HTTP/1.1 101 ", b"a")),
    "dns": ("dns: {name: a.test, resolver: '127.0.0.1:PORT', transport: tcp}", trickled(b"\xff\xff", b"a")),
    "grpc": (
        "grpc: {address: '127.0.0.1:PORT'}",
        trickled(b"\0\0\0\4\0\0\0\0\0\0\x20\0\x20\0\0\0\0\0", b"a"),
    ),
}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def met(probe: str, port: int, made: Bench) -> Probed:
    text = f"agents: [{{name: par-01}}]\nchecks: [{{name: a, {probe.replace('PORT', str(port))}}}]"
    return await made.run(prober, read.loads(text.encode(), "one.yaml").checks[0], SECONDS)


@pytest.mark.parametrize("name", CASES)
def test_the_deadline_ends_it_and_nothing_is_left(name: str) -> None:
    probe, say = CASES[name]

    async def main(port: int) -> None:
        async with bench() as made:
            await met(probe, port, made)  # opens what a loop keeps, and loads modules
            before, lagged = descriptors(), made.engine.stalled
            probed = await met(probe, port, made)
            assert type(probed.error).__name__ == "DeadlineExceeded", probed.error
            late = made.engine.stalled - lagged + made.engine.worst_lag
            assert SECONDS - 0.001 <= probed.seconds <= SECONDS + LATE + late
            assert asyncio.all_tasks() == {asyncio.current_task()}
            deadline = time.monotonic() + 10
            while descriptors() > before and time.monotonic() < deadline:  # the server closes its side
                await asyncio.sleep(0.01)
            assert descriptors() <= before

    with stream(say) as port:
        asyncio.run(main(port))
