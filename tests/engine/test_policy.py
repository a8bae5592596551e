"""The decision alone: which literal addresses a probe may reach."""

import tracemalloc
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.wire import limits
from vedette_agent.engine.policy import REMEMBERED, Anywhere, Policy
from vedette_agent.engine.record import ProbeSpoiled


def fault(address: str, *allow: str) -> str | None:
    """Why *address* is denied; None when it is not."""
    try:
        Policy([ip_network(text) for text in allow]).check(address)
    except ProbeSpoiled as exc:
        return exc.detail if exc.reason == "policy" else f"another reason: {exc}"
    return None


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("0.0.0.0", "this network"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.1", "shared"),
        ("100.127.255.255", "shared"),
        ("100.100.100.200", "platform"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "platform"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "platform"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.1", "protocol"),
        ("192.0.0.192", "platform"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "6to4"),
        ("192.168.1.1", "private"),
        ("198.18.0.1", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::2", "IPv4-compatible"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::7f00:1", "127.0.0.1: loopback"),
        ("::ffff:127.0.0.1", "127.0.0.1: loopback"),
        ("::ffff:0:169.254.169.254", "169.254.169.254: a platform"),
        ("64:ff9b::127.0.0.1", "127.0.0.1: loopback"),
        ("64:ff9b::a9fe:a9fe", "169.254.169.254: a platform"),
        ("64:ff9b::168.63.129.16", "168.63.129.16: a platform"),
        ("64:ff9b:1::1", "local NAT64"),
        ("64:ff9b:1:a9fe:a9:fe00::", "169.254.169.254: a platform"),
        ("64:ff9b:1:a9:fe:a9fe::", "169.254.169.254: a platform"),
        ("64:ff9b:1:0:a9:fea9:fe00::", "169.254.169.254: a platform"),
        ("64:ff9b:1::a9fe:a9fe", "169.254.169.254: a platform"),
        ("100::1", "discard"),
        ("100:0:0:1::1", "not global unicast"),
        ("2001::1", "Teredo"),
        ("2001:0:a9fe:a9fe::f7f7:f7f7", "169.254.169.254: a platform"),
        ("2001:0:808:808::5601:5601", "169.254.169.254: a platform"),
        ("2001:2::1", "protocol"),
        ("2001:10::1", "protocol"),
        ("2001:db8::1", "documentation"),
        ("2002:808:808::1", "6to4"),
        ("2002:a9fe:a9fe::1", "169.254.169.254: a platform"),
        ("2606:4700::5efe:10.0.0.1", "10.0.0.1: private"),
        ("2606:4700::200:5efe:10.0.0.1", "10.0.0.1: private"),
        ("3fff::1", "documentation"),
        ("4000::1", "not global unicast"),
        ("5f00::1", "segment routing"),
        ("fc00::1", "unique local"),
        ("fd00:ec2::254", "platform"),
        ("fd20:ce::254", "platform"),
        ("fdff::1", "unique local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fe80::a9fe:a9fe%eth0", "platform"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ],
)
def test_denied_by_default_with_its_reason(address: str, what: str) -> None:
    said = fault(address)
    assert said is not None
    assert what in said
    assert said.startswith(f"{address} is denied: ")
    assert len(said) <= limits.MAX_TEXT


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
     "168.63.129.15", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.31.196.1", "198.17.255.255",
     "198.20.0.0", "223.255.255.255", "2000::1", "2001:200::1", "2606:4700::1111", "2620:4f:8000::1",
     "3ffe:ffff::1", "64:ff9b::1.1.1.1", "2606:4700::5efe:1.1.1.1"],
)  # fmt: skip
def test_open_by_default(address: str) -> None:
    assert fault(address) is None


@pytest.mark.parametrize(
    "text",
    ["", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "1.1.1.1 ", "1.1.1.1/32", "\uff11.1.1.1",
     "localhost", "example.com", "[2000::1]", "fe80::1%"],
)  # fmt: skip
def test_what_is_no_literal_address_is_denied(text: str) -> None:
    """Who would hand it to a socket does not know where it leads."""
    assert "it is no literal address" in (fault(text) or "")
    assert "it is no literal address" in (fault(text, "0.0.0.0/0", "::/0") or "")


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("10.1.2.3", ["10.0.0.0/8"]),
        ("10.1.2.3", ["0.0.0.0/0"]),
        ("127.0.0.1", ["192.168.0.0/16", "127.0.0.1/32"]),
        ("fd12::1", ["fc00::/7"]),
        ("fe80::1%eth0", ["fe80::/10"]),
        ("::1", ["::1/128"]),
        ("169.254.169.254", ["169.254.169.254/32"]),
        ("fd00:ec2::254", ["fd00:ec2::254/128"]),
        ("64:ff9b::10.1.2.3", ["10.0.0.0/8"]),
        ("64:ff9b::169.254.169.254", ["169.254.169.254/32"]),
        ("::ffff:10.1.2.3", ["::ffff:0:0/96", "10.0.0.0/8"]),
        ("64:ff9b:1::10.1.2.3", ["64:ff9b:1::/48"]),
    ],
)
def test_what_the_agent_allows(address: str, allow: list[str]) -> None:
    assert fault(address) is not None
    assert fault(address, *allow) is None


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("10.1.2.3", ["10.1.2.0/31", "fc00::/7"]),
        ("64:ff9b::10.1.2.3", ["::/0"]),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"]),
        ("::ffff:10.1.2.3", ["::/0"]),
        ("2002:a01:203::1", ["2002::/16"]),
    ],
)
def test_another_network_does_not_open_it(address: str, allow: list[str]) -> None:
    assert fault(address, *allow) is not None


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254",
                                     "64:ff9b::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::",
                                     "64:ff9b:1:2:a9:fea9:fe00::", "fe80::a9fe:a9fe%eth0"])  # fmt: skip
def test_a_platform_address_is_allowed_by_name_alone(address: str) -> None:
    """Networks are opened for the hosts in them; credentials are not what their operator thought of."""
    assert (
        fault(address, "0.0.0.0/0", "::/0", "169.254.0.0/16", "169.254.169.254/31", "fe80::/10") is not None
    )


def test_the_reason_names_the_options_that_help() -> None:
    address = "2002:a01:203::1"
    assert fault(address) == (
        "2002:a01:203::1 is denied: 6to4 (RFC 3056), stands for 10.1.2.3: private network (RFC 1918); "
        "allow it with --allow 2002:a01:203::1/128 --allow 10.1.2.3/32 on the agent"
    )
    assert fault(address, "2002:a01:203::1/128", "10.1.2.3/32") is None


def test_a_person_on_their_own_host_may_probe_anything() -> None:
    for address in ("127.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0"):
        Anywhere().check(address)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_passes_that_the_standard_library_calls_special(address: IPv4Address | IPv6Address) -> None:
    """`is_global` lets too much pass; what it stops is stopped here."""
    assert address.is_global or fault(str(address)) is not None


@given(st.ip_addresses(v=4), st.integers(0, 2**64 - 1))
def test_an_ipv6_address_is_no_way_round(inner: IPv4Address, noise: int) -> None:
    """Whatever is denied in IPv4 is denied in each form that leads there."""
    number = int(inner)
    forms = [
        number,
        0xFFFF << 32 | number,
        0xFFFF << 48 | number,
        0x0064FF9B << 96 | number,
        0x2002 << 112 | number << 80 | noise,
        0x20010000 << 96 | number << 64 | noise,
        0x20010000 << 96 | (noise & 0xFFFFFFFF) << 64 | (number ^ 0xFFFFFFFF),
        0x2606 << 112 | (noise & 0xFFFF) << 64 | 0x5EFE << 32 | number,
    ]
    if fault(str(inner)) is not None:
        assert [form for form in forms if fault(str(IPv6Address(form))) is None] == []


def test_ever_new_addresses_cost_bounded_memory() -> None:
    """A name may resolve to another address each time, for months."""
    policy = Policy()

    def held_after(rounds: range) -> int:
        for number in range(rounds.start * REMEMBERED, rounds.stop * REMEMBERED):
            policy.check(str(IPv4Address(0x08000000 + number)))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        full = held_after(range(1))
        assert held_after(range(1, 3)) < 1.5 * full
    finally:
        tracemalloc.stop()
