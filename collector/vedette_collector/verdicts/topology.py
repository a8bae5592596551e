"""Which entities each probe goes through. Made from the configuration and from what results said."""

from enum import StrEnum

from msgspec import Struct

from vedette_collector.verdicts.component import Entity


class Stage(StrEnum):
    """What a check needs. A check of a name over HTTP needs both."""

    DNS = "dns"  # a name is resolved
    CONNECTION = "connection"  # an address is spoken to


class CheckTraits(Struct, frozen=True, kw_only=True):
    """What every probe of one check goes through, whichever agent runs it."""

    entities: tuple[Entity, ...]  # the first one is its target; a resolver and its class if the check has one
    stages: frozenset[Stage]
    interval: float  # seconds
    own_resolver: bool = False  # it asks the resolver of the agent's host


class Topology(Struct, frozen=True, kw_only=True):
    """Never changed: what is learned makes a new one."""

    agents: dict[str, tuple[Entity, ...]]  # what every probe of one agent goes through; the first is itself
    own_resolvers: dict[str, tuple[Entity, ...]] = {}  # of an agent's host, where it is known
    checks: dict[str, CheckTraits]
    assigned: dict[str, tuple[str, ...]]  # agents by check
    pairs: dict[tuple[str, str], tuple[Entity, ...]] = {}  # by agent and check: known of this probe alone
