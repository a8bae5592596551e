"""`dnssec:` to its check."""

from typing import Any

from vedette.checks import anchors, formats, model
from vedette.checks.probes.parts import resolver_of
from vedette.checks.problems import Path
from vedette.checks.schema.dnssec import DnssecProbe
from vedette.checks.walk import Report


def dnssec(probe: DnssecProbe, path: Path, report: Report, common: dict[str, Any]) -> model.DnssecCheck:
    name = formats.dns_name(probe.name)
    server = resolver_of(probe.resolver)
    trusted = tuple(anchors.anchor(one) for one in probe.anchors or [])
    if trusted and not any(_is_at_or_below(name, one.zone) for one in trusted):
        report.about((*path, "anchors"), f"none is of {name} or a zone above it; add one that is")
    if probe.min_signature_left is not None and probe.expect != "secure":
        report.about((*path, "min_signature_left"), f"it is not asked of {probe.expect}; remove it")
    return model.DnssecCheck(
        target=f"{name} {probe.type}" + (f" @{server}" if server else ""),
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
