"""The demo world as a whole: starts its servers, breaks them as drills say, mends them again."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from vedette.up.world import names, pages
from vedette.up.world.certificates import Certificates, issue
from vedette.up.world.config import Ports, demo_configuration
from vedette.up.world.drill import PACE_INTERVAL, Drill, Phase, steps
from vedette.up.world.drills import drill, paced
from vedette.up.world.fleet import AGENTS
from vedette.up.world.listener import Listener, Serve, source_of
from vedette.up.world.nameserver import NameServer
from vedette.up.world.network import Network
from vedette.up.world.relay import Relay
from vedette.up.world.sickness import Sickness, WebBreak
from vedette.up.world.sites import SITES, Site
from vedette.up.world.web import Page, web_server

_CACHE_SECONDS = 10.0


class Running(NamedTuple):
    """A drill that goes on."""

    drill: Drill  # with the times of this world
    since: float  # seconds since the Unix epoch
    timetable: asyncio.Task[None]


class World:
    """Servers on loopback and a relay to the broker for each demo agent. `active`: the drills that run."""

    def __init__(
        self,
        directory: Path,
        broker_port: int,
        interval: float = PACE_INTERVAL,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._interval = interval
        self._say = say
        self._changing = asyncio.Lock()
        self._group = asyncio.TaskGroup()
        self._certificates: Certificates = issue(directory / "certificates", (names.SHOP, names.PAY))
        self._network = Network()
        self._pay_tls = _server_context(self._certificates.valid[names.PAY])
        self._resolvers = {name: NameServer(self._network, name) for name in ("public", "isp")}
        self._sick = Sickness()
        shop_tls = _server_context(self._certificates.valid[names.SHOP])
        self._listeners = {
            "shop-page": Listener(self._web("shop-page", names.SHOP, pages.SHOP), tls=shop_tls),
            "api-health": Listener(self._web("api-health", names.API, pages.WELL)),
            "pay-certificate": Listener(self._serve_pay, tls=self._pay_tls),
            "cache-ping": Listener(self._serve_cache),
        }
        self._listeners |= {site.check: Listener(self._site(site)) for site in SITES if site.kind != "dns"}
        self._relays = {agent.source: Relay(self._network, agent.source, broker_port) for agent in AGENTS}
        self._phases: dict[str, tuple[Phase, ...]] = {}  # what is broken now, by drill
        self.active: dict[str, Running] = {}

    def configuration(self, *, with_icmp: bool) -> str:
        ports = Ports(
            resolvers={name: server.port for name, server in self._resolvers.items()},
            servers={check: listener.port for check, listener in self._listeners.items()},
        )
        return demo_configuration(
            ports, self._certificates.authority, interval=self._interval, with_icmp=with_icmp
        )

    def relay_port(self, source: str) -> int:
        """Where the agent that sends from *source* finds the broker."""
        return self._relays[source].port

    def paced(self, one: Drill) -> Drill:
        """*one* with the times that it has here."""
        return paced(one, self._interval)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        servers: tuple[NameServer | Listener | Relay, ...] = (
            *self._resolvers.values(),
            *self._listeners.values(),
            *self._relays.values(),
        )
        await self._group.__aenter__()
        try:
            for server in servers:
                await server.open()
            yield
        finally:
            for running in self.active.values():
                running.timetable.cancel()
            # What was raised inside is no failure of the timetables, and passes as it is.
            await self._group.__aexit__(None, None, None)
            for source in self._sick.dark:
                self._network.mend(source)
            for server in servers:
                await server.close()

    async def start(self, name: str) -> bool:
        """Begin the drill *name*; False when it runs already. Raises VedetteError for a name that is none.

        What it breaks at once is broken when this returns.
        """
        one = self.paced(drill(name))
        if name in self.active:
            return False
        begun = asyncio.Event()
        timetable = self._group.create_task(self._timetable(one, begun), name=f"drill {name}")
        self.active[name] = Running(one, time.time(), timetable)
        await begun.wait()
        return True

    async def stop(self, name: str | None) -> list[str]:
        """Mend what *name* broke, or everything; returns the drills that this ended."""
        if name is not None:
            drill(name)
        ended = [one for one in self.active if name in (None, one)]
        for one in ended:
            running = self.active.pop(one)
            running.timetable.cancel()
            await asyncio.wait([running.timetable])
            await self._break(one, ())
        return ended

    async def _timetable(self, one: Drill, begun: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        before: tuple[Phase, ...] = ()
        for step in steps(one.phases):
            await asyncio.sleep(started + step.at - loop.time())
            await self._break(one.name, step.phases)
            for phase in step.phases:
                if phase not in before and len(one.phases) > 1 and begun.is_set():
                    self._say(f"drill {one.name}, {phase.name}: {phase.what}")
            before = step.phases
            begun.set()
        if not before:
            del self.active[one.name]
            self._say(f"drill {one.name} is over: all of it turns green again")

    async def _break(self, name: str, phases: tuple[Phase, ...]) -> None:
        """From now on *phases* are what the drill *name* breaks."""
        async with self._changing:
            self._phases.pop(name, None)
            if phases:
                self._phases[name] = phases
            breaks = (one for now in self._phases.values() for phase in now for one in phase.breaks)
            await self._fall(Sickness(breaks))

    async def _fall(self, sick: Sickness) -> None:
        before, self._sick = self._sick, sick
        for server in self._resolvers.values():
            server.faults = sick.names
        self._network.lossy = sick.lossy
        for check, listener in self._listeners.items():
            await listener.lose(sick.drops.get(check, 0.0))
        if sick.is_expired != before.is_expired:
            leaves = self._certificates.expired if sick.is_expired else self._certificates.valid
            self._pay_tls.load_cert_chain(leaves[names.PAY])
        for source in sick.dark - before.dark:
            self._network.cut(source)
            await self._relays[source].cut()
        for source in before.dark - sick.dark:
            self._network.mend(source)
            await self._relays[source].open()

    def _web(self, check: str, host: str, well: Page) -> Serve:
        def broken() -> dict[str, list[WebBreak]]:
            return self._sick.web

        page = pages.page_of(check, well, broken, self._resolvers["public"].port)
        return web_server(self._network, host, page)

    def _site(self, site: Site) -> Serve:
        return self._web(site.check, site.host, pages.WELL) if site.kind == "http" else self._greet

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._network.pass_through(source_of(writer))
        writer.write(b"ready\r\n")
        await writer.drain()

    async def _serve_pay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A handshake is all that anybody asks of it."""

    async def _serve_cache(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_CACHE_SECONDS):
            line = await reader.readuntil(b"\n")
        await self._network.pass_through(source_of(writer))
        writer.write(b"+PONG\r\n" if line.strip() == b"PING" else b"-ERR unknown command\r\n")
        await writer.drain()


def may_ping() -> bool:
    """Whether this process may open an ICMP socket of either kind, as its agents will have to."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


def _server_context(leaf: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(leaf)
    return context
