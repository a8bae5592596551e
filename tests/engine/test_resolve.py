"""From a host name to one address: what is asked, in which order, and what failure says."""

import asyncio
import os
import tracemalloc
from pathlib import Path

import pytest

from servers import dns as server
from servers.dns import DnsServer, dns_server
from servers.probing import Probed, bench, host_files
from vedette.checks.model import Endpoint, Family
from vedette_agent.engine.hostfiles import MAX_BYTES, HostFiles
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import ProbeSpoiled, Record
from vedette_agent.engine.run import DeadlineExceeded

Wanted = tuple[str, Family, Endpoint | None]


async def probe_name(wanted: Wanted, io: Io, record: Record) -> None:
    record.address = await io.resolve(*wanted, record)


def resolved(wanted: Wanted, files: HostFiles) -> Probed:
    async def main() -> Probed:
        async with bench(files=files) as on:
            return await on.run(probe_name, wanted)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("host", "family", "address"),
    [
        ("192.0.2.1", 4, "192.0.2.1"),
        ("2001:DB8:0:0::1", 6, "2001:db8::1"),
        ("fe80::1%lo", 6, "fe80::1%lo"),
        ("localhost", 4, "127.0.0.1"),
        ("x.LocalHost.", 6, "::1"),
        ("Web.Internal.", 4, "10.0.0.7"),
        ("alias", 4, "10.0.0.7"),
        ("web.internal", 6, "fd00::7"),
    ],
)
def test_what_the_host_knows_is_not_asked(tmp_path: Path, host: str, family: Family, address: str) -> None:
    files = host_files(tmp_path, "10.0.0.7 web.internal alias # web\nfd00::7 web.internal\n10.0.0.8 alias\n")
    probed = resolved((host, family, None), files)
    assert probed.error is None
    assert probed.record.address == address
    assert probed.record.phases == {}
    assert probed.record.resolver is None


def test_a_literal_of_the_other_family_fails(tmp_path: Path) -> None:
    probed = resolved(("192.0.2.1", 6, None), host_files(tmp_path))
    assert probed.failure == "dns.nodata"
    assert probed.detail == "192.0.2.1 is an address, and not one of IPv6"


def test_a_name_that_cannot_exist_fails_without_a_question(tmp_path: Path) -> None:
    probed = resolved(("a" * 64 + ".example", 4, None), host_files(tmp_path))
    assert probed.failure == "dns.nxdomain"


def test_without_a_name_server_the_probe_is_not_run(tmp_path: Path) -> None:
    probed = resolved(("web.example", 4, None), host_files(tmp_path))
    assert isinstance(probed.error, ProbeSpoiled)
    assert probed.error.reason == "no_resolver"


def asked_of(
    behaviour: server.Behaviour, host: str = "web.example", family: Family = 4
) -> tuple[Probed, DnsServer]:
    async def main() -> tuple[Probed, DnsServer]:
        async with dns_server(behaviour) as at, bench() as on:
            return await on.run(probe_name, (host, family, at.endpoint)), at

    return asyncio.run(main())


def test_the_given_resolver_is_asked_and_named() -> None:
    behaviour = server.records(
        "@ 60 CNAME cdn.example.", "cdn.example. 60 A 192.0.2.9", "cdn.example. 60 A 192.0.2.8"
    )
    probed, at = asked_of(behaviour)
    assert probed.record.address == "192.0.2.8"  # the first in order: stable for as long as the set is
    assert probed.record.resolver is not None
    assert probed.record.resolver.startswith("127.0.0.1:")
    assert 0 < probed.record.phases["resolve"] < probed.seconds
    assert [asked.name.lower() for asked in at.asked] == ["web.example."]


@pytest.mark.parametrize(
    ("behaviour", "failure", "text"),
    [
        (server.nodata, "dns.nodata", "NOERROR with 0 A records for web.example, from 127.0.0.1:"),
        (server.nxdomain, "dns.nxdomain", "NXDOMAIN instead of A records for web.example, from 127.0.0.1:"),
        (server.servfail, "dns.servfail", "SERVFAIL instead of A records"),
        (server.refused, "dns.refused", "REFUSED instead of A records"),
        (server.dangling, "dns.cname_dangling", "by way of gone.cdn.example.net"),
        (server.cut_off, "dns.malformed", "from 127.0.0.1:"),
    ],
)
def test_a_failed_resolution_is_a_failure_of_dns(
    behaviour: server.Behaviour, failure: str, text: str
) -> None:
    probed, _ = asked_of(behaviour)
    assert probed.failure == failure
    assert text in probed.detail
    assert probed.record.phases.keys() == {"resolve"}


def test_a_cut_answer_is_fetched_over_tcp_without_touching_the_targets_phases() -> None:
    probed, _ = asked_of(server.truncated)
    assert probed.error is None
    assert probed.record.address == "192.0.2.1"
    assert probed.record.phases.keys() == {"resolve"}
    assert probed.record.port is None


def asked_in_turn(
    directory: Path, first: server.Behaviour, second: server.Behaviour, seconds: float = 5.0
) -> tuple[Probed, list[int]]:
    """With both as the host's name servers: the outcome, and how often each was asked over UDP."""

    async def main() -> tuple[Probed, list[int]]:
        async with dns_server(first) as one, dns_server(second, "127.0.0.2", one.endpoint.port) as two:
            servers = "nameserver 127.0.0.1\nnameserver 127.0.0.2\n"
            files = host_files(directory, resolv_conf=servers, port=one.endpoint.port)
            async with bench(files=files) as on:
                probed = await on.run(probe_name, ("web.example", 4, None), seconds)
                return probed, [len(one.asked), len(two.asked)]

    return asyncio.run(main())


def test_the_first_name_server_that_answers_is_the_only_one_asked(tmp_path: Path) -> None:
    probed, asked = asked_in_turn(tmp_path, server.healthy, server.healthy)
    assert (probed.error, asked) == (None, [1, 0])


@pytest.mark.parametrize("first", [server.servfail, server.refused, server.cut_off])
def test_the_second_is_asked_when_the_first_fails(tmp_path: Path, first: server.Behaviour) -> None:
    probed, asked = asked_in_turn(tmp_path, first, server.healthy)
    assert (probed.error, asked) == (None, [1, 1])
    assert probed.record.resolver is not None
    assert probed.record.resolver.startswith("127.0.0.2:")


@pytest.mark.parametrize("first", [server.nxdomain, server.nodata])
def test_what_everybody_would_say_is_not_asked_again(tmp_path: Path, first: server.Behaviour) -> None:
    probed, asked = asked_in_turn(tmp_path, first, server.healthy)
    assert (probed.failure is not None, asked) == (True, [1, 0])


def test_a_silent_name_server_gets_its_share_of_the_time(tmp_path: Path) -> None:
    """Two servers, 0.4 s: the second is asked after 0.2 s."""
    probed, asked = asked_in_turn(tmp_path, server.silent, server.healthy, 0.4)
    assert (probed.error, asked) == (None, [1, 1])
    assert 0.2 <= probed.seconds < 0.3
    assert probed.record.phases["resolve"] >= 0.2


def test_the_deadline_ends_the_last_one(tmp_path: Path) -> None:
    probed, asked = asked_in_turn(tmp_path, server.silent, server.silent, 0.3)
    assert isinstance(probed.error, DeadlineExceeded)
    assert asked == [1, 1]
    assert probed.record.stage == "resolve"


def test_the_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    files = host_files(tmp_path, "10.0.0.1 web\n", "nameserver 192.0.2.53\n")
    assert files.address("web", 4) == "10.0.0.1"
    (tmp_path / "hosts").write_text("10.0.0.22 web\n")
    assert files.address("web", 4) == "10.0.0.22"
    servers = files.servers()
    (tmp_path / "resolv.conf").unlink()
    assert files.servers() == servers
    assert files.servers() == (Endpoint("192.0.2.53", 53),)


def test_resolv_conf_gives_three_servers_and_odd_lines_are_passed_over(tmp_path: Path) -> None:
    lines = ["; old", "search example.com", "nameserver", "nameserver nonsense", "nameserver ::1 # us"]
    lines += [f"nameserver 192.0.2.{n}" for n in range(1, 9)]
    files = host_files(tmp_path, resolv_conf="\n".join(lines))
    assert [each.address for each in files.servers()] == ["::1", "192.0.2.1", "192.0.2.2"]


def test_a_huge_hosts_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    """The line across the bound would give a wrong address if half of it were believed."""
    filler = "10.0.0.1 web\n".ljust(MAX_BYTES - 14, "#") + "\n"
    files = host_files(tmp_path, filler + "10.0.0.123 far\n10.0.0.4 beyond\n")
    assert files.address("web", 4) == "10.0.0.1"
    assert [files.address(name, 4) for name in ("f", "fa", "far", "beyond")] == [None] * 4


def test_an_endless_file_costs_no_memory(tmp_path: Path) -> None:
    files = host_files(tmp_path)
    os.truncate(tmp_path / "hosts", 64 << 20)
    tracemalloc.start()
    assert files.address("web", 4) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_the_source_address_is_the_one_that_is_bound() -> None:
    async def main() -> str:
        async with dns_server() as at, bench(source={4: "127.0.0.9"}) as on:
            await on.run(probe_name, ("web.example", 4, at.endpoint))
            return at.asked[0].client[0]

    assert asyncio.run(main()) == "127.0.0.9"
