"""What a validation comes to, over zones that are signed well and badly. No sockets, no clock."""

import dns.message
import dns.rdataset
import dns.rdatatype
import dns.rrset
import pytest
from dns.dnssectypes import Algorithm

from dnssec.resolving_helpers import World, validated
from dnssec.signing_helpers import DAY, Key, Nsec3, name
from dnssec.zones_helpers import NOW, above, leaf, tree
from vedette.wire.failure import Failure
from vedette_agent.dnssec.verdict import Question, Unusable, Verdict

DENIALS = {"nsec": None, "nsec3": Nsec3(), "nsec3 salted": Nsec3(iterations=10, salt="aabb")}


def status(world: World, anchors: list[str], owner: str, rdtype: str = "A", now: float = NOW) -> Verdict:
    return validated(world, owner, rdtype, anchors, now)


@pytest.mark.parametrize(
    "algorithm",
    [Algorithm.RSASHA256, Algorithm.RSASHA512, Algorithm.ECDSAP256SHA256, Algorithm.ED25519],
)
def test_a_signed_answer_is_secure_with_every_algorithm(algorithm: Algorithm) -> None:
    world, anchors = tree(leaf("good.example.", keys=[Key(algorithm), Key(algorithm, flags=256)]))
    verdict = status(world, anchors, "www.good.example.")
    assert (verdict.status, verdict.answer, verdict.why) == ("secure", "data", "")
    assert [str(link.zone) for link in verdict.chain] == [".", "example.", "good.example."]
    assert verdict.chain[2].algorithm == algorithm
    assert verdict.expires == NOW + 14 * DAY


@pytest.mark.parametrize("rdtype", ["TXT", "MX", "NAPTR", "SRV", "CAA", "SOA", "NS", "DNSKEY", "DS"])
def test_every_type_is_brought_into_its_canonical_form(rdtype: str) -> None:
    world, anchors = tree(leaf("good.example."))
    owner = "www.good.example." if rdtype == "TXT" else "good.example."
    assert status(world, anchors, owner, rdtype).status == "secure"


def test_only_the_cuts_on_the_way_are_asked_for() -> None:
    world, anchors = tree(leaf("good.example."))
    status(world, anchors, "www.good.example.")
    assert world.asked == [
        "www.good.example. A",
        ". DNSKEY",
        "example. DS",
        "example. DNSKEY",
        "good.example. DS",
        "good.example. DNSKEY",
    ]


@pytest.mark.parametrize("nsec3", DENIALS.values(), ids=DENIALS)
@pytest.mark.parametrize(
    ("owner", "rdtype", "answer"),
    [
        ("www.good.example.", "AAAA", "nodata"),
        ("b.good.example.", "A", "nodata"),  # an empty non-terminal
        ("x.wild.good.example.", "TXT", "nodata"),  # of a wildcard
        ("nothing.good.example.", "A", "nxdomain"),
        ("x.y.nothing.good.example.", "A", "nxdomain"),
        ("aaa.good.example.", "A", "nxdomain"),
        ("zzz.good.example.", "A", "nxdomain"),
        ("x.wild.good.example.", "A", "data"),
        ("x.y.wild.good.example.", "A", "data"),
        ("alias.good.example.", "A", "data"),
        ("x.alias.good.example.", "A", "data"),
        ("www.old.good.example.", "A", "data"),  # by way of a DNAME
        ("www.good.example.", "DS", "nodata"),
    ],
)
def test_denials_wildcards_and_aliases_are_secure(
    nsec3: Nsec3 | None, owner: str, rdtype: str, answer: str
) -> None:
    world, anchors = tree(leaf("good.example.", nsec3=nsec3), nsec3=nsec3)
    verdict = status(world, anchors, owner, rdtype)
    assert (verdict.status, verdict.answer, verdict.why) == ("secure", answer, "")


@pytest.mark.parametrize("nsec3", DENIALS.values(), ids=DENIALS)
@pytest.mark.parametrize(
    ("owner", "rdtype"),
    [
        ("www.good.example.", "AAAA"),
        ("nothing.good.example.", "A"),
        ("x.wild.good.example.", "A"),
        ("x.wild.good.example.", "TXT"),
    ],
)
def test_without_its_proof_a_denial_or_wildcard_is_bogus(
    nsec3: Nsec3 | None, owner: str, rdtype: str
) -> None:
    world, anchors = tree(leaf("good.example.", nsec3=nsec3), nsec3=nsec3)
    world.changes[owner, rdtype] = lambda message: message.authority.clear()
    assert status(world, anchors, owner, rdtype).status == "bogus"


@pytest.mark.parametrize("nsec3", DENIALS.values(), ids=DENIALS)
def test_the_proof_of_one_name_does_not_deny_another(nsec3: Nsec3 | None) -> None:
    """Each reply is signed and whole, and answers another question."""
    world, anchors = tree(leaf("good.example.", nsec3=nsec3))
    for instead in ("nothing.good.example.", "zzz.good.example.", "alias.good.example."):

        def replay(message: dns.message.Message, instead: str = instead) -> None:
            other = World(*world.zones.values())
            given = dns.message.from_wire(other.answer(Question(name(instead), "TXT")))
            message.answer.clear()
            message.authority[:] = given.authority
            message.set_rcode(given.rcode())

        world.changes["www.good.example.", "A"] = replay
        assert status(world, anchors, "www.good.example.").status == "bogus"


def test_expired_says_which_and_since_when() -> None:
    zone = leaf("good.example.")
    zone.resign("www.good.example.", "A", begins=-9 * DAY, expires=-DAY)
    world, anchors = tree(zone)
    verdict = status(world, anchors, "www.good.example.")
    assert verdict.status == "bogus"
    assert verdict.why.startswith("www.good.example A: the RRSIG of key tag ")
    assert verdict.why.endswith(" expired at 2027-01-14T08:00:00Z")
    assert (verdict.expires, verdict.expiring) == (NOW - DAY, "www.good.example A")
    assert status(world, anchors, "ns.good.example.").status == "secure"


def test_not_yet_valid_is_bogus() -> None:
    zone = leaf("good.example.")
    zone.resign("www.good.example.", "A", begins=DAY)
    verdict = status(*tree(zone), "www.good.example.")
    assert verdict.status == "bogus"
    assert verdict.why.endswith("is valid from 2027-01-16T08:00:00Z only")


def test_an_expired_key_set_breaks_all_below() -> None:
    zone = leaf("good.example.")
    zone.resign("good.example.", "DNSKEY", begins=-9 * DAY, expires=-1)
    verdict = status(*tree(zone), "www.good.example.")
    assert (verdict.status, verdict.expiring) == ("bogus", "good.example DNSKEY")


@pytest.mark.parametrize("rdtype", ["A", "DNSKEY", "DS"])
def test_a_missing_signature_is_bogus(rdtype: str) -> None:
    zone = leaf("good.example.")
    parent = above("example.", zone)
    root = above(".", parent)
    owner = "www.good.example." if rdtype == "A" else "good.example."
    (parent if rdtype == "DS" else zone).drop_signature(owner, rdtype)
    verdict = status(World(root, parent, zone), root.anchors, "www.good.example.")
    assert verdict.status == "bogus"
    assert "no RRSIG" in verdict.why


def test_tampered_data_is_bogus() -> None:
    zone = leaf("good.example.")
    zone.replace("www.good.example.", "A", "203.0.113.66")
    verdict = status(*tree(zone), "www.good.example.")
    assert verdict.status == "bogus"
    assert verdict.why.endswith("does not fit the data")


def test_a_ds_of_another_key_is_bogus() -> None:
    zone = leaf("good.example.")
    world, anchors = tree(zone)
    other = leaf("good.example.")
    (tag,) = (key.tag for key in zone.keys)
    world.zones[other.origin] = other
    verdict = status(world, anchors, "www.good.example.")
    assert (verdict.status, verdict.why) == ("bogus", f"no DNSKEY of good.example matches its DS {tag}")


def test_a_digest_that_differs_is_bogus_though_the_tag_is_right() -> None:
    zone = leaf("good.example.")
    (ds,) = zone.ds()
    parent = above("example.", zone)
    spoiled = ds.replace(digest=bytes(32))
    parent.records("good.example.", "DS").clear()
    parent.records("good.example.", "DS").add(spoiled)
    parent.resign("good.example.", "DS")
    root = above(".", parent)
    verdict = status(World(root, parent, zone), root.anchors, "www.good.example.")
    assert (verdict.status, verdict.why) == (
        "bogus",
        f"no DNSKEY of good.example matches its DS {ds.key_tag}",
    )


def test_a_ds_without_any_key_is_bogus() -> None:
    zone = leaf("good.example.")
    zone.drop("good.example.", "DNSKEY")
    verdict = status(*tree(zone), "www.good.example.")
    assert verdict.status == "bogus"
    assert verdict.why.startswith("good.example has no DNSKEY for its DS ")


@pytest.mark.parametrize("nsec3", [*DENIALS.values(), Nsec3(opt_out=True)], ids=[*DENIALS, "opt-out"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_a_delegation_without_ds_is_insecure(nsec3: Nsec3 | None, is_signed: bool) -> None:
    """And it is told whether the zone is signed, so that only its DS is missing."""
    zone = leaf("good.example.", keys=None if is_signed else [])
    keys, zone.keys = zone.keys, []
    parent = above("example.", zone, nsec3=nsec3)
    zone.keys = keys
    root = above(".", parent)
    for owner, rdtype in (("www.good.example.", "A"), ("x.good.example.", "A"), ("good.example.", "TXT")):
        verdict = status(World(root, parent, zone), root.anchors, owner, rdtype)
        assert verdict.status == "insecure", verdict.why
        assert verdict.why.startswith("example has no DS for good.example")
        assert verdict.is_ds_missing == is_signed


@pytest.mark.parametrize("nsec3", DENIALS.values(), ids=DENIALS)
def test_an_insecure_delegation_that_is_not_proven_is_bogus(nsec3: Nsec3 | None) -> None:
    zone = leaf("good.example.", keys=[])
    parent = above("example.", zone, nsec3=nsec3)
    root = above(".", parent)
    world = World(root, parent, zone)
    world.changes["good.example.", "DS"] = lambda message: message.authority.clear()
    verdict = status(world, root.anchors, "www.good.example.")
    assert (verdict.status, verdict.why) == (
        "bogus",
        "example has no DS for good.example, and does not prove it",
    )


def test_the_childs_own_nsec_does_not_prove_that_the_parent_has_no_ds() -> None:
    """RFC 6840 4.1: a record with SOA is from below the cut."""
    zone = leaf("good.example.")
    world, anchors = tree(zone)

    def from_below(message: dns.message.Message) -> None:
        message.answer.clear()
        for rdtype in ("NSEC", "RRSIG"):
            found = (
                zone.records("good.example.", "NSEC")
                if rdtype == "NSEC"
                else zone.zone.get_rdataset(zone.origin, "RRSIG", "NSEC")
            )
            message.authority.append(dns.rrset.from_rdata_list(zone.origin, 60, list(found)))

    world.changes["good.example.", "DS"] = from_below
    assert status(world, anchors, "www.good.example.").status == "bogus"


def test_names_in_an_opt_out_span_are_insecure() -> None:
    """RFC 5155 9.2: what is denied there may be an unsigned delegation."""
    zone = leaf("good.example.")
    world, anchors = tree(zone, nsec3=Nsec3(opt_out=True))
    verdict = status(world, anchors, "nothing.example.")
    assert (verdict.status, verdict.answer) == ("insecure", "nxdomain")
    assert status(world, anchors, "www.good.example.").status == "secure"


def test_an_unsupported_algorithm_makes_the_zone_insecure() -> None:
    """RFC 4035 5.2. Number 12 was GOST R 34.10-2001."""
    zone = leaf("good.example.")
    parent = above("example.", zone)
    (ds,) = zone.ds()
    parent.records("good.example.", "DS").clear()
    parent.records("good.example.", "DS").add(ds.replace(algorithm=12))
    parent.resign("good.example.", "DS")
    root = above(".", parent)
    verdict = status(World(root, parent, zone), root.anchors, "www.good.example.")
    assert verdict.status == "insecure"
    assert "unsupported algorithms only" in verdict.why


def test_a_cname_leads_into_another_zone_and_is_as_secure_as_that() -> None:
    one = leaf("one.example.", more="out 60 IN CNAME www.two.example.\ngone 60 IN CNAME x.two.example.\n")
    for two, wanted in (
        (leaf("two.example."), "secure"),
        (leaf("two.example.", keys=[]), "insecure"),
        (leaf("two.example.", days=-0.5), "bogus"),
    ):
        parent = above("example.", one, two)
        root = above(".", parent)
        world = World(root, parent, one, two)
        assert status(world, root.anchors, "out.one.example.").status == wanted
        assert status(world, root.anchors, "gone.one.example.").status == wanted
        assert status(world, root.anchors, "www.one.example.").status == "secure"


def test_a_forged_cname_of_a_dname_is_bogus() -> None:
    world, anchors = tree(leaf("good.example."))

    def forge(message: dns.message.Message) -> None:
        message.answer = [each for each in message.answer if each.rdtype != dns.rdatatype.CNAME]
        message.answer.append(
            dns.rrset.from_text("www.old.good.example.", 60, "IN", "CNAME", "ns.good.example.")
        )

    world.changes["www.old.good.example.", "A"] = forge
    verdict = status(world, anchors, "www.old.good.example.")
    assert (verdict.status, "DNAME" in verdict.why) == ("bogus", True)


def test_a_loop_of_cnames_ends() -> None:
    with pytest.raises(Unusable) as caught:
        status(*tree(leaf("good.example.")), "loop.good.example.")
    assert caught.value.failure == Failure.DNS_CNAME_DANGLING


def test_a_rollover_has_two_keys_and_either_will_do() -> None:
    """A new key is published and signs, the parent has the DS of the old one (RFC 6781 4.1.2), and so on."""
    old, new = Key(), Key()
    zone = leaf("good.example.", keys=[old, new])
    parent = above("example.", zone)
    for kept in (old, new):
        records = parent.records("good.example.", "DS")
        records.clear()
        zone.keys = [kept]
        for ds in zone.ds():
            records.add(ds)
        zone.keys = [old, new]
        parent.resign("good.example.", "DS")
        root = above(".", parent)
        verdict = status(World(root, parent, zone), root.anchors, "www.good.example.")
        assert (verdict.status, verdict.chain[2].key_tag) == ("secure", kept.tag)


def test_one_valid_signature_of_two_is_enough_and_the_one_that_lasts_longer_counts() -> None:
    long, short = Key(flags=256), Key(flags=256)
    zone = leaf("good.example.", keys=[Key(), long, short])
    owner = name("www.good.example.")
    records = zone.records("www.good.example.", "A")
    made = [
        long.sign(owner, records, zone.origin, NOW - DAY, NOW + 9 * DAY),
        short.sign(owner, records, zone.origin, NOW - DAY, NOW + 2 * DAY),
    ]
    zone.zone.replace_rdataset(owner, dns.rdataset.from_rdata_list(60, made))
    verdict = status(*tree(zone), "www.good.example.")
    assert (verdict.status, verdict.expires) == ("secure", NOW + 9 * DAY)


def test_without_an_anchor_above_it_a_name_is_insecure() -> None:
    world, _ = tree(leaf("good.example."))
    verdict = status(world, leaf("elsewhere.test.").anchors, "www.good.example.")
    assert (verdict.status, verdict.why) == ("insecure", "there is no trust anchor at or above good.example")


def test_the_nearest_anchor_is_used_and_may_be_a_key() -> None:
    zone = leaf("good.example.")
    world, anchors = tree(zone)
    (key,) = zone.keys
    verdict = status(world, [*anchors, f"good.example. DNSKEY {key.public}"], "www.good.example.")
    assert (verdict.status, len(verdict.chain)) == ("secure", 1)
    assert world.asked == ["www.good.example. A", "good.example. DNSKEY"]


def test_an_anchor_that_the_zone_no_longer_uses_is_bogus() -> None:
    world, _ = tree(leaf("good.example."))
    verdict = status(world, above(".").anchors, "www.good.example.")
    assert verdict.status == "bogus"
    assert verdict.why.startswith("no DNSKEY of . matches the trust anchor DS ")


def test_a_revoked_key_or_one_that_is_of_no_zone_confirms_nothing() -> None:
    for flags in (257 | 128, 1):
        key = Key(flags=257)
        zone = leaf("good.example.", keys=[key])
        bent = key.public.replace(flags=flags)
        zone.records("good.example.", "DNSKEY").clear()
        zone.records("good.example.", "DNSKEY").add(bent)
        key.public = bent
        key.tag = bent.key_id()
        zone.resign("good.example.", "DNSKEY")
        verdict = status(*tree(zone), "www.good.example.")
        assert (verdict.status, verdict.why[:43]) == ("bogus", "good.example DNSKEY: no usable DNSKEY has t")
