"""`dnssec:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks import anchors, dnstext, formats
from vedette.checks.schema.types import DnsName, Section, text_of

Anchor = Annotated[
    str,
    text_of(
        anchors.anchor,
        max_length=anchors.MAX_ANCHOR,
        description="a DS or DNSKEY record with its zone",
        examples=[". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"],
    ),
]


Resolver = Annotated[
    str, text_of(dnstext.literal_server, examples=["host", "192.0.2.53", "[2001:db8::53]:5353"])
]


RecordType = Literal[
    "A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "SSHFP",
    "SVCB", "TLSA", "TXT",
]  # fmt: skip


Duration = Annotated[str, text_of(formats.duration, pattern=formats.DURATION, examples=["2d"])]


class DnssecProbe(Section, frozen=True, kw_only=True):
    """The chain of trust down to one name and type, validated by the agent itself."""

    name: Annotated[DnsName, Meta(description="the name to validate; `.` is the root")]
    type: Annotated[RecordType, Meta(description="the record type to validate")] = "A"
    resolver: (
        Annotated[Resolver, Meta(description="the server to ask; the agent's own, `host`, without it")] | None
    ) = None
    resolvers: (
        Annotated[
            list[Resolver],
            Meta(min_length=1, max_length=100, description="servers to ask, each by a check of its own"),
        ]
        | None
    ) = None
    anchors: (
        Annotated[
            list[Anchor],
            Meta(min_length=1, max_length=16, description="trusted keys, instead of those of the root"),
        ]
        | None
    ) = None
    expect: Annotated[
        Literal["secure", "insecure", "bogus"],
        Meta(description="what validation must come to; insecure: proven to be unsigned"),
    ] = "secure"
    min_signature_left: (
        Annotated[Duration, Meta(description="fail when the first signature of the chain expires sooner")]
        | None
    ) = None
