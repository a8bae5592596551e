"""Which component is named: ten agents in five networks, twelve targets of four providers."""

import random

import pytest

from vedette_collector.verdicts.component import Entity, Kind
from verdicts.fleet_helpers import Play, fleet


def test_nothing_is_said_while_nothing_fails() -> None:
    play = Play(fleet())
    play.recover(play.probes())
    assert play.found(300.0) == []
    assert play.engine.watched == set()


def test_one_probe_that_fails_for_ever_is_no_incident() -> None:
    play = Play(fleet())
    for _ in range(20):
        play.fail([("a0-0", "t1:ipv4")])
        assert {each.certainty for each in play.look(30.0).findings} <= {"insufficient"}
    assert not play.engine.incidents.all


def test_a_target_that_nobody_reaches_is_named_and_not_its_provider() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    assert play.found() == ["target:t4"]
    found = play.finding("target:t4")
    assert (found.inside.failed, found.inside.total, found.certainty) == (20, 20, "certain")
    assert found.outside.failed == 0
    assert found.outside.total == 11 * 20
    assert Entity(Kind.PROVIDER, "p1") in {each.entity for each in found.exonerated}


def test_a_provider_is_named_when_all_its_targets_fail() -> None:
    play = Play(fleet())
    for target in ("t3", "t4", "t5"):
        play.fail(play.probes(f"{target}:ipv"))
    assert play.found() == ["provider:p1"]


def test_two_of_three_targets_are_named_and_the_provider_is_not() -> None:
    play = Play(fleet())
    for target in ("t3", "t4"):
        play.fail(play.probes(f"{target}:ipv"))
    assert play.found() == ["target:t3+t4 & provider:p1"]


def test_names_that_one_authority_serves_blame_the_authority() -> None:
    play = Play(fleet())
    for target in ("t4", "t5"):
        play.fail(play.probes(f"{target}:dns"), "dns.servfail")
    assert play.found() == ["authority_dns:auth-2"]


def test_a_resolver_that_answers_nobody_is_named_and_no_target() -> None:
    play = Play(fleet())
    play.fail([probe for probe in play.probes() if probe[1].endswith(":res-2")], "dns.timeout")
    assert play.found() == ["resolver:res-2"]


def test_the_resolver_of_a_host_is_known_by_its_agents() -> None:
    play = Play(fleet())
    play.fail([probe for probe in play.probes(agent="a3") if probe[1].endswith(":own")], "dns.timeout")
    assert play.found() == ["resolver:own-3"]


def test_a_network_that_reaches_nothing_is_named_and_no_target() -> None:
    play = Play(fleet())
    play.fail([probe for probe in play.probes(agent="a2") if ":ipv" in probe[1]])
    assert play.found() == ["vantage_network:net-2"]


def test_a_target_that_one_network_cannot_reach_names_both() -> None:
    play = Play(fleet())
    play.fail(play.probes("t7:ipv", "a1"), "http.status")
    assert play.found() == ["target:t7 & vantage_network:net-1"]


def test_networks_that_fail_alike_are_a_group() -> None:
    play = Play(fleet(networks=8))
    play.fail(play.probes("t7:ipv", "a1") + play.probes("t7:ipv", "a4"), "http.status")
    assert play.found() == ["target:t7 & vantage_network:net-1+net-4"]


def test_one_family_of_a_provider() -> None:
    play = Play(fleet())
    play.fail([probe for n in (3, 4, 5) for probe in play.probes(f"t{n}:ipv6")])
    assert play.found() == ["provider:p1 & address_family:ipv6"]


def test_two_faults_at_once_are_two_findings() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    play.fail([probe for probe in play.probes() if probe[1].endswith(":res-1")], "dns.timeout")
    assert play.found() == ["resolver:res-1", "target:t4"]


def test_answers_to_questions_are_enough_to_look_at_everything() -> None:
    """They are no sample of how often something fails, but they say that it fails now."""
    play = Play(fleet())
    for agent, check in play.probes("t4:ipv"):
        for attempt in (1, 2):
            play.say(agent, check, "tcp.timeout", attempt=attempt, asked=True)
    assert play.found(1.0) == ["target:t4"]


def test_two_faults_of_one_track_are_explained_one_after_the_other() -> None:
    play = Play(fleet(targets=24))
    play.fail(play.probes("t4:ipv"))
    play.fail(play.probes("t20:ipv"))
    assert play.found() == ["target:t20", "target:t4"]


def test_a_transit_that_pairs_share_is_named_and_neither_end() -> None:
    base = fleet()
    pairs: dict[tuple[str, str], tuple[Entity, ...]] = {
        (agent, check): (
            Entity(Kind.TRANSIT, f"AS{(len(agent) + ord(agent[1]) * 7 + ord(check[1]) * 3) % 4}"),
        )
        for check in base.checks
        if ":ipv" in check
        for agent in base.agents
    }
    play = Play(fleet(pairs=pairs))
    play.fail([probe for probe, through in pairs.items() if through[0].name == "AS2"])
    assert play.found() == ["transit:AS2"]


def test_what_is_slow_is_a_track_of_its_own() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"), "http.slow")
    assert play.found() == ["target:t4"]
    assert play.finding("target:t4").track == "slow"


def test_a_certificate_chain_is_blamed_for_failures_of_tls_alone() -> None:
    def more(number: int) -> list[Entity]:
        # Over providers and authorities, so that nothing else is shared.
        return [Entity(Kind.CA_CHAIN, "old" if number in (1, 5, 9) else "new")]

    tls, tcp = Play(fleet(more=more)), Play(fleet(more=more))
    probes = [probe for n in (1, 5, 9) for probe in tls.probes(f"t{n}:ipv")]
    tls.fail(probes, "tls.untrusted")
    tcp.fail(probes, "tcp.timeout")
    assert tls.found() == ["ca_chain:old"]
    assert "ca_chain:old" not in tcp.found()


def test_a_name_that_does_not_resolve_says_nothing_of_what_answers() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.HOST_CLASS, "odd" if number in (1, 5, 9) else "even")]

    play = Play(fleet(more=more))
    play.fail([probe for n in (1, 5, 9) for probe in play.probes(f"t{n}:dns")], "dns.servfail")
    assert not any("host_class" in each for each in play.found())


@pytest.mark.parametrize("share", [0.25, 0.4, 0.6])
def test_a_partial_fault_is_found_by_its_rate(share: float) -> None:
    chance = random.Random(5)
    play = Play(fleet(networks=10))
    for _ in range(6):
        for probe in play.probes():
            if ":ipv" in probe[1] and probe[1].startswith(("t3:", "t4:", "t5:")) and chance.random() < share:
                play.flake([probe]) if chance.random() > share else play.fail([probe])
            elif chance.random() < 0.01:
                play.flake([probe])
            else:
                play.recover([probe])
        found = play.found(30.0)
    assert found == ["provider:p1"]
    assert play.finding("provider:p1").is_partial


def test_a_partial_fault_that_never_fails_twice_is_found_over_some_intervals() -> None:
    chance = random.Random(7)
    play = Play(fleet(networks=10))
    play.recover(play.probes())
    play.look(300.0)
    for _ in range(8):
        play.flake(probe for n in (3, 4, 5) for probe in play.probes(f"t{n}:ipv") if chance.random() < 0.2)
        found = play.found(30.0)
    assert found == ["provider:p1"]


def test_a_partial_fault_that_ended_is_not_told_for_long() -> None:
    chance = random.Random(7)
    play = Play(fleet(networks=10))
    for _ in range(8):
        play.flake(probe for n in (3, 4, 5) for probe in play.probes(f"t{n}:ipv") if chance.random() < 0.2)
        play.look(30.0)
    assert play.found(10.0) == ["provider:p1"]
    assert play.found(90.0) == []


def test_a_large_component_that_fails_hardly_more_than_the_rest_is_no_finding() -> None:
    chance = random.Random(3)
    play = Play(fleet(networks=40, per_network=4))
    for _ in range(4):
        for probe in play.probes():
            if probe[1].endswith(":res-1") and chance.random() < 0.015:
                play.fail([probe], "dns.timeout")
            else:
                play.recover([probe])
        assert play.found(30.0) == []


def test_what_was_not_seen_healthy_is_not_left_out() -> None:
    """Two probes of a second class that happen to be late do not make the first class the culprit."""

    def more(number: int) -> list[Entity]:
        return []

    play = Play(fleet(networks=6, more=more))
    late = play.probes("t4:ipv", "a5-1")
    play.fail([probe for probe in play.probes("t4:ipv") if probe not in late])
    assert play.found() == ["target:t4"]


def test_two_networks_of_targets_that_go_dark_together_are_a_group() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.PROVIDER_NETWORK, f"AS{number // 2}")]

    play = Play(fleet(targets=24, more=more))
    for number in (4, 5, 14, 15):
        play.fail(play.probes(f"t{number}:ipv"))
    assert play.found() == ["provider_network:AS2+AS7"]


def test_failures_of_a_fault_that_is_over_are_no_part_of_the_next() -> None:
    play = Play(fleet(targets=24))
    for _ in range(6):
        for number in (3, 4, 5):
            play.fail(play.probes(f"t{number}:ipv"))
        assert play.found(30.0) == ["provider:p1"]
    for number in (3, 4, 5):
        play.recover(play.probes(f"t{number}:ipv"))
    play.look(20.0)
    chance = random.Random(2)
    for _ in range(4):
        play.flake(probe for n in (12, 13, 14) for probe in play.probes(f"t{n}:ipv") if chance.random() < 0.3)
        found = play.found(30.0)
    assert found == ["provider:p4"]


def test_a_product_in_one_region_names_both_and_not_its_targets_one_by_one() -> None:
    def more(number: int) -> list[Entity]:
        region = Entity(Kind.PROVIDER_REGION, f"cloud/{number % 3}")
        return [region, Entity(Kind.PRODUCT, "balancer" if number < 12 else "store")]

    play = Play(fleet(targets=24, more=more))
    for number in (1, 4, 7, 10):
        play.fail(play.probes(f"t{number}:ipv"))
    assert play.found() == ["product:balancer & provider_region:cloud/1"]
    assert play.finding("product:balancer & provider_region:cloud/1").alternatives == ()


def test_one_that_fails_and_one_that_fails_now_and_then_are_no_group() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.PROVIDER_NETWORK, f"AS{number}")]

    topology = fleet(networks=10, targets=24, more=more)
    for many in range(6, 16):
        play = Play(topology)
        chance = random.Random(many)
        play.fail(chance.sample(play.probes("t4:ipv"), many))
        play.fail(chance.sample(play.probes("t9:ipv"), 2))
        assert not any("+" in each for each in play.found())


def test_targets_that_fail_in_different_ways_are_no_group() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.PREFIX_SET, "withdrawn")] if number in (1, 5, 9) else []

    play = Play(fleet(targets=24, more=more))
    for number in (1, 5, 9):
        play.fail(play.probes(f"t{number}:ipv"), "tcp.timeout")
    play.fail(play.probes("t16:ipv"), "http.status")
    assert play.found() == ["prefix_set:withdrawn", "target:t16"]


def test_targets_of_one_provider_that_fail_in_different_ways_are_no_group_either() -> None:
    def more(number: int) -> list[Entity]:
        own = [Entity(Kind.PREFIX_SET, "withdrawn")] if number in (1, 5, 9) else []
        return [Entity(Kind.PROVIDER_REGION, "edge/all" if number < 16 else "other/all"), *own]

    play = Play(fleet(targets=24, more=more))
    for number in (1, 5, 9):
        play.fail(play.probes(f"t{number}:ipv"), "tcp.timeout")
    play.fail(play.probes("t12:ipv"), "http.status")
    assert play.found() == ["prefix_set:withdrawn", "target:t12"]


def test_control_planes_of_different_providers_are_nothing_in_common() -> None:
    def more(number: int) -> list[Entity]:
        return [
            Entity(Kind.PROVIDER_REGION, f"cloud-{number % 4}/west"),
            Entity(Kind.PLANE, "control" if number < 8 else "data"),
        ]

    play = Play(fleet(targets=24, more=more))
    for number in range(8):
        play.fail(play.probes(f"t{number}:ipv"))
    assert not any(each.startswith("plane:") for each in play.found())
    one = Play(fleet(targets=24, more=more))
    for number in (1, 5):
        one.fail(one.probes(f"t{number}:ipv"))
    assert one.found() == ["plane:control & provider_region:cloud-1/west"]


def test_what_the_newest_results_tell_is_not_counted_again_in_longer_windows() -> None:
    play = Play(fleet(networks=10))
    for _ in range(8):
        play.fail(play.probes("t4:ipv")[::5])
        play.flake(play.probes("t9:ipv")[::4])
        play.look(30.0)
    found = play.finding("target:t4")
    assert dict(found.codes) == {"tcp.timeout": found.inside.failed}
    assert any("target:t9" in each for each in play.found())  # which only the longer windows tell
