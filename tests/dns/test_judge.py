"""Every expectation of a DNS check: what it takes, what it refuses, and in which words."""

from typing import Any

import pytest

from vedette.checks.model import DnsCheck, DnsExpect
from vedette.checks.model.dns import (
    ExtendedErrorsExpect,
    Patterns,
    QueryOptions,
    RecordsExpect,
    SectionsExpect,
)
from vedette_agent.dns.answer import Answer, Sections, Shown, digest_of
from vedette_agent.dns.judge import Verdict, judge


def verdict(
    answers: list[str],
    rdtype: str = "A",
    expect: dict[str, Any] | None = None,
    asked: QueryOptions | None = None,
    **said: Any,
) -> Verdict:
    what = {
        "rcode": 0, "flags": 0, "chain": [], "ttl": 60, "serial": None,
        "answer_rrs": len(answers), "authority_rrs": 0, "additional_rrs": 1,
        "digest": digest_of(answers), **said,
    }  # fmt: skip
    check = DnsCheck(
        name="t", target="t", interval=30, timeout=5, query_name="a.test", rdtype=rdtype,
        expect=DnsExpect(**(expect or {})), options=asked,
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


@pytest.mark.parametrize(
    ("patterns", "problem"),
    [
        (Patterns(every=("^192", "[12]$")), None),
        (Patterns(some=("1$", "2$"), none=("3$",), not_all=("1$",)), None),
        (Patterns(every=("1$",)), "192.0.2.2 does not match '1$'"),
        (Patterns(none=("9$", "2$")), "192.0.2.2 matches '2$'; expected of none"),
        (Patterns(some=("1$", "9$")), "none of 192.0.2.1, 192.0.2.2 matches '9$'"),
        (
            Patterns(not_all=("^192",)),
            "each of 192.0.2.1, 192.0.2.2 matches '^192'; expected not of all",
        ),
    ],
)
def test_patterns_are_of_every_one_some_or_none(patterns: Patterns, problem: str | None) -> None:
    found = verdict(TWO, expect={"patterns": patterns})
    assert (found and found[1]) == (problem and f"a.test A: {problem}")


@pytest.mark.parametrize(
    ("name", "bit", "is_set"),
    [("aa", 0x0400, "authoritative"), ("tc", 0x0200, "truncated"), ("rd", 0x0100, "asked for"),
     ("ra", 0x0080, "offers recursion"), ("ad", 0x0020, "authenticated"), ("cd", 0x0010, "disabled")],
)  # fmt: skip
def test_each_flag_may_be_demanded_set_or_clear(name: str, bit: int, is_set: str) -> None:
    for flags, wanted in ((bit, True), (0xFFFF & ~bit, False)):
        assert verdict(TWO, expect={"flags": {name: wanted}}, flags=flags) is None
        found = verdict(TWO, expect={"flags": {name: not wanted}}, flags=flags)
        assert found is not None
        assert is_set in found[1] or "recursion" in found[1]
        assert f"({name.upper()} {'set' if wanted else 'clear'})" in found[1]


NS = Shown("a.test", 300, "IN", "NS", "ns.a.test.")
GLUE = Shown("ns.a.test", 60, "IN", "A", "192.0.2.53")


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        (RecordsExpect(exact=("A.test. NS NS.a.test", "ns.a.test A 192.0.2.53")), None),
        (RecordsExpect(contains=("ns.a.test. A 192.0.2.53",), within=("192.0.2.0/24",)), None),
        (RecordsExpect(patterns=Patterns(every=(r"^\S+\. \d+ IN ",), some=("^a.test. 300 IN NS",))), None),
        (RecordsExpect(min_records=3), "2 records; expected at least 3"),
        (RecordsExpect(max_records=1), "2 records; expected at most 1"),
        (RecordsExpect(contains=("a.test MX 1 m.a.test",)), "a.test MX 1 m.a.test is missing"),
        (RecordsExpect(within=("198.51.100.0/24",)), "IN A 192.0.2.53 is outside 198.51.100.0/24"),
        (RecordsExpect(patterns=Patterns(none=("NS",))), "matches 'NS'; expected of none"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("section", ["answer", "authority", "additional"])
def test_a_section_is_held_to_its_records(section: str, expect: RecordsExpect, problem: str | None) -> None:
    came = Sections(**{"answer": (), "authority": (), "additional": (), section: (NS, GLUE)})
    # Also where the response code leaves no answers to look at.
    wanted = {"rcodes": ("NXDOMAIN",), "sections": SectionsExpect(**{section: expect})}
    found = verdict([], expect=wanted, rcode=3, sections=came)
    assert (found is None) == (problem is None)
    if found is not None and problem is not None:
        assert found[1].startswith(f"a.test A, {section} section: ")
        assert found[1].endswith(problem)


def ede(code: int, text: str = "") -> bytes:
    return (b"\0\x0f" + (2 + len(text)).to_bytes(2, "big") + code.to_bytes(2, "big")) + text.encode()


def test_what_the_server_says_of_its_error_is_in_the_detail() -> None:
    found = verdict([], rcode=2, options=ede(6, "signature expired") + ede(22))
    assert found == (
        "dns.servfail",
        "SERVFAIL for a.test A; expected NOERROR; the server says: "
        "DNSSEC Bogus (6): signature expired, No Reachable Authority (22)",
    )


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        (ExtendedErrorsExpect(contains=(3, 49152)), None),
        (ExtendedErrorsExpect(lacks=(6,), most=2), None),
        (ExtendedErrorsExpect(contains=(6,)), "extended error 6 is missing"),
        (ExtendedErrorsExpect(lacks=(3,)), "extended error 3 came; expected not to"),
        (ExtendedErrorsExpect(most=1), "2 extended errors; expected at most 1"),
    ],
)
def test_extended_errors_are_expected_by_code(expect: ExtendedErrorsExpect, problem: str | None) -> None:
    found = verdict(TWO, expect={"extended_errors": expect}, options=ede(3) + ede(49152))
    said = "Stale Answer (3), unassigned (49152)"
    assert (found and found[1]) == (problem and f"{problem}; the server says: {said}")


def test_a_formerr_without_edns_comes_with_a_hint_where_edns_was_sent() -> None:
    hint = "it came without EDNS: edns.enabled: false asks without it"
    found = verdict([], rcode=1)
    assert found is not None
    assert found[1].endswith(hint)
    for told in (verdict([], rcode=1, options=b""), verdict([], rcode=1, asked=QueryOptions(edns=False))):
        assert told is not None
        assert "EDNS" not in told[1]
