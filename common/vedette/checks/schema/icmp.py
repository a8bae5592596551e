"""`icmp:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.types import Host, Resolver, Section, ShortTime, text_of

MAX_ECHOES = 100

Share = Annotated[str, text_of(formats.share, pattern=formats.SHARE, examples=["20%"])]


class RoundTrips(Section, frozen=True, kw_only=True):
    """How long round trips may take at most."""

    median: ShortTime | None = None
    max: ShortTime | None = None
    deviation: Annotated[ShortTime, Meta(description="standard deviation of all of them")] | None = None


class IcmpExpect(Section, frozen=True, kw_only=True):
    """What echoes must show. Without a word here: every one is answered."""

    loss: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_ECHOES - 1)] | Share,
        Meta(description="echoes that may stay unanswered: a number, or a share of all"),
    ] = 0
    rtt: RoundTrips | None = None


class IcmpProbe(Section, frozen=True, kw_only=True):
    """ICMP echoes: one, or several at a steady pace."""

    host: Host
    resolver: Resolver | None = None
    payload_bytes: Annotated[int, Meta(ge=16, le=8952)] = 56
    count: Annotated[int, Meta(ge=1, le=MAX_ECHOES, description="echoes of one probe")] = 1
    spacing: Annotated[ShortTime, Meta(description="from one echo to the next; 10ms to 1m")] = "200ms"
    ttl: Annotated[int, Meta(ge=1, le=255, description="hop limit; the host's own without it")] | None = None
    dont_fragment: Annotated[bool, Meta(description="an echo that is too large for the path is lost")] = False
    expect: IcmpExpect | None = None
