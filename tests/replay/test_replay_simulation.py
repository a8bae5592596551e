"""What agents of a replay say: who fails when, with which code, and by which way it works."""

from pathlib import Path
from typing import NamedTuple

import pytest

from replay.replay_helpers import FLEET, scenario, world
from vedette_collector.replay.scenario import Phase
from vedette_collector.replay.simulate import Simulation
from vedette_collector.replay.world import World
from vedette_collector.verdicts.evidence import Bypass, Question

MANY = ", ".join(f"198.51.100.{number}" for number in range(1, 41))
MORE = "".join(f"- {{resolver: 198.51.100.{number}}}\n" for number in range(1, 41))


class Heard(NamedTuple):
    at: float
    agent: str
    check: str
    code: str
    attempt: int
    asked: bool
    way: Bypass | None


class Listening(Simulation):
    """It writes down what the engine hears."""

    def __init__(self, of: World, phases: tuple[Phase, ...], noise: float = 0.0) -> None:
        super().__init__(of, phases, noise, "4", 0.0)
        self.heard: list[Heard] = []

    def _hear(self, at: float, probe: int, code: str, attempt: int, asked: bool, way: Bypass | None) -> None:
        self.heard.append(Heard(at, *self._names[probe], code, attempt, asked, way))
        super()._hear(at, probe, code, attempt, asked, way)


def listened(directory: Path, *phases: str, noise: float = 0.0) -> list[Heard]:
    place = world(directory)
    listed = ", ".join(f"{{t_offset_min: 0, duration_min: 20, {phase}}}" for phase in phases)
    text = f"  phases: [{listed}]\n  expected_verdict: [{{at_min: 1, kind: none, entity: none}}]\n"
    simulation = Listening(place, scenario(directory, text, place).phases, noise)
    simulation.run()
    return simulation.heard


def test_first_failure_is_repeated_once_within_a_second(tmp_path: Path) -> None:
    heard = listened(tmp_path, "scope: {target: {service: shop}}, symptom: {layer: tcp, code: refused}")
    first = heard[0]  # nothing was asked yet
    mine = [each for each in heard if each[1:3] == first[1:3] and not each.asked]
    own = [each for each in mine if each.way is None]
    assert [each.attempt for each in own[:3]] == [1, 2, 1]
    assert 0.2 <= own[1].at - own[0].at <= 0.5
    assert own[2].at - own[0].at == pytest.approx(30.0)
    assert {each.code for each in own[:-1]} == {"tcp.refused"}
    assert (own[-1].code, own[-1].at >= 1200) == ("", True)
    assert sorted(str(each.way) for each in mine if each.way) == ["family", "last_good"]


def test_timeout_takes_five_seconds(tmp_path: Path) -> None:
    heard = listened(tmp_path, "scope: {target: {service: shop}}, symptom: {layer: tcp, code: timeout}")
    first = heard[0]
    repeat = next(each for each in heard if each[1:3] == first[1:3] and each.attempt == 2)
    assert first.at >= 5.0
    assert 5.2 <= repeat.at - first.at <= 5.5


def test_answer_that_fails_is_repeated_too_and_one_that_works_ends_the_wait(tmp_path: Path) -> None:
    heard = listened(tmp_path, "scope: {target: {service: shop}}, symptom: {layer: tcp, code: refused}")
    asked = next(each for each in heard if each.asked and each.code)
    mine = [each for each in heard if each[1:3] == asked[1:3] and each.at >= asked.at and each.way is None]
    assert [each.attempt for each in mine[:3]] == [1, 2, 1]


def test_answer_that_came_first_makes_the_repeat_needless(tmp_path: Path) -> None:
    simulation = Listening(world(tmp_path), ())
    simulation._finish(0.0, 7, "tcp.refused", 1, False, None)
    simulation._finish(0.1, 7, "", 1, True, None)
    simulation._repeat(0.4, 7)
    assert [each.attempt for each in simulation.heard] == [1, 1]


def test_repeats_and_answers_have_budgets(tmp_path: Path) -> None:
    """Of an agent, 100 and 64 at once."""
    place = world(tmp_path, FLEET.replace("resolvers: [9.9.9.9, own-1]}", f"resolvers: [{MANY}]}}", 1) + MORE)
    simulation = Listening(place, ())
    agent = [probe for probe, owner in enumerate(place.agent_of) if owner == 0]
    assert len(agent) > 200
    for probe in agent:
        simulation._finish(0.0, probe, "tcp.refused", 1, False, None)
    assert sum(simulation._is_awaited) == 100
    names = tuple(place.checks[place.check_of[probe]] for probe in agent)
    simulation._answer(1.0, Question(agent="one-1", checks=names))
    assert sum(each.asked for each in simulation.heard) == 64


def test_alternating_symptom_is_not_seen_in_the_second_half(tmp_path: Path) -> None:
    heard = listened(
        tmp_path,
        "scope: {target: {service: shop}}, symptom: {layer: http, code: '500'}, "
        "pattern: {kind: alternating, period_min: 10}",
    )
    failed = [each.at for each in heard if each.code]
    assert any(at % 600 > 250 for at in failed)
    assert all(at % 600 < 302 for at in failed)


def test_of_two_symptoms_the_lower_layer_is_told(tmp_path: Path) -> None:
    scope = "scope: {target: {service: shop}}"
    heard = listened(
        tmp_path,
        f"{scope}, symptom: {{layer: http, code: '500'}}",
        f"{scope}, symptom: {{layer: tcp, code: refused}}",
    )
    assert {each.code for each in heard if each.code} == {"tcp.refused"}


def test_silent_agents_are_not_heard(tmp_path: Path) -> None:
    heard = listened(
        tmp_path, "scope: {vantage: {asn: AS1}}, symptom: {layer: agent, code: silent}", noise=0.2
    )
    silent = [each.at for each in heard if each.agent in ("one-1", "one-2")]
    assert any(at < 0 for at in silent)
    assert any(at > 1210 for at in silent)
    assert not any(0 <= at <= 1200 for at in silent)
    assert any(0 <= each.at <= 1200 for each in heard)


@pytest.mark.parametrize(
    ("phase", "working", "failing"),
    [
        (
            "scope: {target: {tld: com}, resolver: {validating: true}}, "
            "symptom: {layer: dns, code: servfail_bogus}",
            {"authority", "no_validation"},
            {"resolver"},
        ),
        (
            "scope: {resolver: {name: 9.9.9.9}}, symptom: {layer: dns, code: timeout}",
            {"authority", "resolver"},
            {"no_validation"},
        ),
        (
            "scope: {target: {service: shop}}, symptom: {layer: dns, code: nodata}",
            set(),
            {"authority", "resolver", "no_validation"},
        ),
        (
            "scope: {target: {service: shop}, af: 6}, symptom: {layer: tcp, code: timeout}",
            {"family"},
            {"last_good"},
        ),
    ],
)
def test_other_ways_work_where_the_symptom_is_not(
    tmp_path: Path, phase: str, working: set[str], failing: set[str]
) -> None:
    """Of agents both of whose resolvers validate."""
    agents = {"two-1", "three-1", "four-1", "five-1"}
    heard = [each for each in listened(tmp_path, phase) if each.agent in agents and each.way is not None]
    assert {each.way for each in heard if not each.code} == working
    assert {each.way for each in heard if each.code} == failing
