"""What a check of any kind is about: its host, its resolver, and what it needs. The `match` is closed."""

from ipaddress import ip_address
from typing import Final, assert_never

from vedette.checks import formats
from vedette.checks.model import (
    AuthorityCheck,
    Check,
    DnsCheck,
    DnssecCheck,
    Endpoint,
    GrpcCheck,
    HttpCheck,
    IcmpCheck,
    NtpCheck,
    PathCheck,
    TcpCheck,
    TlsCheck,
    TraceCheck,
    UdpCheck,
    WebsocketCheck,
)
from vedette_collector.verdicts import naming
from vedette_collector.verdicts.topology import Stage

DNS: Final = frozenset({Stage.DNS})
CONNECTION: Final = frozenset({Stage.CONNECTION})
BOTH: Final = DNS | CONNECTION


def host_of(check: Check) -> str:
    """The name or address that is probed; of DNS checks the name that is asked for, or the zone."""
    match check:
        case DnsCheck() | DnssecCheck() | TraceCheck():
            found = check.query_name
        case AuthorityCheck():
            found = check.zone
        case HttpCheck():
            found = formats.url_host(check.url)
        case (
            TcpCheck()
            | TlsCheck()
            | UdpCheck()
            | NtpCheck()
            | IcmpCheck()
            | PathCheck()
            | WebsocketCheck()
            | GrpcCheck()
        ):
            found = check.host
        case _:
            assert_never(check)
    return naming.host(found)


def stages_of(check: Check) -> frozenset[Stage]:
    match check:
        case DnsCheck() | DnssecCheck() | TraceCheck() | AuthorityCheck():
            return DNS
        case HttpCheck(proxy=proxy) if proxy is not None:  # the proxy is what the agent finds
            return CONNECTION if _is_address(proxy.host) else BOTH
        case HttpCheck():
            host = host_of(check)
            is_pinned = check.address is not None or any(naming.host(one) == host for one in check.resolve)
            return CONNECTION if is_pinned or _is_address(host) else BOTH
        case _:
            return CONNECTION if _is_address(host_of(check)) else BOTH


def resolver_of(check: Check) -> Endpoint | None:
    """The server that the check names; None: the one of the agent's host, or none (see `asks_own`)."""
    match check:
        case DnsCheck() | DnssecCheck():
            return check.server
        case TraceCheck():
            return None
        case _:
            return check.resolver if Stage.DNS in stages_of(check) else None


def asks_own(check: Check) -> bool:
    """Whether the resolver of the agent's host is asked."""
    match check:
        case TraceCheck() | AuthorityCheck():  # from the roots down
            return False
        case _:
            return Stage.DNS in stages_of(check) and resolver_of(check) is None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
