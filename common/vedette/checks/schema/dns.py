"""`dns:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks import dnstext, formats
from vedette.checks.schema.tls import TlsSettings
from vedette.checks.schema.types import DnsName, Host, Network, Regex, Section, text_of
from vedette.wire import limits

RecordType = Annotated[str, text_of(dnstext.record_type, examples=["AAAA", "TXT", "TYPE65280"])]


RecordClass = Literal["IN", "CH", "HS"]


Rcode = Literal[
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
    "NOTAUTH", "NOTZONE", "DSOTYPENI", "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG",
    "BADTRUNC", "BADCOOKIE",
]  # fmt: skip


Transport = Literal["udp", "tcp", "tls", "https", "quic"]


Ttl = Annotated[int, Meta(ge=0, le=2**31 - 1)]  # RFC 2181 8


Answer = Annotated[str, Meta(min_length=1, max_length=limits.MAX_ANSWER_TEXT)]


Patterns = Regex | Annotated[list[Regex], Meta(min_length=1, max_length=20)]


ResolverText = Annotated[
    str,
    text_of(
        dnstext.resolver,
        examples=["host", "192.0.2.53", "[2001:db8::53]:53", "https://dns.example/dns-query"],
    ),
]


class ResolverSettings(Section, frozen=True, kw_only=True):
    """One server, where its address alone does not say enough."""

    name: (
        Annotated[
            str,
            text_of(
                formats.suffix,
                pattern=formats.SUFFIX,
                description="what tells it apart in a list: the check runs as CHECK:NAME; "
                "made from the address without it",
                examples=["google"],
            ),
        ]
        | None
    ) = None
    address: (
        Annotated[
            str,
            text_of(
                dnstext.server,
                description="`host`, or a literal address with a port or without; for tls and quic a name as "
                "well; beside url: connect here",
                examples=["host", "8.8.8.8", "[2001:db8::53]:5353"],
            ),
        ]
        | None
    ) = None
    url: (
        Annotated[
            str,
            text_of(
                dnstext.https_url,
                pattern="^https://",
                description="of DNS over HTTPS (RFC 8484)",
                examples=["https://dns.example/dns-query"],
            ),
        ]
        | None
    ) = None
    transport: Annotated[Transport, Meta(description="instead of the check's")] | None = None
    server_name: Annotated[Host, Meta(description="for SNI and verification, instead of the host")] | None = (
        None
    )


class EdnsSettings(Section, frozen=True, kw_only=True):
    """What the OPT record of the query says (RFC 6891)."""

    enabled: Annotated[bool, Meta(description="false sends no OPT record, as before 1999")] = True
    payload_bytes: Annotated[
        int, Meta(ge=512, le=4096, description="largest UDP answer that is asked for")
    ] = 1232
    version: Annotated[
        int, Meta(ge=0, le=255, description="a server that knows only 0 has to answer BADVERS to others")
    ] = 0
    nsid: Annotated[bool, Meta(description="ask which instance answers (RFC 5001)")] = False
    client_subnet: (
        Annotated[Network, Meta(description="ask as if from this network (RFC 7871); 0.0.0.0/0 forbids it")]
        | None
    ) = None
    padding: Annotated[
        bool, Meta(description="to blocks of 128 bytes, for tls, https and quic (RFC 8467)")
    ] = False


class RecordsExpect(Section, frozen=True, kw_only=True):
    """What the records of one section must be. The OPT record of EDNS is not one of them."""

    min: Annotated[int, Meta(ge=0, le=1000, description="fewest records")] = 1
    max: Annotated[int, Meta(ge=0, le=1000, description="most records")] | None = None
    exact: (
        Annotated[
            list[Answer],
            Meta(min_length=1, max_length=100, description="these and no others, each as `OWNER TYPE DATA`"),
        ]
        | None
    ) = None
    contains: (
        Annotated[
            list[Answer],
            Meta(min_length=1, max_length=100, description="at least these, each as `OWNER TYPE DATA`"),
        ]
        | None
    ) = None
    match: (
        Annotated[Patterns, Meta(description="found in every record, as `OWNER. TTL CLASS TYPE DATA`")] | None
    ) = None
    match_any: Annotated[Patterns, Meta(description="found in one record at least")] | None = None
    match_none: Annotated[Patterns, Meta(description="found in no record")] | None = None
    match_not_all: Annotated[Patterns, Meta(description="lacking in one record at least")] | None = None
    within: (
        Annotated[
            list[Network],
            Meta(min_length=1, max_length=1000, description="every A and AAAA lies in one of these networks"),
        ]
        | None
    ) = None


class SectionsExpect(Section, frozen=True, kw_only=True):
    """What stands in the sections of the response, whatever its code and whoever owns the records."""

    answer: RecordsExpect | None = None
    authority: RecordsExpect | None = None
    additional: RecordsExpect | None = None


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
    match: Annotated[Patterns, Meta(description="found in every answer")] | None = None
    match_any: Annotated[Patterns, Meta(description="found in one answer at least")] | None = None
    match_none: Annotated[Patterns, Meta(description="found in no answer")] | None = None
    match_not_all: Annotated[Patterns, Meta(description="lacking in one answer at least")] | None = None
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


class FlagsExpect(Section, frozen=True, kw_only=True):
    """Flags of the response header (RFC 1035 4.1.1, RFC 4035 3.2). What is not named may be either."""

    aa: Annotated[bool, Meta(description="authoritative")] | None = None
    tc: Annotated[bool, Meta(description="truncated, over UDP before TCP was asked")] | None = None
    rd: Annotated[bool, Meta(description="recursion was asked for")] | None = None
    ra: Annotated[bool, Meta(description="recursion is available")] | None = None
    ad: Annotated[bool, Meta(description="authentic data, as the resolver claims")] | None = None
    cd: Annotated[bool, Meta(description="checking was disabled")] | None = None


ErrorCode = Annotated[int, Meta(ge=0, le=65535)]


class ExtendedErrorsExpect(Section, frozen=True, kw_only=True):
    """The extended DNS errors of the response (RFC 8914), by their codes."""

    contains: Annotated[list[ErrorCode], Meta(max_length=20, description="all of these are there")] = []
    lack: Annotated[list[ErrorCode], Meta(max_length=20, description="none of these is there")] = []
    max: Annotated[int, Meta(ge=0, le=100, description="most of them; 0 for none at all")] | None = None


class DnsExpect(Section, frozen=True, kw_only=True):
    """What a DNS response must be like. Without a word here: NOERROR with one answer or more."""

    rcode: Annotated[
        Rcode | Annotated[list[Rcode], Meta(min_length=1)],
        Meta(description="one response code, or a list of which any will do"),
    ] = "NOERROR"
    answers: AnswersExpect | None = None
    sections: SectionsExpect | None = None
    ttl: TtlExpect | None = None
    flags: FlagsExpect | None = None
    authoritative: Annotated[bool, Meta(description="flags.aa by another name")] | None = None
    authenticated: Annotated[bool, Meta(description="flags.ad by another name")] | None = None
    nsid: Annotated[Regex, Meta(description="found in the name of the instance; needs edns.nsid")] | None = (
        None
    )
    extended_errors: ExtendedErrorsExpect | None = None


class DnsProbe(Section, frozen=True, kw_only=True):
    """One DNS query to one server, or to each of several."""

    name: Annotated[DnsName, Meta(description="the name to ask for; `.` is the root")]
    type: Annotated[RecordType, Meta(description="the record type to ask for: mnemonic or TYPEnnn")] = "A"
    record_class: Annotated[RecordClass, Meta(description="CH is for `version.bind TXT` and the like")] = "IN"
    resolver: (
        Annotated[
            ResolverText | ResolverSettings,
            Meta(description="the server to ask; the agent's own, `host`, without it"),
        ]
        | None
    ) = None
    resolvers: (
        Annotated[
            list[ResolverText | ResolverSettings],
            Meta(min_length=1, max_length=100, description="servers to ask, each by a check of its own"),
        ]
        | None
    ) = None
    transport: Annotated[
        Transport, Meta(description="udp asks again over TCP when the answer is truncated; https needs a URL")
    ] = "udp"
    method: Annotated[Literal["POST", "GET"], Meta(description="of HTTP, for https")] = "POST"
    tls: TlsSettings | None = None
    recursion: Annotated[bool, Meta(description="the RD flag; false to ask an authority")] = True
    checking_disabled: Annotated[
        bool, Meta(description="the CD flag; true asks a resolver not to validate")
    ] = False
    authentic_data: Annotated[
        bool, Meta(description="the AD flag: asks for AD in the response (RFC 6840 5.7)")
    ] = True
    dnssec_ok: Annotated[bool, Meta(description="the DO flag: asks for signatures (RFC 3225)")] = False
    edns: EdnsSettings | None = None
    expect: DnsExpect | None = None
