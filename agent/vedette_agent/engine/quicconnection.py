"""aioquic's connection as probes need it: it stays within bounds, and says of its end what it knows."""

from collections.abc import Callable
from hmac import compare_digest
from typing import Any, Final

from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import Limit, QuicConnection, QuicConnectionState
from aioquic.quic.packet import QuicErrorCode

from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed

MAX_PIECES: Final = 256  # of one stream, between gaps
_RESET_TOKEN_BYTES: Final = 16  # RFC 9000 10.3
_SHORTEST_RESET: Final = 21
_ALERTS: Final = range(QuicErrorCode.CRYPTO_ERROR, QuicErrorCode.CRYPTO_ERROR + 0x100)  # RFC 9001 4.8

NameOf = Callable[[int], str]


class Connection(QuicConnection):
    """Opens its windows once, and takes no more streams than are asked for."""

    def __init__(self, configuration: QuicConfiguration, streams: int) -> None:
        super().__init__(configuration=configuration)
        self._local_max_streams_bidi = Limit(0, "max_streams_bidi", 0)
        self._local_max_streams_uni = Limit(0, "max_streams_uni", streams)

    def _write_connection_limits(self, *_: Any, **__: Any) -> None:
        pass

    def _write_stream_limits(self, *_: Any, **__: Any) -> None:
        pass

    @property
    def ending(self) -> events.ConnectionTerminated | None:
        """Why it ends, as soon as that is known; the event comes three timeouts later (RFC 9000 10.2)."""
        return self._close_event

    @property
    def is_ended_by_peer(self) -> bool:
        return self._state is QuicConnectionState.DRAINING

    @property
    def is_scattered(self) -> bool:
        streams = [*self._streams.values(), *self._crypto_streams.values()]
        return any(len(one.receiver._ranges) > MAX_PIECES for one in streams)

    @property
    def held_bytes(self) -> int:
        """Of TLS, behind a gap."""
        return max((len(one.receiver._buffer) for one in self._crypto_streams.values()), default=0)

    def is_reset_by(self, datagram: bytes) -> bool:
        """Whether the peer has lost all it knew of this connection (RFC 9000 10.3.1)."""
        if datagram[0] & 0x80 or len(datagram) < _SHORTEST_RESET:
            return False
        said = datagram[-_RESET_TOKEN_BYTES:]
        tokens = [one.stateless_reset_token for one in (self._peer_cid, *self._peer_cid_available)]
        return any(token and compare_digest(said, token) for token in tokens)


def ended(
    connection: Connection, event: events.ConnectionTerminated, broken: Failure, name_of: NameOf
) -> ProbeFailed:
    """Why *connection* ended: *broken*, or tls.handshake when TLS sent an alert.

    *name_of* tells the application's error codes (RFC 9000 20.2) by name.
    """
    words = f": {event.reason_phrase[:100]!r}" if event.reason_phrase else ""
    who = "the peer closed the connection" if connection.is_ended_by_peer else "we gave up"
    code = event.error_code
    if event.frame_type is None:
        return ProbeFailed(broken, f"{who}, {name_of(code)}{words}")
    if code in _ALERTS:
        # Either side's: the alert that TLS would have sent.
        return ProbeFailed(Failure.TLS_HANDSHAKE, f"{who}, {_alert(code - _ALERTS.start)}{words}")
    if not connection.is_ended_by_peer and code == QuicErrorCode.INTERNAL_ERROR:
        return ProbeFailed(broken, event.reason_phrase.lower())  # no version, or idle
    return ProbeFailed(broken, f"{who}, {_error(code)}{words}")


def _alert(number: int) -> str:
    from aioquic.tls import AlertDescription

    try:
        return AlertDescription(number).name.replace("_", " ")
    except ValueError:
        return f"TLS alert {number}"


def _error(code: int) -> str:
    try:
        return QuicErrorCode(code).name
    except ValueError:
        return f"error {code:#x}"
