"""`icmp:` to its check."""

from typing import Any

from vedette.checks import formats, model, schema
from vedette.checks.probes.parts import resolver_of
from vedette.checks.problems import Path
from vedette.checks.report import Report
from vedette.checks.schema.icmp import IcmpExpect, RoundTrips


def icmp(probe: schema.IcmpProbe, path: Path, report: Report, common: dict[str, Any]) -> model.IcmpCheck:
    host = formats.host(probe.host)
    spacing = formats.duration(probe.spacing)
    if spacing < 0.01:
        report.about((*path, "spacing"), f"spacing {probe.spacing} floods the path; use 10ms or more")
    lasts, timeout = (probe.count - 1) * spacing, common["timeout"]
    if lasts >= timeout:
        report.about(
            (*path, "count"),
            f"the last of {probe.count} echoes would leave after {lasts:g}s of a timeout of {timeout:g}s; "
            "send fewer, shorten the spacing or lengthen the timeout",
        )
    expect = probe.expect or IcmpExpect()
    lost = expect.loss
    allowed = int(formats.share(lost) * probe.count + 1e-9) if isinstance(lost, str) else lost
    if allowed >= probe.count:
        is_percentage = isinstance(lost, int) and lost > probe.count
        share = f", or write {lost}% if a share is meant" if is_percentage else ""
        report.about(
            (*path, "expect", "loss"),
            f"all echoes may be lost, so that nothing is tested; allow fewer{share}",
        )
    rtt = expect.rtt or RoundTrips()
    return model.IcmpCheck(
        target=host,
        host=host,
        resolver=resolver_of(probe.resolver),
        payload_bytes=probe.payload_bytes,
        count=probe.count,
        spacing=spacing,
        ttl=probe.ttl,
        dont_fragment=probe.dont_fragment,
        max_lost=allowed,
        max_rtt=_seconds(rtt.max),
        max_median=_seconds(rtt.median),
        max_deviation=_seconds(rtt.deviation),
        **common,
    )


def _seconds(written: str | None) -> float | None:
    return None if written is None else formats.duration(written)
