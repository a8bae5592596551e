"""`udp:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks.schema.tcp import MAX_SENT, HexBytes
from vedette.checks.schema.types import HostPort, Regex, Resolver, Section


class UdpProbe(Section, frozen=True, kw_only=True):
    """One datagram, and the first that comes back from where it went."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None
    send: Annotated[str, Meta(min_length=1, max_length=MAX_SENT, description="sent as UTF-8")] | None = None
    send_hex: Annotated[HexBytes, Meta(description="instead: bytes to send")] | None = None
    expect: (
        Annotated[Regex, Meta(description="searched in the answer; without it any answer will do")] | None
    ) = None
    expect_hex: Annotated[HexBytes, Meta(description="instead: bytes that the answer begins with")] | None = (
        None
    )
