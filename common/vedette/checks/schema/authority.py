"""`authority:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.dns import RecordType
from vedette.checks.schema.trace import Port, Roots
from vedette.checks.schema.types import Address, DnsName, Host, Resolver, Section, text_of

Short = Annotated[str, text_of(formats.suffix, pattern=formats.SUFFIX, examples=["ns1"])]


class AuthorityServer(Section, frozen=True, kw_only=True):
    """One name server of the zone."""

    name: Annotated[Host, Meta(description="its name, as in the NS records")]
    addresses: Annotated[
        list[Address], Meta(min_length=1, max_length=2, description="where it is asked: one a family, say")
    ]
    short: (
        Annotated[
            Short, Meta(description="its own check is called `NAME:SHORT`; `NAME:` and its name without")
        ]
        | None
    ) = None
    hidden: Annotated[
        bool, Meta(description="no NS record names it, as of a hidden primary: it is asked all the same")
    ] = False


class AuthorityRecord(Section, frozen=True, kw_only=True):
    """A record that every server must have alike."""

    name: Annotated[DnsName, Meta(description="in the zone")]
    type: Annotated[RecordType, Meta(description="its type")] = "A"


class AuthorityProbe(Section, frozen=True, kw_only=True):
    """All name servers of one zone: whether each serves it, and whether they agree."""

    zone: Annotated[DnsName, Meta(description="the name of the zone")]
    servers: (
        Annotated[
            list[AuthorityServer],
            Meta(
                min_length=1,
                max_length=16,
                description="the servers to ask, each also as a check of its own; their names must be the NS "
                "records. Those of the delegation without it",
            ),
        ]
        | None
    ) = None
    parent: (
        Annotated[
            Roots,
            Meta(
                description="with servers or resolver: servers of the parent zone, to compare what they say"
            ),
        ]
        | None
    ) = None
    resolver: (
        Annotated[Resolver, Meta(description="find the servers through this one, not from the roots down")]
        | None
    ) = None
    roots: (
        Annotated[
            Roots, Meta(description="where to begin to look for the delegation; the root servers without it")
        ]
        | None
    ) = None
    port: Annotated[Port, Meta(description="of every server but the resolver")] = 53
    max_serial_lag: Annotated[
        int,
        Meta(ge=0, le=2**31 - 1, description="how far a serial may be behind the newest (RFC 1982)"),
    ] = 0
    record: Annotated[AuthorityRecord, Meta(description="must be the same on every server")] | None = None
