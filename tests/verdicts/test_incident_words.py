"""The sentences, as on-call reads them.

The texts of a dozen incidents are held in `incident_texts.txt`. After a change of words, look at what it does
to them: `VEDETTE_WRITE_TEXTS=1 pytest tests/verdicts/test_incident_words.py`, then read the diff.
"""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.wire.failure import Failure
from vedette_collector.verdicts import figures, phrases
from vedette_collector.verdicts.component import Component, Entity, Kind, Part
from vedette_collector.verdicts.evidence import Exonerated, Finding, First, Share
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.words import HEADLINE_CHARACTERS, Report, headline, report
from verdicts.life_helpers import AGENTS, T0, Life, finding, parts

TEXTS = Path(__file__).with_name("incident_texts.txt")
EVERYWHERE = tuple(AGENTS)


def firsts(code: str, *probes: tuple[str, str]) -> tuple[First, ...]:
    return tuple(
        First(agent=agent, check=check, at=T0 + 0.4 * place, code=code)
        for place, (agent, check) in enumerate(probes)
    )


def works(text: str, failed: int, total: int) -> Exonerated:
    return Exonerated(entity=parts(text).entities[0], elsewhere=Share(failed, total))


RECORD = finding(
    "target:dynamodb.us-east-1",
    track="dns",
    codes=(("dns.nodata", 188),),
    inside=Share(188, 188),
    outside=Share(43, 14_100),
    exonerated=(works("authority_dns:route53-aws", 0, 1_128), works("resolver:1.1.1.1", 12, 4_600)),
    firsts=firsts("dns.nodata", ("bt-1", "dynamodb-a"), ("aws-1", "dynamodb-a"), ("nyc-1", "dynamodb-b")),
    confirmed=181,
    asked=Share(4, 4),
    bypasses=(("resolver", Share(6, 6)), ("authority", Share(4, 4)), ("last_good", Share(0, 5))),
)
DEPENDENTS = finding(
    "dependency:dynamodb",
    codes=(("http.status", 190), ("http.timeout", 7)),
    inside=Share(197, 282),
    outside=Share(30, 16_000),
    is_partial=True,
)
LATER = finding(
    "product:aws-nlb",
    at=T0 + 20_520,
    codes=(("tcp.timeout", 98),),
    inside=Share(98, 282),
    outside=Share(31, 16_000),
    is_partial=True,
)
DARK = finding(
    "vantage_network:AS25135+AS5378",
    track="silence",
    codes=(),
    agents=("vf-1", "vf-2", "vfm-1"),
    inside=Share(3, 3),
    outside=Share(0, 8),
    firsts=firsts("", ("vf-1", ""), ("vf-2", "")),
)

# What is found in phases: seconds, findings.
CASES: dict[str, Sequence[tuple[float, tuple[Finding, ...]]]] = {
    "a record emptied, what depends on it, and load balancers hours later": [
        (60, (RECORD,)),
        (1_800, (RECORD, DEPENDENTS)),
        (1_200, ()),
        (60, (LATER,)),
    ],
    "an edge product that fails in part": [
        (
            600,
            (
                finding(
                    "product:cloudflare-cdn",
                    codes=(("http.status", 2_105), ("tcp.timeout", 310), ("tls.timeout", 44)),
                    inside=Share(2_459, 4_512),
                    outside=Share(181, 18_400),
                    is_partial=True,
                    exonerated=(works("provider:cloudflare", 2, 2_820),),
                    confirmed=2_001,
                ),
            ),
        )
    ],
    "two networks go dark, with the targets in them": [
        (
            120,
            (
                DARK,
                finding(
                    "provider_network:AS5378", inside=Share(64, 64), outside=Share(20, 9_000), score=900.0
                ),
            ),
        ),
    ],
    "a managed DNS provider under attack, seen from one region": [
        (
            300,
            (
                finding(
                    "authority_dns:dyn & vantage_region:us-east",
                    track="dns",
                    agents=("aws-1", "nyc-1"),
                    codes=(("dns.timeout", 250), ("dns.servfail", 71)),
                    inside=Share(321, 412),
                    outside=Share(12, 3_100),
                    is_partial=True,
                    exonerated=(
                        works("vantage_region:us-east", 3, 5_210),
                        works("authority_dns:dyn", 2, 1_300),
                    ),
                    bypasses=(("authority", Share(7, 9)), ("resolver", Share(8, 9))),
                ),
            ),
        )
    ],
    "signatures that do not validate": [
        (
            300,
            (
                finding(
                    "tld:de & resolver_class:validating",
                    track="dns",
                    codes=(("dns.bogus", 300),),
                    inside=Share(300, 612),
                    outside=Share(0, 12_021),
                    is_partial=True,
                    bypasses=(("no_validation", Share(0, 24)),),
                    exonerated=(works("tld:de", 0, 220),),
                ),
            ),
        )
    ],
    "a public resolver withdrawn": [
        (
            120,
            (
                finding(
                    "resolver:1.1.1.1",
                    track="dns",
                    codes=(("dns.timeout", 4_500),),
                    inside=Share(4_588, 4_589),
                    outside=Share(41, 13_700),
                    bypasses=(("resolver", Share(0, 40)),),
                ),
            ),
        )
    ],
    "windows hosts in boot loops": [
        (
            600,
            (
                finding(
                    "host_class:windows",
                    inside=Share(231, 470),
                    outside=Share(95, 17_900),
                    is_partial=True,
                    exonerated=(works("provider:azure", 4, 2_400), works("vantage_network:AS2856", 1, 800)),
                ),
            ),
        )
    ],
    "the control plane of a region": [
        (
            600,
            (
                finding(
                    "plane:control & provider_region:aws/us-east-1",
                    codes=(("http.status", 160),),
                    inside=Share(160, 376),
                    outside=Share(14, 17_000),
                    is_partial=True,
                    exonerated=(works("provider_region:aws/us-east-1", 3, 470),),
                ),
            ),
        )
    ],
    "a site that blocks two networks of ours": [
        (
            300,
            (
                finding(
                    "target:shop-1 & vantage_network:AS14061+AS16276",
                    agents=("nyc-1", "ovh-1", "ovh-2"),
                    codes=(("http.status", 6),),
                    inside=Share(6, 6),
                    outside=Share(1, 80),
                ),
            ),
        )
    ],
    "one agent, or its network": [
        (
            60,
            (
                finding(
                    "agent:tim-1",
                    agents=("tim-1",),
                    codes=(("net.unreachable", 60), ("dns.timeout", 9)),
                    inside=Share(69, 69),
                    outside=Share(0, 690),
                    certainty="ambiguous",
                    alternatives=(parts("vantage_network:AS3269"), parts("vantage_region:it")),
                ),
            ),
        )
    ],
    "nobody is heard of": [
        (
            60,
            (
                finding(
                    "telemetry:broker",
                    track="silence",
                    codes=(),
                    inside=Share(11, 11),
                    outside=Share(0, 0),
                ),
            ),
        )
    ],
    "an expired chain where the roots are old": [
        (
            60,
            (
                finding(
                    "ca_chain:letsencrypt-dst & client_stack:legacy",
                    agents=("aws-2", "ovh-2"),
                    codes=(("tls.expired", 18),),
                    inside=Share(18, 18),
                    outside=Share(0, 2_210),
                    exonerated=(works("ca_chain:letsencrypt-dst", 0, 252),),
                ),
            ),
        )
    ],
    "a target that is slow": [
        (
            60,
            (
                finding(
                    "target:shop-2",
                    track="slow",
                    codes=(("http.slow", 21),),
                    inside=Share(21, 22),
                    outside=Share(0, 5_000),
                ),
            ),
        )
    ],
}


def told(said: Report) -> str:
    lines: list[tuple[str, str]] = [
        ("since", said.since),
        ("state", said.state),
        ("", said.certainty),
        ("", said.evidence),
        ("failures", said.failures),
        ("seen from", said.seen_from),
        ("not from", said.not_seen_from),
        *(("confirmed", each) for each in said.confirmed),
        *(("or", each) for each in said.alternatives),
        *(("works", each) for each in said.exonerated),
        *(("with it", each) for each in said.dependents),
        *(("earlier", each) for each in said.earlier),
        *(("first", each.text) for each in said.firsts),
        *(("note", each) for each in said.notes),
    ]
    return "\n".join(
        [said.headline, *(f"  {f'{name}: ' if name else ''}{text}" for name, text in lines if text)]
    )


def texts() -> str:
    said: list[str] = []
    for title, phases in CASES.items():
        life = Life()
        for seconds, found in phases:
            life.run(seconds, *found, step=5)
        for incident in life.incidents.open():
            said.append(f"== {title}\n{told(life.incidents.report(incident, life.now))}\n")
    return "\n".join(said)


def test_texts() -> None:
    if os.environ.get("VEDETTE_WRITE_TEXTS"):
        TEXTS.write_text(texts(), encoding="utf-8")
    assert texts() == TEXTS.read_text(encoding="utf-8")


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


def test_a_quiet_incident_says_how_long_it_is_held() -> None:
    life = Life()
    life.run(600, finding("target:shop-1"), step=5)
    life.run(300, step=5)
    (incident,) = life.incidents.open()
    said = life.incidents.report(incident, life.now).state
    assert said == "quiet since 06:59:55 UTC: nothing of it fails for 5 min; held open until 07:19:45 UTC"


def test_many_that_fail_with_it_are_counted() -> None:
    life = Life()
    broad = finding("provider:aws", score=900.0)
    targets = (
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
