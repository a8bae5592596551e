"""A whole collector on a real Mosquitto: what it applies, what it refuses, and that it goes on."""

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import aiohttp
import msgspec
import pytest

from collector.collector_helpers import EPOCH, batch, failed, heartbeat, ok, presence
from collector.running_helpers import CONFIG, Running, collecting, speaking, until
from collector.test_exposition import value
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.rude_broker import rude_broker
from vedette.checks import read
from vedette.checks.model import Assignment
from vedette.mqtt import Broker, Link
from vedette.wire import codec, limits
from vedette.wire.messages import EpochMark
from vedette.wire.topics import Kind, topic
from vedette_collector.app import Collector
from vedette_collector.web.server import SHUTDOWN_SECONDS

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "vedette.yaml"
    path.write_text(CONFIG)
    return path


async def ready(running: Running) -> None:
    await until(lambda: not running.collector.condition.not_ready())


def test_a_result_becomes_a_metric_and_is_acknowledged_soon(config: Path) -> None:
    """Five batches that come within 0.1 s share an ack: at least in one of three rounds."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                loop = asyncio.get_running_loop()
                rounds = []
                for first in range(0, 15, 5):
                    began = loop.time()
                    for seq in range(first, first + 5):
                        await agent.say(batch(failed(), first=seq), Kind.LIVE)
                    acks = 1
                    while (await agent.ack()).marks != [EpochMark(epoch=EPOCH, low=seq + 1)]:
                        acks += 1
                    rounds.append((acks, loop.time() - began))
                fewest, took = min(rounds)
                assert fewest == 1
                assert took < 0.5  # 0.1 s of gathering, and a busy machine
                _, page, headers = await running.get("/metrics")
                assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
                own = {"check": "api-dns", "agent": "par-01"}
                assert value(page, "probe_success", **own) == 0
                assert value(page, "vedette_probe_failures_total", reason="dns.nodata", **own) == 15
                assert value(page, "vedette_collector_acks_published_total") == sum(n for n, _ in rounds)
                assert value(page, "vedette_collector_broker_connected", link="live") == 1

    asyncio.run(story())


def test_a_heartbeat_is_echoed_at_once(config: Path) -> None:
    """Not after the 100 ms in which acks of results are gathered: one of twenty takes less than half."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                loop = asyncio.get_running_loop()
                took = [1.0]
                while min(took) >= 0.05 and len(took) <= 20:
                    began = loop.time()
                    await agent.say(heartbeat(sent_us=len(took)), Kind.HEARTBEAT)
                    echo = (await agent.ack()).heartbeat
                    assert echo is not None
                    assert echo.sent_us == len(took)
                    took.append(loop.time() - began)
                assert min(took) < 0.05

    asyncio.run(story())


def test_every_kind_of_bad_message_is_counted_and_the_next_good_one_applied(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with speaking(broker) as agent:
                await agent.say(batch(ok()), Kind.LIVE, retain=True)  # from before the collector came
                async with collecting(broker.url, config) as running:
                    await ready(running)
                    for kind in (Kind.LIVE, Kind.REPLAY, Kind.HEARTBEAT, Kind.PRESENCE):
                        await agent.raw(topic("par-01", kind), b"\x00\xffgarbage", codec.JSON)
                        await agent.raw(f"vedette/v1/00/PAR 01/{kind}", b"{}", codec.JSON)
                    oversized = b"x" * (limits.MAX_PAYLOAD_BYTES + 1)
                    await agent.raw(topic("par-01", Kind.LIVE), oversized, codec.JSON)
                    fields = msgspec.to_builtins(batch(ok()))
                    fields["results"] *= limits.MAX_BATCH_RESULTS + 1
                    await agent.raw(topic("par-01", Kind.LIVE), msgspec.json.encode(fields), codec.JSON)
                    foreign, content_type = codec.encode(batch(ok(), agent="fra-01"))
                    await agent.raw(topic("par-01", Kind.LIVE), foreign, content_type)
                    await agent.raw(topic("par-01", Kind.LIVE), b'{"v": 99}', codec.JSON)
                    await agent.raw(topic("par-01", Kind.LIVE), b"{}", "text/html")
                    await agent.say(batch(ok(), agent="not-there"), Kind.LIVE)
                    await agent.say(batch(ok("no-such-check")), Kind.LIVE)
                    for _ in range(2):
                        await agent.say(batch(ok(), first=1), Kind.LIVE)
                    # By two links, which do not wait for each other.
                    rejected = running.collector.board.rejected
                    await until(lambda: rejected.total() >= 16)
                    assert dict(rejected) == {
                        "topic": 4,
                        "schema": 5,
                        "too_large": 1,
                        "identity": 1,
                        "version": 1,
                        "content_type": 1,
                        "unknown_agent": 1,
                        "unknown_check": 1,
                        "duplicate": 1,
                    }
                    assert running.collector.board.agents["par-01"].applied == 1
                    assert (await running.get("/-/ready"))[0] == 200

    asyncio.run(story())


def test_a_broker_that_goes_and_comes_back_costs_no_result(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                await agent.say(batch(ok()), Kind.LIVE)
                await agent.ack()
                broker.kill()
                await until(lambda: len(running.collector.condition.not_ready()) == 3)
                status, text, _ = await running.get("/-/ready")
                assert (status, text.count("not connected")) == (503, 3)
                _, page, _ = await running.get("/metrics")
                assert value(page, "vedette_collector_broker_connected", link="replay") == 0
                broker.start()
                await until(lambda: not running.collector.condition.not_ready(), 30)
            async with collecting(broker.url, config) as again, speaking(broker) as agent:
                await ready(again)
                await agent.say(batch(ok(), first=1, acked=1), Kind.LIVE)
                assert [mark.low for mark in (await agent.ack()).marks] == [2]

    asyncio.run(story())


@pytest.mark.parametrize(("name", "is_new"), [("live", True), ("replay", True), ("control", False)])
def test_a_link_that_reads_and_connects_again_gives_the_collector_a_new_id(
    config: Path, name: str, is_new: bool
) -> None:
    """Agents that see it send again, for what came meanwhile is gone. One that only writes missed nothing."""

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                ids = []
                for number in range(4):
                    if number == 2:
                        await driven_out(running, broker, name)
                    await agent.say(heartbeat(sent_us=number), Kind.HEARTBEAT)
                    ids.append((await agent.ack()).collector)
                assert ids[0] == ids[1]
                assert ids[2] == ids[3]
                assert (ids[1] != ids[2]) is is_new

    asyncio.run(story())


async def driven_out(running: Running, broker: Mosquitto, name: str) -> None:
    """The link *name* has lost its connection to another client of its name, and has a new one."""
    condition = running.collector.condition
    async with Link(Broker.parse(broker.url), f"collector-{name}").running():
        await until(lambda: not condition.links[name])
    await until(lambda: condition.links[name], 30)


def test_a_collector_that_may_not_listen_is_not_ready(config: Path) -> None:
    """Connected, and deaf: without this, all would look well while every result is lost on the way."""

    async def story() -> None:
        async with (
            rude_broker(b"", codes=b"\x87\x01\x01") as url,
            collecting(url, config) as running,
        ):
            await until(lambda: running.collector.condition.links["live"])
            status, text, _ = await running.get("/-/ready")
            assert status == 503
            assert (
                "link live hears nothing: the broker refused its subscription vedette/v1/+/+/live: 0x87"
                in text
            )
            _, page, _ = await running.get("/metrics")
            assert value(page, "vedette_collector_broker_subscriptions_refused_total", link="live") == 1
            assert "hears nothing" in (await running.get("/"))[1]

    asyncio.run(story())


def test_late_results_travel_their_own_lane(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, speaking(broker) as agent:
                await ready(running)
                await agent.say(batch(*[failed()] * 50), Kind.REPLAY)
                await agent.ack()
                _, page, _ = await running.get("/metrics")
                assert value(page, "vedette_collector_results_late_total", agent="par-01") == 50
                assert value(page, "vedette_probe_attempts_total", check="api-dns", agent="par-01") == 0

    asyncio.run(story())


def test_presence_from_before_the_collector_is_known(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with speaking(broker) as agent:
                await agent.say(presence(version="9.9"), Kind.PRESENCE, retain=True)
                async with collecting(broker.url, config) as running:
                    await until(lambda: running.collector.board.agents["par-01"].presence is not None)
                    _, page, _ = await running.get("/metrics")
                    assert value(page, "vedette_agent_connected", agent="par-01") == 1
                    assert value(page, "vedette_agent_last_seen_timestamp_seconds", agent="par-01") is None

    asyncio.run(story())


def test_a_reload_applies_a_good_file_and_survives_a_bad_one(config: Path) -> None:
    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running:
                config.write_text(CONFIG.replace("name: web", "name: shop"))
                assert await running.post("/-/reload") == (200, "reloaded\n")
                assert set(running.collector.board.checks) == {"api-dns", "shop"}
                config.write_text(CONFIG.replace("http:", "htpp:"))
                status, text = await running.post("/-/reload")
                assert status == 400
                assert "htpp" in text
                assert set(running.collector.board.checks) == {"api-dns", "shop"}
                _, page, _ = await running.get("/metrics")
                assert value(page, "vedette_collector_config_last_reload_successful") == 0
                assert "was not reloaded" in (await running.get("/"))[1]
                config.write_text(CONFIG)
                running.collector.hang_up()
                await until(lambda: "web" in running.collector.board.checks)
                assert running.collector.condition.reload_error is None

    asyncio.run(story())


def test_reloads_that_are_asked_for_at_once_are_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fifty that come while the file is read, the first finds that reading begun; 49 share the next."""
    readings = asked = 0
    may_end = threading.Event()
    load, reload = read.load, Collector.reload

    def counted(path: Path) -> Assignment:
        nonlocal readings
        readings += 1
        may_end.wait(30)
        return load(path)

    async def noted(collector: Collector) -> None:
        nonlocal asked
        asked += 1
        await reload(collector)

    async def fifty(running: Running) -> list[tuple[int, str]]:
        nonlocal readings, asked
        readings = asked = 0
        may_end.clear()
        try:
            answers = asyncio.gather(*(running.post("/-/reload") for _ in range(50)))
            await until(lambda: asked == 50)
        finally:
            may_end.set()
        return await answers

    monkeypatch.setattr(Collector, "reload", noted)

    async def story() -> None:
        async with collecting("mqtt://127.0.0.1:9", config) as running:
            monkeypatch.setattr(read, "load", counted)
            assert await fifty(running) == [(200, "reloaded\n")] * 50
            assert readings <= 2
            config.write_text("checks: 1")
            assert {status for status, _ in await fifty(running)} == {400}
            assert readings <= 2

    asyncio.run(story())


def test_reloads_take_half_of_the_time_at_most(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten in a row that read for 20 ms each take ten times 40 ms, but for the pause after the last."""
    load = read.load

    def slow(path: Path) -> Assignment:
        threading.Event().wait(0.02)
        return load(path)

    async def story() -> float:
        async with collecting("mqtt://127.0.0.1:9", config) as running:
            monkeypatch.setattr(read, "load", slow)
            began = asyncio.get_running_loop().time()
            for _ in range(10):
                await running.post("/-/reload")
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(story()) >= 0.38


class Ring:
    """Garbage that only the garbage collector can free."""

    def __init__(self) -> None:
        self.itself = self


def test_full_collections_pass_over_the_configuration(config: Path) -> None:
    """From the start and after a reload; what became garbage since goes with the reload."""

    async def story() -> None:
        gc.unfreeze()
        ring = Ring()
        gone = weakref.ref(ring)
        async with collecting("mqtt://127.0.0.1:9", config) as running:
            board = running.collector.board
            assert not any(each is board.agents for each in gc.get_objects())
            del ring
            gc.collect()
            assert gone() is not None
            await running.post("/-/reload")
            assert gone() is None
            assert not any(each is board.agents for each in gc.get_objects())

    try:
        asyncio.run(story())
    finally:
        gc.unfreeze()


def test_a_browser_on_another_site_cannot_reload(config: Path) -> None:
    async def story() -> None:
        async with collecting("mqtt://127.0.0.1:1", config) as running:
            status, _ = await running.post("/-/reload", Origin="https://evil.example")
            assert status == 403

    asyncio.run(story())


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vedette", "collector", "run", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("listen", "message"),
    [
        ("9960", "expected ADDRESS:PORT"),
        ("[::1:9960", "expected ADDRESS:PORT"),
        ("", "expected ADDRESS:PORT"),
    ],
)
def test_a_bad_listen_address_is_one_line_and_exit_2(config: Path, listen: str, message: str) -> None:
    ended = run("--config", str(config), "--broker", "mqtt://127.0.0.1:1", "--listen", listen)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert message in ended.stderr


def test_a_port_in_use_is_one_line_and_exit_2(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("--config", str(config), "--broker", "mqtt://127.0.0.1:1", "--listen", where)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"--listen {where}: another program listens there" in ended.stderr


def test_a_broken_configuration_is_exit_2(config: Path) -> None:
    config.write_text("checks: [")
    ended = run("--config", str(config), "--broker", "mqtt://127.0.0.1:1")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("where", ["127.0.0.1:0", "[::1]:0"])
def test_the_command_serves_says_that_it_is_ready_and_stops_cleanly(
    config: Path, tmp_path: Path, where: str
) -> None:
    """Without a broker: a page that says so is better than none. SIGTERM ends it with 0."""

    async def story() -> None:
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with notices:
            notices.bind(str(tmp_path / "notify"))
            notices.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "vedette", "collector", "run", "--config", str(config)),
                *("--broker", "mqtt://127.0.0.1:1", "--listen", where),
                stderr=asyncio.subprocess.PIPE,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": str(tmp_path / "notify"),
                    "WATCHDOG_USEC": "60000000",
                },
            )
            assert process.stderr is not None
            async with asyncio.timeout(60):
                line = (await process.stderr.readline()).decode()
                address = line.partition("address=")[2].split()[0]
                assert await asyncio.get_running_loop().sock_recv(notices, 100) == b"READY=1"
                assert await asyncio.get_running_loop().sock_recv(notices, 100) == b"WATCHDOG=1"
                async with aiohttp.ClientSession() as session:
                    async with session.get(f"http://{address}/-/healthy") as answer:
                        assert answer.status == 200
                    async with session.get(f"http://{address}/events"):
                        began = asyncio.get_running_loop().time()
                        process.send_signal(signal.SIGTERM)
                        rest = (await process.stderr.read()).decode()
                        took = asyncio.get_running_loop().time() - began
                assert await process.wait() == 0
            assert took < SHUTDOWN_SECONDS  # an open page does not hold it up
            assert "Traceback" not in rest
            assert "msg=stopped" in rest

    asyncio.run(story())
