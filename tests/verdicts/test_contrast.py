"""What a narrower component leaves out is healthy only as far as it was probed since the fault began.

A target fails over IPv4; whether that is all of it is what its probes over IPv6 say, or do not say.
"""

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.contrast import is_contrast
from vedette_collector.verdicts.sample import Candidate
from vedette_collector.verdicts.score import DEFAULTS
from verdicts.contrast_helpers import (
    NOISE,
    fail_when_asked,
    is_ipv4_alone,
    one_sees_it_and_others_are_asked,
    sixteen,
    with_ports,
    work_when_asked,
)
from verdicts.fleet_helpers import Play, fleet


@pytest.mark.parametrize(
    ("group", "left", "is_told"),
    [
        ((17, 64), (1, 32), True),
        ((6, 20), (1, 20), False),
        ((4, 4), (0, 4), False),
        ((20, 40), (0, 12), True),
        ((60, 64), (20, 64), False),  # too many to be left out
        ((170, 640), (1, 28), False),  # six and more are missing, and that may be chance
    ],
)
def test_what_is_left_out_was_seen_healthy_often_enough(
    group: tuple[int, int], left: tuple[int, int], is_told: bool
) -> None:
    """Of first attempts, each of which had its turn."""
    play = sixteen()
    sample = play.sample()
    sample.around = None
    inside = Candidate(((1,),), *group, 0.0, 0.0)
    whole = Candidate(((2,),), group[0] + left[0], float(group[1] + left[1]), 0.0, 0.0)
    assert is_contrast(sample, whole, inside, NOISE, DEFAULTS) is is_told


def test_what_failed_in_its_turn_says_that_others_would_have() -> None:
    play = sixteen()
    play.fail(play.probes("t4:ipv4")[:13])
    assert is_ipv4_alone(play)


def test_what_failed_when_it_was_asked_for_says_nothing_of_what_was_not() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    assert not is_ipv4_alone(play)
    play.now += 20.0
    play.fail(play.probes("t4:ipv4")[1:13])  # in their own turns
    assert is_ipv4_alone(play)


def test_the_first_headline_is_no_narrower_than_what_was_probed() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    assert play.found() == ["target:t4"]


def test_what_works_when_it_is_asked_for_is_healthy() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    assert is_ipv4_alone(play)


def test_what_failed_when_it_was_asked_for_is_not() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    fail_when_asked(play, play.probes("t4:ipv6")[6:11])
    assert not is_ipv4_alone(play)


@pytest.mark.parametrize("lasting", [False, True])
def test_what_worked_before_it_began_says_nothing(lasting: bool) -> None:
    """That one probe fails for an hour does not make it older."""
    play = sixteen()
    if lasting:
        play.fail(play.probes("t4:ipv4")[-1:])
        play.now += 3600.0
    work_when_asked(play, 6)
    play.now += 5.0
    one_sees_it_and_others_are_asked(play)
    assert not is_ipv4_alone(play)


def test_what_failed_once_may_fail_again() -> None:
    play = sixteen()
    play.fail(play.probes("t4:ipv4")[:13])
    play.fail(play.probes("t4:ipv6")[:6], times=1)
    assert not is_ipv4_alone(play)
    play.recover(play.probes("t4:ipv6")[:6])
    assert is_ipv4_alone(play)


def test_what_failed_once_when_it_was_asked_for_may_fail_again() -> None:
    play = sixteen()
    play.fail(play.probes("t4:ipv4")[:13])
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.say(agent, check, "tcp.timeout", asked=True)
    assert not is_ipv4_alone(play)


@pytest.mark.parametrize("way", ["asked", "failed once"])
def test_of_many_that_are_left_out_few_that_may_fail_count(way: str) -> None:
    """They are no quarter of what failed; but of those that were probed they are half."""
    play = with_ports(2)
    own, asked = (1, 6) if way == "asked" else (5, 0)
    one_sees_it_and_others_are_asked(play, own, asked)
    work_when_asked(play, 3)
    assert is_ipv4_alone(play)
    others = play.probes("t4:ipv6")[3:6]
    if way == "asked":
        for agent, check in others:
            play.engine.asked(agent, [check], play.now)
    else:
        play.fail(others[:2], times=1)
    assert not is_ipv4_alone(play)


def test_what_was_asked_for_is_not_among_those_that_wait_for_their_turn() -> None:
    play = sixteen()
    fail_when_asked(play, play.probes("t4:ipv4")[:10])
    play.fail(play.probes("t4:ipv4")[10:13])
    assert is_ipv4_alone(play)  # 3 of 6 and 0 of 16


@pytest.mark.parametrize("worked", [0, 1, 6])
def test_where_nothing_in_the_group_was_asked_for_an_answer_is_a_turn(worked: int) -> None:
    play = Play(fleet(networks=3))
    play.fail(play.probes("t4:ipv4"))
    work_when_asked(play, worked)
    assert is_ipv4_alone(play)


def test_an_answer_counts_once() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play, own=2, asked=6)
    work_when_asked(play, 3)
    assert not is_ipv4_alone(play)  # 3 + 13 · 2/10 failures are missing
    work_when_asked(play, 4)
    assert is_ipv4_alone(play)


def test_what_is_seldom_probed_itself_fails_slowly() -> None:
    topology = fleet(networks=8)
    slow = replace(topology.checks["t4:ipv4"], interval=300.0)
    play = Play(replace(topology, checks=topology.checks | {"t4:ipv4": slow}))
    play.fail(play.probes("t4:ipv4")[:4])
    play.now += 30.0
    assert is_ipv4_alone(play)


def test_what_is_probed_more_seldom_had_less_of_a_chance_to_fail() -> None:
    topology = fleet(networks=8)
    slow = replace(topology.checks["t4:ipv6"], interval=300.0)
    play = Play(replace(topology, checks=topology.checks | {"t4:ipv6": slow}))
    play.fail(play.probes("t4:ipv4")[:13])
    play.now += 30.0
    assert not is_ipv4_alone(play)
    play.now += 240.0  # nine of ten had their turn
    assert is_ipv4_alone(play)


def test_of_few_failures_the_rate_is_not_known() -> None:
    """Three of sixteen that all happen to be the ones are no rarity: four checks, and all of them fail."""
    play = with_ports(2)
    play.fail(play.probes("t4:ipv4")[:3])
    assert not is_ipv4_alone(play)
    play.fail(play.probes("t4:ipv4")[3:5])
    assert is_ipv4_alone(play)
