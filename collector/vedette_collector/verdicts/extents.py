"""How far components reach: which probes, targets and agents go through them, and what these share.

Made once for each topology. Whether one component lies inside another is answered from a sample of at most
400 probes, evenly spread and always the same ones: a fleet may have half a million.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar, cast

from vedette_collector.verdicts.component import PROBED, Component, Entity, Kind, Part
from vedette_collector.verdicts.topology import Topology

Probe = tuple[str, str]  # agent, check
T = TypeVar("T")

UBIQUITOUS: Final = 0.8  # what this share of all targets has says nothing about two of them
INSIDE: Final = 0.9  # of the probes
_SIDE: Final = 20  # checks, and agents of each, in a sample
_COMMON: Final = PROBED - {Kind.TARGET, Kind.HOST_CLASS, Kind.PLANE, Kind.TLD, Kind.CA_CHAIN}


class Extents:
    """Answers about one topology, remembered by component."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._agents_of: dict[Entity, set[str]] = defaultdict(set)
        self._checks_of: dict[Entity, set[str]] = defaultdict(set)
        self._own_of: dict[Entity, set[str]] = defaultdict(set)
        self._pairs_of: dict[Entity, set[Probe]] = {}  # as far as somebody asked: there may be very many
        self._target_of: dict[str, str] = {}
        self._of_target: dict[str, set[Entity]] = defaultdict(set)
        self._own_checks = {name for name, traits in topology.checks.items() if traits.own_resolver}
        for agent, entities in topology.agents.items():
            for entity in entities:
                self._agents_of[entity].add(agent)
        for agent, entities in topology.own_resolvers.items():
            for entity in entities:
                self._own_of[entity].add(agent)
        for name, traits in topology.checks.items():
            target = next((each.name for each in traits.entities if each.kind == Kind.TARGET), name)
            self._target_of[name] = target
            for entity in traits.entities:
                self._checks_of[entity].add(name)
                if entity.kind in _COMMON:
                    self._of_target[target].add(entity)
        self._targets = frozenset(self._target_of.values())
        self._networks_of = {
            agent: [entity.name for entity in entities if entity.kind == Kind.NETWORK]
            for agent, entities in topology.agents.items()
        }
        self._members_of: dict[Part, tuple[set[str], set[str], set[str]]] = {}
        self._inside: dict[tuple[Component, Component], bool] = {}
        self._kept: dict[tuple[str, Component], Any] = {}

    def inside(self, inner: Component, outer: Component) -> bool:
        """Whether nearly all probes through *inner* go through *outer* as well. No, if there are none."""
        if (known := self._inside.get((inner, outer))) is None:
            sample = self._once("sample", inner, self._sample)
            left = (1 - INSIDE) * len(sample)  # may be outside
            for probe in sample:
                left -= not self._goes(probe, outer)
                if left < 0:
                    break
            known = self._inside[inner, outer] = bool(sample) and left >= 0
        return known

    def targets(self, component: Component) -> frozenset[str]:
        """Targets that lie in it. Empty when nothing of it says what is probed."""
        return self._once("targets", component, self._find_targets)

    def implied(self, component: Component) -> frozenset[Entity]:
        """What all its targets have in common, without what nearly every target has."""
        return self._once("implied", component, self._find_implied)

    def agents(self, component: Component) -> frozenset[str]:
        """Agents whose probes can go through it."""
        return self._once("agents", component, self._find_agents)

    def probing(self, component: Component) -> frozenset[str]:
        """Agents that probe its targets, from wherever. All agents when it says nothing of targets."""
        return self._once("probing", component, self._find_probing)

    def looking(self, component: Component) -> frozenset[str]:
        """Networks of the agents that probe its targets, as far as it was written down."""
        return self._once("looking", component, lambda each: self.networks(self.probing(each)))

    def networks(self, agents: Iterable[str]) -> frozenset[str]:
        return frozenset(name for agent in agents for name in self._networks_of.get(agent, ()))

    def residents(self, networks: Iterable[str]) -> frozenset[str]:
        """Agents in these networks."""
        return frozenset(
            agent for name in networks for agent in self._agents_of.get(Entity(Kind.NETWORK, name), ())
        )

    def is_broad(self, component: Component) -> bool:
        """Nearly every target lies in it."""
        return len(self.targets(component)) >= UBIQUITOUS * len(self._targets)

    def interval(self, component: Component) -> float | None:
        """The longest interval of its checks in seconds; None when it says nothing of checks."""
        return self._once("interval", component, self._find_interval)

    def _once(self, what: str, component: Component, find: Callable[[Component], T]) -> T:
        known = self._kept.get((what, component), self)
        if known is self:
            known = self._kept[what, component] = find(component)
        return cast(T, known)

    def _find_targets(self, component: Component) -> frozenset[str]:
        return frozenset(self._target_of[each] for each in self._checks(component) or ())

    def _find_implied(self, component: Component) -> frozenset[Entity]:
        of_each = [self._of_target.get(target, set()) for target in sorted(self.targets(component))]
        common: set[Entity] = set.intersection(*of_each) if of_each else set()
        return frozenset(entity for entity in common if not self._is_everywhere(entity))

    def _find_agents(self, component: Component) -> frozenset[str]:
        found = set(self._topology.agents)
        for part in component.parts:
            agents = self._union(self._agents_of, part) | self._union(self._own_of, part)
            agents |= {agent for agent, _ in self._pairs(part)}
            for check in self._union(self._checks_of, part):
                agents.update(self._topology.assigned.get(check, ()))
            found &= agents
        return frozenset(found)

    def _find_probing(self, component: Component) -> frozenset[str]:
        checks = self._checks(component)
        if checks is None:
            return frozenset(self._topology.agents)
        return frozenset(agent for check in checks for agent in self._topology.assigned.get(check, ()))

    def _find_interval(self, component: Component) -> float | None:
        checks = self._checks(component)
        return (
            max((self._topology.checks[each].interval for each in checks), default=None) if checks else None
        )

    def _is_everywhere(self, entity: Entity) -> bool:
        having = {self._target_of[check] for check in self._checks_of.get(entity, ())}
        return len(having) >= UBIQUITOUS * len(self._targets)

    def _checks(self, component: Component) -> set[str] | None:
        found: set[str] | None = None
        for part in component.parts:
            if checks := self._union(self._checks_of, part):
                found = checks if found is None else found & checks
        return found

    def _sample(self, component: Component) -> list[Probe]:
        return [probe for probe in self._candidates(component) if self._goes(probe, component)]

    def _candidates(self, component: Component) -> list[Probe]:
        checks, agents = set(self._topology.checks), set(self._topology.agents)
        for part in component.parts:
            if pairs := self._pairs(part):
                return _spread(sorted(pairs), _SIDE * _SIDE)
            if own := self._union(self._own_of, part):
                asked = self._union(self._checks_of, part)
                checks &= asked | self._own_checks
                agents &= own if not asked else agents
            elif through := self._union(self._checks_of, part):
                checks &= through
            else:
                agents &= self._union(self._agents_of, part)
        return [
            (agent, check)
            for check in _spread(sorted(checks), _SIDE)
            for agent in _spread(
                [each for each in self._topology.assigned.get(check, ()) if each in agents], _SIDE
            )
        ]

    def _goes(self, probe: Probe, component: Component) -> bool:
        agent, check = probe
        has_own = check in self._own_checks
        pairs = self._topology.pairs.get(probe, ())
        for part in component.parts:
            agents, checks, own = self._members(part)
            if agent in agents or check in checks or (has_own and agent in own):
                continue
            if not pairs or not any(entity in pairs for entity in part.entities):
                return False
        return True

    def _members(self, part: Part) -> tuple[set[str], set[str], set[str]]:
        """The agents and the checks that all go through it, and the agents whose own resolver it is."""
        found = self._members_of.get(part)
        if found is None:
            of = (self._agents_of, self._checks_of, self._own_of)
            agents, checks, own = (self._union(each, part) for each in of)
            found = self._members_of[part] = (agents, checks, own)
        return found

    def _pairs(self, part: Part) -> set[Probe]:
        """Probes of entities that are known of single probes alone."""
        found: set[Probe] = set()
        for entity in part.entities:
            if entity in self._agents_of or entity in self._checks_of or entity in self._own_of:
                continue
            if entity not in self._pairs_of:
                pairs = self._topology.pairs
                self._pairs_of[entity] = {probe for probe, entities in pairs.items() if entity in entities}
            found |= self._pairs_of[entity]
        return found

    @staticmethod
    def _union(index: dict[Entity, set[str]], part: Part) -> set[str]:
        found: set[str] = set()
        return found.union(*(index.get(entity, set()) for entity in part.entities))


def _spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly taken."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]
