"""`path:` to its check."""

from ipaddress import ip_network
from typing import Any, Final

from vedette.checks import formats, model, schema
from vedette.checks.probes.parts import resolver_of
from vedette.checks.problems import Path
from vedette.checks.report import Bad, Report
from vedette.checks.schema.path import PathExpect

_PORTS: Final = {"udp": 33434, "tcp": 443}


def path_check(probe: schema.PathProbe, at: Path, report: Report, common: dict[str, Any]) -> model.PathCheck:
    host = formats.host(probe.host)
    wait = formats.duration(probe.wait)
    if probe.protocol == "tcp" and wait > 1.0:
        report.about(
            (*at, "wait"),
            "TCP repeats itself after 1s, and which packet was answered is lost; use at most 1s",
        )
    elif wait > 10.0:
        report.about((*at, "wait"), f"{probe.wait} for one packet is too long; use at most 10s")
    if probe.first_ttl > probe.max_ttl:
        report.about(
            (*at, "first_ttl"), f"first_ttl {probe.first_ttl} is beyond max_ttl {probe.max_ttl}; swap them"
        )
    expect = probe.expect or PathExpect()
    if expect.max_hops is not None and expect.max_hops > probe.max_ttl:
        report.about(
            (*at, "expect", "max_hops"), "no hop beyond max_ttl is asked; lower one or raise the other"
        )
    return model.PathCheck(
        target=host,
        host=host,
        resolver=resolver_of(probe.resolver),
        protocol=probe.protocol,
        port=probe.port or _PORTS[probe.protocol],
        first_ttl=probe.first_ttl,
        max_ttl=probe.max_ttl,
        probes=probe.probes,
        wait=wait,
        max_silent=probe.max_silent,
        must_reach=expect.reached,
        max_hops=expect.max_hops,
        through=_networks(expect.through, common["family"], (*at, "expect", "through"), report),
        avoids=_networks(expect.avoids, common["family"], (*at, "expect", "avoids"), report),
        must_be_stable=expect.stable,
        **common,
    )


def _networks(written: list[str] | None, family: model.Family, at: Path, report: Report) -> tuple[str, ...]:
    """Those of *family*: a check of both families is two checks. A list without one of it is reported."""
    networks = [formats.network(one) for one in written or [] if not isinstance(one, Bad)]
    found = tuple(one for one in networks if ip_network(one).version == family)
    if networks and not found:
        report.about(at, f"no IPv{family} network is among these; add one, or change families")
    return found
