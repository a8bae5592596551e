"""What NSEC and NSEC3 records prove when they are real and still say nothing about the question."""

import dns.name
import dns.rdata
import pytest
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.NSEC3 import NSEC3

from dnssec.signing_helpers import IN, Nsec3, name
from vedette_agent.dnssec import denial
from vedette_agent.dnssec.denial import Delegation, Nsec3s, Nsecs, Proof

ZONE = name("example.")


def nsecs(*lines: str) -> Nsecs:
    """Each "owner next types"."""
    made: list[tuple[dns.name.Name, NSEC]] = []
    for line in lines:
        owner, data = line.split(maxsplit=1)
        nsec = dns.rdata.from_text(IN, "NSEC", data)
        assert isinstance(nsec, NSEC)
        made.append((name(owner), nsec))
    return Nsecs(ZONE, made)


def nsec3s(how: Nsec3, *names: str, types: str = "A", zone: str = "example.") -> Nsec3s:
    """One record for each of *names* alone, which covers nothing but what lies right behind its hash."""
    made: list[tuple[dns.name.Name, NSEC3]] = []
    for each in names:
        hashed = how.hashed(name(each))
        following = (int.from_bytes(hashed, "big") + 1).to_bytes(20, "big")
        text = f"1 {int(how.opt_out)} {how.iterations} - {denial.b32hexencode(following).decode()} {types}"
        nsec3 = dns.rdata.from_text(IN, "NSEC3", text)
        assert isinstance(nsec3, NSEC3)
        made.append((name(f"{denial.b32hexencode(hashed).decode()}.{zone}"), nsec3))
    return Nsec3s(ZONE, made)


def test_the_parents_nsec_at_a_cut_denies_nothing_below_it() -> None:
    """RFC 6840 4.1: NS without SOA. The child may have the name."""
    above = nsecs("sub.example. zzz.example. NS RRSIG NSEC", "example. a.example. SOA NS")
    assert denial.nxdomain(above, name("www.sub.example.")) is Proof.NOTHING
    assert denial.nxdomain(above, name("tub.example.")) is Proof.PROVEN


def test_the_nsec_of_a_dname_denies_nothing_below_it() -> None:
    above = nsecs("sub.example. zzz.example. DNAME RRSIG NSEC", "example. a.example. SOA NS")
    assert denial.nxdomain(above, name("www.sub.example.")) is Proof.NOTHING


def test_the_parents_nsec_does_not_say_what_types_the_child_has() -> None:
    assert denial.nodata(nsecs("sub.example. zzz.example. NS"), name("sub.example."), 1) is Proof.NOTHING
    assert denial.nodata(nsecs("sub.example. zzz.example. NS"), name("sub.example."), 43) is Proof.PROVEN


@pytest.mark.parametrize("types", ["A MX", "CNAME"])
def test_no_data_is_not_proven_where_the_type_or_a_cname_is(types: str) -> None:
    assert denial.nodata(nsecs(f"www.example. x.example. {types}"), name("www.example."), 1) is Proof.NOTHING


def test_an_nsec_says_nothing_about_names_of_another_zone() -> None:
    found = nsecs("example. example. SOA NS")
    assert denial.nxdomain(found, name("www.example.")) is Proof.PROVEN
    assert not found.covers(name("www.test."))


def test_a_record_from_below_the_cut_does_not_say_that_there_is_no_ds() -> None:
    """RFC 6840 4.1: it has SOA."""
    cut = name("sub.example.")
    assert denial.delegation(nsecs("sub.example. z.example. NS"), cut) is Delegation.INSECURE
    assert denial.delegation(nsecs("sub.example. z.example. NS SOA"), cut) is Delegation.UNPROVEN
    assert denial.delegation(nsecs("sub.example. z.example. NS DS"), cut) is Delegation.UNPROVEN


def test_a_wildcard_that_is_not_denied_spoils_the_denial() -> None:
    found = nsecs("b.example. d.example. A")
    assert denial.nxdomain(found, name("c.example.")) is Proof.NOTHING
    assert denial.delegation(found, name("c.example.")) is Delegation.UNPROVEN


def test_the_nsec3_at_a_cut_or_dname_denies_nothing_below_it() -> None:
    """RFC 5155 8.3."""
    how = Nsec3()
    closer = name("x.sub.example.")
    around = int.from_bytes(how.hashed(closer), "big")
    cover = dns.rdata.from_text(
        IN,
        "NSEC3",
        f"1 0 0 - {denial.b32hexencode((around + 1).to_bytes(20, 'big')).decode()} A",
    )
    owner = name(f"{denial.b32hexencode((around - 1).to_bytes(20, 'big')).decode()}.example.")
    for types, wanted in (("NS", None), ("DNAME", None), ("A", name("sub.example."))):
        at = nsec3s(how, "sub.example.", types=types)
        at._records.append((bytes(owner.labels[0]), cover))  # type: ignore[arg-type]
        found = at.encloser(closer)
        assert (None if found is None else found.name) == wanted


def test_nsec3_records_of_another_zone_hash_or_flag_are_not_used() -> None:
    assert nsec3s(Nsec3(), "www.example.").types(name("www.example.")) is not None
    assert nsec3s(Nsec3(), "www.example.", zone="sub.example.").types(name("www.example.")) is None
    owner = name(f"{denial.b32hexencode(Nsec3().hashed(name('www.example.'))).decode()}.example.")
    for parameters in ("2 0 0 -", "1 2 0 -"):
        nsec3 = dns.rdata.from_text(IN, "NSEC3", f"{parameters} {'0' * 32} A")
        assert isinstance(nsec3, NSEC3)
        assert Nsec3s(ZONE, [(owner, nsec3)]).types(name("www.example.")) is None
