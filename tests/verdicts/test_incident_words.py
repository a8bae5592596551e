"""Each kind and code has words, figures are rounded honestly, and no name breaks a line."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vedette.wire.failure import Failure
from vedette_collector.verdicts import figures, phrases
from vedette_collector.verdicts.component import Component, Entity, Kind, Part
from vedette_collector.verdicts.evidence import Exonerated, Finding, First, Share
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.words import HEADLINE_CHARACTERS, headline, report
from verdicts.life_helpers import T0, Life, finding, parts
from verdicts.words_helpers import told


def incident_of(found: Finding, **more: object) -> Incident:
    values: dict[str, object] = {
        "id": "20251020-0650-00000000",
        "state": "open",
        "severity": "page",
        "component": found.component,
        "findings": {str(found.component): found},
        "active": [str(found.component)],
        "began": T0,
        "opened": T0,
        "changed": T0,
    }
    return Incident(**(values | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_words(kind: Kind) -> None:
    """And none of them is the name of the kind itself, unless that is the word."""
    one, two = Component((Part(kind, ("x",)),)), Component((Part(kind, ("x", "y")),))
    for text in (phrases.noun(one), phrases.noun(two), phrases.way(one), phrases.way(two)):
        assert "x" in text
        assert "_" not in text
        assert "{" not in text
    assert "y" in phrases.noun(two)
    assert "_" not in phrases.KINDS[kind].it


def test_each_kind_and_code_is_there() -> None:
    assert set(phrases.KINDS) == set(Kind)
    assert set(phrases.CODES) == set(Failure)
    assert all(len(each) <= 50 for each in phrases.CODES.values())


def test_a_code_of_a_newer_agent_stands_for_itself() -> None:
    assert phrases.failure("smtp.greylisted") == "smtp.greylisted"
    assert phrases.failure("tcp.timeout") == "connections time out (tcp.timeout)"


@pytest.mark.parametrize(
    ("failed", "total", "said"),
    [
        (0, 3_100, "none of 3,100"),
        (1, 3_100, "under 0.1 % of 3,100"),
        (12, 3_100, "0.4 % of 3,100"),
        (387, 412, "94 % of 412"),
        (411, 412, "99.8 % of 412"),
        (99_999, 100_000, "over 99.9 % of 100,000"),
        (412, 412, "all 412"),
        (7, 8, "7 of 8"),
        (1, 1, "the only"),
        (0, 0, "none of 0"),
    ],
)
def test_portions(failed: int, total: int, said: str) -> None:
    assert figures.portion(Share(failed, total), "") == said


@given(total=st.integers(20, 2_000_000), data=st.data())
def test_rounding_says_neither_all_nor_none_when_it_was_not(total: int, data: st.DataObject) -> None:
    failed = data.draw(st.integers(1, total - 1))
    assert not figures.percent(failed, total).startswith(("0 ", "0.0 ", "100"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (10_320, "2 h 52 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert figures.duration(seconds) == said


names = st.text(min_size=1, max_size=200)


@given(
    kinds=st.sets(st.sampled_from(Kind), min_size=1, max_size=3),
    several=st.lists(names, min_size=1, max_size=9, unique=True),
    code=names,
    track=st.sampled_from(["dns", "connection", "slow", "silence"]),
)
def test_no_name_breaks_a_line(kinds: set[Kind], several: list[str], code: str, track: Any) -> None:
    """Control characters are refused where names are configured; here nothing is taken for granted."""
    blamed = Component(tuple(Part(kind, tuple(sorted(several))) for kind in sorted(kinds)))
    hostile = tuple(several)
    found = Finding(
        component=blamed,
        track=track,
        score=1.0,
        certainty="ambiguous",
        inside=Share(3, 9),
        outside=Share(1, 99),
        agents=hostile,
        networks=hostile,
        targets=hostile,
        codes=((code, 3),),
        began=T0,
        last=T0,
        alternatives=(blamed,),
        exonerated=(Exonerated(entity=Entity(Kind.PROVIDER, several[0]), elsewhere=Share(0, 5)),),
        firsts=(First(agent=several[0], check=several[0], at=T0, code=code),),
    )
    incident = incident_of(found)
    line = headline(incident)
    assert len(line) <= HEADLINE_CHARACTERS
    for text in (line, *told(report(incident, T0 + 60)).split("\n")):
        assert not any(
            unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for each in text
        )
    assert len(told(report(incident, T0 + 60)).split("\n")) < 25


def test_a_long_group_keeps_its_figures() -> None:
    found = finding(
        "target:" + "+".join(f"service-with-a-quite-long-name-number-{n}.example.com" for n in range(9))
    )
    line = headline(incident_of(found))
    assert len(line) <= HEADLINE_CHARACTERS
    assert line.endswith(", 91 % of 33 probes fail, 0.3 % of 900 that avoid it")


def test_what_cannot_be_told_apart_is_in_the_headline() -> None:
    """An advice fits what differs: vantages, or what is probed."""
    two = finding("target:shop-1", certainty="ambiguous", alternatives=(parts("product:aws-nlb"),))
    line = headline(incident_of(two))
    assert line.startswith("Target shop-1 or product aws-nlb: ")
    assert "a target that belongs to one of them" in report(incident_of(two), T0).alternatives[1]
    mixed = finding("target:shop-1", certainty="ambiguous", alternatives=(parts("agent:bt-1"),))
    assert "an agent in another network" in report(incident_of(mixed), T0).alternatives[1]


@pytest.mark.parametrize(
    ("component", "other", "said"),
    [
        (
            "resolver:1.1.1.1 & agent:bt-1",
            "resolver:1.1.1.1 & vantage_network:AS2856",
            "Resolver 1.1.1.1 from agent bt-1 or from network AS2856: ",
        ),
        (
            "target:shop-1 & vantage_region:uk",
            "product:aws-nlb & vantage_region:uk",
            "Target shop-1 from region uk or product aws-nlb from region uk: ",
        ),
        (
            "target:shop-1",
            "target:shop-1 & address_family:ipv4",
            "Target shop-1 or only target shop-1 over IPv4: ",
        ),
        (
            "target:shop-1 & vantage_region:uk",
            "vantage_region:uk",
            "Target shop-1 from region uk or all of region uk: ",
        ),
        (
            "product:aws-nlb & provider_region:aws/us-east-1",
            "product:aws-nlb",
            "Product aws-nlb in provider region aws/us-east-1 or all of product aws-nlb: ",
        ),
    ],
)
def test_what_two_readings_share_is_said_once_where_that_is_clear(
    component: str, other: str, said: str
) -> None:
    found = finding(component, certainty="ambiguous", alternatives=(parts(other),))
    assert headline(incident_of(found)).startswith(said)


def test_what_explains_nearly_as_much_is_in_the_headline() -> None:
    found = finding(
        "target:shop-1",
        certainty="ambiguous",
        alternatives=(parts("zone:shop.example"),),
        rivals=(parts("product:aws-nlb"), parts("provider:aws")),
    )
    assert headline(incident_of(found)).startswith(
        "Target shop-1, product aws-nlb, provider aws or DNS zone shop.example: "
    )
    long = replace(found, rivals=(parts(f"product:{'p' * 40}"), parts(f"provider:{'q' * 40}")))
    assert headline(incident_of(long)).startswith(f"Target shop-1, product {'p' * 40} or 2 more: ")
    said = report(incident_of(found), T0)
    assert said.certainty == "Ambiguous: what was seen fits more than one component."
    nearly, inseparable, _ = said.alternatives
    assert nearly == "Explains nearly as much as target shop-1 so far: product aws-nlb and provider aws."
    assert inseparable == "Cannot be told apart from target shop-1 with this fleet: DNS zone shop.example."


def test_certain_is_not_said_of_more_than_is_known() -> None:
    alone = finding("target:shop-1")
    assert report(incident_of(alone), T0).certainty == "Certain: no other component explains it as well."
    beside = finding("target:shop-1", certainty="ambiguous", alternatives=(parts("zone:shop.example"),))
    said = report(incident_of(beside), T0).certainty
    assert said == "Ambiguous: what was seen fits more than one component."


def test_of_what_nothing_avoids_no_certainty_is_said() -> None:
    everything = replace(finding("tld:com", certainty="ambiguous"), outside=Share(0, 0))
    said = report(incident_of(everything), T0)
    assert said.certainty == "Ambiguous: nothing is left that avoids it, to compare it with."
    assert said.headline.startswith("Top-level domain .com: ")
    assert said.evidence.endswith("; there are none that avoid it.")


def test_what_fails_now_and_then_is_counted_by_attempts() -> None:
    found = replace(finding("target:shop-1"), inside=Share(50, 108), of_attempts=True)
    said = report(incident_of(found), T0)
    assert "46 % of 108 attempts fail, " in said.headline
    assert said.evidence.startswith("46 % of 108 attempts of target shop-1 failed; ")
    one = replace(found, inside=Share(1, 2))
    assert "1 of 2 attempts fail" in headline(incident_of(one))


def test_a_quiet_incident_says_how_long_it_is_held() -> None:
    life = Life()
    life.run(600, finding("target:shop-1"), step=5)
    life.run(300, step=5)
    (incident,) = life.incidents.open()
    said = life.incidents.report(incident, life.now).state
    assert said == "quiet since 06:59:55 UTC: nothing of it fails for 5 min; held open until 07:29:40 UTC"


def test_many_that_fail_with_it_are_counted() -> None:
    life = Life()
    broad = finding("provider:aws", score=900.0)
    targets: tuple[str, ...] = (
        "dynamodb.us-east-1",
        "dynamodb.us-west-2",
        "use1-api-1",
        "use1-api-2",
        "use1-nlb-1",
        "use1-nlb-2",
    )
    targets += ("use1-web-1", "usw2-web-1", "usw2-web-2")
    more = [finding(f"provider_region:aws/{each}") for each in ("us-east-1", "us-west-2")]
    life.run(60, broad, *more, *(finding(f"target:{each}") for each in targets))
    (incident,) = life.incidents.open()
    said = life.incidents.report(incident, life.now).dependents
    assert len(said) == 11
    assert said[-1] == "and 1 more"
