"""Failures are drawn by jumps: as many as probe after probe would give, and at the same times."""

from pathlib import Path
from random import Random

import pytest

from replay.replay_helpers import scenario, world
from vedette_collector.replay.draw import Failures
from vedette_collector.replay.quorum import Quorum
from vedette_collector.replay.silence import spells, turns


def drawn(rate: float, begin: float, end: float, count: int = 50, seed: int = 3) -> list[tuple[float, int]]:
    offsets = [number * 30.0 / count for number in range(count)]
    stream = Failures(range(count), offsets, rate, 30.0, begin, end, Random(seed))
    found = []
    while stream.at < float("inf"):
        found.append((stream.at, stream.probe))
        stream.advance()
    return found


def test_certain_failure_hits_every_probe_in_every_round() -> None:
    found = drawn(1.0, -60.0, 60.0)
    assert len(found) == 4 * 50
    assert found[0] == (-60.0, 0)
    assert found == sorted(found)
    assert [at for at, probe in found if probe == 7] == pytest.approx([-55.8, -25.8, 4.2, 34.2])


def test_first_round_begins_where_the_phase_does() -> None:
    """A phase that begins in the middle of an interval hits the second half of the probes first."""
    found = drawn(1.0, 15.0, 45.0)
    assert found[0] == (15.0, 25)
    assert len(found) == 50


@pytest.mark.parametrize("rate", [0.01, 0.4])
def test_share_is_that_of_the_phase(rate: float) -> None:
    """20,000 probes: within five standard deviations."""
    found = drawn(rate, 0.0, 30.0 * 400)
    expected = 20_000 * rate
    assert abs(len(found) - expected) < 5 * (expected * (1 - rate)) ** 0.5
    assert len({probe for _, probe in found}) > 40


def test_what_is_too_seldom_to_be_drawn_never_fails() -> None:
    assert drawn(1e-320, 0.0, 86400.0) == []


def test_nothing_fails_without_noise() -> None:
    assert drawn(0.0, 0.0, 1e6) == []


def test_alternating_phase_is_on_in_the_first_half(tmp_path: Path) -> None:
    place = world(tmp_path)
    one = scenario(
        tmp_path,
        "  phases: [{t_offset_min: 8, duration_min: 30, scope: {}, symptom: {layer: http, code: '500'}, "
        "pattern: {kind: alternating, period_min: 10}}]\n"
        "  expected_verdict: [{at_min: 1, kind: none, entity: none}]\n",
        place,
    ).phases[0]
    on = [minute for minute in range(60) if one.is_on(minute * 60.0)]
    assert on == [*range(8, 13), *range(18, 23), *range(28, 33)]


SILENT = (
    "  phases: [{{t_offset_min: 0, duration_min: 60, scope: {{}}, fraction: {}, "
    "symptom: {{layer: agent, code: silent}}}}]\n"
    "  expected_verdict: [{{at_min: 1, kind: none, entity: none}}]\n"
)


def test_silence_is_drawn_anew_every_ten_minutes(tmp_path: Path) -> None:
    place = world(tmp_path)
    half = scenario(tmp_path, SILENT.format(0.5), place).phases[0]
    found = [spell for seed in range(40) for spell in spells(half, Random(seed))]
    assert {begin % 600 for begin, _ in found} == {0.0}
    assert {end % 600 for _, end in found} == {0.0}
    assert 40 * 6 * 0.35 < sum(end - begin for begin, end in found) / 600 < 40 * 6 * 0.65
    whole = scenario(tmp_path, SILENT.format(1.0), place).phases[0]
    assert spells(whole, Random(1)) == [(0.0, 3600.0)]


def test_silent_agent_is_noticed_after_three_and_a_half_heartbeats() -> None:
    mute, gone, back = turns(4, [(100.0, 400.0), (350.0, 700.0)], Random(5))
    assert (mute.what, mute.at) == ("mute", 100.0)
    assert 90.0 <= gone.heard <= 100.0
    assert gone.at == gone.heard + 35.0
    assert 700.0 <= back.at <= 710.0


def test_agent_that_comes_back_soon_was_not_missed() -> None:
    assert [turn.what for turn in turns(0, [(100.0, 110.0)], Random(5))] == ["mute", "back"]


def test_quorum_counts_places_and_not_probes(tmp_path: Path) -> None:
    """Connections have five places (networks); AS1 is one of them with two agents over two families."""
    place = world(tmp_path)
    quorum = Quorum(place)

    def fails(agent: str, failed: int = 1) -> None:
        for family in (4, 6):
            quorum.change(place.numbers[agent, f"web.shop:ipv{family}"], failed, 0, 7.0)

    for agent in ("one-1", "one-2", "two-1"):
        fails(agent)
    assert quorum.alarms.first is None
    fails("three-1")
    assert (quorum.alarms.first, quorum.alarms.targets, quorum.alarms.pages) == (7.0, {"shop"}, 1)
    fails("four-1")
    assert quorum.alarms.pages == 1
    for agent in ("three-1", "four-1"):
        fails(agent, -1)
    fails("five-1")
    assert quorum.alarms.pages == 2


def test_quorum_leaves_out_silent_agents(tmp_path: Path) -> None:
    """Two of three places that are left."""
    place = world(tmp_path)
    quorum = Quorum(place)
    for agent in ("four-1", "five-1"):
        for family in (4, 6):
            quorum.change(place.numbers[agent, f"web.shop:ipv{family}"], 0, -1, 1.0)
    for agent in ("two-1", "three-1"):
        for family in (4, 6):
            quorum.change(place.numbers[agent, f"web.shop:ipv{family}"], 1, 0, 2.0)
    assert quorum.alarms.first == 2.0


def test_quorum_counts_agents_again_that_are_back(tmp_path: Path) -> None:
    """Two of five places see it fail: no majority, whoever was silent meanwhile."""
    place = world(tmp_path)
    quorum = Quorum(place)
    for present in (-1, 1):
        for agent in ("four-1", "five-1"):
            for family in (4, 6):
                quorum.change(place.numbers[agent, f"web.shop:ipv{family}"], 0, present, 1.0)
    for agent in ("two-1", "three-1"):
        for family in (4, 6):
            quorum.change(place.numbers[agent, f"web.shop:ipv{family}"], 1, 0, 2.0)
    assert quorum.alarms.first is None
