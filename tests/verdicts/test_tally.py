"""What agents say about one thing counts when it stands, or when two say it."""

import pytest

from vedette_collector.verdicts.tally import HOLD_SECONDS, Tally


def test_what_two_say_counts_at_once_and_is_everybodys() -> None:
    tally = Tally(10, 32)
    assert tally.say(0, "cdn", 0.0)
    assert not tally.settle(0.0)
    assert (tally.shared, list(tally.apart())) == (None, [])
    assert tally.say(1, "cdn", 1.0)
    assert tally.settle(1.0)
    assert (tally.shared, list(tally.apart())) == ("cdn", [])
    assert not tally.say(1, "cdn", 2.0)
    assert not tally.settle(100.0)


def test_what_one_says_of_several_stays_its_own() -> None:
    """However long it stands: what one agent makes up names nothing for others."""
    tally = Tally(10, 32)
    tally.say(3, "forged", 0.0)
    assert not tally.settle(HOLD_SECONDS - 1)
    assert tally.settle(HOLD_SECONDS)
    assert (tally.shared, list(tally.apart())) == (None, [(3, "forged")])


def test_where_one_alone_is_to_see_it_one_is_enough_after_a_minute() -> None:
    tally = Tally(10, 32, least=1)
    tally.say(3, "cdn", 0.0)
    assert not tally.settle(HOLD_SECONDS - 1)
    assert tally.settle(HOLD_SECONDS)
    assert (tally.shared, list(tally.apart())) == ("cdn", [])


def test_more_than_half_make_it_shared_and_the_others_are_told_apart() -> None:
    tally = Tally(5, 32)
    for agent, name in enumerate(["a", "a", "b", "b"]):
        tally.say(agent, name, 0.0)
    tally.settle(0.0)
    assert (tally.shared, list(tally.apart())) == (None, [(0, "a"), (1, "a"), (2, "b"), (3, "b")])
    tally.say(4, "a", 1.0)
    assert tally.settle(1.0)
    assert (tally.shared, list(tally.apart())) == ("a", [(2, "b"), (3, "b")])


def test_that_there_is_none_is_a_word_as_well() -> None:
    tally = Tally(3, 32)
    for agent, name in enumerate([None, None, "cdn"]):
        tally.say(agent, name, 0.0)
    tally.settle(HOLD_SECONDS)
    assert (tally.shared, list(tally.apart())) == (None, [(2, "cdn")])


def test_who_changes_its_mind_with_every_word_changes_nothing() -> None:
    """Two names in turn every 30 s, by one agent or by all at the same moment: the first one stays."""
    for agents in (1, 4):
        tally = Tally(agents, 32, least=min(agents, 2))
        changes = 0
        for step in range(200):
            for agent in range(agents):
                tally.say(agent, "ab"[step % 2] if step > 5 else "a", 30.0 * step)
            changes += tally.settle(30.0 * step)
        assert (tally.shared, changes) == ("a", 1)


def test_each_change_makes_the_next_take_twice_as_long() -> None:
    tally = Tally(1, 32, least=1)
    now, waits = 0.0, []
    for name in "abcdefghijkl":
        tally.say(0, name, now)
        began = now
        while not tally.settle(now):
            now += 10.0
        waits.append(now - began)
    assert waits == [60, 60, 120, 240, 480, 960, 1920, 3840, 7680, 7680, 7680, 7680]


def test_to_say_the_old_name_again_ends_the_wait() -> None:
    tally = Tally(1, 32, least=1)
    tally.say(0, "a", 0.0)
    tally.settle(60.0)
    assert tally.say(0, "b", 100.0)
    assert tally.say(0, "a", 130.0)
    assert not tally.waiting
    assert not tally.settle(1000.0)
    assert tally.shared == "a"


def test_names_are_bounded_and_those_that_nobody_says_make_room() -> None:
    """A target that answers with a new name each time fills 32 places and no more."""
    tally = Tally(40, 32)
    assert [tally.say(agent, f"name-{agent}", 0.0) for agent in range(40)] == [True] * 32 + [False] * 8
    for number in range(1000):
        assert tally.say(0, f"fresh-{number}", 1.0 + number)
    assert len(tally._names) == 34
    tally.settle(5000.0)
    assert dict(tally.each())[0] == "fresh-999"
    assert len(dict(tally.each())) == 32


def test_copies_keep_what_is_known_by_agent() -> None:
    tally = Tally(3, 32)
    for agent, name in enumerate(["a", "a", "b"]):
        tally.say(agent, name, 0.0)
    tally.settle(60.0)
    tally.say(0, "c", 70.0)
    made = tally.copied([2, -1, -1, 0], least=1)
    assert sorted(made.each()) == [(0, "b"), (3, "a")]
    assert made.waiting == {3}
    assert made.settle(130.0)
    assert sorted(made.each()) == [(0, "b"), (3, "c")]


@pytest.mark.parametrize("is_each", [False, True])
def test_a_change_that_nobody_can_see_is_none(is_each: bool) -> None:
    """A third who agrees changes nothing, unless each one is asked for."""
    tally = Tally(3, 32, is_each=is_each)
    tally.say(0, "a", 0.0)
    tally.say(1, "a", 0.0)
    assert tally.settle(0.0)
    tally.say(2, "a", 0.0)
    assert tally.settle(0.0) is is_each
