"""ICMP echo on this host's loopback, and against packets that only look like the reply.

Where the kernel gives this user no ICMP socket, what is tested is that it says so.
"""

import asyncio
import os
import shutil
import subprocess
from typing import Any

import pytest

from servers.icmp_namespace import in_namespace
from servers.probing import Probed, bench
from vedette.checks.model import Family, IcmpCheck
from vedette_agent.engine.icmp import checksum, permission_problem
from vedette_agent.probers.icmp import probe_icmp

needs_icmp = pytest.mark.skipif(permission_problem([4]) is not None, reason="no ICMP socket for this user")
needs_ipv6 = pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 on this host")


def icmp_check(host: str, family: Family = 4, payload_bytes: int = 56) -> IcmpCheck:
    return IcmpCheck(
        name="t", target=host, interval=30, timeout=5, host=host, family=family, payload_bytes=payload_bytes
    )


def ping(host: str, seconds: float = 5.0, source: dict[Family, str] | None = None, **check: Any) -> Probed:
    async def main() -> Probed:
        async with bench(source) as on:
            return await on.run(probe_icmp, icmp_check(host, **check), seconds)

    return asyncio.run(main())


@needs_icmp
@pytest.mark.parametrize("payload_bytes", [0, 3, 56, 1400])
def test_loopback_answers(payload_bytes: int) -> None:
    probed = ping("127.0.0.1", payload_bytes=payload_bytes)
    assert probed.failure is None
    assert 0 < probed.record.phases["rtt"] < probed.seconds
    facts = probed.record.icmp
    assert facts is not None
    assert (facts.sent, facts.received, facts.hop_limit) == (1, 1, 64)


@needs_icmp
@needs_ipv6
def test_loopback_answers_over_ipv6() -> None:
    probed = ping("::1", family=6)
    assert probed.failure is None
    assert probed.record.icmp is not None
    assert probed.record.icmp.hop_limit == 64


@needs_icmp
def test_the_kernel_times_the_echo_once_it_is_warm() -> None:
    """The kernel begins to stamp a moment after it is asked to, later on a busy machine."""

    async def main() -> set[str]:
        clocks: set[str] = set()
        async with bench() as on, asyncio.timeout(30):
            while "kernel" not in clocks:
                clocks.add((await on.run(probe_icmp, icmp_check("127.0.0.1"))).record.clock)
                await asyncio.sleep(0.01)
        return clocks

    assert "kernel" in asyncio.run(main())


@needs_icmp
def test_many_echoes_share_one_socket() -> None:
    async def main() -> tuple[int, list[Probed]]:
        async with bench() as on:
            before = len(os.listdir("/proc/self/fd"))
            pings = [on.run(probe_icmp, icmp_check(f"127.0.0.{n}")) for n in range(1, 101)]
            probed = await asyncio.gather(*pings)
            return len(os.listdir("/proc/self/fd")) - before, probed

    opened, probed = asyncio.run(main())
    assert opened == 1
    assert all(each.failure is None for each in probed)
    assert [each.record.address for each in probed] == [f"127.0.0.{n}" for n in range(1, 101)]


@needs_icmp
def test_the_source_address_is_the_one_that_is_bound() -> None:
    assert ping("127.0.0.1", source={4: "127.0.0.9"}).failure is None


FALSE = ("ident", "sequence", "code", "token", "source", "stub", "silence")
FALSE_ERRORS = ("error ident", "error sequence", "error kind", "error token", "error address", "error stub")
CASES = [
    f"{kind} {wrong}"
    for kind in ("raw", "datagram")
    for wrong in ("nothing", *FALSE, "error nothing", *FALSE_ERRORS)
]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "--net", "true"], check=False).returncode
    ):
        pytest.skip("no network namespace can be made here")
    return in_namespace([*CASES, "denied"])  # the last: there is no way back from it


@pytest.mark.parametrize("kind", ["raw", "datagram"])
def test_a_reply_settles_an_echo_only_if_all_of_it_matches(outcomes: dict[str, str], kind: str) -> None:
    """The host itself is mute; a forged reply counts if, and only if, nothing is wrong with it."""
    assert outcomes[f"{kind} nothing"] == "None"
    for wrong in FALSE:
        assert outcomes[f"{kind} {wrong}"] == "DeadlineExceeded()", wrong


@pytest.mark.parametrize("kind", ["raw", "datagram"])
def test_an_error_is_about_an_echo_only_if_all_that_it_quotes_matches(
    outcomes: dict[str, str], kind: str
) -> None:
    assert "ProbeFailed(" in outcomes[f"{kind} error nothing"]
    for wrong in FALSE_ERRORS:
        assert outcomes[f"{kind} {wrong}"] == "DeadlineExceeded()", wrong


def test_a_denied_socket_is_not_run_and_both_fixes_are_told(outcomes: dict[str, str]) -> None:
    at_start, _, of_the_probe = outcomes["denied"].partition("ProbeSpoiled")
    assert at_start.startswith("None icmp checks cannot run: ")  # with privileges there is no problem
    for text in (at_start, of_the_probe):
        assert "net.ipv4.ping_group_range='0 2147483647'" in text
        assert "AmbientCapabilities=CAP_NET_RAW" in text
    assert "no_permission" in of_the_probe


def test_the_checksum_is_that_of_rfc_1071() -> None:
    """A message with its own checksum in it sums up to zero; odd lengths are padded."""
    for size in (8, 9, 64, 1401):
        message = os.urandom(2) + bytes(2) + os.urandom(size - 4)
        whole = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
        assert checksum(whole) == 0
