"""The prober on real servers: NSD has the zones, Unbound resolves, and validates them itself for comparison.

Unbound's word is its AD flag (secure), SERVFAIL (bogus), or neither (insecure).
"""

import asyncio
import time
from collections.abc import Iterator
from typing import NamedTuple

import dns.dnssectypes
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from collector.dnssec_results import CHAIN
from dnssec.signing_helpers import DAY, Key, Nsec3, SignedZone
from dnssec.zones_helpers import above, leaf
from servers.nsd import Nsd
from servers.probing import Probed, bench
from servers.unbound import Unbound
from vedette.checks.anchors import anchor
from vedette.checks.model import DnssecCheck, Endpoint
from vedette_agent import outcome
from vedette_agent.classify import classify
from vedette_agent.probers.dnssec import probe_dnssec

Algorithm = dns.dnssectypes.Algorithm


class Servers(NamedTuple):
    nsd: Nsd
    unbound: Unbound
    anchors: tuple[str, ...]

    @property
    def resolver(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.unbound.port)

    def unbounds_word(self, name: str, rdtype: str) -> str:
        query = dns.message.make_query(name, rdtype, want_dnssec=True)
        answer, _ = dns.query.udp_with_fallback(query, "127.0.0.1", port=self.unbound.port, timeout=5)
        if answer.rcode() == dns.rcode.SERVFAIL:
            return "bogus"
        return "secure" if answer.flags & dns.flags.AD else "insecure"

    def probe(self, name: str, rdtype: str = "A", **more: object) -> Probed:
        check = DnssecCheck(
            name="chain",
            target=name,
            interval=30.0,
            timeout=10.0,
            query_name=name.removesuffix("."),
            rdtype=rdtype,
            server=self.resolver,
            anchors=tuple(anchor(text) for text in self.anchors),
            **more,  # type: ignore[arg-type]
        )

        async def main() -> Probed:
            async with bench() as made:
                return await made.run(probe_dnssec, check, 10.0)

        return asyncio.run(main())


def zones(now: float) -> tuple[list[SignedZone], tuple[str, ...]]:
    """Two signed parents with children of every kind, and the anchors."""

    def child(label: str, **more: object) -> SignedZone:
        return leaf(f"{label}.example.", now, **more)  # type: ignore[arg-type]

    def keys(algorithm: Algorithm) -> list[Key]:
        return [Key(algorithm), Key(algorithm, flags=256)]

    tampered, unsigned_set, expired, early = (
        child(each) for each in ("tampered", "stripped", "expired", "early")
    )
    tampered.replace("www.tampered.example.", "A", "203.0.113.66")
    unsigned_set.drop_signature("www.stripped.example.", "A")
    expired.resign("www.expired.example.", "A", begins=-9 * DAY, expires=-DAY)
    early.resign("www.early.example.", "A", begins=3 * DAY)  # Unbound forgives one
    old_keys = child("oldkeys")
    old_keys.resign("oldkeys.example.", "DNSKEY", begins=-9 * DAY, expires=-DAY)
    wrong_ds, bare, strange = child("wrongds"), child("bare", keys=[]), child("strange")
    island, soon = child("island"), child("soon")
    soon.resign("www.soon.example.", "A", expires=DAY + 600)
    texts = "".join(f'many 60 IN TXT "{number:0200}"\n' for number in range(8))
    links = "".join(f"to-{each} 60 IN CNAME www.{each}.example.\n" for each in ("ed25519", "bare", "expired"))
    children = [
        child("rsa", keys=keys(Algorithm.RSASHA256)),
        child("rsa512", keys=keys(Algorithm.RSASHA512)),
        child("ecdsa", more=links),
        child("ed25519", keys=keys(Algorithm.ED25519)),
        child("rollover", keys=[Key(), Key()], more=texts),
        child("hashed", nsec3=Nsec3(5, "aabb")),
        child("costly", nsec3=Nsec3(2500)),
        *(tampered, unsigned_set, expired, early, old_keys, wrong_ds, bare, strange, island, soon),
    ]
    lost, island.keys = island.keys, []
    parent = above("example.", *children, now=now)
    island.keys = lost
    for owner, change in (
        ("wrongds.example.", {"digest": bytes(32)}),
        ("strange.example.", {"algorithm": 12}),
    ):
        records = parent.records(owner, "DS")
        (ds,) = records
        records.clear()
        records.add(ds.replace(**change))
        parent.resign(owner, "DS")
    spanned = [leaf("signed.span.", now), leaf("bare.span.", now, keys=[])]
    span = above("span.", *spanned, now=now, nsec3=Nsec3(opt_out=True))
    return [parent, *children, span, *spanned], (*parent.anchors, *span.anchors)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    directory = tmp_path_factory.mktemp("dnssec")
    made, anchors = zones(time.time())
    names = [zone.origin.to_text() for zone in made]
    nsd = Nsd(directory / "nsd", {zone.origin.to_text(): zone.text for zone in made})
    nsd.start()
    unbound = Unbound(directory / "unbound", dict.fromkeys(names, nsd.port), anchors)
    try:
        unbound.start()
        yield Servers(nsd, unbound, anchors)
    finally:
        unbound.stop()
        nsd.stop()


TABLE = [
    ("www.rsa.example.", "A", "secure"),
    ("www.rsa512.example.", "A", "secure"),
    ("www.ecdsa.example.", "A", "secure"),
    ("www.ed25519.example.", "A", "secure"),
    ("www.rollover.example.", "A", "secure"),
    ("ecdsa.example.", "MX", "secure"),
    ("ecdsa.example.", "NAPTR", "secure"),
    ("ecdsa.example.", "DS", "secure"),
    ("ecdsa.example.", "DNSKEY", "secure"),
    ("www.ecdsa.example.", "AAAA", "secure"),
    ("b.ecdsa.example.", "A", "secure"),
    ("gone.ecdsa.example.", "A", "secure"),
    ("x.y.gone.ecdsa.example.", "A", "secure"),
    ("x.wild.ecdsa.example.", "A", "secure"),
    ("x.wild.ecdsa.example.", "TXT", "secure"),
    ("x.alias.ecdsa.example.", "A", "secure"),
    ("www.old.ecdsa.example.", "A", "secure"),
    ("to-ed25519.ecdsa.example.", "A", "secure"),
    ("to-bare.ecdsa.example.", "A", "insecure"),
    ("to-expired.ecdsa.example.", "A", "bogus"),
    ("www.hashed.example.", "A", "secure"),
    ("www.hashed.example.", "AAAA", "secure"),
    ("b.hashed.example.", "A", "secure"),
    ("gone.hashed.example.", "A", "secure"),
    ("x.wild.hashed.example.", "A", "secure"),
    ("x.wild.hashed.example.", "TXT", "secure"),
    ("www.old.hashed.example.", "A", "secure"),
    ("www.costly.example.", "A", "secure"),
    ("gone.costly.example.", "A", "insecure"),
    ("www.tampered.example.", "A", "bogus"),
    ("ns.tampered.example.", "A", "secure"),
    ("www.stripped.example.", "A", "bogus"),
    ("www.expired.example.", "A", "bogus"),
    ("www.early.example.", "A", "bogus"),
    ("www.oldkeys.example.", "A", "bogus"),
    ("www.wrongds.example.", "A", "bogus"),
    ("www.bare.example.", "A", "insecure"),
    ("gone.bare.example.", "A", "insecure"),
    ("www.island.example.", "A", "insecure"),
    ("www.strange.example.", "A", "insecure"),
    ("www.signed.span.", "A", "secure"),
    ("www.bare.span.", "A", "insecure"),
    ("gone.span.", "A", "insecure"),
]


@pytest.mark.parametrize(("name", "rdtype", "wanted"), TABLE, ids=lambda each: each)
def test_the_verdict_is_unbounds(servers: Servers, name: str, rdtype: str, wanted: str) -> None:
    probed = servers.probe(name, rdtype)
    facts = probed.record.dnssec
    assert facts is not None, probed.error
    assert (facts.status, servers.unbounds_word(name, rdtype)) == (wanted, wanted), probed.error


def test_a_secure_chain_is_described(servers: Servers) -> None:
    probed = servers.probe("www.ecdsa.example.")
    facts = probed.record.dnssec
    assert probed.failure is None
    assert facts is not None
    assert (facts.status, facts.answer, facts.anchor, facts.chain_zones) == ("secure", "data", "example", 2)
    assert [(zone.zone, zone.algorithm) for zone in facts.zones] == [
        ("example", "ECDSAP256SHA256"),
        ("ecdsa.example", "ECDSAP256SHA256"),
    ]
    left = (facts.earliest_expiration_us or 0) / 1e6 - time.time()
    assert 13 * DAY < left <= 14 * DAY
    assert set(probed.record.phases) == {"request"}
    assert probed.record.dns is None
    assert probed.record.resolver == str(servers.resolver)
    said = outcome.result(CHAIN, probed.record, None, started_us=1, elapsed=1.0, stalled=0.0)
    assert said.facts is not None
    assert said.facts.dnssec == facts


@pytest.mark.parametrize(
    ("name", "failure", "said"),
    [
        ("www.expired.example.", "dns.bogus", "www.expired.example A: the RRSIG of key tag"),
        ("www.wrongds.example.", "dns.bogus", "no DNSKEY of wrongds.example matches its DS"),
        ("www.stripped.example.", "dns.bogus", "www.stripped.example A has no RRSIG"),
        ("www.bare.example.", "dns.insecure", "example has no DS for bare.example"),
        (
            "www.island.example.",
            "dns.missing_ds",
            "example has no DS for island.example, though it is signed",
        ),
        (
            "www.strange.example.",
            "dns.insecure",
            "strange.example is signed with unsupported algorithms only",
        ),
    ],
)
def test_a_failure_says_which_zone_and_why(servers: Servers, name: str, failure: str, said: str) -> None:
    probed = servers.probe(name)
    assert (probed.failure, probed.detail[: len(said)]) == (failure, said)


def test_by_a_clock_that_is_wrong_no_zone_is_bogus(servers: Servers) -> None:
    probed = servers.probe("www.expired.example.")
    assert probed.error is not None
    assert classify(probed.error, "dns", 1.0, 0.0, is_clock_wrong=True)[:2] == ("not_run", "clock")
    soon = servers.probe("www.ecdsa.example.", min_signature_left=400.0 * DAY)
    assert soon.failure == "dns.expires_soon"
    assert soon.error is not None
    assert classify(soon.error, "dns", 1.0, 0.0, is_clock_wrong=True)[:2] == ("not_run", "clock")


def test_the_verdict_may_be_expected_to_be_another(servers: Servers) -> None:
    for name, expect, failure in (
        ("www.bare.example.", "insecure", None),
        ("www.expired.example.", "bogus", None),
        ("www.expired.example.", "insecure", "dns.bogus"),
        ("www.ecdsa.example.", "insecure", "dns.wrong_answer"),
        ("www.ecdsa.example.", "bogus", "dns.wrong_answer"),
        ("www.bare.example.", "bogus", "dns.wrong_answer"),
    ):
        assert servers.probe(name, expect=expect).failure == failure, (name, expect)


def test_a_signature_that_ends_soon_fails_only_where_that_is_asked(servers: Servers) -> None:
    assert servers.probe("www.soon.example.").failure is None
    assert servers.probe("www.soon.example.", min_signature_left=DAY - 600.0).failure is None
    probed = servers.probe("www.soon.example.", min_signature_left=2.0 * DAY)
    assert (probed.failure, probed.detail) == (
        "dns.expires_soon",
        "the RRSIG of www.soon.example A expires in 24.2 hours; expected at least 2.0 days",
    )


def test_an_answer_too_large_for_udp_is_fetched_over_tcp(servers: Servers) -> None:
    """Eight texts of 200 bytes: more than the 1,232 that are taken over UDP."""
    probed = servers.probe("many.rollover.example.", "TXT")
    assert probed.failure is None
    assert set(probed.record.phases) == {"request", "connect"}
