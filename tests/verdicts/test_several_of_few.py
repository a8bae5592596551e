"""Of a few targets several fail, and no single one stands out: it is they, and not what all of them share."""

import random

import pytest
from msgspec.structs import replace

from verdicts.fleet_helpers import Play, fleet


def _calm(targets: int) -> Play:
    play = Play(fleet(networks=4, per_network=1, targets=targets))
    play.recover(play.probes())
    play.look(60.0)
    return play


def _fail_in_turn(play: Play, names: tuple[str, ...], seed: int) -> None:
    left = [each for name in names for each in play.probes(f"{name}:ipv")]
    random.Random(seed).shuffle(left)
    for probe in left:
        play.fail([probe])
        play.look(30.0 / len(left))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("names", "of"), [(("t0", "t1"), 3), (("t0", "t1"), 4), (("t0", "t3"), 5), (("t0", "t3", "t6"), 8)]
)
def test_several_targets_are_told_one_by_one(names: tuple[str, ...], of: int, seed: int) -> None:
    play = _calm(of)
    _fail_in_turn(play, names, seed)
    assert play.found(60.0) == [f"target:{name}" for name in names]


@pytest.mark.parametrize("of", [3, 4])
def test_it_is_they_whatever_they_fail_with(of: int) -> None:
    play = _calm(of)
    play.fail(play.probes("t0:ipv"), "tcp.refused")
    play.fail(play.probes("t1:ipv"), "tls.expired")
    first = play.engine.decide(play.now)
    assert sorted(str(each.component) for each in first.findings) == ["target:t0", "target:t1"]
    assert [each.rivals for each in first.findings] == [(), ()]


def test_four_probes_of_each_are_enough() -> None:
    whole = fleet(networks=4, per_network=1, targets=3)
    checks = {name: traits for name, traits in whole.checks.items() if name.endswith(":ipv4")}
    play = Play(replace(whole, checks=checks, assigned={name: whole.assigned[name] for name in checks}))
    play.recover(play.probes())
    play.look(60.0)
    play.fail(play.probes("t0") + play.probes("t1"))
    assert play.found(30.0) == ["target:t0", "target:t1"]


@pytest.mark.parametrize("seed", range(5))
def test_several_that_fail_now_and_then_are_told_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    play = _calm(4)
    probes = [probe for name in ("t0", "t1", "t3") for probe in play.probes(f"{name}:ipv")]
    for _ in range(8):
        play.flake(probe for probe in probes if chance.random() < 0.7)
        assert set(play.found(30.0)) <= {"target:t0", "target:t1", "target:t3"}
    assert play.found() == ["target:t0", "target:t1", "target:t3"]


@pytest.mark.parametrize("seed", range(4))
def test_they_stay_so_while_they_get_better(seed: int) -> None:
    """They stand out by less and less, and it is no fault of all for that."""
    play = _calm(3)
    _fail_in_turn(play, ("t0", "t1"), seed)
    play.look(60.0)
    left = play.probes("t0:ipv") + play.probes("t1:ipv")
    random.Random(seed).shuffle(left)
    for probe in left[:9]:
        play.recover([probe])
        assert set(play.found(2.0)) <= {"target:t0", "target:t1"}


def test_a_few_that_are_left_are_still_one_of_them() -> None:
    """4 and 2 of 6 probes: too few to say that the third target works, and what was blamed goes on."""
    play = Play(fleet(networks=3, per_network=1, targets=3))
    play.recover(play.probes())
    play.look(60.0)
    play.fail(play.probes("t0:ipv") + play.probes("t1:ipv"))
    play.look()
    play.recover(play.probes("t0:ipv")[:2] + play.probes("t1:ipv")[:4])
    assert play.found() == ["target:t0"]


def test_all_of_them_stays_so_while_one_gets_better() -> None:
    play = _calm(3)
    play.fail(probe for probe in play.probes() if ":ipv" in probe[1])
    assert play.found(60.0) == ["provider:p0"]
    play.recover(play.probes("t2:ipv")[:3])
    play.look(5.0)
    assert play.found() == ["provider:p0"]


@pytest.mark.parametrize("name", ["t0", "t1"])
def test_a_group_of_targets_that_is_most_of_all_stays_a_group(name: str) -> None:
    """One of its four works mostly."""
    play = _calm(5)
    play.fail(probe for number in range(4) for probe in play.probes(f"t{number}:ipv"))
    assert play.found() == ["target:t0+t1+t2+t3"]
    play.recover(play.probes(f"{name}:ipv")[:6])
    assert play.found(5.0) == ["target:t0+t1+t2+t3"]


def test_where_all_targets_fail_it_is_what_they_share() -> None:
    play = _calm(3)
    _fail_in_turn(play, ("t0", "t1", "t2"), 1)
    assert play.found(30.0) == ["provider:p0"]


def test_where_all_fail_now_and_then_it_is_what_they_share() -> None:
    """Some targets happen to have more failures than others."""
    play = _calm(6)
    chance = random.Random(3)
    for _ in range(8):
        play.flake(probe for probe in play.probes() if ":ipv" in probe[1] and chance.random() < 0.4)
        play.look(20.0)
    assert play.found() == [f"target:{'+'.join(f't{number}' for number in range(6))}"]


def test_as_long_as_the_others_had_no_turn_nothing_is_told() -> None:
    """Two of three targets fail when asked for, from everywhere; nobody asked for the third."""
    play = _calm(3)
    for name in ("t0", "t1"):
        for agent, check in play.probes(f"{name}:ipv")[:6]:
            for attempt in (1, 2):
                play.say(agent, check, "tcp.timeout", asked=True, attempt=attempt)
    assert play.found() == []
