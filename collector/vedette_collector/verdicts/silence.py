"""Agents that fell silent: which network, or is it our own telemetry?

A silent agent is no failed probe, and its results leave every other denominator. Agents stop for reasons of
their own now and then; that several of one network stop within a minute and a half by chance is unlikely.
"""

from collections.abc import Iterable, Sequence
from math import log
from typing import Final

from msgspec.structs import replace

from vedette_collector.verdicts.component import Component, Entity, Kind, Part
from vedette_collector.verdicts.evidence import Finding, Share
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.score import choices, gain

CHANCE: Final = 1e-4  # that an agent stops within TOGETHER_SECONDS: once in ten days
TOGETHER_SECONDS: Final = 90.0  # between two that fell silent by one cause; hearing of it takes up to 35 s
THRESHOLD: Final = 12.0  # nats, the cost taken off: two agents of one network in a fleet of 47
NEARLY_ALL: Final = 0.8  # of the agents: then it is us
MANY: Final = 4  # agents that fell silent together for no reason that they share: before that is one thing
REMEMBERED_SECONDS: Final = 3600.0  # what several were silent with: one of them alone is silent by it too
_KINDS: Final = (Kind.SITE, Kind.NETWORK, Kind.ACCESS, Kind.REGION)


class Silence:
    """Of one fleet; agents by name."""

    def __init__(self) -> None:
        self.since: dict[str, float] = {}  # when each silent agent was heard of last
        self._blamed: dict[str, tuple[float, Finding]] = {}  # by component: when it was found last

    def findings(self, index: Index, now: float) -> list[Finding]:
        known = index.present
        silent = {
            index.agent_number[name]: at for name, at in self.since.items() if name in index.agent_number
        }
        for agent in silent:
            known |= 1 << agent
        found: list[Finding] = []
        waves = _waves(silent)
        for wave in waves:
            found.extend(_explained(index, wave, silent, known))
        self._blamed = {
            key: (at, each) for key, (at, each) in self._blamed.items() if now - at <= REMEMBERED_SECONDS
        }
        found = self._continued(found, index, silent, known)
        for each in found:
            if each.component.kind in _KINDS:
                self._blamed[str(each.component)] = (now, each)
        for wave in waves:
            found = _gathered(found, index, wave, silent, known)
        return found

    def _continued(
        self, found: list[Finding], index: Index, silent: dict[int, float], known: int
    ) -> list[Finding]:
        """Single agents of what several were silent with: a network that comes back comes back bit by bit."""
        single = {index.agent_number[each.agents[0]] for each in found if _is_agent(each)}
        for key, (_, before) in sorted(self._blamed.items()):
            members = 0
            for entity in before.component.entities:
                members |= _members(index, entity)
            again = {agent for agent in single if members >> agent & 1}
            if not again:
                continue
            single -= again
            same = [each for each in found if str(each.component) == key]
            agents = sorted(
                again.union(*({index.agent_number[name] for name in each.agents} for each in same))
            )
            names = {index.agents[agent] for agent in agents}
            found = [
                each
                for each in found
                if each not in same and not (_is_agent(each) and each.agents[0] in names)
            ]
            total = (members & known).bit_count()
            outside = len(silent) - len(agents), max(known.bit_count() - total, 0)
            score = len(agents) * log(1 / CHANCE)
            found.append(
                _finding(
                    index,
                    before.component,
                    agents,
                    silent,
                    score,
                    (len(agents), total),
                    outside,
                    before.alternatives,
                )
            )
        return found


def _is_agent(finding: Finding) -> bool:
    return finding.component.kind == Kind.AGENT


def deaf(index: Index, since: float, now: float) -> Finding:
    """We hear nobody ourselves since then: whoever was there may be well."""
    agents = [number for number in range(len(index.agents)) if index.present >> number & 1]
    everybody = Share(len(agents), len(agents))
    return Finding(
        component=Component((Part(Kind.TELEMETRY, ("broker",)),)),
        track="silence",
        score=max(len(agents), 1) * log(1 / CHANCE),
        certainty="certain",
        inside=everybody,
        outside=Share(0, 0),
        agents=tuple(sorted(index.agents[agent] for agent in agents)),
        networks=tuple(entity.name for entity in _entities(index, agents, Kind.NETWORK)),
        targets=(),
        codes=(),
        began=since,
        last=now,
    )


def _waves(silent: dict[int, float]) -> list[list[int]]:
    """Silent agents, parted where nobody fell silent for a while."""
    waves: list[list[int]] = []
    last = None
    for agent in sorted(silent, key=lambda each: (silent[each], each)):
        if last is None or silent[agent] - last > TOGETHER_SECONDS:
            waves.append([])
        waves[-1].append(agent)
        last = silent[agent]
    return waves


def _explained(index: Index, wave: list[int], silent: dict[int, float], known: int) -> list[Finding]:
    # Who is silent since long before is no witness of what happened now.
    before = sum(1 for at in silent.values() if at < silent[wave[0]])
    of = known.bit_count() - before
    networks = _entities(index, wave, Kind.NETWORK)
    if len(wave) >= 3 and len(wave) >= NEARLY_ALL * of and (len(networks) >= 2 or len(wave) == of):
        component = Component((Part(Kind.TELEMETRY, ("broker",)),))
        score = len(wave) * log(1 / CHANCE)
        return [_finding(index, component, wave, silent, score, (len(wave), of), (0, 0), ())]
    found: list[Finding] = []
    left = list(wave)
    while left and (one := _best(index, left, silent, known)) is not None:
        found.append(one)
        left = [agent for agent in left if index.agents[agent] not in one.agents]
    # With fewer of them nothing else becomes clearer: what is left are single agents.
    return [*found, *(_single(index, agent, silent, known) for agent in left)]


def _gathered(
    found: list[Finding], index: Index, wave: list[int], silent: dict[int, float], known: int
) -> list[Finding]:
    """*found*, with the single agents of *wave* as one, where so many do not stop together by chance: a bad
    release, for example."""
    names = {index.agents[agent] for agent in wave}
    single = [each for each in found if _is_agent(each) and each.agents[0] in names]
    score = len(single) * log(1 / CHANCE) - choices(known.bit_count(), len(single)) - log(len(_KINDS) + 1)
    if len(single) < MANY or score < THRESHOLD:
        return found
    agents = sorted(index.agent_number[each.agents[0]] for each in single)
    component = Component((Part(Kind.AGENT, tuple(sorted(index.agents[agent] for agent in agents))),))
    outside = len(silent) - len(agents), max(known.bit_count() - len(agents), 0)
    together = _finding(index, component, agents, silent, score, (len(agents), len(agents)), outside, ())
    return [*(each for each in found if each not in single), together]


def _best(index: Index, left: list[int], silent: dict[int, float], known: int) -> Finding | None:
    """Several that fell silent together. None: nothing that is left is more than single agents."""
    options: list[tuple[float, int, Component, list[int], int]] = []
    for place, kind in enumerate(_KINDS):
        of = index.sizes["silence"].get(kind, 0)
        for component, agents, total in _groups(index, left, silent, known, kind):
            cost = choices(of, len(component.parts[0].names)) + log(len(_KINDS) + 1)
            # Members that were silent before, or are not silent, speak against it: gain weighs both.
            chance = gain(len(agents), total, len(left), known.bit_count())
            score = len(agents) * log(1 / CHANCE) * len(agents) / total - cost
            if len(agents) >= 2 and score >= THRESHOLD and len(agents) > total / 3:
                options.append((score + chance, -place, component, agents, total))
    if not options:
        return None
    _, _, _, agents, total = max(options, key=lambda each: (each[0], each[1], str(each[2])))
    # Of the same agents the most specific kind is named, with the fewest names.
    same = [each for each in options if (each[3], each[4]) == (agents, total)]
    same.sort(key=lambda each: (len(each[2].parts[0].names), -each[1], str(each[2])))
    score, _, component, _, _ = same[0]
    alternatives = tuple(other for _, _, other, _, _ in same[1:])
    inside = (len(agents), total)
    outside = (len(silent) - len(agents), max(known.bit_count() - total, 0))
    return _finding(index, component, agents, silent, score, inside, outside, alternatives)


def _single(index: Index, agent: int, silent: dict[int, float], known: int) -> Finding:
    name = index.agents[agent]
    component = Component((Part(Kind.AGENT, (name,)),))
    alternatives = tuple(
        Component((Part(entity.kind, (entity.name,)),))
        for entity in index.topology.agents[name]
        if entity.kind is Kind.NETWORK and (_members(index, entity) & known).bit_count() == 1
    )
    outside = (len(silent) - 1, max(known.bit_count() - 1, 0))
    return _finding(index, component, [agent], silent, log(1 / CHANCE), (1, 1), outside, alternatives)


def _groups(
    index: Index, left: list[int], silent: dict[int, float], known: int, kind: Kind
) -> Iterable[tuple[Component, list[int], int]]:
    """One entity of *kind*, then two, … in the order of the share of it that is silent."""
    shares: list[tuple[float, str, list[int], int]] = []
    long_since = _mask(silent) & ~_mask(left)
    for entity in _entities(index, left, kind):
        members = _members(index, entity) & known
        agents = [agent for agent in left if members >> agent & 1]
        # Who is silent since long before is not there to be seen, and not a sign of health either.
        total = max((members & ~long_since).bit_count(), len(agents))
        shares.append((len(agents) / total, entity.name, agents, total))
    shares.sort(key=lambda each: (-each[0], -len(each[2]), each[1]))
    names: list[str] = []
    agents, total = [], 0
    for share, name, those, of in shares:
        if names and share < 0.5:
            break
        names.append(name)
        agents = sorted({*agents, *those})
        total += of
        yield Component((Part(kind, tuple(sorted(names))),)), agents, total


def _mask(agents: Iterable[int]) -> int:
    mask = 0
    for agent in agents:
        mask |= 1 << agent
    return mask


def _members(index: Index, entity: Entity) -> int:
    number = index.number(entity)
    return 0 if number is None else index.agents_of(number)


def _entities(index: Index, agents: Iterable[int], kind: Kind) -> list[Entity]:
    found = {
        entity
        for agent in agents
        for entity in index.topology.agents[index.agents[agent]]
        if entity.kind is kind
    }
    return sorted(found)


def _finding(
    index: Index,
    component: Component,
    agents: list[int],
    silent: dict[int, float],
    score: float,
    inside: tuple[int, int],
    outside: tuple[int, int],
    alternatives: tuple[Component, ...],
) -> Finding:
    return Finding(
        component=component,
        track="silence",
        score=score,
        certainty="ambiguous" if alternatives else "certain",
        inside=Share(*inside),
        outside=Share(*outside),
        agents=tuple(sorted(index.agents[agent] for agent in agents)),
        networks=tuple(entity.name for entity in _entities(index, agents, Kind.NETWORK)),
        targets=(),
        codes=(),
        began=min(silent[agent] for agent in agents),
        last=max(silent[agent] for agent in agents),
        alternatives=alternatives,
        is_partial=inside[0] < inside[1],
    )


def told_apart(silent: Sequence[Finding], others: Sequence[Finding]) -> list[Finding]:
    """What several may be silent with, or a single one, may be a network: targets in that network tell.

    A single agent stops for reasons of its own: then it must be the network that is blamed for targets, and
    not a target that happens to be the only one in it.
    """
    blamed = [each.component for each in others]
    readings = [*blamed, *(other for each in others for other in each.alternatives if len(other.parts) == 1)]
    return [_network_of(each, _dark(blamed if _is_agent(each) else readings)) or each for each in silent]


def _dark(components: Iterable[Component]) -> set[str]:
    parts = (part for component in components for part in component.parts)
    return {name for part in parts if part.kind is Kind.PROVIDER_NETWORK for name in part.names}


def _network_of(finding: Finding, dark: set[str]) -> Finding | None:
    for each in (finding.component, *finding.alternatives):
        if each.kind == Kind.NETWORK and dark.issuperset(each.parts[0].names):
            return replace(finding, component=each, certainty="certain", alternatives=())
    return None
