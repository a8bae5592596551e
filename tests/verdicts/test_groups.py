"""Which groups are named, and what is no member of one."""

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.groups import narrowed, unrelated, weighed
from vedette_collector.verdicts.score import DEFAULTS
from verdicts.fleet_helpers import Play, fleet


def test_four_probes_that_are_ok_do_not_exonerate_their_network() -> None:
    """All of one network: had it been part of the fault, fewer than six failures would be missing."""
    play = Play(fleet(networks=6))
    play.fail(probe for probe in play.probes("t4:ipv") if not probe[0].startswith("a5"))
    assert play.found() == ["target:t4"]


def test_what_goes_through_two_of_a_group_is_counted_once() -> None:
    base = fleet(networks=8)
    both = (Entity(Kind.TRANSIT, "AS1"), Entity(Kind.TRANSIT, "AS2"))
    others = (Entity(Kind.TRANSIT, "AS3"),)
    pairs = {
        (agent, check): both if agent < "a2" else others
        for check in base.checks
        if ":ipv" in check
        for agent in base.agents
    }
    play = Play(replace(base, pairs=pairs))
    failing = [probe for probe in play.probes("t4:ipv") if probe[0] < "a2"]
    play.fail(failing)
    sample = play.sample()
    target = sample.index.number(Entity(Kind.TARGET, "t4"))
    assert target is not None
    whole = weighed(sample, ((target,),), DEFAULTS.repeated_noise)
    found = list(narrowed(sample, whole, DEFAULTS.repeated_noise, DEFAULTS))
    assert {(each.failed, each.total) for each in found} == {(len(failing), len(failing))}


def test_networks_that_go_dark_at_other_times_are_no_group() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.PROVIDER_NETWORK, f"AS{number // 2}")]

    play = Play(fleet(targets=24, more=more))
    for number in (4, 5):
        play.fail(play.probes(f"t{number}:ipv"))
    play.look(400.0)
    for number in (14, 15):
        play.fail(play.probes(f"t{number}:ipv"))
    assert not any("+" in each for each in play.found())


def test_what_fails_no_more_than_chance_is_no_member_of_a_group() -> None:
    play = Play(fleet(targets=60))
    for network in ("a1", "a3"):
        play.fail(probe for probe in play.probes(agent=network) if ":ipv" in probe[1])
    play.fail(play.probes("t4:ipv", "a2-0"))  # 2 of the 240 of this network
    sample = play.sample()
    names = {
        sample.index.entities[entity].name
        for each in unrelated(sample, DEFAULTS.repeated_noise, DEFAULTS)
        for entity in each.parts[0]
    }
    assert {"net-1", "net-3"} <= names
    assert "net-2" not in names


def test_a_second_network_in_which_it_may_be_chance_is_no_second_witness() -> None:
    """One agent cannot say whether it is the name servers: two failures elsewhere do not make it two."""
    play = Play(fleet(networks=8, per_network=1, targets=24))
    names = play.probes("t4:dns", "a0") + play.probes("t5:dns", "a0")
    play.fail(names[:5], "dns.timeout")
    play.fail(play.probes("t4:dns:own", "a3"), "dns.timeout")
    assert [(str(each.component), each.certainty) for each in play.look().findings] == [
        ("authority_dns:auth-2 & agent:a0-0", "insufficient")
    ]


def test_no_host_class_has_a_control_plane() -> None:
    def more(number: int) -> list[Entity]:
        plane = Entity(Kind.PLANE, "control" if number in (3, 4) else "data")
        return [plane, Entity(Kind.HOST_CLASS, "linux" if number in (3, 4, 6, 7, 8) else "windows")]

    play = Play(fleet(more=more))
    play.fail(probe for number in (3, 4) for probe in play.probes(f"t{number}:ipv"))
    assert play.found() == ["plane:control & provider:p1"]


def test_a_conjunction_is_found_though_something_else_explains_more_by_itself() -> None:
    """A plane is never narrowed, and here it comes before the product that is."""

    def more(number: int) -> list[Entity]:
        plane = Entity(Kind.PLANE, "control" if number in (0, 3, 6) else "data")
        return [plane, Entity(Kind.PRODUCT, "queue" if number in (0, 1, 3, 4) else "store")]

    play = Play(fleet(more=more))
    play.fail(probe for number in (0, 3) for probe in play.probes(f"t{number}:ipv"))
    assert play.found() == ["plane:control & product:queue"]


def test_one_look_finds_at_most_eight_of_a_track() -> None:
    play = Play(fleet(targets=36))
    for number in range(0, 36, 3):  # each in a way of its own, so that they are no group
        play.fail(play.probes(f"t{number}:ipv"), f"http.{'x' * (number + 1)}")
    play.now = max(play.now, play.engine.next_at or 0.0)
    assert len(play.look(2.0).findings) == 8


def test_what_is_slow_in_tls_is_no_fault_of_a_chain() -> None:
    def more(number: int) -> list[Entity]:
        return [Entity(Kind.CA_CHAIN, "old" if number in (1, 5, 9) else "new")]

    play = Play(fleet(more=more))
    play.fail((probe for n in (1, 5, 9) for probe in play.probes(f"t{n}:ipv")), "tls.slow")
    assert play.found() == ["target:t1", "target:t5", "target:t9"]


@pytest.mark.parametrize(
    ("linux", "found"), [(12, ["target:t1", "target:t7"]), (5, ["target:t1+t7 & host_class:linux"])]
)
def test_what_most_targets_have_is_nothing_that_two_of_them_share(linux: int, found: list[str]) -> None:
    """Of a few with it, two are not two at random."""
    has = {1, 7, *range(10, 8 + linux)}
    play = Play(
        fleet(targets=20, more=lambda n: [Entity(Kind.HOST_CLASS, "linux" if n in has else f"other-{n}")])
    )
    play.fail([*play.probes("t1:ipv"), *play.probes("t7:ipv")])
    assert sorted(play.found()) == found


@pytest.mark.parametrize(
    ("failing", "found"),
    [(("t1", "t9"), ["target:t1", "target:t9"]), (("t0", "t1", "t8", "t9"), ["provider_network:AS0+AS4"])],
)
def test_a_network_of_which_one_target_fails_is_this_target(
    failing: tuple[str, ...], found: list[str]
) -> None:
    """Two networks that began to fail at once are one fault; two targets are two."""
    play = Play(fleet(targets=24, more=lambda n: [Entity(Kind.PROVIDER_NETWORK, f"AS{n // 2}")]))
    for target in failing:
        play.fail(play.probes(f"{target}:ipv"))
    assert sorted(play.found()) == found
