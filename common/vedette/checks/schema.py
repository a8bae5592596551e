"""The configuration file as people write it. Reader, JSON Schema and reference page are all made from this.

A field holds what the file says; `vedette.checks.compile` turns it into the model. `read` in a type's extras
checks one text and explains itself; a pattern beside it is there for editors.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from vedette.checks import formats
from vedette.wire import limits

KINDS: Final = ("dns", "http", "tcp", "tls", "icmp")

RecordType = Literal[
    "A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV",
    "SSHFP", "SVCB", "TLSA", "TXT",
]  # fmt: skip
Rcode = Literal["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "NOTAUTH"]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
FamilyName = Literal["ipv4", "ipv6"]


def _read(read: Callable[[str], Any], **schema: Any) -> Meta:
    return Meta(extra={"read": read}, **schema)


def _for_editors(pattern: str) -> str:
    """The pattern in ECMA 262, the language of JSON Schema, which writes the end of the text as $."""
    return pattern.replace(r"\Z", "$")


Interval = Annotated[
    str, _read(formats.interval, pattern=formats.DURATION, description="1s to 1d", examples=["30s"])
]
Timeout = Annotated[
    str, _read(formats.timeout, pattern=formats.DURATION, description="10ms to 5m", examples=["5s"])
]
Size = Annotated[str, _read(formats.size, pattern=formats.SIZE, examples=["64kB", "1MiB"])]
AgentName = Annotated[
    str, _read(formats.agent_name, pattern=_for_editors(limits.AGENT_NAME), examples=["par-01"])
]
CheckName = Annotated[str, _read(formats.check_name, pattern=formats.CHECK_NAME, examples=["api-dns"])]
TagName = Annotated[str, _read(formats.tag_name, pattern=_for_editors(limits.TAG_NAME))]
TagValue = Annotated[str, _read(formats.tag_value, min_length=1, max_length=limits.MAX_TAG_TEXT)]
Tags = Annotated[dict[TagName, TagValue], Meta(max_length=limits.MAX_TAGS)]
DnsName = Annotated[str, _read(formats.dns_name, min_length=1, examples=["api.example.com"])]
Host = Annotated[str, _read(formats.host, min_length=1, examples=["www.example.com", "192.0.2.1"])]
HostPort = Annotated[str, _read(formats.host_port, examples=["db.example.com:5432", "[2001:db8::1]:443"])]
Resolver = Annotated[
    str,
    _read(
        formats.endpoint,
        description="literal address of a DNS server, port 53 unless given",
        examples=["192.0.2.53", "192.0.2.53:53", "[2001:db8::53]:53"],
    ),
]
Address = Annotated[str, _read(formats.address, examples=["192.0.2.1"])]
Network = Annotated[str, _read(formats.network, examples=["192.0.2.0/24"])]
Url = Annotated[str, _read(formats.url, pattern="^https?://", examples=["https://www.example.com/"])]
Regex = Annotated[str, _read(formats.regex, max_length=formats.MAX_REGEX)]
HeaderName = Annotated[str, _read(formats.header_name)]
SentHeaderName = Annotated[str, _read(formats.sent_header_name)]
HeaderValue = Annotated[str, _read(formats.header_value)]
AbsolutePath = Annotated[str, _read(formats.absolute_path, pattern="^/")]
Status = Annotated[int, Meta(ge=100, le=599)]
StatusRange = Annotated[str, _read(formats.statuses, pattern=formats.STATUS, examples=["200-299"])]
Ttl = Annotated[int, Meta(ge=0, le=2**31 - 1)]  # RFC 2181 8
Answer = Annotated[str, Meta(min_length=1, max_length=limits.MAX_ANSWER_TEXT)]
SelectionValue = Annotated[str, Meta(min_length=1)]


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Defaults(_Section, frozen=True, kw_only=True):
    """What a check uses where it says nothing itself."""

    interval: Annotated[Interval, Meta(description="time between the starts of two probes")] = "30s"
    timeout: Annotated[Timeout, Meta(description="for a whole probe; the interval where that is shorter")] = (
        "5s"
    )


class Agent(_Section, frozen=True, kw_only=True):
    """One agent: a place to probe from."""

    name: Annotated[AgentName, Meta(description="also its MQTT client id, user name and certificate name")]
    tags: Annotated[
        Tags, Meta(description="where it stands: labels of its metrics; checks select by them")
    ] = {}


class AnswersExpect(_Section, frozen=True, kw_only=True):
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


class TtlExpect(_Section, frozen=True, kw_only=True):
    """Bounds of the smallest TTL in the answer section, in seconds."""

    min: Ttl | None = None
    max: Ttl | None = None


class DnsExpect(_Section, frozen=True, kw_only=True):
    """What a DNS response must be like. Without a word here: NOERROR with one answer or more."""

    rcode: Annotated[
        Rcode | Annotated[list[Rcode], Meta(min_length=1)],
        Meta(description="one response code, or a list of which any will do"),
    ] = "NOERROR"
    answers: AnswersExpect | None = None
    ttl: TtlExpect | None = None
    authoritative: Annotated[bool, Meta(description="the AA flag")] | None = None
    authenticated: Annotated[bool, Meta(description="the AD flag, as the resolver claims")] | None = None


class DnsProbe(_Section, frozen=True, kw_only=True):
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


class TlsSettings(_Section, frozen=True, kw_only=True):
    """How a TLS peer is verified."""

    verify: Annotated[
        bool, Meta(description="false accepts any certificate; it is reported all the same")
    ] = True
    ca_file: (
        Annotated[AbsolutePath, Meta(description="PEM file on the agent, instead of its trust store")] | None
    ) = None
    server_name: Annotated[Host, Meta(description="for SNI and verification, instead of the host")] | None = (
        None
    )
    min_days_left: (
        Annotated[float, Meta(ge=0, le=3650, description="fail when a certificate expires sooner")] | None
    ) = None


class BodyExpect(_Section, frozen=True, kw_only=True):
    """Regular expressions that are searched in the body."""

    match: Annotated[Regex, Meta(description="must be found")] | None = None
    lack: Annotated[Regex, Meta(description="must not be found")] | None = None


class HttpExpect(_Section, frozen=True, kw_only=True):
    """What an HTTP response must be like. Without a word here: a 2xx status."""

    status: (
        Annotated[
            list[Status | StatusRange],
            Meta(min_length=1, max_length=100, description="codes and ranges of codes; [200-299] without it"),
        ]
        | None
    ) = None
    headers: Annotated[
        dict[HeaderName, Regex],
        Meta(max_length=50, description="header name to a regular expression found in its value"),
    ] = {}
    body: BodyExpect | None = None


class HttpProbe(_Section, frozen=True, kw_only=True):
    """One HTTP exchange, redirects included."""

    url: Annotated[Url, Meta(description="absolute http or https URL; credentials go into a header")]
    method: Method = "GET"
    headers: Annotated[
        dict[SentHeaderName, HeaderValue], Meta(max_length=50, description="sent as written")
    ] = {}
    body: Annotated[str, Meta(max_length=65536, description="sent as UTF-8")] | None = None
    address: (
        Annotated[Address, Meta(description="connect here; Host and SNI stay those of the URL")] | None
    ) = None
    resolver: Resolver | None = None
    max_redirects: Annotated[int, Meta(ge=0, le=20, description="0: the redirect is the response")] = 5
    max_body_bytes: Annotated[Size, Meta(description="of the decoded body, 16MiB at most")] = "1MiB"
    tls: TlsSettings | None = None
    expect: HttpExpect | None = None


class TcpProbe(_Section, frozen=True, kw_only=True):
    """One TCP connection, with a line of conversation where one is given."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None
    send: (
        Annotated[str, Meta(min_length=1, max_length=16384, description="sent as UTF-8 after the connect")]
        | None
    ) = None
    expect: Annotated[Regex, Meta(description="searched in the first 64 KiB that come")] | None = None


class TlsProbe(TlsSettings, frozen=True, kw_only=True):
    """One TLS handshake."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None


class IcmpProbe(_Section, frozen=True, kw_only=True):
    """One ICMP echo."""

    host: Host
    resolver: Resolver | None = None
    payload_bytes: Annotated[int, Meta(ge=16, le=1400)] = 56


class Check(_Section, frozen=True, kw_only=True):
    """One check: exactly one of dns, http, tcp, tls, icmp, and how it is run."""

    name: Annotated[CheckName, Meta(description="unique in the file; a label of every metric")]
    interval: Annotated[Interval, Meta(description="instead of the default")] | None = None
    timeout: Annotated[Timeout, Meta(description="instead of the default; at most the interval")] | None = (
        None
    )
    families: (
        Annotated[
            list[FamilyName],
            Meta(
                min_length=1,
                max_length=2,
                description="[ipv4] unless the target is an IPv6 address; both make two checks",
            ),
        ]
        | None
    ) = None
    tags: Annotated[Tags, Meta(description="what it is about, for rules and pages")] = {}
    agents: (
        Annotated[
            dict[
                str,
                SelectionValue | Annotated[list[SelectionValue], Meta(min_length=1)],
            ],
            Meta(
                min_length=1,
                description="tag to a value or a list of values; all tags must fit; "
                "`name` selects by agent name; every agent without it",
            ),
        ]
        | None
    ) = None
    dns: DnsProbe | None = None
    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    tls: TlsProbe | None = None
    icmp: IcmpProbe | None = None


class Configuration(_Section, frozen=True, kw_only=True):
    """A Vedette configuration: which agents there are and what they probe."""

    defaults: Defaults = Defaults()
    agents: Annotated[list[Agent], Meta(min_length=1, max_length=10_000)]
    checks: Annotated[list[Check], Meta(min_length=1, max_length=100_000)]
