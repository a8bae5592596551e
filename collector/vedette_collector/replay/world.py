"""The probes of a fleet: who probes what, through which entities, and which of them a scope hits.

Every agent probes every target: its name through each of the agent's resolvers, and with one HTTPS check of
a pinned address over IPv4 and one over IPv6. Questions to resolvers go over IPv4, and their paths have no
known transit; the pairs of agent and target have one.
"""

from array import array
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from vedette_collector.replay import configuration
from vedette_collector.replay.fleet import Fleet, transit
from vedette_collector.replay.scenario import Scope
from vedette_collector.verdicts import traits
from vedette_collector.verdicts.component import Component, Entity, Kind
from vedette_collector.verdicts.topology import Stage, Topology


class World:
    """Probes have numbers, in order of agent, target, and way."""

    def __init__(self, fleet: Fleet, interval: float) -> None:
        self.fleet = fleet
        self.interval = interval
        self.checks: list[str] = []  # names
        self.check_target: list[int] = []
        self.check_resolver: list[str | None] = []
        self.check_family: list[int | None] = []
        self._number_checks()
        self.agent_of = array("i")  # by probe
        self.check_of = array("i")
        self.numbers: dict[tuple[str, str], int] = {}  # by names of agent and check
        self._number_probes()
        self.transits = {
            (agent.name, at): transit(agent, target)
            for agent in fleet.agents
            for at, target in enumerate(fleet.targets)
        }
        self.assignment = configuration.assignment(fleet, interval)
        self.topology = self._topology()
        self.agent_masks = self._masks(lambda agent, check: agent)
        self.target_masks = self._masks(lambda agent, check: self.check_target[check])
        self.resolver_masks = self._masks(lambda agent, check: self.check_resolver[check])
        self.stage_masks: dict[Stage | None, int] = {
            stage: self.mask(p for p, check in enumerate(self.check_of) if self.stage_of(check) is stage)
            for stage in Stage
        }
        self.stage_masks[None] = (1 << len(self)) - 1
        self._extents: dict[Entity, int] = {}

    def __len__(self) -> int:
        return len(self.agent_of)

    def _number_checks(self) -> None:
        for at, target in enumerate(self.fleet.targets):
            for resolver in self.fleet.resolvers:
                self._check(configuration.dns_name(target, resolver), at, resolver, None)
            for family in configuration.FAMILIES:
                self._check(configuration.web_name(target, family), at, None, family)

    def _check(self, name: str, target: int, resolver: str | None, family: int | None) -> None:
        self.checks.append(name)
        self.check_target.append(target)
        self.check_resolver.append(resolver)
        self.check_family.append(family)

    def _number_probes(self) -> None:
        for agent_at, agent in enumerate(self.fleet.agents):
            asked = set(agent.resolvers)
            for check_at, resolver in enumerate(self.check_resolver):
                if resolver is None or resolver in asked:
                    self.numbers[agent.name, self.checks[check_at]] = len(self.agent_of)
                    self.agent_of.append(agent_at)
                    self.check_of.append(check_at)

    def _topology(self) -> Topology:
        """What an operator's configuration says of these agents and checks, and the paths between them."""
        pairs: dict[tuple[str, str], tuple[Entity, ...]] = {}
        for agent_at, check_at in zip(self.agent_of, self.check_of, strict=True):
            if self.check_resolver[check_at] is None:
                agent = self.fleet.agents[agent_at].name
                path = self.transits[agent, self.check_target[check_at]]
                pairs[agent, self.checks[check_at]] = (Entity(Kind.TRANSIT, path),)
        found = traits.topology(self.assignment)
        return replace(found, pairs=found.pairs | pairs)

    def stage_of(self, check: int) -> Stage:
        return Stage.CONNECTION if self.check_resolver[check] is None else Stage.DNS

    def probes(self, scope: Scope, stage: Stage | None) -> list[int]:
        """Of one stage, or of both: those that *scope* hits, in order."""
        vantage, target = scope.groups.get("vantage", {}), scope.groups.get("target", {})
        resolver, path = scope.groups.get("resolver", {}), scope.groups.get("path", {})
        agents = [matches(agent.tags, vantage) for agent in self.fleet.agents]
        targets = [matches(one.tags, target) for one in self.fleet.targets]
        resolvers = {name: matches(one.tags, resolver) for name, one in self.fleet.resolvers.items()}

        def hits(check: int) -> bool:
            asked, family = self.check_resolver[check], self.check_family[check]
            if not targets[self.check_target[check]] or (
                stage is not None and stage is not self.stage_of(check)
            ):
                return False
            if asked is not None:
                return resolvers[asked] and not path and scope.family in (None, 4)
            return not resolver and scope.family in (None, family)

        checks = [hits(check) for check in range(len(self.checks))]
        carriers = path.get("transit_asn")
        return [
            probe
            for probe, (agent, check) in enumerate(zip(self.agent_of, self.check_of, strict=True))
            if checks[check]
            and agents[agent]
            and (carriers is None or self._transit(agent, check) in carriers)
        ]

    def _transit(self, agent: int, check: int) -> str:
        return self.transits[self.fleet.agents[agent].name, self.check_target[check]]

    def agents(self, scope: Scope) -> list[int]:
        """Agents that *scope* hits, by place in the fleet."""
        vantage = scope.groups.get("vantage", {})
        return [at for at, agent in enumerate(self.fleet.agents) if matches(agent.tags, vantage)]

    def extent(self, component: Component, stage: Stage | None) -> int:
        """Mask of the probes of one stage, or of both, that go through *component*; all for our telemetry."""
        found = self.stage_masks[stage]
        for part in component.parts:
            mine = 0
            for entity in part.entities:
                mine |= self._entity_extent(entity)
            found &= mine
        return found

    def _entity_extent(self, entity: Entity) -> int:
        if entity not in self._extents:
            holds = self._holds(entity)
            places = zip(self.agent_of, self.check_of, strict=True)
            self._extents[entity] = self.mask(
                probe for probe, (agent, check) in enumerate(places) if holds(agent, check)
            )
        return self._extents[entity]

    def mask(self, probes: Iterable[int]) -> int:
        """A set of probes as one number: a bit each."""
        octets = bytearray(len(self) // 8 + 1)
        for probe in probes:
            octets[probe >> 3] |= 1 << (probe & 7)
        return int.from_bytes(octets, "little")

    def _masks(self, key: Callable[[int, int], object]) -> list[int]:
        """The probes by what *key* says of their agent and check."""
        found: dict[object, list[int]] = {}
        for probe, (agent, check) in enumerate(zip(self.agent_of, self.check_of, strict=True)):
            found.setdefault(key(agent, check), []).append(probe)
        return [self.mask(probes) for probes in found.values()]

    def _holds(self, entity: Entity) -> Callable[[int, int], bool]:
        topology = self.topology
        if entity.kind is Kind.TELEMETRY:
            return lambda agent, check: True
        if entity.kind is Kind.TRANSIT:
            return lambda agent, check: (
                self.check_resolver[check] is None and self._transit(agent, check) == entity.name
            )
        agents = {at for at, one in enumerate(self.fleet.agents) if entity in topology.agents[one.name]}
        checks = {
            at
            for at, name in enumerate(self.checks)
            if name in topology.checks and entity in topology.checks[name].entities
        }
        return lambda agent, check: agent in agents or check in checks


def matches(tags: dict[str, str], selectors: dict[str, tuple[str, ...]]) -> bool:
    return all(tags.get(tag) in values for tag, values in selectors.items())
