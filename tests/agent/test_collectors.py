"""Whose ack makes an agent send again, and how often at most."""

from vedette_agent.delivery.collectors import REPEAT_SECONDS, Collectors


def repeats(*acks: tuple[float, str]) -> list[float]:
    """When something is sent again, of these (time, id)."""
    collectors = Collectors()
    return [at for at, collector in acks if collectors.is_new(collector, at)]


def test_the_first_ack_under_an_id_is_the_sign() -> None:
    assert repeats((0.0, "a"), (1.0, "a"), (100.0, "a"), (200.0, "b"), (300.0, "b")) == [0.0, 200.0]


def test_a_stranger_that_comes_too_soon_has_its_turn_later() -> None:
    """Three seconds after another it has to wait, and it is not taken for known when the wait is over."""
    late = REPEAT_SECONDS + 0.5
    assert repeats((0.0, "a"), (3.0, "b"), (4.0, "b"), (late, "b"), (late + 1, "b"), (99.0, "b")) == [
        0.0,
        late,
    ]


def test_two_collectors_that_take_turns_cause_one_repeat_each() -> None:
    """As when they share an agent: both are known soon, and then their acks alternate for ever."""
    turns = [(second, "ab"[second % 2]) for second in range(1000)]
    assert repeats(*((float(at), name) for at, name in turns)) == [0.0, REPEAT_SECONDS + 1]


def test_invented_ids_repeat_no_more_often_than_the_pause_allows() -> None:
    """A new id every 10 ms for 100 s: ten repeats, one of which any true collector finds done for it too."""
    assert len(repeats(*((number / 100, f"forged-{number}") for number in range(10_000)))) == 10


def test_invented_ids_do_not_push_out_the_one_in_use() -> None:
    """For an hour, one every 20 s: the true ones, one a second, never count as a stranger's."""
    true = [(float(second), "true") for second in range(3600)]
    forged = [(at + 0.5, f"forged-{at}") for at in range(10, 3600, 20)]
    assert repeats(*sorted(true + forged)) == [0.0, *(at for at, _ in forged)]


def test_ids_that_are_remembered_are_bounded() -> None:
    collectors = Collectors()
    for number in range(100):
        assert collectors.is_new(f"id-{number}", number * REPEAT_SECONDS)
    assert collectors.is_new("id-0", 100 * REPEAT_SECONDS)


def test_nobody_was_heard_before_the_first_ack() -> None:
    collectors = Collectors()
    assert not collectors
    collectors.is_new("a", 0.0)
    assert collectors
