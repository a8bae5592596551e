"""What hostile zones may cost: attempts are counted, keys and iterations have a greatest size."""

import contextlib
import time
from collections.abc import Callable

import dns.dnssec
import dns.dnssectypes
import dns.message
import dns.name
import dns.rdata
import dns.rdataset
import dns.rrset
import pytest

from dnssec.resolving_helpers import World, validated
from dnssec.signing_helpers import DAY, Key, Nsec3, SignedZone, colliding, name
from dnssec.zones_helpers import NOW, leaf, tree
from vedette.checks.anchors import anchor
from vedette.wire.failure import Failure
from vedette_agent.dnssec import anchors, reply, signatures
from vedette_agent.dnssec.anchors import anchors_of
from vedette_agent.dnssec.chain import Chain
from vedette_agent.dnssec.verdict import Unusable


def test_colliding_keys_times_many_signatures_are_given_up_after_a_few() -> None:
    """KeyTrap (CVE-2023-50387): 29 keys of one tag and 40 signatures would be 1,160 verifications."""
    key = Key()
    zone = leaf("good.example.", keys=[key])
    www = name("www.good.example.")
    keys = zone.records("good.example.", "DNSKEY")
    for each in colliding(key, 28):
        keys.add(each)
    assert len({each.key_id() for each in keys}) == 1
    assert len(keys) > 20
    zone.resign("good.example.", "DNSKEY")
    records = zone.records("www.good.example.", "A")
    good = key.sign(www, records, zone.origin, NOW - DAY, NOW + DAY)
    false = [good.replace(signature=bytes([number]) * 64) for number in range(40)]
    zone.zone.replace_rdataset(www, dns.rdataset.from_rdata_list(60, false))
    turns: list[None] = []
    world, tops = tree(zone)
    verdict = validated(world, "www.good.example.", "A", tops, NOW, turns)
    assert verdict.status == "bogus"
    assert verdict.why == "www.good.example A: more signatures and keys than are worth trying"
    assert len(turns) == 5 + 8  # one for each of the sets above, and then eight attempts


def test_a_probe_has_a_number_of_attempts_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "MAX_PROBE_ATTEMPTS", 5)
    world, tops = tree(leaf("good.example."))
    verdict = validated(world, "www.good.example.", "A", tops, NOW)
    assert verdict.why == "www.good.example A: more signatures and keys than are worth trying"


def test_the_loop_has_a_turn_after_each_verification() -> None:
    """Five sets from the root's keys down to the leaf's, and the answer: each is verified once."""
    turns: list[None] = []
    world, tops = tree(leaf("good.example."))
    assert validated(world, "www.good.example.", "A", tops, NOW, turns).status == "secure"
    assert len(turns) == 6


@pytest.mark.parametrize(
    "key",
    [
        b"\0\1\0" + b"\xff" * 256 + b"\xff" * 256,  # an exponent as long as the modulus
        b"\3\1\0\1" + b"\xff" * 2048,  # 16,384 bits
    ],
    ids=["exponent", "modulus"],
)
def test_rsa_keys_of_absurd_size_are_not_used(key: bytes) -> None:
    ordinary = Key(dns.dnssectypes.Algorithm.RSASHA256)
    zone = leaf("good.example.", keys=[ordinary])
    ordinary.public = ordinary.public.replace(key=key)
    ordinary.tag = ordinary.public.key_id()
    zone.records("good.example.", "DNSKEY").clear()
    zone.records("good.example.", "DNSKEY").add(ordinary.public)
    signature = zone.zone.get_rdataset(zone.origin, "RRSIG", "DNSKEY")[0]
    bent = signature.replace(key_tag=ordinary.tag)
    zone.zone.replace_rdataset(zone.origin, dns.rdataset.from_rdata(60, bent))
    turns: list[None] = []
    world, tops = tree(zone)
    verdict = validated(world, "www.good.example.", "A", tops, NOW, turns)
    assert verdict.why.startswith("good.example DNSKEY: no usable DNSKEY has the key tag ")
    assert len(turns) == 4  # nothing was tried with it


def test_nsec3_iterations_beyond_a_hundred_make_the_zone_insecure() -> None:
    """RFC 9276 3.2; 2,500 was the most that RFC 5155 allowed (CVE-2023-50868)."""
    for iterations, wanted in ((100, "secure"), (101, "insecure"), (2500, "insecure")):
        world, tops = tree(leaf("good.example.", nsec3=Nsec3(iterations)))
        verdict = validated(world, "nothing.good.example.", "A", tops, NOW)
        assert verdict.status == wanted
        assert validated(world, "www.good.example.", "A", tops, NOW).status == "secure"


def test_hashing_for_a_name_of_very_many_labels_is_given_up() -> None:
    world, tops = tree(leaf("good.example.", nsec3=Nsec3(100)))
    verdict = validated(world, "x." * 100 + "good.example.", "A", tops, NOW)
    assert (verdict.status, "names to hash" in verdict.why) == ("insecure", True)


def test_iterations_that_nobody_signed_do_not_make_a_zone_insecure() -> None:
    world, tops = tree(leaf("good.example.", nsec3=Nsec3()))

    def forge(message: dns.message.Message) -> None:
        for at, rrset in enumerate(message.authority):
            if rrset.rdtype == dns.rdatatype.NSEC3:
                made = [each.replace(iterations=2500) for each in rrset]
                message.authority[at] = dns.rrset.from_rdata_list(rrset.name, 60, made)

    world.changes["nothing.good.example.", "A"] = forge
    assert validated(world, "nothing.good.example.", "A", tops, NOW).status == "bogus"


def test_an_nsec_expanded_from_a_wildcard_denies_nothing() -> None:
    """CVE-2017-15105: the wildcard's NSEC fits below any owner, and would deny what lies after it."""
    zone = leaf("good.example.")
    world, tops = tree(zone)
    wildcard = name("*.wild.good.example.")
    nsec = zone.zone.get_rdataset(wildcard, "NSEC")
    signature = zone.zone.get_rdataset(wildcard, "RRSIG", "NSEC")

    def forge(message: dns.message.Message) -> None:
        message.answer.clear()
        owner = name("real.wild.good.example.")
        message.authority.append(dns.rrset.from_rdata_list(owner, 60, list(nsec)))
        message.authority.append(dns.rrset.from_rdata_list(owner, 60, list(signature)))

    world.changes["real.wild.good.example.", "MX"] = forge
    verdict = validated(world, "real.wild.good.example.", "MX", tops, NOW)
    assert verdict.status == "bogus"
    assert verdict.why.endswith("is from a wildcard, which it cannot be")


def test_endless_aliases_end() -> None:
    more = "".join(f"c{n} 60 IN CNAME c{n + 1}\n" for n in range(40))
    world, tops = tree(leaf("good.example.", more=more))
    with pytest.raises(Unusable) as caught:
        validated(world, "c0.good.example.", "A", tops, NOW)
    assert caught.value.failure == Failure.DNS_CNAME_DANGLING


def test_questions_end_too() -> None:
    """A name of 120 labels, none of which is a cut: each is asked for its DS."""
    owner = "x." * 110 + "good.example."
    zone = leaf("good.example.", more=f"{owner} 60 IN A 192.0.2.9\n")
    zone.drop_signature(owner, "A")
    world, tops = tree(zone)
    with pytest.raises(Unusable):
        validated(world, owner, "A", tops, NOW)
    assert len(world.asked) == 96


def bomb(records: int, data: bytes, rdtype: int = 46, asked: bytes = b"\1a\0") -> bytes:
    """An answer of *records* records, all of the same data."""
    head = b"\0\0\x81\x80\0\1" + records.to_bytes(2, "big") + bytes(4) + asked + b"\0\1\0\1"
    one = b"\xc0\x0c" + rdtype.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data
    return head + one * records


LONGEST = b"\x01x" * 126 + b"\0"
BOMBS = {
    "signatures with long names": bomb(60, bytes(18) + LONGEST + bytes(64)),
    "cnames": bomb(90, LONGEST, 5),
    "soas": bomb(45, LONGEST * 2 + bytes(20), 6),
    "addresses": bomb(reply.MAX_RECORDS, bytes(4), 1),
    "keys": bomb(40, b"\1\1\3\x0d" + bytes(580), 48),
    "pointers to a long name": bomb(reply.MAX_RECORDS, b"\xc0\x0c\xc0\x0c" + bytes(20), 6, LONGEST),
    "bitmaps": bomb(2, b"\0" + b"".join(bytes([w, 32]) + b"\xff" * 32 for w in range(256)), 47),
}


@pytest.mark.parametrize("wire", BOMBS.values(), ids=BOMBS)
def test_reading_any_answer_takes_less_than_twenty_milliseconds(wire: bytes) -> None:
    assert len(wire) <= reply.MAX_BYTES
    took = []
    for _ in range(5):
        started = time.thread_time()
        with contextlib.suppress(reply.Unreadable):
            reply.read(wire, question_end(wire))
        took.append(time.thread_time() - started)
    assert min(took) < 0.02


def question_end(wire: bytes) -> int:
    return dns.name.from_wire(wire, 12)[1] + 16


@pytest.mark.parametrize("which", ["cnames", "soas", "pointers to a long name"])
def test_the_labels_of_all_names_are_counted(which: str) -> None:
    with pytest.raises(reply.Unreadable, match="names are too long"):
        reply.read(BOMBS[which], question_end(BOMBS[which]))


def test_answers_beyond_the_caps_are_not_read() -> None:
    with pytest.raises(reply.Unreadable, match="too many to read"):
        reply.read(bomb(reply.MAX_RECORDS + 1, bytes(4), 1), 19)
    with pytest.raises(reply.Unreadable, match="too many to read"):
        reply.read(bomb(100, bytes(300), 65280), 19)


@pytest.mark.parametrize(
    "wire",
    [
        bomb(1, bytes(18) + LONGEST + bytes(64)),
        bomb(1, bytes(4), 1),
        bomb(1, LONGEST, 5),
        bomb(1, b"\0\1\0\2\1U\0\0\0", 35),
    ],
    ids=["RRSIG", "A", "CNAME", "NAPTR"],
)
def test_what_is_cut_short_is_unreadable_and_no_accident(wire: bytes) -> None:
    reply.read(wire, 19)
    for cut in range(19, len(wire)):
        with pytest.raises(reply.Unreadable):
            reply.read(wire[:cut], 19)


def test_digests_are_computed_for_a_number_of_keys_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 DS of one tag and as many keys that have it would be 3,600 digests."""
    key = Key()
    keys = colliding(key, 60)
    zone = name("good.example.")
    digests = [
        dns.dnssec.make_ds(zone, key.public, "SHA256").replace(digest=bytes([n]) * 32) for n in range(60)
    ]
    computed: list[int] = []
    real = anchors._digest
    monkeypatch.setattr(anchors, "_digest", lambda *given: computed.append(1) or real(*given))
    assert anchors.secure(zone, digests).confirmed(keys) == []
    assert len(computed) == anchors.MAX_DIGESTS


def test_sha1_counts_only_where_there_is_nothing_better() -> None:
    """RFC 4509 3: whoever can forge SHA-1 must not be able to choose it."""
    zone, key = name("good.example."), Key()
    policy = dns.dnssec.allow_all_policy
    sha1 = dns.dnssec.make_ds(zone, key.public, "SHA1", policy=policy)
    sha256 = dns.dnssec.make_ds(zone, key.public, "SHA256").replace(digest=bytes(32))
    assert anchors.secure(zone, [sha1]).confirmed([key.public]) == [key.public]
    assert anchors.secure(zone, [sha1, sha256]).confirmed([key.public]) == []


def test_of_a_heap_of_denials_a_few_are_verified() -> None:
    """All of them are real, and none is about the question."""
    zone = leaf("good.example.", more="".join(f"z{number} 60 IN A 192.0.2.9\n" for number in range(40)))
    world, tops = tree(zone)

    def heap(message: dns.message.Message) -> None:
        message.authority.clear()
        for number in range(39):
            for rdtype, covered in (("NSEC", 0), ("RRSIG", dns.rdatatype.NSEC)):
                owner = name(f"z{number}.good.example.")
                found = zone.zone.get_rdataset(owner, rdtype, covered)
                message.authority.append(dns.rrset.from_rdata_list(owner, 60, list(found)))

    world.changes["nothing.good.example.", "A"] = heap
    turns: list[None] = []
    assert validated(world, "nothing.good.example.", "A", tops, NOW, turns).status == "bogus"
    assert len(turns) <= 5 + 8


def trap() -> SignedZone:
    key = Key()
    zone = leaf("good.example.", keys=[key])
    for each in colliding(key, 28):
        zone.records("good.example.", "DNSKEY").add(each)
    zone.resign("good.example.", "DNSKEY")
    www = name("www.good.example.")
    good = zone.zone.get_rdataset(www, "RRSIG", "A")[0]
    false = [good.replace(signature=bytes([number]) * 64) for number in range(40)]
    zone.zone.replace_rdataset(www, dns.rdataset.from_rdata_list(60, false))
    return zone


COSTLY = {
    "keytrap": trap,
    "hashes": lambda: leaf("good.example.", nsec3=Nsec3(100, "ab" * 255)),
    "large set": lambda: leaf(
        "good.example.",
        keys=[Key(dns.dnssectypes.Algorithm.RSASHA512)],
        more="".join(f"www 60 IN A 10.1.{n}.1\n" for n in range(110)),
    ),
}


@pytest.mark.parametrize("made", COSTLY.values(), ids=COSTLY)
def test_no_step_holds_the_loop_for_twenty_milliseconds(made: Callable[[], SignedZone]) -> None:
    world, tops = tree(made())
    for owner in ("www.good.example.", "x." * 40 + "good.example."):
        steps = min(longest_step(world, owner, tops) for _ in range(3))
        assert steps < 0.02


def longest_step(world: World, owner: str, tops: list[str]) -> float:
    chain = Chain(name(owner), 1, anchors_of(tuple(map(anchor, tops))), NOW)
    steps = chain.verdict()
    answer: reply.Reply | None = None
    longest = 0.0
    try:
        while True:
            started = time.thread_time()
            wanted = steps.send(answer)
            longest = max(longest, time.thread_time() - started)
            answer = None
            if wanted is not None:
                wire = world.answer(wanted)
                answer = reply.read(wire, 12 + len(wanted.name.to_wire() or b"") + 4)
    except StopIteration:
        return max(longest, time.thread_time() - started)
