"""Paths through routers of our own, as a user without any privilege."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.on_wire import network
from servers.path_network import FAR, FIRST, OTHER, SECOND, PathNetwork, Prober

WAYS = [(family, protocol) for family in (4, 6) for protocol in ("udp", "tcp")]


@pytest.fixture(scope="module")
def path() -> Iterator[PathNetwork]:
    problem = network.problem()
    if problem is not None:
        pytest.skip(problem)
    with PathNetwork() as made:
        yield made


@pytest.fixture(scope="module")
def prober(path: PathNetwork) -> Iterator[Prober]:
    made = Prober(path)
    yield made
    made.end()


def hops(result: dict[str, Any]) -> list[str | None]:
    return [hop.get("address") for hop in result["facts"]["path"]["hops"]]


@pytest.mark.parametrize(("family", "protocol"), WAYS)
def test_every_hop_is_told(prober: Prober, family: int, protocol: str) -> None:
    result = prober.run(name=f"hops-{family}-{protocol}", host=FAR[family], family=family, protocol=protocol)
    assert result["privileges"] == 65534
    assert result["outcome"] == "ok"
    assert hops(result) == [FIRST[family], SECOND[family], FAR[family]]
    facts = result["facts"]["path"]
    assert facts["reached"]
    assert facts["packets"] <= 8
    assert [hop["ttl"] for hop in facts["hops"]] == [1, 2, 3]
    assert all(0 < hop["rtt_us"] < result["duration_us"] for hop in facts["hops"])
    assert [hop["icmp_type"] for hop in facts["hops"][:2]] == [11 if family == 4 else 3] * 2


def test_the_kernel_times_udp(prober: Prober) -> None:
    """The first packets may come without a stamp."""
    clocks = {prober.run(name="clock", host=FAR[4]).get("clock") for _ in range(5)}
    assert "kernel" in clocks


@pytest.mark.parametrize(("family", "protocol"), WAYS)
def test_a_silent_hop_is_left_open_and_is_no_change(
    path: PathNetwork, prober: Prober, family: int, protocol: str
) -> None:
    check = {"name": f"silent-{family}-{protocol}", "host": FAR[family], "family": family}
    before = prober.run(**check, protocol=protocol)
    path.mute("second")
    try:
        result = prober.run(**check, protocol=protocol, wait=0.3, must_be_stable=True)
    finally:
        path.mute("second", is_mute=False)
    assert result["outcome"] == "ok"
    assert hops(result) == [FIRST[family], None, FAR[family]]
    assert result["facts"]["path"]["route"] == before["facts"]["path"]["route"]


@pytest.mark.parametrize(("family", "protocol"), WAYS)
def test_another_way_is_a_change_once(path: PathNetwork, prober: Prober, family: int, protocol: str) -> None:
    check = {"name": f"way-{family}-{protocol}", "host": FAR[family], "family": family, "protocol": protocol}
    first = prober.run(**check, must_be_stable=True)
    assert first["outcome"] == "ok"
    path.way("other")
    try:
        changed = prober.run(**check, must_be_stable=True)
        again = prober.run(**check, must_be_stable=True)
    finally:
        path.way("second")
    assert (changed["outcome"], changed["reason"]) == ("fail", "path.changed")
    assert hops(changed) == [FIRST[family], OTHER[family], FAR[family]]
    assert changed["facts"]["path"]["changed"]
    assert changed["facts"]["path"]["route"] != first["facts"]["path"]["route"]
    assert again["outcome"] == "ok"
    back = prober.run(**check)
    assert back["outcome"] == "ok"
    assert back["facts"]["path"]["route"] == first["facts"]["path"]["route"]
    assert back["facts"]["path"]["changes"] == 2


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_router_that_refuses_is_named(path: PathNetwork, prober: Prober, protocol: str) -> None:
    """IPv6, because a Linux router says so over IPv4 once a second only."""
    path.refuse("second")
    try:
        result = prober.run(name=f"refused-{protocol}", host=FAR[6], family=6, protocol=protocol)
    finally:
        path.refuse("second", is_refusing=False)
    assert result["reason"] == "path.unreachable"
    assert SECOND[6] in result["detail"]
    assert hops(result)[0] == FIRST[6]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_target_that_says_nothing_is_a_timeout_and_the_hops_are_told(
    path: PathNetwork, prober: Prober, protocol: str
) -> None:
    check = {"name": f"quiet-{protocol}", "host": FAR[4], "protocol": protocol, "wait": 0.1, "max_silent": 3}
    path.mute("far")
    try:
        result = prober.run(**check)
        pardoned = prober.run(**check, must_reach=False)
    finally:
        path.mute("far", is_mute=False)
    assert result["reason"] == "path.timeout"
    assert hops(result) == [FIRST[4], SECOND[4]]
    assert "reached" not in result["facts"]["path"]
    assert result["facts"]["path"]["packets"] < 20
    assert pardoned["outcome"] == "ok"


def test_the_timeout_of_the_check_holds_and_what_was_seen_is_told(path: PathNetwork, prober: Prober) -> None:
    path.mute("far")
    try:
        result = prober.run(name="cut", host=FAR[4], wait=10.0, timeout=0.5)
    finally:
        path.mute("far", is_mute=False)
    assert result["reason"] == "path.timeout"
    assert hops(result) == [FIRST[4], SECOND[4]]
    assert SECOND[4] in result["detail"]
    assert result["duration_us"] < 5_000_000


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"max_hops": 3}, None),
        ({"max_hops": 2}, "path.expect"),
        ({"through": ["10.91.2.0/24"]}, None),
        ({"through": ["10.91.2.0/24", "10.91.3.0/24"]}, "path.expect"),
        ({"avoids": ["10.91.3.0/24"]}, None),
        ({"avoids": ["10.91.3.0/24", "10.91.2.2/32"]}, "path.expect"),
        ({"max_ttl": 2}, "path.unreachable"),
        ({"first_ttl": 2}, None),
        ({"first_ttl": 9}, None),
    ],
)
def test_expectations(prober: Prober, wish: dict[str, Any], reason: str | None) -> None:
    result = prober.run(name=f"wish-{wish}", host=FAR[4], **wish)
    assert result.get("reason") == reason
