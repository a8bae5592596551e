"""What a probe learned on the way, also when it failed. One module a kind."""

from typing import Annotated

from msgspec import Meta

from vedette.wire.facts.authority import AuthorityFacts, AuthorityServerFacts
from vedette.wire.facts.dns import DnsFacts
from vedette.wire.facts.dnssec import DnssecFacts, DnssecZone
from vedette.wire.facts.grpc import GrpcFacts
from vedette.wire.facts.http import HttpFacts
from vedette.wire.facts.icmp import IcmpFacts
from vedette.wire.facts.ntp import NtpFacts
from vedette.wire.facts.path import PathFacts, PathHop
from vedette.wire.facts.tls import TlsFacts
from vedette.wire.facts.trace import TraceFacts, TraceStep
from vedette.wire.facts.udp import UdpFacts
from vedette.wire.facts.websocket import WebsocketFacts
from vedette.wire.fields import Message, Text

__all__ = [
    "AuthorityFacts",
    "AuthorityServerFacts",
    "DnsFacts",
    "DnssecFacts",
    "DnssecZone",
    "Facts",
    "GrpcFacts",
    "HttpFacts",
    "IcmpFacts",
    "NtpFacts",
    "PathFacts",
    "PathHop",
    "TlsFacts",
    "TraceFacts",
    "TraceStep",
    "UdpFacts",
    "WebsocketFacts",
]


class Facts(Message, frozen=True, kw_only=True, omit_defaults=True):
    address: Text | None = None  # the one address that was probed
    port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    resolver: Text | None = None  # address:port that was asked, for the target's name or by a DNS check
    dns: DnsFacts | None = None
    authority: AuthorityFacts | None = None
    trace: TraceFacts | None = None
    dnssec: DnssecFacts | None = None
    http: HttpFacts | None = None
    tls: TlsFacts | None = None
    icmp: IcmpFacts | None = None
    grpc: GrpcFacts | None = None
    websocket: WebsocketFacts | None = None
    path: PathFacts | None = None
    ntp: NtpFacts | None = None
    udp: UdpFacts | None = None
