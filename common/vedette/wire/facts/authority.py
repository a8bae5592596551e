"""What the name servers of a zone said."""

from typing import Annotated

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import Code, Count, DurationUs, Message, Text


class AuthorityServerFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One server at one address."""

    name: Text
    address: Text
    rcode: Text | None = None  # None: no response that can be read
    authoritative: bool = False
    serial: Count | None = None
    duration_us: DurationUs | None = None
    failure: Code | None = None


class AuthorityFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    servers: Annotated[list[AuthorityServerFacts], Meta(max_length=limits.MAX_SERVERS)] = []
    known: Count = 0  # name servers
    answering: Count = 0  # addresses that serve the zone
    lame: Count = 0  # addresses that answer and do not serve it
    serials: Count = 0  # different ones
    newest_serial: Count | None = None  # by RFC 1982 3.2
    slowest_us: DurationUs | None = None
    delegation_differs: bool | None = None  # None: not compared
    servers_differ: bool | None = None
    spoof_suspected: Count = 0
