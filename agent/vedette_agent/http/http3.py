"""One request and its response on a fresh HTTP/3 connection (RFC 9114), without a socket; aioquic speaks it.

    exchange = Http3("POST", max_body_bytes, keeps_body=True)
    exchange.begin(connection, fields, body)
    ... exchange.see(event) ... until exchange.is_complete

What aioquic guards: the rules of frames, streams, settings and fields. What it does not, and is refused here:

- *Field sections.* It waits for a whole one before it decodes it. The length of each is looked at as soon as
  it is known, and no dynamic table is offered (RFC 9204 3.2), in which a byte could stand for four thousand.
- *What is not body.* Interim responses, trailers, unknown frames and the heads of frames of next to no bytes:
  between two pieces of body, or before the first, and for all other streams together, there is one bound.
- *Pushes.* None is allowed (RFC 9114 7.2.7), and whoever announces one breaks the protocol.
- *Goodbyes.* After a GOAWAY that leaves the request out, the response would be waited for in vain.

Events are at most a few thousand bytes each, so that one of them costs little of the loop's time.
"""

import re
from collections.abc import Iterable
from typing import Final

import pylsqpack
from aioquic.h3 import events as http_events
from aioquic.h3.connection import ErrorCode, FrameType, H3Connection, ProtocolError, Setting
from aioquic.quic import events
from aioquic.quic.connection import QuicConnection

from vedette_agent.http.goaway import Goaways
from vedette_agent.http.incoming import MAX_HEADERS, Framed, broken, by_name

ALPN: Final = "h3"
STREAMS: Final = 16  # of the peer, in its direction: three are of use, and greasing needs some more
MAX_FIELD_SECTION: Final = 16 * 1024  # encoded, and
MAX_FIELD_LIST: Final = 32 * 1024  # decoded (RFC 9114 4.2.2)
MAX_QUIET_BYTES: Final = 64 * 1024
_STREAM: Final = 0  # the first that a client opens in both directions
_IS_ONE_WAY: Final = 2  # this bit of a stream's number: RFC 9000 2.1
_STATUS: Final = re.compile(rb"[1-9][0-9][0-9]")

Fields = Iterable[tuple[str, str]]


class _TooManyFields(ProtocolError):
    error_code = ErrorCode.H3_EXCESSIVE_LOAD


class _Connection(H3Connection):
    """Decodes by the static table alone, and allows no push."""

    def __init__(self, quic: QuicConnection) -> None:
        super().__init__(quic)
        self._decoder = pylsqpack.Decoder(0, 0)

    def _get_local_settings(self) -> dict[int, int]:
        self._max_push_id = None  # nobody is told of one, and so none is allowed
        return {
            Setting.QPACK_MAX_TABLE_CAPACITY: 0,
            Setting.QPACK_BLOCKED_STREAMS: 0,
            Setting.MAX_FIELD_SECTION_SIZE: MAX_FIELD_LIST,
        }

    def _decode_headers(self, stream_id: int, frame_data: bytes | None) -> list[tuple[bytes, bytes]]:
        """Counted before each is looked at: one byte can stand for a field."""
        fields: list[tuple[bytes, bytes]] = super()._decode_headers(stream_id, frame_data)
        if len(fields) > MAX_HEADERS:
            raise _TooManyFields(f"more than {MAX_HEADERS} headers")
        return fields

    @property
    def section_bytes(self) -> int:
        """Of the field section that is coming on the request's stream; 0: none is."""
        stream = self._stream.get(_STREAM)
        if stream is None or stream.frame_type != FrameType.HEADERS:
            return 0
        return stream.frame_size or 0

    @property
    def is_broken(self) -> bool:
        return self._is_done


def window(max_body_bytes: int) -> int:
    """How many bytes the peer may send: the largest body that is wanted, frames, fields and the rest."""
    return max_body_bytes + max_body_bytes // 8 + 4 * MAX_QUIET_BYTES


def error_name(code: int) -> str:
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code:#x}"


class Http3(Framed):
    """One exchange: `begin`, then `see` what happens. `trailers` are there when it is complete."""

    __slots__ = ("_connection", "_goaways", "_quic", "_quiet")

    def __init__(self, method: str, max_body_bytes: int, *, keeps_body: bool) -> None:
        super().__init__(method, max_body_bytes, keeps_body=keeps_body)
        self.version = "3"
        self._quiet = 0
        self._goaways: dict[int, Goaways] = {}  # by stream, of which there are at most STREAMS
        self._connection: _Connection
        self._quic: QuicConnection

    def begin(self, quic: QuicConnection, fields: Fields, body: bytes | None = None) -> None:
        """Queue settings and the request. *fields*: as in HTTP/2, names in lower case."""
        self._quic = quic
        self._connection = connection = _Connection(quic)
        encoded = [(name.encode(), value.encode()) for name, value in fields]
        connection.send_headers(_STREAM, encoded, end_stream=not body)
        if body:
            connection.send_data(_STREAM, body, end_stream=True)

    def see(self, event: events.QuicEvent) -> None:
        """Take in *event*. Raises ProbeFailed(http.protocol).

        Afterwards see `is_complete` and `is_too_large`.
        """
        match event:
            case events.StreamReset(stream_id=0) if not self.is_complete:
                raise broken(f"the peer reset the stream: {error_name(event.error_code)}")
            case events.StreamDataReceived():
                self._saw_body = False
                self._take(event)
            case _:
                self._take(event)

    def _take(self, event: events.QuicEvent) -> None:
        for happened in self._connection.handle_event(event):
            match happened:
                case http_events.HeadersReceived():
                    self._take_fields(happened.headers, is_last=happened.stream_ended)
                case http_events.DataReceived():
                    self._add_body(happened.data or b"")
                    self._end_if(happened.stream_ended)
                case _:
                    pass
        if self._connection.is_broken and not (self.is_complete or self.is_too_large):
            ending = getattr(self._quic, "ending", None)
            said = f": {ending.reason_phrase[:100]}" if ending is not None and ending.reason_phrase else ""
            raise broken(f"HTTP/3: {error_name(ending.error_code) if ending else 'an error'}{said}")
        if self._problem is not None:
            raise broken(self._problem)
        if isinstance(event, events.StreamDataReceived) and event.stream_id & _IS_ONE_WAY:
            self._look_for_goodbye(event.stream_id, event.data)
        self._refuse_cut_coding()
        if self._connection.section_bytes > MAX_FIELD_SECTION:
            raise broken(f"more than {MAX_FIELD_SECTION} bytes of headers")
        if isinstance(event, events.StreamDataReceived):
            self._quiet = 0 if self._saw_body else self._quiet + len(event.data)
        if self._quiet > MAX_QUIET_BYTES and not self.is_complete:
            what = "between two pieces of the body" if self.has_headers else "of headers"
            raise broken(f"more than {MAX_QUIET_BYTES} bytes {what}")

    def _look_for_goodbye(self, stream: int, data: bytes) -> None:
        first_unserved = self._goaways.setdefault(stream, Goaways()).feed(data)
        if first_unserved is not None and first_unserved <= _STREAM and not self.is_complete:
            raise broken("the peer goes away before it has answered")

    def _take_fields(self, fields: list[tuple[bytes, bytes]], *, is_last: bool) -> None:
        self.has_begun = True
        if self.has_headers:
            self.trailers = by_name(fields)
            self._end_if(is_last)
            return
        said = next((value for name, value in fields if name == b":status"), b"")
        if not _STATUS.fullmatch(said):
            self._problem = f"a response with the status {said[:20]!r}"
            return
        if said[:1] == b"1":
            return  # an interim response; only its bytes count, against the bound
        self.status = int(said)
        self.headers = by_name(fields)
        self._begin_body()
        self._end_if(is_last)

    def _end_if(self, is_last: bool) -> None:
        if not is_last:
            return
        if not self.has_headers:
            self._problem = "the peer ended the stream without a response"
        else:
            self.is_complete = True
