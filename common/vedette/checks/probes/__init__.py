"""Each kind of probe as written, to its check in the model. The `match` is closed: mypy misses no kind."""

from collections.abc import Sequence
from typing import Any, assert_never

from vedette.checks import formats, schema
from vedette.checks.model import Check
from vedette.checks.probes.authority import authority, servers
from vedette.checks.probes.dns import dns, dns_literal, dns_variants
from vedette.checks.probes.dnssec import dnssec, dnssec_literal, dnssec_variants
from vedette.checks.probes.grpc import grpc
from vedette.checks.probes.http import http
from vedette.checks.probes.icmp import icmp
from vedette.checks.probes.ntp import ntp
from vedette.checks.probes.path import path_check
from vedette.checks.probes.tcp import tcp
from vedette.checks.probes.tls import tls
from vedette.checks.probes.trace import trace
from vedette.checks.probes.udp import udp
from vedette.checks.probes.variants import Variant
from vedette.checks.probes.websocket import websocket
from vedette.checks.problems import Path
from vedette.checks.report import Report

Probe = (
    schema.DnsProbe
    | schema.AuthorityProbe
    | schema.TraceProbe
    | schema.DnssecProbe
    | schema.HttpProbe
    | schema.TcpProbe
    | schema.TlsProbe
    | schema.IcmpProbe
    | schema.GrpcProbe
    | schema.WebsocketProbe
    | schema.PathProbe
    | schema.NtpProbe
    | schema.UdpProbe
)


def variants(probe: Probe, path: Path, report: Report) -> Sequence[Variant[Probe]]:
    """What *probe*, written at *path*, is run as: mostly itself alone."""
    match probe:
        case (
            schema.TraceProbe()
            | schema.HttpProbe()
            | schema.TcpProbe()
            | schema.TlsProbe()
            | schema.IcmpProbe()
            | schema.GrpcProbe()
            | schema.WebsocketProbe()
            | schema.PathProbe()
            | schema.NtpProbe()
            | schema.UdpProbe()
        ):
            return [Variant("", probe, path)]
        case schema.DnsProbe():
            return dns_variants(probe, path, report)
        case schema.DnssecProbe():
            return dnssec_variants(probe, path, report)
        case schema.AuthorityProbe():
            return servers(probe, path, report)
        case _:
            assert_never(probe)


def literal_of(probe: Probe) -> str | None:
    """The literal address that fixes the family of *probe*; None when a name is resolved."""
    match probe:
        case schema.DnsProbe():
            return dns_literal(probe)
        case schema.AuthorityProbe() | schema.TraceProbe():
            return None
        case schema.DnssecProbe():
            return dnssec_literal(probe)
        case schema.HttpProbe():
            host = probe.address or formats.url_host(probe.url)
        case schema.TcpProbe() | schema.TlsProbe() | schema.UdpProbe() | schema.GrpcProbe():
            host = formats.host_port(probe.address)[0]
        case schema.WebsocketProbe():
            host = formats.websocket_host(probe.url)
        case schema.IcmpProbe() | schema.PathProbe() | schema.NtpProbe():
            host = formats.host(probe.host)
        case _:
            assert_never(probe)
    literal = formats.address_or_none(host) if host else None
    return None if literal is None else str(literal)


def made(probe: Probe, path: Path, report: Report, **common: Any) -> Check:
    """The check that *probe* stands for; *common* is what every kind has."""
    match probe:
        case schema.DnsProbe():
            return dns(probe, path, report, common)
        case schema.AuthorityProbe():
            return authority(probe, path, report, common)
        case schema.TraceProbe():
            return trace(probe, path, report, common)
        case schema.DnssecProbe():
            return dnssec(probe, path, report, common)
        case schema.HttpProbe():
            return http(probe, path, report, common)
        case schema.TcpProbe():
            return tcp(probe, path, report, common)
        case schema.TlsProbe():
            return tls(probe, path, report, common)
        case schema.IcmpProbe():
            return icmp(probe, path, report, common)
        case schema.GrpcProbe():
            return grpc(probe, path, report, common)
        case schema.WebsocketProbe():
            return websocket(probe, path, report, common)
        case schema.PathProbe():
            return path_check(probe, path, report, common)
        case schema.NtpProbe():
            return ntp(probe, common)
        case schema.UdpProbe():
            return udp(probe, path, report, common)
        case _:
            assert_never(probe)
