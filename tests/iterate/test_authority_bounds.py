"""What one authority probe may cost others and needs of its own host."""

import asyncio
import contextlib
import errno
import os
import resource
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from iterate.authority_helpers import MOST, ask, beside, check, facts, listed
from iterate.tree_helpers import NOBODY, SHOP_1, Tree
from servers import dns as server
from servers.dns import Asked, dns_server
from servers.probing import Probed, bench
from vedette_agent.dns.iterate.walk import Server
from vedette_agent.dns.query import Query
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.probers import iterating
from vedette_agent.probers.authority import probe_authority
from vedette_agent.probers.iterating import Inquiry, Wanted


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
