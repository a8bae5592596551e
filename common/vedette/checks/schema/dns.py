"""`dns:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks.schema.types import DnsName, Network, Regex, Resolver, Section
from vedette.wire import limits

RecordType = Literal[
    "A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV",
    "SSHFP", "SVCB", "TLSA", "TXT",
]  # fmt: skip


Rcode = Literal["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "NOTAUTH"]


Ttl = Annotated[int, Meta(ge=0, le=2**31 - 1)]  # RFC 2181 8


Answer = Annotated[str, Meta(min_length=1, max_length=limits.MAX_ANSWER_TEXT)]


class AnswersExpect(Section, frozen=True, kw_only=True):
    """What the answer set must be. A CNAME on the way is not an answer, unless CNAME is asked."""

    min: Annotated[int, Meta(ge=0, le=1000, description="fewest records of the asked type")] = 1
    max: Annotated[int, Meta(ge=0, le=1000, description="most records of the asked type")] | None = None
    exact: (
        Annotated[list[Answer], Meta(min_length=1, max_length=100, description="these and no others")] | None
    ) = None
    contains: (
        Annotated[list[Answer], Meta(min_length=1, max_length=100, description="at least these")] | None
    ) = None
    match: Annotated[Regex, Meta(description="found in every answer")] | None = None
    within: (
        Annotated[
            list[Network],
            Meta(min_length=1, max_length=1000, description="every address lies in one of these networks"),
        ]
        | None
    ) = None


class TtlExpect(Section, frozen=True, kw_only=True):
    """Bounds of the smallest TTL in the answer section, in seconds."""

    min: Ttl | None = None
    max: Ttl | None = None


class DnsExpect(Section, frozen=True, kw_only=True):
    """What a DNS response must be like. Without a word here: NOERROR with one answer or more."""

    rcode: Annotated[
        Rcode | Annotated[list[Rcode], Meta(min_length=1)],
        Meta(description="one response code, or a list of which any will do"),
    ] = "NOERROR"
    answers: AnswersExpect | None = None
    ttl: TtlExpect | None = None
    authoritative: Annotated[bool, Meta(description="the AA flag")] | None = None
    authenticated: Annotated[bool, Meta(description="the AD flag, as the resolver claims")] | None = None


class DnsProbe(Section, frozen=True, kw_only=True):
    """One DNS query to one server."""

    name: Annotated[DnsName, Meta(description="the name to ask for; `.` is the root")]
    type: Annotated[RecordType, Meta(description="the record type to ask for")] = "A"
    resolver: (
        Annotated[Resolver, Meta(description="the server to ask; the agent's own without it")] | None
    ) = None
    transport: Annotated[
        Literal["udp", "tcp"], Meta(description="udp asks again over TCP when the answer is truncated")
    ] = "udp"
    recursion: Annotated[bool, Meta(description="the RD flag; false to ask an authority")] = True
    expect: DnsExpect | None = None
