"""What hostile zones may cost: attempts are counted, keys and iterations have a greatest size."""

import contextlib
import time

import dns.flags
import dns.message
import dns.rdata
import dns.rdataset
import dns.rrset
import pytest

from dnssec.resolving_helpers import validated
from dnssec.signing_helpers import DAY, Key, Nsec3, colliding, name
from dnssec.zones_helpers import NOW, leaf, tree
from vedette.wire.failure import Failure
from vedette_agent.dnssec import reply, signatures
from vedette_agent.dnssec.chain import MAX_QUESTIONS
from vedette_agent.dnssec.signatures import MAX_ATTEMPTS
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
    world, anchors = tree(zone)
    verdict = validated(world, "www.good.example.", "A", anchors, NOW, turns)
    assert verdict.status == "bogus"
    assert verdict.why == "www.good.example A: more signatures and keys than are worth trying"
    assert len(turns) <= 5 + MAX_ATTEMPTS + 1  # the five sets above, and this one


def test_a_probe_has_a_number_of_attempts_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "MAX_PROBE_ATTEMPTS", 5)
    world, anchors = tree(leaf("good.example."))
    verdict = validated(world, "www.good.example.", "A", anchors, NOW)
    assert verdict.why == "www.good.example A: more signatures and keys than are worth trying"


def test_the_loop_has_a_turn_after_each_verification() -> None:
    """Five sets from the root's keys down to the leaf's, and the answer: each is verified once."""
    turns: list[None] = []
    world, anchors = tree(leaf("good.example."))
    assert validated(world, "www.good.example.", "A", anchors, NOW, turns).status == "secure"
    assert len(turns) == 6


@pytest.mark.parametrize(
    "key",
    [
        b"\0\2\0" + b"\xff" * 512 + b"\xff" * 512,  # an exponent as long as the modulus
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
    world, anchors = tree(zone)
    verdict = validated(world, "www.good.example.", "A", anchors, NOW, turns)
    assert verdict.why.startswith("good.example DNSKEY: no usable DNSKEY has the key tag ")
    assert len(turns) == 4  # nothing was tried with it


def test_nsec3_iterations_beyond_a_hundred_make_the_zone_insecure() -> None:
    """RFC 9276 3.2; 2,500 was the most that RFC 5155 allowed (CVE-2023-50868)."""
    for iterations, wanted in ((100, "secure"), (101, "insecure"), (2500, "insecure")):
        world, anchors = tree(leaf("good.example.", nsec3=Nsec3(iterations)))
        verdict = validated(world, "nothing.good.example.", "A", anchors, NOW)
        assert verdict.status == wanted
        assert validated(world, "www.good.example.", "A", anchors, NOW).status == "secure"


def test_hashing_for_a_name_of_very_many_labels_is_given_up() -> None:
    world, anchors = tree(leaf("good.example.", nsec3=Nsec3(100)))
    verdict = validated(world, "x." * 100 + "good.example.", "A", anchors, NOW)
    assert (verdict.status, "names to hash" in verdict.why) == ("insecure", True)


def test_iterations_that_nobody_signed_do_not_make_a_zone_insecure() -> None:
    world, anchors = tree(leaf("good.example.", nsec3=Nsec3()))

    def forge(message: dns.message.Message) -> None:
        for at, rrset in enumerate(message.authority):
            if rrset.rdtype == dns.rdatatype.NSEC3:
                made = [each.replace(iterations=2500) for each in rrset]
                message.authority[at] = dns.rrset.from_rdata_list(rrset.name, 60, made)

    world.changes["nothing.good.example.", "A"] = forge
    assert validated(world, "nothing.good.example.", "A", anchors, NOW).status == "bogus"


def test_an_nsec_expanded_from_a_wildcard_denies_nothing() -> None:
    """CVE-2017-15105: the wildcard's NSEC fits below any owner, and would deny what lies after it."""
    zone = leaf("good.example.")
    world, anchors = tree(zone)
    wildcard = name("*.wild.good.example.")
    nsec = zone.zone.get_rdataset(wildcard, "NSEC")
    signature = zone.zone.get_rdataset(wildcard, "RRSIG", "NSEC")

    def forge(message: dns.message.Message) -> None:
        message.answer.clear()
        owner = name("real.wild.good.example.")
        message.authority.append(dns.rrset.from_rdata_list(owner, 60, list(nsec)))
        message.authority.append(dns.rrset.from_rdata_list(owner, 60, list(signature)))

    world.changes["real.wild.good.example.", "MX"] = forge
    verdict = validated(world, "real.wild.good.example.", "MX", anchors, NOW)
    assert verdict.status == "bogus"
    assert verdict.why.endswith("is from a wildcard, which it cannot be")


def test_endless_aliases_end() -> None:
    more = "".join(f"c{n} 60 IN CNAME c{n + 1}\n" for n in range(40))
    world, anchors = tree(leaf("good.example.", more=more))
    with pytest.raises(Unusable) as caught:
        validated(world, "c0.good.example.", "A", anchors, NOW)
    assert caught.value.failure == Failure.DNS_CNAME_DANGLING


def test_questions_end_too() -> None:
    """A name of 120 labels, none of which is a cut: each is asked for its DS."""
    owner = "x." * 110 + "good.example."
    zone = leaf("good.example.", more=f"{owner} 60 IN A 192.0.2.9\n")
    zone.drop_signature(owner, "A")
    world, anchors = tree(zone)
    with pytest.raises(Unusable):
        validated(world, owner, "A", anchors, NOW)
    assert len(world.asked) == MAX_QUESTIONS


def bomb(records: int, data: bytes, rdtype: int = 46) -> bytes:
    """An answer of *records* records, all of the same data."""
    head = b"\0\0\x81\x80\0\1" + records.to_bytes(2, "big") + bytes(4) + b"\1a\0\0\1\0\1"
    one = b"\xc0\x0c" + rdtype.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data
    return head + one * records


LONGEST = b"\x01x" * 126 + b"\0"
BOMBS = {
    "signatures with long names": bomb(60, bytes(18) + LONGEST + bytes(64)),
    "cnames": bomb(90, LONGEST, 5),
    "soas": bomb(45, LONGEST * 2 + bytes(20), 6),
    "addresses": bomb(reply.MAX_RECORDS, bytes(4), 1),
    "keys": bomb(40, b"\1\1\3\x0d" + bytes(580), 48),
    "bitmaps": bomb(2, b"\0" + b"".join(bytes([w, 32]) + b"\xff" * 32 for w in range(256)), 47),
}


@pytest.mark.parametrize("wire", BOMBS.values(), ids=BOMBS)
def test_reading_any_answer_takes_less_than_twenty_milliseconds(wire: bytes) -> None:
    assert len(wire) <= reply.MAX_BYTES
    took = []
    for _ in range(5):
        started = time.thread_time()
        with contextlib.suppress(reply.Unreadable):
            reply.read(wire, 19)
        took.append(time.thread_time() - started)
    assert min(took) < 0.02


def test_answers_beyond_the_caps_are_not_read() -> None:
    with pytest.raises(reply.Unreadable, match="too many to read"):
        reply.read(bomb(reply.MAX_RECORDS + 1, bytes(4), 1), 19)
    with pytest.raises(reply.Unreadable, match="too many to read"):
        reply.read(bomb(100, bytes(300), 65280), 19)


@pytest.mark.parametrize("cut", range(19, 60))
def test_what_is_cut_short_is_unreadable_and_no_accident(cut: int) -> None:
    wire = bomb(1, bytes(18) + LONGEST + bytes(64))
    with pytest.raises(reply.Unreadable):
        reply.read(wire[:cut], 19)
