"""Both embedded brokers carry what the pipeline needs of MQTT 5."""

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from up.up_helpers import until
from vedette.errors import VedetteError
from vedette.mqtt import Broker, Inbound, Link, Subscription, Will
from vedette.up import broker
from vedette.up.ports import LOOPBACK, Reservation
from vedette.up.supervisor import Supervisor
from vedette.up.world.network import Network
from vedette.up.world.relay import Relay
from vedette.wire import limits

PRESENCE = "vedette/v1/00/isp-a/presence"
LIVE = "vedette/v1/00/isp-a/live"


def installed(kind: broker.Kind) -> bool:
    try:
        return broker.choose(kind) == kind
    except VedetteError:
        return False


@pytest.fixture(params=["mosquitto", "iotcore"])
def kind(request: pytest.FixtureRequest) -> broker.Kind:
    if not installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param  # type: ignore[no-any-return]


@asynccontextmanager
async def started(kind: broker.Kind, directory: Path) -> AsyncIterator[tuple[int, str]]:
    """The broker's port and its password file."""
    with Reservation() as reserved:
        program, password_file = broker.prepare(kind, directory / "broker", reserved.port)

        async def accepts() -> bool:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, reserved.port)
            except ConnectionError:
                return False
            writer.close()
            await writer.wait_closed()
            return True

        async with Supervisor(directory / "logs", print, print) as supervisor:
            await supervisor.start([program], accepts)
            yield reserved.port, str(password_file)


def url(port: int) -> str:
    return f"mqtt://{LOOPBACK}:{port}"


async def received(link: Link) -> Inbound:
    message = await asyncio.wait_for(link.receive(), 15)
    message.done()
    return message


def test_carries_what_the_pipeline_needs(kind: broker.Kind, tmp_path: Path) -> None:
    """Retained presence, QoS 1, the largest payload of the contract, and a last will after a lost link."""

    async def scenario() -> None:
        async with started(kind, tmp_path) as (port, password_file):
            relay = Relay(Network(), "127.0.0.1", port)
            await relay.open()
            far = Broker.parse(url(relay.port), username=broker.USER, password_file=password_file)
            near = Broker.parse(url(port), username=broker.USER, password_file=password_file)
            agent = Link(far, "isp-a", will=Will(PRESENCE, b"gone"))
            wanted = [Subscription("vedette/v1/+/+/presence", retained=True), Subscription(LIVE)]
            collector = Link(near, "collector", subscriptions=wanted)
            async with agent.running():
                await asyncio.wait_for(agent.until(connected=True), 15)
                await agent.publish(LIVE, b"nobody listens yet")
                await agent.publish(PRESENCE, b"online", retain=True)
                async with collector.running():
                    kept = await received(collector)
                    assert (kept.payload, kept.retain) == (b"online", True)
                    largest = b"x" * limits.MAX_PAYLOAD_BYTES
                    await agent.publish(LIVE, largest, expiry=limits.LIVE_EXPIRY_SECONDS)
                    assert (await received(collector)).payload == largest
                    await relay.close()  # the connection ends without a DISCONNECT
                    assert (await received(collector)).payload == b"gone"
            late = Link(near, "late", subscriptions=wanted)
            async with late.running():
                kept = await received(late)
                assert (kept.payload, kept.retain) == (b"gone", True)

    asyncio.run(scenario())


def test_who_has_no_password_or_a_wrong_one_is_refused(kind: broker.Kind, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with started(kind, tmp_path) as (port, _):
            wrong = tmp_path / "wrong"
            wrong.write_text("wrong\n")
            for login in (
                Broker.parse(url(port)),
                Broker.parse(url(port), username=broker.USER, password_file=str(wrong)),
            ):
                async with Link(login, "isp-a").running() as link:
                    await until(lambda: bool(link.counters.connect_failures), 20, "a refusal")
                    assert not link.is_connected

    asyncio.run(scenario())


def test_an_expired_message_is_not_delivered_late(tmp_path: Path) -> None:
    """A retained message ends with its expiry. Asked of Mosquitto alone: rumqttd does not promise it."""
    if not installed("mosquitto"):
        pytest.skip("mosquitto is not installed")

    async def scenario() -> None:
        async with started("mosquitto", tmp_path) as (port, password_file):
            login = Broker.parse(url(port), username=broker.USER, password_file=password_file)
            async with Link(login, "isp-a").running() as agent:
                await asyncio.wait_for(agent.until(connected=True), 15)
                await agent.publish(PRESENCE, b"brief", retain=True, expiry=1)
                await agent.publish(LIVE, b"lasting", retain=True, expiry=600)

            async def only_the_lasting_one_is_left() -> bool:
                wanted = [Subscription("vedette/v1/#", retained=True)]
                async with Link(login, "reader", subscriptions=wanted).running() as reader:
                    seen = {(await received(reader)).payload}
                    with contextlib.suppress(TimeoutError):
                        seen.add((await asyncio.wait_for(reader.receive(), 0.3)).payload)
                    return seen == {b"lasting"}

            await until(only_the_lasting_one_is_left, 30, "the brief message expires")

    asyncio.run(scenario())


def test_its_files_are_private_and_the_password_is_new_each_time(tmp_path: Path) -> None:
    seen = set()
    for _ in range(2):
        for kind in ("mosquitto", "iotcore"):
            if installed(kind):
                _, password_file = broker.prepare(kind, tmp_path / "broker", 1)
                seen.add(password_file.read_text())
    for file in (tmp_path / "broker").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert len(seen) == 2 * sum(installed(kind) for kind in ("mosquitto", "iotcore"))


def test_a_machine_without_mosquitto_gets_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed("iotcore"):
        pytest.skip("iotcore is not installed")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(broker, "_SYSTEM_DIRECTORIES", ())
    assert broker.choose("auto") == "iotcore"
    with pytest.raises(VedetteError, match="mosquitto is not installed"):
        broker.choose("mosquitto")
