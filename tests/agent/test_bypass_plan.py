"""When other ways are tried: seldom in health, at once when a failure is confirmed, within a budget."""

from itertools import pairwise

import pytest

from vedette_agent.bypass.plan import AGAIN, BURST, RATE, Course, Plan, Turn

BOTH = Course(("authority", "no_validation"), ("authority", "no_validation"), 30.0, 600.0)


class Agent:
    """A plan, the time, and which checks fail."""

    def __init__(self, courses: dict[str, Course], rate: float = 1.0) -> None:
        self.now = 1000.0
        self.failing: set[str] = set()
        self.plan = Plan("par-01")
        self.plan.assign(courses, rate, self.now)

    def fail(self, check: str) -> list[Turn]:
        self.failing.add(check)
        self.plan.confirmed(check, self.now)
        return self.due()

    def due(self) -> list[Turn]:
        return self.plan.take(self.now, self.failing.__contains__)

    def run(self, seconds: float) -> list[tuple[float, Turn]]:
        """What is tried in *seconds*, each with its time from now."""
        start, turns = self.now, []
        while self.plan.next_due <= start + seconds:
            self.now = max(self.now, self.plan.next_due)
            turns += [(self.now - start, turn) for turn in self.due()]
        self.now = start + seconds
        return turns


def test_in_health_the_ways_take_turns_and_each_check_has_its_own_time() -> None:
    """Two checks over an hour: a way every ten minutes, each way every twenty, and never both at once."""
    tried = Agent({"a": BOTH, "b": BOTH}).run(3600.0)
    of = [(at, turn.way) for at, turn in tried if turn.check == "a"]
    assert [way for _, way in of] == ["authority", "no_validation"] * 3
    assert [round(after - before) for (before, _), (after, _) in pairwise(of)] == [600] * 5
    assert len({round(at % 600.0, 3) for at, _ in tried}) == 2
    assert not any(turn.is_failing for _, turn in tried)


def test_in_health_it_is_a_twentieth_of_the_probes_at_most() -> None:
    """500 checks at 30 s: 16.7 probes a second, and 0.83 by other ways."""
    tried = Agent({f"c{n}": BOTH for n in range(500)}, rate=500 / 30).run(3600.0)
    assert len(tried) <= 0.05 * 3600 * 500 / 30
    assert len(tried) >= 0.95 * 0.05 * 3600 * 500 / 30


def test_a_way_that_tells_nothing_in_health_waits_for_a_failure() -> None:
    agent = Agent({"web": Course(("last_good",), (), 30.0, 600.0)})
    assert agent.run(7200.0) == []
    assert agent.fail("web") == [Turn("web", "last_good", True)]


def test_a_confirmed_failure_is_gone_around_at_once_and_every_tenth_interval() -> None:
    agent = Agent({"a": BOTH})
    assert agent.fail("a") == [Turn("a", "authority", True), Turn("a", "no_validation", True)]
    times = [at for at, turn in agent.run(3000.0) if turn.way == "authority"]
    assert times == [AGAIN * 30.0 * n for n in range(1, 11)]


def test_a_failure_that_is_over_is_left_alone() -> None:
    agent = Agent({"a": BOTH})
    agent.fail("a")
    agent.failing.clear()
    assert not any(turn.is_failing for _, turn in agent.run(3000.0))


def test_the_ways_in_turn_rest_while_the_check_fails() -> None:
    agent = Agent({"a": BOTH})
    agent.fail("a")
    assert all(turn.is_failing for _, turn in agent.run(7200.0))


def test_each_failure_of_a_check_that_flaps_is_gone_around_once() -> None:
    """It fails every other minute for half an hour."""
    agent = Agent({"a": BOTH})
    tried = []
    for _ in range(15):
        tried.append([turn.way for turn in agent.fail("a")])
        agent.failing.clear()
        agent.run(120.0)
    assert tried == [list(BOTH.ways)] * 15


def test_when_everything_fails_the_budget_holds_and_the_others_get_their_turn() -> None:
    """200 checks with two ways each: 20 of them at once, then what a second earns."""
    agent = Agent({f"c{n}": BOTH for n in range(200)})
    at_once = [turn for n in range(200) for turn in agent.fail(f"c{n}")]
    assert len(at_once) == BURST
    assert agent.plan.left_out == 400 - BURST
    later = agent.run(120.0)
    assert len(later) <= BURST + 120.0 * RATE
    # Who went without is asked again one interval later, and not first in ten.
    assert {turn.check for _, turn in later} - {turn.check for turn in at_once}


def test_half_of_what_may_be_spent_at_once_is_left_to_failures() -> None:
    """Every way of 200 checks every second, by configuration: a failure goes first all the same."""
    often = Course(BOTH.ways, BOTH.in_turn, 1.0, 1.0)
    agent = Agent({f"c{n}": often for n in range(200)})
    tried = agent.run(60.0)
    assert len(tried) <= BURST / 2 + 60.0 * RATE
    assert len(agent.fail("c7")) == 2


@pytest.mark.parametrize("name", ["gone", "never"])
def test_a_check_that_is_not_assigned_any_more_has_no_ways(name: str) -> None:
    agent = Agent({"a": BOTH, "gone": BOTH})
    agent.fail("gone")
    agent.plan.assign({"a": BOTH}, 1.0, agent.now)
    assert agent.fail(name) == []
    assert {turn.check for _, turn in agent.run(3600.0)} == {"a"}
