"""Facts said as a difference mean what they would mean when said whole."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from contract.wire_messages import drawn
from vedette.errors import WireError
from vedette.wire.facts import DnsFacts, Facts, IcmpFacts, TlsFacts
from vedette.wire.facts.diff import diff, patched

FACTS = drawn(msgspec.inspect.type_info(Facts))
BASE = Facts(
    address="192.0.2.1",
    dns=DnsFacts(rcode="NOERROR", answers=["192.0.2.1"], answer_rrs=1, ttl_seconds=60, serial=7),
    tls=TlsFacts(version="TLSv1.3", verified=True),
)


def over_the_wire(difference: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(difference))
    return found


@given(FACTS, FACTS)
def test_diff_gives_back_the_facts_it_was_made_from(base: Facts, now: Facts) -> None:
    assert patched(base, over_the_wire(diff(base, now))) == now


@given(FACTS)
def test_equal_facts_have_an_empty_diff(facts: Facts) -> None:
    same = msgspec.json.decode(msgspec.json.encode(facts), type=Facts)
    assert diff(facts, same) == {}


def test_only_what_differs_is_said() -> None:
    now = msgspec.structs.replace(BASE, dns=msgspec.structs.replace(BASE.dns, ttl_seconds=17, serial=None))
    assert diff(BASE, now) == {"dns": {"ttl_seconds": 17, "serial": None}}


def test_kind_that_is_gone_is_said_to_be_none() -> None:
    assert diff(BASE, msgspec.structs.replace(BASE, tls=None)) == {"tls": None}


def test_new_kind_is_said_whole() -> None:
    now = msgspec.structs.replace(BASE, icmp=IcmpFacts(sent=1))
    assert over_the_wire(diff(BASE, now)) == {"icmp": {"sent": 1}}


@pytest.mark.parametrize(
    "difference",
    [
        {"dns": 7},
        {"dns": {"answers": ["x"] * 33}},
        {"dns": {"ttl_seconds": -1}},
        {"dns": {"ttl_seconds": 10**400}},
        {"dns": {"ttl_seconds": 1.5}},
        {"address": "x" * 257},
        {"dns": {"answers": {"a": 1}}},
    ],
    ids=lambda difference: str(difference)[:40],
)
def test_diff_that_breaks_the_bounds_of_facts_is_refused(difference: dict[str, Any]) -> None:
    with pytest.raises(WireError) as caught:
        patched(BASE, difference)
    assert caught.value.reason == "schema"


def test_base_is_left_alone() -> None:
    before = msgspec.json.encode(BASE)
    patched(BASE, {"dns": {"answers": ["192.0.2.9"], "ttl_seconds": 1}})
    assert msgspec.json.encode(BASE) == before
