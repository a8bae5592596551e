"""No probe sends to a denied address: not for a URL, a redirect, a name that changes its mind, a resolver."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from servers import dns as server
from servers.dns import Asked, DnsServer, dns_server
from servers.http import Site, answer
from servers.probing import Probed, bench, host_files
from servers.tcp import TcpServer
from vedette.checks.model import Check, DnsCheck, HttpCheck, TcpCheck
from vedette.checks.model.http import HttpProxy
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled
from vedette_agent.probers.run import prober

PROGRAM = Path(__file__).with_name("probing_denied.py")
URLS = 100_000
ALLOWED, DENIED = "127.0.0.1", "127.0.0.2"
POLICY = Policy([ip_network(ALLOWED)])
NAME = "shop.example"


def tried(*arguments: str) -> dict[str, Any]:
    """What the interpreter's own socket module saw of the program's probes."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_100000_urls_in_every_spelling_reach_nothing() -> None:
    """Half of them by redirect; with them every other kind of check, to both ends of each denied network."""
    found = tried(str(URLS))
    assert (found["reached"], found["first"], found["waited"]) == (0, [], [])
    assert set(found["others"]) == {"not_run policy"}
    assert found["others"]["not_run policy"] >= 400
    # What is no host is not even asked about; digits of other scripts are names, and lead nowhere here.
    assert set(found["web"]) == {
        "not_run policy", "not_run no_resolver", "not followed", "fail http.protocol"
    }  # fmt: skip
    assert found["web"]["not_run policy"] >= URLS // 3
    assert sum(found["web"].values()) == URLS


def test_without_a_policy_the_same_targets_are_tried() -> None:
    """The hook sees what goes out: every probe that the policy ends above gets as far as the socket here."""
    found = tried("2000", "anywhere")
    assert set(found["others"]) == {"not_run no_permission"}
    assert found["reached"] >= found["web"]["not_run no_permission"] + 400


@contextmanager
def unvisited(address: str, port: int) -> Iterator[None]:
    """Listens there, and nobody comes."""
    with socket.create_server((address, port)) as listener:
        yield
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def probed(*checks: Check, policy: Policy = POLICY, tmp: Path) -> list[Probed]:
    """Each of *checks* in turn, on a host without a name server."""

    async def main() -> list[Probed]:
        files = host_files(tmp)
        async with bench(files=files, policy=policy) as on:
            return [await on.run(prober, check) for check in checks]

    return asyncio.run(main())


def denial(one: Probed) -> str:
    assert isinstance(one.error, ProbeSpoiled), repr(one.error)
    assert one.error.reason == "policy"
    return one.error.detail


def http(url: str, **more: Any) -> HttpCheck:
    return HttpCheck(name="web", target=url, interval=60.0, timeout=5.0, url=url, **more)


def tcp(host: str, port: int, **more: Any) -> TcpCheck:
    return TcpCheck(name="tcp", target=host, interval=60.0, timeout=5.0, host=host, port=port, **more)


def dns(**more: Any) -> DnsCheck:
    return DnsCheck(name="dns", target=NAME, interval=60.0, timeout=5.0, query_name=NAME, **more)


@pytest.mark.parametrize(
    "host",
    [DENIED, f"u:p@{DENIED}", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[::1]",
     "[64:ff9b::127.0.0.2]", "[2002:7f00:2::]"],
)  # fmt: skip
def test_a_redirect_does_not_lead_there(tmp_path: Path, host: str) -> None:
    """The first hop is allowed and answers; the hop to the denied address is not made."""
    site = Site({})
    with TcpServer(site) as target, unvisited(DENIED, target.port):
        site.pages["/"] = answer("302 Found", b"", f"Location: http://{host}:{target.port}/")
        family = 6 if "[" in host else 4
        first = http(f"http://{NAME}:{target.port}/", address=ALLOWED, family=family)
        (one,) = probed(first, tmp=tmp_path)
    assert " is denied: " in denial(one)
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "host",
    ["127.2", "2130706434", "0x7f000002", "0177.0.0.2", "127.0.0.2.", "127%2e0%2e0%2e2", "127。0。0。2",
     "\uff11\uff12\uff17.0.0.2", "[::1%25lo]", "127.0.0.2%00", "[127.0.0.2]"],
)  # fmt: skip
def test_a_redirect_in_an_odd_spelling_leads_nowhere(tmp_path: Path, host: str) -> None:
    """Also where the address itself is allowed: a spelling that programs read differently is no host."""
    site = Site({})
    with TcpServer(site) as target, unvisited(DENIED, target.port):
        location = f"Location: http://{host}:{target.port}/"
        site.pages["/"] = "\r\n".join(["HTTP/1.1 302 Found", location, "Content-Length: 0", "", ""]).encode()
        (one,) = probed(
            http(f"http://{ALLOWED}:{target.port}/"), policy=Policy([ip_network("127.0.0.0/8")]), tmp=tmp_path
        )
    assert isinstance(one.error, ProbeFailed)
    assert one.failure == "http.redirects"
    assert "leads nowhere" in one.detail
    assert len(site.requests) == 1


def first_then(first: str, second: str) -> server.Behaviour:
    """The name is at *first* when it is asked for, and at *second* from then on."""
    answers = iter([first])

    def behave(asked: Asked) -> None:
        asked.reply(asked.response(f"@ 0 A {next(answers, second)}"))

    return behave


def with_dns(behaviour: server.Behaviour, *checks: Check, tmp: Path) -> tuple[list[Probed], DnsServer]:
    """Each of *checks* in turn, on a host whose name server behaves so; it is at a denied address itself."""

    async def main() -> tuple[list[Probed], DnsServer]:
        async with dns_server(behaviour, "127.0.0.3") as names:
            files = host_files(tmp, resolv_conf="nameserver 127.0.0.3\n", port=names.endpoint.port)
            async with bench(files=files, policy=POLICY) as on:
                return [await on.run(prober, check) for check in checks], names

    return asyncio.run(main())


def test_a_name_that_changes_its_mind_gains_nothing(tmp_path: Path) -> None:
    """Rebinding: the second answer is judged when it is connected to, whatever the first one was."""
    with TcpServer(Site({"/": answer()})) as target, unvisited(DENIED, target.port):
        check = http(f"http://{NAME}:{target.port}/")
        (good, bad, again), names = with_dns(first_then(ALLOWED, DENIED), check, check, check, tmp=tmp_path)
    assert good.error is None
    assert denial(bad) == denial(again)
    assert denial(bad).startswith("127.0.0.2 is denied: loopback")
    assert (bad.record.address, bad.record.port) == (DENIED, target.port)
    assert len(names.asked) == 3


def test_a_name_that_changes_its_mind_between_two_hops(tmp_path: Path) -> None:
    """The page redirects to another of its own; by then its name is elsewhere."""
    site = Site({})
    with TcpServer(site) as target, unvisited(DENIED, target.port):
        url = f"http://{NAME}:{target.port}/"
        site.pages["/"] = answer("302 Found", b"", f"Location: {url}moved")
        (one,), names = with_dns(first_then(ALLOWED, DENIED), http(url), tmp=tmp_path)
    assert denial(one).startswith("127.0.0.2 is denied: loopback")
    assert (len(site.requests), len(names.asked)) == (1, 2)


@pytest.mark.parametrize("behaviour", [server.healthy, server.truncated], ids=["udp", "tcp"])
def test_the_name_server_of_the_host_is_asked_and_nothing_else_there(
    tmp_path: Path, behaviour: server.Behaviour
) -> None:
    """Its operator chose it. As a target, or as the resolver of a check, it is an address like others."""

    async def main() -> tuple[list[Probed], int, int]:
        async with dns_server(behaviour, "127.0.0.3") as names:
            there = names.endpoint
            files = host_files(tmp_path, resolv_conf="nameserver 127.0.0.3\n", port=there.port)
            async with bench(files=files, policy=POLICY) as on:
                own = [await on.run(prober, check) for check in (dns(), tcp(NAME, 9), dns(transport="tcp"))]
                asked = len(names.asked)
                others = (
                    dns(server=there),
                    dns(server=there, transport="tcp"),
                    tcp(NAME, 9, resolver=there),
                    tcp("127.0.0.3", there.port),
                )
                return [*own, *[await on.run(prober, check) for check in others]], asked, len(names.asked)

    (one, two, three, *others), asked, in_all = asyncio.run(main())
    assert (one.error, three.error) == (None, None)
    assert denial(two).startswith(
        "192.0.2.1 is denied: documentation"
    )  # its answer is no excuse for a target
    assert (asked, in_all) == (asked, asked)
    assert asked >= 3
    assert {denial(other).partition(" is ")[0] for other in others} == {"127.0.0.3"}


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:10.0.0.1]", "[fd00:ec2::254]"])
def test_a_redirect_to_a_denied_address_is_not_handed_on_to_a_proxy(tmp_path: Path, host: str) -> None:
    """The proxy is the operator's and may reach what the agent may not; where to go is the target's wish."""
    away = answer("302 Found", b"", f"Location: http://{host}/latest/meta-data/")
    proxy = Site({"http://shop.example/": away})
    with TcpServer(proxy) as listening:
        by = HttpProxy(host=ALLOWED, port=listening.port)
        (one,) = probed(http("http://shop.example/", proxy=by), tmp=tmp_path)
    assert "is denied" in denial(one)
    assert len(proxy.requests) == 1
