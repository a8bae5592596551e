"""Every expectation of a DNS check: what it takes, what it refuses, and in which words."""

from typing import Any

import pytest

from vedette.checks.model import DnsCheck, DnsExpect
from vedette.checks.model.dns import ExtendedErrorsExpect, Patterns, QueryOptions, RecordsExpect, SectionsExpect
from vedette_agent.dns.answer import Answer, digest_of
from vedette_agent.dns.judge import Verdict, judge


def verdict(
    answers: list[str], rdtype: str = "A", expect: dict[str, Any] | None = None, **said: Any
) -> Verdict:
    what = {
        "rcode": 0, "flags": 0, "chain": [], "ttl": 60, "serial": None,
        "answer_rrs": len(answers), "authority_rrs": 0, "additional_rrs": 1,
        "digest": digest_of(answers), **said,
    }  # fmt: skip
    check = DnsCheck(
        name="t", target="t", interval=30, timeout=5, query_name="a.test", rdtype=rdtype,
        expect=DnsExpect(**(expect or {})),
    )  # fmt: skip
    return judge(Answer(answers=answers, **what), check)


TWO = ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("answers", "rdtype", "expect"),
    [
        (TWO, "A", {}),
        (TWO, "A", {"min_answers": 2, "max_answers": 2}),
        (TWO, "A", {"exact": ("192.0.2.2", "192.0.2.1")}),
        (["2001:db8::1"], "AAAA", {"exact": ("2001:DB8:0::1",)}),
        (["mail.example.com"], "CNAME", {"exact": ("Mail.Example.com.",)}),
        (["10 mail.example.com"], "MX", {"contains": ("10  MAIL.example.com.",)}),
        (["v=spf1 -all"], "TXT", {"contains": ("v=spf1 -all",)}),
        (TWO, "A", {"contains": ("192.0.2.2",)}),
        (TWO, "A", {"patterns": Patterns(every=(r"^192\.0\.2\.",))}),
        (TWO, "A", {"within": ("192.0.2.0/24",)}),
        (TWO, "A", {"min_ttl": 60, "max_ttl": 60}),
        (TWO, "A", {"flags": {"aa": False, "ad": False}}),
        ([], "A", {"min_answers": 0}),
        ([], "A", {"exact": (), "min_answers": 0}),
    ],
)
def test_what_is_expected_passes(answers: list[str], rdtype: str, expect: dict[str, Any]) -> None:
    assert verdict(answers, rdtype, expect) is None


@pytest.mark.parametrize(
    ("answers", "expect", "failure", "detail"),
    [
        ([], {}, "dns.nodata", "NOERROR with 0 A records for a.test; expected at least 1"),
        (TWO, {"min_answers": 3}, "dns.wrong_answer", "with 2 A records for a.test; expected at least 3"),
        (TWO, {"max_answers": 1}, "dns.wrong_answer", "with 2 A records for a.test; expected at most 1"),
        (
            TWO,
            {"exact": ("192.0.2.1",)},
            "dns.wrong_answer",
            "a.test A: got 192.0.2.1, 192.0.2.2; expected exactly 192.0.2.1",
        ),
        (TWO, {"contains": ("192.0.2.9",)}, "dns.wrong_answer", "192.0.2.9 is missing"),
        (TWO, {"patterns": Patterns(every=("1$",))}, "dns.wrong_answer", "192.0.2.2 does not match '1$'"),
        (TWO, {"within": ("192.0.2.0/31",)}, "dns.wrong_answer", "192.0.2.2 is outside 192.0.2.0/31"),
        (TWO, {"within": ("2001:db8::/32",)}, "dns.wrong_answer", "is outside"),
        (TWO, {"min_ttl": 61}, "dns.wrong_answer", "TTL 60 s for a.test A; expected at least 61 s"),
        (TWO, {"max_ttl": 59}, "dns.wrong_answer", "TTL 60 s for a.test A; expected at most 59 s"),
        (TWO, {"flags": {"aa": True}}, "dns.wrong_answer", "is not authoritative (AA clear)"),
        (TWO, {"flags": {"ad": True}}, "dns.wrong_answer", "is not authenticated (AD clear)"),
        (
            TWO,
            {"rcodes": ("NXDOMAIN",)},
            "dns.rcode",
            "NOERROR for a.test A; expected NXDOMAIN (2 A records came)",
        ),
    ],
)
def test_what_is_not_expected_fails_in_words(
    answers: list[str], expect: dict[str, Any], failure: str, detail: str
) -> None:
    found = verdict(answers, expect=expect)
    assert found is not None
    assert found[0] == failure
    assert detail in found[1]


def test_a_regular_expression_sees_the_start_of_an_endless_text() -> None:
    """The operator's pattern runs over a stranger's text: 4,096 characters of it."""
    assert verdict(["x" * 4095 + "y"], "TXT", {"patterns": Patterns(every=("y$",))}) is None
    assert verdict(["x" * 4096 + "y"], "TXT", {"patterns": Patterns(every=("y",))}) is not None


def test_an_expected_nxdomain_needs_no_records() -> None:
    assert verdict([], expect={"rcodes": ("NXDOMAIN",)}, rcode=3) is None


def test_a_chain_that_ends_nowhere_names_its_links() -> None:
    found = verdict([], chain=["b.test", "c.test"])
    assert found is not None
    assert found[0] == "dns.cname_dangling"
    assert found[1].endswith("by way of b.test → c.test")


def test_an_rcode_without_a_name_is_told_by_number() -> None:
    found = verdict([], rcode=3841)
    assert found is not None
    assert found == ("dns.rcode", "RCODE3841 for a.test A; expected NOERROR")


def test_the_hash_tells_sets_apart_and_stays_what_it_was() -> None:
    """A change of the formula would look like a change of every answer in the world."""
    assert digest_of(TWO) == "23ff6469ef188f4b"
    assert digest_of(TWO) != digest_of(TWO[:1])
