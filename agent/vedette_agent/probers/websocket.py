"""Probes a WebSocket (RFC 6455): the handshake, a dialogue of messages where one is given, the goodbye.

wsproto speaks the protocol; no extension is offered, so nothing is ever decompressed. What it does not bound
is bounded here: how long the head of a response is and how many lines it has, how large a message grows, and
how many frames come that carry next to nothing. Each frame takes one of a small stock, which only the bytes
of messages fill up again.
"""

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from vedette import __version__
from vedette.checks.captures import TooLong, filled
from vedette.checks.model import DialogueStep, WebsocketCheck
from vedette.wire.facts import WebsocketFacts
from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.engine.searches import Searches
from vedette_agent.engine.stream import FIRST_READ, Stream, connect
from vedette_agent.engine.tls import TlsStream, expires_soon, start_tls
from vedette_agent.http.secrets import sent
from vedette_agent.pattern import Match, compiled

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

MAX_HEAD: Final = 16 * 1024
MAX_LINES: Final = 256
MAX_MESSAGE: Final = 64 * 1024  # bytes of a binary, characters of a text message
MAX_HEARD: Final = 1 << 20  # of all messages together
STOCK: Final = 256  # frames
FILLING: Final = 64  # of a message, for one frame more
READ_BYTES: Final = 4096
_SHOWN: Final = 60
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")


async def probe_websocket(check: WebsocketCheck, io: "Io", record: Record) -> None:
    """The handshake succeeds, the dialogue comes to its end, and the server answers our goodbye."""
    record.secrets = partial(sent, check.headers, None)
    try:
        await _probe(check, io, record)
    except ProbeFailed as exc:
        # Whatever the peer says may repeat our headers.
        exc.detail = sent(check.headers, None).hide(exc.detail)
        raise


async def _probe(check: WebsocketCheck, io: "Io", record: Record) -> None:
    address = await io.resolve(check.host, check.family, check.resolver, record)
    with await connect(io, address, check.port, record) as stream:
        if check.tls is None:
            await _converse(check, io, stream, record)
            return
        name = check.tls.server_name or check.host
        with await start_tls(stream, name, check.tls, record) as encrypted:
            await _converse(check, io, encrypted, record)
    soon = expires_soon(record.tls, check.tls)
    if soon is not None:
        raise soon


async def _converse(check: WebsocketCheck, io: "Io", stream: Stream | TlsStream, record: Record) -> None:
    record.stage = "websocket"
    peer = _Peer(stream, Searches(io))
    try:
        await peer.shake_hands(check, record)
        opened = stream.arrived(0.0)[0]
        if check.dialogue:
            peer.matched = False
            await peer.follow(check.dialogue, record)
            peer.matched = True
            ended, is_kernel = stream.arrived(opened)
            record.timed(is_kernel)
            record.add_phase("transfer", ended - opened)
        await peer.part()
    finally:
        record.websocket = WebsocketFacts(
            status=peer.status,
            upgraded=peer.is_open,
            subprotocol=peer.subprotocol,
            messages=peer.messages,
            matched=peer.matched,
            close_code=peer.close_code,
        )


class _Peer:
    """The server, through one connection."""

    def __init__(self, stream: Stream | TlsStream, searches: Searches) -> None:
        self._stream = stream
        self._searches = searches
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._stock = STOCK
        self._heard = 0
        self.status = 0
        self.is_open = False
        self.subprotocol: str | None = None
        self.messages = 0
        self.matched: bool | None = None
        self.close_code: int | None = None

    async def shake_hands(self, check: WebsocketCheck, record: Record) -> None:
        """Adds the phase "processing". Raises ProbeFailed(websocket.handshake)."""
        head = await self._ask(check, record)
        found = re.match(rb"HTTP/1\.[01] ([1-9][0-9][0-9])", head)
        self.status = int(found[1]) if found is not None else 0
        try:
            self._protocol.receive_data(head)
            event = next(self._protocol.events(), None)
        except (RemoteProtocolError, UnicodeError) as exc:
            said = f"{exc}; it began with {head[:_SHOWN]!r}"
            raise _refused(said) from exc
        match event:
            case AcceptConnection():
                self.is_open = True
                self.subprotocol = event.subprotocol
            case RejectConnection():
                raise _refused(f"status {event.status_code}; expected 101")
            case _:
                raise _refused(f"what came is no response; it began with {head[:_SHOWN]!r}")
        if check.subprotocol is not None and self.subprotocol != check.subprotocol:
            chosen = self.subprotocol or "none"
            raise _refused(f"subprotocol {chosen} was chosen; expected {check.subprotocol}")

    async def _ask(self, check: WebsocketCheck, record: Record) -> bytes:
        """Send the request; what comes until the end of the response's head, and perhaps more."""
        headers = [(name.encode(), value.encode()) for name, value in check.headers]
        if all(name.lower() != b"user-agent" for name, _ in headers):
            headers.append((b"User-Agent", f"vedette/{__version__}".encode()))
        request = Request(
            host=check.authority,
            target=check.path,
            subprotocols=list(check.subprotocols),
            extra_headers=headers,
        )
        try:
            wire = self._protocol.send(request)
        except (LocalProtocolError, UnicodeError) as exc:
            raise _refused(f"{check.authority} cannot be asked for: {exc}") from exc
        record.note("websocket.request", wire)
        await self._stream.send(wire)
        head = bytearray()
        try:
            await self._hear_head(head, record)
        finally:
            if head:
                record.note("websocket.response", bytes(head))
        return bytes(head)

    async def _hear_head(self, head: bytearray, record: Record) -> None:
        """Add to *head* what comes, until it has its end."""
        while True:
            data = await self._stream.recv(READ_BYTES if head else FIRST_READ)
            if not head:
                asked, is_kernel = self._stream.left()
                record.timed(is_kernel)
                first, is_kernel = self._stream.began(asked)
                record.timed(is_kernel)
                record.add_phase("processing", first - asked)
            head += data
            end = _HEAD_END.search(head)
            if head.count(b"\n", 0, end.end() if end else None) > MAX_LINES or (
                end is None and len(head) > MAX_HEAD
            ):
                raise _refused(f"more than {MAX_HEAD} bytes or {MAX_LINES} lines of headers")
            if end is not None:
                return
            if not data:
                came = f"after {bytes(head[:_SHOWN])!r}" if head else "without a word"
                raise _refused(f"the peer closed the connection {came}")

    async def follow(self, steps: tuple[DialogueStep, ...], record: Record) -> None:
        """Raises ProbeFailed(websocket.expect, websocket.closed, websocket.protocol)."""
        groups: tuple[str | None, ...] = ()
        names: dict[str, str] = {}
        for number, step in enumerate(steps, 1):
            if step.expect is not None:
                match = await self._awaited(step.expect, number, record)
                groups = match.groups()
                names |= {name: value or "" for name, value in match.groupdict().items()}
            if step.send is not None:
                try:
                    text = filled(step.send, groups, names, MAX_MESSAGE)
                except TooLong:
                    said = f"turn {number}: with what was captured, the message is too long to send"
                    raise ProbeFailed(Failure.WEBSOCKET_EXPECT, said) from None
                record.note("websocket.sent", text)
                await self._stream.send(self._protocol.send(TextMessage(data=text)))

    async def _awaited(self, pattern: str, number: int, record: Record) -> Match:
        made = compiled(pattern, captures=True)
        last: str | None = None
        wanted = f"turn {number}: no match for {pattern[:80]!r}"
        while True:
            try:
                last = await self._message()
            except DeadlineExceeded as exc:
                if last is not None:
                    exc.failure = Failure.WEBSOCKET_EXPECT
                exc.add_note(f"{wanted}; {_told(last)}")
                raise
            except ProbeFailed as exc:
                exc.detail = f"{wanted}; {exc.detail}"
                raise
            record.note("websocket.received", last)
            found = await self._searches.made(made.steps(last), partial(made.search, last))
            if found is not None:
                return found
            if self._heard > MAX_HEARD:
                said = f"{wanted} in {MAX_HEARD} bytes; {_told(last)}"
                raise ProbeFailed(Failure.WEBSOCKET_EXPECT, said)

    async def _message(self) -> str:
        """The next whole one; a binary one as UTF-8, with replacements."""
        pieces: list[str] = []
        size = 0
        while True:
            event = await self._event()
            match event:
                case TextMessage():
                    pieces.append(event.data)
                case BytesMessage():
                    pieces.append(bytes(event.data).decode("utf-8", "replace"))
                case _:
                    continue
            size += len(pieces[-1])
            if size > MAX_MESSAGE:
                raise ProbeFailed(Failure.WEBSOCKET_EXPECT, f"a message of more than {MAX_MESSAGE} bytes")
            if event.message_finished:
                self.messages += 1
                return "".join(pieces)

    async def part(self) -> None:
        """Say goodbye, and wait for the peer's; what it says until then is not looked at."""
        await self._stream.send(self._protocol.send(CloseConnection(code=1000)))
        try:
            while True:
                await self._event()
        except DeadlineExceeded as exc:
            exc.add_note("the server does not answer the close frame (RFC 6455 5.5.1)")
            raise
        except ProbeFailed as exc:
            if exc.failure is not Failure.WEBSOCKET_CLOSED and self._stock >= 0:
                raise

    async def _event(self) -> Event:
        """The next of the peer's; pings are answered. Raises ProbeFailed at its close, or at a bound."""
        while True:
            event = next(self._protocol.events(), None)
            if event is None:
                data = await self._stream.recv(READ_BYTES)
                if not data:
                    raise ProbeFailed(
                        Failure.WEBSOCKET_CLOSED, "the peer closed the connection without a close frame"
                    )
                self._protocol.receive_data(data)
                continue
            self._stock -= 1
            if self._stock < 0:
                raise _broken(f"more than {STOCK} frames that carry little or nothing")
            match event:
                case Ping():
                    if self._protocol.state is ConnectionState.OPEN:
                        await self._stream.send(self._protocol.send(event.response()))
                case CloseConnection():
                    await self._closed(event)
                case TextMessage() | BytesMessage():
                    self._heard += len(event.data)
                    self._stock = min(self._stock + len(event.data) // FILLING, STOCK)
                    return event
                case _:
                    pass

    async def _closed(self, event: CloseConnection) -> None:
        """Raises ProbeFailed."""
        state = self._protocol.state
        if state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):  # wsproto's word, not the peer's
            raise _broken(str(event.reason))
        self.close_code = int(event.code)
        if state is ConnectionState.REMOTE_CLOSING:
            await self._stream.send(self._protocol.send(event.response()))
        words = f" {event.reason[:_SHOWN]!r}" if event.reason else ""
        raise ProbeFailed(Failure.WEBSOCKET_CLOSED, f"the peer closed with {self.close_code}{words}")


def _told(last: str | None) -> str:
    return "no message came" if last is None else f"the last message began with {last[:_SHOWN]!r}"


def _refused(said: str) -> ProbeFailed:
    return ProbeFailed(Failure.WEBSOCKET_HANDSHAKE, said)


def _broken(said: str) -> ProbeFailed:
    return ProbeFailed(Failure.WEBSOCKET_PROTOCOL, said)
