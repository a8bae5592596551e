"""What is one fault, and what is two."""

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.evidence import Finding, Share
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.related import Strength, outranks, related
from verdicts.life_helpers import AGENTS, T0, Life, finding, parts, world

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
SILENT = ("vf-1", "vf-2")


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture(scope="module")
def extents() -> Extents:
    return Extents(world(transit=[("bt-1", "shop-1-tcp"), ("bt-1", "cf-1-tcp"), ("nyc-1", "shop-1-tcp")]))


def dns(text: str, at: float = T0) -> Finding:
    return finding(text, at=at, track="dns")


def components(life: Life) -> list[str]:
    return sorted(str(each.component) for each in life.incidents.open())


@pytest.mark.parametrize(
    ("new", "old", "age", "expected"),
    [
        # named
        (finding("target:shop-1"), dns("target:shop-1"), DAY, Strength.STRONG),
        (dns("authority_dns:dyn"), dns("authority_dns:dyn & vantage_region:us-east"), DAY, Strength.STRONG),
        (dns("tld:de & resolver_class:validating"), dns("tld:de"), DAY, Strength.STRONG),
        (finding("target:shop-1+shop-2"), finding("target:shop-1"), MINUTE, Strength.STRONG),
        (finding("target:shop-1+shop-2"), finding("target:shop-1"), DAY, Strength.NONE),
        # from where it is seen is not what fails
        (
            dns("authority_dns:dyn & vantage_region:us-east", T0 + HOUR),
            finding("product:aws-nlb & vantage_region:us-east"),
            HOUR,
            Strength.NONE,
        ),
        (
            dns("authority_dns:dyn & vantage_region:us-east", T0 + MINUTE),
            finding("product:aws-nlb & vantage_region:us-east"),
            MINUTE,
            Strength.WEAK,
        ),
        # inside
        (finding("target:use1-nlb-1"), finding("product:aws-nlb"), DAY, Strength.STRONG),
        (finding("product:aws-nlb"), finding("target:use1-nlb-1"), MINUTE, Strength.STRONG),
        (finding("product:aws-nlb"), finding("target:use1-nlb-1"), DAY, Strength.NONE),
        (finding("agent:vf-1"), finding("vantage_network:AS5378"), DAY, Strength.STRONG),
        (dns("resolver:res-vf-1"), dns("vantage_network:AS5378"), DAY, Strength.STRONG),
        (finding("target:shop-1"), dns("resolver:1.1.1.1"), MINUTE, Strength.NONE),
        # what nearly everything lies in, seen on another track
        (dns("target:shop-1"), dns("tld:com"), DAY, Strength.STRONG),
        (finding("target:shop-1"), dns("tld:com"), MINUTE, Strength.NONE),
        # dependencies
        (finding("dependency:dynamodb"), dns("target:dynamodb.us-east-1"), DAY, Strength.STRONG),
        (dns("target:dynamodb.us-east-1"), finding("target:use1-api-1"), DAY, Strength.STRONG),
        (finding("dependency:dynamodb"), dns("target:dynamodb.us-west-2", T0 - HOUR), HOUR, Strength.NONE),
        # one network, both roles
        (finding("provider_network:AS5378"), finding("vantage_network:AS5378"), DAY, Strength.STRONG),
        (
            finding("vantage_network:AS25135+AS5378", track="silence"),
            finding("provider:isp-AS5378"),
            MINUTE,
            Strength.STRONG,
        ),
        (finding("provider_network:AS5378"), finding("vantage_network:AS2856"), MINUTE, Strength.NONE),
        # some targets in a network of which agents are silent
        (
            finding("target:in-vf-1"),
            finding("vantage_network:AS5378", track="silence"),
            HOUR,
            Strength.STRONG,
        ),
        (finding("target:in-vf-1"), finding("vantage_network:AS5378", track="silence"), DAY, Strength.NONE),
        # neighbours
        (
            finding("product:aws-nlb", at=T0 + 6 * HOUR),
            finding("dependency:dynamodb"),
            6 * HOUR,
            Strength.WEAK,
        ),
        (finding("product:aws-nlb", at=T0 + DAY), finding("dependency:dynamodb"), DAY, Strength.NONE),
        (finding("target:use1-web-1", at=T0 + HOUR), finding("target:use1-nlb-1"), HOUR, Strength.NONE),
        (finding("target:use1-web-1", at=T0 + MINUTE), finding("target:use1-nlb-1"), MINUTE, Strength.WEAK),
        (finding("product:aws-nlb", at=T0 + 2 * HOUR), finding("target:use1-web-1"), 2 * HOUR, Strength.NONE),
        # one provider
        (
            finding("target:one-website", at=T0 + MINUTE),
            finding("prefix_set:cf-byoip"),
            MINUTE,
            Strength.WEAK,
        ),
        (finding("target:one-website", at=T0 + HOUR), finding("prefix_set:cf-byoip"), HOUR, Strength.NONE),
        (
            finding("provider_region:aws/us-west-2", at=T0 + HOUR),
            finding("provider_region:aws/us-east-1"),
            HOUR,
            Strength.NONE,
        ),
        # nothing in common but what everything has
        (finding("target:shop-2"), finding("target:shop-1"), 0.0, Strength.NONE),
        # who serves the names does not matter to connections
        (
            finding("target:use1-api-1"),
            finding("target:dynamodb.us-west-2", at=T0 - HOUR),
            HOUR,
            Strength.NONE,
        ),
        # a path
        (finding("target:shop-1 & agent:bt-1"), finding("transit:AS3356"), DAY, Strength.NONE),
        (finding("transit:AS3356"), finding("transit:AS3356 & target:shop-1"), DAY, Strength.STRONG),
        # the first silent agents
        (
            finding("telemetry:broker", at=T0 + 30, track="silence"),
            finding("vantage_network:AS5378", track="silence"),
            30.0,
            Strength.STRONG,
        ),
        (
            finding("telemetry:broker", at=T0 + HOUR, track="silence"),
            finding("vantage_network:AS5378", track="silence"),
            HOUR,
            Strength.NONE,
        ),
    ],
)
def test_relation(new: Finding, old: Finding, age: float, expected: Strength, extents: Extents) -> None:
    assert related(new, old, age, extents) == expected


def test_a_path_holds_what_goes_through_it(extents: Extents) -> None:
    """Two of its three probes are of shop-1; that is not nearly all."""
    assert extents.inside(parts("transit:AS3356 & agent:bt-1"), parts("transit:AS3356"))
    assert not extents.inside(parts("transit:AS3356"), parts("target:shop-1"))
    assert not extents.inside(parts("target:nowhere"), parts("transit:AS3356"))


def test_what_all_targets_share_relates_none(extents: Extents) -> None:
    """A shop that has everything at one provider: two of its services that fail at once are two faults."""
    own = world()
    provider = Entity(Kind.PROVIDER, "only")
    checks = {name: replace(each, entities=(*each.entities, provider)) for name, each in own.checks.items()}
    one = Extents(replace(own, checks=checks))
    assert related(finding("target:shop-2"), finding("target:shop-1"), 0.0, one) == Strength.NONE


def test_the_cause_outranks_what_depends_on_it(extents: Extents) -> None:
    cause, effect = dns("target:dynamodb.us-east-1"), finding("dependency:dynamodb", score=900.0)
    assert outranks(cause, effect, extents)
    assert not outranks(effect, cause, extents)


def test_a_silent_network_outranks_the_targets_in_it(extents: Extents) -> None:
    dark = finding("vantage_network:AS5378", track="silence", agents=SILENT)
    assert outranks(dark, finding("provider_network:AS5378", score=900.0), extents)
    assert not outranks(finding("provider_network:AS5378"), dark, extents)


def test_target_then_its_authority_is_one_incident_with_a_better_headline(life: Life) -> None:
    life.run(20, dns("target:dyn-1"))
    changes = life.run(30, dns("authority_dns:dyn"))
    assert ("updated", "authority_dns:dyn") in life.told(changes)
    assert components(life) == ["authority_dns:dyn"]
    assert len(life.paged) == 1
    (incident,) = life.incidents.open()
    assert incident.active == ["authority_dns:dyn"]
    assert list(incident.findings) == ["target:dyn-1", "authority_dns:dyn"]


def test_a_better_headline_must_stay_better_for_five_seconds(life: Life) -> None:
    narrow, broad = dns("target:dyn-1"), finding("authority_dns:dyn", track="dns", score=400.0)
    life.run(20, narrow)
    for _ in range(5):
        life.run(3, narrow, broad)
        assert components(life) == ["target:dyn-1"]
        life.run(3, narrow)
    life.run(7, narrow, broad)
    assert components(life) == ["authority_dns:dyn"]


def test_a_headline_that_is_hardly_better_changes_nothing(life: Life) -> None:
    life.run(20, finding("target:use1-nlb-1", score=100.0))
    life.run(60, finding("target:use1-nlb-1", score=100.0), finding("product:aws-nlb", score=110.0))
    assert components(life) == ["target:use1-nlb-1"]


def test_one_network_then_two_is_one_incident(life: Life) -> None:
    """Vodafone UK, 13 October 2025: the second network is missed later."""
    one = finding("vantage_network:AS5378", track="silence", agents=SILENT)
    both = finding("vantage_network:AS25135+AS5378", track="silence", agents=(*SILENT, "vfm-1"))
    life.run(30, one)
    life.run(30, both, finding("provider_network:AS5378", score=900.0))
    assert components(life) == ["vantage_network:AS25135+AS5378"]
    assert len(life.paged) == 1


def test_targets_of_a_network_wait_for_the_silence_of_its_agents(life: Life) -> None:
    """OVHcloud, 30 October 2024: the first headline is the network, and the only page."""
    seen = tuple(name for name in AGENTS if not name.startswith("vf-"))
    targets = finding("provider_network:AS5378", score=900.0, agents=seen)
    assert life.run(29, targets) == []
    dark = finding("vantage_network:AS5378", track="silence", agents=SILENT)
    changes = life.run(5, targets, dark)
    assert life.told(changes) == [("opened", "vantage_network:AS5378")]


def test_they_do_not_wait_for_ever(life: Life) -> None:
    seen = tuple(name for name in AGENTS if not name.startswith("vf-"))
    assert life.run(40, finding("provider_network:AS5378", agents=seen)) == []
    assert [each.what for each in life.run(2, finding("provider_network:AS5378", agents=seen))] == ["opened"]


def test_they_do_not_wait_when_an_agent_there_speaks(life: Life) -> None:
    assert [each.what for each in life.run(3, finding("provider_network:AS5378"))] == ["opened"]


def test_silent_agents_wait_for_the_others(life: Life) -> None:
    dark = finding("vantage_network:AS5378", track="silence", agents=SILENT)
    assert life.run(15, dark) == []
    assert [each.what for each in life.run(2, dark)] == ["opened"]


def test_two_faults_at_once_are_two_incidents(life: Life) -> None:
    life.run(MINUTE, finding("product:cloudflare-cdn"), dns("authority_dns:dyn"))
    assert components(life) == ["authority_dns:dyn", "product:cloudflare-cdn"]
    assert len(set(life.paged)) == 2


def test_an_unrelated_fault_during_a_broad_one_is_its_own(life: Life) -> None:
    broad = finding("provider_region:aws/us-east-1")
    life.run(HOUR, broad, step=10)
    life.run(MINUTE, broad, finding("target:shop-1", at=life.now), finding("target:usw2-web-1", at=life.now))
    assert components(life) == ["provider_region:aws/us-east-1", "target:shop-1", "target:usw2-web-1"]


def test_what_fails_within_a_broad_fault_is_listed_with_it(life: Life) -> None:
    broad = finding("provider_region:aws/us-east-1", score=500.0)
    life.run(HOUR, broad, step=10)
    changes = life.run(MINUTE, broad, finding("target:use1-web-1", at=life.now))
    assert life.told(changes) == [("updated", "provider_region:aws/us-east-1")]
    (incident,) = life.incidents.open()
    assert incident.active == ["provider_region:aws/us-east-1", "target:use1-web-1"]


def test_a_broad_fault_over_an_old_narrow_one_pages_anew(life: Life) -> None:
    """Whoever silenced the alert of the one target yesterday must be woken."""
    life.run(5 * HOUR, finding("target:use1-web-1"), step=20)
    life.run(MINUTE, finding("provider_region:aws/us-east-1", at=life.now))
    assert len(set(life.paged)) == 2


def test_two_incidents_that_turn_out_to_be_one(life: Life) -> None:
    """The older goes on, the other is closed and points to it; nobody is woken again."""
    first, second = finding("target:usw2-web-1"), finding("target:usw2-web-2", at=T0 + 20 * MINUTE)
    life.run(20 * MINUTE, first, step=5)
    life.run(MINUTE, first, second)
    older, younger = sorted(life.incidents.all.values(), key=lambda each: each.began)
    pages = len(life.paged)
    changes = life.run(MINUTE, finding("provider_region:aws/us-west-2", score=300.0))
    assert ("closed", "target:usw2-web-2") in life.told(changes)
    assert components(life) == ["provider_region:aws/us-west-2"]
    assert (younger.state, younger.merged_into, older.state) == ("closed", older.id, "open")
    assert len(life.paged) == pages
    assert set(older.findings) == {"target:usw2-web-1", "target:usw2-web-2", "provider_region:aws/us-west-2"}
    assert any(older.id in note for note in life.incidents.report(younger, life.now).notes)


def test_of_two_the_one_that_paged_goes_on(life: Life) -> None:
    ticket = finding("target:usw2-web-1", agents=("bt-1",))
    page = finding("target:usw2-web-2", at=T0 + 20 * MINUTE)
    life.run(20 * MINUTE, ticket, step=5)
    life.run(MINUTE, ticket, page)
    life.run(MINUTE, finding("provider_region:aws/us-west-2", score=300.0))
    (incident,) = life.incidents.open()
    assert incident.severity == "page"
    assert life.paged == [incident.id]


def test_the_day_of_aws_2025_is_one_incident(life: Life) -> None:
    """Record emptied, dependents, 170 minutes of quiet, then load balancers every ten minutes."""
    record = dns("target:dynamodb.us-east-1")
    with_it = finding("dependency:dynamodb", at=T0 + MINUTE, score=900.0)
    life.run(MINUTE, record)
    life.run(10 * MINUTE, record, with_it, step=5)
    assert components(life) == ["target:dynamodb.us-east-1"]
    life.run(160 * MINUTE, record, with_it, step=30)
    life.run(170 * MINUTE, step=30)
    for _ in range(6):
        life.run(5 * MINUTE, finding("product:aws-nlb", at=life.now), step=10)
        life.run(5 * MINUTE, step=10)
    (incident,) = life.incidents.all.values()
    assert str(incident.component) == "product:aws-nlb"
    assert life.paged == [incident.id] * 2  # and again after 170 minutes: the alert of the morning had ended
    assert {"opened", "reopened", "quieted", "updated"} == {each.what for each in life.changes}


def test_a_dead_telemetry_link_is_not_a_target(life: Life) -> None:
    lost = finding("telemetry:broker", track="silence", inside=Share(11, 11), outside=Share(0, 0))
    life.run(MINUTE, lost)
    assert components(life) == ["telemetry:broker"]
