"""Numbers for agents, checks and entities, and for each entity which probes go through it.

A probe is a pair of check and agent. Agents are bits of a mask, so the probes of an entity are a mask for
each of its checks: 1,000 agents and 500 checks need no 500,000 entries.
"""

from vedette_collector.verdicts.component import Component, Entity, Kind
from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.topology import Topology
from vedette_collector.verdicts.tracks import allowed_kinds

Probe = tuple[int, int]  # numbers of check and agent
Group = tuple[int, ...]  # entities of one kind, by number: what goes through any of them
Parts = tuple[Group, ...]  # what goes through all of these
Path = tuple[tuple[int, ...], ...]  # entities of a check, of an agent, of both: each many failures share


class Members:
    """Of one topology; never changed."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.agents = list(topology.agents)
        self.checks = list(topology.checks)
        self.agent_number = {name: number for number, name in enumerate(self.agents)}
        self.check_number = {name: number for number, name in enumerate(self.checks)}
        self.entities: list[Entity] = []
        self._numbers: dict[Entity, int] = {}
        self._by_checks: list[set[int]] = []  # by entity: checks whose probes all go through it
        self._by_agents: list[int] = []  # mask of agents whose probes all go through it
        self._by_own: list[int] = []  # mask of agents whose own resolver it is
        self._by_pair: list[dict[int, int]] = []  # by check: mask of agents
        self.check_entities = [
            tuple(self._number(entity, check=number) for entity in topology.checks[name].entities)
            for number, name in enumerate(self.checks)
        ]
        self.agent_entities = [
            tuple(self._number(entity, agent=number) for entity in topology.agents[name])
            for number, name in enumerate(self.agents)
        ]
        self._own_entities = {
            self.agent_number[name]: tuple(
                self._number(entity, own=self.agent_number[name]) for entity in entities
            )
            for name, entities in topology.own_resolvers.items()
            if name in self.agent_number
        }
        self._pair_entities: dict[Probe, tuple[int, ...]] = {}
        for (agent, check), entities in topology.pairs.items():
            if agent in self.agent_number and check in self.check_number:
                probe = (self.check_number[check], self.agent_number[agent])
                self._pair_entities[probe] = tuple(self._number(entity, pair=probe) for entity in entities)
        self.kinds = [entity.kind for entity in self.entities]
        self.agent_networks = [
            next((each for each in entities if self.kinds[each] is Kind.NETWORK), None)
            for entities in self.agent_entities
        ]
        self._blamed: dict[tuple[frozenset[Kind], int, bool], tuple[int, ...]] = {}
        self._own_checks = {
            number for number, name in enumerate(self.checks) if topology.checks[name].own_resolver
        }

    def _number(
        self,
        entity: Entity,
        *,
        check: int | None = None,
        agent: int | None = None,
        own: int | None = None,
        pair: Probe | None = None,
    ) -> int:
        number = self._numbers.get(entity)
        if number is None:
            number = self._numbers[entity] = len(self.entities)
            self.entities.append(entity)
            self._by_checks.append(set())
            self._by_agents.append(0)
            self._by_own.append(0)
            self._by_pair.append({})
        if check is not None:
            self._by_checks[number].add(check)
        if agent is not None:
            self._by_agents[number] |= 1 << agent
        if own is not None:
            self._by_own[number] |= 1 << own
        if pair is not None:
            masks = self._by_pair[number]
            masks[pair[0]] = masks.get(pair[0], 0) | 1 << pair[1]
        return number

    def number(self, entity: Entity) -> int | None:
        return self._numbers.get(entity)

    def parts(self, component: Component) -> Parts | None:
        """*component* by numbers. None: not all of it is in this topology."""
        found: list[Group] = []
        for part in component.parts:
            group = [self._numbers.get(entity) for entity in part.entities]
            known = sorted(number for number in group if number is not None)
            if len(known) < len(group):
                return None
            found.append(tuple(known))
        return tuple(found)

    def through(self, probe: Probe, track: Track, code: str | None = None) -> Path:
        """The entities that the failure of *probe* with *code* can be blamed on. None: that are fine when it
        is ok."""
        check, agent = probe
        allowed = allowed_kinds(track, is_tls=code is None or code.startswith("tls."))
        found: Path = (self._blamable(allowed, check, True), self._blamable(allowed, agent, False))
        if check in self._own_checks and agent in self._own_entities:
            found += (self._filtered(allowed, self._own_entities[agent]),)
        pair = self._pair_entities.get(probe)
        return found if pair is None else (*found, self._filtered(allowed, pair))

    def _blamable(self, allowed: frozenset[Kind], number: int, is_check: bool) -> tuple[int, ...]:
        """Of the entities of one check, or of one agent."""
        key = (allowed, number, is_check)
        found = self._blamed.get(key)
        if found is None:
            entities = self.check_entities[number] if is_check else self.agent_entities[number]
            found = self._blamed[key] = self._filtered(allowed, entities)
        return found

    def _filtered(self, allowed: frozenset[Kind], entities: tuple[int, ...]) -> tuple[int, ...]:
        kinds = self.kinds
        return tuple(entity for entity in entities if kinds[entity] in allowed)

    def of_kind(self, kind: Kind) -> list[int]:
        return [entity for entity, each in enumerate(self.kinds) if each is kind]

    def agents_of(self, entity: int) -> int:
        """Mask of the agents all of whose probes go through it."""
        return self._by_agents[entity]

    def checks_of(self, entity: int) -> set[int]:
        return self._by_checks[entity]
