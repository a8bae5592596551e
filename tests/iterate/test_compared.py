"""The name servers of a zone held against each other: what is found, and what is said about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette_agent.dns.iterate.compared import Delegation, Seen, Stated, behind, compared, newest_of
from vedette_agent.dns.iterate.referral import Referral
from vedette_agent.dns.iterate.walk import Server

NS1, NS2 = Server("ns1.z", "192.0.2.1"), Server("ns2.z", "192.0.2.2")
NAMES = ("ns1.z", "ns2.z")
UNSEEN = Delegation((), {}, (4,))


def good(
    server: Server, serial: int = 7, names: tuple[str, ...] = NAMES, record: tuple[str, ...] | None = None
) -> Seen:
    return Seen(server, 0.01, "NOERROR", True, serial, names, record)


def delegation(*servers: str, glue: dict[str, tuple[str, ...]], own: dict[str, set[str]]) -> Delegation:
    stated = Stated(Referral("z", servers, glue), "at the parent")
    return Delegation([stated], {name: frozenset(found) for name, found in own.items()}, (4,))


def test_servers_that_agree_have_no_fault() -> None:
    found = compared(
        "z",
        [good(NS1), good(NS2)],
        delegation(*NAMES, glue={"ns1.z": ("192.0.2.1", "2001:db8::1")}, own={"ns1.z": {"192.0.2.1"}}),
        0,
    )
    assert found == ([], 1, 7, False, False)


def test_silence_lameness_and_differences_come_in_the_order_of_their_gravity() -> None:
    found = compared(
        "z",
        [
            Seen(Server("ns4.z", "192.0.2.4"), code="no_route", why="cannot be asked"),
            Seen(Server("ns3.z", "192.0.2.3"), code="dns.timeout", why="did not answer, 2 s"),
            Seen(NS1, code="dns.lame", why="is lame: it says REFUSED"),
            good(NS2, 7, ("ns2.z",), ("192.0.2.9",)),
            good(Server("ns5.z", "192.0.2.5"), 5, NAMES, ()),
        ],
        delegation(*NAMES, glue={}, own={}),
        1,
    )
    assert found.faults == [
        (
            "dns.lame",
            "ns1.z [192.0.2.1] is lame: it says REFUSED, ns4.z [192.0.2.4] cannot be asked, "
            "ns3.z [192.0.2.3] did not answer, 2 s",
        ),
        (
            "dns.delegation",
            "the delegation of z. is not what ns2.z [192.0.2.2] says: ns1.z is only at the parent",
        ),
        ("dns.stale_serial", "the newest serial of z. is 7; ns5.z [192.0.2.5] has serial 5"),
        (
            "dns.inconsistent",
            "the NS records of z.: ns2.z [192.0.2.2] says ns2.z; ns5.z [192.0.2.5] says ns1.z, ns2.z",
        ),
        (
            "dns.inconsistent",
            "the record: ns2.z [192.0.2.2] says 192.0.2.9; ns5.z [192.0.2.5] says nothing",
        ),
    ]
    assert (found.serials, found.newest, found.delegation_differs, found.servers_differ) == (2, 7, True, True)


def test_glue_must_be_what_the_zone_says_in_the_families_that_are_asked() -> None:
    found = compared(
        "z",
        [good(NS1), good(NS2)],
        delegation(*NAMES, glue={"ns1.z": ("192.0.2.66", "2001:db8::1")}, own={"ns1.z": {"192.0.2.1"}}),
        0,
    )
    assert found.faults == [("dns.delegation", "ns1.z has 192.0.2.66 at the parent, 192.0.2.1 in the zone")]


def test_each_that_states_a_delegation_is_held_against_the_zone_and_named() -> None:
    stated = [
        Stated(Referral("z", NAMES, {}), "in the configuration"),
        Stated(Referral("z", ("ns1.z",), {"ns1.z": ("192.0.2.1",)}), "at the parent [192.0.2.7]"),
        Stated(Referral("z", NAMES, {"ns1.z": ("192.0.2.66",)}), "at the parent [192.0.2.8]"),
    ]
    found = compared("z", [good(NS1)], Delegation(stated, {"ns1.z": frozenset({"192.0.2.1"})}, (4,)), 0)
    assert found.faults == [
        (
            "dns.delegation",
            "the delegation of z. is not what ns1.z [192.0.2.1] says: ns2.z is only in the zone",
        ),
        ("dns.delegation", "ns1.z has 192.0.2.66 at the parent [192.0.2.8], 192.0.2.1 in the zone"),
    ]
    assert found.delegation_differs is True


@pytest.mark.parametrize(
    ("serial", "lag", "is_stale"),
    [(7, 0, False), (6, 0, True), (6, 1, False), (4294967295, 7, True), (4294967295, 8, False)],
)
def test_a_lag_is_allowed_in_steps_also_across_zero(serial: int, lag: int, is_stale: bool) -> None:
    found = compared("z", [good(NS1, serial), good(NS2, 7)], UNSEEN, lag)
    assert bool(found.faults) is is_stale
    assert found.newest == 7


def test_of_servers_that_all_fail_nothing_is_said_to_differ() -> None:
    found = compared("z", [Seen(NS1, code="dns.timeout", why="did not answer")], UNSEEN, 0)
    assert found[1:] == (0, None, None, None)


def test_many_servers_are_told_briefly() -> None:
    many = [Seen(Server(f"n{n}.z", f"192.0.2.{n}"), code="dns.timeout", why="is silent") for n in range(9)]
    [(_, text)] = compared("z", many, UNSEEN, 0).faults
    assert text.endswith("n3.z [192.0.2.3] is silent and 5 more")


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=8))
def test_the_newest_serial_is_ahead_of_all_wherever_the_circle_begins(start: int, steps: list[int]) -> None:
    serials = [(start + step) % 2**32 for step in steps]
    newest = newest_of(serials)
    assert newest == (start + max(steps)) % 2**32
    assert all(behind(serial, newest) < 2**31 for serial in serials)


def test_what_our_own_side_lacks_is_the_verdict_only_where_nothing_else_failed() -> None:
    unsent = Seen(NS1, code="no_route", why="cannot be asked")
    silent = Seen(NS2, code="dns.timeout", why="did not answer")
    assert compared("z", [unsent, silent], UNSEEN, 0).faults[0][0] == "dns.timeout"
    assert compared("z", [unsent, good(NS2)], UNSEEN, 0).faults[0][0] == "no_route"


def test_a_zone_of_more_servers_than_are_read_is_not_compared_with_its_delegation() -> None:
    """Of either side only some are known: they need not be the same."""
    names = tuple(f"n{n:02}.z" for n in range(20))
    found = compared("z", [good(NS1, 7, names)], delegation(*names[:16], glue={}, own={}), 0)
    assert found.faults == []
