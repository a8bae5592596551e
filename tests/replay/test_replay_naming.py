"""Which components count as what a scenario expects to be named."""

from pathlib import Path

from replay.replay_helpers import DOWN, HOUR, SILENT, down, named, of, scored, tried
from vedette_collector.replay.record import Named
from verdicts.life_helpers import finding


def test_what_is_named_is_all_that_a_finding_says_of_it() -> None:
    said = finding(
        "target:shop-1",
        certainty="ambiguous",
        alternatives=(of("zone:shop.example"),),
        rivals=(of("product:aws-nlb"),),
    )
    assert Named.by(said) == named(
        "target:shop-1",
        certainty="ambiguous",
        alternatives=(of("zone:shop.example"),),
        rivals=(of("product:aws-nlb"),),
    )


def test_what_is_listed_under_the_headline_stands_beside_it(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("product:cdn"), named("target:shop"))
    found = scored(case)
    assert (found.right, found.beside, found.first_right, found.wrong_share) == (False, True, None, 1.0)


def test_all_that_is_not_right_must_stand_beside(tmp_path: Path) -> None:
    case = down(tmp_path, "{at_min: 2, kind: target, entity: shop}, {at_min: 5, kind: target, entity: shop}")
    case[2].says(12.0, named("product:cdn"), named("target:shop")).says(200.0, named("product:cdn"))
    found = scored(case)
    assert (found.right, found.beside) == (False, False)


def test_what_follows_may_be_listed_under_its_cause_while_that_fails(tmp_path: Path) -> None:
    """Wiki depends on mail, which is down for half an hour; it stays down for longer."""
    mail = DOWN.replace("service: shop", "service: mail").replace("duration_min: 60", "duration_min: 30")
    wiki = DOWN.replace("service: shop", "depends_on: mail")
    for follows, minutes, right in (("true", 10, True), ("false", 10, False), ("true", 40, False)):
        verdicts = (
            f"{{at_min: 2, kind: target, entity: mail}}, "
            f"{{at_min: {minutes}, kind: dependency, entity: mail, same_incident: {follows}}}"
        )
        case = tried(tmp_path, f"{mail}, {wiki}", verdicts)
        case[2].says(12.0, named("target:mail"), named("dependency:mail"))
        assert [one.is_right for one in scored(case).counts] == [True, right]
    # What began after the cause was expected is none of it.
    again = DOWN.replace("service: shop", "service: mail").replace(HOUR, "t_offset_min: 35, duration_min: 20")
    late = tried(tmp_path, f"{mail}, {wiki}, {again}", verdicts)
    late[2].says(12.0, named("target:mail"), named("dependency:mail"))
    assert [one.is_right for one in scored(late).counts] == [True, False]
    unlisted = tried(tmp_path, f"{mail}, {wiki}", verdicts.replace("40", "10"))
    unlisted[2].says(12.0, named("target:mail"))
    assert [one.is_right for one in scored(unlisted).counts] == [True, False]


def test_narrower_component_is_wrong(tmp_path: Path) -> None:
    case = down(tmp_path)
    case[2].says(12.0, named("target:shop", "vantage_network:AS1"))
    assert not scored(case).right


def test_conjunction_that_says_no_less_is_right(tmp_path: Path) -> None:
    """Control plane of a region, where the scope is just that; the region alone is what is expected."""
    phase = DOWN.replace("service: shop", "provider: cloud, region: west, product: cdn")
    case = tried(tmp_path, phase, "{at_min: 2, kind: provider, entity: cloud}")
    case[2].says(12.0, named("provider:cloud", "product:cdn"))
    assert scored(case).right
    other = tried(tmp_path, phase, "{at_min: 2, kind: provider, entity: cloud}")
    other[2].says(12.0, named("provider:cloud", "vantage_network:AS1"))
    assert not scored(other).right


def test_ambiguous_is_right_when_nobody_could_tell(tmp_path: Path) -> None:
    """The two targets of the zone are all that its operator serves: both names hold the same probes."""
    phase = DOWN.replace("service: shop", "zone: chat.example").replace("layer: tcp", "layer: dns")
    expected = "{at_min: 2, kind: authority_dns, entity: dns-house}"
    same = (of("authority_dns:dns-house"),)
    case = tried(tmp_path, phase, expected)
    case[2].says(12.0, named("zone:chat.example", track="dns", certainty="ambiguous", alternatives=same))
    assert scored(case).right
    sure = tried(tmp_path, phase, expected)
    sure[2].says(12.0, named("zone:chat.example", track="dns", alternatives=same))
    assert not scored(sure).right
    silent = tried(tmp_path, phase, expected)
    silent[2].says(12.0, named("zone:chat.example", track="dns"))
    assert (scored(silent).right, scored(silent).beside) == (False, False)


def test_ambiguous_is_wrong_when_one_could_tell(tmp_path: Path) -> None:
    case = down(tmp_path)
    other = (of("target:shop"),)
    case[2].says(12.0, named("product:cdn", certainty="ambiguous", alternatives=other))
    assert (scored(case).right, scored(case).beside) == (False, False)


def test_several_networks_are_named_together_or_in_one_headline(tmp_path: Path) -> None:
    expected = "{at_min: 2, kind: vantage_network, entity: AS1+AS2}"
    both = tried(tmp_path, SILENT, expected)
    both[2].says(40.0, named("vantage_network:AS1", "vantage_network:AS2", track="silence"))
    assert scored(both).right
    parts = tried(tmp_path, SILENT, expected)
    parts[2].says(
        40.0, named("vantage_network:AS1", track="silence"), named("vantage_network:AS2", track="silence")
    )
    assert scored(parts).right
    half = tried(tmp_path, SILENT, expected)
    half[2].says(40.0, named("vantage_network:AS1", track="silence"))
    assert not scored(half).right
    more = tried(tmp_path, SILENT, expected)
    names = [f"vantage_network:AS{number}" for number in (1, 2, 3)]
    more[2].says(40.0, named(*names, track="silence"))
    assert not scored(more).right


def test_a_network_is_one_thing_where_its_targets_are_hit_too(tmp_path: Path) -> None:
    dark = SILENT.replace("[AS1, AS2]", "[AS1]")
    expected = "{at_min: 2, kind: vantage_network, entity: AS1}"
    inside = DOWN.replace("service: shop", "asn: AS1")
    for phases, right in ((f"{dark}, {inside}", True), (dark, False)):
        case = tried(tmp_path, phases, expected)
        case[2].says(40.0, named("provider_network:AS1"))
        assert scored(case).right is right


def test_network_that_the_fleet_has_not_need_not_be_named(tmp_path: Path) -> None:
    phase = SILENT.replace("[AS1, AS2]", "[AS1, AS77]")
    case = tried(tmp_path, phase, "{at_min: 2, kind: vantage_network, entity: AS1+AS77}")
    case[2].says(40.0, named("vantage_network:AS1", track="silence"))
    assert scored(case).right


GROUP = (
    "{t_offset_min: 0, duration_min: 60, scope: {vantage: {hijack_cone: true}, resolver: {name: 9.9.9.9}}, "
    "symptom: {layer: dns, code: timeout}}"
)


def test_hidden_group_is_named_by_what_was_seen_of_it(tmp_path: Path) -> None:
    """Both networks that were hit, no other, and the resolver."""
    expected = "{at_min: 2, kind: compound, entity: [resolver:9.9.9.9, vantage-group:hijack-cone]}"
    phase = GROUP.replace("hijack_cone: true", "asn: [AS2, AS3]")
    for names, is_right in (
        (("resolver:9.9.9.9", "vantage_network:AS2", "vantage_network:AS3"), True),
        (("resolver:9.9.9.9", "vantage_network:AS2"), False),
        (("resolver:9.9.9.9", "vantage_network:AS2", "vantage_network:AS3", "vantage_network:AS4"), False),
        (("resolver:9.9.9.9",), False),
        (("resolver:8.8.8.8", "vantage_network:AS2", "vantage_network:AS3"), False),
        (("vantage_network:AS2", "vantage_network:AS3"), False),
    ):
        case = tried(tmp_path, phase, expected)
        case[2].says(12.0, named(*names, track="dns"))
        assert scored(case).right is is_right, names


def test_zone_and_resolver_class_of_a_compound(tmp_path: Path) -> None:
    phase = (
        "{t_offset_min: 0, duration_min: 60, scope: {target: {zone: chat.example}, "
        "resolver: {validating: true, nta: false}}, symptom: {layer: dns, code: servfail_bogus}}"
    )
    expected = "{at_min: 2, kind: compound, entity: [target:chat.example, resolver-class:validating]}"
    for names, is_right in (
        (("zone:chat.example", "resolver_class:validating"), True),
        (("zone:chat.example", "resolver:9.9.9.9"), True),
        (("authority_dns:dns-house", "resolver:9.9.9.9"), True),
        (("target:chat", "target:talk", "resolver:9.9.9.9"), True),
        (("target:chat", "resolver:9.9.9.9"), False),
        (("zone:chat.example", "resolver:own-1"), False),
        (("zone:chat.example",), False),
        (("zone:chat.example", "resolver:9.9.9.9", "vantage_network:AS1"), False),
    ):
        case = tried(tmp_path, phase, expected)
        case[2].says(12.0, named(*names, track="dns"))
        assert scored(case).right is is_right, names


def test_acceptable_coarser_answer_counts_where_its_condition_holds(tmp_path: Path) -> None:
    words = "'{}provider_region cloud/west is the acceptable coarser answer'"
    expected = f"{{{{at_min: 2, kind: {{}}, entity: {{}}, qualifier: {words}}}}}"
    plain = tried(tmp_path, DOWN, expected.format("target", "shop", ""))
    plain[2].says(12.0, named("provider_region:cloud/west"))
    assert scored(plain).right
    tagged = tried(tmp_path, DOWN, expected.format("target", "shop", "if product is not tagged, "))
    tagged[2].says(12.0, named("provider_region:cloud/west"))
    assert not scored(tagged).right
    untagged = tried(tmp_path, DOWN, expected.format("target", "shop", "if depends_on is not tagged, "))
    untagged[2].says(12.0, named("provider_region:cloud/west"))
    assert scored(untagged).right


def test_network_as_provider(tmp_path: Path) -> None:
    phase = DOWN.replace("service: shop", "asn: AS1")
    case = tried(tmp_path, phase, "{at_min: 2, kind: provider, entity: AS1}")
    case[2].says(12.0, named("provider_network:AS1"))
    assert scored(case).right
