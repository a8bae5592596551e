"""The configuration as written, to the model: defaults filled in, servers and families spread, rules held."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final

from vedette.checks import bypass, formats, schema
from vedette.checks.model import Assignment, Check, Family
from vedette.checks.probes import Probe, literal_of, made, variants
from vedette.checks.probes.authority import families_of
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Bad, Report
from vedette.checks.resolvers import named
from vedette.checks.selection import Fleet

MAX_CHECKS: Final = 100_000  # as they are run: one for each server and family
MAX_ASSIGNED: Final = 2_000_000  # pairs of an agent and a check

_FAMILIES: Final[dict[str, Family]] = {"ipv4": 4, "ipv6": 6}


def compiled(configuration: schema.Configuration, report: Report) -> Assignment:
    """The assignment, without its hash. What breaks a rule is reported and left out."""
    fleet = Fleet(configuration.agents, report)
    defaults = configuration.defaults
    if formats.timeout(defaults.timeout) > formats.interval(defaults.interval) and report.has(
        ("defaults", "timeout")
    ):
        report.about(
            ("defaults", "timeout"),
            f"timeout {defaults.timeout} is longer than the interval {defaults.interval}; shorten it",
        )
    checks: dict[str, Check] = {}
    by_agent: dict[str, list[str]] = {name: [] for name in fleet.vantages}
    written: set[str] = set()
    assigned = 0
    for at, one in enumerate(configuration.checks):
        if isinstance(one, Bad):
            continue
        path: Path = ("checks", at)
        if one.name in written:
            report.about((*path, "name"), f"a second check named {quoted(one.name)}; give it another name")
            continue
        written.add(one.name)
        names = fleet.selected(one.agents, (*path, "agents"), report)
        spread = list(_spread(one, path, defaults, report))
        assigned += len(names) * len(spread)
        if len(checks) + len(spread) > MAX_CHECKS:
            report.about(("checks",), f"more than {MAX_CHECKS} checks; split the configuration")
            break
        if assigned > MAX_ASSIGNED:
            report.about(
                ("checks",), f"more than {MAX_ASSIGNED} pairs of agent and check; select fewer agents"
            )
            break
        for check in spread:
            bypass.held(check, one.bypass, (*path, "bypass"), report)
            checks[check.name] = check
            for name in names:
                by_agent[name].append(check.name)
    return Assignment(
        agents=tuple(fleet.vantages.values()),
        checks=tuple(checks.values()),
        by_agent={name: tuple(of) for name, of in by_agent.items()},
        resolvers=named(configuration.resolvers, report),
        config_hash="",
    )


def alone(one: schema.Check, report: Report) -> list[Check]:
    """The checks that *one* stands for, in no configuration; *report* is rooted at it."""
    return list(_spread(one, (), schema.Defaults(), report))


def _spread(one: schema.Check, path: Path, defaults: schema.Defaults, report: Report) -> Iterator[Check]:
    """The checks that *one* stands for: one for each server that it lists, and for each family."""
    given = [kind for kind in schema.KINDS if report.has((*path, kind))]
    if len(given) != 1:
        told = f"{' and '.join(given)} are two kinds" if given else "no kind"
        if len(given) > 2:
            told = f"{', '.join(given)} are {len(given)} kinds"
        report.about(path, f"{told}; write exactly one of {', '.join(schema.KINDS)}")
        return
    probe: Probe | None = getattr(one, given[0])
    if probe is None:
        return  # its form is wrong, and that is told
    inner = (*path, given[0])
    common: dict[str, Any] = {
        "tags": one.tags,
        "priority": one.priority,
        "bypass": bypass.planned(one, defaults),
        **_timing(one, path, defaults, report),
    }
    suffixes: set[str] = set()
    for suffix, variant, place in variants(probe, inner, report):
        if suffix in suffixes:
            report.about(place, f"a second {quoted(suffix)} in this check; give it another name")
            continue
        suffixes.add(suffix)
        base = f"{one.name}:{suffix}" if suffix else one.name
        families = _families(one, literal_of(variant), path, report, is_listed=bool(suffix))
        if isinstance(variant, schema.AuthorityProbe):  # its servers must agree over all its families
            every = tuple(families if one.families else families_of(variant))
            yield made(variant, inner, report, name=base, family=every[0], families=every, **common)
            continue
        for family in families:
            name = base if len(families) == 1 else f"{base}:ipv{family}"
            yield made(variant, inner, report, name=name, family=family, **common)


def _timing(one: schema.Check, path: Path, defaults: schema.Defaults, report: Report) -> dict[str, float]:
    interval = formats.interval(one.interval or defaults.interval)
    timeout = formats.timeout(one.timeout or defaults.timeout)
    if one.timeout is not None and timeout > interval:
        report.about(
            (*path, "timeout"),
            f"timeout {one.timeout} is longer than the interval {one.interval or defaults.interval}; "
            "shorten it or lengthen the interval",
        )
    return {"interval": interval, "timeout": min(timeout, interval)}


def _families(
    one: schema.Check, literal: str | None, path: Path, report: Report, *, is_listed: bool
) -> list[Family]:
    """*is_listed*: the address is one of several, and only has to be of one of the families."""
    fixed: Family | None = None
    if literal is not None:
        fixed = 6 if ip_address(literal).version == 6 else 4
    if one.families is None:
        return [fixed or 4]
    if is_listed and fixed is not None:
        if f"ipv{fixed}" not in one.families:
            report.about(
                (*path, "families"),
                f"{literal} is an IPv{fixed} address; add ipv{fixed} or remove the address",
            )
        return [fixed]
    families: list[Family] = []
    for at, written in enumerate(one.families):
        family = _FAMILIES[written]
        if family in families:
            report.about((*path, "families", at), f"{written} is here twice; remove one")
        elif fixed is not None and family != fixed:
            report.about(
                (*path, "families", at),
                f"{literal} is an IPv{fixed} address; remove {written} or the address",
            )
        else:
            families.append(family)
    return families
