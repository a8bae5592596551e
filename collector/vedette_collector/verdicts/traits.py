"""Which entities each probe goes through, as far as the configuration alone says: tags first, else the check.

The standard tags are in docs/fleet.md. Other tags are free and name no entity.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Final

from vedette.checks.model import Assignment, AuthorityCheck, Check, HttpCheck, Vantage
from vedette_collector.verdicts import naming
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.resolvers import Resolvers, is_private
from vedette_collector.verdicts.topology import CheckTraits, Stage, Topology
from vedette_collector.verdicts.what import asks_own, host_of, resolver_of, stages_of

# The first that is there counts; the others are other words for the same.
AGENT_TAGS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.SITE: ("site", "host_region"),
    Kind.NETWORK: ("network", "asn"),
    Kind.ACCESS: ("access",),
    Kind.CLIENT_STACK: ("tls_stack", "client_stack"),
    Kind.REGION: ("region",),
}
CHECK_TAGS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.TARGET: ("service",),
    Kind.ZONE: ("zone",),
    Kind.PREFIX_SET: ("prefix_set", "prefix"),
    Kind.HOST_CLASS: ("host_class", "host_os"),
    Kind.DEPENDENCY: ("depends_on",),  # several are parted by commas
    Kind.PLANE: ("plane",),
    Kind.PRODUCT: ("product",),
    Kind.AUTHORITY: ("authority",),
    Kind.PROVIDER_NETWORK: ("asn", "provider_asn"),
    Kind.PROVIDER: ("provider",),
    Kind.TLD: ("tld",),
    Kind.CA_CHAIN: ("ca_chain",),
}
REGION_TAG: Final = "region"  # of a check: with its provider, a region of the provider
RESOLVER_TAG: Final = "resolver"  # of an agent: what its host's own resolver is called

_FORMS: Final[dict[Kind, Callable[[str], str]]] = {
    Kind.NETWORK: naming.network,
    Kind.PROVIDER_NETWORK: naming.network,
    Kind.ZONE: naming.host,
    Kind.TLD: lambda text: naming.host(text.removeprefix(".")),
}


def topology(assignment: Assignment) -> Topology:
    """What every probe of *assignment* goes through, known before the first result."""
    resolvers = Resolvers(assignment.resolvers)
    agents = {vantage.name: agent_entities(vantage) for vantage in assignment.agents}
    own = {
        vantage.name: resolvers.called(vantage.tags[RESOLVER_TAG].strip())
        for vantage in assignment.agents
        if RESOLVER_TAG in vantage.tags
    }
    assigned: dict[str, list[str]] = {check.name: [] for check in assignment.checks}
    for agent, names in assignment.by_agent.items():
        for name in names:
            assigned[name].append(agent)
    zones = zones_of(assignment.checks)
    operators = operators_of(assignment.checks)
    checks: dict[str, CheckTraits] = {}
    pairs: dict[tuple[str, str], tuple[Entity, ...]] = {}
    for check in assignment.checks:
        entities = list(check_entities(check, zones, operators))
        server = resolver_of(check)
        if server is not None:
            if resolvers.at(server) is None and is_private(server.address):
                for agent in assigned[check.name]:
                    pairs[agent, check.name] = resolvers.entities(server, place_of(agents[agent]))
            else:
                entities += resolvers.entities(server, "")
        checks[check.name] = CheckTraits(
            entities=tuple(entities),
            stages=stages_of(check),
            interval=check.interval,
            own_resolver=asks_own(check),
        )
    return Topology(
        agents=agents,
        own_resolvers=own,
        checks=checks,
        assigned={name: tuple(of) for name, of in assigned.items()},
        pairs=pairs,
    )


def agent_entities(vantage: Vantage) -> tuple[Entity, ...]:
    return (Entity(Kind.AGENT, vantage.name), *_tagged(vantage.tags, AGENT_TAGS))


def check_entities(check: Check, zones: frozenset[str], operators: Mapping[str, str]) -> Iterator[Entity]:
    """The target first. *zones*: names that are known to be zones; *operators* of some, by zone."""
    host = host_of(check)
    tagged = tuple(_tagged(check.tags, CHECK_TAGS))
    said = {entity.kind: entity.name for entity in tagged}
    if Kind.TARGET not in said:
        yield Entity(Kind.TARGET, host)
    yield from tagged
    region = check.tags.get(REGION_TAG, "").strip()
    if region and Kind.PROVIDER in said:
        yield Entity(Kind.PROVIDER_REGION, f"{said[Kind.PROVIDER]}/{region}")
    if Kind.TLD not in said and (last := naming.tld(host)) is not None:
        yield Entity(Kind.TLD, last)
    zone = said.get(Kind.ZONE) or zone_of(host, zones)
    if zone is not None and Kind.ZONE not in said:
        yield Entity(Kind.ZONE, zone)
    if Kind.AUTHORITY not in said:
        is_one_server = isinstance(check, AuthorityCheck) and len(check.servers) == 1
        who = _operator(check) if is_one_server else operators.get(zone or host)
        if who is not None:
            yield Entity(Kind.AUTHORITY, who)
    if isinstance(check, HttpCheck) and check.proxy is not None and Kind.DEPENDENCY not in said:
        yield Entity(Kind.DEPENDENCY, naming.host(check.proxy.host))
    if Stage.CONNECTION in stages_of(check):
        yield Entity(Kind.FAMILY, f"ipv{check.family}")


def zones_of(checks: Iterable[Check]) -> frozenset[str]:
    """Names that the configuration calls zones. A top-level domain is no zone here: `tld` is for that."""
    found = set()
    for check in checks:
        named = check.tags.get("zone", "")
        found.add(naming.host(named.strip()) if named else "")
        if isinstance(check, AuthorityCheck):
            found.add(naming.host(check.zone))
    return frozenset(zone for zone in found if "." in zone and zone != ".")


def operators_of(checks: Iterable[Check]) -> dict[str, str]:
    """Who runs the servers of a zone, where a check of it says so or lists them all."""
    found: dict[str, str] = {}
    for check in checks:
        if isinstance(check, AuthorityCheck) and len(check.servers) != 1:
            tagged = next((e.name for e in _tagged(check.tags, CHECK_TAGS) if e.kind == Kind.AUTHORITY), None)
            who = tagged or _operator(check)
            if who is not None:
                found.setdefault(naming.host(check.zone), who)
    return found


def _operator(check: Check) -> str | None:
    if not isinstance(check, AuthorityCheck):
        return None
    return naming.operator(check.delegation or (server.name for server in check.servers))


def zone_of(host: str, zones: Container[str]) -> str | None:
    """The longest of *zones* that *host* is in."""
    name = host
    while name:
        if name in zones:
            return name
        name = name.partition(".")[2]
    return None


def place_of(entities: tuple[Entity, ...]) -> str:
    """Within which a private address is one host: the agent's network, or the agent where none is known."""
    return next((entity.name for entity in entities if entity.kind == Kind.NETWORK), entities[0].name)


def _tagged(tags: Mapping[str, str], words: Mapping[Kind, tuple[str, ...]]) -> Iterator[Entity]:
    for kind, aliases in words.items():
        value = next((tags[word] for word in aliases if word in tags), "").strip()
        parts = value.split(",") if kind == Kind.DEPENDENCY else [value]
        for name in dict.fromkeys(part.strip() for part in parts):
            if name:
                yield Entity(kind, _FORMS.get(kind, str)(name))
