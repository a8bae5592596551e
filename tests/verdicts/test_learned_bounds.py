"""Targets are hostile and agents may be rooted: who is believed, and what is bounded."""

from itertools import pairwise

import pytest

from vedette.wire import facts as f
from vedette.wire.facts import Facts
from vedette_collector.verdicts import learned
from vedette_collector.verdicts.component import Kind
from verdicts.learned_helpers import AGENTS, Pupil, alias, certificate, hops, of, served


@pytest.fixture
def pupil() -> Pupil:
    return Pupil()


def test_one_agent_names_nothing_for_others(pupil: Pupil) -> None:
    """A rooted agent says what it likes; it names only its own probes by it."""
    pupil.tell("dns", alias("x.forged.example."), "par-01")
    pupil.tell("zone", served("ns1.forged.example"), "par-01")
    pupil.tell("web", certificate("Forged"), "par-01")
    pupil.tell("web", Facts(address="192.0.2.1"), "par-01")
    found = pupil.after(100_000.0)
    assert found.checks == pupil.base.checks
    assert {agent for agent, _ in found.pairs} == {"par-01"}


def test_the_only_agent_of_a_check_is_believed_after_a_minute(pupil: Pupil) -> None:
    pupil.tell("sole", certificate("R11", subject="sole.example"), "par-01")
    assert of(pupil.after(30.0), "sole", Kind.CA_CHAIN) is None
    assert of(pupil.after(31.0), "sole", Kind.CA_CHAIN) == "r11"


def test_a_flapping_alias_makes_no_topology_with_every_result(pupil: Pupil) -> None:
    """Another product with every answer, for a day: a few topologies, and ever fewer."""
    made = []
    for step in range(2880):
        pupil.now += 30.0
        pupil.tell("dns", alias(f"shop.cdn-{step % 2}.example."))
        if pupil.learned.renewed(pupil.base, pupil.now) is not None:
            made.append(step)
    assert len(made) <= 3
    unsteady = Pupil()
    made = []
    for step in range(2880):
        unsteady.now += 30.0
        unsteady.tell("dns", alias(f"shop.cdn-{step // 7 % 2}.example."))
        if unsteady.learned.renewed(unsteady.base, unsteady.now) is not None:
            made.append(step)
    assert 1 < len(made) <= 6


def test_two_topologies_are_half_a_minute_apart() -> None:
    """Every second another check has something new that counts at once."""
    listed = "".join(f"- {{name: c{n}, icmp: {{host: 192.0.2.{n}}}}}\n" for n in range(100))
    pupil = Pupil(listed)
    made = []
    for number in range(100):
        pupil.now += 1.0
        assert pupil.tell(f"c{number}", Facts(address=f"192.0.2.{number}"))
        if pupil.learned.renewed(pupil.base, pupil.now) is not None:
            made.append(pupil.now)
    assert len(made) == 4
    assert all(later - earlier >= 30.0 for earlier, later in pairwise(made))


def test_nothing_new_makes_no_topology(pupil: Pupil) -> None:
    assert pupil.tell("dns", alias("a.cdn.example."))
    assert pupil.learned.renewed(pupil.base, pupil.now) is not None
    assert not pupil.tell("dns", alias("a.cdn.example."))
    assert pupil.learned.renewed(pupil.base, pupil.now + 1000.0) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a" * 512,
        "\x00\x1b[31m.\x00",
        "é.ü",
        ".".join("a" * 250),
        "1.2.3.4",
        "a..b",
        "x.\n.y",
        "::1",
    ],
)
def test_hostile_texts_become_short_printable_names_or_none(text: str) -> None:
    pupil = Pupil()
    pupil.tell("dns", alias(text))
    pupil.tell("dns", alias(f"{text}.{text}"))
    pupil.tell("zone", served(text, f"ns.{text}.example"))
    pupil.tell("web", certificate(text))
    pupil.tell("web", Facts(address=text, resolver=text))
    pupil.tell("way", Facts(address=text, path=hops(text)))
    trace = f.TraceFacts(steps=[f.TraceStep(zone=text, server="", address="", outcome="answer")])
    pupil.tell("walk", Facts(trace=trace))
    found = pupil.after(100.0)
    names = [entity.name for traits in found.checks.values() for entity in traits.entities]
    names += [entity.name for entities in found.pairs.values() for entity in entities]
    for name in names:
        assert 0 < len(name) <= 128
        assert name.isascii()
        assert name.isprintable()


def test_unknown_agents_and_checks_say_nothing(pupil: Pupil) -> None:
    assert not pupil.tell("dns", alias("a.cdn.example."), "mallory")
    assert not pupil.tell("none", alias("a.cdn.example."))


def test_addresses_that_are_remembered_are_bounded(pupil: Pupil, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MAX_ORIGINS", 50)
    for number in range(500):
        pupil.tell("web", Facts(address=f"192.0.2.{number}"), "par-01")
    assert len(pupil.learned._remembered) == 50


def test_probes_with_an_entity_of_their_own_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MAX_PAIRS", 2)
    pupil = Pupil()
    for agent, address in zip(AGENTS, ("192.0.2.1", "198.51.100.1", "203.0.113.1"), strict=True):
        pupil.tell("web", Facts(address=address), agent)
    assert len(pupil.after(60.0).pairs) == 2


def test_what_a_topology_costs_in_one_call_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is done in the next calls."""
    monkeypatch.setattr(learned, "_STEPS", 3)
    pupil = Pupil()
    for check in ("web", "ping", "told"):
        pupil.tell(check, Facts(address="192.0.2.1"))
    settled = [pupil.learned.renewed(pupil.base, pupil.now + 31.0 * turn) for turn in range(1, 9)]
    assert settled[0] is not None
    assert of(settled[0], "ping", Kind.PROVIDER_NETWORK) is None
    assert of(pupil.after(), "ping", Kind.PROVIDER_NETWORK) == "AS1"
