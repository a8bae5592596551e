"""The configuration file as people write it. Reader, JSON Schema and reference page are all made from this.

A field holds what the file says; `vedette.checks.compile` turns it into the model. One module a kind.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

from vedette.checks.schema.authority import AuthorityProbe
from vedette.checks.schema.bypass import Bypass
from vedette.checks.schema.dns import DnsProbe
from vedette.checks.schema.dnssec import DnssecProbe
from vedette.checks.schema.grpc import GrpcProbe
from vedette.checks.schema.http import HttpProbe
from vedette.checks.schema.icmp import IcmpProbe
from vedette.checks.schema.ntp import NtpProbe
from vedette.checks.schema.path import PathProbe
from vedette.checks.schema.resolver import NamedResolver
from vedette.checks.schema.tcp import TcpProbe
from vedette.checks.schema.tls import TlsProbe, TlsSettings
from vedette.checks.schema.trace import TraceProbe
from vedette.checks.schema.types import AgentName, CheckName, FamilyName, Interval, Section, Tags, Timeout
from vedette.checks.schema.udp import UdpProbe
from vedette.checks.schema.websocket import WebsocketProbe

__all__ = [
    "KINDS",
    "Agent",
    "AuthorityProbe",
    "Check",
    "Configuration",
    "Defaults",
    "DnsProbe",
    "DnssecProbe",
    "GrpcProbe",
    "HttpProbe",
    "IcmpProbe",
    "NamedResolver",
    "NtpProbe",
    "PathProbe",
    "TcpProbe",
    "TlsProbe",
    "TlsSettings",
    "TraceProbe",
    "UdpProbe",
    "WebsocketProbe",
]

KINDS: Final = (
    "dns",
    "authority",
    "trace",
    "dnssec",
    "http",
    "tcp",
    "tls",
    "icmp",
    "path",
    "udp",
    "ntp",
    "websocket",
    "grpc",
)


class Defaults(Section, frozen=True, kw_only=True):
    """What a check uses where it says nothing itself."""

    interval: Annotated[Interval, Meta(description="time between the starts of two probes")] = "30s"
    timeout: Annotated[Timeout, Meta(description="for a whole probe; the interval where that is shorter")] = (
        "5s"
    )
    bypass: (
        Annotated[
            Bypass,
            Meta(description="other ways to a target, where they fit a check; `none`: for none of them"),
        ]
        | None
    ) = None


class Agent(Section, frozen=True, kw_only=True):
    """One agent: a place to probe from."""

    name: Annotated[AgentName, Meta(description="also its MQTT client id, user name and certificate name")]
    tags: Annotated[
        Tags, Meta(description="where it stands: labels of its metrics; checks select by them")
    ] = {}


SelectionValue = Annotated[str, Meta(min_length=1)]


class Check(Section, frozen=True, kw_only=True):
    """One check: exactly one kind of probe, and how it is run."""

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
    priority: Annotated[
        Literal["low", "normal"],
        Meta(description="low: not run, and counted as `shed`, while the agent has too much to do"),
    ] = "normal"
    bypass: (
        Annotated[
            Bypass,
            Meta(description="other ways to the target; the rest as in the defaults; `none`: no other"),
        ]
        | None
    ) = None
    dns: DnsProbe | None = None
    authority: AuthorityProbe | None = None
    trace: TraceProbe | None = None
    dnssec: DnssecProbe | None = None
    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    tls: TlsProbe | None = None
    icmp: IcmpProbe | None = None
    grpc: GrpcProbe | None = None
    websocket: WebsocketProbe | None = None
    path: PathProbe | None = None
    ntp: NtpProbe | None = None
    udp: UdpProbe | None = None


class Configuration(Section, frozen=True, kw_only=True):
    """A Vedette configuration: which agents there are and what they probe."""

    defaults: Defaults = Defaults()
    agents: Annotated[list[Agent], Meta(min_length=1, max_length=10_000)]
    resolvers: Annotated[
        list[NamedResolver],
        Meta(max_length=1000, description="names for the resolvers that probes go through"),
    ] = []
    checks: Annotated[list[Check], Meta(min_length=1, max_length=100_000)]
