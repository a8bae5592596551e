"""What a server may say, and what it may not: a table of referrals, friendly and hostile."""

from typing import Any

import pytest

from iterate.iterate_helpers import said
from vedette_agent.dns.iterate.referral import (
    MAX_GLUE,
    MAX_SERVERS,
    Alias,
    Found,
    Lame,
    Meaning,
    Nothing,
    Referral,
    meant,
)

SOA = "example. SOA ns.example. root.example. 1 1 1 1 1"
TO_SHOP = ["shop.example. NS ns1.shop.example."]


def from_example(name: str = "www.shop.example", rdtype: int = 1, **what: Any) -> Meaning:
    """What the servers of example. mean with this."""
    return meant(said(f"{name}.", **what), "example", name, rdtype)


def test_a_referral_names_servers_and_their_glue() -> None:
    meaning = from_example(
        authority=["shop.example. NS ns1.shop.example.", "shop.example. NS ns.other.example."],
        additional=["ns1.shop.example. A 192.0.2.7", "ns.other.example. AAAA 2001:db8::7"],
    )
    assert meaning == Referral(
        "shop.example",
        ("ns1.shop.example", "ns.other.example"),
        {"ns1.shop.example": ("192.0.2.7",), "ns.other.example": ("2001:db8::7",)},
    )


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"authority": ["example. NS ns.example."]}, "itself"),
        ({"authority": [". NS a.root."]}, "upwards, to ."),
        ({"authority": ["test. NS ns.test."]}, "sideways, to test."),
        ({"authority": ["mail.example. NS ns.test."]}, "sideways, to mail.example."),
        ({"rcode": "REFUSED"}, "REFUSED"),
        ({"rcode": "SERVFAIL", "aa": True}, "SERVFAIL"),
        ({}, "says nothing"),
        ({"authority": [SOA]}, "without authority"),
        ({"rcode": "NXDOMAIN", "authority": [SOA]}, "NXDOMAIN without authority"),
        ({"answer": ["www.shop.example. A 192.0.2.1"]}, "AA clear"),
        ({"answer": ["www.shop.example. CNAME a.example."]}, "AA clear"),
    ],
)
def test_a_server_that_does_not_serve_its_zone_is_lame(what: dict[str, Any], why: str) -> None:
    meaning = from_example(**what)
    assert isinstance(meaning, Lame)
    assert why in meaning.why


def test_the_referral_that_leads_on_counts_among_others() -> None:
    meaning = from_example(authority=[". NS evil.test.", *TO_SHOP, "test. NS evil.test."])
    assert isinstance(meaning, Referral)
    assert (meaning.zone, meaning.servers) == ("shop.example", ("ns1.shop.example",))


@pytest.mark.parametrize(
    "glue",
    [
        "ns.test. A 203.0.113.66",  # outside of what example. may speak for
        "www.shop.example. A 203.0.113.66",  # no server
        "a.root. A 203.0.113.66",
    ],
)
def test_glue_out_of_bailiwick_or_of_no_server_is_dropped(glue: str) -> None:
    meaning = from_example(authority=["shop.example. NS ns.test."], additional=[glue])
    assert isinstance(meaning, Referral)
    assert [*meaning.glue.values()] in ([], [()])


def test_a_thousand_servers_are_cut_to_sixteen_and_their_glue_to_four_each() -> None:
    meaning = from_example(
        authority=[f"shop.example. NS n{n}.shop.example." for n in range(500)],
        additional=[f"n0.shop.example. A 192.0.2.{n}" for n in range(200)],
    )
    assert isinstance(meaning, Referral)
    assert len(meaning.servers) == MAX_SERVERS
    assert len(meaning.glue["n0.shop.example"]) == MAX_GLUE


@pytest.mark.parametrize(
    ("what", "meaning"),
    [
        (
            {"answer": ["www.shop.example. A 192.0.2.2", "www.shop.example. A 192.0.2.1"]},
            ("192.0.2.1", "192.0.2.2"),
        ),
        ({"rcode": "NXDOMAIN"}, Nothing(exists=False)),
        ({"authority": [SOA]}, Nothing(exists=True)),
        ({"answer": ["www.shop.example. CNAME cdn.test."]}, Alias("cdn.test")),
        (  # what one zone says of a name in another is hearsay
            {"answer": ["www.shop.example. CNAME cdn.test.", "cdn.test. A 203.0.113.66"]},
            Alias("cdn.test"),
        ),
        ({"answer": ["www.shop.example. CNAME www.shop.example."]}, Alias("www.shop.example")),
        (
            {"answer": ["www.shop.example. CNAME b.example.", "b.example. CNAME www.shop.example."]},
            Alias("www.shop.example"),
        ),
    ],
)
def test_authority_answers(what: dict[str, Any], meaning: Any) -> None:
    found = from_example(aa=True, **what)
    assert found == (Found("www.shop.example", meaning) if type(meaning) is tuple else meaning)


def test_an_alias_within_the_zone_is_followed_in_the_same_answer() -> None:
    records = ["www.shop.example. CNAME b.example.", "b.example. A 192.0.2.1"]
    assert from_example(aa=True, answer=records) == Found("b.example", ("192.0.2.1",))


def test_who_asks_for_the_alias_itself_gets_it() -> None:
    records = ["www.shop.example. CNAME cdn.test."]
    assert from_example(rdtype=5, aa=True, answer=records) == Found("www.shop.example", ("cdn.test",))
