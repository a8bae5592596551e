"""What a narrower component leaves out is healthy only as far as it was probed since the fault began.

A target fails over IPv4; whether that is all of it is what its probes over IPv6 say, or do not say.
"""

from functools import partial

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.answers import Answers
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.contrast import is_contrast
from vedette_collector.verdicts.groups import weighed
from vedette_collector.verdicts.members import Parts
from vedette_collector.verdicts.sample import Candidate, Sample
from vedette_collector.verdicts.score import DEFAULTS
from vedette_collector.verdicts.topology import Stage
from vedette_collector.verdicts.tracker import State
from verdicts.fleet_helpers import Play, fleet

NOISE = DEFAULTS.repeated_noise


def _play(interval: float = 30.0) -> Play:
    """Sixteen agents probe each target by each check."""
    return Play(fleet(networks=8, interval=interval))


def _with_ports(number: int) -> Play:
    """The same, and t4 by so many checks more."""
    topology = fleet(networks=8)
    checks = dict(topology.checks)
    for port in range(number):
        entities = tuple(each for each in checks["t4:ipv6"].entities if each.kind != Kind.FAMILY)
        checks[f"t4:port{port}"] = replace(checks["t4:ipv6"], entities=entities)
    return Play(replace(topology, checks=checks, assigned=dict.fromkeys(checks, tuple(topology.agents))))


def _sample(play: Play) -> Sample[State]:
    tracker = play.engine.tracker
    tracker.expire(play.now)
    index = tracker.index
    return Sample(
        index,
        "connection",
        tracker.newest("connection"),
        lambda parts, without: float(index.count("connection", parts, without)),
        around=partial(tracker.around, "connection", play.now),
    )


def _parts(play: Play, *entities: Entity) -> Parts:
    numbers = [play.engine.tracker.index.number(each) for each in entities]
    return tuple((number,) for number in numbers if number is not None)


T4 = Entity(Kind.TARGET, "t4")
IPV4 = Entity(Kind.FAMILY, "ipv4")


def _is_ipv4_alone(play: Play) -> bool:
    sample = _sample(play)
    base, group = (weighed(sample, _parts(play, *each), NOISE) for each in ((T4,), (T4, IPV4)))
    return is_contrast(sample, base, group, NOISE, DEFAULTS)


def _known(play: Play, what: str, *entities: Entity) -> int:
    """How many of the answers that are *what* go through all of *entities*."""
    sample = _sample(play)
    return sample.answers(getattr(sample.around, what), _parts(play, *entities))


def _fail_when_asked(play: Play, probes: list[tuple[str, str]]) -> None:
    """The repeat of what was asked for is one that the agent makes by itself."""
    for agent, check in probes:
        play.say(agent, check, "tcp.timeout", asked=True)
        play.say(agent, check, "tcp.timeout", attempt=2)


def _one_sees_it_and_others_are_asked(play: Play) -> None:
    first, *others = play.probes("t4:ipv4")
    play.fail([first])
    play.now += 1.0
    _fail_when_asked(play, others[:12])


def _work_when_asked(play: Play, count: int) -> None:
    for agent, check in play.probes("t4:ipv6")[:count]:
        play.say(agent, check, "", asked=True)


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
    play = _play()
    sample = _sample(play)
    sample.around = None
    inside = Candidate(((1,),), *group, 0.0, 0.0)
    whole = Candidate(((2,),), group[0] + left[0], float(group[1] + left[1]), 0.0, 0.0)
    assert is_contrast(sample, whole, inside, NOISE, DEFAULTS) is is_told


def test_what_failed_in_its_turn_says_that_others_would_have() -> None:
    play = _play()
    play.fail(play.probes("t4:ipv4")[:13])
    assert _is_ipv4_alone(play)


def test_what_failed_when_it_was_asked_for_says_nothing_of_what_was_not() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    assert not _is_ipv4_alone(play)
    play.now += 20.0
    play.fail(play.probes("t4:ipv4")[1:13])  # in their own turns
    assert _is_ipv4_alone(play)


def test_the_first_headline_is_no_narrower_than_what_was_probed() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    assert play.found() == ["target:t4"]


def test_what_works_when_it_is_asked_for_is_healthy() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    assert _is_ipv4_alone(play)


def test_what_failed_when_it_was_asked_for_is_not() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    _fail_when_asked(play, play.probes("t4:ipv6")[6:11])
    assert not _is_ipv4_alone(play)


@pytest.mark.parametrize("lasting", [False, True])
def test_what_worked_before_it_began_says_nothing(lasting: bool) -> None:
    """That one probe fails for an hour does not make it older."""
    play = _play()
    if lasting:
        play.fail(play.probes("t4:ipv4")[-1:])
        play.now += 3600.0
    _work_when_asked(play, 6)
    play.now += 5.0
    _one_sees_it_and_others_are_asked(play)
    assert not _is_ipv4_alone(play)


def test_an_answer_is_one_for_a_minute() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    play.now += 60.0
    assert _is_ipv4_alone(play)
    play.now += 0.1
    assert not _is_ipv4_alone(play)


def test_of_what_is_seldom_probed_an_answer_lasts_for_an_interval() -> None:
    play = _play(interval=300.0)
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    play.now += 300.0
    assert _is_ipv4_alone(play)
    play.now += 0.1
    assert not _is_ipv4_alone(play)


def test_what_fails_since_it_worked_is_no_witness() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    for agent, check in play.probes("t4:ipv6")[:2]:
        play.say(agent, check, "tcp.timeout")
    assert _known(play, "worked", T4) == 4


def test_what_was_explained_is_no_witness() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    assert _known(play, "worked", T4) == 6
    sample = _sample(play)
    rest = sample.without(_parts(play, Entity(Kind.AGENT, play.probes("t4:ipv6")[0][0])))
    assert rest.around is not None
    assert rest.answers(rest.around.worked, _parts(play, T4)) == 5


def test_who_is_not_there_any_more_is_no_witness() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    for agent, _ in play.probes("t4:ipv6")[:6]:
        play.engine.stopped(agent)
    assert _known(play, "worked", T4) == 0


def test_who_was_asked_and_does_not_answer_may_see_it_fail_slowly() -> None:
    play = _play()
    play.fail(play.probes("t4:ipv4")[:13])
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.engine.asked(agent, [check], play.now)
    play.now += 9.9
    assert not _is_ipv4_alone(play)
    play.now += 0.1
    assert _is_ipv4_alone(play)


def test_who_answered_is_not_waited_for() -> None:
    play = _play()
    play.fail(play.probes("t4:ipv4")[:13])
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.engine.asked(agent, [check], play.now)
    play.now += 0.5
    _work_when_asked(play, 6)
    assert _is_ipv4_alone(play)


def test_who_fails_meanwhile_is_counted_once() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    play.engine.asked("a3-0", ["t4:ipv6"], play.now)
    play.say("a3-0", "t4:ipv6", "tcp.timeout")
    assert _known(play, "waiting") == 0
    assert _known(play, "suspects") == 1


def test_an_answer_that_came_before_one_knew_that_it_was_asked_for_is_one() -> None:
    play = _play()
    play.fail(play.probes("t4:ipv4")[:13])
    asked_at = play.now
    play.now += 0.5
    _work_when_asked(play, 6)
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.engine.asked(agent, [check], asked_at)
    assert _is_ipv4_alone(play)


def test_what_failed_once_may_fail_again() -> None:
    play = _play()
    play.fail(play.probes("t4:ipv4")[:13])
    play.fail(play.probes("t4:ipv6")[:6], times=1)
    assert not _is_ipv4_alone(play)
    play.recover(play.probes("t4:ipv6")[:6])
    assert _is_ipv4_alone(play)


def test_what_failed_once_when_it_was_asked_for_may_fail_again() -> None:
    play = _play()
    play.fail(play.probes("t4:ipv4")[:13])
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.say(agent, check, "tcp.timeout", asked=True)
    assert not _is_ipv4_alone(play)


@pytest.mark.parametrize("way", ["asked", "failed once"])
def test_of_many_that_are_left_out_few_that_may_fail_count(way: str) -> None:
    """They are no quarter of what failed; but of those that were probed they are half."""
    play = _with_ports(2)
    own = 1 if way == "asked" else 5
    play.fail(play.probes("t4:ipv4")[:own])
    if way == "asked":
        play.now += 1.0
        _fail_when_asked(play, play.probes("t4:ipv4")[own:7])
    _work_when_asked(play, 3)
    assert _is_ipv4_alone(play)
    others = play.probes("t4:ipv6")[3:6]
    if way == "asked":
        for agent, check in others:
            play.engine.asked(agent, [check], play.now)
    else:
        play.fail(others[:2], times=1)
    assert not _is_ipv4_alone(play)


def test_what_was_asked_for_is_not_among_those_that_wait_for_their_turn() -> None:
    play = _play()
    _fail_when_asked(play, play.probes("t4:ipv4")[:10])
    play.fail(play.probes("t4:ipv4")[10:13])
    assert _is_ipv4_alone(play)  # 3 of 6 and 0 of 16


@pytest.mark.parametrize("worked", [0, 1, 6])
def test_where_nothing_in_the_group_was_asked_for_an_answer_is_a_turn(worked: int) -> None:
    play = Play(fleet(networks=3))
    play.fail(play.probes("t4:ipv4"))
    _work_when_asked(play, worked)
    assert _is_ipv4_alone(play)


def test_what_is_seldom_probed_itself_fails_slowly() -> None:
    topology = fleet(networks=8)
    slow = replace(topology.checks["t4:ipv4"], interval=300.0)
    play = Play(replace(topology, checks=topology.checks | {"t4:ipv4": slow}))
    play.fail(play.probes("t4:ipv4")[:4])
    play.now += 30.0
    assert _is_ipv4_alone(play)


def test_names_that_resolve_are_no_witnesses_of_connections() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    for agent, check in play.probes("t4:dns"):
        play.say(agent, check, "", asked=True)
    assert _known(play, "worked") == 0


def test_a_name_that_does_not_resolve_is_no_suspect_of_connections() -> None:
    topology = fleet(networks=8)
    both = replace(topology.checks["t4:ipv6"], stages=frozenset(Stage))
    play = Play(replace(topology, checks=topology.checks | {"t4:ipv6": both}))
    _one_sees_it_and_others_are_asked(play)
    play.fail(play.probes("t4:ipv6")[:3], "dns.timeout", times=1)
    assert _known(play, "suspects") == 0


def test_what_works_speaks_for_its_chain_as_well() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.CA_CHAIN, "old" if number == 4 else "new")]

    play = Play(fleet(networks=8, more=more))
    _one_sees_it_and_others_are_asked(play)
    _work_when_asked(play, 6)
    assert _known(play, "worked", Entity(Kind.CA_CHAIN, "old")) == 6


def test_what_is_probed_more_seldom_had_less_of_a_chance_to_fail() -> None:
    topology = fleet(networks=8)
    slow = replace(topology.checks["t4:ipv6"], interval=300.0)
    play = Play(replace(topology, checks=topology.checks | {"t4:ipv6": slow}))
    play.fail(play.probes("t4:ipv4")[:13])
    play.now += 30.0
    assert not _is_ipv4_alone(play)
    play.now += 240.0  # nine of ten had their turn
    assert _is_ipv4_alone(play)


def test_of_few_failures_the_rate_is_not_known() -> None:
    """Three of sixteen that all happen to be the ones are no rarity: four checks, and all of them fail."""
    play = _with_ports(2)
    play.fail(play.probes("t4:ipv4")[:3])
    assert not _is_ipv4_alone(play)
    play.fail(play.probes("t4:ipv4")[3:5])
    assert _is_ipv4_alone(play)


def test_what_was_asked_is_known_in_another_topology() -> None:
    play = _play()
    _one_sees_it_and_others_are_asked(play)
    play.engine.arrange(fleet(networks=8, targets=13))
    assert not _is_ipv4_alone(play)
    _work_when_asked(play, 6)
    play.engine.arrange(fleet(networks=8, targets=14))
    assert _is_ipv4_alone(play)
    play.engine.asked("a7-1", ["t4:ipv6"], play.now)
    play.say("a7-0", "t4:ipv6", "tcp.timeout")
    play.engine.arrange(fleet(networks=8, targets=15))
    assert _known(play, "waiting", T4) == 1
    assert _known(play, "suspects", T4) == 1


def test_an_answer_is_looked_at_soon() -> None:
    """Where a look was just taken it may have waited for that."""
    play = _play()
    play.recover(play.probes())
    play.look(100.0)
    _one_sees_it_and_others_are_asked(play)
    play.look(20.0)
    before = play.now
    play.look(0.0)
    play.say("a3-0", "t4:ipv6", "", asked=True)
    assert play.engine.next_at is not None
    assert play.engine.next_at <= before + 0.5


def test_an_answer_is_no_reason_to_look_where_nobody_did() -> None:
    play = _play()
    play.recover(play.probes())
    play.look(100.0)
    before = play.engine.next_at
    play.say("a3-0", "t4:ipv6", "", asked=True)
    assert play.engine.next_at == before


def test_what_was_asked_of_a_number_that_is_gone_is_forgotten() -> None:
    answers = Answers()
    answers.ask((0, 0), 1.0)
    answers.give((1, 0), 1.0, is_ok=True)
    carried = answers.carry(lambda probe: None)
    assert not list(carried.waiting())
    assert not list(carried.worked())
