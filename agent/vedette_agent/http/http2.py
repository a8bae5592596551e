"""One request and its response on a fresh HTTP/2 connection (RFC 9113), without a socket; h2 speaks it.

    exchange = Http2("POST", max_body_bytes, keeps_body=True)
    to_send = exchange.begin(fields, body)
    ... to_send = exchange.feed(data) ... until exchange.is_complete; exchange.end() if the peer closes

What h2 guards: the rules of states, streams, fields and flow control, the size of a decoded field block, 64
CONTINUATION frames. What it does not, and what is refused here before h2 spends work on it:

- *Floods.* PING, SETTINGS, resets, priorities, unknown frames and DATA of next to no bytes are free for the
  peer, cost us some 20 µs each, and PING and SETTINGS are also answered. Each frame takes one of a small
  stock, which only the bytes of bodies fill up again. Fields take more of it: interim responses are many.
- *Long frames.* h2 looks at the length of a frame when all of it is there, which may be 16 MiB.
- *Field blocks.* 64 CONTINUATION frames make 1 MiB, and the decoder copies the rest of a block for each
  field in it.
- *Pushes.* h2 takes a PUSH_PROMISE that comes before the peer has acknowledged our settings.

GOAWAY is read here, since h2 takes nothing more after it, while the peer still owes the response
(RFC 9113 6.8). The window is as large as the largest body that is wanted, with something for padding and
what does not compress: it need never be opened again, and who goes beyond it breaks the protocol.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http.fieldblocks import BoundedDecoder, PlainEncoder
from vedette_agent.http.incoming import MAX_HEADERS, Fed, Framed, NoHttp, broken, by_name

MAX_FRAME_BYTES: Final = 16 * 1024  # what RFC 9113 6.5.2 has without a setting, and we set none
MAX_FIELD_BLOCK: Final = 16 * 1024  # encoded
MAX_FIELD_LIST: Final = 32 * 1024  # decoded, RFC 9113 6.5.2
MAX_SETTINGS_BYTES: Final = 600  # a hundred settings; there are a dozen
MAX_ALL_SETTINGS_BYTES: Final = 6000  # of a connection: h2 keeps 700 bytes of memory for each number
STOCK: Final = 512  # frames
FILLING_BYTES: Final = 256  # of body, for one frame more
FIELD_BYTES: Final = 64  # as dear as a frame: in a field block
_WINDOW: Final = 65_535  # RFC 9113 6.9.2

_DATA, _HEADERS, _SETTINGS, _PUSH_PROMISE, _GOAWAY, _CONTINUATION = 0, 1, 4, 5, 7, 9
_HEAD_BYTES: Final = 9
_STREAM: Final = 1  # the first of a client
_STATUS: Final = re.compile(rb"[1-9][0-9][0-9]")
# Our own fields come from the checks and have been looked at.
_CONFIG: Final = H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False)

Fields = Iterable[tuple[str, str]]


class Http2(Framed, Fed):
    """One exchange: `begin`, then `feed` what comes and send what it gives, `end` when the peer closes.

    `trailers` are there when it is complete.
    """

    __slots__ = ("_buffer", "_came", "_connection", "_field_bytes", "_settings_bytes", "_stock", "_unsent")

    READ_BYTES = 16 * 1024  # the peer's frames in so much keep the event loop for some ten milliseconds

    def __init__(self, method: str, max_body_bytes: int, *, keeps_body: bool) -> None:
        super().__init__(method, max_body_bytes, keeps_body=keeps_body)
        self.version = "2"
        self._buffer = bytearray()
        self._connection = H2Connection(_CONFIG)
        self._came = 0  # bytes of the body as they are sent
        self._field_bytes = 0  # of the field block that is coming
        self._settings_bytes = 0  # that have come
        self._stock = STOCK
        self._unsent = b""

    def begin(self, fields: Fields, body: bytes | None = None) -> bytes:
        """The first bytes to send: preface, settings, the request, and as much of *body* as goes now.

        *fields*: the pseudo-fields first (RFC 9113 8.3.1), then others; names in lower case.
        """
        connection = self._connection
        window = max(self._max_body_bytes + self._max_body_bytes // 8, _WINDOW)
        connection.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: window,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_FIELD_LIST,
            },
        )
        connection.decoder, connection.encoder = BoundedDecoder(MAX_FIELD_LIST), PlainEncoder()
        connection.initiate_connection()
        if window > _WINDOW:
            connection.increment_flow_control_window(window - _WINDOW)
        connection.send_headers(_STREAM, list(fields), end_stream=not body)
        self._unsent = body or b""
        self._send_body()
        return connection.data_to_send()

    def feed(self, data: bytes) -> bytes:
        self._saw_body = False
        self._buffer += data
        ready = bytearray()
        at = 0
        while len(self._buffer) - at >= _HEAD_BYTES:
            length = int.from_bytes(self._buffer[at : at + 3], "big")
            end = at + _HEAD_BYTES + length
            kind, flags = self._buffer[at + 3], self._buffer[at + 4]
            if length > MAX_FRAME_BYTES:
                raise self._overlong(length)
            if end > len(self._buffer):
                break
            self._admit(kind, flags, length)
            if kind != _GOAWAY:
                ready += self._buffer[at:end]
            elif not self.is_complete:
                self._take(ready)
                ready.clear()
                self._take_goaway(bytes(self._buffer[at + _HEAD_BYTES : end]))
            at = end
        del self._buffer[:at]
        self._take(ready)
        self._send_body()
        return self._connection.data_to_send()

    def end(self) -> None:
        if self.is_complete:
            return
        if not self.has_headers:
            raise broken("the peer closed the connection without a response")
        raise broken(f"the peer closed the connection after {self.body_bytes} bytes of a body without end")

    def _overlong(self, length: int) -> ProbeFailed:
        if self._stock == STOCK:  # nothing that could be read has come
            return NoHttp("what came is not HTTP/2", bytes(self._buffer[:80]))
        return broken(f"a frame of {length} bytes, {MAX_FRAME_BYTES} are allowed")

    def _admit(self, kind: int, flags: int, length: int) -> None:
        """A whole frame has come. Raises ProbeFailed when it, or one more, is too much."""
        if self._stock == STOCK and kind != _SETTINGS:  # RFC 9113 3.4
            raise NoHttp("what came is not HTTP/2", bytes(self._buffer[:80]))
        self._stock -= 1
        if kind == _DATA:
            self._stock = min(self._stock + length // FILLING_BYTES, STOCK - 1)
        elif kind in (_HEADERS, _CONTINUATION):
            self._stock -= length // FIELD_BYTES
            self._field_bytes = length if kind == _HEADERS else self._field_bytes + length
            if self._field_bytes > MAX_FIELD_BLOCK:
                raise broken(f"more than {MAX_FIELD_BLOCK} bytes of headers")
        elif kind == _PUSH_PROMISE:
            raise broken("a push, which our settings forbid")
        elif kind == _SETTINGS:
            self._settings_bytes += length
            if length > MAX_SETTINGS_BYTES or self._settings_bytes > MAX_ALL_SETTINGS_BYTES:
                raise broken(f"{length} bytes of settings, {self._settings_bytes} in all")
        if self._stock < 0:
            raise broken(f"more than {STOCK} frames that carry little or nothing")

    def _take(self, frames: bytearray) -> None:
        if not frames:
            return
        try:
            for event in self._connection.receive_data(bytes(frames)):
                self._see(event)
        except ProtocolError as exc:
            if not (self.is_complete or self.is_too_large):
                raise broken(f"HTTP/2: {exc}") from exc
        if self._problem is not None:
            raise broken(self._problem)
        self._refuse_cut_coding()

    def _see(self, event: events.Event) -> None:
        match event:
            case events.ResponseReceived():
                self.has_begun = True
                self._take_head(event.headers or [])
            case events.InformationalResponseReceived():
                self.has_begun = True
            case events.DataReceived():
                self._came += len(event.data or b"")
                self._add_body(event.data or b"")
            case events.TrailersReceived():
                self.trailers = by_name(event.headers or [])
            case events.StreamEnded():
                self._refuse_cut_body()
                self.is_complete = True
            case events.StreamReset() if not self.is_complete:
                self._problem = f"the peer reset the stream: {_name(event.error_code)}"
            case _:
                pass

    def _refuse_cut_body(self) -> None:
        """RFC 9113 8.1.1. h2 looks at the length only where no trailers follow."""
        promised = self.headers.get("content-length", "").partition(",")[0].strip()
        if self.is_complete or self.is_too_large or not promised.isdecimal():
            return
        if len(promised) > 18 or int(promised) != self._came:
            self._problem = f"the body ends after {self._came} bytes of {promised[:20]} promised"

    def _take_head(self, fields: list[tuple[bytes, bytes]]) -> None:
        if len(fields) > MAX_HEADERS:
            self._problem = f"more than {MAX_HEADERS} headers"
            return
        said = next((value for name, value in fields if name == b":status"), b"")
        if not _STATUS.fullmatch(said):
            self._problem = f"a response with the status {said[:20]!r}"
            return
        self.status = int(said)
        self.headers = by_name(fields)
        self._begin_body()

    def _take_goaway(self, payload: bytes) -> None:
        """RFC 9113 6.8: last stream that is served, error code, words."""
        if len(payload) < 8:
            raise broken("a GOAWAY frame that is cut short")
        last = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
        code = int.from_bytes(payload[4:8], "big")
        if last < _STREAM or code != ErrorCodes.NO_ERROR:
            words = f" {payload[8:68]!r}" if payload[8:] else ""
            raise broken(f"the peer goes away: {_name(code)}{words}")

    def _send_body(self) -> None:
        """As much as the peer's windows allow now."""
        while self._unsent and not self.is_complete:
            room = min(
                self._connection.local_flow_control_window(_STREAM), self._connection.max_outbound_frame_size
            )
            if room <= 0:
                return
            piece, self._unsent = self._unsent[:room], self._unsent[room:]
            self._connection.send_data(_STREAM, piece, end_stream=not self._unsent)


@lru_cache(maxsize=32)
def _name(code: int | ErrorCodes | None) -> str:
    try:
        return ErrorCodes(code or 0).name
    except ValueError:
        return f"error {code}"
