"""One request over HTTP/3 (RFC 9114), on a QUIC connection of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from vedette.checks.model import TlsOptions
from vedette_agent.engine.quic import Quic
from vedette_agent.engine.quictls import start_quic
from vedette_agent.engine.record import Record
from vedette_agent.http.http3 import ALPN, STREAMS, Http3, error_name, window
from vedette_agent.http.incoming import Incoming
from vedette_agent.http.request import Hop, fields

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

_NO_ERROR = 0x100  # RFC 9114 8.1: H3_NO_ERROR


async def connect_quic(
    io: "Io", address: str, hop: Hop, options: TlsOptions, max_body_bytes: int, record: Record
) -> Quic:
    """As `start_quic`, for one request and its response."""
    quic = await start_quic(
        io,
        address,
        hop.port,
        options.server_name or hop.host,
        options,
        ALPN,
        record,
        window=window(max_body_bytes),
        streams=STREAMS,
        name_of=error_name,
    )
    quic.goodbye = _NO_ERROR
    return quic


async def converse_quic(
    quic: Quic, hop: Hop, response: Http3, record: Record, is_enough: Callable[[Incoming], bool]
) -> None:
    """Send the request of *hop*, feed *response* until it is complete, too large, or *is_enough*.

    Sets the phases "processing", to the first byte of the response's fields, and "transfer". Raises as
    `Quic.event`, and ProbeFailed(http.protocol).
    """
    quic.mark()
    response.begin(quic.connection, fields(hop), hop.body)
    first: float | None = None
    while not (response.is_complete or response.is_too_large or is_enough(response)):
        event = await quic.event()
        response.see(event)
        if first is None and response.has_begun:
            sent, is_kernel = quic.left()
            record.timed(is_kernel)
            first, is_kernel = quic.arrived()
            record.timed(is_kernel)
            record.add_phase("processing", first - sent)
    assert first is not None
    last, is_kernel = quic.arrived()
    record.timed(is_kernel)
    record.add_phase("transfer", last - first)
