"""Probes a TCP port: a connection and, if the check says so, a conversation, with TLS or without."""

from typing import TYPE_CHECKING

from vedette.checks.model import TcpCheck
from vedette_agent.engine.record import Record
from vedette_agent.engine.stream import Stream, connect
from vedette_agent.pattern import compiled

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io
    from vedette_agent.probers.conversing import Seek


async def probe_tcp(check: TcpCheck, io: "Io", record: Record) -> None:
    """The port accepts; what is sent is taken; what is expected comes before the end and within MAX_BYTES."""
    record.stage = "resolve"
    address = await io.resolve(check.host, check.family, check.resolver, record)
    with await connect(io, address, check.port, record) as stream:
        record.stage = "tcp"
        if check.send is not None or check.expect is not None or check.dialogue or check.tls is not None:
            await _converse(check, io, stream, record)


async def _converse(check: TcpCheck, io: "Io", stream: Stream, record: Record) -> None:
    from vedette_agent.engine.searches import Searches
    from vedette_agent.engine.tls import expires_soon
    from vedette_agent.probers.conversing import Conversation

    options = check.tls
    host = check.host if options is None or options.server_name is None else options.server_name
    talk = Conversation(stream, record, Searches(io))
    if check.start_tls is not None:
        from vedette_agent.engine.opening import ask_for_tls

        await ask_for_tls(stream, check.start_tls, host, record)
    if options is not None and (check.begins_with_tls or check.start_tls is not None):
        await talk.encrypt(host, options)
    if check.send is not None:
        await talk.say(check.send.encode())
    if check.expect is not None:
        await talk.hear(_anywhere(check.expect), check.expect, is_last=True)
    if check.dialogue:
        await talk.follow(check.dialogue, host, options)
    talk.end()
    if options is not None:
        talk.stream.close()
        soon = expires_soon(record.tls, options)
        if soon is not None:
            raise soon


def _anywhere(pattern: str) -> "Seek":
    from vedette_agent.probers.conversing import Found, Seek

    made = compiled(pattern)

    def look(came: bytes) -> Found | None:
        match = made.search(came.decode("utf-8", "replace"))
        return None if match is None else Found(len(came), match)

    return Seek(look, made.size)
