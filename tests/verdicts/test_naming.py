"""Texts of targets to names of entities: short, printable, one form for one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette_collector.verdicts import naming


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("www.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("example.com.au", "example.com.au"),
        ("d1.cloudfront.net", "cloudfront.net"),
        ("com", None),
        (".", None),
        ("", None),
        ("a..b", None),
        (".a.b", None),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
    ],
)
def test_what_was_registered_is_the_end_of_a_name(name: str, expected: str | None) -> None:
    assert naming.registrable(name) == expected


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        (["ns-1.awsdns-01.com", "ns-2.awsdns-02.co.uk", "NS-3.AWSDNS-3.ORG."], "awsdns"),
        (["pdns1.ultradns.net", "pdns2.ultradns.org"], "ultradns"),
        (["ns1.dynect.net", "dns1.p01.nsone.net"], "dynect+nsone"),
        (["ns1.123.com"], "123"),
        (["ns1.a.com", "ns1.b.com", "ns1.c.com", "ns1.d.com"], "a+b+c"),
        (["192.0.2.1"], None),
        ([], None),
    ],
)
def test_the_names_of_servers_say_who_runs_them(servers: list[str], expected: str | None) -> None:
    assert naming.operator(servers) == expected


@pytest.mark.parametrize("text", ["AS3356", "as3356", "3356", " 3356 ", "AS03356"])
def test_an_autonomous_system_has_one_form(text: str) -> None:
    assert naming.network(text) == "AS3356"


def test_a_network_with_a_name_keeps_it() -> None:
    assert naming.network("Vodafone UK") == "Vodafone UK"


@given(st.text(max_size=600))
def test_any_text_is_a_short_printable_name_or_none(text: str) -> None:
    for name in (naming.clean(text), naming.operator([text, f"ns.{text}"]), naming.clean(naming.host(text))):
        assert name is None or (0 < len(name) <= naming.MAX_NAME and name.isascii() and name.isprintable())
        assert name is None or name == name.strip().lower()
    naming.registrable(text)
    naming.tld(text)
    naming.network(text)
