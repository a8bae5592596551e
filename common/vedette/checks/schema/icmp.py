"""`icmp:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks.schema.types import Host, Resolver, Section


class IcmpProbe(Section, frozen=True, kw_only=True):
    """One ICMP echo."""

    host: Host
    resolver: Resolver | None = None
    payload_bytes: Annotated[int, Meta(ge=16, le=1400)] = 56
