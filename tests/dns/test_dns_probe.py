"""The DNS prober against a server that misbehaves."""

import asyncio
from pathlib import Path
from typing import Any

import dns.flags
import pytest

from servers import dns as server
from servers.dns import Behaviour, dns_server, refusing
from servers.probing import Probed, bench, host_files
from vedette.checks.model import DnsCheck, DnsExpect
from vedette_agent.engine.record import ProbeSpoiled
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.probers.dns import probe_dns

NAME = "api.example.com"


def probe(
    behaviour: Behaviour, seconds: float = 5.0, expect: dict[str, Any] | None = None, **check: Any
) -> Probed:
    """One probe of a server that behaves so."""

    async def main() -> Probed:
        async with dns_server(behaviour) as at, bench() as on:
            return await on.run(probe_dns, dns_check(server=at.endpoint, expect=expect, **check), seconds)

    return asyncio.run(main())


def dns_check(expect: dict[str, Any] | None = None, **check: Any) -> DnsCheck:
    what = {"name": "t", "target": NAME, "interval": 30.0, "timeout": 5.0, "query_name": NAME, **check}
    return DnsCheck(expect=DnsExpect(**(expect or {})), **what)


def test_a_healthy_answer_is_timed_and_kept() -> None:
    probed = probe(server.records("@ 300 CNAME x.cdn.example.net.", "x.cdn.example.net. 60 A 192.0.2.7"))
    assert probed.failure is None
    facts = probed.record.dns
    assert facts is not None
    assert (facts.rcode, facts.answers, facts.cname_chain) == (
        "NOERROR",
        ["192.0.2.7"],
        ["x.cdn.example.net"],
    )
    assert (facts.ttl_seconds, facts.answer_rrs, facts.spoof_suspected) == (60, 2, 0)
    assert 0 < probed.record.phases["request"] < probed.seconds
    assert probed.record.resolver == f"127.0.0.1:{probed.record.port}"


@pytest.mark.parametrize(
    ("behaviour", "failure", "detail"),
    [
        (server.nodata, "dns.nodata", "NOERROR with 0 A records for api.example.com; expected at least 1"),
        (server.nxdomain, "dns.nxdomain", "NXDOMAIN for api.example.com A; expected NOERROR"),
        (server.servfail, "dns.servfail", "SERVFAIL for api.example.com A; expected NOERROR"),
        (server.refused, "dns.refused", "REFUSED for api.example.com A; expected NOERROR"),
        (server.rcode(4), "dns.rcode", "NOTIMP for api.example.com A; expected NOERROR"),
        (
            server.dangling,
            "dns.cname_dangling",
            "NOERROR with 0 A records for api.example.com; expected at least 1, "
            "by way of gone.cdn.example.net",
        ),
        (server.cut_off, "dns.malformed", None),
        (server.pointer_loop, "dns.malformed", None),
    ],
)
def test_each_wrong_answer_has_its_name(behaviour: Behaviour, failure: str, detail: str | None) -> None:
    probed = probe(behaviour)
    assert probed.failure == failure
    assert detail is None or probed.detail == detail


def test_checks_that_ask_the_same_are_each_held_to_what_they_expect() -> None:
    """The server repeats itself, and what was made of its answer is remembered: with what it was held to."""
    expectations: list[dict[str, Any]] = [{}, {"exact": ("192.0.2.9",)}, {}, {"max_ttl": 10}, {"max_ttl": 10}]

    async def main() -> list[str | None]:
        async with dns_server(server.records("@ 60 A 192.0.2.7")) as at, bench() as on:
            checks = [dns_check(server=at.endpoint, expect=expect) for expect in expectations]
            return [(await on.run(probe_dns, check, 5.0)).failure for check in checks]

    wrong = "dns.wrong_answer"
    assert asyncio.run(main()) == [None, wrong, None, wrong, wrong]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_silent_server_is_a_timeout_at_the_deadline(transport: str) -> None:
    probed = probe(server.silent, seconds=0.2, transport=transport)
    assert isinstance(probed.error, DeadlineExceeded)
    assert probed.record.stage == "dns"
    assert 0.2 <= probed.seconds < 0.3


FALSE_ANSWERS = [
    (server.wrong_id, 1),
    (server.wrong_question, 1),
    (server.wrong_case, 1),
    (server.wrong_port, 1),
    (server.own_question, 1),
    (server.garbage, 2),
    (server.empty, 1),
]


@pytest.mark.parametrize(("behaviour", "count"), FALSE_ANSWERS)
def test_the_true_answer_counts_and_false_ones_before_it_are_counted(
    behaviour: Behaviour, count: int
) -> None:
    probed = probe(server.after(behaviour, server.late(0.05)))
    assert probed.failure is None
    assert probed.record.dns is not None
    assert probed.record.dns.answers == ["192.0.2.1"]
    assert probed.record.dns.spoof_suspected == count


@pytest.mark.parametrize(("behaviour", "count"), FALSE_ANSWERS)
def test_a_false_answer_alone_is_a_timeout_that_tells_of_it(behaviour: Behaviour, count: int) -> None:
    probed = probe(behaviour, seconds=0.2)
    assert isinstance(probed.error, DeadlineExceeded)
    assert probed.record.dns is not None
    assert probed.record.dns.rcode is None
    assert probed.record.dns.spoof_suspected == count
    assert f"{count} false answers came" in probed.error.__notes__[0]


def test_a_server_that_changes_the_case_is_named_for_it() -> None:
    probed = probe(server.wrong_case, seconds=0.2)
    assert probed.error is not None
    assert probed.error.__notes__[0].endswith("does not repeat the letter case of the question")


def test_a_refusal_without_the_question_is_told_of() -> None:
    """Anybody could send it: over UDP it ends nothing."""
    probed = probe(server.bare, seconds=0.2)
    assert probed.error is not None
    assert probed.error.__notes__[0].endswith("says FORMERR without the question")


def test_an_answer_larger_than_what_is_read_is_malformed() -> None:
    assert probe(server.oversized).failure == "dns.malformed"


def test_a_cut_answer_is_fetched_over_tcp() -> None:
    probed = probe(server.truncated)
    assert probed.failure is None
    assert probed.record.dns is not None
    assert (probed.record.dns.transport, probed.record.dns.answers) == ("tcp", ["192.0.2.1"])
    assert probed.record.phases.keys() == {"connect", "request"}


def hang_up(asked: server.Asked) -> None:
    asked.hang_up()


def half(asked: server.Asked) -> None:
    wire = asked.response(server.GOOD)
    asked.say(len(wire).to_bytes(2, "big") + wire[:-1])
    asked.hang_up()


def too_much(asked: server.Asked) -> None:
    wire = asked.response(server.GOOD)
    asked.say(len(wire).to_bytes(2, "big") + wire + b"and more")


UNFIT = [hang_up, half, too_much, server.wrong_id, server.wrong_case, server.wrong_question]


@pytest.mark.parametrize("on_tcp", UNFIT)
def test_a_cut_answer_that_tcp_does_not_complete_is_truncated(on_tcp: Behaviour) -> None:
    probed = probe(server.only("tcp", on_tcp))
    assert probed.failure == "dns.truncated"
    assert probed.record.dns is not None
    assert probed.record.dns.rcode == "NOERROR"


@pytest.mark.parametrize("on_tcp", UNFIT)
def test_an_unfit_answer_over_tcp_is_malformed(on_tcp: Behaviour) -> None:
    assert probe(on_tcp, transport="tcp").failure == "dns.malformed"


def in_pieces(asked: server.Asked) -> None:
    wire = asked.response(server.GOOD)
    whole = len(wire).to_bytes(2, "big") + wire
    for n, at in enumerate(range(0, len(whole), 10)):
        asked.server.later(0.005 * n, lambda _, piece=whole[at : at + 10]: asked.say(piece), asked)


def test_an_answer_over_tcp_may_come_in_pieces() -> None:
    assert probe(in_pieces, transport="tcp").failure is None


def test_a_cut_answer_is_truncated_when_tcp_is_refused() -> None:
    async def main() -> Probed:
        async with dns_server(server.truncated) as at, bench() as on:
            await at.close_tcp()
            return await on.run(probe_dns, dns_check(server=at.endpoint))

    probed = asyncio.run(main())
    assert probed.failure == "dns.truncated"
    assert "over TCP" in probed.detail


def test_a_cut_answer_is_truncated_when_tcp_is_silent() -> None:
    probed = probe(server.only("tcp", server.silent), seconds=0.2)
    assert isinstance(probed.error, DeadlineExceeded)
    assert probed.error.failure == "dns.truncated"


def test_tcp_from_the_start_sends_nothing_over_udp() -> None:
    async def main() -> tuple[Probed, list[str]]:
        async with dns_server() as at, bench() as on:
            probed = await on.run(probe_dns, dns_check(server=at.endpoint, transport="tcp"))
            return probed, [asked.transport for asked in at.asked]

    probed, transports = asyncio.run(main())
    assert probed.failure is None
    assert transports == ["tcp"]


@pytest.mark.parametrize(
    ("behaviour", "rdtype", "failure"),
    [
        (server.pointer_bomb, "A", "dns.malformed"),
        (server.spelled_out_bomb, "A", "dns.malformed"),
        (server.label_bomb, "A", "dns.malformed"),
        (server.text_bomb, "MX", None),
    ],
)
def test_a_bomb_has_a_verdict(behaviour: Behaviour, rdtype: str, failure: str | None) -> None:
    async def main() -> Probed:
        async with dns_server(behaviour) as at, bench() as on:
            check = dns_check(server=at.endpoint, transport="tcp", rdtype=rdtype)
            return await on.run(probe_dns, check)

    assert asyncio.run(main()).failure == failure


def test_facts_are_bounded_and_their_hash_is_not() -> None:
    """33 texts of 600 characters: 32 of 512 are kept, and the hash tells what was left out."""

    def texts(last: str) -> Behaviour:
        lines = [f'@ 60 TXT "{n:03}" "{"x" * 250}" "{"y" * 250}" "{"z" * 97}"' for n in range(32)]
        return server.only("tcp", server.records(*lines, f'@ 60 TXT "{last}"'))

    one, two = (probe(texts(last), rdtype="TXT").record.dns for last in ("999", "998"))
    assert one is not None
    assert two is not None
    assert len(one.answers) == 32
    assert {len(text) for text in one.answers} == {512}
    assert one.answers == two.answers
    assert one.answer_hash != two.answer_hash


def test_without_a_server_the_hosts_first_of_the_family_is_asked(tmp_path: Path) -> None:
    async def main() -> list[Probed]:
        async with dns_server() as at:
            lines = "nameserver ::1\nnameserver 127.0.0.1\nnameserver 127.0.0.2\n"
            async with bench(files=host_files(tmp_path, "", lines, at.endpoint.port)) as on:
                checks = [dns_check(), dns_check(family=6)]
                return [await on.run(probe_dns, check) for check in checks]

    v4, v6 = asyncio.run(main())
    assert v4.failure is None
    assert v4.record.resolver == f"127.0.0.1:{v4.record.port}"
    assert v6.record.resolver == f"[::1]:{v4.record.port}"


def test_without_a_name_server_the_probe_is_not_run(tmp_path: Path) -> None:
    async def main() -> Probed:
        async with bench(files=host_files(tmp_path)) as on:
            return await on.run(probe_dns, dns_check())

    probed = asyncio.run(main())
    assert isinstance(probed.error, ProbeSpoiled)
    assert probed.error.reason == "no_resolver"


def test_a_closed_port_is_refused_for_that_query_alone() -> None:
    """Two queries share one socket pool; the ICMP error ends the one that it quotes."""

    async def main() -> tuple[Probed, Probed]:
        with refusing() as nowhere:
            async with dns_server(server.late(0.1)) as at, bench() as on:
                checks = [dns_check(server=at.endpoint), dns_check(server=nowhere)]
                good, bad = await asyncio.gather(*(on.run(probe_dns, check) for check in checks))
                return good, bad

    good, bad = asyncio.run(main())
    assert good.failure is None
    assert bad.failure == "net.refused"
    assert bad.seconds < 0.1


def test_what_the_check_asks_is_what_is_sent() -> None:
    async def main() -> list[server.Asked]:
        async with dns_server() as at, bench() as on:
            for _ in range(20):
                await on.run(probe_dns, dns_check(server=at.endpoint, recursion_desired=False))
            return at.asked

    asked = asyncio.run(main())
    assert not any(each.message.flags & dns.flags.RD for each in asked)
    assert {each.message.payload for each in asked} == {1232}
    assert {each.name.lower() for each in asked} == {"api.example.com."}
    assert len({each.name for each in asked}) > 10
    assert len({each.message.id for each in asked}) > 10
