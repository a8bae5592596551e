"""An agent on a host whose clock is wrong: it reaches its broker, and blames no target."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.agent_process import agent
from servers.certificates import issued, serving
from servers.daemon import free_port
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tcp import TcpServer
from servers.tiny_collector import TinyCollector
from servers.tls import tls
from vedette.timefloor import SLACK, TimeFloor
from vedette_agent.wallclock import AGREED_US, DOUBTED_US, WallClock

DAY = 86400.0
NOW = 2_000_000_000.0


def clock(path: Path | None, offset_us: int | None = 0, now: float = NOW) -> tuple[WallClock, TimeFloor]:
    floor = TimeFloor(lambda: now)
    return WallClock(floor, path, lambda: offset_us, lambda: now), floor


def saved(made: WallClock) -> bool:
    thread = made.save()
    if thread is None:
        return False
    thread.join(10.0)
    return True


def test_a_time_that_the_collector_agrees_with_is_known_after_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    assert saved(clock(path)[0])
    later, floor = clock(path, None, NOW - 10 * DAY)
    assert floor.at == NOW
    assert str(path) in floor.source
    assert later.is_wrong()
    assert not clock(path, None, NOW - SLACK)[0].is_wrong()


@pytest.mark.parametrize("offset_us", [None, AGREED_US + 1, -AGREED_US - 1])
def test_a_time_that_nobody_agrees_with_is_not_kept(tmp_path: Path, offset_us: int | None) -> None:
    """From a clock that was ahead it would keep the agent from its broker for ever."""
    assert not saved(clock(tmp_path / "clock", offset_us)[0])
    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_is_behind_is_not_kept_even_if_the_collector_agrees(tmp_path: Path) -> None:
    made, floor = clock(tmp_path / "clock")
    floor.raise_to(NOW + 10 * DAY, "a test")
    assert not saved(made)


@pytest.mark.parametrize(
    "content", [b"", b"2000000000", b"9000000000 00000000\n", b"\xff" * 4096, b"nan 0\n"]
)
def test_what_is_damaged_tells_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock").write_bytes(content)
    assert clock(tmp_path / "clock")[1].at == 0.0


def test_without_a_place_to_keep_it_a_clock_that_is_set_back_is_noticed_all_the_same() -> None:
    made, floor = clock(None)
    assert not saved(made)
    assert floor.at == NOW


def test_a_clock_that_is_off_by_more_than_a_minute_is_wrong() -> None:
    assert not clock(None, DOUBTED_US)[0].is_wrong()
    assert clock(None, DOUBTED_US + 1)[0].is_wrong()
    assert clock(None, -DOUBTED_US - 1)[0].is_wrong()
    assert not clock(None, None)[0].is_wrong()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(limited())


CA = issued(common_name="ca", is_ca=True, until=3650)
EARLY = issued("127.0.0.1", by=CA, common_name="broker", since=300, until=700)
OTHER = issued("elsewhere.example", by=CA)


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_an_agent_that_is_400_days_behind(tmp_path: Path) -> None:
    """Its configuration is of the future, and so are the certificates of its broker and of a target."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes(CA.pem)
    (tmp_path / "broker.pem").write_bytes(EARLY.pem)
    (tmp_path / "broker.key").write_bytes(EARLY.key_pem)
    port = free_port()
    listener = f"listener {port} 127.0.0.1\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key"
    (tmp_path / "early").mkdir()
    (tmp_path / "other").mkdir()

    async def test(early: TcpServer, other: TcpServer) -> None:
        config = tmp_path / "vedette.yaml"
        config.write_text(
            "agents: [{name: par-01}]\n"
            "checks:\n"
            f'  - {{name: early, interval: 1s, tls: {{address: "127.0.0.1:{early.port}", ca_file: {ca}}}}}\n'
            f'  - {{name: other, interval: 1s, tls: {{address: "127.0.0.1:{other.port}", ca_file: {ca}}}}}\n'
        )
        os.utime(config, (time.time() + 400 * DAY,) * 2)
        state = tmp_path / "state"
        with Mosquitto(listener) as broker:
            async with (
                TinyCollector(broker.url).running() as collector,
                agent(
                    config, f"mqtts://127.0.0.1:{port}", "--ca", str(ca), "--state-dir", str(state)
                ) as child,
            ):
                await collector.until(lambda: len({each.check for each in collector.results}) == 2)
                assert {(each.check, each.outcome, each.reason) for each in collector.results} == {
                    ("early", "not_run", "clock"),
                    ("other", "fail", "tls.hostname"),
                }
                line = await child.says("the clock of this host is wrong")
                assert "vedette.yaml was written then" in line
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0
                assert child.log.count("the clock of this host is wrong") == 1
                assert not (state / "agent-par-01" / "clock").exists()

    with (
        TcpServer(tls(serving(tmp_path / "early", EARLY))) as early,
        TcpServer(tls(serving(tmp_path / "other", OTHER))) as other,
    ):
        run(lambda: test(early, other))


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_an_agent_that_stops_keeps_the_time(tmp_path: Path) -> None:
    """Once the collector has agreed with its clock."""

    async def test() -> None:
        config = tmp_path / "vedette.yaml"
        config.write_text(
            'agents: [{name: par-01}]\nchecks: [{name: a, interval: 1s, tcp: {address: "127.0.0.1:1"}}]\n'
        )
        state = tmp_path / "state"
        with Mosquitto() as broker:
            async with (
                TinyCollector(broker.url).running() as collector,
                agent(config, broker.url, "--state-dir", str(state)) as child,
            ):
                # It knows the offset: the exchange is made.
                await collector.until(lambda: any(b.offset_us is not None for _, _, b in collector.arrived))
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0
        kept = float((state / "agent-par-01" / "clock").read_text().split()[0])
        assert abs(kept - time.time()) < 60

    run(test)
