"""One DNS question to one server, over UDP or TCP, and what it took."""

import struct
from typing import TYPE_CHECKING, Literal, NamedTuple

from vedette.checks.model import Endpoint
from vedette.wire.facts import DnsFacts
from vedette.wire.failure import Failure
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import is_bare, is_truncated, matches, rcode_text
from vedette_agent.engine.hostfiles import OwnServer
from vedette_agent.engine.record import PathError, ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.engine.stream import connect

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io
    from vedette_agent.engine.stream import Stream
    from vedette_agent.engine.tls import TlsStream
    from vedette_agent.engine.udp import Exchange

_READ_BYTES = 16384
_length = struct.Struct(">H")


Transport = Literal["udp", "tcp", "tls", "https", "quic"]


class Asked(NamedTuple):
    wire: bytes
    seconds: float
    transport: Transport
    strangers: int


async def ask(
    io: "Io",
    server: Endpoint,
    query: Query,
    record: Record,
    shares: int = 1,
    sent: "Exchange | None" = None,
) -> Asked:
    """Ask over UDP, and over TCP if the answer says that it was cut (RFC 7766 5).

    Raises as `Io.ask`; ProbeFailed(dns.truncated) when TCP does not bring the rest.
    """
    exchange = await io.ask(server, query, record, shares, sent)
    if not is_truncated(exchange.wire):
        return Asked(exchange.wire, exchange.seconds, "udp", exchange.strangers)
    record.dns = DnsFacts(rcode=rcode_text(exchange.wire[3] & 0x0F), spoof_suspected=exchange.strangers)
    try:
        wire, seconds = await ask_tcp(io, server, query, record)
    except (PathError, ProbeFailed) as exc:
        why = exc.detail if isinstance(exc, ProbeFailed) else exc.strerror
        raise ProbeFailed(
            Failure.DNS_TRUNCATED, f"{server} cut its answer short, and over TCP: {why}"
        ) from exc
    except DeadlineExceeded as exc:
        exc.failure = Failure.DNS_TRUNCATED
        exc.add_note(f"{server} cut its answer short, and did not answer over TCP")
        raise
    return Asked(wire, exchange.seconds + seconds, "tcp", exchange.strangers)


async def ask_tcp(io: "Io", server: Endpoint, query: Query, record: Record) -> tuple[bytes, float]:
    """Ask over TCP: the answer, and seconds from the query to its last byte. Adds the phase "connect".

    Raises PathError, and ProbeFailed(dns.malformed) when what comes is no answer to this question.
    """
    stage = record.stage
    is_own = isinstance(server, OwnServer)
    with await connect(io, server.address, server.port, record, is_own_server=is_own) as stream:
        record.stage = stage
        return await converse(stream, str(server), query, record)


async def converse(
    stream: "Stream | TlsStream", server: str, query: Query, record: Record
) -> tuple[bytes, float]:
    """Ask on an open connection, with a length before each message (RFC 1035 4.2.2); as `ask_tcp`."""
    sent = query.draw()
    await stream.send(_length.pack(len(sent)) + sent)
    record.note("dns.query", sent)
    data = b""
    # The length prefix bounds the message: 64 KiB.
    while len(data) < 2 or len(data) < 2 + _length.unpack_from(data)[0]:
        more = await stream.recv(_READ_BYTES)
        if not more:
            raise ProbeFailed(
                Failure.DNS_MALFORMED, f"{server} closed the connection before its answer was whole"
            )
        data += more
    started, is_kernel_timed = stream.left()
    record.timed(is_kernel_timed)
    ended, is_kernel_timed = stream.arrived(started)
    record.timed(is_kernel_timed)
    wire = data[2:]
    record.note("dns.answer", wire)
    if len(wire) != _length.unpack_from(data)[0] or not matches(wire, sent, query.end):
        raise ProbeFailed(Failure.DNS_MALFORMED, f"{server} {unfit(wire, sent)}")
    return wire, ended - started


def unfit(wire: bytes, sent: bytes) -> str:
    """What a server does that gives *wire* for an answer to *sent*, which it is not."""
    if wire[:2] == sent[:2] and is_bare(wire):
        return f"answered {rcode_text(wire[3] & 0x0F)} without the question"
    return "answered another question"
