"""What counts as right, wrong and surplus, on runs in which an engine said what the test says."""

from pathlib import Path

import pytest

from replay.replay_helpers import DOWN, HOUR, SILENT, Told, down, named, of, scored, tried
from vedette_collector.replay.record import Seen
from vedette_collector.replay.scenario import Scenario
from vedette_collector.replay.world import World


def test_expected_component_is_right_and_timed(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("target:shop"))
    found = scored(case)
    assert found.right
    assert found.first_right == 12.0
    assert (found.surplus, found.wrong_pages, found.pages, found.incidents) == ([], [], 1, 1)
    assert found.wrong_share == 0.0
    assert found.headline == "it is target:shop"


def test_other_component_is_a_wrong_page(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("product:cdn"))
    found = scored(case)
    assert not found.right
    assert found.first_right is None
    assert found.wrong_pages == ["it is product:cdn"]
    assert found.wrong_share == 1.0
    assert found.surplus == []  # the target is one of the product's: it explains something


@pytest.mark.parametrize(("rival", "is_beside"), [("target:shop", True), ("target:wiki", False)])
def test_a_wrong_page_with_the_right_one_beside_it_is_wrong_and_counted_apart(
    tmp_path: Path, rival: str, is_beside: bool
) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("product:cdn", certainty="ambiguous", rivals=(of(rival),)))
    case[2].says(4000.0, named("target:shop"), incident="b")  # and a page that is right
    found = scored(case)
    assert (found.right, found.wrong_pages) == (False, ["it is product:cdn"])
    assert found.beside is is_beside
    assert found.beside_pages == (found.wrong_pages if is_beside else [])


def test_a_page_for_what_has_not_begun_is_wrong(tmp_path: Path) -> None:
    later = DOWN.replace(HOUR, "t_offset_min: 30, duration_min: 30").replace("service: shop", "service: bank")
    expected = "{at_min: 2, kind: target, entity: shop}, {at_min: 35, kind: target, entity: bank}"
    for at, wrong in ((12.0, ["it is target:bank"]), (1812.0, [])):
        case = tried(tmp_path, f"{DOWN}, {later}", expected)
        case[2].says(12.0, named("target:shop")).says(at, named("target:bank"), incident="b")
        assert scored(case).wrong_pages == wrong


def test_a_page_for_the_vantage_alone_of_a_target_and_a_vantage_is_wrong(tmp_path: Path) -> None:
    phase = DOWN.replace("service: shop}", "service: shop}, vantage: {asn: [AS1]}")
    expected = "{at_min: 2, kind: compound, entity: [target:shop, vantage_network:AS1]}"
    for said, wrong in (("vantage_network:AS1", 1), ("target:shop", 0)):
        case = tried(tmp_path, phase, expected)
        case[2].says(12.0, named(said))
        assert len(scored(case).wrong_pages) == wrong


def test_component_that_nothing_hit_is_surplus(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("target:shop")).says(20.0, named("target:bank"), incident="b", severity="ticket")
    found = scored(case)
    assert found.right
    assert found.surplus == ["target:bank"]
    assert (found.pages, found.incidents) == (1, 2)


def test_silence_is_wrong(tmp_path: Path) -> None:
    assert not scored(down(tmp_path)).right


def test_right_too_late_is_not_right(tmp_path: Path) -> None:
    """At 2 min it must stand there: 60 s of two intervals are over."""
    case = down(tmp_path)
    case[2].says(121.0, named("target:shop"))
    found = scored(case)
    assert not found.right
    assert found.first_right == 121.0


def test_two_intervals_are_waited_for(tmp_path: Path) -> None:
    case = down(tmp_path, "{at_min: 0, kind: target, entity: shop}")
    case[2].says(59.0, named("target:shop"))
    assert scored(case).right


def test_incident_that_was_closed_names_nothing(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("target:shop")).closes(100.0)
    found = scored(case)
    assert not found.right
    assert found.premature == 1


def test_quiet_incident_names_nothing_while_a_symptom_is_on(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("target:shop")).says(100.0, named("target:shop"), state="quiet")
    assert not scored(case).right


def test_quiet_incident_names_what_it_named_while_none_is_on(tmp_path: Path) -> None:
    """Of what is expected after the end of it all."""
    case = down(tmp_path, "{at_min: 70, kind: target, entity: shop}")
    case[2].says(12.0, named("target:shop")).says(3660.0, named("target:shop"), state="quiet")
    assert scored(case).right


@pytest.mark.parametrize(("minute", "is_right"), [(8, True), (9, True), (10, False)])
def test_what_comes_back_may_be_quiet_for_two_intervals(tmp_path: Path, minute: int, is_right: bool) -> None:
    """It is on for four minutes of eight."""
    case = tried(
        tmp_path,
        DOWN.replace("symptom", "pattern: {kind: alternating, period_min: 8}, symptom"),
        f"{{at_min: {minute}, kind: target, entity: shop}}",
    )
    case[2].says(12.0, named("target:shop")).says(300.0, named("target:shop"), state="quiet")
    assert scored(case).right is is_right


def test_what_ends_before_two_intervals_is_judged_before_its_end(tmp_path: Path) -> None:
    """Afterwards nothing needs to stand there."""
    case = tried(
        tmp_path,
        DOWN.replace("duration_min: 60", "duration_min: 1"),
        "{at_min: 0, kind: target, entity: shop}",
    )
    case[2].says(12.0, named("target:shop")).closes(60.0)
    found = scored(case)
    assert (found.right, found.counts[0].at) == (True, 59.0)


def test_what_no_draw_hit_needs_no_incident(tmp_path: Path) -> None:
    """It could have been seen, and chance had it that it was not."""
    case = down(tmp_path)
    case[2].run.seen[0] = Seen(in_scope=12)
    assert scored(case).right


def test_close_after_the_end_is_not_premature(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("target:shop")).closes(3700.0)
    assert scored(case).premature == 0


def test_close_of_what_has_nothing_to_do_with_it_is_not_premature(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("target:shop")).says(20.0, named("target:bank"), incident="b")
    case[2].closes(100.0, "b")
    assert scored(case).premature == 0


def test_page_of_what_fails_is_not_wrong_where_nothing_that_is_expected_is_there(tmp_path: Path) -> None:
    for said, wrong in (("product:cdn", []), ("target:bank", ["it is target:bank"])):
        case = down(tmp_path, "{at_min: 2, kind: product, entity: elsewhere}")
        case[2].says(12.0, named(said))
        found = scored(case)
        assert (found.counts, found.wrong_pages) == ([], wrong)


def test_page_for_agents_is_not_one_for_just_the_probes_of_silent_ones(tmp_path: Path) -> None:
    """That they fall silent together is not the same as each by itself."""
    phase = SILENT.replace("[AS1, AS2]", "AS5")
    case = tried(tmp_path, phase, "{at_min: 5, kind: telemetry, entity: telemetry}")
    case[2].says(40.0, named("agent:five-1", track="silence"))
    assert len(scored(case).wrong_pages) == 1


def test_share_of_time_with_a_wrong_headline(tmp_path: Path) -> None:
    """From 60 s on something stands there; from 660 s on it is right; the symptom ends at 3600 s."""
    case = down(tmp_path)
    case[2].says(60.0, named("product:cdn")).says(660.0, named("target:shop"))
    assert scored(case).wrong_share == pytest.approx(600 / 3540)


def test_no_incident_is_right_for_what_one_agent_sees(tmp_path: Path) -> None:
    phase = DOWN.replace("{target:", "{vantage: {asn: AS5}, target:")
    expected = "{at_min: 2, kind: compound, entity: [target:shop, vantage_network:AS5]}"
    assert scored(tried(tmp_path, phase, expected)).right
    both = DOWN.replace("{target:", "{vantage: {asn: AS1}, target:")
    assert not scored(tried(tmp_path, both, expected.replace("AS5", "AS1"))).right


def test_what_one_agent_sees_may_be_said_in_other_words_but_not_wrongly(tmp_path: Path) -> None:
    phase = DOWN.replace("{target:", "{vantage: {asn: AS5}, target:")
    expected = "{at_min: 2, kind: compound, entity: [target:shop, vantage_network:AS5]}"
    right = tried(tmp_path, phase, expected)
    right[2].says(12.0, named("target:shop", "agent:five-1"), severity="ticket")
    assert scored(right).right
    wrong = tried(tmp_path, phase, expected)
    wrong[2].says(12.0, named("target:shop"), severity="ticket")
    assert not scored(wrong).right


def test_page_for_the_zone_that_is_expected_with_a_group_is_not_wrong(tmp_path: Path) -> None:
    phase = (
        "{t_offset_min: 0, duration_min: 60, scope: {target: {zone: chat.example}, "
        "resolver: {validating: true}}, symptom: {layer: dns, code: servfail_bogus}}"
    )
    expected = "{at_min: 2, kind: compound, entity: [target:chat.example, resolver-class:validating]}"
    case = tried(tmp_path, phase, expected)
    case[2].says(12.0, named("zone:chat.example", track="dns"))
    found = scored(case)
    assert not found.right
    assert found.wrong_pages == []


def test_nobody_is_paged_where_none_is_expected(tmp_path: Path) -> None:
    none = "{at_min: 2, kind: none, entity: none}"
    assert scored(tried(tmp_path, "", none)).right
    paged = tried(tmp_path, "", none)
    paged[2].says(12.0, named("target:shop"))
    found = scored(paged)
    assert not found.right
    assert (found.wrong_pages, found.surplus) == (["it is target:shop"], ["target:shop"])
    ticket = tried(tmp_path, "", none)
    ticket[2].says(12.0, named("target:shop"), severity="ticket")
    assert scored(ticket).right


def test_verdict_depends_on_what_the_fleet_sees(tmp_path: Path) -> None:
    """`when` holds where nothing of the scenario hits the fleet."""
    phase = SILENT.replace("[AS1, AS2]", "ASN")
    expected = (
        "{at_min: 5, kind: vantage_network, entity: ASN}, "
        "{at_min: 5, kind: none, entity: not-observable, when: fleet has no agent there}"
    )
    blind = tried(tmp_path, phase.replace("ASN", "AS77"), expected.replace("ASN", "AS77"))
    assert [one.expected.kind for one in scored(blind).counts] == ["none"]
    assert scored(blind).right
    seeing = tried(tmp_path, phase.replace("ASN", "AS1"), expected.replace("ASN", "AS1"))
    assert [one.expected.kind for one in scored(seeing).counts] == ["vantage_network"]
    assert not scored(seeing).right
    assert scored(blind).left_out == scored(seeing).left_out == []  # nothing that could be a mistake


def test_slow_name_servers_are_not_visible(tmp_path: Path) -> None:
    phase = DOWN.replace("layer: tcp, code: timeout", "layer: dns, code: slow").replace(
        "{t_", "{name: lag, t_"
    )
    case = tried(tmp_path, phase, "{at_min: 2, kind: target, entity: shop}")
    found = scored(case)
    assert found.invisible == ["lag"]
    assert [one.expected.kind for one in found.counts] == ["none"]


def test_ticket_that_pages_is_wrong(tmp_path: Path) -> None:
    expected = "{at_min: 2, kind: target, entity: shop, qualifier: 'prober blocked - ticket not page'}"
    ticket = down(tmp_path, expected)
    ticket[2].says(12.0, named("target:shop"), severity="ticket")
    assert scored(ticket).right
    page = down(tmp_path, expected)
    page[2].says(12.0, named("target:shop"))
    found = scored(page)
    assert not found.right
    assert len(found.wrong_pages) == 1


def test_later_verdict_replaces_the_earlier(tmp_path: Path) -> None:
    later = DOWN.replace(HOUR, "t_offset_min: 30, duration_min: 30").replace("service: shop", "product: cdn")
    expected = "{at_min: 2, kind: target, entity: shop}, {at_min: 35, kind: product, entity: cdn}"
    case = tried(tmp_path, f"{DOWN}, {later}", expected)
    case[2].says(12.0, named("target:shop")).says(1830.0, named("product:cdn"))
    found = scored(case)
    assert [one.is_right for one in found.counts] == [True, True]
    assert found.wrong_share == 0.0
    same = tried(tmp_path, f"{DOWN}, {later}", expected)
    same[2].says(12.0, named("target:shop"))
    assert [one.is_right for one in scored(same).counts] == [True, False]


def test_verdict_about_what_the_fleet_has_not_is_left_out(tmp_path: Path) -> None:
    expected = "{at_min: 2, kind: target, entity: shop}, {at_min: 5, kind: product, entity: elsewhere}"
    case = down(tmp_path, expected)
    case[2].says(12.0, named("target:shop"))
    found = scored(case)
    assert len(found.counts) == 1
    assert [one.kind for one in found.left_out] == ["product"]
    assert found.right


def test_where_nothing_is_expected_nobody_is_paged(tmp_path: Path) -> None:
    case = tried(tmp_path, DOWN, "")
    assert scored(case).right
    case[2].says(12.0, named("target:shop"))
    assert not scored(case).right


def test_partial_fault_is_given_the_time_that_its_samples_take(tmp_path: Path) -> None:
    """4 % of 2 probes: some hundred samples are needed, of which four come in a minute."""
    phase = DOWN.replace("duration_min: 60,", "duration_min: 600, fraction: 0.04,")
    case = tried(tmp_path, phase, "{at_min: 2, kind: target, entity: shop}")
    found = scored(case)
    assert found.is_partial
    assert found.bound is not None
    assert found.bound > 600
    assert found.counts[0].at > found.bound


def test_page_for_just_the_probes_of_another_phase_is_not_wrong(tmp_path: Path) -> None:
    """A side effect that is really broken, and not what the scenario expects to be named."""
    phases = f"{DOWN}, {DOWN.replace('service: shop', 'service: mail')}"
    expected = "{at_min: 2, kind: target, entity: shop}"
    true = tried(tmp_path, phases, expected)
    true[2].says(12.0, named("target:mail"))
    found = scored(true)
    assert (found.right, found.wrong_pages) == (False, [])
    wrong = tried(tmp_path, phases, expected)
    wrong[2].says(12.0, named("target:wiki"))
    assert scored(wrong).wrong_pages == ["it is target:wiki"]


CDN = DOWN.replace("service: shop", "provider: cloud, product: cdn")
CLOUD = "{at_min: 2, kind: provider, entity: cloud}"


def _shows(case: tuple[World, Scenario, Told], place: int, late: str = "") -> None:
    """The phase is seen from 20 s after its begin on: of the target *late* alone, or of all."""
    of_world, one, told = case
    phase = one.phases[place]
    hit = of_world.probes(phase.scope, phase.symptom.stage)
    seen = told.run.seen[place] = Seen(in_scope=len(hit))
    slow = of_world.extent(of(f"target:{late}"), None) if late else -1
    for probe in hit:
        seen.show(probe, phase.begin + (20.0 if slow >> probe & 1 else 0.0))


def test_what_was_right_stays_so_when_the_next_phase_hits_the_same(tmp_path: Path) -> None:
    """Nothing of it was seen at its begin: a headline is not wrong for that."""
    first = CDN.replace(HOUR, "t_offset_min: 0, duration_min: 30")
    case = tried(tmp_path, f"{first}, {CDN.replace(HOUR, 't_offset_min: 30, duration_min: 30')}", CLOUD)
    _shows(case, 1)
    case[2].says(12.0, named("provider:cloud", "product:cdn"))
    assert scored(case).wrong_share == 0.0


def test_headline_that_does_not_grow_with_what_is_seen_becomes_wrong(tmp_path: Path) -> None:
    case = tried(tmp_path, CDN, CLOUD)
    _shows(case, 0, late="news")
    case[2].says(0.0, named("provider:cloud", "target:shop"))
    found = scored(case)
    assert found.first_right == 0.0
    assert found.wrong_share == pytest.approx(3570 / 3600)
