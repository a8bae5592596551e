"""The prober of a check. Each kind's module is imported when the first check of that kind runs."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeGuard, assert_never

from vedette.checks.model import (
    AuthorityCheck,
    Check,
    DnsCheck,
    DnssecCheck,
    GrpcCheck,
    HttpCheck,
    IcmpCheck,
    NtpCheck,
    PathCheck,
    TcpCheck,
    TlsCheck,
    TlsOptions,
    TraceCheck,
    UdpCheck,
    WebsocketCheck,
)
from vedette_agent.engine.record import ProbeSpoiled, Record
from vedette_agent.engine.run import Prober

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io


def prober(check: Check, io: "Io", record: Record) -> Prober:
    """A coroutine for `Engine.start` that probes *check* once and fills in *record*."""
    return probing(check, io)(record)


def probing(check: Check, io: "Io") -> Callable[[Record], Prober]:
    """As `prober`, for every run of *check* to come."""
    match check:
        case DnsCheck():
            from vedette_agent.probers.dns import probe_dns

            return partial(probe_dns, check, io)
        case AuthorityCheck():
            from vedette_agent.probers.authority import probe_authority

            return partial(probe_authority, check, io)
        case TraceCheck():
            from vedette_agent.probers.trace import probe_trace

            return partial(probe_trace, check, io)
        case DnssecCheck():
            from vedette_agent.probers.dnssec import probe_dnssec

            return partial(probe_dnssec, check, io)
        case HttpCheck():
            from vedette_agent.probers.http import probe_http

            return partial(probe_http, check, io)
        case TcpCheck():
            from vedette_agent.probers.tcp import probe_tcp

            return partial(probe_tcp, check, io)
        case TlsCheck():
            from vedette_agent.probers.tls import probe_tls

            return partial(probe_tls, check, io)
        case IcmpCheck():
            from vedette_agent.probers.icmp import probe_icmp

            return partial(probe_icmp, check, io)
        case GrpcCheck():
            from vedette_agent.probers.grpc import probe_grpc

            return partial(probe_grpc, check, io)
        case WebsocketCheck():
            from vedette_agent.probers.websocket import probe_websocket

            return partial(probe_websocket, check, io)
        case PathCheck():
            from vedette_agent.probers.path import probe_path

            return partial(probe_path, check, io)
        case NtpCheck():
            from vedette_agent.probers.ntp import probe_ntp

            return partial(probe_ntp, check, io)
        case UdpCheck():
            from vedette_agent.probers.udp import probe_udp

            return partial(probe_udp, check, io)
        case _:
            assert_never(check)


def prepare(checks: Iterable[Check]) -> None:
    """Load trust stores and the DNSSEC validator ahead: tens of milliseconds that would stall others.

    What cannot be loaded is told by the probes that need it.
    """
    from vedette_agent.engine.tls import context

    for check in checks:
        if isinstance(check, DnssecCheck):
            from vedette_agent.probers.dnssec import prepared

            try:
                prepared(check)
            except ProbeSpoiled:
                pass
        if isinstance(check, DnsCheck) and check.transport in ("tls", "https"):
            from vedette_agent.probers.dnsencrypted import alpn_of

            try:
                context(check.tls, alpn_of(check))
            except ProbeSpoiled:
                pass
        if _is_over_quic(check):
            try:
                _prepare_quic(check.tls)
            except ProbeSpoiled:
                pass
            continue
        options = check.tls if isinstance(check, TlsCheck | TcpCheck | WebsocketCheck | GrpcCheck) else None
        if isinstance(check, HttpCheck) and check.url.startswith("https:"):
            options = check.tls
        if options is not None:
            try:
                context(options, check.alpn if isinstance(check, TlsCheck | GrpcCheck | HttpCheck) else ())
            except ProbeSpoiled:
                pass


def _is_over_quic(check: Check) -> TypeGuard[DnsCheck | HttpCheck]:
    match check:
        case DnsCheck():
            return check.transport == "quic"
        case HttpCheck():
            return check.versions == ("HTTP/3",)
        case _:
            return False


def _prepare_quic(options: TlsOptions) -> None:
    from vedette_agent.engine.quicneeded import need_quic

    need_quic()
    from vedette_agent.engine.quictrust import store

    if options.verify:
        store(options.ca_file)
