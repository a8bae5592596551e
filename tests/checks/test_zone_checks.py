"""What `authority:` and `trace:` become: one check of a zone over all families, one of each listed server."""

from vedette.checks import read
from vedette.checks.model import AuthorityCheck, Endpoint, NamedServer, TraceCheck

_ON_ONE_LINE = (
    "servers: [{name: ns1.z.example, addresses: [192.0.2.1]}, {name: ns2.z.example, addresses: [192.0.2.2]}]"
)


def checks(text: str) -> dict[str, object]:
    raw = f"agents: [{{name: par-01}}]\nchecks:\n{text}"
    return {check.name: check for check in read.loads(raw.encode(), "test.yaml").checks}


NS1 = NamedServer(name="ns1.z.example", addresses=("192.0.2.1", "2001:db8::1"))
NS2 = NamedServer(name="ns2.z.example", addresses=("192.0.2.2",))
SERVERS = """
      servers:
        - {name: ns1.z.example, addresses: [192.0.2.1, "2001:DB8::1"], short: ns1}
        - {name: NS2.z.example., addresses: [192.0.2.2], short: ns2}
"""


def test_listed_servers_are_a_check_each_and_one_together() -> None:
    made = checks(
        f"  - name: zone\n    families: [ipv4, ipv6]\n    authority:\n      zone: z.example{SERVERS}"
    )
    assert list(made) == ["zone", "zone:ns1", "zone:ns2"]
    zone, first, second = made.values()
    assert isinstance(zone, AuthorityCheck)
    assert isinstance(first, AuthorityCheck)
    assert isinstance(second, AuthorityCheck)
    assert (zone.servers, first.servers, second.servers) == ((NS1, NS2), (NS1,), (NS2,))
    assert {one.families for one in (zone, first, second)} == {(4, 6)}
    assert [one.target for one in (zone, first, second)] == [
        "z.example",
        "z.example @ns1.z.example",
        "z.example @ns2.z.example",
    ]


def zone_of(authority: str) -> list[AuthorityCheck]:
    made = checks(f"  - name: zone\n    authority: {{zone: z.example, {authority}}}\n")
    return [check for check in made.values() if isinstance(check, AuthorityCheck)]


def test_the_names_of_a_list_are_the_delegation_but_for_hidden_servers_and_bare_addresses() -> None:
    all_of_it, *alone = zone_of(
        "servers: [{name: ns1.z.example, addresses: [192.0.2.1]}, {name: NS2.z.example., "
        "addresses: [192.0.2.2]}, {name: ns1.z.example, addresses: [192.0.2.3], short: again}, "
        "{name: primary.z.example, addresses: [192.0.2.4], hidden: true}, "
        "{name: 192.0.2.5, addresses: [192.0.2.5]}]"
    )
    assert all_of_it.delegation == ("ns1.z.example", "ns2.z.example")
    assert [len(one.servers) for one in alone] == [1] * 5
    assert {one.delegation for one in alone} == {()}


def test_one_listed_server_is_no_delegation() -> None:
    [one] = zone_of("servers: [{name: ns1.z.example, addresses: [192.0.2.1]}]")
    assert one.delegation == ()


def test_servers_of_the_parent_are_asked_once_and_not_for_each_listed_server() -> None:
    whole, *alone = zone_of(f"parent: [192.0.2.7, 192.0.2.8], {_ON_ONE_LINE}")
    assert whole.parents == ("192.0.2.7", "192.0.2.8")
    assert [one.parents for one in alone] == [(), ()]
    [found] = zone_of("resolver: 192.0.2.53, parent: [192.0.2.7]")
    assert found.parents == ("192.0.2.7",)


def test_the_families_of_listed_addresses_are_asked_where_none_is_chosen() -> None:
    made = checks(f"  - name: zone\n    authority:\n      zone: z.example{SERVERS}")
    assert {name: check.families for name, check in made.items() if isinstance(check, AuthorityCheck)} == {
        "zone": (4, 6),
        "zone:ns1": (4, 6),
        "zone:ns2": (4,),
    }


def test_one_family_leaves_the_addresses_of_the_other_out() -> None:
    one = 'servers: [{name: ns1.z.example, addresses: [192.0.2.1, "2001:db8::1"]}]'
    made = checks(f"  - name: zone\n    families: [ipv6]\n    authority: {{zone: z.example, {one}}}\n")
    [check] = made.values()  # a single server needs no second check
    assert isinstance(check, AuthorityCheck)
    assert [server.addresses for server in check.servers] == [("2001:db8::1",)]
    assert (check.family, check.families) == (6, (6,))


def test_a_zone_without_servers_is_found_over_ipv4_with_the_strictest_comparison() -> None:
    made = checks("  - name: zone\n    authority: {zone: Z.Example., resolver: 192.0.2.53}\n")
    assert made == {
        "zone": AuthorityCheck(
            name="zone",
            target="z.example",
            interval=30.0,
            timeout=5.0,
            zone="z.example",
            resolver=Endpoint("192.0.2.53", 53),
        )
    }


def test_a_trace_of_both_families_is_two_with_the_roots_of_each() -> None:
    made = checks(
        "  - name: way\n    families: [ipv4, ipv6]\n"
        '    trace: {name: www.z.example, type: MX, roots: [192.0.2.1, "2001:db8::1"], port: 5353}\n'
    )
    common = {"target": "www.z.example MX", "query_name": "www.z.example", "rdtype": "MX", "port": 5353}
    timing = {"interval": 30.0, "timeout": 5.0}
    assert made == {
        "way:ipv4": TraceCheck(name="way:ipv4", roots=("192.0.2.1",), **common, **timing),  # type: ignore[arg-type]
        "way:ipv6": TraceCheck(name="way:ipv6", family=6, roots=("2001:db8::1",), **common, **timing),  # type: ignore[arg-type]
    }
