"""A whole agent that has more to do than it can: what it leaves out, and that no target is blamed."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from agent.agent_process import agent
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tcp import TcpServer, says
from servers.tiny_collector import TinyCollector
from vedette.checks import read
from vedette.mqtt import Broker
from vedette.wire.messages import Result
from vedette_agent import app
from vedette_agent.app import Agent, allowed_networks
from vedette_agent.delivery import publish
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.engine.run import LAG, TICK

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

CHECKS = 20
BLOCK, BREATH = 0.45, 0.05  # seconds


def late(connection: socket.socket) -> None:
    """Say hello after a while, so that a stall falls into the wait for it."""
    threading.Event().wait(0.2)
    says(b"hello\n")(connection)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(90):
            await test()

    asyncio.run(limited())


def configuration(directory: Path, port: int) -> Path:
    """As many checks of low priority as of normal."""
    lines = ["agents: [{name: par-01}]", "checks:"]
    for number in range(CHECKS):
        priority = ("low", "normal")[number % 2]
        lines.append(
            f"  - {{name: {priority}-{number}, interval: 1s, timeout: 1s, priority: {priority}, "
            f'tcp: {{address: "127.0.0.1:{port}", expect: hello}}}}'
        )
    file = directory / "vedette.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


@asynccontextmanager
async def within(config: Path, url: str) -> AsyncIterator[Agent]:
    """A whole agent on this loop, without a spool."""
    assignment = read.load(config)
    made = Agent(config, "par-01", Broker.parse(url), {}, allowed_networks(["127.0.0.0/8"]))
    task = asyncio.create_task(made.run(assignment, read.checks_of(assignment, "par-01")))
    try:
        yield made
    finally:
        made._stop.set()
        await task


async def blocking(blocks: list[tuple[float, float]]) -> None:
    """Hold the loop for nine tenths of the time."""
    while True:
        began = time.monotonic()
        while time.monotonic() - began < BLOCK:
            pass
        blocks.append((began, time.monotonic()))
        await asyncio.sleep(BREATH)


def test_a_loop_that_is_held_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every result of a probe that met a stall says so, no target is down, and low priority waits."""
    ended: list[tuple[float, float, Result]] = []  # monotonic times of start and end
    blocks: list[tuple[float, float]] = []
    add = publish.Publisher.add

    def noted(self: publish.Publisher, result: Result) -> None:
        now = time.monotonic()
        ended.append((result.started_us / 1e6 - (time.time() - now), now, result))
        add(self, result)

    monkeypatch.setattr(publish.Publisher, "add", noted)

    def shed() -> bool:
        return sum(result.reason == "shed" for _, _, result in ended) >= CHECKS

    async def test() -> None:
        with Mosquitto() as broker, TcpServer(late) as server:
            async with (
                TinyCollector(broker.url).running() as collector,
                within(configuration(tmp_path, server.port), broker.url),
            ):
                await collector.until(lambda: len(collector.results) >= CHECKS)
                assert not any(result.reason == "shed" for result in collector.results)
                blocker = asyncio.create_task(blocking(blocks))
                await collector.until(shed, within=45.0)
                await collector.until(lambda: collector.heartbeats[-1].shed.get("checks", 0) > 0, within=30.0)
                blocker.cancel()
                beat = collector.heartbeats[-1].shed
                assert set(beat) <= {"detail", "replay", "phases", "checks"}
                assert beat["replay"] >= 1

    run(test)
    assert [result for _, _, result in ended if result.outcome == "fail"] == []
    assert {result.reason for _, _, result in ended} <= {None, "loop_lag", "shed"}
    assert {result.check.partition("-")[0] for _, _, result in ended if result.reason == "shed"} == {"low"}
    overlapping = [
        result
        for start, end, result in ended
        if result.reason != "shed"
        and any(min(end, until) - max(start, since) > LAG + 2 * TICK for since, until in blocks)
    ]
    assert overlapping
    assert [result for result in overlapping if result.lag_us < LAG * 1e6] == []


def test_a_broker_that_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory fills: low priority is left out, the others are probed as ever, and all is accounted for."""
    monkeypatch.setattr(publish, "Outbox", partial(Outbox, max_bytes=6000))
    monkeypatch.setattr(app, "LOOK_SECONDS", 0.1)

    async def test() -> None:
        with Mosquitto() as broker, TcpServer(says(b"hello\n")) as server:
            async with (
                TinyCollector(broker.url).running() as collector,
                within(configuration(tmp_path, server.port), broker.url) as made,
            ):
                await collector.until(lambda: len(collector.results) >= CHECKS)
                broker.freeze()
                async with asyncio.timeout(45):
                    while made._shedding.counts.get("checks", 0) < CHECKS:
                        await asyncio.sleep(0.05)
                assert made._publisher.outbox.pace.is_slow
                broker.thaw()
                await collector.until(lambda: collector.heartbeats[-1].shed.get("checks", 0) > 0, within=30.0)
                await collector.until(lambda: any(result.reason == "shed" for result in collector.results))
                assert not any(result.outcome == "fail" for result in collector.results)
                shed = {
                    result.check.partition("-")[0] for result in collector.results if result.reason == "shed"
                }
                assert shed == {"low"}
                (seen,) = collector.seen.values()
                last = collector.heartbeats[-1]
                # What was lost may have arrived all the same: its ack was under way.
                assert len(seen) + sum(last.lost.values()) + last.pending >= last.next_seq

    run(test)


def test_an_agent_with_little_to_do_leaves_nothing_out(tmp_path: Path) -> None:
    async def test() -> None:
        with Mosquitto() as broker, TcpServer(says(b"hello\n")) as server:
            async with (
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, server.port), broker.url),
            ):
                await collector.until(lambda: len(collector.results) >= 4 * CHECKS, within=30.0)
                assert not any(result.reason == "shed" for result in collector.results)

    run(test)
