"""How a link comes up, notices that it is down, and says why."""

import asyncio
import logging
import random
import socket
import ssl
import struct
import time
from pathlib import Path

import pytest
import trustme

from servers.daemon import free_port
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.proxy import Proxy
from servers.rude_broker import rude_broker
from transport.link_helpers import QUICK, link, run, until
from vedette.mqtt import Broker, Link, NotConnected, Subscription
from vedette.mqtt.dial import dial, tls_failure
from vedette.mqtt.link import BACKOFF_CAP

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


class Pki:
    """A CA, a broker certificate for 127.0.0.1 and one for another name, and a client's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = self._authority("ca")
        self.stranger = self._authority("stranger")
        own = trustme.CA()
        own.cert_pem.write_to_path(directory / "own.pem")
        self.own = str(directory / "own.pem")
        self._leaf(own, "server", "127.0.0.1")
        self._leaf(own, "elsewhere", "broker.example")
        self._leaf(own, "client", common_name="par-01")

    def _authority(self, name: str) -> str:
        path = self.directory / f"{name}.pem"
        trustme.CA().cert_pem.write_to_path(path)
        return str(path)

    def _leaf(self, ca: trustme.CA, name: str, *hosts: str, common_name: str | None = None) -> None:
        leaf = ca.issue_cert(*hosts, common_name=common_name)
        leaf.cert_chain_pems[0].write_to_path(self.directory / f"{name}.crt")
        leaf.private_key_pem.write_to_path(self.directory / f"{name}.key")

    def config(self, name: str, *more: str) -> str:
        here = self.directory
        lines = [f"cafile {self.own}", f"certfile {here / name}.crt", f"keyfile {here / name}.key", *more]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def failing(broker: Broker, caplog: pytest.LogCaptureFixture) -> tuple[str, str]:
    """The fault and the log line of three failed attempts; there must be one line for the three."""
    found: list[tuple[str, str]] = []

    async def test() -> None:
        async with Link(broker, "par-01", backoff=QUICK).running() as agent:
            await until(lambda: agent.counters.connect_failures.total() >= 3)
            (fault,) = agent.counters.connect_failures
            found.append((fault, agent.reason))

    caplog.clear()
    with caplog.at_level(logging.INFO, "vedette.mqtt"):
        run(test)
    assert len(caplog.records) == 1, [record.__dict__ for record in caplog.records]
    return found[0]


def tls(broker: Mosquitto, ca: str, cert: str | None = None, key: str | None = None) -> Broker:
    url = f"mqtts://127.0.0.1:{broker.port}"
    return Broker.parse(url, ca_file=ca, cert_file=cert, key_file=key)


def test_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    fault, reason = failing(Broker.parse(f"mqtt://127.0.0.1:{free_port()}"), caplog)
    assert fault == "refused"
    assert reason.endswith(": Connection refused")


def test_a_name_without_address(caplog: pytest.LogCaptureFixture) -> None:
    fault, _ = failing(Broker(host="no..name", port=1883), caplog)
    assert fault == "name"


def test_credentials_that_are_not_right(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong\n")
    with Mosquitto(anonymous=False) as mosquitto:
        broker = Broker.parse(mosquitto.url, username="par-01", password_file=str(tmp_path / "password"))
        fault, reason = failing(broker, caplog)
    assert fault == "credentials"
    assert "0x87" in reason


def test_a_certificate_of_an_unknown_ca(caplog: pytest.LogCaptureFixture, pki: Pki) -> None:
    with Mosquitto(pki.config("server")) as mosquitto:
        fault, _ = failing(tls(mosquitto, pki.stranger), caplog)
    assert fault == "tls_untrusted"


def test_a_certificate_for_another_host(caplog: pytest.LogCaptureFixture, pki: Pki) -> None:
    with Mosquitto(pki.config("elsewhere")) as mosquitto:
        fault, reason = failing(tls(mosquitto, pki.own), caplog)
    assert fault == "tls_hostname"
    assert "127.0.0.1" in reason


def test_a_broker_that_wants_our_certificate(caplog: pytest.LogCaptureFixture, pki: Pki) -> None:
    """TLS 1.3 tells us after the handshake, in the place of CONNACK."""
    with Mosquitto(pki.config("server", "require_certificate true")) as mosquitto:
        fault, _ = failing(tls(mosquitto, pki.own), caplog)
    assert fault == "tls_rejected"


def test_a_rejection_is_read_also_when_we_come_too_late_to_speak(pki: Pki) -> None:
    """The broker hangs up between our part of the handshake and CONNECT: writing fails, the reason waits."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.own)
    context.load_cert_chain(pki.directory / "server.crt", pki.directory / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED

    def refuse(listener: socket.socket) -> None:
        with context.wrap_socket(
            listener.accept()[0], server_side=True, do_handshake_on_connect=False
        ) as peer:
            with pytest.raises(ssl.SSLError):
                peer.do_handshake()
            # With RST instead of FIN, as when something of ours was not read.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            refusing = asyncio.create_task(asyncio.to_thread(refuse, listener))
            client = ssl.create_default_context(cafile=pki.own)
            wire = await dial("127.0.0.1", listener.getsockname()[1], client, 20)
            await refusing
        with pytest.raises(OSError):  # noqa: PT011  which one is up to OpenSSL
            wire.send(b"CONNECT")
        wire.close()
        assert wire.failure is not None
        assert tls_failure(wire.failure, "127.0.0.1").fault == "tls_rejected"

    run(test)


def test_tls_on_a_port_without_it_and_the_other_way(caplog: pytest.LogCaptureFixture, pki: Pki) -> None:
    with Mosquitto() as mosquitto:
        fault, _ = failing(tls(mosquitto, pki.own), caplog)
        assert fault == "tls_handshake"
    with Mosquitto(pki.config("server")) as mosquitto:
        fault, _ = failing(Broker.parse(mosquitto.url), caplog)
        assert fault == "closed"


def test_a_certificate_that_vanished(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    broker = Broker.parse("mqtts://127.0.0.1:1", ca_file=str(tmp_path / "gone.pem"))
    fault, reason = failing(broker, caplog)
    assert fault == "files"
    assert "gone.pem" in reason


def test_a_certificate_identifies_us(pki: Pki) -> None:
    """User name and client id are the CN; the key's path may name the identity."""
    template = str(pki.directory / "{identity}")
    own = Path(template.replace("{identity}", "par-01"))
    for suffix in (".crt", ".key"):
        own.with_name(own.name + suffix).write_bytes((pki.directory / f"client{suffix}").read_bytes())
    config = pki.config("server", "require_certificate true", "use_identity_as_username true")

    async def test() -> None:
        with Mosquitto(config, anonymous=False, acl="pattern write to/%u\n") as mosquitto:
            broker = tls(mosquitto, pki.own, template + ".crt", template + ".key").of("par-01")
            async with Link(broker, "par-01").running() as agent:
                await agent.until(True)
                await agent.publish("to/par-01", b"x" * 200_000)

    run(test)


def test_a_black_hole_is_noticed_within_one_and_a_half_keepalives() -> None:
    """Keepalive 2 s: down within 3 s, though the socket never says a word; at 20 s that is 30 s.

    A busy machine may add to it, up to the two keepalives that the library alone would take at least.
    """

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Proxy(broker.port) as proxy,
                link(proxy.url, keepalive=2, backoff=5.0).running() as agent,
            ):
                await agent.until(True)
                proxy.swallow()
                began = time.monotonic()
                with pytest.raises(NotConnected):
                    await agent.publish("t", b"x")
                assert time.monotonic() - began < 3.9
                await agent.until(False)
                assert "nothing heard" in agent.reason

    run(test)


def test_an_idle_link_stays_up_by_pings() -> None:
    async def test() -> None:
        with Mosquitto() as broker:
            async with link(broker.url, keepalive=2).running() as agent:
                await agent.until(True)
                await until(lambda: broker.log.count("Received PINGREQ from par-01") >= 3)
                assert agent.counters.disconnects == 0

    run(test)


def test_the_wait_grows_with_full_jitter_and_never_falls_below_its_floor() -> None:
    """Drawn from 1 to what the outage has lasted, but at least 4 and at most 60 times the base."""
    base = 0.01
    drawn: list[tuple[float, float, float]] = []

    async def test() -> None:
        loop = asyncio.get_running_loop()

        def uniform(low: float, high: float) -> float:
            drawn.append((low, high, loop.time() - agent.since))  # it was never connected
            return high

        agent = link(f"mqtt://127.0.0.1:{free_port()}", backoff=base, uniform=uniform)
        async with agent.running():
            await until(lambda: len(drawn) >= 9)

    run(test)
    assert {low for low, _, _ in drawn} == {base}
    for _, high, lasted in drawn:
        assert high == pytest.approx(min(max(4 * base, lasted), 60 * base), rel=0.1, abs=2 * base)
    highs = [round(high / base) for _, high, _ in drawn]
    assert highs[0] >= 4
    assert highs[-1] == BACKOFF_CAP == 60


def test_a_connection_that_lasts_starts_the_backoff_afresh_and_one_that_flaps_does_not() -> None:
    """Below 0.6 s counts as flapping here, and a busy machine cuts it sooner than that."""
    highs: list[int] = []
    base = 0.2

    def uniform(low: float, high: float) -> float:
        highs.append(round(high / low))
        return low

    async def test() -> None:
        with Mosquitto() as broker:
            async with (
                Proxy(broker.port) as proxy,
                link(proxy.url, backoff=base, uniform=uniform).running() as agent,
            ):
                for _ in range(8):  # as soon as it is up it is cut
                    await agent.until(True)
                    await proxy.cut()
                    await agent.until(False)
                flaps = list(highs)
                await agent.until(True)
                await asyncio.sleep(base * 4)
                await proxy.cut()
                await agent.until(False)
                await agent.until(True)
                assert flaps == sorted(flaps)
                assert flaps[-1] > flaps[0]
                assert highs[-1] == highs[0]

    run(test)


def test_connects_of_a_flapping_link_keep_their_distance() -> None:
    """With a base of 0.1 s, a broker that hangs up at once sees at most 10 connections a second."""

    async def test() -> None:
        async with Proxy(1) as proxy:
            proxy.accepting = False
            uniform = random.Random(7).uniform
            async with link(
                proxy.url, backoff=0.1, uniform=lambda low, _: uniform(low, low)
            ).running() as agent:
                began = time.monotonic()
                await until(lambda: agent.counters.connect_failures["closed"] >= 6)
                assert proxy.accepted <= (time.monotonic() - began) * 10 + 1

    run(test)


def test_a_greeting_that_hangs_does_not_hide_the_loss() -> None:
    async def test() -> None:
        with Mosquitto() as broker:
            greeted = 0

            async def greet() -> None:
                nonlocal greeted
                greeted += 1
                await asyncio.Event().wait()

            async with link(broker.url, on_connect=greet).running() as agent:
                await agent.until(True)
                broker.kill()
                await agent.until(False)
                broker.start()
                await until(lambda: greeted == 2)

    run(test)


def test_a_refused_greeting_says_where_to_look(caplog: pytest.LogCaptureFixture) -> None:
    """As with the certificate of another host: the connection stands, and our own topic is not ours."""

    async def test() -> None:
        with Mosquitto(acl="topic write another\n") as broker:

            async def greet() -> None:
                await ours.publish("own", b"x")

            ours = link(broker.url, on_connect=greet)
            async with ours.running():
                await until(lambda: "greeting refused" in caplog.text)

    run(test)
    (record,) = [each for each in caplog.records if each.message == "greeting refused"]
    assert "does the certificate (or user name) say par-01" in str(vars(record))


def test_a_refused_subscription_is_said_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The rest of the link works: results still leave, and the log says why nothing comes back."""

    async def test() -> None:
        async with (
            rude_broker(b"", granted=0x87) as url,
            link(url, subscriptions=[Subscription("t")]).running() as agent,
        ):
            await agent.until(True)
            assert agent.counters.subscriptions_refused == 1
            assert "subscription refused" in caplog.text

    run(test)


def test_a_stop_during_connecting_leaves_nothing_open() -> None:
    """A peer that accepts and says nothing; the link is cancelled while it waits for CONNACK."""

    async def test() -> None:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.read(1) == b"\x10"
            asked.set()
            while await reader.read(1024):
                pass
            gone.set()
            writer.transport.abort()

        async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
            async with link(f"mqtt://127.0.0.1:{silent.sockets[0].getsockname()[1]}").running():
                await asked.wait()
            async with asyncio.timeout(10):
                await gone.wait()

    run(test)
