"""Probes a TCP port: a connection and, if the check says so, a short conversation."""

from typing import TYPE_CHECKING, Final

from vedette.checks.model import TcpCheck
from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.engine.stream import FIRST_READ, Stream, connect
from vedette_agent.pattern import compiled

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

MAX_BYTES: Final = 64 * 1024
_SHOWN: Final = 60
_EAGER_SEARCHES: Final = 64


async def probe_tcp(check: TcpCheck, io: "Io", record: Record) -> None:
    """The port accepts; what is sent is taken; what is expected comes before the end and within MAX_BYTES."""
    record.stage = "resolve"
    address = await io.resolve(check.host, check.family, check.resolver, record)
    with await connect(io, address, check.port, record) as stream:
        record.stage = "tcp"
        asked, is_kernel = stream.now(), False  # a greeting is timed from when we saw the connection
        if check.send is not None:
            await stream.send(check.send.encode())
            asked, is_kernel = stream.left()
        if check.expect is not None:
            record.timed(is_kernel)
            await _expect(check.expect, stream, asked, record)


async def _expect(pattern: str, stream: Stream, asked: float, record: Record) -> None:
    search = compiled(pattern).search
    seen = bytearray()
    searches = searched = 0
    first = asked
    while True:
        try:
            data = await stream.recv(MAX_BYTES - len(seen) if seen else FIRST_READ)
        except DeadlineExceeded as exc:
            if searched < len(seen) and search(seen.decode("utf-8", "replace")):
                break  # it came in time; we had put off looking
            if seen:
                exc.failure = Failure.TCP_EXPECT
                exc.add_note(_mismatch("no match", pattern, seen))
            raise
        if not seen:
            first, is_kernel = stream.arrived(asked)
            record.timed(is_kernel)
            record.add_phase("processing", first - asked)
        seen += data
        is_last = not data or len(seen) >= MAX_BYTES
        # A peer that sends byte by byte could have us search 64 KiB as many times: after a while, what is
        # searched must have grown by an eighth.
        if is_last or searches < _EAGER_SEARCHES or len(seen) >= searched + searched // 8:
            searches, searched = searches + 1, len(seen)
            if search(seen.decode("utf-8", "replace")):
                break
        if not data:
            raise ProbeFailed(Failure.TCP_CLOSED, _mismatch("closed before a match", pattern, seen))
        if is_last:
            raise ProbeFailed(Failure.TCP_EXPECT, _mismatch("no match", pattern, seen))
    last, is_kernel = stream.arrived(first)
    record.timed(is_kernel)
    record.add_phase("transfer", last - first)


def _mismatch(what: str, pattern: str, seen: bytearray) -> str:
    came = f"{len(seen)} bytes came: {bytes(seen[:_SHOWN])!r}" if seen else "nothing came"
    return f"{what} for {pattern[:80]!r}; {came}"
