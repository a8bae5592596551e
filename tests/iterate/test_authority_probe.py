"""The authority prober: servers of a zone in agreement and in disagreement."""

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from iterate.authority_helpers import ZONE, ask, beside, check, facts, listed
from iterate.tree_helpers import NOBODY, SHOP, SHOP_1, SHOP_2, Tree
from servers.dns import Asked
from servers.nsd import plain
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, Result
from vedette_agent import outcome
from vedette_agent.shown import shown


def test_servers_that_agree_are_found_and_asked_over_both_families(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, families=(4, 6), record_name=f"www.{ZONE}"))
    assert probed.error is None
    said = facts(probed)
    assert [(one.name, one.address, one.rcode, one.authoritative) for one in said.servers] == [
        (f"ns1.{ZONE}", SHOP_1, "NOERROR", True),
        ("ns2.test", SHOP_2, "NOERROR", True),
        ("ns2.test", "::1", "NOERROR", True),
    ]
    assert (said.known, said.answering, said.lame, said.serials) == (2, 3, 0, 1)
    assert (said.delegation_differs, said.servers_differ) == (False, False)
    assert said.newest_serial == on_loopback.first.serial(f"{ZONE}.")
    assert all(one.duration_us for one in said.servers)
    assert said.slowest_us == max(one.duration_us or 0 for one in said.servers)
    assert set(probed.record.phases) == {"resolve", "request"}


def test_a_server_that_is_behind_is_named_and_a_lag_can_be_allowed(on_loopback: Tree) -> None:
    on_loopback.first.publish(f"{ZONE}.", plain(SHOP))
    newest = on_loopback.first.serial(f"{ZONE}.")
    assert newest is not None
    probed = ask(check(on_loopback.port))
    assert probed.failure == "dns.stale_serial"
    assert probed.detail == (
        f"the newest serial of {ZONE}. is {newest}; ns2.test [{SHOP_2}] has serial {newest - 1}"
    )
    assert (facts(probed).serials, facts(probed).newest_serial) == (2, newest)
    assert ask(check(on_loopback.port, max_serial_lag=1)).error is None
    on_loopback.second.publish(f"{ZONE}.", plain(SHOP))
    assert ask(check(on_loopback.port)).error is None


def test_a_record_that_is_not_everywhere_the_same_is_inconsistent(on_loopback: Tree) -> None:
    on_loopback.first.publish(f"{ZONE}.", plain(SHOP.replace("192.0.2.80", "192.0.2.81")))
    on_loopback.second.publish(f"{ZONE}.", plain(SHOP))
    try:
        assert ask(check(on_loopback.port)).error is None  # nobody asked for it
        probed = ask(check(on_loopback.port, record_name=f"www.{ZONE}"))
    finally:
        on_loopback.first.publish(f"{ZONE}.", plain(SHOP))
        on_loopback.second.publish(f"{ZONE}.", plain(SHOP))
    assert probed.failure == "dns.inconsistent"
    assert probed.detail == (
        f"the record: ns1.{ZONE} [{SHOP_1}] says 192.0.2.81; ns2.test [{SHOP_2}] says 192.0.2.80"
    )
    assert facts(probed).servers_differ is True


@pytest.mark.parametrize(
    ("name", "rdtype", "reason", "said"),
    [
        ("gone", "A", "dns.nxdomain", "no server has gone.shop.example A: all say NXDOMAIN"),
        (
            "www",
            "AAAA",
            "dns.nodata",
            "no server has www.shop.example AAAA: all say that there is no such record",
        ),
    ],
)
def test_a_record_that_is_nowhere_is_none_that_is_everywhere_the_same(
    name: str, rdtype: str, reason: str, said: str, on_loopback: Tree
) -> None:
    probed = ask(check(on_loopback.port, record_name=f"{name}.{ZONE}", record_type=rdtype))
    assert (probed.failure, probed.detail) == (reason, said)
    assert facts(probed).answering == 2
    assert facts(probed).servers_differ is False


def half(asked: Asked) -> None:
    """Serves the zone, but for its addresses."""
    match dns.rdatatype.to_text(asked.message.question[0].rdtype):
        case "SOA":
            asked.reply(asked.response("@ 60 SOA ns1.dead.example. root. 7 1 1 1 1", flags=dns.flags.AA))
        case "NS":
            asked.reply(asked.response("@ 60 NS ns1.dead.example.", flags=dns.flags.AA))
        case _:
            asked.reply(asked.response(rcode=5))


def test_a_record_that_every_server_refuses_is_not_the_same_everywhere(on_loopback: Tree) -> None:
    probed = beside(half, check(on_loopback.port, "dead.example", record_name="www.dead.example"))
    assert probed.failure == "dns.lame"
    assert "is lame: it says REFUSED for www.dead.example A" in probed.detail


def test_people_see_the_servers_and_a_long_detail_is_cut(on_loopback: Tree) -> None:
    made = check(
        on_loopback.port, **listed(**{f"n{n}.{'x' * 60}.test": NOBODY for n in range(5)}, ns1=SHOP_1)
    )
    probed = ask(made)
    result = outcome.result(
        made, probed.record, probed.error, started_us=1, elapsed=probed.seconds, stalled=0.0
    )
    assert result.detail is not None
    assert len(result.detail) == 256
    codec.encode(batch_of(result))
    lines = [line.split() for line in shown(made, result, has_color=False).splitlines()]
    servers = [line for line in lines if line[0] == "server"]
    assert [line[3] for line in servers[:5]] == ["net.refused"] * 5
    assert servers[5][1:5] == ["ns1", f"[{SHOP_1}]", "serial", str(on_loopback.first.serial(f"{ZONE}."))]


def batch_of(result: Result) -> Batch:
    return Batch(v=limits.VERSION, agent="par-01", epoch="0" * 32, first_seq=0, results=[result])
