"""Human words for kinds of component and for failure codes. Closed sets: each has its words."""

import unicodedata
from collections.abc import Iterable
from typing import Final, NamedTuple

from vedette.wire.failure import Failure
from vedette_collector.verdicts import denied
from vedette_collector.verdicts.component import PROBED, Component, Entity, Kind, Part

NAME_CHARACTERS: Final = 60
_NAMED: Final = 4  # of a group, before the rest is counted


class Wording(NamedTuple):
    """`{}` is the name, or the names of a group."""

    one: str  # the thing itself
    many: str
    way: str  # what probes have to do with it: "probes …"
    it: str  # the same once it was named


_OF: Final = "of {}"
KINDS: Final[dict[Kind, Wording]] = {
    Kind.TARGET: Wording("target {}", "targets {}", _OF, "of it"),
    Kind.ZONE: Wording("DNS zone {}", "DNS zones {}", "of names in {}", "of names in it"),
    Kind.PREFIX_SET: Wording("address prefixes {}", "address prefixes {}", _OF, "to them"),
    Kind.HOST_CLASS: Wording("{} hosts", "{} hosts", _OF, "of them"),
    Kind.DEPENDENCY: Wording("what depends on {}", "what depends on {}", _OF, "of it"),
    Kind.PLANE: Wording("{} plane", "{} planes", "of the {}", "of it"),
    Kind.PRODUCT: Wording("product {}", "products {}", _OF, "of it"),
    Kind.PROVIDER_REGION: Wording("provider region {}", "provider regions {}", "in {}", "in it"),
    Kind.AUTHORITY: Wording("name servers of {}", "name servers of {}", "that need the {}", "that need them"),
    Kind.PROVIDER_NETWORK: Wording("target network {}", "target networks {}", "into {}", "into it"),
    Kind.PROVIDER: Wording("provider {}", "providers {}", _OF, "of it"),
    Kind.TLD: Wording("top-level domain .{}", "top-level domains {}", "of names under {}", "under it"),
    Kind.CA_CHAIN: Wording("certificate chain {}", "certificate chains {}", "with {}", "with it"),
    Kind.FAMILY: Wording("{}", "{}", "over {}", "over it"),
    Kind.RESOLVER: Wording("resolver {}", "resolvers {}", "through {}", "through it"),
    Kind.RESOLVER_CLASS: Wording("{} resolvers", "{} resolvers", "through {}", "through them"),
    Kind.TRANSIT: Wording("transit network {}", "transit networks {}", "through {}", "through it"),
    Kind.AGENT: Wording("agent {}", "agents {}", "from {}", "from it"),
    Kind.SITE: Wording("site {}", "sites {}", "from {}", "from it"),
    Kind.NETWORK: Wording("network {}", "networks {}", "from {}", "from it"),
    Kind.ACCESS: Wording("{} access", "{} access", "from {}", "from it"),
    Kind.CLIENT_STACK: Wording("TLS stack {}", "TLS stacks {}", "with {}", "with it"),
    Kind.REGION: Wording("region {}", "regions {}", "from {}", "from it"),
    Kind.TELEMETRY: Wording(
        "our own telemetry ({})", "our own telemetry ({})", "by way of {}", "by way of it"
    ),
}
# Names that the collector itself gives.
_GIVEN: Final = {
    (Kind.FAMILY, "ipv4"): "IPv4",
    (Kind.FAMILY, "ipv6"): "IPv6",
    (Kind.RESOLVER_CLASS, "not_validating"): "not validating",
}

CODES: Final[dict[Failure, str]] = {
    Failure.DNS_NODATA: "the name has no such record",
    Failure.DNS_NXDOMAIN: "the name does not exist",
    Failure.DNS_SERVFAIL: "resolvers answer SERVFAIL",
    Failure.DNS_REFUSED: "DNS queries are refused",
    Failure.DNS_RCODE: "unexpected DNS response code",
    Failure.DNS_TIMEOUT: "no DNS answer in time",
    Failure.DNS_TRUNCATED: "truncated DNS answers",
    Failure.DNS_MALFORMED: "unreadable DNS answers",
    Failure.DNS_WRONG_ANSWER: "wrong DNS answers",
    Failure.DNS_CNAME_DANGLING: "CNAME leads nowhere",
    Failure.DNS_LAME: "name server does not serve the zone",
    Failure.DNS_DELEGATION: "broken delegation",
    Failure.DNS_STALE_SERIAL: "a name server has an old zone",
    Failure.DNS_INCONSISTENT: "name servers disagree",
    Failure.DNS_BOGUS: "DNSSEC validation fails",
    Failure.DNS_INSECURE: "DNSSEC is off where it must be on",
    Failure.DNS_MISSING_DS: "DS record is missing",
    Failure.DNS_EXPIRES_SOON: "DNSSEC signature expires soon",
    Failure.NET_UNREACHABLE: "network unreachable",
    Failure.NET_REFUSED: "port unreachable",
    Failure.QUIC_TIMEOUT: "QUIC handshake times out",
    Failure.QUIC_HANDSHAKE: "QUIC handshake fails",
    Failure.QUIC_CLOSED: "QUIC connection is closed early",
    Failure.TCP_REFUSED: "connections are refused",
    Failure.TCP_TIMEOUT: "connections time out",
    Failure.TCP_RESET: "connections are reset",
    Failure.TCP_CLOSED: "connections are closed early",
    Failure.TCP_EXPECT: "unexpected TCP answer",
    Failure.TLS_EXPIRED: "certificate has expired",
    Failure.TLS_NOT_YET_VALID: "certificate is not valid yet",
    Failure.TLS_HOSTNAME: "certificate is for another name",
    Failure.TLS_UNTRUSTED: "certificate is not trusted",
    Failure.TLS_HANDSHAKE: "TLS handshake fails",
    Failure.TLS_TIMEOUT: "TLS handshake times out",
    Failure.TLS_STARTTLS: "STARTTLS is not offered",
    Failure.TLS_EXPECT: "unexpected TLS parameters",
    Failure.TLS_ACCEPTED: "TLS is accepted that must be refused",
    Failure.TLS_REVOKED: "certificate is revoked",
    Failure.TLS_OCSP: "no good stapled OCSP response",
    Failure.TLS_EXPIRES_SOON: "certificate expires soon",
    Failure.HTTP_STATUS: "wrong HTTP status",
    Failure.HTTP_BODY: "wrong HTTP body",
    Failure.HTTP_HEADER: "wrong HTTP header",
    Failure.HTTP_REDIRECTS: "wrong or too many HTTP redirects",
    Failure.HTTP_TOO_LARGE: "HTTP response is too large",
    Failure.HTTP_PROTOCOL: "broken HTTP",
    Failure.HTTP_TIMEOUT: "no HTTP response in time",
    Failure.HTTP_VERSION: "unexpected HTTP version",
    Failure.HTTP_TLS: "HTTP with or without TLS, against what is expected",
    Failure.HTTP_SIZE: "HTTP body of unexpected size",
    Failure.HTTP_SLOW: "HTTP is slow",
    Failure.HTTP_PROXY: "the proxy fails",
    Failure.ICMP_LOSS: "ping loss",
    Failure.ICMP_CORRUPT: "corrupt ping replies",
    Failure.ICMP_SLOW: "ping is slow",
    Failure.PATH_TIMEOUT: "the path ends on the way",
    Failure.PATH_UNREACHABLE: "a router says unreachable",
    Failure.PATH_EXPECT: "unexpected path",
    Failure.PATH_CHANGED: "the path changed",
    Failure.UDP_TIMEOUT: "no UDP answer in time",
    Failure.UDP_EXPECT: "unexpected UDP answer",
    Failure.NTP_TIMEOUT: "no NTP answer in time",
    Failure.NTP_MALFORMED: "unreadable NTP answers",
    Failure.NTP_KISS: "the NTP server sends us away",
    Failure.NTP_UNSYNCHRONIZED: "the NTP server has no time itself",
    Failure.NTP_OFFSET: "NTP time is off",
    Failure.NTP_STRATUM: "unexpected NTP stratum",
    Failure.NTP_DISPERSION: "NTP time is too uncertain",
    Failure.WEBSOCKET_HANDSHAKE: "WebSocket handshake fails",
    Failure.WEBSOCKET_EXPECT: "unexpected WebSocket messages",
    Failure.WEBSOCKET_CLOSED: "WebSocket is closed early",
    Failure.WEBSOCKET_PROTOCOL: "broken WebSocket",
    Failure.WEBSOCKET_TIMEOUT: "no WebSocket answer in time",
    Failure.GRPC_STATUS: "wrong gRPC status",
    Failure.GRPC_NOT_SERVING: "gRPC health says it does not serve",
    Failure.GRPC_EXPECT: "gRPC serves what it should not",
    Failure.GRPC_PROTOCOL: "broken gRPC",
    Failure.GRPC_TIMEOUT: "no gRPC answer in time",
}


def failure(code: str) -> str:
    """`connections time out (tcp.timeout)`; a code of a newer agent stands for itself."""
    if code == denied.CODE:
        statuses = [str(each) for each in sorted(denied.STATUSES)]
        return f"access is denied ({Failure.HTTP_STATUS} {', '.join(statuses[:-1])} or {statuses[-1]})"
    try:
        return f"{CODES[Failure(code)]} ({code})"
    except ValueError:
        return clean(code)


def noun(component: Component) -> str:
    """`name servers of dyn from region us-east`."""
    first, *others = _ordered(component)
    return _joined(_noun(first), others)


def beside(component: Component, other: Component) -> str:
    """*other* after *component* in one sentence: `from network AS1` after `resolver 1.1.1.1 from agent a`.

    What is wider or narrower says so: the same name twice would read like a mistake.
    """
    if set(other.parts) < set(component.parts):
        return f"all of {noun(other)}"
    if set(other.parts) > set(component.parts):
        return f"only {noun(other)}"
    (*same, _), (*beginning, last) = _ordered(component), _ordered(other)
    return _joined("", [last]).strip() if same and same == beginning else noun(other)


def way(component: Component) -> str:
    """What its probes do: `that need the name servers of dyn from region us-east`."""
    first, *others = _ordered(component)
    return _joined(KINDS[first.kind].way.format(_noun(first)), others)


def entity_noun(entity: Entity) -> str:
    return _noun(Part(entity.kind, (entity.name,)))


def listed(names: Iterable[str], most: int = _NAMED) -> str:
    """`a, b and c`, or `a, b, c, d and 9 more`."""
    all_names = list(names)
    shown = all_names if len(all_names) <= most else [*all_names[:most], f"{len(all_names) - most} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def clean(text: str, most: int = NAME_CHARACTERS) -> str:
    """Names come from configuration and from targets: one line, nothing invisible, no endless one.

    Control, format (such as right-to-left marks), surrogate, private and separator characters become `?`.
    """
    shown = "".join(
        "?" if unicodedata.category(each)[0] == "C" or unicodedata.category(each) in ("Zl", "Zp") else each
        for each in text[: most + 1]
    )
    return shown if len(text) <= most else f"{shown[: most - 1]}…"


def _ordered(component: Component) -> list[Part]:
    """What is probed, then the way there, then from where: the order of the kinds."""
    places = {kind: place for place, kind in enumerate(Kind)}
    return sorted(component.parts, key=lambda part: places[part.kind])


def _joined(text: str, others: list[Part]) -> str:
    for part in others:
        noun = _noun(part)
        text += f" in {noun}" if part.kind in PROBED else f" {KINDS[part.kind].way.format(noun)}"
    return text


def _noun(part: Part) -> str:
    names = [_GIVEN.get((part.kind, name)) or clean(name) for name in part.names]
    if len(names) == 1:
        return KINDS[part.kind].one.format(names[0])
    if part.kind == Kind.TLD:
        names = [f".{name}" for name in names]
    return KINDS[part.kind].many.format(listed(names))
