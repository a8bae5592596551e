"""`dnssec:` to its checks."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from vedette.checks import anchors, dnstext, formats, model
from vedette.checks.model import Endpoint
from vedette.checks.probes.variants import Variant
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Report
from vedette.checks.schema.dnssec import DnssecProbe


def dnssec_variants(probe: DnssecProbe, path: Path, report: Report) -> Sequence[Variant[DnssecProbe]]:
    """One for each of `resolvers`."""
    if probe.resolvers is None:
        return [Variant("", probe, path)]
    if probe.resolver is not None:
        report.about((*path, "resolver"), "resolvers names the servers already; move this one there")
    made: dict[str, Variant[DnssecProbe]] = {}
    for at, one in enumerate(probe.resolvers):
        place, suffix = (*path, "resolvers", at), _suffix(one)
        if suffix in made:
            report.about(place, f"{quoted(suffix)} is here twice; remove one")
            continue
        made[suffix] = Variant(suffix, replace(probe, resolver=one, resolvers=None), place)
    return list(made.values())


def dnssec_literal(probe: DnssecProbe) -> str | None:
    """The literal address of the server; None for the host's own."""
    server = _server(probe)
    return None if server is None else server.address


def _server(probe: DnssecProbe) -> Endpoint | None:
    return None if probe.resolver is None else dnstext.literal_server(probe.resolver)


def _suffix(resolver: str) -> str:
    server = dnstext.literal_server(resolver)
    if server is None:
        return dnstext.HOST
    is_usual = server.port == dnstext.DEFAULT_PORT["udp"]
    return dnstext.suffix_of(server.address if is_usual else f"{server.address}-{server.port}")


def dnssec(probe: DnssecProbe, path: Path, report: Report, common: dict[str, Any]) -> model.DnssecCheck:
    name = formats.dns_name(probe.name)
    server = _server(probe)
    asked = "" if probe.resolver is None else f" @{server or dnstext.HOST}"
    trusted = tuple(anchors.anchor(one) for one in probe.anchors or [])
    if trusted and not any(_is_at_or_below(name, one.zone) for one in trusted):
        report.about((*path, "anchors"), f"none is of {name} or a zone above it; add one that is")
    if probe.min_signature_left is not None and probe.expect != "secure":
        report.about((*path, "min_signature_left"), f"it is not asked of {probe.expect}; remove it")
    return model.DnssecCheck(
        target=f"{name} {probe.type}{asked}",
        query_name=name,
        rdtype=probe.type,
        server=server,
        anchors=trusted,
        expect=probe.expect,
        min_signature_left=None
        if probe.min_signature_left is None
        else formats.duration(probe.min_signature_left),
        **common,
    )


def _is_at_or_below(name: str, zone: str) -> bool:
    return zone in (".", name) or name.endswith(f".{zone}")
