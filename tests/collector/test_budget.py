"""How fast a fleet may hand in what it kept: as promised, in even shares, less when it hurts."""

from hypothesis import given
from hypothesis import strategies as st

from collector.collector_helpers import NOW, Core, assignment, batch, heartbeat, ok
from vedette_collector.board import Board
from vedette_collector.budget import EACH, LEAST, SPARE, TOTAL, Budget
from vedette_collector.condition import Condition
from vedette_collector.oversight import Oversight, age_below, has_backlog

NAMES = [f"agent-{number:03}" for number in range(40)]
EVENTS = st.one_of(
    st.tuples(st.just("grant"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("gone"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("judge"), st.sampled_from([None, 0.1, 5.0]), st.sampled_from([0.0, 3.0])),
)


@given(st.lists(EVENTS, max_size=200))
def test_what_agents_hold_is_never_more_than_was_advertised(events: list[tuple]) -> None:  # type: ignore[type-arg]
    """Whatever comes in whatever order: 10 % more than the total at most, and one result for each agent."""
    budget, held, now = Budget(), dict[str, int](), 0.0
    budget.count(len(NAMES))
    for what, first, second in events:
        match what:
            case "grant":
                granted = budget.grant(first, has_backlog=second)
                assert 1 <= granted <= EACH
                held.pop(first, None)
                if second:
                    held[first] = granted
            case "gone":
                budget.gone(first)
                held.pop(first, None)
            case "judge":
                now += 1.0
                budget.judge(now, first, second)
        assert LEAST <= budget.rate <= TOTAL
        assert sum(held.values()) == budget.outstanding
        assert sum(held.values()) <= TOTAL * (1 + SPARE) + len(held)
    for _ in range(2):  # the second time nobody holds more than its share any more
        for name in list(held):
            held[name] = budget.grant(name, has_backlog=True)
    assert sum(held.values()) <= budget.rate * (1 + SPARE) + len(held)
    assert max(held.values(), default=0) <= max(budget.rate / max(len(held), 1), 1)


def test_a_whole_fleet_that_comes_back_at_once_shares_the_total() -> None:
    budget = Budget()
    names = [f"agent-{number:04}" for number in range(1000)]
    budget.count(1000)
    held = {name: budget.grant(name, has_backlog=True) for name in names}
    assert sum(held.values()) <= TOTAL * (1 + SPARE) + 1000
    for _ in range(5):  # those who hold much replay, and hear of it with their next ack; the others are told
        for name in [name for name in names if held[name] > 15] + budget.short(1000):
            held[name] = budget.grant(name, has_backlog=True)
    assert min(held.values()) == max(held.values()) == 15


def test_one_agent_alone_gets_what_it_can_use() -> None:
    budget = Budget()
    assert budget.grant("par-01", has_backlog=True) == EACH


def test_who_joins_gets_its_share_though_all_is_granted() -> None:
    """Out of what is on top: it does not wait until the others have heard."""
    budget = Budget()
    for name in NAMES[:10] * 2:
        budget.grant(name, has_backlog=True)
    assert budget.outstanding > 0.9 * TOTAL
    assert budget.grant(NAMES[10], has_backlog=True) > 1000


def test_late_fresh_results_and_a_slow_disk_halve_it_and_it_recovers() -> None:
    budget = Budget()
    budget.judge(0.0, 0.1, 0.0)
    budget.grant("par-01", has_backlog=True)
    budget.judge(1.0, 1.0, 0.0)
    assert budget.rate == TOTAL / 2
    budget.judge(2.0, 1.0, 0.0)
    assert budget.rate == TOTAL / 2, "the first cut must show before the next"
    budget.judge(3.0, 0.1, 2.0)
    assert budget.rate == TOTAL / 4
    budget.judge(5.0, 9.0, 9.0)
    budget.judge(7.0, 9.0, 9.0)
    budget.judge(9.0, 9.0, 9.0)
    assert budget.rate == LEAST
    for second in range(10, 30):
        budget.judge(float(second), 0.1, 0.0)
    assert budget.rate == TOTAL


def test_a_fleet_that_is_always_late_is_not_held_back_for_it() -> None:
    """Far away, or with a clock that is off: it was as late while nobody replayed anything."""
    budget = Budget()
    budget.judge(0.0, 2.5, 0.0)
    budget.grant("par-01", has_backlog=True)
    budget.judge(1.0, 2.5, 0.0)
    assert budget.rate == TOTAL
    budget.judge(2.0, 5.0, 0.0)
    assert budget.rate == TOTAL / 2


def test_what_a_histogram_says_of_most() -> None:
    assert age_below([0] * 11, 0.95) is None
    assert age_below([95, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0], 0.95) == 0.05
    assert age_below([94, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0], 0.95) == 1.0
    assert age_below([0] * 10 + [1], 0.95) == float("inf")


def test_an_ack_says_what_may_be_replayed() -> None:
    """As little as any agent gets in advance, until a heartbeat tells of a backlog; then its share."""
    core = Core(assignment(agents=tuple(NAMES)))
    watch = Oversight(core.board, Condition(NOW.wall))
    core.acks.replay_rates = watch
    watch.look(NOW.mono)
    name = NAMES[0]
    core.send(batch(ok(), agent=name))
    assert [ack.replay_rate for ack in core.acks.take(1)] == [TOTAL * SPARE // 40]
    core.send(heartbeat(name, next_seq=3000, acked=1, pending=1999))
    core.send(heartbeat(NAMES[1], pending=5))
    rates = {ack.agent: ack.replay_rate for ack in core.acks.take(1)}
    assert rates == {name: EACH, NAMES[1]: TOTAL * SPARE // 40}
    assert has_backlog(core.board.agents[name])


def test_a_late_fleet_is_seen_in_the_ages_of_its_batches() -> None:
    core = Core()
    watch = Oversight(core.board, Condition(NOW.wall))
    watch.look(NOW.mono)
    watch.budget.grant("par-01", has_backlog=True)
    core.send(heartbeat(pending=5000))
    core.board.agents["par-01"].arrived(4.0)
    watch.look(NOW.mono + 1)
    assert watch.budget.rate == TOTAL / 2
    watch.look(NOW.mono + 3)
    assert watch.budget.rate > TOTAL / 2, "the ages of a look count once"


def test_who_is_gone_leaves_its_share_to_the_others() -> None:
    core = Core()
    watch = Oversight(core.board, Condition(NOW.wall))
    core.send(heartbeat(pending=5000))
    assert watch.get("par-01") == EACH
    assert watch.budget.outstanding == EACH
    watch.look(NOW.mono + 100)
    assert watch.budget.outstanding == 0


def test_an_agent_that_the_configuration_dropped_is_granted_nothing() -> None:
    board = Board(assignment(agents=("par-01",)))
    assert Oversight(board, Condition(NOW.wall)).get("fra-01") is None
