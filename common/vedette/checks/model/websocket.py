"""One WebSocket."""

from vedette.checks.model.base import BaseCheck, Endpoint
from vedette.checks.model.tcp import DialogueStep
from vedette.checks.model.tls import TlsOptions


class WebsocketCheck(BaseCheck, frozen=True, kw_only=True, tag="websocket"):
    host: str
    port: int
    authority: str  # what the Host header says
    path: str  # with the query
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()  # offered, the preferred first
    resolver: Endpoint | None = None
    dialogue: tuple[DialogueStep, ...] = ()  # of texts
    tls: TlsOptions | None = None  # None: ws
    subprotocol: str | None = None  # that the server must choose
