"""Probes a service over UDP: one datagram, and the first that comes back from its address and port."""

from typing import TYPE_CHECKING, Final

from vedette.checks.model import UdpCheck
from vedette.wire.facts import UdpFacts
from vedette.wire.failure import Failure
from vedette_agent.engine.datagram import MAX_DATAGRAM, answer_to, datagram
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.pattern import compiled

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

_SHOWN: Final = 60
_PROOF: Final = 32  # bytes of what was sent: who quotes them in an ICMP error saw it


async def probe_udp(check: UdpCheck, io: "Io", record: Record) -> None:
    """The first answer decides. Nothing is sent a second time: a lost datagram is a failed probe."""
    address = await io.resolve(check.host, check.family, check.resolver, record)
    record.stage = "udp"
    proof = min(len(check.payload), _PROOF)
    sent = datagram(io, address, check.port, check.payload, record, _any, MAX_DATAGRAM, proof)
    record.note("udp.sent", check.payload)
    record.udp = UdpFacts()
    try:
        answer = await answer_to(sent, record)
    except DeadlineExceeded as exc:
        if sent.foreign:
            exc.add_note(f"{sent.foreign} datagrams from elsewhere were ignored")
        raise
    finally:
        sent.close()
        record.udp = UdpFacts(foreign=sent.foreign)
    record.udp = UdpFacts(answer_bytes=len(answer), foreign=sent.foreign)
    record.note("udp.received", answer)
    wanted = await _wanted(check, io, answer)
    if wanted is not None:
        # Beside a pattern as text, beside bytes as the configuration writes them.
        if isinstance(wanted, str):
            awaited, begins = repr(wanted[:80]), repr(answer[:_SHOWN])
        else:
            awaited, begins = wanted[:80].hex(" "), answer[:_SHOWN].hex(" ")
        said = f"no match for {awaited}; {len(answer)} bytes came: {begins}"
        raise ProbeFailed(Failure.UDP_EXPECT, said)


def _any(wire: bytes) -> bool:
    return True


async def _wanted(check: UdpCheck, io: "Io", answer: bytes) -> str | bytes | None:
    """What was expected of *answer* and is not so; None if all is well."""
    if check.expect_bytes is not None:
        return None if answer.startswith(check.expect_bytes) else check.expect_bytes
    if check.expect is not None:
        from vedette_agent.engine.searches import Searches

        pattern, text = compiled(check.expect), answer.decode("utf-8", "replace")
        found = await Searches(io).made(pattern.steps(text), lambda: pattern.search(text))
        return None if found else check.expect
    return None
