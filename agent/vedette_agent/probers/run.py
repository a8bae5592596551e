"""The prober of a check. Each kind's module is imported when the first check of that kind runs."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, assert_never

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
from vedette_agent.engine.shot import Aim

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io


def prober(check: Check, io: "Io", record: Record) -> Prober:
    """A coroutine for `Engine.start` that probes *check* once and fills in *record*."""
    return probing(check, io)(record)


def aiming(check: Check, io: "Io") -> Aim | None:
    """How *check* is probed where it is one exchange; its prober can take that over. None: it is more."""
    match check:
        case DnsCheck():
            from vedette_agent.probers import dns

            return dns.aim(check, io)
        case IcmpCheck():
            from vedette_agent.probers import icmp

            return icmp.aim(check, io)
        case _:
            return None


def probing(check: Check, io: "Io") -> Callable[..., Prober]:
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
    """Load trust stores and the dearest modules ahead: they take long enough to look like a stall of ours.

    What cannot be loaded is told by the probes that need it.
    """
    for check in checks:
        try:
            _prepare(check)
        except ProbeSpoiled:
            pass


def _prepare(check: Check) -> None:
    """Raises ProbeSpoiled(configuration)."""
    match check:
        case DnssecCheck():
            from vedette_agent.probers.dnssec import prepared

            prepared(check)
        case DnsCheck(transport="quic") | HttpCheck(versions=("HTTP/3",)):
            _prepare_quic(check.tls)
        case DnsCheck(transport="tls" | "https"):
            from vedette_agent.probers.dnsencrypted import alpn_of

            _prepare_tls(check.tls, alpn_of(check))
        case HttpCheck():
            if check.url.startswith("https:"):
                _prepare_tls(check.tls, check.alpn)
        case TlsCheck() | GrpcCheck():
            _prepare_tls(check.tls, check.alpn)
            if isinstance(check, TlsCheck) and check.ocsp is not None:
                _load("OpenSSL.SSL")
                _load("vedette_agent.staple")
        case TcpCheck() | WebsocketCheck():
            _prepare_tls(check.tls)
            if isinstance(check, TcpCheck) and (check.expect is not None or check.dialogue):
                _load("vedette_agent.probers.conversing")


def _load(module: str) -> None:
    """What is not installed is told by the probe."""
    with suppress(ImportError):
        import_module(module)


def _prepare_tls(options: TlsOptions | None, alpn: tuple[str, ...] = ()) -> None:
    if options is not None:
        from vedette_agent.engine.tlscontext import context

        context(options, alpn)


def _prepare_quic(options: TlsOptions) -> None:
    from vedette_agent.engine.quicneeded import need_quic

    need_quic()
    from vedette_agent.engine.quictrust import store

    if options.verify:
        store(options.ca_file)
