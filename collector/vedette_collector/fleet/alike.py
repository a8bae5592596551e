"""Which components are the same probes, by kind: a fleet has many networks with one agent each."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from vedette_collector.fleet.hint import Hint, counted, hint
from vedette_collector.fleet.survey import Survey
from vedette_collector.verdicts.component import Kind

# Singular, plural; and what makes a second one, for groups that have one member.
_WORDS: Final[dict[Kind, tuple[str, str, str]]] = {
    Kind.TARGET: ("target", "targets", "add a check of another target"),
    Kind.ZONE: ("zone", "zones", "add a check of another name in each of them"),
    Kind.PREFIX_SET: ("prefix set", "prefix sets", "add a check of another target in each of them"),
    Kind.HOST_CLASS: ("host class", "host classes", "add a check of another host of each of them"),
    Kind.DEPENDENCY: ("dependency", "dependencies", "add a check of another target that needs it"),
    Kind.PLANE: ("plane", "planes", "add a check of another target on each of them"),
    Kind.PRODUCT: ("product", "products", "add a check of another target that uses each of them"),
    Kind.PROVIDER_REGION: ("provider region", "provider regions", "add a check of another target in each"),
    Kind.AUTHORITY: ("DNS operator", "DNS operators", "add a check of another zone that each of them serves"),
    Kind.PROVIDER_NETWORK: ("target network", "target networks", "add a check of another target in each"),
    Kind.PROVIDER: ("provider", "providers", "add a check of another target of each of them"),
    Kind.TLD: ("top-level domain", "top-level domains", "add a check of another name under each of them"),
    Kind.CA_CHAIN: ("certificate chain", "certificate chains", "add a check of another target with each"),
    Kind.FAMILY: ("address family", "address families", "add the other one: families: [ipv4, ipv6]"),
    Kind.RESOLVER: ("resolver", "resolvers", "let agents of another network ask each of them"),
    Kind.RESOLVER_CLASS: (
        "class of resolvers",
        "classes of resolvers",
        "add checks through another resolver",
    ),
    Kind.TRANSIT: ("transit network", "transit networks", "add an agent whose path leads through each"),
    Kind.AGENT: ("agent", "agents", "add an agent"),
    Kind.SITE: ("site", "sites", "add a second agent in each of them"),
    Kind.NETWORK: ("network", "networks", "add a second agent in each of them"),
    Kind.ACCESS: ("kind of access", "kinds of access", "add an agent of another network with each of them"),
    Kind.CLIENT_STACK: ("TLS stack", "TLS stacks", "add an agent of another network with each of them"),
    Kind.REGION: ("region", "regions", "add an agent of another network in each of them"),
    Kind.TELEMETRY: ("collector", "collectors", ""),
}
# What people are woken for first. What is not here is told last.
_WEIGHTY: Final = (
    Kind.NETWORK, Kind.RESOLVER, Kind.PROVIDER, Kind.REGION, Kind.PROVIDER_REGION, Kind.PRODUCT,
    Kind.AUTHORITY, Kind.CA_CHAIN, Kind.DEPENDENCY, Kind.PROVIDER_NETWORK, Kind.SITE,
)  # fmt: skip
_BASES: Final = {Kind.AGENT: -2, Kind.TARGET: -1}  # what others are told to be like
_NATURAL: Final = frozenset({Kind.ZONE, Kind.TLD, Kind.PREFIX_SET})  # most have one target, everywhere


def alike(survey: Survey) -> Iterator[Hint]:
    """Grouped by the kinds that cannot be told apart: a fleet has many networks with one agent each."""
    pairs: dict[tuple[Kind, Kind], set[tuple[str, str]]] = defaultdict(set)
    for group in survey.alike():
        base, *others = sorted(group, key=lambda entity: _BASES.get(entity.kind, _order(entity.kind)))
        for entity in others:
            pairs[base.kind, entity.kind].add((entity.name, base.name))
    for (like, kind), found in sorted(pairs.items(), key=lambda pair: (_rank(pair[0][1]), -len(pair[1]))):
        one, many, advice = _WORDS[kind]
        beside = _WORDS[like][0]
        is_one = len(found) == 1
        if like in _BASES:
            words = f"{'its' if is_one else 'their'} only {beside}"
        else:
            words = f"the {beside} with the same probes"
            advice = "add an agent or a check that goes through the one and avoids the other"
        yield hint(
            f"{kind}_like_{like}",
            f"{len(found)} {one if is_one else many} cannot be told from {words}",
            advice,
            [f"{name} ({other})" if name != other else name for name, other in sorted(found)],
        )


def everywhere(survey: Survey) -> Iterator[Hint]:
    found = survey.everywhere()
    if found:
        yield hint(
            "shared_by_all",
            f"{counted(len(found), 'thing')} that every probe goes through: nothing avoids them, "
            "so that no verdict on them is certain",
            "add an agent or a check that does without, where one of them may break",
            [f"{_WORDS[entity.kind][0]} {entity.name}" for entity in found],
        )


def _order(kind: Kind) -> int:
    return list(Kind).index(kind)


def _rank(kind: Kind) -> int:
    if kind in _NATURAL:
        return 1000
    return _WEIGHTY.index(kind) if kind in _WEIGHTY else 100
