"""The demo world as a whole: starts its servers, breaks them for a drill, mends them again."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Final

from vedette.up.world import names
from vedette.up.world.certificates import Certificates, issue
from vedette.up.world.config import AGENTS, DARK_AGENT, Ports, demo_configuration
from vedette.up.world.drills import drill
from vedette.up.world.listener import Listener, source_of
from vedette.up.world.nameserver import NameServer
from vedette.up.world.network import Network
from vedette.up.world.relay import Relay
from vedette.up.world.web import Page, web_server
from vedette.up.world.zone import Fault

_CACHE_SECONDS = 10.0
_DARK_SOURCE: Final = next(agent.source for agent in AGENTS if agent.name == DARK_AGENT)
_DNS_FAULTS: Final = {
    "dynamodb-dns": (names.TABLE, Fault.NODATA),
    "login-nxdomain": (names.LOGIN, Fault.NXDOMAIN),
    "video-servfail": (names.VIDEO, Fault.SERVFAIL),
}

_SHOP = Page(HTTPStatus.OK, "text/html", "<!doctype html><title>Shop</title><h1>Welcome</h1>\n")
_SHOP_BROKEN = Page(HTTPStatus.BAD_GATEWAY, "text/html", "<!doctype html><title>502 Bad Gateway</title>\n")
_API = Page(HTTPStatus.OK, "application/json", '{"status": "ok", "region": "us-east-1"}\n')
_API_DEGRADED = Page(HTTPStatus.OK, "application/json", '{"status": "degraded", "region": "us-east-1"}\n')


class World:
    """Servers on loopback and a relay to the broker for each demo agent. `active`: the running drills."""

    def __init__(self, directory: Path, broker_port: int) -> None:
        self._changing = asyncio.Lock()
        self._certificates: Certificates = issue(directory / "certificates", (names.SHOP, names.PAY))
        self._network = Network()
        self._shop_tls = _server_context(self._certificates.valid[names.SHOP])
        self._pay_tls = _server_context(self._certificates.valid[names.PAY])
        self._nameserver = NameServer(self._network)
        self._shop = Listener(web_server(self._network, names.SHOP, self._shop_page), tls=self._shop_tls)
        self._api = Listener(web_server(self._network, names.API, self._api_page))
        self._pay = Listener(self._serve_pay, tls=self._pay_tls)
        self._cache = Listener(self._serve_cache)
        self._relays = {agent.source: Relay(self._network, agent.source, broker_port) for agent in AGENTS}
        self.active: list[str] = []

    def configuration(self, *, with_icmp: bool) -> str:
        ports = Ports(
            self._nameserver.port, self._shop.port, self._api.port, self._pay.port, self._cache.port
        )
        return demo_configuration(ports, self._certificates.authority, with_icmp=with_icmp)

    def relay_port(self, source: str) -> int:
        """Where the agent that sends from *source* finds the broker."""
        return self._relays[source].port

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        servers: tuple[NameServer | Listener | Relay, ...] = (
            self._nameserver,
            self._shop,
            self._api,
            self._pay,
            self._cache,
            *self._relays.values(),
        )
        try:
            for server in servers:
                await server.open()
            yield
        finally:
            self._network.mend(_DARK_SOURCE)
            for server in servers:
                await server.close()

    async def start(self, name: str) -> bool:
        """Begin the drill *name*; False when it runs already. Raises VedetteError for a name that is none."""
        drill(name)
        async with self._changing:
            if name in self.active:
                return False
            await self._set(name, broken=True)
            self.active.append(name)
            return True

    async def stop(self, name: str | None) -> list[str]:
        """Mend what *name* broke, or everything; returns the drills that this ended."""
        if name is not None:
            drill(name)
        async with self._changing:
            ended = [one for one in self.active if name in (None, one)]
            for one in ended:
                await self._set(one, broken=False)
                self.active.remove(one)
            return ended

    async def _set(self, name: str, *, broken: bool) -> None:
        match name:
            case "tcp-blackhole":
                await (self._cache.fall_silent() if broken else self._cache.open())
            case "cert-expired":
                leaves = self._certificates.expired if broken else self._certificates.valid
                self._pay_tls.load_cert_chain(leaves[names.PAY])
            case "vantage-dark":
                await self._set_dark(broken)
            case _ if name in _DNS_FAULTS:
                owner, fault = _DNS_FAULTS[name]
                if broken:
                    self._nameserver.faults[owner] = fault
                else:
                    del self._nameserver.faults[owner]
            case _:
                pass  # the page functions look at `active`

    async def _set_dark(self, broken: bool) -> None:
        relay = self._relays[_DARK_SOURCE]
        if broken:
            self._network.cut(_DARK_SOURCE)
            await relay.cut()
        else:
            self._network.mend(_DARK_SOURCE)
            await relay.open()

    def _shop_page(self) -> Page:
        return _SHOP_BROKEN if "edge-502" in self.active else _SHOP

    def _api_page(self) -> Page:
        return _API_DEGRADED if "api-degraded" in self.active else _API

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
