"""A conversation on one connection: waits for patterns and bytes, says what follows, may turn to TLS."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from vedette.checks.captures import TooLong, filled
from vedette.checks.model import DialogueStep, TlsOptions
from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import MARGIN, DeadlineExceeded, Disarm, Run, suspend
from vedette_agent.engine.searches import IN_LOOP, Searches
from vedette_agent.engine.stream import FIRST_READ, Stream
from vedette_agent.engine.tls import TlsStream, start_tls
from vedette_agent.pattern import Match, compiled

MAX_BYTES: Final = 64 * 1024  # that may come before a match, and that one text to send may grow to
_SHOWN: Final = 60
# What came is searched again with each read. A peer that sends byte by byte could have us search 64 KiB as
# many times: after so many steps (engine/searches.py) the next read waits for ten times what the last search
# took, so that it finds more.
EAGER: Final = 64 * IN_LOOP
_PACE: Final = 10
_LONGEST: Final = 3  # bytes that a pattern meets for one that is no UTF-8


class Found(NamedTuple):
    end: int  # where what was found ends, in bytes
    match: Match | None = None
    is_settled: bool = True  # what is yet to come cannot make it longer


class Seek(NamedTuple):
    look: Callable[[bytes], Found | None]  # in what came and was not yet taken
    size: int  # steps for each byte of that


class Conversation:
    """What was said and heard on *stream*. Adds the phases "processing", "transfer" and "tls"."""

    def __init__(self, stream: Stream | TlsStream, record: Record, searches: Searches) -> None:
        self.stream = stream
        self._record = record
        self._searches = searches
        self._waiting = bytearray()  # came, and is not yet taken
        self._groups: tuple[str | None, ...] = ()  # of the last pattern
        self._names: dict[str, str] = {}
        self._begin()

    def _begin(self) -> None:
        self._record.stage = "tcp"
        # A greeting is timed from when we saw the connection.
        self._begun = self.stream.now()
        self._has_said = False
        self._first: float | None = None  # when the first bytes arrived

    async def follow(self, steps: tuple[DialogueStep, ...], host: str, options: TlsOptions | None) -> None:
        for at, step in enumerate(steps):
            where = f"step {at + 1}: "
            is_last = at + 1 == len(steps) and not (step.send or step.send_bytes or step.start_tls)
            if step.expect_bytes is not None:
                await self.hear(_bytes(step.expect_bytes), step.expect_bytes, is_last=is_last, where=where)
            elif step.expect is not None:
                found = await self.hear(_lines(step.expect), step.expect, is_last=is_last, where=where)
                if found.match is not None:
                    self._groups = found.match.groups()
                    self._names |= {k: v or "" for k, v in found.match.groupdict().items()}
            if step.send_bytes is not None:
                await self.say(step.send_bytes)
            elif step.send is not None:
                await self.say(self._filled(step.send, where))
            if step.start_tls:
                await self.encrypt(host, options or TlsOptions())

    async def say(self, data: bytes) -> None:
        self._record.note("tcp.sent", data)
        await self.stream.send(data)
        self._has_said = True

    async def hear(self, seek: Seek, wanted: str | bytes, *, is_last: bool, where: str = "") -> Found:
        """Wait until *seek* finds something, and take what came until its end.

        *is_last*: nothing is awaited after it, so that a last look at the deadline may still end well.
        """
        self._record.note("tcp.awaited", wanted)
        return await self._until(seek, wanted, is_last, where)

    async def _until(self, seek: Seek, wanted: str | bytes, is_last: bool, where: str) -> Found:
        waiting = self._waiting
        spent = 0
        is_over = False
        # The rest of a line that was found before is nothing that this step was answered with.
        rest = len(waiting) if waiting.find(b"\n") in (-1, len(waiting) - 1) else 0
        while True:
            is_full = len(waiting) >= MAX_BYTES
            found = None
            took = 0.0
            if waiting:
                came = bytes(waiting)
                steps = seek.size * (len(came) if came.isascii() else len(came) * _LONGEST)
                spent += steps
                began = self.stream.now()
                found = await self._searches.made(steps, partial(seek.look, came))
                took = self.stream.now() - began
                if found is not None and (found.is_settled or is_over or is_full):
                    self._record.note("tcp.received", came)
                    del waiting[: found.end]
                    return found
            if is_over or is_full:
                self._record.note("tcp.received", bytes(waiting))
                failure = Failure.TCP_CLOSED if is_over else Failure.TCP_EXPECT
                said = "closed before a match" if is_over else "no match"
                raise ProbeFailed(failure, f"{where}{_mismatch(said, wanted, waiting)}")
            try:
                if spent > EAGER:
                    await suspend(partial(_pause, _PACE * took))
                data = await self.stream.recv(FIRST_READ if self._first is None else MAX_BYTES - len(waiting))
            except DeadlineExceeded as exc:
                if found is not None and is_last:
                    return found  # it came in time, and will not become longer
                if len(waiting) > rest:
                    self._record.note("tcp.received", bytes(waiting))
                    exc.failure = Failure.TCP_EXPECT
                    exc.add_note(f"{where}{_mismatch('no match', wanted, waiting)}")
                elif where:
                    exc.add_note(f"{where}nothing came for {wanted[:80]!r}")
                raise
            if self._first is None:
                asked, is_kernel = self.stream.left() if self._has_said else (self._begun, False)
                self._record.timed(is_kernel)
                self._first, is_kernel = self.stream.arrived(asked)
                self._record.timed(is_kernel)
                self._record.add_phase("processing", self._first - asked)
            waiting += data
            is_over = not data

    async def encrypt(self, host: str, options: TlsOptions) -> None:
        """Raises what start_tls raises, and ProbeFailed(tls.starttls) when more came in the clear."""
        assert isinstance(self.stream, Stream), "the compiler allows one start"
        # The rest of a line that was matched may stay behind. What follows it may have been added by anybody
        # on the path, and would be taken for the encrypted conversation (CVE-2011-0411).
        _, _, more = bytes(self._waiting).partition(b"\n")
        if more or (self._waiting and b"\n" not in self._waiting):
            said = f"said more in the clear before TLS: {bytes(self._waiting[:_SHOWN])!r}"
            raise ProbeFailed(Failure.TLS_STARTTLS, said)
        self._waiting.clear()
        self.end()
        self.stream = await start_tls(self.stream, host, options, self._record)
        self._begin()

    def end(self) -> None:
        """Nothing more is awaited of this part."""
        if self._first is not None:
            last, is_kernel = self.stream.arrived(self._first)
            self._record.timed(is_kernel)
            self._record.add_phase("transfer", last - self._first)

    def _filled(self, text: str, where: str) -> bytes:
        try:
            made = filled(text, self._groups, self._names, MAX_BYTES)
        except TooLong:
            said = f"{where}with what was captured, more than {MAX_BYTES} characters would be sent"
            raise ProbeFailed(Failure.TCP_EXPECT, said) from None
        return made.encode("utf-8", "surrogateescape")


def _pause(seconds: float, run: Run) -> Disarm:
    """Until then, or until there is just time for a last look."""
    loop = asyncio.get_running_loop()
    return loop.call_at(min(loop.time() + seconds, run.deadline - MARGIN), run.resume).cancel


def _bytes(wanted: bytes) -> Seek:
    def look(came: bytes) -> Found | None:
        at = came.find(wanted)
        return None if at < 0 else Found(at + len(wanted))

    return Seek(look, 1)


def _lines(pattern: str) -> Seek:
    """^ and $ match at lines, whether these end with CR LF or with LF.

    A pattern that ends with $ waits for the end of its line: what came may be the half of it.
    """
    made = compiled(f"(?m){pattern}", captures=True)
    is_whole = pattern.endswith("$") and not pattern.endswith("\\$")

    def look(came: bytes) -> Found | None:
        # Bytes that are no UTF-8 survive in this form, so that a capture is sent back as it came.
        text = came.replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")
        match = made.search(text)
        if match is None:
            return None
        end = match.end()
        before = text[:end].encode("utf-8", "surrogateescape")
        count = before.count(b"\n")
        returns = sum(line.endswith(b"\r") for line in came.split(b"\n", count)[:count])
        return Found(len(before) + returns, match, is_settled=not (is_whole and end == len(text)))

    return Seek(look, made.size)


def _mismatch(what: str, wanted: str | bytes, came: bytearray) -> str:
    if not came:
        return f"{what} for {_told(wanted[:80])}; nothing came"
    start = bytes(came[:_SHOWN])
    # Beside a pattern as text, beside bytes as the configuration writes them.
    begins = repr(start) if isinstance(wanted, str) else _told(start)
    return f"{what} for {_told(wanted[:80])}; {len(came)} bytes came: {begins}"


def _told(wanted: str | bytes) -> str:
    """A pattern in quotes, bytes in hexadecimal digits, as the configuration has both."""
    return repr(wanted) if isinstance(wanted, str) else wanted.hex(" ")
