"""What an agent runs: checks with every default filled in and every reference resolved.

The configuration file is read by `vedette.checks.read`; nothing here knows YAML. Durations are seconds.
A check of both address families is two checks here, named `web:ipv4` and `web:ipv6`.
"""

from msgspec import Struct

from vedette.checks.model.authority import AuthorityCheck, NamedServer
from vedette.checks.model.base import BypassPlan, Endpoint, Family
from vedette.checks.model.dns import DnsCheck, DnsExpect
from vedette.checks.model.dnssec import Anchor, DnssecCheck
from vedette.checks.model.grpc import GrpcCheck
from vedette.checks.model.http import HttpCheck, HttpExpect
from vedette.checks.model.icmp import IcmpCheck
from vedette.checks.model.ntp import NtpCheck
from vedette.checks.model.path import PathCheck
from vedette.checks.model.resolver import Resolver, ResolverAddress
from vedette.checks.model.tcp import DialogueStep, TcpCheck
from vedette.checks.model.tls import Refusal, TlsCheck, TlsOptions
from vedette.checks.model.trace import TraceCheck
from vedette.checks.model.udp import UdpCheck
from vedette.checks.model.websocket import WebsocketCheck

__all__ = [
    "Anchor",
    "Assignment",
    "AuthorityCheck",
    "BypassPlan",
    "Check",
    "DialogueStep",
    "DnsCheck",
    "DnsExpect",
    "DnssecCheck",
    "Endpoint",
    "Family",
    "GrpcCheck",
    "HttpCheck",
    "HttpExpect",
    "IcmpCheck",
    "NamedServer",
    "NtpCheck",
    "PathCheck",
    "Refusal",
    "Resolver",
    "ResolverAddress",
    "TcpCheck",
    "TlsCheck",
    "TlsOptions",
    "TraceCheck",
    "UdpCheck",
    "Vantage",
    "WebsocketCheck",
]


Check = (
    DnsCheck
    | AuthorityCheck
    | TraceCheck
    | DnssecCheck
    | HttpCheck
    | TcpCheck
    | TlsCheck
    | IcmpCheck
    | PathCheck
    | UdpCheck
    | NtpCheck
    | WebsocketCheck
    | GrpcCheck
)


class Vantage(Struct, frozen=True, kw_only=True):
    """One agent as the configuration names it."""

    name: str
    tags: dict[str, str] = {}


class Assignment(Struct, frozen=True, kw_only=True):
    """A whole configuration, ready to run: which agent runs which checks."""

    agents: tuple[Vantage, ...]
    checks: tuple[Check, ...]
    by_agent: dict[str, tuple[str, ...]]  # agent name to the names of its checks, in file order
    resolvers: tuple[Resolver, ...] = ()  # those with a name
    config_hash: str  # sha256 of the canonical form, hex; the same file gives the same hash everywhere
