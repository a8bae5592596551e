"""DNS over QUIC (RFC 9250): one question on a stream of a connection of its own."""

import struct
from typing import TYPE_CHECKING, Final

from aioquic.quic import events

from vedette.checks.model import DnsCheck, Endpoint
from vedette.wire.failure import Failure
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import matches
from vedette_agent.engine.hostfiles import OwnServer
from vedette_agent.engine.question import unfit
from vedette_agent.engine.quic import Quic
from vedette_agent.engine.quictls import start_quic
from vedette_agent.engine.record import ProbeFailed, Record

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

ALPN: Final = "doq"
_STREAM: Final = 0  # the first that a client opens in both directions
_PREFIX_BYTES: Final = 2
_MAX_BYTES: Final = _PREFIX_BYTES + 65_535
_ERRORS: Final = (  # RFC 9250 4.3
    "DOQ_NO_ERROR", "DOQ_INTERNAL_ERROR", "DOQ_PROTOCOL_ERROR", "DOQ_REQUEST_CANCELLED",
    "DOQ_EXCESSIVE_LOAD", "DOQ_UNSPECIFIED_ERROR",
)  # fmt: skip
_length = struct.Struct(">H")


async def ask_quic(
    io: "Io", server: Endpoint, check: DnsCheck, query: Query, record: Record
) -> tuple[bytes, float]:
    """The answer, and seconds from the query to its last byte. Adds the phase "connect".

    Raises as `start_quic`; ProbeFailed(dns.malformed) when what comes is no answer to this question.
    """
    host = check.server.address if check.server is not None else server.address
    with await start_quic(
        io,
        server.address,
        server.port,
        check.tls.server_name or host,
        check.tls,
        ALPN,
        record,
        window=_MAX_BYTES,
        streams=0,
        name_of=_name,
        is_own_server=isinstance(server, OwnServer),
    ) as quic:
        record.stage = "dns"
        return await _converse(quic, str(server), query, record)


async def _converse(quic: Quic, server: str, query: Query, record: Record) -> tuple[bytes, float]:
    sent = query.plain()  # RFC 9250 4.2.1: the id is 0
    record.note("dns.query", sent)
    quic.mark()
    quic.connection.send_stream_data(_STREAM, _length.pack(len(sent)) + sent, end_stream=True)
    data = b""
    # The length before the message bounds it: 64 KiB.
    while len(data) < _PREFIX_BYTES or len(data) < _PREFIX_BYTES + _length.unpack_from(data)[0]:
        event = await quic.event()
        match event:
            case events.StreamDataReceived(stream_id=0):
                data += event.data
                if event.end_stream:
                    break
            case events.StreamReset(stream_id=0):
                said = f"{server} gave the question up: {_name(event.error_code)}"
                raise ProbeFailed(Failure.QUIC_CLOSED, said)
            case _:
                pass
    started, is_kernel_timed = quic.left()
    record.timed(is_kernel_timed)
    ended, is_kernel_timed = quic.arrived()
    record.timed(is_kernel_timed)
    wire = data[_PREFIX_BYTES:]
    record.note("dns.answer", wire)
    if len(data) < _PREFIX_BYTES or len(wire) < _length.unpack_from(data)[0]:
        raise ProbeFailed(Failure.DNS_MALFORMED, f"{server} ended the stream before its answer was whole")
    if len(wire) != _length.unpack_from(data)[0] or not matches(wire, sent, query.end):
        raise ProbeFailed(Failure.DNS_MALFORMED, f"{server} {unfit(wire, sent)}")
    return wire, max(ended - started, 0.0)


def _name(code: int) -> str:
    return _ERRORS[code] if code < len(_ERRORS) else f"error {code:#x}"
