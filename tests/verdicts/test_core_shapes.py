"""Fleets and faults of other shapes than the usual one, and what is said of them."""

import random
import time

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.silence import Silence
from vedette_collector.verdicts.topology import Topology
from verdicts.fleet_helpers import BEGIN, Play, fleet


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


def test_a_result_that_comes_late_hides_none_of_what_came_before() -> None:
    play = Play(fleet(networks=10))
    play.recover(play.probes())
    play.look(300.0)
    for _ in range(5):
        play.flake(play.probes("t4:ipv"))
        play.look(30.0)
    for probe in play.probes("t9:ipv4", "a1"):
        play.say(*probe, "tcp.timeout", at=play.now - 120.0)
    assert play.found() == ["target:t4"]
    assert len(play.engine.tracker.remembered("connection", play.now - 90.0)) >= 40
    times = [each.since for each in play.engine.tracker.events]
    assert times == sorted(times)


def test_another_interval_changes_what_is_remembered() -> None:
    play = Play(fleet(interval=30.0))
    assert play.engine.tracker.memory_seconds == 300.0
    play.engine.arrange(fleet(interval=60.0))
    assert (play.engine.tracker.interval, play.engine.tracker.memory_seconds) == (60.0, 600.0)


def test_agents_that_are_silent_for_long_do_not_make_three_more_our_own_telemetry() -> None:
    play = Play(fleet(networks=10, per_network=1))
    names = list(play.topology.agents)
    for number, name in enumerate(names[:3]):
        play.engine.gone(name, BEGIN + number)
    for number, name in enumerate(names[3:8], 1):
        play.engine.gone(name, BEGIN + 3600.0 * number)
    assert all(not each.startswith("telemetry") for each in play.found())


def test_with_some_agents_silent_for_long_losing_all_others_is_our_own_telemetry() -> None:
    play = Play(fleet(networks=10, per_network=1))
    names = list(play.topology.agents)
    for number, name in enumerate(names):
        play.engine.gone(name, BEGIN if number < 4 else BEGIN + 3600.0)
    assert "telemetry:broker" in play.found()


def test_many_silent_agents_of_many_networks_cost_little() -> None:
    index = Index(fleet(networks=100, per_network=10, targets=1))
    silence = Silence()
    for number, agent in enumerate(random.Random(1).sample(range(1000), 300)):
        silence.since[index.agents[agent]] = BEGIN + number
    for agent in range(1000):
        index.set_present(agent, is_present=index.agents[agent] not in silence.since)
    began = time.thread_time()
    found = silence.findings(index, BEGIN)
    assert time.thread_time() - began < 1.0  # some hundredths
    assert sum(len(each.agents) for each in found) == 300


def test_a_new_topology_does_not_mistake_one_check_for_another_when_asking() -> None:
    play = Play(fleet(networks=8, targets=3))
    play.fail([("a0-0", "t1:ipv4")])
    play.look()
    wider = fleet(networks=8, targets=6)
    moved = {name: wider.checks[name] for name in sorted(wider.checks, reverse=True)}
    play.engine.arrange(replace(wider, checks=moved))
    play.look()
    play.fail([("a3-0", name) for name in moved if name.startswith("t4:") or name == "t1:ipv4"])
    play.now = max(play.now, play.engine.next_at or 0.0)
    asked = {check for each in play.engine.decide(play.now).questions for check in each.checks}
    assert {"t4:ipv4", "t4:ipv6"} <= asked
    assert "t1:ipv4" not in {
        check
        for each in play.engine.decide(play.now).questions
        for check in each.checks
        if each.agent != "a3-0"
    }


@pytest.mark.parametrize(("networks", "targets", "noise"), [(5, 12, 0.1), (3, 20, 0.05), (15, 12, 0.05)])
def test_what_fails_now_and_then_everywhere_since_we_look_is_no_incident(
    networks: int, targets: int, noise: float
) -> None:
    chance = random.Random(1)
    play = Play(fleet(networks=networks, targets=targets))
    for _ in range(40):
        for probes in (play.probes()[start::10] for start in range(10)):
            for probe in probes:
                if chance.random() < noise:
                    play.flake([probe], "dns.timeout" if ":dns" in probe[1] else "tcp.timeout")
            assert play.found(3.0) == []
    assert not play.engine.incidents.all


def test_a_partial_fault_that_was_there_first_is_found_and_not_taken_for_noise() -> None:
    chance = random.Random(1)
    play = Play(fleet(networks=10))
    for _ in range(12):
        play.flake(probe for n in (3, 4, 5) for probe in play.probes(f"t{n}:ipv") if chance.random() < 0.3)
        found = play.found(30.0)
    assert found == ["provider:p1"]


def _fails_by_chance(play: Play, share: float, rounds: int, seed: int) -> set[str]:
    chance = random.Random(seed)
    found: set[str] = set()
    for _ in range(rounds):
        play.flake(each for each in play.probes() if ":ipv" in each[1] and chance.random() < share)
        found |= set(play.found(play.topology.checks["t1:ipv4"].interval))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_more_noise_everywhere_is_no_fault_of_anything(seed: int) -> None:
    play = Play(fleet(networks=4, targets=9))
    play.recover(play.probes())
    assert _fails_by_chance(play, 0.01, 30, seed) == set()
    assert _fails_by_chance(play, 0.05, 30, seed) == set()


def test_a_third_of_everything_that_fails_is_told() -> None:
    play = Play(fleet(networks=4, targets=9))
    play.recover(play.probes())
    assert _fails_by_chance(play, 0.01, 30, 1) == set()
    assert _fails_by_chance(play, 0.3, 3, 1)


def test_a_third_of_everything_is_told_also_where_nothing_was_ever_measured() -> None:
    play = Play(fleet(networks=4, targets=9))
    assert _fails_by_chance(play, 0.4, 3, 1)


def test_when_everything_fails_what_holds_most_is_named_and_not_what_failed_first() -> None:
    play = Play(fleet())
    probes = play.probes()
    random.Random(2).shuffle(probes)
    named: set[str] = set()
    for start in range(30):
        for probe in probes[start::30]:
            play.fail([probe], "dns.timeout" if ":dns" in probe[1] else "tcp.timeout")
        play.look(1.0)
        if start >= 15:
            named |= {str(each.component) for each in play.engine.incidents.open()}
    assert named <= {"tld:com", "vantage_network:net-0+net-1+net-2+net-3+net-4"}
    assert len(play.engine.incidents.open()) == 1
    assert play.engine.incidents.open()[0].severity == "page"


def test_hourly_checks_do_not_hide_a_partial_fault_of_frequent_ones() -> None:
    base = fleet(networks=10)
    slow = {
        name: replace(traits, interval=traits.interval if int(name[1:].split(":")[0]) < 5 else 3600.0)
        for name, traits in base.checks.items()
    }
    chance = random.Random(1)
    play = Play(replace(base, checks=slow))
    play.recover(play.probes())
    play.look(7200.0)
    for _ in range(12):
        play.flake(probe for n in (3, 4) for probe in play.probes(f"t{n}:ipv") if chance.random() < 0.3)
        found = play.found(30.0)
    assert found == ["provider:p1"]


def test_repeats_and_answers_are_no_sample_of_how_often_it_fails() -> None:
    play = Play(fleet())
    for attempt, asked in ((1, False), (2, False), (1, True), (2, True)):
        play.say("a0-0", "t4:ipv4", "tcp.timeout", attempt=attempt, asked=asked)
    assert len(play.engine.tracker.events) == 1
