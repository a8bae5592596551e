"""What was said once stays said, until something else explains clearly more: chance changes no headline."""

import random

import pytest

from vedette_collector.verdicts import scan
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.engine import MOST_NAMED
from vedette_collector.verdicts.groups import weighed
from vedette_collector.verdicts.members import Parts
from vedette_collector.verdicts.sample import Candidate, Sample, named
from vedette_collector.verdicts.score import DEFAULTS
from vedette_collector.verdicts.tracker import State
from verdicts.fleet_helpers import Play, fleet

NOISE = DEFAULTS.repeated_noise
P1 = ("t3:ipv", "t4:ipv", "t5:ipv")


def _best(sample: Sample[State], *blamed: Parts) -> Candidate:
    found = scan.best(sample, NOISE, DEFAULTS, blamed)
    assert found is not None
    return found.chosen


def _failing(**counts: int) -> Play:
    """So many of the 40 connections to each of these targets fail."""
    play = Play(fleet(networks=10))
    for target, count in counts.items():
        play.fail(_some(play, f"{target}:ipv", count))
    return play


def _parts(play: Play, kind: Kind, name: str) -> Parts:
    number = play.engine.tracker.index.number(Entity(kind, name))
    assert number is not None
    return ((number,),)


def _some(play: Play, check: str, count: int) -> list[tuple[str, str]]:
    return random.Random(check).sample(play.probes(check), count)


def _names_that_fail(count: int, seed: int = 1) -> Play:
    """*count* probes of the two names of auth-2 fail, and one of the third name of their provider."""
    play = Play(fleet(networks=10))
    probes = play.probes("t4:dns") + play.probes("t5:dns")
    random.Random(seed).shuffle(probes)
    play.fail(probes[:count], "dns.servfail")
    play.fail(play.probes("t3:dns:own", "a3-1"), "dns.servfail")
    return play


@pytest.mark.parametrize(("share", "seed"), [(0.2, 2), (0.3, 1), (0.3, 2), (0.3, 3)])
def test_a_partial_fault_is_told_without_a_gap_by_one_name(share: float, seed: int) -> None:
    """Of what fails once in five times or three, the newest results show sometimes enough, sometimes not."""
    chance = random.Random(seed)
    play = Play(fleet(networks=10, targets=24))
    play.recover(play.probes())
    play.look(400.0)
    probes = [probe for each in P1 for probe in play.probes(each)]
    said: list[list[str]] = []
    for _ in range(25):
        chance.shuffle(probes)
        for begin in range(0, len(probes), 20):
            for agent, check in probes[begin : begin + 20]:
                is_bad, is_bad_again = chance.random() < share, chance.random() < share
                play.say(agent, check, "tcp.timeout" if is_bad else "")
                if is_bad:
                    play.say(agent, check, "tcp.timeout" if is_bad_again else "", attempt=2)
            said.append(play.found(5.0))
    first = next(place for place, found in enumerate(said) if found)
    assert first < 15
    assert all("provider:p1" in found for found in said[first:])


@pytest.mark.parametrize("count", [22, 28])
def test_two_failures_beside_many_do_not_make_a_component_larger(count: int) -> None:
    """Whether the larger one explains a bit more, or a bit less."""
    play = Play(fleet(networks=10, more=lambda number: [Entity(Kind.PRODUCT, f"q{3 <= number <= 5}")]))
    probes = play.probes("t4:dns") + play.probes("t5:dns")
    random.Random(1).shuffle(probes)
    play.fail(probes[:count], "dns.servfail")
    play.fail([("a3-1", "t3:dns:own"), ("a2-1", "t3:dns:res-1")], "dns.servfail")
    sample = play.sample("dns")
    authority, product = (
        weighed(sample, _parts(play, kind, name), NOISE)
        for kind, name in ((Kind.AUTHORITY, "auth-2"), (Kind.PRODUCT, "qTrue"))
    )
    assert abs(authority.score - product.score) < DEFAULTS.tie
    assert (authority.score > product.score) is (count == 28)
    assert _best(sample).parts == authority.parts


def test_what_fails_too_seldom_twice_is_told_for_how_often_it_fails_once() -> None:
    """Of 960 probes one in eight: 2 % of them fail twice in a row."""
    chance = random.Random(3)
    play = Play(fleet(networks=30, targets=24, more=lambda number: [Entity(Kind.PRODUCT, f"q{number // 8}")]))
    play.recover(play.probes())
    play.look(400.0)
    probes = [probe for number in range(8) for probe in play.probes(f"t{number}:ipv")]
    said: list[list[str]] = []
    for _ in range(6):
        for begin in range(0, len(probes), 80):
            for agent, check in probes[begin : begin + 80]:
                is_bad, is_bad_again = chance.random() < 0.12, chance.random() < 0.12
                play.say(agent, check, "tcp.timeout" if is_bad else "")
                if is_bad:
                    play.say(agent, check, "tcp.timeout" if is_bad_again else "", attempt=2)
            said.append(play.found(2.5))
    first = next(place for place, found in enumerate(said) if found)
    assert first < 20
    assert said[first:] == [["product:q0"]] * (len(said) - first)


def test_one_failure_by_chance_beside_it_does_not_make_a_component_larger() -> None:
    play = _names_that_fail(16, seed=2)
    sample = play.sample("dns")
    authority, provider = (
        weighed(sample, _parts(play, kind, name), NOISE)
        for kind, name in ((Kind.AUTHORITY, "auth-2"), (Kind.PROVIDER, "p1"))
    )
    assert abs(authority.score - provider.score) < DEFAULTS.tie
    assert str(named(sample.index, _best(sample).parts)) == "authority_dns:auth-2"


def test_where_many_fail_beside_it_it_is_all_of_them() -> None:
    """A fifth as often as the one that fails most: too much for chance."""
    play = Play(fleet(networks=10))
    for number, count in ((4, 20), (5, 5), (3, 4)):
        play.fail(_some(play, f"t{number}:ipv", count))
    sample = play.sample("connection")
    assert str(named(sample.index, _best(sample).parts)) == "provider:p1"


def test_what_was_blamed_stays_until_another_is_clearly_better() -> None:
    play = _names_that_fail(16)
    sample = play.sample("dns")
    provider = _parts(play, Kind.PROVIDER, "p1")
    assert _best(sample).parts != provider
    assert _best(sample, provider).parts == provider

    play = _names_that_fail(30)
    sample = play.sample("dns")
    assert weighed(sample, provider, NOISE).score < _best(sample).score - DEFAULTS.narrower
    assert _best(sample, provider).parts != provider


def test_what_was_blamed_does_not_stand_for_failures_of_something_else() -> None:
    play = Play(fleet(networks=10))
    play.fail(_some(play, "t4:ipv", 12))
    play.fail(_some(play, "t9:ipv", 13))
    sample = play.sample("connection")
    other = _parts(play, Kind.TARGET, "t4")
    assert weighed(sample, other, NOISE).score > _best(sample).score - DEFAULTS.narrower
    assert str(named(sample.index, _best(sample, other).parts)) == "target:t9"


def test_what_was_blamed_goes_on_with_less_evidence_than_it_took_to_begin() -> None:
    play = Play(fleet(networks=8))
    play.fail(play.probes("t4:ipv")[:5])
    sample = play.sample("connection")
    target = _parts(play, Kind.TARGET, "t4")
    surprise = weighed(sample, target, NOISE).surprise
    assert scan.GOING_ON * DEFAULTS.threshold < surprise < DEFAULTS.threshold
    assert scan.best(sample, NOISE, DEFAULTS) is None
    assert _best(sample, target).parts == target

    play.recover(play.probes("t4:ipv")[:1])
    assert scan.best(play.sample("connection"), NOISE, DEFAULTS, [target]) is None


def test_what_was_blamed_goes_on_with_half_of_the_effect() -> None:
    one = Candidate(parts=((1,),), failed=22, total=1000.0, score=20.0, surprise=30.0)
    assert not scan.is_worth_telling(one, 0.002, DEFAULTS)
    assert scan.is_worth_telling(one, 0.002, DEFAULTS, [one.parts])
    assert not scan.is_worth_telling(one, 0.002, DEFAULTS, [((2,),)])
    assert not scan.is_worth_telling(one._replace(failed=16), 0.002, DEFAULTS, [one.parts])


def test_one_cause_has_one_name_in_all_its_tracks() -> None:
    """Names of p1 fail too seldom to be told apart from those of its neighbour by themselves."""
    play = Play(fleet(more=lambda number: [Entity(Kind.PRODUCT, "q1" if 3 <= number <= 6 else "q2")]))
    for each in P1:
        play.fail(play.probes(each))
    assert play.found() == ["provider:p1"]
    for number, count in ((3, 4), (4, 4), (5, 4), (6, 1)):
        play.fail(_some(play, f"t{number}:dns", count), "dns.servfail")
    sample = play.sample("dns")
    assert str(named(sample.index, _best(sample).parts)) == "product:q1"
    assert play.found() == ["provider:p1"]


def test_what_an_incident_named_before_it_fell_quiet_is_named_again() -> None:
    play = Play(fleet(networks=10))
    names = [probe for number in (3, 4, 5) for probe in play.probes(f"t{number}:dns")]
    play.fail(names, "dns.servfail")
    assert play.found(20.0) == ["provider:p1"]
    play.recover(names)
    assert play.found(60.0) == []
    assert [each.state for each in play.engine.incidents.open()] == ["quiet"]
    probes = play.probes("t4:dns") + play.probes("t5:dns")
    random.Random(1).shuffle(probes)
    play.fail(probes[:16], "dns.servfail")
    play.fail(play.probes("t3:dns:own", "a3-1"), "dns.servfail")
    assert str(named(play.engine.tracker.index, _best(play.sample("dns")).parts)) == "authority_dns:auth-2"
    assert play.found() == ["provider:p1"]


@pytest.mark.parametrize(
    ("others", "settled", "found"),
    [
        ({"t4": 9, "t5": 5, "t3": 4}, False, "provider:p1"),
        ({"t4": 9, "t5": 5, "t3": 4}, True, None),
        ({"t4": 12, "t5": 5, "t3": 4}, True, "target:t4"),
        ({"t4": 9, "t5": 9, "t3": 9}, True, "provider:p1"),
        ({"t9": 15}, True, "target:t9"),
    ],
    ids=["as a whole", "alone too few", "the old alone", "alone enough", "nothing of the old"],
)
def test_what_reaches_beyond_an_old_incident_must_be_convincing_without_it(
    others: dict[str, int], settled: bool, found: str | None
) -> None:
    play = _failing(**others)
    sample = play.sample("connection")
    old = [_parts(play, Kind.TARGET, "t4")]
    best = scan.best(sample, 0.02, DEFAULTS, old, old if settled else ())
    assert (best and str(named(sample.index, best.chosen.parts))) == found
    if best is not None:
        assert best.close == []


def test_what_explains_nearly_as_much_is_a_rival() -> None:
    """Until a few more failures tell, whichever of both explains more."""
    told = []
    for one, other in ((8, 2), (8, 3), (8, 4)):
        play = _failing(t4=one, t5=other)
        (found,) = play.look().findings
        told.append((str(found.component), found.certainty, [str(each) for each in found.rivals]))
    assert told == [
        ("target:t4", "ambiguous", ["provider:p1"]),
        ("provider:p1", "ambiguous", ["target:t4"]),
        ("provider:p1", "certain", []),
    ]


def test_each_of_two_agents_is_no_rival_of_the_target_that_both_see_down() -> None:
    """Each has exactly half of the failures; a doubt about the prober would make a ticket of a page."""
    play = Play(fleet(networks=2, per_network=1, targets=1))
    play.fail(play.probes("t0:ipv"))
    found = play.finding("target:t0")
    assert found.rivals == ()
    play.look(5.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["page"]


@pytest.mark.parametrize("targets", [6, 9, 12, 18])
def test_what_is_blamed_already_may_go_on_beside_an_old_incident(targets: int) -> None:
    """Its provider fails, an hour after one target began to, and then less and less of it."""
    play = Play(fleet(networks=10, targets=targets))
    for name, count in (("t4", 9), ("t5", 5), ("t3", 4)):
        play.fail(_some(play, f"{name}:ipv", count))
    sample = play.sample("connection")
    target, provider = _parts(play, Kind.TARGET, "t4"), _parts(play, Kind.PROVIDER, "p1")
    best = scan.best(sample, 0.02, DEFAULTS, [target, provider], [target])
    assert best is not None
    assert best.chosen.parts == provider


def test_what_the_same_probes_go_through_is_told_though_it_costs_more() -> None:
    """Of more targets than products one was chosen, so that the target alone were not convincing yet."""
    play = Play(fleet(networks=10, targets=40, more=lambda n: [Entity(Kind.PRODUCT, "q")] if n == 4 else []))
    play.fail(_some(play, "t4:ipv", 6))
    sample = play.sample("connection")
    target, product = (
        weighed(sample, _parts(play, kind, name), NOISE)
        for kind, name in ((Kind.TARGET, "t4"), (Kind.PRODUCT, "q"))
    )
    assert target.surprise < DEFAULTS.threshold < product.surprise
    found = scan.best(sample, NOISE, DEFAULTS)
    assert found is not None
    assert found.chosen.parts == target.parts
    assert [str(each) for each in play.finding("target:t4").alternatives] == ["product:q"]
    assert (found.chosen.score, found.chosen.surprise) == (product.score, product.surprise)


def test_a_group_may_grow_within_what_an_old_incident_names() -> None:
    """One more of its targets, or of the resolvers through which a zone fails, is no other incident."""
    play = _failing(t4=9, t5=5, t3=4)
    sample = play.sample("connection")
    provider = _parts(play, Kind.PROVIDER, "p1")
    best = scan.best(sample, 0.02, DEFAULTS, (), [(*provider, *_parts(play, Kind.TARGET, "t4"))])
    assert best is not None
    assert best.chosen.parts == provider


def test_what_crosses_an_old_incident_does_not_grow_out_of_it() -> None:
    """A region that was down is up again; a target that fails everywhere fails there as well."""
    play = Play(fleet(networks=3, per_network=1))
    play.fail(play.probes("t9:ipv"))
    sample = play.sample("connection")
    west = _parts(play, Kind.REGION, "west")
    assert (sample.failed, sample.failed_of(west)) == (6, 4)
    best = scan.best(sample, NOISE, DEFAULTS, (), [west])
    assert best is not None
    assert str(named(sample.index, best.chosen.parts)) == "target:t9"


def test_a_part_of_what_an_old_incident_names_needs_nothing_beyond_it() -> None:
    """One of two targets of a provider that was down."""
    play = Play(fleet(networks=10, targets=14))
    play.fail(_some(play, "t12:ipv", 20))
    sample = play.sample("connection")
    best = scan.best(sample, NOISE, DEFAULTS, (), [_parts(play, Kind.PROVIDER, "p4")])
    assert best is not None
    assert str(named(sample.index, best.chosen.parts)) == "target:t12"


@pytest.mark.parametrize(
    ("seconds", "lull", "others", "found", "incidents"),
    [
        (600.0, 60.0, 2, "provider:p1", 1),
        (3700.0, 60.0, 2, "target:t4", 1),
        (3700.0, 60.0, 6, "provider:p1", 2),
        (3700.0, 1500.0, 2, "provider:p1", 2),
    ],
    ids=["young", "by chance", "larger by itself", "over"],
)
def test_an_incident_older_than_an_hour_does_not_grow_by_chance(
    seconds: float, lull: float, others: int, found: str, incidents: int
) -> None:
    """In its first hour it is the same incident that turns out larger, after that another one."""
    play = Play(fleet(networks=10))
    target = play.probes("t4:ipv")
    for _ in range(int(seconds / 30)):
        play.fail(target, times=1)
        play.look(30.0)
    play.recover(target)
    play.look(lull)
    for name, count in (("t4", 6), ("t5", others + 1), ("t3", others)):
        play.fail(_some(play, f"{name}:ipv", count))
    assert play.found(20.0) == [found]
    assert len(play.engine.incidents.open()) == incidents


@pytest.mark.parametrize(("seconds", "found"), [(600.0, "provider:p1"), (3700.0, "target:t4")])
def test_neither_does_one_of_which_first_attempts_fail(seconds: float, found: str) -> None:
    play = Play(fleet(networks=10, targets=36))
    play.recover(play.probes())
    play.look(400.0)
    for _ in range(int(seconds / 30)):
        play.flake(play.probes("t4:ipv")[::2])
        play.look(30.0)
    assert play.found(330.0) == []
    failing = [_some(play, f"{name}:ipv", count) for name, count in (("t4", 20), ("t5", 8), ("t3", 7))]
    for begin in (0, 1):
        for probes in failing:
            play.flake(probes[begin::2])
        play.look(20.0)
    assert play.found() == [found]


def test_of_many_incidents_a_few_are_looked_at_first() -> None:
    play = Play(fleet(targets=90))
    for number in range(0, 60, 3):
        play.fail(play.probes(f"t{number}:ipv"))
        play.look(10.0)
        play.recover(play.probes(f"t{number}:ipv"))
        play.look(30.0)
    assert len(play.engine.incidents.open()) == 20
    assert len(play.engine.named) == MOST_NAMED
