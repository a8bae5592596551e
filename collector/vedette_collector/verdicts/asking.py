"""What to probe at once, so that a verdict need not wait for the next interval.

A failing check is asked of agents in other networks: is it the target? Half of them are asked for the target
by another check: is it the resolver, or the family? Other targets are asked of the agent that saw it: is it
the agent? And what shares an authority, a product or a provider with the target is asked of somebody
else: how far does it reach? Each question is put once an interval, and all of them are bounded.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.evidence import Question
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.members import Probe
from vedette_collector.verdicts.topology import Stage

WITNESSES: Final = 6  # agents that are asked for the same target, half of them by another check of it
OTHERS: Final = 3  # other targets for the agent that saw it
SIBLINGS: Final = 3  # targets that are related,
SIBLING_WITNESSES: Final = 2  # each by so many: else the target that failed first looks worse than the others
RATE: Final = 10.0  # probes a second, in all: 1,000 agents probe a thousand times as often by themselves
BURST: Final = 60.0
REMEMBERED: Final = 4096  # questions, before those of more than an hour ago are forgotten
_RELATED: Final = (
    Kind.AUTHORITY, Kind.PRODUCT, Kind.PROVIDER_REGION, Kind.DEPENDENCY, Kind.ZONE, Kind.TLD,
    Kind.HOST_CLASS, Kind.PROVIDER_NETWORK, Kind.PROVIDER, Kind.RESOLVER,
)  # fmt: skip
_WIDE: Final = 0.5  # what more than this share of all checks goes through relates nothing


class Asking:
    """Chooses, and remembers what was asked."""

    def __init__(self) -> None:
        self._asked: dict[Probe, float] = {}
        self._looked: dict[int, float] = {}  # by check: when it was last asked about
        self._most = REMEMBERED
        self._tokens = BURST
        self._filled = 0.0

    def probes(self, index: Index, fresh: list[Probe], now: float) -> list[Probe]:
        """What to ask for, because *fresh* have just failed twice. Nothing that was asked a moment ago."""
        self._fill(now)
        chosen: list[Probe] = []
        first: dict[int, Probe] = {}
        for probe in fresh:
            first.setdefault(probe[0], probe)
        for probe in first.values():
            if self._tokens < 1.0:
                break
            others = _beside(index, probe[0])
            if any(self._is_looked_at(index, each, probe[0], now) for each in (probe[0], *others)):
                continue  # its question is out, and another one would get the same answer
            self._looked[probe[0]] = now
            for each in _helpful(index, probe, others):
                if self._tokens < 1.0:
                    break
                if now - self._asked.get(each, -1e9) < index.intervals[each[0]]:
                    continue
                self._asked[each] = now
                self._tokens -= 1.0
                chosen.append(each)
        return chosen

    def _is_looked_at(self, index: Index, looked: int, check: int, now: float) -> bool:
        """Whether a look at *looked* is one at *check*: not where that is run much more seldom."""
        seconds = min(index.intervals[looked], index.intervals[check])
        return now - self._looked.get(looked, -1e9) < seconds

    def carry(self, old: Index, new: Index) -> None:
        """Go on in another topology, in which agents and checks have other numbers."""
        checks = {n: new.check_number.get(name) for n, name in enumerate(old.checks)}
        agents = {n: new.agent_number.get(name) for n, name in enumerate(old.agents)}
        self._looked = {
            there: at for check, at in self._looked.items() if (there := checks[check]) is not None
        }
        self._asked = {
            (there, who): at
            for (check, agent), at in self._asked.items()
            if (there := checks[check]) is not None and (who := agents[agent]) is not None
        }

    def _fill(self, now: float) -> None:
        self._tokens = min(BURST, self._tokens + RATE * max(now - self._filled, 0.0))
        self._filled = now
        if len(self._asked) > self._most:
            self._looked = {check: at for check, at in self._looked.items() if now - at < 3600.0}
            self._asked = {probe: at for probe, at in self._asked.items() if now - at < 3600.0}
            self._most = max(REMEMBERED, 2 * len(self._asked))


def to_agents(index: Index, probes: list[Probe]) -> list[Question]:
    """*probes* in a question to each agent."""
    chosen: dict[int, list[str]] = {}
    for check, agent in probes:
        chosen.setdefault(agent, []).append(index.checks[check])
    return [
        Question(agent=index.agents[agent], checks=tuple(checks)) for agent, checks in sorted(chosen.items())
    ]


def _helpful(index: Index, probe: Probe, others: list[int]) -> Iterator[Probe]:
    """*others*: checks of the same target."""
    check, agent = probe
    for place, each in enumerate(islice(_elsewhere(index, check, agent), WITNESSES)):
        other = others[place // 2 % len(others)] if others and place % 2 else check
        yield (other if index.live[other] >> each & 1 else check), each
    yield from ((each, agent) for each in _other_targets(index, check, agent))
    for place, sibling in enumerate(_siblings(index, check)):
        candidates = list(islice(_elsewhere(index, sibling, agent), SIBLINGS * SIBLING_WITNESSES))
        for turn in range(min(SIBLING_WITNESSES, len(candidates))):
            yield sibling, candidates[(SIBLING_WITNESSES * place + turn) % len(candidates)]


def _beside(index: Index, check: int) -> list[int]:
    """The target's other checks of the same stages, those that share least with it first."""
    stages, mine = _stages(index, check), set(index.check_entities[check])
    found = [
        (len(mine.intersection(index.check_entities[each])), each)
        for each in index.checks_of(index.check_entities[check][0])
        if each != check and _stages(index, each) & stages
    ]
    return [each for _, each in sorted(found)]


def _elsewhere(index: Index, check: int, agent: int) -> Iterator[int]:
    """Agents that run *check*, those of another network than *agent* first, a network at a time."""
    live = index.live[check]
    networks = index.agent_networks
    by_network: dict[int | None, list[int]] = {}
    for each in range(live.bit_length()):
        if live >> each & 1 and each != agent:
            by_network.setdefault(networks[each], []).append(each)
    own = by_network.pop(networks[agent], [])
    # Begin at another network for each check, so that the same few are not always the ones.
    rows = sorted(by_network.items(), key=lambda row: -1 if row[0] is None else row[0])
    shift = check % len(rows) if rows else 0
    rows = rows[shift:] + rows[:shift]
    for depth in range(max((len(row) for _, row in rows), default=0)):
        for _, row in rows:
            if depth < len(row):
                yield row[depth]
    yield from own


def _stages(index: Index, check: int) -> frozenset[Stage]:
    return index.topology.checks[index.checks[check]].stages


def _other_targets(index: Index, check: int, agent: int) -> Iterator[int]:
    """Checks of *agent* whose targets share least with that of *check*."""
    mine = set(index.check_entities[check])
    target = index.check_entities[check][0]
    found: list[tuple[int, int]] = []
    seen: set[int] = set()
    count = len(index.checks)
    for step in range(1, min(count, 200)):
        other = (check + step * 7919) % count  # a prime: far from what is written beside it
        entities = index.check_entities[other]
        if entities[0] == target or entities[0] in seen or not index.live[other] >> agent & 1:
            continue
        seen.add(entities[0])
        found.append((len(mine.intersection(entities)), other))
    found.sort()
    yield from (other for _, other in found[:OTHERS])


def _siblings(index: Index, check: int) -> Iterator[int]:
    """Of the nearest relations the check that is most like it, each of another target."""
    mine = set(index.check_entities[check])
    given = {index.check_entities[check][0]}
    for kind in _RELATED:
        for entity in index.check_entities[check]:
            if index.kinds[entity] is not kind:
                continue
            related = index.checks_of(entity)
            if len(related) > _WIDE * len(index.checks):
                continue
            others = [
                (len(mine.intersection(index.check_entities[each])), -each)
                for each in related
                if index.check_entities[each][0] not in given
            ]
            if others and len(given) <= SIBLINGS:
                sibling = -max(others)[1]
                given.add(index.check_entities[sibling][0])
                yield sibling
