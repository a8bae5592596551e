"""Which packet leaves when, and what a hop is, without a network."""

import pytest

from vedette_agent.path.walk import MAX_PACKETS, Heard, Packet, Walk, What

TARGET = "192.0.2.9"


def router(ttl: int) -> str:
    return f"198.51.100.{ttl}"


def heard(number: int | None, address: str, what: What = "exceeded", seconds: float = 0.01) -> Heard:
    return Heard(number, address, what, seconds)


def sent(walk: Walk, now: float = 0.0) -> list[Packet]:
    packets = []
    while (packet := walk.due(now)) is not None:
        packets.append(packet)
    return packets


def walked(walk: Walk, length: int, silent: frozenset[int] = frozenset(), until: float = 100.0) -> float:
    """Answers as a path of *length* hops does, until the walk is over; the time that it took."""
    now = 0.0
    while not walk.is_over and now < until:
        for number, ttl in sent(walk, now):
            if ttl >= length and length not in silent:
                walk.heard(heard(number, TARGET, "reached"), now)
            elif ttl < length and ttl not in silent:
                walk.heard(heard(number, router(ttl)), now)
        expires = walk.expires
        now = now if expires is None else expires
    return now


def test_a_path_is_walked_to_the_target_and_no_hop_behind_it_is_told() -> None:
    walk = Walk(1, 30, 2, 1.0, 4)
    assert walked(walk, 5) == 0.0
    assert [hop.address for hop in walk.hops()] == [*map(router, range(1, 5)), TARGET]
    assert walk.is_reached
    assert all(hop.sent == len(hop.answers) == 2 for hop in walk.hops())


def test_six_packets_are_in_flight_and_no_more() -> None:
    walk = Walk(1, 30, 2, 1.0, 4)
    assert [packet.ttl for packet in sent(walk)] == [1, 1, 2, 2, 3, 3]
    walk.heard(heard(0, router(1)), 0.1)
    assert [packet.ttl for packet in sent(walk, 0.1)] == [4]


def test_the_target_is_the_lowest_hop_limit_at_which_it_answers() -> None:
    """All six were in flight when the target, two hops away, answered the last of them first."""
    walk = Walk(1, 30, 1, 1.0, 4)
    packets = sent(walk)
    for number, ttl in reversed(packets):
        what: What = "reached" if ttl >= 2 else "exceeded"
        walk.heard(heard(number, TARGET if ttl >= 2 else router(1), what), 0.1)
    assert [hop.address for hop in walk.hops()] == [router(1), TARGET]
    assert walk.is_over
    assert walk.packets == 6


def test_a_hop_in_the_middle_may_be_silent() -> None:
    walk = Walk(1, 30, 1, 1.0, 2)
    assert walked(walk, 5, frozenset({2})) == 1.0
    assert [hop.address for hop in walk.hops()] == [router(1), None, router(3), router(4), TARGET]


def test_silence_ends_the_walk_after_so_many_hops() -> None:
    """Two hops answer, and four more are asked: not all thirty."""
    walk = Walk(1, 30, 1, 1.0, 4)
    walked(walk, 9, frozenset(range(3, 10)))
    assert [hop.address for hop in walk.hops()] == [router(1), router(2)]
    assert not walk.is_reached
    assert walk.is_over
    assert walk.packets <= 2 + 4 + 6


def test_a_refusal_ends_the_walk() -> None:
    walk = Walk(1, 30, 1, 1.0, 4)
    packets = sent(walk)
    walk.heard(heard(packets[0].number, router(1)), 0.0)
    walk.heard(heard(packets[1].number, router(2), "unreachable"), 0.0)
    assert walk.is_over
    assert not walk.is_reached
    assert walk.refusal is not None
    assert walk.hops()[0].place == router(1)
    assert walk.hops()[1].place is None  # it refuses whatever the hop limit is


def test_no_more_than_the_last_hop_is_asked_and_never_more_than_a_hundred_packets() -> None:
    walk = Walk(1, 30, 3, 1.0, 30)
    walked(walk, 99, frozenset(range(2, 99, 2)))
    assert walk.packets == 90 <= MAX_PACKETS
    assert max(hop.ttl for hop in walk.hops()) == 29
    endless = Walk(1, 30, 200, 1.0, 30)
    walked(endless, 99)
    assert endless.packets == MAX_PACKETS


def test_a_late_answer_and_one_to_nothing_are_ignored() -> None:
    walk = Walk(1, 30, 1, 1.0, 4)
    first = sent(walk)[0]
    walk.heard(heard(first.number, router(1)), 1.5)
    walk.heard(heard(77, router(1)), 1.5)
    assert walk.hops() == []


def test_an_answer_that_does_not_say_to_what_makes_the_walk_go_one_by_one() -> None:
    """What was in flight runs out and is asked again; then each answer belongs to the one that is out."""
    walk = Walk(1, 30, 1, 1.0, 6)
    assert len(sent(walk)) == 6
    walk.heard(heard(None, router(1)), 0.1)
    assert sent(walk, 0.2) == []
    walk.heard(heard(None, router(2)), 0.3)
    assert walk.hops() == []
    now = 1.0
    for ttl in range(1, 9):
        [packet] = sent(walk, now)
        assert packet.ttl == ttl
        walk.heard(heard(None, TARGET, "reached") if ttl >= 3 else heard(None, router(ttl)), now)
    assert sent(walk, now) == []  # with the end six hops, which may be silent
    assert walk.hops() == []
    assert sent(walk, now + 1.0) == []
    assert [hop.address for hop in walk.hops()] == [router(1), router(2), TARGET]
    assert walk.is_over


def alone(silence: int = 4, tries: int = 1) -> Walk:
    """One packet is in flight at a time."""
    return Walk(1, 30, tries, 1.0, silence, window=1)


def test_a_forged_answer_does_not_take_the_place_of_the_true_one() -> None:
    """The forger is faster at each hop. What quotes the packet comes 0.1 s later, and counts."""
    walk = alone()
    now = 0.0
    for ttl in range(1, 4):
        [packet] = sent(walk, now)
        walk.heard(heard(None, "203.0.113.66"), now)
        now += 0.1
        is_target = ttl == 3
        answer = heard(
            packet.number, TARGET if is_target else router(ttl), "reached" if is_target else "exceeded"
        )
        walk.heard(answer, now)
    assert walk.is_over
    assert [hop.address for hop in walk.hops()] == [router(1), router(2), TARGET]


@pytest.mark.parametrize("what", ["reached", "unreachable"])
def test_a_forged_end_is_none_when_the_path_goes_on(what: What) -> None:
    """At the second hop, which is silent, somebody says that here is the end. The third answers."""
    walk = alone()
    now = 0.0
    for ttl in range(1, 5):
        [packet] = sent(walk, now)
        assert packet.ttl == ttl
        if ttl == 2:
            walk.heard(heard(None, TARGET, what), now)
        else:
            is_target = ttl == 4
            answer = heard(
                packet.number, TARGET if is_target else router(ttl), "reached" if is_target else "exceeded"
            )
            walk.heard(answer, now)
        now += 0.1
    assert sent(walk, 2.0) == []
    assert walk.is_over
    assert [hop.address for hop in walk.hops()] == [router(1), None, router(3), TARGET]


@pytest.mark.parametrize("what", ["reached", "unreachable"])
def test_a_forged_end_is_none_either_when_the_target_is_silent(what: What) -> None:
    """The second hop is silent but for the forger, the third answers, and nobody behind it does."""
    walk = alone()
    now = 0.0
    while not walk.is_over:
        for number, ttl in sent(walk, now):
            if ttl == 2:
                walk.heard(heard(None, TARGET, what), now)
            elif ttl in (1, 3):
                walk.heard(heard(number, router(ttl)), now)
        now += 0.5
    assert [hop.address for hop in walk.hops()] == [router(1), None, router(3)]
    assert not walk.is_reached
    assert walk.refusal is None


def test_of_two_answers_at_one_hop_the_sure_one_is_told() -> None:
    walk = alone(tries=2, silence=1)
    sent(walk)
    walk.heard(heard(None, "203.0.113.66"), 0.1)
    [second] = sent(walk, 0.1)
    sent(walk, 1.05)  # the first stands by now
    walk.heard(heard(second.number, router(1)), 1.05)
    assert [hop.address for hop in walk.hops()] == [router(1)]


def test_when_time_is_up_what_is_doubted_stands() -> None:
    walk = alone()
    for ttl in range(1, 4):
        sent(walk)
        walk.heard(heard(None, TARGET, "reached") if ttl == 3 else heard(None, router(ttl)), 0.1)
    assert not walk.is_reached
    walk.time_is_up()
    assert walk.is_reached
    assert [hop.address for hop in walk.hops()] == [router(1), router(2), TARGET]
