"""The configuration that an operator of such a fleet would have: nothing of what only a scenario knows."""

from typing import Final

from vedette.checks.model import (
    Assignment,
    Check,
    DnsCheck,
    Endpoint,
    Family,
    HttpCheck,
    Resolver,
    ResolverAddress,
    Vantage,
)
from vedette_collector.replay.fleet import HIDDEN, Fleet, Target

FAMILIES: Final[tuple[Family, ...]] = (4, 6)
TIMEOUT: Final = 5.0  # seconds; the default of a check


def dns_name(target: Target, resolver: str) -> str:
    return f"name.{target.name}:{resolver}"


def web_name(target: Target, family: Family) -> str:
    return f"web.{target.name}:ipv{family}"


def assignment(fleet: Fleet, interval: float) -> Assignment:
    addresses = _addresses(fleet)
    checks: list[Check] = []
    resolver_of: list[str | None] = []
    for number, target in enumerate(fleet.targets):
        tags = _tags(target)
        for resolver, address in addresses.items():
            resolver_of.append(resolver)
            checks.append(
                DnsCheck(
                    name=dns_name(target, resolver),
                    target=target.name,
                    query_name=f"{target.name.lower()}.example",
                    server=Endpoint(address, 53),
                    interval=interval,
                    timeout=min(TIMEOUT, interval),
                    tags=tags,
                )
            )
        for family in FAMILIES:
            resolver_of.append(None)
            checks.append(
                HttpCheck(
                    name=web_name(target, family),
                    target=target.name,
                    url=f"https://{target.name.lower()}.example/",
                    address=f"192.0.2.{number % 250 + 1}" if family == 4 else f"2001:db8::{number + 1:x}",
                    family=family,
                    interval=interval,
                    timeout=min(TIMEOUT, interval),
                    tags=tags,
                )
            )
    by_agent = {}
    for agent in fleet.agents:
        asked = set(agent.resolvers)
        by_agent[agent.name] = tuple(
            check.name
            for check, resolver in zip(checks, resolver_of, strict=True)
            if resolver is None or resolver in asked
        )
    return Assignment(
        agents=tuple(
            Vantage(name=agent.name, tags={k: v for k, v in agent.tags.items() if k not in HIDDEN})
            for agent in fleet.agents
        ),
        checks=tuple(checks),
        by_agent=by_agent,
        resolvers=tuple(
            Resolver(
                name=name,
                addresses=(ResolverAddress(address),),
                validating=_flag(fleet.resolvers[name].tags.get("validating")),
                public=_flag(fleet.resolvers[name].tags.get("public")) is True,
            )
            for name, address in addresses.items()
        ),
        config_hash="",
    )


def _tags(target: Target) -> dict[str, str]:
    tags = {tag: value for tag, value in target.tags.items() if tag not in HIDDEN}
    if "provider_asn" in target.given and "asn" not in target.given:
        del tags["asn"]
    return tags


def _addresses(fleet: Fleet) -> dict[str, str]:
    """A resolver that is no literal address gets one of the range for documentation (RFC 5737)."""
    found = {}
    for number, name in enumerate(fleet.resolvers):
        is_literal = name.replace(".", "").isdigit() or ":" in name
        found[name] = name if is_literal else f"203.0.{number // 250}.{number % 250 + 1}"
    return found


def _flag(text: str | None) -> bool | None:
    return None if text is None else text == "true"
