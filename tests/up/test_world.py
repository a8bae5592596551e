"""The demo world answers as its checks expect, and each drill breaks exactly what it says."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest

from up.up_helpers import until
from vedette.checks import read
from vedette.checks.model import DnsCheck, Endpoint, HttpCheck, IcmpCheck, TcpCheck, TlsCheck
from vedette.errors import VedetteError
from vedette.up import control
from vedette.up.world import names
from vedette.up.world.breaks import Fault
from vedette.up.world.drills import DRILLS, drill
from vedette.up.world.fleet import DARK_AGENT, SOURCES
from vedette.up.world.listener import Listener
from vedette.up.world.network import Network
from vedette.up.world.relay import Relay
from vedette.up.world.world import World
from vedette.up.world.zone import answer
from vedette.wire.failure import Failure

LIT, DARK = "127.0.1.1", SOURCES[DARK_AGENT]
ANSWER_SECONDS = 2.0


class View:
    """What each check of the demo would see, without an agent: one word a check."""

    def __init__(self, world: World, file: Path) -> None:
        file.write_text(world.configuration(with_icmp=False))
        self.checks = read.load(file).checks

    async def __call__(self, source: str = LIT) -> dict[str, str]:
        async with asyncio.TaskGroup() as group:
            seen = {check.name: group.create_task(self._seen(check, source)) for check in self.checks}
        return {name: task.result() for name, task in seen.items()}

    async def _seen(self, check: object, source: str) -> str:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                match check:
                    case DnsCheck(server=Endpoint() as server):
                        return await _dns(check.query_name, check.rdtype, server, source, check.transport)
                    case HttpCheck(url=url):
                        host, _, port = url.split("/")[2].partition(":")
                        tls = _client_context(check.tls.ca_file) if url.startswith("https") else None
                        path = "/" + url.split("/", 3)[3]
                        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
                        return (await _talk(int(port), source, request, tls, host)).decode()
                    case TcpCheck(port=port, send=send):
                        return (await _talk(port, source, send or "")).decode()
                    case TlsCheck(host=host, port=port):
                        await _talk(port, source, "", _client_context(check.tls.ca_file), host)
                        return "valid"
                    case _:
                        raise AssertionError(check)
        except TimeoutError:
            return "timeout"
        except ssl.SSLCertVerificationError as exc:
            return exc.verify_message


def _client_context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    return context


async def _dns(name: str, rdtype: str, server: Endpoint, source: str, transport: str) -> str:
    query = dns.message.make_query(name, rdtype)
    ask = dns.asyncquery.tcp if transport == "tcp" else dns.asyncquery.udp
    reply = await ask(query, server.address, port=server.port, source=source)
    return f"{dns.rcode.to_text(reply.rcode())} {sum(len(rrset) for rrset in reply.answer)}"


async def _talk(
    port: int, source: str, request: str, tls: ssl.SSLContext | None = None, host: str = ""
) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(source, 0), ssl=tls, server_hostname=host if tls else None
    )
    try:
        writer.write(request.encode())
        return await reader.read(65536)
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            pass


@asynccontextmanager
async def demo(directory: Path) -> AsyncIterator[tuple[World, View]]:
    world = World(directory, broker_port=1)
    async with world.running():
        yield world, View(world, directory / "demo.yaml")


def run(directory: Path, scenario: Callable[[World, View], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with demo(directory) as (world, view):
            await scenario(world, view)

    asyncio.run(whole())


BROKEN = {
    "dynamodb-dns": "NOERROR 0",
    "login-nxdomain": "NXDOMAIN 0",
    "video-servfail": "SERVFAIL 0",
    "edge-502": "HTTP/1.1 502",
    "api-degraded": "HTTP/1.1 200",
    "tcp-blackhole": "timeout",
    "cert-expired": "certificate has expired",
}


def test_healthy_answers(tmp_path: Path) -> None:
    async def scenario(world: World, view: View) -> None:
        seen = await view()
        assert seen["dynamodb-dns"] == "NOERROR 2"
        assert seen["shop-dns"] == "NOERROR 3"  # two CNAMEs and an address
        assert seen["zone-serial"] == "NOERROR 1"
        assert "Welcome" in seen["shop-page"]
        assert '"status": "ok"' in seen["api-health"]
        assert seen["cache-ping"] == "+PONG\r\n"
        assert seen["pay-certificate"] == "valid"

    run(tmp_path, scenario)


def test_all_five_kinds_are_there_and_icmp_only_where_it_is_allowed(tmp_path: Path) -> None:
    async def scenario(world: World, view: View) -> None:
        file = tmp_path / "all.yaml"
        file.write_text(world.configuration(with_icmp=True))
        kinds = {type(check) for check in read.load(file).checks}
        assert kinds == {DnsCheck, HttpCheck, TcpCheck, TlsCheck, IcmpCheck}
        assert {type(check) for check in view.checks} == kinds - {IcmpCheck}

    run(tmp_path, scenario)


def test_each_drill_breaks_its_own_check_and_no_other_and_mends_it(tmp_path: Path) -> None:
    async def scenario(world: World, view: View) -> None:
        healthy = await view()
        for name, sign in BROKEN.items():
            assert await world.start(name)
            assert not await world.start(name), "a second start changes nothing"
            seen = await view()
            changed = {check for check in healthy if seen[check] != healthy[check]}
            assert changed == set(DRILLS[name].checks), name
            assert seen[DRILLS[name].checks[0]].startswith(sign), name
            assert await world.stop(name) == [name]
            assert await view() == healthy, name

    run(tmp_path, scenario)


def test_several_drills_at_once_and_one_stop_for_all(tmp_path: Path) -> None:
    async def scenario(world: World, view: View) -> None:
        healthy = await view()
        for name in BROKEN:
            await world.start(name)
        seen = await view()
        assert {check for check in healthy if seen[check] != healthy[check]} == {
            check for name in BROKEN for check in DRILLS[name].checks
        }
        assert await world.stop(None) == list(BROKEN)
        assert await view() == healthy
        assert await world.stop(None) == []

    run(tmp_path, scenario)


def test_a_dark_vantage_hears_nothing_and_its_neighbours_everything(tmp_path: Path) -> None:
    async def scenario(world: World, view: View) -> None:
        healthy = await view()
        await world.start("vantage-dark")
        assert await view(LIT) == healthy
        dark = await view(DARK)
        # The handshake is the kernel's and the TLS layer's; what a check expects after it does not come.
        assert set(dark.values()) - {dark["pay-certificate"]} == {"timeout"}
        await world.stop("vantage-dark")
        assert await view(DARK) == healthy

    run(tmp_path, scenario)


def test_every_drill_tells_a_real_failure_code_and_real_checks(tmp_path: Path) -> None:
    codes = set(Failure)

    async def scenario(world: World, view: View) -> None:
        known = {check.name for check in view.checks}
        for one in DRILLS.values():
            assert set(one.checks) <= known
            assert one.failure is None or one.failure in codes
            assert one.checks or one.agents

    run(tmp_path, scenario)


def test_an_unknown_drill_gets_a_suggestion() -> None:
    with pytest.raises(VedetteError, match='there is no drill "dynamo-dns"; did you mean "dynamodb-dns"'):
        drill("dynamo-dns")
    with pytest.raises(VedetteError, match="vedette drill list"):
        drill("zzz")


def test_a_black_hole_drops_and_does_not_refuse_and_keeps_its_port() -> None:
    """Connections time out while it lasts; those that exist go on; afterwards all is as before."""

    async def scenario() -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)

        listener = Listener(echo)
        await listener.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        for _ in range(2):
            await listener.lose(1.0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"still here\n")
            assert await reader.readline() == b"still here\n"
            await listener.open()
            assert await _talk_line(listener.port, b"hello\n") == b"hello\n"
        writer.close()
        await writer.wait_closed()
        await listener.close()
        with socket.create_server(("127.0.0.1", listener.port)):
            pass  # the port is free again

    asyncio.run(scenario())


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Behind the session tickets of TLS 1.3 they would, for the 40 ms of the client's delayed ACK."""

    async def scenario() -> int:
        async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            writer.write(b"%d\n" % accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        listener = Listener(tell)
        await listener.open()
        told = await _talk_line(listener.port, b"")
        await listener.close()
        return int(told)

    assert asyncio.run(scenario()) == 1


async def _talk_line(port: int, line: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(line)
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_cut_relay_carries_nothing_and_then_all_of_it() -> None:
    """Bytes sent into the dark arrive once it is mended: the connection outlived it, as TCP does."""

    async def scenario() -> None:
        received = bytearray()

        async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                received.extend(data)

        far = Listener(broker)
        await far.open()
        network = Network()
        relay = Relay(network, DARK, far.port)
        await relay.open()
        _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"one ")
        await until(lambda: bytes(received) == b"one ", 10, "the first word")
        network.cut(DARK)
        await relay.cut()
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.open_connection("127.0.0.1", relay.port)
        assert bytes(received) == b"one "
        network.mend(DARK)
        await relay.open()
        await until(lambda: bytes(received) == b"one two", 10, "the second word")
        writer.close()
        await writer.wait_closed()
        await relay.close()
        await far.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("name", "rdtype", "faults", "expected"),
    [
        (names.TABLE, "A", {}, ("NOERROR", 2, True)),
        (names.TABLE.upper(), "A", {names.TABLE: Fault.NODATA}, ("NOERROR", 0, True)),
        (names.TABLE, "AAAA", {}, ("NOERROR", 0, True)),
        ("us-east-1.cloud.example", "A", {}, ("NOERROR", 0, True)),  # only has a name below it
        ("nobody.cloud.example", "A", {}, ("NXDOMAIN", 0, True)),
        (names.VIDEO, "A", {names.VIDEO: Fault.SERVFAIL}, ("SERVFAIL", 0, False)),
        ("elsewhere.test", "A", {}, ("REFUSED", 0, False)),
    ],
)
def test_the_zone_says(
    name: str, rdtype: str, faults: dict[str, Fault], expected: tuple[str, int, bool]
) -> None:
    reply = answer(dns.message.make_query(name, rdtype), faults)
    count = sum(len(rrset) for rrset in reply.answer)
    assert (dns.rcode.to_text(reply.rcode()), count, bool(reply.flags & dns.flags.AA)) == expected
    # RFC 2308 2: a negative answer of an authority carries its SOA.
    assert bool(reply.authority) == (expected[2] and count == 0)


def test_garbage_and_answers_get_no_answer(tmp_path: Path) -> None:
    """A server that answered responses could be made to talk with another for ever."""

    async def scenario(world: World, view: View) -> None:
        server = next(check.server for check in view.checks if isinstance(check, DnsCheck))
        assert server is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            response = dns.message.make_query(names.TABLE, "A")
            response.flags |= dns.flags.QR
            for datagram in (b"", b"\x00" * 11, b"\xff" * 5000, response.to_wire()):
                client.sendto(datagram, server)
            client.sendto(dns.message.make_query(names.TABLE, "A", id=7).to_wire(), server)
            async with asyncio.timeout(10):
                first = await asyncio.get_running_loop().sock_recv(client, 4096)
        assert first[:2] == b"\x00\x07"

    run(tmp_path, scenario)


def test_control_answers_over_a_socket_however_deep_its_directory(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)

    async def scenario() -> None:
        async def handle(request: control.Request) -> control.Reply:
            if request.name == "bad":
                raise VedetteError("no such thing")
            return control.Reply(changed=[request.do])

        async with control.serving(deep, handle):
            reply = await asyncio.to_thread(control.ask, deep, control.Request(do="stop"))
            assert reply.changed == ["stop"]
            with pytest.raises(VedetteError, match="no such thing"):
                await asyncio.to_thread(control.ask, deep, control.Request(do="start", name="bad"))
            reader, writer = await asyncio.open_unix_connection(_within(deep))
            writer.write(b'{"do": "explode"}\n')
            assert b"not a request" in await reader.readline()
            writer.close()
            await writer.wait_closed()
        assert list(deep.iterdir()) == []
        with pytest.raises(VedetteError, match="no demo world runs in"):
            control.ask(deep, control.Request(do="list"))

    def _within(directory: Path) -> str:
        os.chdir(directory)
        return "control.sock"

    before = Path.cwd()
    try:
        asyncio.run(scenario())
    finally:
        os.chdir(before)
