"""The engine as one thing: what it needs to be told, what it keeps, and that the order does not matter."""

import random

from msgspec.structs import replace

from vedette_collector.verdicts.evidence import Observation
from vedette_collector.verdicts.tracker import Tracker
from verdicts.fleet_helpers import Play, fleet


def test_what_it_needs_to_hear_ok_of_is_watched_and_no_more() -> None:
    play = Play(fleet())
    play.fail([("a0-0", "t4:ipv4")], times=1)
    assert play.engine.watched == {("a0-0", "t4:ipv4")}
    play.recover([("a0-0", "t4:ipv4")])
    assert play.engine.watched == set()


def test_ok_results_that_are_left_out_change_nothing() -> None:
    rng = random.Random(11)
    told, spared = Play(fleet()), Play(fleet())
    broken = set(told.probes("t4:ipv"))
    for step in range(40):
        for probe in told.probes():
            is_red = (probe in broken and step > 10) or rng.random() < 0.02
            for play in (told, spared):
                if is_red:
                    play.fail([probe], "dns.timeout" if ":dns" in probe[1] else "tcp.timeout")
                elif play is told or probe in play.engine.watched:
                    play.recover([probe])
        assert told.found(30.0) == spared.found(30.0)
    assert told.found() == ["target:t4"]


def test_the_order_of_failures_does_not_matter() -> None:
    found = set()
    for seed in range(5):
        play = Play(fleet())
        probes = play.probes("t4:ipv") + play.probes("t9:dns", "a1")
        random.Random(seed).shuffle(probes)
        for probe in probes:
            play.fail([probe], "dns.timeout" if ":dns" in probe[1] else "tcp.timeout")
        found.add(tuple(play.found()))
    assert len(found) == 1


def test_strangers_are_not_listened_to() -> None:
    play = Play(fleet())
    for agent, check in (("nobody", "t4:ipv4"), ("a0-0", "nothing")):
        play.engine.observe(Observation(agent=agent, check=check, at=play.now, ok=False, code="tcp.timeout"))
        play.engine.unknown(agent, check)
    play.engine.gone("nobody", play.now)
    play.engine.stopped("nobody")
    play.engine.back("nobody", play.now)
    assert play.found() == []


def test_a_probe_without_a_result_counts_neither_way() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    play.engine.unknown("a0-0", "t4:ipv4")
    found = play.finding("target:t4")
    assert (found.inside.failed, found.inside.total) == (19, 19)
    assert ("a0-0", "t4:ipv4") in play.engine.watched
    play.recover([("a0-0", "t4:ipv4")])
    assert play.finding("target:t4").inside.total == 20
    assert ("a0-0", "t4:ipv4") not in play.engine.watched


def test_a_new_topology_takes_along_what_is_known() -> None:
    play = Play(fleet(targets=12))
    play.fail(play.probes("t4:ipv"))
    play.engine.unknown("a0-0", "t5:ipv4")
    assert play.found() == ["target:t4"]
    play.engine.arrange(fleet(targets=15))
    play.topology = play.engine.topology
    assert play.found() == ["target:t4"]
    assert play.finding("target:t4").outside.total == 14 * 20 - 1
    assert set(play.probes("t4:ipv")) | {("a0-0", "t5:ipv4")} == play.engine.watched
    play.engine.arrange(fleet(targets=4))
    assert play.found() == []
    assert play.engine.watched == set()


def test_a_failure_of_another_layer_moves_to_its_track() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    assert play.finding("target:t4").track == "connection"
    play.fail(play.probes("t4:ipv"), "http.slow", times=1)
    assert play.finding("target:t4").track == "slow"
    play.recover(play.probes("t4:ipv"))
    assert play.found(60.0) == []


def test_two_failures_in_a_row_are_needed() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"), times=1)
    assert play.found() == []
    play.fail(play.probes("t4:ipv"), times=1)  # the next interval
    assert play.found() == ["target:t4"]


def test_a_moment_in_which_everything_fails_once_is_nothing() -> None:
    play = Play(fleet())
    play.recover(play.probes())
    play.look(300.0)
    play.flake(play.probes("t4:ipv"))
    assert play.found(10.0) == []
    assert not play.engine.incidents.all


def test_nothing_is_due_while_nothing_happens() -> None:
    play = Play(fleet())
    play.recover(play.probes())
    assert play.engine.next_at is None
    play.fail(play.probes("t4:ipv"))
    assert play.engine.next_at is not None
    play.recover(play.probes("t4:ipv"))
    play.look(7200.0)
    assert play.engine.next_at is None


def test_what_is_remembered_is_bounded_however_much_fails() -> None:
    play = Play(fleet())
    play.engine.tracker = Tracker(play.engine.tracker.index, memory=10.0, most=300)
    for _ in range(5):
        play.fail(play.probes(), times=1)
        play.look(30.0)
    tracker = play.engine.tracker
    assert len(tracker.events) == 300
    # As long as what is left of it, not as long as it could be.
    assert tracker.remembered_seconds(play.now) == play.now - tracker.events[0].since
    assert sum(tracker.recent["connection"].values()) == sum(
        len(each.entities) for each in tracker.events if each.is_counted
    )
    play.engine.arrange(fleet(targets=13))
    play.fail(play.probes(), times=1)
    assert len(play.engine.tracker.events) == 300


def test_a_probe_has_one_turn_an_interval_whatever_its_agent_says() -> None:
    """Else one agent alone could make a partial fault of its target."""
    play = Play(fleet())
    for _ in range(50):
        play.fail([("a0-0", "t4:ipv4")], times=1)
        play.look(1.0)
    assert len(play.engine.tracker.events) == 4  # at 0, 15, 30 and 45 s, of an interval of 30
    play.engine.arrange(fleet(targets=13))
    play.fail([("a0-0", "t4:ipv4")], times=1)
    assert len(play.engine.tracker.events) == 4


def test_turns_only_go_forward() -> None:
    """An agent says itself when a probe ended: two times by turns must not make two turns of each."""
    play = Play(fleet())
    for second in range(60):
        late = 31.0 if second % 2 else 0.0
        play.say("a0-0", "t4:ipv4", "tcp.timeout", at=play.now - late)
        play.look(1.0)
    assert len(play.engine.tracker.events) == 4


def test_the_turns_that_are_known_are_those_of_what_is_remembered() -> None:
    play = Play(fleet())
    probes = play.probes("t4:ipv4")
    play.fail(probes, times=1)
    play.look(200.0)
    play.fail(probes[:3], times=1)
    tracker = play.engine.tracker
    tracker.expire(play.now + 150.0)
    assert (len(tracker.events), len(tracker._turns)) == (3, 3)
    play.engine.gone(probes[0][0], play.now)
    play.look(1.0)
    assert len(tracker._turns) == 2


def test_a_probe_of_which_nothing_is_known_any_more_is_watched_until_its_agent_leaves() -> None:
    play = Play(fleet())
    play.recover(play.probes())
    play.engine.unknown("a0-0", "t4:ipv4")
    play.fail([("a0-0", "t5:ipv4"), ("a1-0", "t5:ipv4")])
    assert play.engine.watched == {("a0-0", "t4:ipv4"), ("a0-0", "t5:ipv4"), ("a1-0", "t5:ipv4")}
    play.engine.gone("a0-0", play.now)
    play.look()
    assert play.engine.watched == {("a1-0", "t5:ipv4")}


def _suspects(play: Play) -> list[tuple[str, str]]:
    index = play.engine.tracker.index
    return sorted((index.agents[agent], index.checks[check]) for check, agent in play.engine.tracker.states)


def test_what_an_agent_says_after_it_came_back_is_not_forgotten() -> None:
    play = Play(fleet())
    play.engine.gone("a0-0", play.now)
    play.engine.back("a0-0", play.now)
    play.fail([("a0-0", "t4:ipv4")])
    play.look()
    assert _suspects(play) == [("a0-0", "t4:ipv4")]
    play.look()
    assert _suspects(play) == [("a0-0", "t4:ipv4")]


def test_an_agent_that_left_is_forgotten_before_another_topology_numbers_them_anew() -> None:
    play = Play(fleet())
    play.fail([("a0-1", "t4:ipv4")])
    play.engine.gone("a0-0", play.now)
    left = {name: entities for name, entities in play.topology.agents.items() if name != "a0-0"}
    play.engine.arrange(replace(play.topology, agents=left))
    play.look()
    assert _suspects(play) == [("a0-1", "t4:ipv4")]


def test_of_an_agent_that_left_nothing_counts_any_more() -> None:
    play = Play(fleet())
    play.flake([("a0-0", "t4:ipv4")] * 3)
    play.engine.gone("a0-0", play.now)
    play.look()
    tracker = play.engine.tracker
    assert (len(tracker.events), sum(tracker.recent["connection"].values())) == (0, 0)


def test_a_probe_that_becomes_unknown_after_its_agent_left_is_watched() -> None:
    play = Play(fleet())
    play.engine.gone("a0-0", play.now)
    play.engine.unknown("a0-0", "t4:ipv4")
    play.look()
    assert play.engine.watched == {("a0-0", "t4:ipv4")}


def test_a_failure_that_comes_too_late_to_be_remembered_is_not_counted() -> None:
    play = Play(fleet())
    play.engine.tracker = Tracker(play.engine.tracker.index, memory=10.0, most=3)
    play.flake([("a0-0", "t4:ipv4")] * 3)
    play.say("a0-1", "t5:ipv4", "tcp.timeout", at=play.now - 60.0)
    tracker = play.engine.tracker
    tracker.expire(play.now + 3600.0)
    assert (len(tracker.events), sum(tracker.recent["connection"].values())) == (0, 0)


def test_what_is_explained_counts_for_no_alarm() -> None:
    play = Play(fleet())
    *most, last = play.probes("t4:ipv")
    play.fail(most)
    assert play.found() == ["target:t4"]
    play.fail([last])
    assert not any(play.engine.tracker.counts["connection"].values())


def test_what_nobody_assigns_any_more_is_over() -> None:
    """Its agents will not say that it works again: it would fail for ever."""
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    assert play.found() == ["target:t4"]
    less = {name: () if name.startswith("t4:ipv") else who for name, who in play.topology.assigned.items()}
    play.engine.arrange(replace(play.topology, assigned=less))
    assert play.found() == []
    play.fail(play.probes("t4:ipv"))  # on their way meanwhile
    assert play.found() == []
