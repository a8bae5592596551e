"""A dozen incidents in the sentences that on-call reads, held in `incident_texts.txt`.

After a change of words, look at what it does to them:
`VEDETTE_WRITE_TEXTS=1 pytest tests/verdicts/test_incident_texts.py`, then read the diff.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from vedette_collector.verdicts.evidence import Exonerated, Finding, First, Share
from verdicts.life_helpers import T0, Life, finding, parts
from verdicts.words_helpers import told

TEXTS = Path(__file__).with_name("incident_texts.txt")


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
                    codes=(("http.denied", 6),),
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
    "a target, or its product": [
        (
            10,
            (
                finding(
                    "target:cf-1",
                    agents=("bt-1", "vf-1", "ovh-1"),
                    codes=(("http.status", 5),),
                    inside=Share(5, 33),
                    outside=Share(1, 900),
                    certainty="ambiguous",
                    alternatives=(parts("zone:cf-1.example"),),
                    rivals=(parts("product:cloudflare-cdn"),),
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
