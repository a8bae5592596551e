"""The HTTP server: routes, and the headers that every answer carries. Decides nothing."""

import asyncio
import errno
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http import HttpProcessingError

from vedette.errors import ConfigError, VedetteError
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.web import accounts, api, incidents, view
from vedette_collector.web.caching import tagged
from vedette_collector.web.door import ASK_SECONDS, MAX_CONNECTIONS, Door
from vedette_collector.web.events import Hub
from vedette_collector.web.hosts import guards
from vedette_collector.web.pages import KEEP_SECONDS, Pages
from vedette_collector.web.past import Past
from vedette_collector.web.scrape import metrics

log = logging.getLogger("vedette.collector.web")
_requests = logging.getLogger("vedette.collector.web.requests")

MAX_BODY_BYTES: Final = 1024  # nobody has to send us anything
MAX_SCRAPES: Final = 16  # at once; each holds its page until its reader has it
SHUTDOWN_SECONDS: Final = 2.0

# Nothing from elsewhere, nothing inline: text of a target that slipped through would stay text.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_STATIC: Final = {
    "vedette.css": "text/css",
    "vedette.js": "text/javascript",
    "vedette.svg": "image/svg+xml",
}


def _is_ours(record: logging.LogRecord) -> bool:
    """What is wrong with a request is told to who sent it: anybody could fill the log with it."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_requests.addFilter(_is_ours)


class Listen(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(text: str) -> Listen:
    """From `ADDRESS:PORT` or `[IPV6]:PORT`. Raises ConfigError."""
    hint = f"--listen {text}: expected ADDRESS:PORT, such as 127.0.0.1:9960 or [::1]:9960"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ConfigError(hint) from exc
    if not host or port is None or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ConfigError(hint)
    return Listen(host, port)


class Routes:
    """What stands behind every path."""

    def __init__(
        self,
        board: Board,
        condition: Condition,
        hub: Hub,
        reload: Callable[[], Awaitable[None]],
        store: Path | None = None,
    ) -> None:
        """*store*: the file of the history; None where nothing is kept."""
        self._board = board
        self._condition = condition
        self._hub = hub
        self._reload = reload
        self._past = Past(store)
        self._scrapes = 0  # in progress
        self._pages = Pages(board, condition)
        self._accounts: tuple[float, accounts.Overview | None] = (0.0, None)
        self._static = {
            name: files("vedette_collector.web").joinpath("static", name).read_bytes() for name in _STATIC
        }

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.on_response_prepare.append(_add_headers)
        app.router.add_get("/", self._status)
        app.router.add_get("/incidents", self._incidents)
        app.router.add_get("/incidents/{id}", self._incident)
        app.router.add_get("/checks/{name}", self._check)
        app.router.add_get("/evidence/{name}/{agent}", self._evidence_page)
        app.router.add_get("/events", self._hub.serve, allow_head=False)
        app.router.add_get("/static/{name}", self._file)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/-/healthy", self._healthy)
        app.router.add_get("/-/ready", self._ready)
        app.router.add_post("/-/reload", self._reloaded)
        app.router.add_get("/api/v1/agents", self._agents)
        app.router.add_get("/api/v1/checks", self._checks)
        app.router.add_get("/api/v1/results", self._results)
        app.router.add_get("/api/v1/evidence", self._evidence)
        app.router.add_get("/api/v1/ledger", self._ledger)
        app.router.add_get("/api/v1/incidents", self._incident_list)
        app.router.add_get("/api/v1/history", self._history, allow_head=False)
        return app

    async def _status(self, request: web.Request) -> web.Response:
        return tagged(request, self._pages.status(_now()), "text/html")

    async def _incidents(self, request: web.Request) -> web.Response:
        return tagged(request, self._pages.incidents(_now()), "text/html")

    async def _incident(self, request: web.Request) -> web.Response:
        page = self._pages.incident(request.match_info["id"], _now())
        if page is None:
            return web.Response(
                status=404, text="No incident of this ID is known. All incidents: /incidents\n"
            )
        return tagged(request, page, "text/html")

    async def _check(self, request: web.Request) -> web.Response:
        page = self._pages.check(request.match_info["name"], _now())
        if page is None:
            return web.Response(status=404, text="There is no check of this name. All checks: /\n")
        return tagged(request, page, "text/html")

    async def _evidence_page(self, request: web.Request) -> web.Response:
        page = self._pages.evidence(request.match_info["name"], request.match_info["agent"], _now())
        if page is None:
            return web.Response(status=404, text="No agent of this name runs such a check. All checks: /\n")
        return tagged(request, page, "text/html")

    async def _file(self, request: web.Request) -> web.Response:
        body = self._static.get(request.match_info["name"])
        if body is None:
            raise web.HTTPNotFound
        return tagged(request, body, _STATIC[request.match_info["name"]])

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if self._scrapes >= MAX_SCRAPES:
            return web.Response(status=503, text="too many scrapes at once\n", headers={"Retry-After": "5"})
        self._scrapes += 1
        try:
            return await metrics(request, self._board, self._condition)
        finally:
            self._scrapes -= 1

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def _ready(self, request: web.Request) -> web.Response:
        reasons = self._condition.not_ready()
        if reasons:
            return web.Response(status=503, text="".join(f"not ready: {reason}\n" for reason in reasons))
        return web.Response(text="ready\n")

    async def _reloaded(self, request: web.Request) -> web.Response:
        if _is_foreign(request):
            return web.Response(status=403, text="not from a browser\n")
        try:
            await self._reload()
        except ConfigError as exc:
            return web.Response(status=400, text=f"{exc}\n")
        return web.Response(text="reloaded\n")

    async def _agents(self, request: web.Request) -> web.Response:
        return api.agents(request, self._board, _now().mono)

    async def _checks(self, request: web.Request) -> web.Response:
        return api.checks(request, self._board, _now().mono)

    async def _results(self, request: web.Request) -> web.Response:
        return api.results(request, self._board, _now().mono)

    async def _evidence(self, request: web.Request) -> web.Response:
        return api.evidence(request, self._board)

    async def _incident_list(self, request: web.Request) -> web.Response:
        now = _now()
        watch = view.watch(self._board, now.mono)
        return incidents.incidents(request, self._board, self._condition.docket, watch, now.wall)

    async def _history(self, request: web.Request) -> web.Response:
        return await self._past.serve(request, _now().wall)

    async def _ledger(self, request: web.Request) -> web.Response:
        now = _now()
        at, shown = self._accounts
        if shown is None or now.mono - at >= KEEP_SECONDS:
            shown = accounts.overview(self._board, self._condition, now)
            self._accounts = now.mono, shown
        return api.ledger(request, shown)


@asynccontextmanager
async def serving(app: web.Application, where: Listen) -> AsyncIterator[Listen]:
    """Serve while the block runs; yields the address with the real port. Raises VedetteError."""
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS, logger=_requests
    )
    door = Door(lambda: _protocol(runner), MAX_CONNECTIONS, ASK_SECONDS)
    app.middlewares.extend((door.middleware, *guards(where.host)))
    await runner.setup()
    try:
        try:
            server = await asyncio.get_running_loop().create_server(door, where.host, where.port, backlog=128)
        except OSError as exc:
            raise VedetteError(_cannot_listen(where, exc)) from exc
        try:
            yield Listen(where.host, server.sockets[0].getsockname()[1])
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _protocol(runner: web.AppRunner) -> asyncio.Protocol:
    assert runner.server is not None  # it is set up
    return runner.server()


def _cannot_listen(where: Listen, exc: OSError) -> str:
    match exc.errno:
        case errno.EADDRINUSE:
            return f"--listen {where}: another program listens there; stop it or choose another port"
        case errno.EACCES:
            return f"--listen {where}: not allowed; choose a port above 1023"
        case _:
            return f"--listen {where}: cannot listen there: {exc.strerror or exc}"


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _is_foreign(request: web.Request) -> bool:
    """Whether a browser sent this: no page of ours does, and programs send neither header.

    That Origin and Host agree proves nothing: a site whose name is made to point here is its own origin.
    """
    return "Origin" in request.headers or "Sec-Fetch-Site" in request.headers


def _now() -> Moment:
    return Moment(time.time(), asyncio.get_running_loop().time())
