"""What the servers of `dnssec:` become: a check for each."""

from vedette.checks import read
from vedette.checks.model import DnssecCheck, Endpoint


def made(settings: str, families: str = "[ipv4]") -> dict[str, DnssecCheck]:
    raw = (
        "agents: [{name: par-01}]\n"
        f"checks: [{{name: chain, families: {families}, dnssec: {{name: z.example, {settings}}}}}]\n"
    )
    checks = read.loads(raw.encode(), "test.yaml").checks
    return {check.name: check for check in checks if isinstance(check, DnssecCheck)}


def test_each_server_of_a_list_is_a_check_of_its_own() -> None:
    """A literal address has one family; the host's own servers are asked over each."""
    found = made('resolvers: [host, 192.0.2.53, "[2001:db8::53]:5353"]', "[ipv4, ipv6]")
    assert {name: (check.family, check.server) for name, check in found.items()} == {
        "chain:host:ipv4": (4, None),
        "chain:host:ipv6": (6, None),
        "chain:192.0.2.53": (4, Endpoint("192.0.2.53", 53)),
        "chain:2001-db8--53-5353": (6, Endpoint("2001:db8::53", 5353)),
    }
    assert [check.target for check in found.values()] == [
        "z.example A @host",
        "z.example A @host",
        "z.example A @192.0.2.53:53",
        "z.example A @[2001:db8::53]:5353",
    ]


def test_one_server_is_no_list() -> None:
    (named,) = made("resolver: 192.0.2.53").values()
    (own,) = made("resolver: host").values()
    (bare,) = made("type: A").values()
    assert (named.name, named.server) == ("chain", Endpoint("192.0.2.53", 53))
    assert (own.server, own.target) == (None, "z.example A @host")
    assert (bare.server, bare.target) == (None, "z.example A")
