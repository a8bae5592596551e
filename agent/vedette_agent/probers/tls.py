"""Probes a TLS service: a connection, a handshake, and what the peer presented."""

from typing import TYPE_CHECKING

from vedette.checks.model import TlsCheck
from vedette_agent.engine.record import Record
from vedette_agent.engine.stream import connect
from vedette_agent.engine.tls import expires_soon, start_tls

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io


async def probe_tls(check: TlsCheck, io: "Io", record: Record) -> None:
    """The handshake succeeds and no presented certificate ends too soon."""
    record.stage = "resolve"
    address = await io.resolve(check.host, check.family, check.resolver, record)
    with await connect(io, address, check.port, record) as stream:
        (await start_tls(stream, check.tls.server_name or check.host, check.tls, record)).close()
    soon = expires_soon(record.tls, check.tls)
    if soon is not None:
        raise soon
