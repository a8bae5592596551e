"""Which agents fell silent together, and whose fault that is."""

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.severity import severity
from verdicts.fleet_helpers import BEGIN, Play, fleet


def _silent(play: Play, *names: str, at: float = BEGIN) -> None:
    for name in names:
        play.engine.gone(name, at)


def _names(play: Play) -> list[tuple[str, str]]:
    return sorted((str(each.component), each.certainty) for each in play.look().findings)


def test_a_network_whose_agents_all_fall_silent() -> None:
    play = Play(fleet(networks=8))
    _silent(play, "a3-0", "a3-1")
    assert _names(play) == [("vantage_network:net-3", "certain")]
    found = play.finding("vantage_network:net-3")
    assert (found.track, found.inside.failed, found.inside.total) == ("silence", 2, 2)
    assert (found.outside.failed, found.outside.total) == (0, 14)


def test_networks_that_fall_silent_together_are_one_finding() -> None:
    play = Play(fleet(networks=10))
    _silent(play, "a3-0", "a3-1")
    _silent(play, "a6-0", "a6-1", at=BEGIN + 20)
    assert _names(play) == [("vantage_network:net-3+net-6", "certain")]


def test_networks_that_fall_silent_at_other_times_are_two() -> None:
    play = Play(fleet(networks=10))
    _silent(play, "a3-0", "a3-1")
    _silent(play, "a6-0", "a6-1", at=BEGIN + 600)
    assert _names(play) == [("vantage_network:net-3", "certain"), ("vantage_network:net-6", "certain")]


def test_one_agent_is_that_agent() -> None:
    play = Play(fleet(networks=8))
    _silent(play, "a3-0")
    assert _names(play) == [("agent:a3-0", "certain")]


def test_many_agents_that_share_nothing_are_one_finding() -> None:
    play = Play(fleet(networks=12))
    _silent(play, "a1-0", "a4-1", "a6-0")
    assert [name for name, _ in _names(play)] == ["agent:a1-0", "agent:a4-1", "agent:a6-0"]
    _silent(play, "a9-1")
    assert _names(play) == [("agent:a1-0+a4-1+a6-0+a9-1", "certain")]
    play.look(300.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["ticket"]
    play.engine.back("a4-1", play.now)
    assert [name for name, _ in _names(play)] == ["agent:a1-0", "agent:a6-0", "agent:a9-1"]
    play.look(300.0)
    assert len(play.engine.incidents.open()) == 1


def test_a_network_that_comes_back_agent_by_agent_keeps_its_name() -> None:
    play = Play(fleet(networks=8, per_network=12, targets=2))
    agents = [f"a3-{number}" for number in range(12)]
    _silent(play, *agents)
    assert _names(play) == [("vantage_network:net-3", "certain")]
    play.look(60.0)
    for name in agents[:-1]:
        play.engine.back(name, play.now)
        assert [name for name, _ in _names(play)] == ["vantage_network:net-3"]
        play.look(20.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["page"]


def test_an_agent_of_a_network_that_was_silent_is_that_network_and_hides_no_others() -> None:
    play = Play(fleet(networks=12, per_network=3))
    _silent(play, "a1-0", "a1-1", "a1-2")
    assert _names(play) == [("vantage_network:net-1", "certain")]
    for name in ("a1-0", "a1-1", "a1-2"):
        play.engine.back(name, play.now)
    play.look(600.0)
    _silent(play, "a1-0", "a4-1", "a6-0", "a9-1", "a11-0", at=play.now)
    assert [name for name, _ in _names(play)] == ["agent:a11-0+a4-1+a6-0+a9-1", "vantage_network:net-1"]


def test_four_of_a_thousand_agents_may_have_stopped_by_chance() -> None:
    play = Play(fleet(networks=500, targets=1))
    _silent(play, "a1-0", "a4-1", "a6-0", "a9-1")
    assert [name for name, _ in _names(play)] == ["agent:a1-0", "agent:a4-1", "agent:a6-0", "agent:a9-1"]
    _silent(play, "a11-0")
    assert len(_names(play)) == 1


def test_the_only_agent_of_a_network_may_be_its_network() -> None:
    play = Play(fleet(networks=8, per_network=1))
    _silent(play, "a3-0")
    assert _names(play) == [("agent:a3-0", "ambiguous")]
    assert [str(each) for each in play.finding("agent:a3-0").alternatives] == ["vantage_network:net-3"]


def _one_network() -> Play:
    """It is the only one in its region; there are more networks than regions."""
    play = Play(fleet(networks=3, per_network=4, more=lambda n: [Entity(Kind.PROVIDER_NETWORK, f"net-{n}")]))
    _silent(play, *(f"a1-{number}" for number in range(4)))
    return play


def test_a_network_with_all_agents_of_a_region_is_named_first() -> None:
    play = _one_network()
    assert _names(play) == [("vantage_network:net-1", "ambiguous")]
    assert [str(each) for each in play.finding("vantage_network:net-1").alternatives] == [
        "vantage_region:east"
    ]


def test_a_region_is_named_before_all_of_its_networks() -> None:
    play = Play(fleet(networks=4, per_network=3))
    _silent(play, *(name for name in play.topology.agents if name[1] in "13"))
    assert _names(play) == [("vantage_region:east", "ambiguous")]


@pytest.mark.parametrize(("target", "certainty"), [("t1", "certain"), ("t2", "ambiguous")])
def test_targets_that_are_dark_tell_a_network_from_its_region(target: str, certainty: str) -> None:
    """Just its target goes through the network as well, so that this is named beside it."""
    play = _one_network()
    play.fail(probe for probe in play.probes(f"{target}:ipv") if not probe[0].startswith("a1"))
    assert ("vantage_network:net-1", certainty) in _names(play)


@pytest.mark.parametrize(
    ("targets", "named"), [(("t3",), "agent:a3-0"), (("t3", "t13"), "vantage_network:net-3")]
)
def test_one_target_that_fails_makes_no_network_of_a_silent_agent(
    targets: tuple[str, ...], named: str
) -> None:
    """It may be the only one of a network in which an agent has stopped."""
    size = 10 if len(targets) > 1 else 20
    play = Play(
        fleet(
            networks=8,
            per_network=1,
            targets=20,
            more=lambda n: [Entity(Kind.PROVIDER_NETWORK, f"net-{n % size}")],
        )
    )
    _silent(play, "a3-0")
    for target in targets:
        play.fail(probe for probe in play.probes(f"{target}:ipv") if not probe[0].startswith("a3"))
    assert named in [name for name, _ in _names(play)]


def test_over_one_family_alone_no_network_is_dark() -> None:
    play = _one_network()
    play.fail(probe for probe in play.probes("t1:ipv6") if not probe[0].startswith("a1"))
    assert ("vantage_network:net-1", "ambiguous") in _names(play)


def test_when_nearly_all_are_silent_it_is_our_own_telemetry() -> None:
    play = Play(fleet(networks=8))
    _silent(play, *list(play.topology.agents)[:14])
    assert _names(play) == [("telemetry:broker", "certain")]


def test_silent_agents_are_in_no_other_denominator() -> None:
    play = Play(fleet(networks=8))
    _silent(play, "a3-0", "a3-1")
    play.fail(probe for probe in play.probes("t4:ipv") if not probe[0].startswith("a3"))
    assert play.finding("target:t4").inside.total == 28


def test_results_of_an_agent_that_fell_silent_are_forgotten() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    _silent(play, *[name for name in play.topology.agents if name != "a0-0"][:3])
    assert play.finding("target:t4").inside.total == 14


def test_an_agent_that_said_goodbye_is_no_silence() -> None:
    play = Play(fleet(networks=8))
    play.engine.stopped("a3-0")
    play.engine.stopped("a3-1")
    assert _names(play) == []


def test_an_agent_that_is_back_is_not_silent() -> None:
    play = Play(fleet(networks=8))
    _silent(play, "a3-0", "a3-1")
    play.look()
    play.engine.back("a3-0", play.now)
    play.engine.back("a3-1", play.now)
    assert _names(play) == []


def test_agents_that_were_never_heard_of_do_not_count() -> None:
    play = Play(fleet(networks=8, per_network=4))
    for name in ("a3-2", "a3-3"):
        play.engine.stopped(name)
    _silent(play, "a3-0", "a3-1")
    assert _names(play) == [("vantage_network:net-3", "certain")]
    assert play.finding("vantage_network:net-3").inside.total == 2


def test_a_part_of_a_network_is_not_the_network() -> None:
    play = Play(fleet(networks=8, per_network=10))
    _silent(play, "a3-0", "a3-1")
    assert all(component.startswith("agent:") for component, _ in _names(play))


def test_targets_in_its_network_tell_a_silent_agent_from_a_dark_network() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.PROVIDER_NETWORK, "net-3" if number in (4, 5) else f"hosting-{number % 3}")]

    play = Play(fleet(networks=8, per_network=1, more=more))
    _silent(play, "a3-0")
    play.fail(probe for n in (4, 5) for probe in play.probes(f"t{n}:ipv") if not probe[0].startswith("a3"))
    assert ("vantage_network:net-3", "certain") in _names(play)


def test_a_fifth_of_a_large_network_is_not_the_network() -> None:
    play = Play(fleet(networks=8, per_network=50, targets=1))
    _silent(play, *[f"a3-{n}" for n in range(10)])
    assert all(component.startswith("agent:") for component, _ in _names(play))


def test_two_of_three_agents_are_not_enough_for_the_network() -> None:
    play = Play(fleet(networks=8, per_network=3))
    _silent(play, "a3-0", "a3-1")
    assert [component for component, _ in _names(play)] == ["agent:a3-0", "agent:a3-1"]


def test_one_agent_of_a_network_that_was_silent_is_silent_by_the_same() -> None:
    """A network comes back bit by bit, and not every bit is a fault of its own."""
    play = Play(fleet(networks=8, per_network=3))
    _silent(play, "a3-0", "a3-1", "a3-2")
    assert _names(play) == [("vantage_network:net-3", "certain")]
    for name in ("a3-0", "a3-1", "a3-2"):
        play.engine.back(name, play.now)
    assert _names(play) == []
    _silent(play, "a3-1", at=play.now + 900)
    _silent(play, "a5-0", at=play.now + 900)
    assert _names(play) == [("agent:a5-0", "certain"), ("vantage_network:net-3", "certain")]
    found = play.finding("vantage_network:net-3")
    assert (found.inside.failed, found.inside.total, found.outside.failed) == (1, 3, 1)
    _silent(play, "a3-2", at=play.now + 2000)  # long after the other one
    assert play.finding("vantage_network:net-3").agents == ("a3-1", "a3-2")


def test_one_more_that_falls_silent_later_is_in_the_same_finding() -> None:
    play = Play(fleet(networks=8, per_network=4))
    _silent(play, "a3-0", "a3-1", "a3-2")
    assert _names(play) == [("vantage_network:net-3", "certain")]
    _silent(play, "a3-3", at=BEGIN + 200)
    assert _names(play) == [("vantage_network:net-3", "certain")]
    assert play.finding("vantage_network:net-3").inside.failed == 4


def test_one_agent_of_a_network_is_no_page_and_two_are() -> None:
    play = Play(fleet(networks=8, per_network=3))
    _silent(play, "a3-0", "a3-1", "a3-2")
    found = play.finding("vantage_network:net-3")
    extents = Extents(play.topology)
    for agents, told in ((1, "ticket"), (2, "page")):
        assert severity(replace(found, agents=found.agents[:agents]), extents) == told


def test_after_an_hour_one_agent_of_it_is_that_agent_again() -> None:
    play = Play(fleet(networks=8))
    _silent(play, "a3-0", "a3-1")
    assert _names(play) == [("vantage_network:net-3", "certain")]
    for name in ("a3-0", "a3-1"):
        play.engine.back(name, play.now)
    play.look(3700.0)
    _silent(play, "a3-1", at=play.now)
    assert _names(play) == [("agent:a3-1", "certain")]
