"""What just the same probes go through is named beside a verdict, at every look."""

import pytest

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.twins import twins
from vedette_collector.verdicts.words import headline
from verdicts.fleet_helpers import Play, fleet


def test_the_other_things_that_hold_the_same_probes_are_told_at_every_look() -> None:
    """t18 is alone in its provider. Whether both clear a bar in that look is no matter."""
    play = Play(fleet(networks=3, per_network=1, targets=19))
    for _ in range(20):
        play.fail(play.probes("t18:ipv4"))
        for _ in range(30):
            for each in play.look().findings:
                if str(each.component) == "target:t18 & address_family:ipv4":
                    told = [str(other) for other in each.alternatives]
                    assert told == ["provider:p6 & address_family:ipv4"]
    (incident,) = play.engine.incidents.open()
    assert headline(incident).startswith("Target t18 over IPv4 or provider p6 over IPv4: ")


@pytest.mark.parametrize("kind", [Kind.PROVIDER_NETWORK, Kind.PRODUCT])
def test_a_group_has_twins_as_well(kind: Kind) -> None:
    play = Play(fleet(networks=5, per_network=1, targets=20, more=lambda n: [Entity(kind, f"x{n}")]))
    for number in (4, 7):
        play.fail(play.probes(f"t{number}:ipv"))
    found = play.look().findings
    told = {str(each.component): [str(other) for other in each.alternatives] for each in found}
    assert told == {f"target:t{number}": [f"{kind}:x{number}"] for number in (4, 7)}
    for number in (0, 10):
        play.fail(play.probes(f"t{number}:ipv"))
    (each,) = play.look().findings
    assert str(each.component) == "target:t0+t10+t4+t7"
    assert [str(other) for other in each.alternatives] == [f"{kind}:x0+x10+x4+x7"]


def test_what_every_probe_goes_through_is_no_reading() -> None:
    play = Play(fleet(networks=1, per_network=4, targets=20))
    play.fail(play.probes("t4:ipv") + play.probes("t5:ipv"))
    for each in play.look().findings:
        assert "net-0" not in " ".join(map(str, (*each.alternatives, *each.rivals)))


def test_agents_are_no_group_in_place_of_their_networks() -> None:
    """All fails that three networks of one agent each look at: a page, and no matter of three hosts."""
    play = Play(fleet(networks=3, per_network=1, targets=6))
    play.fail([each for each in play.probes() if ":ipv" in each[1]])
    play.look(5.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["page"]


def test_where_all_fails_alike_nothing_is_a_rival() -> None:
    play = Play(fleet(networks=3, per_network=1, targets=6))
    play.fail([each for each in play.probes() if ":ipv" in each[1]])
    assert [each.rivals for each in play.look().findings] == [()]


def test_a_plane_is_no_reading_of_its_only_target() -> None:
    play = Play(fleet(more=lambda n: [Entity(Kind.PLANE, "control")] if n == 4 else []))
    play.fail(play.probes("t4:ipv"))
    assert play.finding("target:t4").alternatives == ()


def test_no_part_is_replaced_by_one_of_the_kind_of_another() -> None:
    """Two of a kind would read as a group: what goes through either."""
    depends = {4: ("db", "cache"), 5: ("db",), 6: ("cache",)}
    play = Play(fleet(more=lambda n: [Entity(Kind.DEPENDENCY, name) for name in depends.get(n, ())]))
    index = play.engine.tracker.index
    target, db, cache = (
        index.number(each)
        for each in (
            Entity(Kind.TARGET, "t4"),
            Entity(Kind.DEPENDENCY, "db"),
            Entity(Kind.DEPENDENCY, "cache"),
        )
    )
    assert target is not None
    assert db is not None
    assert cache is not None
    assert twins(index, "connection", ((target,), (db,)), [(target, db, cache)]) == [((target,), (cache,))]
