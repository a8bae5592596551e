"""Carries the opening of a protocol, which ends where TLS begins, over a Stream."""

from typing import Final

from vedette.checks.model.tls import Opening
from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.stream import Stream
from vedette_agent.starttls import Refused, opening

_READ_BYTES: Final = 4096


async def ask_for_tls(stream: Stream, protocol: Opening, host: str, record: Record) -> None:
    """Adds the phase "processing". Raises ProbeFailed(tls.starttls) when the peer does not agree."""
    record.stage = "starttls"
    dialogue = opening(protocol, host)
    begun = stream.now()
    send = next(dialogue)
    while True:
        if send:
            record.note("starttls.sent", send)
            await stream.send(send)
        data = await stream.recv(_READ_BYTES)
        record.note("starttls.received", data)
        try:
            send = dialogue.send(data)
        except StopIteration:
            break
        except Refused as exc:
            raise ProbeFailed(Failure.TLS_STARTTLS, str(exc)) from exc
    record.timed(False)
    record.add_phase("processing", stream.arrived(begun)[0] - begun)
