"""`trace:` to its check."""

from typing import Any

from vedette.checks import formats, model
from vedette.checks.problems import Path
from vedette.checks.report import Report
from vedette.checks.schema.trace import TraceProbe


def trace(probe: TraceProbe, path: Path, report: Report, common: dict[str, Any]) -> model.TraceCheck:
    name = formats.dns_name(probe.name)
    return model.TraceCheck(
        target=f"{name} {probe.type}",
        query_name=name,
        rdtype=probe.type,
        roots=roots(probe.roots, (common["family"],), (*path, "roots"), report),
        port=probe.port,
        **common,
    )


def roots(
    written: list[str] | None, families: tuple[model.Family, ...], path: Path, report: Report
) -> tuple[str, ...]:
    """Those of *families*, in canonical form. A list without one of each family is reported."""
    found = [formats.address(one) for one in written or []]
    for family in families:
        if found and all(one.version != family for one in found):
            report.about(path, f"no IPv{family} address is among these; add one, or change families")
    return tuple(str(one) for one in found if one.version in families)
