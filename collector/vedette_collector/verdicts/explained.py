"""Which failing checks and silent agents incidents account for. Alerts of their own keep quiet meanwhile."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from vedette_collector.verdicts.component import Component, Entity
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.topology import Topology


class Explained(NamedTuple):
    """Identifiers of incidents by name. One check has one incident, the one that accounts for most of it."""

    checks: dict[str, str]
    agents: dict[str, str]


class _Blamed:
    """All parts of all blamed components as bits: a probe goes through what it has all bits of."""

    def __init__(self) -> None:
        self._bits: dict[Entity, int] = {}
        self._wholes: list[tuple[int, str]] = []  # with the incident that blames it
        self._known: dict[int, frozenset[str]] = {}  # few paths differ in what is blamed
        self._next = 1

    def add(self, component: Component, incident: str) -> None:
        whole = 0
        for part in component.parts:
            whole |= self._next
            for entity in part.entities:
                self._bits[entity] = self._bits.get(entity, 0) | self._next
            self._next <<= 1
        self._wholes.append((whole, incident))

    def bits(self, path: Iterable[Entity]) -> int:
        found = 0
        for entity in path:
            found |= self._bits.get(entity, 0)
        return found

    def incidents(self, bits: int) -> frozenset[str]:
        found = self._known.get(bits)
        if found is None:
            found = frozenset(incident for whole, incident in self._wholes if bits & whole == whole)
            self._known[bits] = found
        return found


def explained(
    topology: Topology, incidents: Iterable[Incident], failing: Iterable[tuple[str, str]]
) -> Explained:
    """What *incidents* account for; *failing* are the probes that fail now, as (agent, check).

    A check is explained when more than half of its failing probes go through something that one incident has
    blamed: also through what it has blamed before, because symptoms of one cause come and go.
    """
    agents: dict[str, str] = {}
    blamed = _Blamed()
    for incident in sorted(incidents, key=lambda each: each.id):
        for finding in incident.findings.values():
            if finding.track == "silence":
                agents |= dict.fromkeys(finding.agents, incident.id)
            else:
                blamed.add(finding.component, incident.id)
    return Explained(_checks(topology, blamed, failing), agents)


def _checks(topology: Topology, blamed: _Blamed, failing: Iterable[tuple[str, str]]) -> dict[str, str]:
    of_agent = {name: blamed.bits(path) for name, path in topology.agents.items()}
    of_check = {name: blamed.bits(traits.entities) for name, traits in topology.checks.items()}
    total: Counter[str] = Counter()
    through: dict[str, Counter[str]] = {}
    for probe in failing:
        agent, check = probe
        if agent not in of_agent or check not in of_check:
            continue
        bits = of_agent[agent] | of_check[check]
        if probe in topology.pairs:
            bits |= blamed.bits(topology.pairs[probe])
        if topology.checks[check].own_resolver:
            bits |= blamed.bits(topology.own_resolvers.get(agent, ()))
        total[check] += 1
        for incident in blamed.incidents(bits):
            through.setdefault(check, Counter())[incident] += 1
    explained = {}
    for check, counts in through.items():
        incident, count = min(counts.items(), key=lambda each: (-each[1], each[0]))
        if 2 * count > total[check]:
            explained[check] = incident
    return explained
