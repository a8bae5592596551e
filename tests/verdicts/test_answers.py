"""Who was asked for, and whose answer counts for how long."""

from msgspec.structs import replace

from vedette_collector.verdicts.answers import Answers
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.topology import Stage
from verdicts.contrast_helpers import (
    T4,
    is_ipv4_alone,
    known,
    one_sees_it_and_others_are_asked,
    parts_of,
    sixteen,
    work_when_asked,
)
from verdicts.fleet_helpers import Play, fleet


def test_an_answer_is_one_for_a_minute() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    play.now += 60.0
    assert is_ipv4_alone(play)
    play.now += 0.1
    assert not is_ipv4_alone(play)


def test_of_what_is_seldom_probed_an_answer_lasts_for_an_interval() -> None:
    play = sixteen(interval=300.0)
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    play.now += 300.0
    assert is_ipv4_alone(play)
    play.now += 0.1
    assert not is_ipv4_alone(play)


def test_what_fails_since_it_worked_is_no_witness() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    for agent, check in play.probes("t4:ipv6")[:2]:
        play.say(agent, check, "tcp.timeout")
    assert known(play, "worked", T4) == 4


def test_what_was_explained_is_no_witness() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    assert known(play, "worked", T4) == 6
    sample = play.sample()
    rest = sample.without(parts_of(play, Entity(Kind.AGENT, play.probes("t4:ipv6")[0][0])))
    assert rest.around is not None
    assert rest.answers(rest.around.worked, parts_of(play, T4)) == 5


def test_who_is_not_there_any_more_is_no_witness() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    for agent, _ in play.probes("t4:ipv6")[:6]:
        play.engine.stopped(agent)
    assert known(play, "worked", T4) == 0


def test_who_was_asked_and_does_not_answer_may_see_it_fail_slowly() -> None:
    play = sixteen()
    play.fail(play.probes("t4:ipv4")[:13])
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.engine.asked(agent, [check], play.now)
    play.now += 9.9
    assert not is_ipv4_alone(play)
    play.now += 0.1
    assert is_ipv4_alone(play)


def test_who_answered_is_not_waited_for() -> None:
    play = sixteen()
    play.fail(play.probes("t4:ipv4")[:13])
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.engine.asked(agent, [check], play.now)
    play.now += 0.5
    work_when_asked(play, 6)
    assert is_ipv4_alone(play)


def test_who_fails_meanwhile_is_counted_once() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    play.engine.asked("a3-0", ["t4:ipv6"], play.now)
    play.say("a3-0", "t4:ipv6", "tcp.timeout")
    assert known(play, "waiting") == 0
    assert known(play, "suspects") == 1


def test_an_answer_that_came_before_one_knew_that_it_was_asked_for_is_one() -> None:
    play = sixteen()
    play.fail(play.probes("t4:ipv4")[:13])
    asked_at = play.now
    play.now += 0.5
    work_when_asked(play, 6)
    for agent, check in play.probes("t4:ipv6")[:6]:
        play.engine.asked(agent, [check], asked_at)
    assert is_ipv4_alone(play)


def test_names_that_resolve_are_no_witnesses_of_connections() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    for agent, check in play.probes("t4:dns"):
        play.say(agent, check, "", asked=True)
    assert known(play, "worked") == 0


def test_a_name_that_does_not_resolve_is_no_suspect_of_connections() -> None:
    topology = fleet(networks=8)
    both = replace(topology.checks["t4:ipv6"], stages=frozenset(Stage))
    play = Play(replace(topology, checks=topology.checks | {"t4:ipv6": both}))
    one_sees_it_and_others_are_asked(play)
    play.fail(play.probes("t4:ipv6")[:3], "dns.timeout", times=1)
    assert known(play, "suspects") == 0


def test_what_works_speaks_for_its_chain_as_well() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.CA_CHAIN, "old" if number == 4 else "new")]

    play = Play(fleet(networks=8, more=more))
    one_sees_it_and_others_are_asked(play)
    work_when_asked(play, 6)
    assert known(play, "worked", Entity(Kind.CA_CHAIN, "old")) == 6


def test_what_was_asked_is_known_in_another_topology() -> None:
    play = sixteen()
    one_sees_it_and_others_are_asked(play)
    play.engine.arrange(fleet(networks=8, targets=13))
    assert not is_ipv4_alone(play)
    work_when_asked(play, 6)
    play.engine.arrange(fleet(networks=8, targets=14))
    assert is_ipv4_alone(play)
    play.engine.asked("a7-1", ["t4:ipv6"], play.now)
    play.say("a7-0", "t4:ipv6", "tcp.timeout")
    play.engine.arrange(fleet(networks=8, targets=15))
    assert known(play, "waiting", T4) == 1
    assert known(play, "suspects", T4) == 1


def test_an_answer_is_looked_at_but_not_each_at_once() -> None:
    """Where a look was just taken it may have waited for that; but answers may never end."""
    play = sixteen()
    one_sees_it_and_others_are_asked(play, own=3)
    play.look(5.0)
    play.recover(play.probes("t4:ipv4"))
    assert play.look(9.0).findings == []
    looks = 0
    for _ in range(200):
        play.now += 0.5
        play.say("a3-0", "t4:ipv6", "", asked=True)
        assert play.engine.next_at is not None
        if play.engine.next_at <= play.now:
            play.engine.decide(play.now)
            looks += 1
    assert 9 <= looks <= 10


def test_an_answer_is_no_reason_to_look_where_nobody_did() -> None:
    play = sixteen()
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
