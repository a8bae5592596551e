"""The whole agent, as a process, against a real broker and a real target."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.agent_process import agent
from servers.daemon import free_port
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tiny_collector import TinyCollector
from vedette.mqtt import Broker, Link
from vedette.wire import codec, limits
from vedette.wire.messages import Ack, EpochMark
from vedette.wire.topics import Kind, topic

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


class Target:
    """A TCP server that says hello, or something else."""

    def __init__(self) -> None:
        self.greeting = b"hello\n"
        self.port = 0
        self.is_silent = asyncio.Event()  # somebody waits for a greeting that does not come

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Target"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        if not self.greeting:
            self.is_silent.set()
        try:
            await reader.read(1)
        except ConnectionError:
            pass
        writer.transport.abort()


def configuration(path: Path, port: int, *, checks: int = 1, interval: str = "1s", more: str = "") -> Path:
    lines = ["agents:", "  - name: par-01", "    tags: {network: isp-a}", "  - name: ber-01", "checks:"]
    for n in range(checks):
        lines += [
            f"  - name: greeting-{n}",
            f"    interval: {interval}",
            "    timeout: 1s",
            f'    tcp: {{address: "127.0.0.1:{port}", expect: hello}}',
        ]
    file = path / "vedette.yaml"
    file.write_text("\n".join(lines) + "\n" + more)
    return file


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(limited())


def test_results_arrive_live_and_a_stop_is_clean(tmp_path: Path) -> None:
    """Presence, heartbeat with a clock exchange, batches; SIGTERM ends it soon with nothing pending."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port, checks=5), broker.url) as child,
            ):
                await collector.until(lambda: len(collector.results) >= 10)
                assert {kind for _, kind, _ in collector.arrived} == {Kind.LIVE}
                assert {each.outcome for each in collector.results} == {"ok"}
                assert collector.presences[-1].state == "online"
                assert collector.presences[-1].tags == {"network": "isp-a"}
                assert collector.heartbeats
                target.greeting = b""
                await target.is_silent.wait()  # a probe is in flight: its end by the stop is no result
                began = time.monotonic()
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0
                assert time.monotonic() - began < 5.0  # half of it for a busy machine
                await collector.until(lambda: collector.presences[-1].state == "gone")
                assert collector.presences[-1].reason == "stopped"
                assert "pending=0" in await child.says("drained")
                assert {each.outcome for each in collector.results} == {"ok"}

    run(test)


def test_a_change_of_state_does_not_wait_for_the_batch(tmp_path: Path) -> None:
    """From the end of the probe to the collector in well under the batch's second, at least once in three."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                # A batch for each result: none could travel with the one before.
                agent(configuration(tmp_path, target.port, interval="2500ms"), broker.url),
            ):
                await collector.until(lambda: len(collector.results) >= 1)
                target.greeting = b"go away\n"
                delays = []
                for outcome in ("fail", "ok", "fail"):
                    count = len(collector.results)
                    await collector.until(
                        lambda count=count, outcome=outcome: any(  # type: ignore[misc]
                            r.outcome == outcome for r in collector.results[count:]
                        )
                    )
                    change = collector.results[-1]
                    ended = (change.started_us + (change.duration_us or 0)) / 1e6
                    delays.append(time.time() - ended)
                    target.greeting = b"hello\n" if outcome == "fail" else b"go away\n"
                assert min(delays) < 0.5

    run(test)


def test_a_broker_that_restarts_costs_nothing(tmp_path: Path) -> None:
    """Killed, without persistence: every seq arrives all the same, and every one is acknowledged."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port, checks=20), broker.url) as child,
            ):
                await collector.until(lambda: len(collector.results) >= 20)
                broker.kill()
                await child.says("connection lost")
                await child.says("cannot connect")
                broker.start()
                count = len(collector.results)
                await collector.until(lambda: len(collector.results) >= count + 60, within=30)
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0
                assert "pending=0 lost=0" in await child.says("drained")
                (seen,) = collector.seen.values()
                assert sorted(seen) == list(range(max(seen) + 1))
                assert child.log.count("cannot connect") == 1

    run(test)


def test_a_broker_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with Target().running() as target:
            config = configuration(tmp_path, target.port, checks=10)
            broker = Mosquitto()
            async with agent(config, broker.url) as child:
                line = await child.says("cannot connect")
                assert "reason=refused" in line
                with broker:
                    async with TinyCollector(broker.url).running() as collector:
                        await collector.until(lambda: len(collector.results) >= 20, within=30)
                        (seen,) = collector.seen.values()
                        assert 0 in seen

    run(test)


def test_a_new_collector_gets_at_once_what_nobody_acknowledged(tmp_path: Path) -> None:
    """Its first ack makes itself known; the agent does not wait for the 10 s of a missing ack."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                agent(configuration(tmp_path, target.port, checks=5), broker.url),
            ):
                async with TinyCollector(broker.url).running() as first:
                    first.is_acking = False
                    await first.until(lambda: len(first.results) >= 10)
                    (epoch,) = first.seen
                    known = set(first.seen[epoch])
                async with TinyCollector(broker.url).running() as second:
                    await second.until(lambda: known <= set(second.seen.get(epoch, ())), within=8)

    run(test)


def test_a_stop_hands_in_what_was_published_while_the_collector_was_away(tmp_path: Path) -> None:
    """The broker took it and nobody got it: the agent does not leave without sending it again."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                agent(configuration(tmp_path, target.port, checks=5), broker.url) as child,
            ):
                async with TinyCollector(broker.url).running() as first:
                    await first.until(lambda: len(first.results) >= 5)
                published = broker.log.count("/live'")
                while broker.log.count("/live'") < published + 2:
                    await asyncio.sleep(0.05)
                again = TinyCollector(broker.url)
                # As one that has lost its connection, and nothing else.
                again.identity, again.seen, again.low = first.identity, first.seen, first.low
                async with again.running():
                    await again.until(lambda: len(again.results) > 0)
                    child.signal(signal.SIGTERM)
                    assert await child.ended() == 0
                    assert "pending=0 lost=0" in await child.says("drained")
                    (seen,) = again.seen.values()
                    assert sorted(seen) == list(range(max(seen) + 1))

    run(test)


def test_a_collector_that_comes_to_know_an_agent_hears_who_it_is(tmp_path: Path) -> None:
    """It may start before the collector has read of it: what it said at its connect was refused then."""

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port), broker.url),
            ):
                collector.is_acking = False
                await collector.until(lambda: len(collector.results) >= 1)
                assert [each.state for each in collector.presences] == ["online"]
                collector.is_acking = True
                await collector.until(lambda: len(collector.presences) == 2)
                assert collector.presences[0] == collector.presences[1]

    run(test)


def test_results_that_the_broker_refuses_stop_nothing(tmp_path: Path) -> None:
    """Without the right to write results, the agent says so once, goes on, and stops as cleanly as ever."""
    acl = "".join(f"topic readwrite vedette/v1/+/+/{kind}\n" for kind in ("presence", "heartbeat", "ack"))

    async def test() -> None:
        with Mosquitto(acl=acl) as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port, checks=3), broker.url) as child,
            ):
                assert "0x87" in await child.says("the broker refuses our results")
                await collector.until(lambda: bool(collector.presences))
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0
                assert child.log.count("refuses our results") == 1
                await collector.until(lambda: collector.presences[-1].reason == "stopped")

    run(test)


def test_systemd_is_told(tmp_path: Path) -> None:
    """READY, WATCHDOG at half of the limit while the engine ticks, STOPPING."""

    async def test() -> None:
        address = tmp_path / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(str(address))
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            told: list[bytes] = []
            config = configuration(tmp_path, free_port())
            limit = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "200000"}
            async with agent(config, "mqtt://127.0.0.1:1", **limit) as child:
                while told.count(b"WATCHDOG=1") < 5:
                    told.append(await loop.sock_recv(sock, 100))
                assert told[0] == b"READY=1"
                child.signal(signal.SIGTERM)
                while told[-1] != b"STOPPING=1":
                    told.append(await loop.sock_recv(sock, 100))
                assert await child.ended() == 0

    run(test)


def test_an_agent_that_dies_is_reported_gone(tmp_path: Path) -> None:
    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port), broker.url) as child,
            ):
                await collector.until(lambda: bool(collector.presences))
                child.signal(signal.SIGKILL)
                await collector.until(lambda: collector.presences[-1].state == "gone")
                assert collector.presences[-1].reason == "connection lost"

    run(test)


def test_garbage_and_foreign_acks_settle_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port), broker.url) as child,
                Link(Broker.parse(broker.url), "mallory").running() as mallory,
            ):
                collector.is_acking = False
                await mallory.until(True)
                await collector.until(lambda: len(collector.results) >= 1)
                (epoch,) = collector.seen
                name = topic("par-01", Kind.ACK)
                applied = max(collector.seen[epoch]) + 1
                forged = [
                    forgery("ber-01", epoch, applied),
                    forgery("par-01", "f" * 32, applied),
                    forgery("par-01", epoch, applied + 9999),
                ]
                await mallory.publish(name, b"\xff\x00{", content_type="application/json")
                await mallory.publish(name, b"")
                await mallory.publish(name, b"{}" * 100_000, content_type="application/json+zstd")
                for ack in forged:
                    payload, content_type = codec.encode(ack)
                    await mallory.publish(name, payload, content_type=content_type)
                count = len(collector.results)
                await collector.until(lambda: len(collector.results) >= count + 2)
                assert collector.arrived[-1][2].acked == 0
                assert child.log.count("ack ignored") == 4  # schema, content type, compression, foreign
                collector.is_acking = True
                await collector.until(lambda: collector.arrived[-1][2].acked > 0)
                child.signal(signal.SIGTERM)
                assert await child.ended() == 0

    run(test)


def forgery(agent: str, epoch: str, low: int) -> Ack:
    marks = [EpochMark(epoch=epoch, low=low)]
    return Ack(v=limits.VERSION, agent=agent, collector="e" * 32, sent_us=1, marks=marks)


def test_a_reload_applies_a_good_file_and_keeps_running_under_a_bad_one(tmp_path: Path) -> None:
    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Target().running() as target,
                TinyCollector(broker.url).running() as collector,
                agent(configuration(tmp_path, target.port), broker.url) as child,
            ):
                await collector.until(lambda: len(collector.results) >= 1)
                first = collector.presences[-1].config_hash
                (tmp_path / "vedette.yaml").write_text("agents: [\n")
                child.signal(signal.SIGHUP)
                assert "reloads_refused=1" in await child.says("not applied")
                count = len(collector.results)
                await collector.until(lambda: len(collector.results) > count)
                configuration(tmp_path, target.port, checks=2)
                child.signal(signal.SIGHUP)
                await collector.until(lambda: any(r.check == "greeting-1" for r in collector.results))
                assert collector.presences[-1].config_hash != first

    run(test)


def test_start_up_problems_are_one_line_and_exit_2(tmp_path: Path) -> None:
    config = configuration(tmp_path, free_port())
    missing = str(tmp_path / "missing.pem")

    async def refused(*options: str, url: str = "mqtt://127.0.0.1:1", name: str = "par-01") -> str:
        async with agent(config, url, *options, name=name) as child:
            assert await child.ended() == 2
            return child.log

    async def test() -> None:
        assert "par-01" in await refused(name="par-02")
        assert "expected mqtt://" in await refused(url="http://127.0.0.1")
        assert missing in await refused("--ca", missing, url="mqtts://127.0.0.1")
        assert missing in await refused("--username", "u", "--password-file", missing)
        assert "no such address" in await refused("--source-address", "192.0.2.1")
        assert "not an IP address" in await refused("--source-address", "eth0")
        config.write_text("checks: 3\n")
        assert "checks" in await refused()

    run(test)
