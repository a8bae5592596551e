"""When a fault that shows now and then is over, and that one which is over is not told again."""

import random

from msgspec.structs import replace

from vedette_collector.verdicts.evidence import Share
from verdicts.fleet_helpers import Play, fleet

P1 = ("t3:ipv", "t4:ipv", "t5:ipv")
P4 = ("t12:ipv", "t13:ipv", "t14:ipv")


def _found_beside(play: Play) -> set[str]:
    """What is found while another provider fails now and then, so that one looks back."""
    chance = random.Random(2)
    found: set[str] = set()
    for _ in range(5):
        play.flake(probe for each in P4 for probe in play.probes(each) if chance.random() < 0.5)
        found |= set(play.found(8.0))
    return found


def test_failures_while_a_fault_was_known_do_not_make_it_a_partial_one_when_it_is_over() -> None:
    play = Play(fleet(targets=24))
    for _ in range(6):
        for each in P1:
            play.fail(play.probes(each))
        assert play.found(20.0) == ["provider:p1"]
    for each in P1:
        play.recover(play.probes(each))
    found = _found_beside(play)
    assert "provider:p4" in found
    assert "provider:p1" not in found


def test_failures_before_a_fault_was_known_do_not_make_it_a_partial_one_when_it_is_over() -> None:
    play = Play(fleet(targets=24))
    for _ in range(2):
        for each in P1:
            play.fail(play.probes(each), times=1)
        play.now += 20.0
    assert play.found() == ["provider:p1"]
    for each in P1:
        play.recover(play.probes(each))
    found = _found_beside(play)
    assert "provider:p4" in found
    assert "provider:p1" not in found


def test_what_fails_rarely_is_not_over_sooner_than_it_would_fail_again() -> None:
    """12 of 40 results: one in 25 s. Three times that without any is chance."""
    play = Play(fleet(networks=2, per_network=1))
    play.recover(play.probes())
    play.look(400.0)
    probes = play.probes("t4:ipv")
    for number in range(12):
        play.flake([probes[number % 4]])
        play.look(25.0)
    play.look(40.0)
    found = play.finding("target:t4")
    assert (found.of_attempts, found.inside) == (True, Share(10, 40))


def test_a_fault_that_failed_for_long_is_over_when_nothing_failed_for_two_intervals() -> None:
    """Before it has left the shorter window, in which it lasted long enough to be told."""
    chance = random.Random(7)
    play = Play(fleet(networks=10, interval=60.0))
    play.recover(play.probes())
    play.look(600.0)
    for _ in range(96):
        play.flake(probe for each in P1 for probe in play.probes(each) if chance.random() < 0.03)
        found = play.found(5.0)
    assert found == ["provider:p1"]
    assert play.found(130.0) == []


def test_what_has_just_begun_again_is_known_from_before() -> None:
    """Its newest failures are of one moment; with those of two minutes ago they are not."""
    play = Play(fleet(networks=10))
    play.recover(play.probes())
    play.look(400.0)
    play.flake(probe for each in P1 for probe in play.probes(each)[::2])
    assert play.found() == []
    assert play.found(120.0) == []
    play.flake(probe for each in P1 for probe in play.probes(each)[1::2])
    assert play.found() == ["provider:p1"]


def test_what_is_probed_seldom_is_told_in_a_fleet_that_probes_often() -> None:
    """The memory of this fleet is shorter than half of the interval of one target."""
    base = fleet(networks=20, interval=10.0)
    seldom = {
        name: replace(each, interval=300.0) for name, each in base.checks.items() if name.startswith("t7:ipv")
    }
    play = Play(replace(base, checks=base.checks | seldom))
    play.recover(play.probes())
    play.look(400.0)
    assert play.engine.tracker.memory_seconds < 150.0
    probes = play.probes("t7:ipv")
    random.Random(1).shuffle(probes)
    said = set()
    for number in range(40):
        play.flake(probes[2 * number : 2 * number + 2])
        said |= set(play.found(7.5))
    assert said == {"target:t7"}


def test_two_probes_are_insufficient_however_long_they_fail() -> None:
    base = fleet(targets=24)
    assigned = {name: agents for name, agents in base.assigned.items() if not name.startswith("t7:")}
    play = Play(replace(base, assigned={**assigned, "t7:ipv4": ("a0-0", "a1-0")}))
    chance = random.Random(1)
    said: set[tuple[str, str]] = set()
    for _ in range(10):
        play.fail([("a0-0", "t7:ipv4"), ("a1-0", "t7:ipv4")], "http.status")
        play.flake(probe for each in P4 for probe in play.probes(each) if chance.random() < 0.4)
        said |= {(str(each.component), each.certainty) for each in play.look(30.0).findings}
    assert said == {("provider:p4", "certain"), ("target:t7", "insufficient")}
