"""The result and the evidence of a probe are the same whether it began without a coroutine or with one."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from servers import dns as server
from servers.dns import Behaviour, dns_server
from servers.probing import Bench, bench, host_files
from vedette.checks.model import Check, DnsCheck, DnsExpect, IcmpCheck
from vedette.wire.messages import Result
from vedette_agent.engine import run, stamps
from vedette_agent.engine.icmp import permission_problem
from vedette_agent.engine.record import Record
from vedette_agent.runner import Runner

COMMON: dict[str, Any] = {"name": "t", "target": "t", "interval": 30.0, "timeout": 5.0}
Event = tuple[str, bytes | str]
Befalls = Callable[[Bench], None]


class Ended(NamedTuple):
    result: Result
    events: list[Event]  # of the evidence, with what is drawn for each probe left out

    def plain(self) -> "Ended":
        """Without what differs from one probe to the next, and the clock: it has a test of its own."""
        told = self.result
        assert told.started_us > 0
        assert told.duration_us is None or told.duration_us > 0
        if told.outcome == "ok":
            assert told.duration_us == sum(told.phases_us.values())
        bare = replace(
            told,
            started_us=0,
            duration_us=None if told.duration_us is None else 1,
            phases_us=dict.fromkeys(told.phases_us, 1),
            clock="monotonic",
        )
        return Ended(bare, self.events)


def events_of(record: Record) -> list[Event]:
    times = [at for at, _, _ in record.notes]
    assert times == sorted(times)
    return [
        (event, what[2:].lower() if isinstance(what, bytes) and event.startswith("dns.") else what)
        for _, event, what in record.notes
    ]


class Twice:
    """One check on a real runner: as a shot, and by its prober from the start."""

    def __init__(self, on: Bench, check: Check) -> None:
        self._on = on
        self._told: asyncio.Queue[Result] = asyncio.Queue()
        self._events: list[Event] = []
        self._runner = Runner("a", on.engine, on.io, self._told.put_nowait, lambda _: None, self._explain)
        self._runner.assign([check])
        self._job = self._runner._jobs[check.name]
        assert self._job.shot is not None
        self._shot = self._job.shot

    def _explain(self, _: Check, said: Result, record: Record, started: float) -> bool:
        self._events = events_of(record)
        assert all(started <= at for at, _, _ in record.notes)
        return False  # so that the next one is offered as well

    async def shoot(self) -> Ended:
        self._job.shot = self._shot
        return await self._ended()

    async def probe(self) -> Ended:
        self._job.shot = None
        return await self._ended()

    async def _ended(self) -> Ended:
        self._events = []
        self._job.facts = None
        self._runner._probe(self._job)
        ended = Ended(await self._told.get(), [])
        await asyncio.sleep(0)
        return ended._replace(events=self._events)


def dns_check(at: server.DnsServer, **said: Any) -> DnsCheck:
    return DnsCheck(**{"query_name": "a.example", "server": at.endpoint, **COMMON, **said})


def nothing(_: Bench) -> None:
    """All is well with the agent."""


def stall(on: Bench) -> None:
    """The loop was late by a second while the probe ran."""
    on.engine.stalled += 1.0


def suspension(on: Bench) -> None:
    """The host has slept a minute since the engine looked last, whenever it looks."""
    on.engine._seconds_asleep = lambda: on.engine._asleep + 60.0


SAID: dict[str, tuple[Behaviour, dict[str, Any]]] = {
    "healthy": (server.healthy, {}),
    "healthy as expected": (server.healthy, {"expect": DnsExpect(exact=("192.0.2.1",))}),
    "not as expected": (server.healthy, {"expect": DnsExpect(exact=("192.0.2.9",))}),
    "no data": (server.nodata, {}),
    "NXDOMAIN": (server.nxdomain, {}),
    "refused": (server.refused, {}),
    "dangling": (server.dangling, {}),
    "truncated": (server.truncated, {}),
    "cut off": (server.cut_off, {}),
    "pointer loop": (server.pointer_loop, {}),
    "oversized": (server.oversized, {}),
    "silent": (server.silent, {"timeout": 0.4}),
    "wrong case": (server.wrong_case, {"timeout": 0.4}),
    "a false answer, then the true one": (server.after(server.wrong_question, server.healthy), {}),
    "a false answer, then NXDOMAIN": (server.after(server.wrong_question, server.nxdomain), {}),
}


@pytest.fixture
def never_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine stalls the loop; here only what a test says counts as a stall."""
    monkeypatch.setattr(run, "LAG", 3600.0)


@pytest.mark.parametrize("befalls", [nothing, stall], ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", SAID)
def test_dns(name: str, befalls: Befalls, never_late: None) -> None:
    """The first shot, one that goes again, and the prober; a stall comes with the query."""
    behaviour, said = SAID[name]

    async def main() -> list[Ended]:
        def behave(asked: server.Asked) -> None:
            if asked.transport == "udp":
                befalls(on)
            behaviour(asked)

        async with dns_server(behave) as at, bench() as on:
            both = Twice(on, dns_check(at, **said))
            return [await both.shoot(), await both.shoot(), await both.probe()]

    first, again, wanted = (each.plain() for each in asyncio.run(main()))
    assert first == wanted
    assert again == wanted
    if befalls is stall:
        assert wanted.result.lag_us == 1_000_000
        assert wanted.result.outcome == "not_run" or "timeout" not in said


def test_a_suspended_host_blames_no_server(never_late: None) -> None:
    async def main() -> list[Ended]:
        async with dns_server(server.silent) as at, bench() as on:
            both = Twice(on, dns_check(at))
            ended = []
            for probe in (both.shoot, both.probe):
                on.loop.call_soon(suspension, on)
                ended.append((await probe()).plain())
            return ended

    shot, wanted = asyncio.run(main())
    assert shot == wanted
    assert wanted.result.reason == "suspended"


def unstamped(on: Bench) -> None:
    """From here on the kernel stamps nothing on these sockets."""
    shared = [each.sock for each in on.io.udp._slots[4] if each is not None]
    for sock in [*shared, *(each.sock for each in on.io.icmp._sockets.values())]:
        sock.setsockopt(socket.SOL_SOCKET, stamps.SO_TIMESTAMPING, 0)


@pytest.mark.parametrize("kind", ["dns", "icmp"])
def test_both_say_whose_clock_it_was(kind: str) -> None:
    """Both "kernel" if it stamps both ways (on a busy machine not at once), else both "monotonic"."""
    if kind == "icmp" and permission_problem([4]) is not None:
        pytest.skip("no ICMP socket for this user")

    async def main() -> tuple[list[str], list[str]]:
        async with dns_server() as at, bench() as on:
            check = dns_check(at) if kind == "dns" else IcmpCheck(host="127.0.0.1", **COMMON)
            both = Twice(on, check)
            for _ in range(20):
                stamped: list[str] = [(await probe()).result.clock for probe in (both.shoot, both.probe)]
                if stamped == ["kernel", "kernel"]:
                    break
            for _ in range(4):  # of the sockets that are used in turn
                await both.shoot()
            unstamped(on)
            return stamped, [(await probe()).result.clock for probe in (both.shoot, both.probe)]

    assert asyncio.run(main()) == (["kernel", "kernel"], ["monotonic", "monotonic"])


@pytest.mark.skipif(permission_problem([4]) is not None, reason="no ICMP socket for this user")
@pytest.mark.parametrize("befalls", [nothing, stall], ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    "said", [{}, {"max_rtt": 0.0}, {"max_median": 0.0}, {"max_rtt": 4.0, "max_deviation": 0.0}], ids=str
)
def test_icmp(said: dict[str, Any], befalls: Befalls, never_late: None) -> None:
    async def main() -> list[Ended]:
        async with bench() as on:
            both = Twice(on, IcmpCheck(host="127.0.0.1", **COMMON, **said))
            ended = []
            for probe in (both.shoot, both.shoot, both.probe):
                on.loop.call_soon(befalls, on)
                ended.append(await probe())
            return ended

    first, again, wanted = (each.plain() for each in asyncio.run(main()))
    if wanted.result.detail is not None:  # the time that it took is in it
        details = [each.result.detail for each in (first, again, wanted)]
        assert all(each is not None and each.endswith("0 ms allowed") for each in details)
        first, again, wanted = (
            each._replace(result=replace(each.result, detail=None)) for each in (first, again, wanted)
        )
    assert first == wanted
    assert again == wanted


def test_the_server_that_was_asked_is_named(tmp_path: Path) -> None:
    """The host's own may be another one by the time that the answer comes."""

    async def main() -> tuple[Ended, str]:
        def behave(asked: server.Asked) -> None:
            (tmp_path / "resolv.conf").write_text("nameserver 192.0.2.53  # another one\n")
            server.nxdomain(asked)

        async with dns_server(behave) as at:
            files = host_files(tmp_path, "", f"nameserver {at.endpoint.address}\n", at.endpoint.port)
            async with bench(files=files) as on:
                return await Twice(on, dns_check(at, server=None)).shoot(), str(at.endpoint)

    ended, asked = asyncio.run(main())
    assert ended.result.reason == "dns.nxdomain"
    assert ended.result.facts is not None
    assert ended.result.facts.resolver == asked
