"""The authority prober: servers of a zone in agreement, in disagreement, lame, silent and badly delegated."""

import asyncio
import contextlib
import errno
import os
import resource
from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from iterate.tree_helpers import NOBODY, ROOT, SHOP, SHOP_1, SHOP_2, TOP, Tree, tree
from servers import dns as server
from servers.dns import Asked, Behaviour, dns_server
from servers.nsd import plain
from servers.probing import Probed, bench
from vedette.checks.model import AuthorityCheck, NamedServer
from vedette.wire import codec, limits
from vedette.wire.facts import AuthorityFacts
from vedette.wire.messages import Batch, Result
from vedette_agent import outcome
from vedette_agent.dns.iterate.walk import Server
from vedette_agent.dns.query import Query
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import NotInTime, ProbeFailed, ProbeSpoiled, Record
from vedette_agent.probers import iterating
from vedette_agent.probers.authority import probe_authority
from vedette_agent.probers.iterating import Inquiry, Wanted
from vedette_agent.shown import shown

MOST = 20.0
ZONE = "shop.example"


@pytest.fixture(scope="module")
def on_loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    with tree(tmp_path_factory.mktemp("tree")) as made:
        yield made


def check(port: int, zone: str = ZONE, **more: Any) -> AuthorityCheck:
    common = {"name": "t", "target": zone, "interval": 60.0, "timeout": MOST, "roots": (ROOT,), **more}
    return AuthorityCheck(zone=zone, port=port, **common)


def ask(of: AuthorityCheck, seconds: float = MOST, policy: Policy | None = None) -> Probed:
    async def main() -> Probed:
        async with bench(policy=policy) as on:
            return await on.run(probe_authority, of, seconds)

    return asyncio.run(main())


def beside(behaviour: Behaviour, of: AuthorityCheck, seconds: float = MOST) -> Probed:
    """With a server at NOBODY that behaves so."""

    async def main() -> Probed:
        async with dns_server(behaviour, NOBODY, of.port), bench() as on:
            return await on.run(probe_authority, of, seconds)

    return asyncio.run(main())


def facts(probed: Probed) -> AuthorityFacts:
    assert probed.record.authority is not None
    return probed.record.authority


def listed(**at: str) -> dict[str, Any]:
    return {
        "roots": (),
        "servers": tuple(NamedServer(name=name, addresses=(address,)) for name, address in at.items()),
    }


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


def test_a_delegation_that_is_not_what_the_zone_says_is_told(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, "moved.example"))
    assert probed.failure == "dns.delegation"
    assert probed.detail == (
        f"the delegation of moved.example. is not what ns1.moved.example [{SHOP_1}] says: "
        f"ns9.test is only in the zone; the parent has {SHOP_1} for ns1.moved.example, the zone {SHOP_2}"
    )
    assert facts(probed).delegation_differs is True


def test_a_lame_server_is_told(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, "lame.example"))
    assert probed.failure == "dns.lame"
    assert probed.detail == f"ns1.lame.example [{SHOP_1}] is lame: it says REFUSED"
    said = facts(probed)
    assert (said.answering, said.lame, said.servers[0].rcode) == (0, 1, "REFUSED")
    assert (said.delegation_differs, said.servers_differ) == (None, None)


def upward(asked: Asked) -> None:
    response = dns.message.make_response(asked.message)
    response.authority.append(dns.rrset.from_text(".", 60, "IN", "NS", "a.root."))
    asked.reply(response.to_wire())


def no_authority(asked: Asked) -> None:
    asked.reply(asked.response("@ 60 SOA ns. root. 7 1 1 1 1"))


def alias(asked: Asked) -> None:
    asked.reply(asked.response("@ 60 CNAME other.test.", flags=dns.flags.AA))


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (upward, "it refers upwards, to ."),
        (no_authority, "it answers without authority (AA clear)"),
        (server.servfail, "it says SERVFAIL"),
        (server.rcode(3), "it says NXDOMAIN without authority"),
        (alias, "it says that dead.example. is an alias"),
    ],
)
def test_each_way_to_be_lame_has_its_words(on_loopback: Tree, behaviour: Behaviour, why: str) -> None:
    probed = beside(behaviour, check(on_loopback.port, "dead.example"))
    assert probed.failure == "dns.lame"
    assert probed.detail == f"ns1.dead.example [{NOBODY}] is lame: {why}"


def test_a_silent_server_fails_the_check_and_the_others_are_told_all_the_same(on_loopback: Tree) -> None:
    made = check(on_loopback.port, **listed(ns1=SHOP_1, ns9=NOBODY, ns2=SHOP_2))
    probed = beside(server.silent, made, 3.0)
    assert isinstance(probed.error, NotInTime)
    assert probed.failure == "dns.timeout"
    assert probed.detail.startswith(f"ns9 [{NOBODY}] did not answer, ")
    said = facts(probed)
    assert [one.failure for one in said.servers] == [None, "dns.timeout", None]
    assert (said.known, said.answering, said.serials) == (3, 2, 1)


def test_a_closed_port_is_told(on_loopback: Tree) -> None:
    assert ask(check(on_loopback.port, "dead.example")).failure == "net.refused"


@pytest.mark.parametrize(
    ("zone", "detail"),
    [
        ("none.example", f"none.example. does not exist, says ns.example [{TOP}] of example."),
        ("alias.test", f"alias.test. does not exist, says ns.example [{TOP}] of test."),
        ("ns2.test", f"ns2.test. has no NS record, says ns.example [{TOP}] of test."),
        ("bare.example", "ns1.bare.example, a name server of bare.example., has no address"),
        (
            "away.example",
            "ns.gone.test, a name server of away.example., does not exist",
        ),
    ],
)
def test_a_delegation_that_leads_nowhere_is_told(on_loopback: Tree, zone: str, detail: str) -> None:
    probed = ask(check(on_loopback.port, zone))
    assert (probed.failure, probed.detail) == ("dns.delegation", detail)


def test_where_the_servers_of_the_parent_serve_the_zone_there_is_no_referral_to_compare(
    on_loopback: Tree,
) -> None:
    probed = ask(check(on_loopback.port, "below.test"))
    assert probed.error is None
    assert [(one.name, one.address) for one in facts(probed).servers] == [("ns1.below.test", TOP)]
    assert facts(probed).delegation_differs is None
    assert facts(ask(check(on_loopback.port, "test"))).delegation_differs is False


def test_the_root_itself_is_asked_where_it_is_said_to_be(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, "."))
    assert probed.error is None
    assert [one.address for one in facts(probed).servers] == [ROOT]


def test_listed_servers_are_asked_without_a_look_at_the_delegation(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, **listed(ns1=SHOP_1, ns2=SHOP_2)))
    assert probed.error is None
    assert facts(probed).delegation_differs is None
    assert set(probed.record.phases) == {"request"}


def resolving(asked: Asked) -> None:
    kind = dns.rdatatype.to_text(asked.message.question[0].rdtype)
    if not asked.message.flags & dns.flags.RD:
        asked.reply(asked.response(rcode=5))
    elif kind == "NS":
        asked.reply(asked.response("@ 60 NS ns1.shop.example.", "@ 60 NS ns2.test."))
    else:
        asked.reply(asked.response(f"@ 60 A {SHOP_1 if 'ns1' in asked.name.lower() else SHOP_2}"))


def test_a_resolver_can_find_the_servers(on_loopback: Tree) -> None:
    async def main() -> Probed:
        async with dns_server(resolving) as resolver, bench() as on:
            made = check(on_loopback.port, roots=(), resolver=resolver.endpoint)
            return await on.run(probe_authority, made, MOST)

    probed = asyncio.run(main())
    assert probed.error is None
    assert [one.address for one in facts(probed).servers] == [SHOP_1, SHOP_2]


def test_false_answers_in_the_name_of_the_resolver_are_counted(on_loopback: Tree) -> None:
    """One before each of its answers: the NS records, and an address for either server."""

    def imitated(asked: Asked) -> None:
        server.wrong_case(asked)
        resolving(asked)

    async def main() -> Probed:
        async with dns_server(imitated) as resolver, bench() as on:
            made = check(on_loopback.port, roots=(), resolver=resolver.endpoint)
            return await on.run(probe_authority, made, MOST)

    probed = asyncio.run(main())
    assert probed.error is None
    assert facts(probed).spoof_suspected == 3


@pytest.mark.parametrize(
    ("behaviour", "failure", "words"),
    [
        (server.nxdomain, "dns.delegation", "no NS records of shop.example."),
        (server.garbage, "dns.timeout", "did not answer"),
        (server.cut_off, "dns.malformed", "cannot be read"),
    ],
)
def test_a_resolver_that_does_not_know_is_told(
    on_loopback: Tree, behaviour: Behaviour, failure: str, words: str
) -> None:
    async def main() -> Probed:
        async with dns_server(behaviour) as resolver, bench() as on:
            made = check(on_loopback.port, roots=(), resolver=resolver.endpoint)
            return await on.run(probe_authority, made, 0.6 if behaviour is server.garbage else MOST)

    probed = asyncio.run(main())
    assert probed.failure == failure
    assert words in probed.detail


def test_denied_addresses_are_our_side(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, **listed(ns1=SHOP_1)), policy=Policy())
    assert isinstance(probed.error, ProbeSpoiled)
    assert probed.error.reason == "policy"


def test_no_address_is_asked_two_things_at_once(on_loopback: Tree) -> None:
    open_now = 0
    most = 0

    def slow(asked: Asked) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        asked.server.later(0.02, answered, asked)

    def answered(asked: Asked) -> None:
        nonlocal open_now
        open_now -= 1
        server.refused(asked)

    names = {f"n{n}": NOBODY for n in range(6)}
    probed = beside(slow, check(on_loopback.port, **listed(**names)))
    assert probed.failure == "dns.lame"
    assert (most, facts(probed).known) == (1, 6)


def test_a_probe_asks_two_hundred_questions_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> tuple[Probed, int]:
        async with dns_server() as good, bench() as on:

            async def prober(_: Any, io: Any, record: Record) -> None:
                inquiry = Inquiry(io, record, good.endpoint.port)
                wanted = Wanted(Server("n", good.endpoint.address), Query("a.example", "A"))
                while True:
                    await inquiry.ask([wanted] * 10)

            return await on.run(prober, None, MOST), len(good.asked)

    probed, queries = asyncio.run(main())
    assert isinstance(probed.error, ProbeFailed)
    assert queries == iterating.MAX_QUERIES


def test_of_a_delegation_to_hundreds_of_addresses_thirty_two_are_asked(on_loopback: Tree) -> None:
    asked_by_zone: list[str] = []

    def referring(asked: Asked) -> None:
        asked_by_zone.append(asked.name.lower())
        names = [f"n{n}.z.dead.example." for n in range(40)]
        response = dns.message.make_response(asked.message)
        response.authority.append(dns.rrset.from_text("z.dead.example.", 60, "IN", "NS", *names))
        for n, name in enumerate(names):
            addresses = [f"127.1.{n}.{m}" for m in range(1, 6)]
            response.additional.append(dns.rrset.from_text(name, 60, "IN", "A", *addresses))
        asked.reply(response.to_wire(max_size=8192))

    over_tcp = server.only("tcp", referring)
    probed = beside(over_tcp, check(on_loopback.port, "z.dead.example"))
    assert probed.failure == "net.refused"
    said = facts(probed)
    assert (said.known, len(said.servers), said.answering) == (16, 32, 0)
    assert len({one.name for one in said.servers}) == 16  # each name before any twice
    assert asked_by_zone == ["z.dead.example."]


def test_without_descriptors_no_server_is_to_blame() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []

    async def main() -> Probed:
        async with bench() as on:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 10, hard))
                with contextlib.suppress(OSError):
                    while True:
                        taken.append(os.dup(0))
                return await on.run(probe_authority, check(5353, **listed(ns1=SHOP_1)), MOST)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for descriptor in taken:
                    os.close(descriptor)

    probed = asyncio.run(main())
    assert isinstance(probed.error, OSError)
    assert probed.error.errno == errno.EMFILE
    assert probed.record.authority is None


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
