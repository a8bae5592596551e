"""`dns:` to its checks: what is asked. `dnsexpect` has what is expected."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from vedette.checks import dnstext, formats, model
from vedette.checks.model.dns import Doh, QueryOptions
from vedette.checks.probes.dnsexpect import expectations
from vedette.checks.probes.parts import joined, options
from vedette.checks.probes.variants import Variant
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Report
from vedette.checks.schema.dns import DnsProbe, EdnsSettings, ResolverSettings, Transport
from vedette.checks.schema.tls import TlsSettings

_ENCRYPTED = frozenset({"tls", "https", "quic"})
_BY_NAME = frozenset({"tls", "quic"})  # whose servers are verified by a name that stands in no URL


class Server(NamedTuple):
    """One entry, text or mapping, as one form. *host*: None for the host's own name servers."""

    name: str  # "" where none was given
    host: str | None
    port: int
    transport: Transport
    url: str | None
    server_name: str | None

    @property
    def label(self) -> str:
        """For people, and different for different servers."""
        if self.url is not None:
            return self.url
        if self.host is None:
            return dnstext.HOST
        at = joined(self.host, self.port)
        return f"{self.transport}://{at}" if self.transport in _BY_NAME else at


def dns_variants(probe: DnsProbe, path: Path, report: Report) -> Sequence[Variant[DnsProbe]]:
    """One for each of `resolvers`. Tells also what is wrong between them and the rest."""
    entries = [probe.resolver] if probe.resolvers is None else probe.resolvers
    if probe.resolver is not None and probe.resolvers is not None:
        report.about((*path, "resolver"), "resolvers names the servers already; move this one there")
    of = [server_of(entry, probe.transport) for entry in entries]
    place = (*path, "transport")
    if report.has(place) and all(one.transport != probe.transport for one in of):
        why = "a URL is asked over https" if any(one.url for one in of) else "each names its own"
        report.about(place, f"no server is asked over {probe.transport}: {why}; remove it")
    if not any(one.transport in _ENCRYPTED for one in of):
        for name, where in (("tls", probe.tls), ("padding", probe.edns and probe.edns.padding)):
            if where:
                place = (*path, "edns", name) if name == "padding" else (*path, name)
                report.about(place, f"{name} is for tls, https and quic; set transport, or remove {name}")
    if probe.method == "GET" and not any(one.transport == "https" for one in of):
        report.about((*path, "method"), "only https has a method; set transport, or remove method")
    if probe.resolvers is None:
        _hold_together(of[0], (*path, "resolver") if probe.resolver is not None else path, report)
        return [Variant("", probe, path)]
    for at, one in enumerate(of):
        _hold_together(one, (*path, "resolvers", at), report)
    return [
        Variant(
            one.name or dnstext.suffix_of(_plainly(one)),
            replace(probe, resolver=entry, resolvers=None),
            (*path, "resolvers", at),
        )
        for at, (entry, one) in enumerate(zip(probe.resolvers, of, strict=True))
    ]


def _plainly(one: Server) -> str:
    if one.host is None:
        return dnstext.HOST
    host = dnstext.url_endpoint(one.url)[0] if one.url else one.host
    return host if one.port == dnstext.DEFAULT_PORT[one.transport] else f"{host}-{one.port}"


def dns_literal(probe: DnsProbe) -> str | None:
    """The literal address of the server; None for a name, and for the host's own."""
    host = server_of(probe.resolver, probe.transport).host
    literal = formats.address_or_none(host) if host else None
    return None if literal is None else str(literal)


def server_of(entry: str | ResolverSettings | None, transport: Transport) -> Server:
    """*entry* as one form; *transport* is the check's."""
    if isinstance(entry, str):
        read = dnstext.resolver(entry)
        entry = ResolverSettings(url=entry) if isinstance(read, str) else ResolverSettings(address=entry)
    entry = entry or ResolverSettings()
    host, port = dnstext.server(entry.address) if entry.address else dnstext.OWN
    url = None
    if entry.url is not None:
        transport, url = entry.transport or "https", dnstext.https_url(entry.url)
        of_url = dnstext.url_endpoint(url)
        host, port = host or of_url[0], port or of_url[1]
    transport = entry.transport or transport
    server_name = None if entry.server_name is None else formats.host(entry.server_name)
    default = dnstext.DEFAULT_PORT[transport]
    return Server(entry.name or "", host, port or default, transport, url, server_name)


def dns(probe: DnsProbe, path: Path, report: Report, common: dict[str, Any]) -> model.DnsCheck:
    name = formats.dns_name(probe.name)
    rdtype = dnstext.record_type(probe.type)
    server = server_of(probe.resolver, probe.transport)
    written = TlsSettings() if probe.tls is None else probe.tls
    tls = options(written, (*path, "tls"), report)
    if server.server_name is not None:
        tls = replace(tls, server_name=server.server_name)
    asked = f"{name} {rdtype}" if probe.record_class == "IN" else f"{name} {probe.record_class} {rdtype}"
    is_own = server.host is None and not server.name and probe.resolver is None
    return model.DnsCheck(
        target=asked if is_own else f"{asked} @{server.name or server.label}",
        query_name=name,
        rdtype=rdtype,
        server=None if server.host is None else model.Endpoint(server.host, server.port),
        transport=server.transport,
        recursion_desired=probe.recursion,
        options=_options(probe, path, report),
        tls=tls,
        doh=None if server.url is None else Doh(url=server.url, method=probe.method),
        expect=expectations(probe, rdtype, (*path, "expect"), report),
        **common,
    )


def _hold_together(server: Server, path: Path, report: Report) -> None:
    literal = formats.address_or_none(server.host) if server.host else None
    if (server.url is not None) != (server.transport == "https"):
        report.about(
            path,
            "a URL is asked over https; remove the transport"
            if server.url
            else "https needs the URL of a server; write one such as https://dns.example/dns-query",
        )
    elif server.host is not None and literal is None and server.transport not in _ENCRYPTED:
        report.about(
            path,
            f"{quoted(server.host)} is not the address of a resolver; write a literal address: "
            "a name would have to be looked up first",
        )
    elif server.host is None and server.transport in _BY_NAME and server.server_name is None:
        report.about(
            path,
            "the host's own name servers are known by address alone; add the server_name to verify, "
            "or ask them over udp or tcp",
        )


def _options(probe: DnsProbe, path: Path, report: Report) -> QueryOptions | None:
    """None where all is as by default: such queries are prepared once for all checks."""
    edns = probe.edns or EdnsSettings()
    if not edns.enabled:
        if probe.dnssec_ok:
            report.about(
                (*path, "dnssec_ok"), "the DO flag stands in the OPT record; remove edns.enabled: false"
            )
        for field in ("nsid", "client_subnet", "padding"):
            if getattr(edns, field):
                report.about(
                    (*path, "edns", field), f"{field} travels in the OPT record; remove enabled: false"
                )
    made = QueryOptions(
        rdclass=probe.record_class,
        checking_disabled=probe.checking_disabled,
        authentic_data=probe.authentic_data,
        dnssec_ok=probe.dnssec_ok,
        edns=edns.enabled,
        payload_bytes=edns.payload_bytes,
        edns_version=edns.version,
        nsid=edns.nsid,
        client_subnet=None if edns.client_subnet is None else formats.network(edns.client_subnet),
        padding=edns.padding,
    )
    return None if made == QueryOptions() else made
