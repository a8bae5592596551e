"""Which ways a check is tried on: what the file says, the defaults where it does not, and what fits."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vedette.checks import read
from vedette.checks.bypass import second_resolvers, ways
from vedette.checks.model import BypassPlan, Check, Endpoint
from vedette.checks.schema import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "bypass.md"
SECOND = Endpoint("192.0.2.53", 53)
DNS = {"dns": {"name": "shop.example"}}
WEB = {"http": {"url": "https://shop.example/"}}


def checks(check: dict[str, Any], defaults: Any = None) -> list[Check]:
    file: dict[str, Any] = {"agents": [{"name": "par-01"}], "checks": [{"name": "c", **check}]}
    if defaults is not None:
        file["defaults"] = {"bypass": defaults}
    return list(read.loads(yaml.safe_dump(file).encode(), "t").checks)


def check(check: dict[str, Any], defaults: Any = None) -> Check:
    [made] = checks(check, defaults)
    return made


@pytest.mark.parametrize(
    ("written", "fitting"),
    [
        (DNS, ("authority", "no_validation")),
        ({"dns": {"name": "shop.example", "checking_disabled": True}}, ("authority",)),
        ({"dns": {"name": "shop.example", "recursion": False, "resolver": "192.0.2.1"}}, ()),
        ({"dns": {"name": "version.bind", "type": "TXT", "record_class": "CH"}}, ()),
        ({"dns": {"name": ".", "type": "NS"}}, ("no_validation",)),
        (WEB, ("last_good", "family")),
        ({"http": {"url": "https://192.0.2.1/"}}, ()),
        ({"http": {"url": "https://shop.example/", "proxy": {"address": "proxy.example:3128"}}}, ()),
        ({"tcp": {"address": "shop.example:25"}}, ("last_good", "family")),
        ({"tls": {"address": "shop.example:443"}}, ("last_good", "family")),
        ({"grpc": {"address": "shop.example:443"}}, ("last_good", "family")),
        ({"websocket": {"url": "wss://shop.example/"}}, ("last_good", "family")),
        ({"icmp": {"host": "shop.example"}}, ()),
        ({"ntp": {"host": "shop.example"}}, ()),
    ],
    ids=lambda value: str(value)[:60],
)
def test_by_default_every_way_that_fits_is_tried(written: dict[str, Any], fitting: tuple[str, ...]) -> None:
    assert ways(check(written)) == fitting


@pytest.mark.parametrize("written", [DNS, WEB], ids=["dns", "http"])
def test_a_second_resolver_makes_one_way_more(written: dict[str, Any]) -> None:
    made = check(written, {"resolver": "192.0.2.53"})
    assert ways(made) == ("resolver", *ways(check(written)))
    assert second_resolvers(made) == (SECOND,)


@pytest.mark.parametrize("own", ["192.0.2.53", "192.0.2.54"])
def test_the_second_resolver_is_one_that_is_not_asked_anyway(own: str) -> None:
    made = check(
        {"dns": {"name": "shop.example", "resolver": own}}, {"resolver": ["192.0.2.53", "192.0.2.54"]}
    )
    assert [one.address for one in second_resolvers(made)] == [
        "192.0.2.54" if own == "192.0.2.53" else "192.0.2.53"
    ]


def test_where_both_families_are_checks_neither_is_a_way_of_the_other() -> None:
    both = checks({**WEB, "families": ["ipv4", "ipv6"]})
    assert [ways(one) for one in both] == [("last_good",)] * 2


@pytest.mark.parametrize(
    ("own", "defaults", "plan"),
    [
        (None, None, BypassPlan()),
        ("none", None, BypassPlan(ways=())),
        (None, "none", BypassPlan(ways=())),
        ({"interval": "5m"}, "none", BypassPlan(interval=300.0)),
        (
            None,
            {"interval": "5m", "ways": ["no_validation"]},
            BypassPlan(ways=("no_validation",), interval=300.0),
        ),
        ({"ways": ["authority"]}, {"interval": "5m"}, BypassPlan(ways=("authority",), interval=300.0)),
        ({"resolver": "192.0.2.53"}, {"resolver": "192.0.2.54"}, BypassPlan(resolvers=(SECOND,))),
        ({"authority_port": 5353}, None, BypassPlan(authority_port=5353)),
    ],
)
def test_a_check_says_what_it_wants_and_the_defaults_the_rest(
    own: Any, defaults: Any, plan: BypassPlan
) -> None:
    assert check(DNS if own is None else {**DNS, "bypass": own}, defaults).bypass == plan


def test_defaults_are_taken_where_they_fit() -> None:
    assert ways(check(WEB, {"ways": ["authority", "last_good"]})) == ("last_good",)
    assert ways(check(DNS, {"ways": ["family"]})) == ()


def test_what_is_at_its_default_leaves_the_hash_alone_and_all_else_does_not() -> None:
    def hashed(own: Any) -> str:
        file = {"agents": [{"name": "par-01"}], "checks": [{"name": "c", **DNS, **own}]}
        return read.loads(yaml.safe_dump(file).encode(), "t").config_hash

    assert hashed({}) == hashed({"bypass": {"interval": "10m"}})
    assert len({hashed({}), hashed({"bypass": "none"}), hashed({"bypass": {"interval": "9m"}})}) == 3


def test_the_example_of_the_page_does_what_the_page_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    tried = {one.name: ways(one) for one in read.loads(example.encode(), PAGE.name).checks}
    assert tried == {
        "shop-dns": ("resolver", "authority", "no_validation"),
        "shop": ("last_good", "resolver"),
        "intranet": (),
    }
    kinds = {"http", "tcp", "tls", "grpc", "websocket"}
    assert kinds <= set(KINDS)
    assert all(f"`{kind}`" in page for kind in kinds)
