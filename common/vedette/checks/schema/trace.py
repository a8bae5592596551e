"""`trace:` as people write it, and what it shares with `authority:`."""

from typing import Annotated

from msgspec import Meta

from vedette.checks.schema.dns import RecordType
from vedette.checks.schema.types import Address, DnsName, Section

Roots = Annotated[list[Address], Meta(min_length=1, max_length=32)]

Port = Annotated[int, Meta(ge=1, le=65535)]


class TraceProbe(Section, frozen=True, kw_only=True):
    """One resolution from the root servers down, without a resolver."""

    name: Annotated[DnsName, Meta(description="the name to ask for")]
    type: Annotated[RecordType, Meta(description="the record type to ask for")] = "A"
    roots: (
        Annotated[Roots, Meta(description="where to begin: literal addresses; the root servers without it")]
        | None
    ) = None
    port: Annotated[
        Port, Meta(description="of every server on the way; another than 53 for a tree of one's own")
    ] = 53
