"""Which components are the same probes. Pure.

Two components whose probes are the same fail together always: no result ever tells them apart. To find them
among half a million probes none is listed: a set of probes is a sum over its checks and agents of numbers
made from their names, modulo a prime of 61 bits, and equal sums are taken for equal sets.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.topology import Stage, Topology
from vedette_collector.verdicts.tracks import KINDS

_PRIME: Final = 2**61 - 1
_STAGES: Final = ((Stage.DNS, KINDS["dns"]), (Stage.CONNECTION, KINDS["connection"]))


class Extent(NamedTuple):
    probes: int
    sum: int


class Survey:
    """Of one topology."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._agents = {name: place for place, name in enumerate(topology.agents)}
        self._numbers = [_number(name) for name in topology.agents]
        self._masks = {check: self.mask(agents) for check, agents in topology.assigned.items()}
        self._sums: dict[int, int] = {}
        self.kinds: set[Kind] = set()

    def mask(self, agents: Iterable[str]) -> int:
        found = 0
        for agent in agents:
            found |= 1 << self._agents[agent]
        return found

    def alike(self) -> list[list[Entity]]:
        """Groups of entities that are the same probes, where a failure can be blamed on each of them.

        Those that all probes go through are left out: `everywhere` has them.
        """
        found: dict[tuple[Entity, ...], None] = {}
        for stage, kinds in _STAGES:
            whole, extents = self._extents(stage, kinds)
            groups: dict[Extent, list[Entity]] = defaultdict(list)
            for entity, extent in extents.items():
                if extent.probes and extent != whole:
                    groups[extent].append(entity)
            found.update((tuple(sorted(group)), None) for group in groups.values() if len(group) > 1)
        return [list(group) for group in found]

    def everywhere(self) -> list[Entity]:
        """Entities that nothing avoids, where a failure could be blamed on them: no probe exonerates them."""
        found: set[Entity] = set()
        avoided: set[Entity] = set()
        for stage, kinds in _STAGES:
            whole, extents = self._extents(stage, kinds)
            for entity, extent in extents.items():
                if extent.probes:
                    (found if extent == whole else avoided).add(entity)
        return sorted(found - avoided)

    def probes_of_targets(self) -> Iterator[tuple[Stage, int, dict[str, int]]]:
        """By stage: how many kinds of entity could be blamed there, and by target how many probes it has."""
        for stage, kinds in _STAGES:
            _, extents = self._extents(stage, kinds)
            seen = {entity: extent.probes for entity, extent in extents.items() if extent.probes}
            targets = {entity.name: probes for entity, probes in seen.items() if entity.kind is Kind.TARGET}
            yield stage, len({entity.kind for entity in seen}), targets

    def networks_of_targets(self) -> dict[str, frozenset[str]]:
        """By target, the vantage networks that it is seen from."""
        by_place = [
            next((e.name for e in entities if e.kind == Kind.NETWORK), None)
            for entities in self.topology.agents.values()
        ]
        masks: dict[str, int] = defaultdict(int)
        for check, traits in self.topology.checks.items():
            masks[traits.entities[0].name] |= self._masks[check]
        known: dict[int, frozenset[str]] = {}
        for mask in set(masks.values()):
            names = (by_place[place] for place in _places(mask))
            known[mask] = frozenset(name for name in names if name is not None)
        return {target: known[mask] for target, mask in masks.items()}

    def _extents(self, stage: Stage, kinds: frozenset[Kind]) -> tuple[Extent, dict[Entity, Extent]]:
        """Of all probes of *stage*, and of each entity of *kinds*."""
        topology = self.topology
        counts: dict[Entity, int] = defaultdict(int)
        sums: dict[Entity, int] = defaultdict(int)
        # Checks that the same agents run: their probes through an agent's entity are found in one step.
        classes: dict[tuple[int, bool], tuple[int, int]] = {}
        own = {agent: entities for agent, entities in topology.own_resolvers.items() if agent in self._agents}
        for check, traits in topology.checks.items():
            if stage not in traits.stages:
                continue
            mask, number = self._masks[check], _number(check)
            checks, total = classes.get((mask, traits.own_resolver), (0, 0))
            classes[mask, traits.own_resolver] = checks + 1, total + number
            for entity in traits.entities:
                if entity.kind in kinds:
                    counts[entity] += mask.bit_count()
                    sums[entity] += number * self._sum(mask)
        by_entity: dict[Entity, int] = defaultdict(int)
        of_own: dict[Entity, int] = defaultdict(int)
        for agent, place in self._agents.items():
            for entity in topology.agents[agent]:
                by_entity[entity] |= 1 << place
            for entity in own.get(agent, ()):
                of_own[entity] |= 1 << place
        for (mask, is_own), (checks, total) in classes.items():
            for members in (by_entity, of_own) if is_own else (by_entity,):
                for entity, agents in members.items():
                    if entity.kind in kinds and (both := mask & agents):
                        counts[entity] += checks * both.bit_count()
                        sums[entity] += total * self._sum(both)
        for (agent, check), entities in topology.pairs.items():
            if agent in self._agents and stage in topology.checks[check].stages:
                for entity in entities:
                    if entity.kind in kinds:
                        counts[entity] += 1
                        sums[entity] += _number(check) * self._numbers[self._agents[agent]]
        whole = Extent(
            sum(mask.bit_count() * checks for (mask, _), (checks, _) in classes.items()),
            sum(self._sum(mask) * total for (mask, _), (_, total) in classes.items()) % _PRIME,
        )
        return whole, {entity: Extent(counts[entity], sums[entity] % _PRIME) for entity in counts}

    def _sum(self, mask: int) -> int:
        found = self._sums.get(mask)
        if found is None:
            found = self._sums[mask] = sum(self._numbers[place] for place in _places(mask)) % _PRIME
        return found


def _places(mask: int) -> Iterable[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) % _PRIME
