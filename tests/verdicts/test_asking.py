"""What is asked at once when something fails twice, and how often."""

from collections import Counter

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.asking import Asking
from vedette_collector.verdicts.component import Entity, Kind
from verdicts.fleet_helpers import Play, fleet


def _asked(play: Play) -> list[tuple[str, str]]:
    due = play.engine.next_at
    if due is None:
        return []
    play.now = max(play.now, due)
    return [(each.agent, check) for each in play.engine.decide(play.now).questions for check in each.checks]


def test_a_single_failure_asks_nobody() -> None:
    play = Play(fleet())
    play.fail([("a0-0", "t4:ipv4")], times=1)
    assert _asked(play) == []


def test_others_are_asked_for_the_target_in_other_networks_first() -> None:
    play = Play(fleet(networks=8))
    play.fail([("a0-0", "t4:ipv4")])
    witnesses = [agent for agent, check in _asked(play) if check.startswith("t4:")]
    assert len(witnesses) == 6
    assert len({agent.split("-")[0] for agent in witnesses}) == 6
    assert "a0-0" not in witnesses


def test_half_of_them_are_asked_for_the_target_by_its_other_checks() -> None:
    """Else it would look as if it failed over one family, or through one resolver, alone."""
    play = Play(fleet(networks=8))
    play.fail([("a0-0", "t4:ipv4")])
    assert Counter(check for _, check in _asked(play) if check.startswith("t4:")) == {
        "t4:ipv4": 3,
        "t4:ipv6": 3,
    }
    play.fail([("a0-0", "t7:dns:res-1")], "dns.timeout")
    assert Counter(check for _, check in _asked(play) if check.startswith("t7:")) == {
        "t7:dns:res-1": 3,
        "t7:dns:res-2": 2,
        "t7:dns:own": 1,
    }


def test_what_shares_least_is_asked_for_first() -> None:
    """Six ports over IPv4 say less than the other family."""
    topology = fleet(networks=8)
    checks = dict(topology.checks)
    ports = {f"t4:ipv4:{port}": checks["t4:ipv4"] for port in range(6)}
    checks = {"t4:ipv4": checks["t4:ipv4"]} | ports | checks
    play = Play(replace(topology, checks=checks, assigned=dict.fromkeys(checks, tuple(topology.agents))))
    play.fail([("a0-0", "t4:ipv4")])
    assert "t4:ipv6" in {check for _, check in _asked(play)}


def test_who_does_not_run_the_other_check_is_asked_for_this_one() -> None:
    whole = fleet(networks=8)
    assigned = whole.assigned | {"t4:ipv6": tuple(name for name in whole.agents if name < "a4")}
    play = Play(replace(whole, assigned=assigned))
    play.fail([("a0-0", "t4:ipv4")])
    asked = [(agent, check) for agent, check in _asked(play) if check.startswith("t4:")]
    assert len(asked) == 6
    assert {agent for agent, check in asked if check == "t4:ipv6"} <= set(assigned["t4:ipv6"])


def test_a_target_is_looked_at_once_an_interval() -> None:
    """Its other checks, which fail because they were asked for, say nothing new."""
    play = Play(fleet(networks=8))
    play.fail([("a0-0", "t4:ipv4")])
    assert _asked(play)
    play.now += 1.0
    play.fail([("a3-0", "t4:ipv6")])
    assert _asked(play) == []
    play.now += 31.0
    play.fail([("a5-0", "t4:ipv6")])
    assert _asked(play)


def test_the_agent_that_saw_it_is_asked_for_other_targets() -> None:
    play = Play(fleet())
    play.fail([("a0-0", "t4:ipv4")])
    others = {check.split(":")[0] for agent, check in _asked(play) if agent == "a0-0"}
    assert len(others) == 3
    assert "t4" not in others


def test_what_shares_something_with_the_target_is_asked_of_somebody_else() -> None:
    play = Play(fleet())
    play.fail([("a0-0", "t4:dns:res-1")], "dns.servfail")
    asked = {check.split(":")[0] for agent, check in _asked(play) if agent != "a0-0"}
    assert {"t4", "t5"} <= asked  # the other name of its authority


def test_each_of_what_is_related_is_asked_of_two_and_in_the_same_way() -> None:
    """Witnesses of one target alone would make it look worse than what stands beside it."""
    play = Play(fleet(networks=8))
    play.fail([("a0-0", "t4:ipv6")])
    asked = [(agent, check) for agent, check in _asked(play) if agent != "a0-0" and check[:2] != "t4"]
    by_check = {name: [agent for agent, check in asked if check == name] for _, name in asked}
    assert by_check.keys() == {"t5:ipv6", "t3:ipv6"}  # by its authority, and by its provider
    assert [len(set(agents)) for agents in by_check.values()] == [2, 2]


def test_at_most_three_of_what_is_related_are_asked_for() -> None:
    def more(number: int) -> list[Entity]:
        kinds = (Kind.PRODUCT, Kind.HOST_CLASS, Kind.ZONE, Kind.DEPENDENCY)
        return [Entity(kind, f"{number % (place + 5)}") for place, kind in enumerate(kinds)]

    play = Play(fleet(networks=8, targets=40, more=more))
    play.fail([("a0-0", "t14:ipv6")])
    asked = {check for agent, check in _asked(play) if agent != "a0-0" and check[:4] != "t14:"}
    assert len(asked) == 3


@pytest.mark.parametrize(("first", "then"), [("t4:ipv4", "t4:ipv6"), ("t4:ipv6", "t4:ipv4")])
def test_a_look_at_what_is_probed_otherwise_is_one_for_the_shorter_interval(first: str, then: str) -> None:
    topology = fleet(networks=8, interval=10.0)
    seldom = replace(topology.checks["t4:ipv6"], interval=3600.0)
    play = Play(replace(topology, checks=topology.checks | {"t4:ipv6": seldom}))
    play.fail([("a0-0", first)])
    assert _asked(play)
    play.now += 10.0
    play.fail([("a3-0", then)])
    assert then in {check for _, check in _asked(play)}


def test_the_same_question_is_put_once_an_interval() -> None:
    play = Play(fleet())
    play.fail([("a0-0", "t4:ipv4")])
    assert _asked(play)
    play.now += 1.0
    play.fail([("a1-0", "t4:ipv4")])
    assert [each for each in _asked(play) if each[1] == "t4:ipv4"] == []
    play.now += 31.0
    play.fail([("a2-0", "t4:ipv4")])
    assert [each for each in _asked(play) if each[1] == "t4:ipv4"]


def test_however_much_fails_little_is_asked() -> None:
    play = Play(fleet(networks=10, per_network=4, targets=60))
    for probe in play.probes():
        play.fail([probe], "dns.timeout" if ":dns" in probe[1] else "tcp.timeout")
    asked = _asked(play)
    assert 0 < len(asked) <= 60
    for _ in range(20):
        play.now += 0.5
        asked += _asked(play)
    assert len(asked) <= 60 + 10 * 10.5


def test_an_agent_that_is_not_there_is_not_asked() -> None:
    play = Play(fleet(networks=8))
    for name in [name for name in play.topology.agents if not name.startswith(("a0", "a5"))]:
        play.engine.stopped(name)
    play.fail([("a0-0", "t4:ipv4")])
    assert {agent.split("-")[0] for agent, _ in _asked(play)} == {"a0", "a5"}


def test_no_probe_is_asked_for_twice_at_once() -> None:
    play = Play(fleet(networks=1, targets=4))
    for agent, check in play.probes(agent="a0-0"):
        play.fail([(agent, check)], "dns.timeout" if ":dns" in check else "tcp.timeout")
    asked = _asked(play)
    assert len(asked) > 10
    assert len(asked) == len(set(asked))


def test_what_most_checks_go_through_relates_nothing() -> None:
    play = Play(fleet())
    play.fail([("a0-0", "t4:ipv4")])
    asked = {check.split(":")[0] for agent, check in _asked(play) if agent != "a0-0"}
    assert asked == {"t4", "t5", "t3"}  # its authority and its provider, but not its TLD


def test_after_the_first_sixty_it_is_ten_a_second() -> None:
    play = Play(fleet(networks=10, per_network=4, targets=60))
    index = play.engine.tracker.index
    asking = Asking()
    checks = range(len(index.checks))

    def asked(fresh: range, now: float) -> int:
        return len(asking.probes(index, [(check, 0) for check in fresh], now))

    assert asked(checks[:100], play.now) == 60
    assert asked(checks[100:200], play.now + 1.0) == 10


def test_nobody_is_asked_about_what_is_explained() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv"))
    assert play.found() == ["target:t4"]
    play.look(40.0)
    play.recover([("a0-0", "t4:ipv4")])
    play.fail([("a0-0", "t4:ipv4")])
    assert _asked(play) == []
