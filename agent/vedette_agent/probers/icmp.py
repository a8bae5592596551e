"""One ICMP echo: is the host there, how far away, and how many hops did the reply have left."""

from vedette.checks.model import IcmpCheck
from vedette.wire.facts import IcmpFacts
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record


async def probe_icmp(check: IcmpCheck, io: Io, record: Record) -> None:
    """One request and no second: a lost packet is a failed probe. Phase "rtt"."""
    address = await io.resolve(check.host, check.family, check.resolver, record)
    record.stage = "icmp"
    record.address = address
    record.icmp = IcmpFacts(sent=1)
    echo = await io.ping(address, check.family, check.payload_bytes)
    record.timed(echo.is_kernel_timed)
    record.add_phase("rtt", echo.seconds)
    record.icmp = IcmpFacts(sent=1, received=1, hop_limit=echo.hop_limit)
