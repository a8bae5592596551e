"""Fleets and faults of other shapes than the usual one, and what is said of them."""

from msgspec.structs import replace

from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.topology import Topology
from verdicts.fleet_helpers import Play, fleet


def _alone(topology: Topology, *kinds: Kind) -> Topology:
    """The same fleet, of whose agents nothing is known but *kinds*."""
    agents = {
        name: tuple(each for each in through if each.kind in (Kind.AGENT, *kinds))
        for name, through in topology.agents.items()
    }
    return replace(topology, agents=agents)


def test_two_faults_of_the_same_size_are_no_alternatives_of_one_another() -> None:
    play = Play(fleet(targets=24))
    play.fail(play.probes("t4:ipv") + play.probes("t20:ipv"))
    assert play.found() == ["target:t20", "target:t4"]
    assert all(not each.alternatives for each in play.look().findings)


def test_a_target_and_an_agent_that_fail_as_often_are_both_certain() -> None:
    play = Play(fleet(networks=10, targets=20))
    play.fail([probe for probe in play.probes(agent="a2-0") if ":ipv" in probe[1]])
    play.fail(play.probes("t4:ipv"))
    found = {str(each.component): each.certainty for each in play.look().findings}
    assert found == {"target:t4": "certain", "agent:a2-0": "certain"}


def test_agents_of_which_nothing_is_known_count_for_themselves() -> None:
    play = Play(_alone(fleet()))
    play.fail(play.probes("t4:ipv"))
    assert play.finding("target:t4").certainty == "certain"
    play.look(10.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["page"]
