"""Counting by masks gives what counting probe by probe gives, whatever the topology."""

import tracemalloc
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.index import MOST_PREPARED, MOST_SUMS, Index
from vedette_collector.verdicts.kept import Kept
from vedette_collector.verdicts.members import Parts
from vedette_collector.verdicts.topology import CheckTraits, Stage, Topology
from verdicts.fleet_helpers import fleet

AGENTS = tuple(f"a{n}" for n in range(6))
CHECKS = tuple(f"c{n}" for n in range(6))
_names = st.sampled_from(("x", "y", "z"))


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    agents: dict[str, tuple[Entity, ...]] = {
        name: (
            Entity(Kind.AGENT, name),
            Entity(Kind.NETWORK, draw(_names)),
            Entity(Kind.REGION, draw(_names)),
        )
        for name in AGENTS
    }
    checks = {}
    for name in CHECKS:
        own = draw(st.booleans())
        entities = [Entity(Kind.TARGET, draw(_names)), Entity(Kind.PROVIDER, draw(_names))]
        if not own:
            entities.append(Entity(Kind.RESOLVER, draw(_names)))
        checks[name] = CheckTraits(
            entities=tuple(entities),
            stages=frozenset(draw(st.sets(st.sampled_from(Stage), min_size=1))),
            interval=draw(st.sampled_from((10.0, 30.0))),
            own_resolver=own,
        )
    return Topology(
        agents=agents,
        own_resolvers={
            name: (Entity(Kind.RESOLVER, draw(_names)),) for name in AGENTS if draw(st.booleans())
        },
        checks=checks,
        assigned={name: tuple(sorted(draw(st.sets(st.sampled_from(AGENTS))))) for name in CHECKS},
        pairs={
            (agent, check): (Entity(Kind.TRANSIT, draw(_names)),)
            for agent, check in product(AGENTS, CHECKS)
            if draw(st.integers(0, 3)) == 0
        },
    )


def _through(topology: Topology, agent: str, check: str) -> set[Entity]:
    traits = topology.checks[check]
    found = {*traits.entities, *topology.agents[agent], *topology.pairs.get((agent, check), ())}
    return found | set(topology.own_resolvers.get(agent, ()) if traits.own_resolver else ())


def _by_hand(topology: Topology, live: set[tuple[str, str]], parts: list[list[Entity]]) -> tuple[int, float]:
    rates = [
        1 / topology.checks[check].interval
        for agent, check in live
        if Stage.DNS in topology.checks[check].stages
        and all(_through(topology, agent, check) & set(group) for group in parts)
    ]
    return len(rates), sum(rates)


@settings(max_examples=150, deadline=None)
@given(topologies(), st.data())
def test_counts_are_those_of_probes_one_by_one(topology: Topology, data: st.DataObject) -> None:
    index = Index(topology)
    present = data.draw(st.sets(st.sampled_from(AGENTS), min_size=1))
    unseen = data.draw(st.sets(st.tuples(st.sampled_from(AGENTS), st.sampled_from(CHECKS)), max_size=5))
    for name in sorted(present):
        index.prepare_vantages("dns", ())  # what it found holds until the next one comes
        index.set_present(index.agent_number[name], is_present=True)
    for agent, check in unseen:
        index.set_seen((index.check_number[check], index.agent_number[agent]), is_seen=False)
    live = {
        (agent, check)
        for check in CHECKS
        for agent in topology.assigned[check]
        if agent in present and (agent, check) not in unseen
    }
    groups = st.lists(st.sampled_from(index.entities), min_size=1, max_size=3, unique=True)
    wanted = data.draw(st.lists(groups, max_size=2))
    others = data.draw(st.lists(st.lists(groups, min_size=1, max_size=2), max_size=2))

    def numbered(parts: list[list[Entity]]) -> Parts:
        return tuple(tuple(sorted(index.entities.index(each) for each in group)) for group in parts)

    left = {probe for probe in live if not any(_by_hand(topology, {probe}, other)[0] for other in others)}
    count, rate = _by_hand(topology, left, wanted)
    without = tuple(numbered(other) for other in others)
    if wanted and len(wanted[-1]) == 1 and data.draw(st.booleans()):
        index.prepare("dns", numbered(wanted[:-1]), [*numbered(wanted)[-1]])
        index.prepare("dns", numbered(wanted[:-1]), [*numbered(wanted)[-1]], without[0] if without else ())
    if data.draw(st.booleans()):
        for tail in ((), *without):
            index.prepare_vantages("dns", tail)
    assert index.count("dns", numbered(wanted), without) == count
    assert abs(index.exposure("dns", numbered(wanted), without) - rate) < 1e-9


@settings(max_examples=50, deadline=None)
@given(topologies())
def test_a_failure_is_blamed_on_what_the_probe_goes_through(topology: Topology) -> None:
    index = Index(topology)
    for agent, check in product(AGENTS, CHECKS):
        probe = (index.check_number[check], index.agent_number[agent])
        path = index.through(probe, "connection", "tcp.timeout")
        through = {index.entities[each] for leg in path for each in leg}
        assert through == {
            each for each in _through(topology, agent, check) if each.kind is not Kind.RESOLVER
        }


def test_answers_are_forgotten_when_there_are_too_many_of_them() -> None:
    kept: Kept[int, int] = Kept(3)
    for number in (1, 2, 3, 3, 2):
        kept[number] = 10 * number
    assert kept == {1: 10, 2: 20, 3: 30}
    kept[4] = 40
    assert kept == {4: 40}


def test_what_was_made_ready_is_counted_anew_when_somebody_leaves() -> None:
    index = Index(fleet())
    for agent in range(len(index.agents)):
        index.set_present(agent, is_present=True)
    target, network = (
        index.number(Entity(*each)) or 0 for each in ((Kind.TARGET, "t4"), (Kind.NETWORK, "net-3"))
    )
    counts = []
    for is_present in (True, False):
        index.set_present(index.agent_number["a3-1"], is_present=is_present)
        index.prepare("connection", ((target,),), [network])
        counts.append(index.count("connection", ((target,), (network,))))
    assert counts == [4, 2]


def test_what_is_counted_for_long_takes_no_more_room() -> None:
    index = Index(fleet(networks=60, targets=80))
    for agent in range(len(index.agents)):
        index.set_present(agent, is_present=True)
    entities = range(len(index.entities))
    assert len(entities) ** 2 > 3 * MOST_SUMS
    assert len(entities) * 30 > 40 * MOST_PREPARED
    tracemalloc.start()
    try:
        for one in entities:
            for other in entities:
                index.count("connection", ((one,), (other,)))
                if other < 30:
                    index.prepare("connection", ((one,), (other,)), [])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 21_000_000  # 18 million; without the one bound 23, without the other 52
