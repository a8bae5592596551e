"""What can break, named: entities that probes share, and components made of them.

A probe goes through many entities at once: its agent, the agent's network, a resolver, the target, the
target's provider. A component is one entity, a group of one kind, or a conjunction of such parts.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """Kinds of entity, from narrow to broad within each side. A closed set: metrics and rules use it."""

    # what is probed
    TARGET = "target"
    ZONE = "zone"  # DNS zone
    PREFIX_SET = "prefix_set"  # addresses that are announced together
    HOST_CLASS = "host_class"  # such as an operating system
    DEPENDENCY = "dependency"  # what targets say they depend on
    PLANE = "plane"  # control or data
    PRODUCT = "product"  # such as a content delivery network
    PROVIDER_REGION = "provider_region"
    AUTHORITY = "authority_dns"  # operator of the name servers of a zone
    PROVIDER_NETWORK = "provider_network"  # autonomous system of the target
    PROVIDER = "provider"
    TLD = "tld"
    CA_CHAIN = "ca_chain"
    # the way there
    FAMILY = "address_family"
    RESOLVER = "resolver"
    RESOLVER_CLASS = "resolver_class"  # validating or not
    TRANSIT = "transit"  # autonomous system on the path
    # where it is probed from
    AGENT = "agent"
    SITE = "vantage_site"
    NETWORK = "vantage_network"  # autonomous system of the agent
    ACCESS = "vantage_access"  # such as mobile
    CLIENT_STACK = "client_stack"  # TLS library and roots
    REGION = "vantage_region"
    # our own
    TELEMETRY = "telemetry"  # broker or collector


PROBED: Final = frozenset(list(Kind)[: list(Kind).index(Kind.FAMILY)])  # what is probed, and not the way
VANTAGES: Final = frozenset({Kind.AGENT, Kind.SITE, Kind.NETWORK, Kind.ACCESS, Kind.REGION})

_ORDER = {kind: place for place, kind in enumerate(Kind)}


class Entity(NamedTuple):
    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class Part(NamedTuple):
    """One entity, or several of one kind that failed alike."""

    kind: Kind
    names: tuple[str, ...]  # sorted, at least one

    def __str__(self) -> str:
        return f"{self.kind}:{'+'.join(self.names)}"

    @property
    def entities(self) -> tuple[Entity, ...]:
        return tuple(Entity(self.kind, name) for name in self.names)


class Component(NamedTuple):
    """A conjunction of parts: what goes through all of them. Sorted by kind, at least one."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        """Such as `authority_dns:dyn & vantage_region:us-east`. Stable: it is a label and a key."""
        return " & ".join(map(str, self.parts))

    @property
    def kind(self) -> str:
        """The kind of the only part, or `compound`."""
        return self.parts[0].kind.value if len(self.parts) == 1 else "compound"

    @property
    def entities(self) -> tuple[Entity, ...]:
        return tuple(entity for part in self.parts for entity in part.entities)

    def part(self, kind: Kind) -> Part | None:
        return next((each for each in self.parts if each.kind == kind), None)


def component(entities: Iterable[Entity]) -> Component:
    """The component of these: entities of one kind become a group."""
    names: dict[Kind, set[str]] = {}
    for kind, name in entities:
        names.setdefault(kind, set()).add(name)
    if not names:
        raise ValueError("a component of nothing")
    return Component(
        tuple(Part(kind, tuple(sorted(names[kind]))) for kind in sorted(names, key=_ORDER.__getitem__))
    )
