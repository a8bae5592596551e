"""`dns:` with all that it can say, and what it stands for."""

import dns.rcode
import dns.rdatatype
import pytest
from msgspec import inspect

from vedette.checks import dnstext, read
from vedette.checks.model import DnsCheck, Endpoint
from vedette.checks.model.dns import Doh, QueryOptions
from vedette.checks.schema.dns import Rcode
from vedette.errors import ConfigError

HEAD = "agents: [{name: par-01}]\nchecks:\n  - name: it\n"


def checks(probe: str, more: str = "") -> list[DnsCheck]:
    text = f"{HEAD}    {more}\n    dns: {probe}\n" if more else f"{HEAD}    dns: {probe}\n"
    found = read.loads(text.encode(), "t.yaml").checks
    return [one for one in found if isinstance(one, DnsCheck)]


def test_each_resolver_of_a_list_is_a_check_of_its_own() -> None:
    found = checks(
        "{name: a.example, resolvers: [host, 192.0.2.53, '[2001:db8::53]:5353', "
        "{name: google, address: 8.8.8.8, transport: tls, server_name: dns.google}, "
        "'https://dns.example/q?x=1']}"
    )
    told = [(one.name, one.target, one.transport, one.server, one.family) for one in found]
    assert told == [
        ("it:host", "a.example A @host", "udp", None, 4),
        ("it:192.0.2.53", "a.example A @192.0.2.53:53", "udp", Endpoint("192.0.2.53", 53), 4),
        (
            "it:2001-db8--53-5353",
            "a.example A @[2001:db8::53]:5353",
            "udp",
            Endpoint("2001:db8::53", 5353),
            6,
        ),
        ("it:google", "a.example A @google", "tls", Endpoint("8.8.8.8", 853), 4),
        (
            "it:dns.example",
            "a.example A @https://dns.example/q?x=1",
            "https",
            Endpoint("dns.example", 443),
            4,
        ),
    ]
    assert found[3].tls.server_name == "dns.google"
    assert found[4].doh == Doh(url="https://dns.example/q?x=1")


def test_families_follow_the_resolver_and_fixed_addresses_have_one() -> None:
    found = checks("{name: a.example, resolvers: [host, 192.0.2.53]}", "families: [ipv4, ipv6]")
    assert [(one.name, one.family) for one in found] == [
        ("it:host:ipv4", 4),
        ("it:host:ipv6", 6),
        ("it:192.0.2.53", 4),
    ]


def test_a_list_of_one_has_a_suffix_too_so_that_names_stay_when_it_grows() -> None:
    assert [one.name for one in checks("{name: a.example, resolvers: [host]}")] == ["it:host"]
    assert [one.name for one in checks("{name: a.example, resolver: host}")] == ["it"]


def test_a_query_as_by_default_has_no_options() -> None:
    """Such queries are prepared once and shared by all checks that ask the same."""
    assert checks("{name: a.example, edns: {payload_bytes: 1232}}")[0].options is None
    written = "{name: a.example, record_class: CH, checking_disabled: true, edns: {nsid: true}}"
    assert checks(written)[0].options == QueryOptions(rdclass="CH", checking_disabled=True, nsid=True)


@pytest.mark.parametrize(
    ("written", "meant"), [("aaaa", "AAAA"), ("type65280", "TYPE65280"), ("NSEC3PARAM", "NSEC3PARAM")]
)
def test_types_are_written_in_any_case(written: str, meant: str) -> None:
    (one,) = checks(f"{{name: a.example, type: {written}}}")
    assert (one.rdtype, one.target) == (meant, f"a.example {meant}")


def test_every_type_and_rcode_is_one_of_dnspython() -> None:
    """The shared package does not import dnspython; its lists of names are held to it here."""
    known = {one.name.replace("_", "-") for one in dns.rdatatype.RdataType}
    ours = {*dnstext.TYPES, *dnstext.META}
    assert known - ours == {"TYPE0", "NSAP-PTR", "UNSPEC"}
    assert ours <= known
    for name in dnstext.META:
        with pytest.raises(ValueError, match="no type of records to ask for"):
            dnstext.record_type(f"TYPE{int(dns.rdatatype.from_text(name))}")
    rcodes = inspect.type_info(Rcode)
    assert isinstance(rcodes, inspect.LiteralType)
    assert set(rcodes.values) == {one.name for one in dns.rcode.Rcode} - {"BADSIG"}


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("[192.0.2.53, '192.0.2.53:53']", 'resolvers[1]: a second "192.0.2.53" in this check'),
        ("[host, {transport: https}]", "resolvers[1]: https needs the URL of a server"),
        ("[dns.example]", 'resolvers[0]: "dns.example" is not the address of a resolver'),
    ],
)
def test_what_is_wrong_with_one_of_a_list_is_told_at_its_place(listed: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checks(f"{{name: a.example, resolvers: {listed}}}")
    assert told in str(caught.value)
