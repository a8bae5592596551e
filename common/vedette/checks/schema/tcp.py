"""`tcp:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks.schema.types import HostPort, Regex, Resolver, Section


class TcpProbe(Section, frozen=True, kw_only=True):
    """One TCP connection, with a line of conversation where one is given."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None
    send: (
        Annotated[str, Meta(min_length=1, max_length=16384, description="sent as UTF-8 after the connect")]
        | None
    ) = None
    expect: Annotated[Regex, Meta(description="searched in the first 64 KiB that come")] | None = None
