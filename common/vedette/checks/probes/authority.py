"""`authority:` to its checks: one of all servers together, and one of each that is listed."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from vedette.checks import formats, model
from vedette.checks.probes.parts import resolver_of
from vedette.checks.probes.trace import roots
from vedette.checks.probes.variants import Variant
from vedette.checks.problems import Path, quoted
from vedette.checks.report import BAD, Bad, Report
from vedette.checks.schema.authority import AuthorityProbe, AuthorityServer


def servers(probe: AuthorityProbe, path: Path, report: Report) -> Sequence[Variant[AuthorityProbe]]:
    """The probe of all, and one of each listed server where there are several."""
    found = [Variant("", probe, path)]
    if probe.servers is not None and len(probe.servers) > 1:
        for at, server in enumerate(probe.servers):
            if isinstance(server, Bad):
                continue
            place = (*path, "servers", at)
            try:
                suffix = formats.suffix(server.short or server.name)
            except ValueError:
                report.about(place, f"{quoted(server.name)} is too long for the name of a check; add short")
                continue
            # Items that are BAD keep the others at their place in the file.
            alone = replace(probe, servers=[*[BAD] * at, server], parent=None)
            found.append(Variant(suffix, alone, place))
    return found


def families_of(probe: AuthorityProbe) -> list[model.Family]:
    """Those of the listed addresses, IPv4 first; IPv4 where none is listed."""
    listed = [formats.address(text) for server in _usable(probe) for text in server.addresses]
    versions = {one.version for one in listed} or {4}
    every: tuple[model.Family, ...] = (4, 6)
    return [family for family in every if family in versions]


def authority(
    probe: AuthorityProbe, path: Path, report: Report, common: dict[str, Any]
) -> model.AuthorityCheck:
    """*common* has the families, which this kind asks all at once."""
    zone = formats.dns_name(probe.zone)
    families = common["families"]
    for one, other in (("servers", "resolver"), ("servers", "roots"), ("resolver", "roots")):
        if getattr(probe, one) is not None and getattr(probe, other) is not None:
            report.about((*path, other), f"the servers are found by {one} already; remove one of the two")
    if probe.parent is not None and probe.servers is None and probe.resolver is None:
        report.about(
            (*path, "parent"), "the parent is found from the roots down; remove parent, or give servers"
        )
    elif probe.parent is not None and zone == ".":
        report.about((*path, "parent"), "the root has no parent; remove it")
    record = probe.record
    name = None if record is None else formats.dns_name(record.name)
    if name is not None and zone != "." and name != zone and not name.endswith(f".{zone}"):
        report.about((*path, "record", "name"), f"{quoted(name)} is not in the zone {zone}; name one that is")
    listed = tuple(
        _server(one, families, (*path, "servers", at), report)
        for at, one in enumerate(probe.servers or [])
        if not isinstance(one, Bad)
    )
    return model.AuthorityCheck(
        target=f"{zone} @{listed[0].name}" if len(listed) == 1 else zone,
        zone=zone,
        servers=listed,
        delegation=_delegation(probe),
        parents=() if probe.parent is None else _of(families, probe.parent, (*path, "parent"), report),
        resolver=resolver_of(probe.resolver),
        roots=roots(probe.roots, families, (*path, "roots"), report),
        port=probe.port,
        max_serial_lag=probe.max_serial_lag,
        record_name=name,
        record_type="A" if record is None else record.type,
        **common,
    )


def _delegation(probe: AuthorityProbe) -> tuple[str, ...]:
    """The names that are to be the NS records. One server alone is no delegation (RFC 1034 4.1)."""
    listed = _usable(probe)
    # A server may be listed by its address alone, which no NS record can have.
    named = [one.name for one in listed if not one.hidden and formats.address_or_none(one.name) is None]
    return tuple(dict.fromkeys(map(formats.host, named))) if len(listed) > 1 else ()


def _usable(probe: AuthorityProbe) -> list[AuthorityServer]:
    return [server for server in probe.servers or [] if not isinstance(server, Bad)]


def _server(
    written: AuthorityServer, families: tuple[model.Family, ...], path: Path, report: Report
) -> model.NamedServer:
    kept = _of(families, written.addresses, (*path, "addresses"), report)
    return model.NamedServer(name=formats.host(written.name), addresses=kept)


def _of(
    families: tuple[model.Family, ...], written: Sequence[str], path: Path, report: Report
) -> tuple[str, ...]:
    """Those of *families*, in canonical form. That there is none is reported."""
    kept = tuple(str(one) for one in map(formats.address, written) if one.version in families)
    if not kept:
        asked = " or ".join(f"IPv{family}" for family in families)
        report.about(path, f"none of these is an {asked} address; add one, or change families")
    return kept
