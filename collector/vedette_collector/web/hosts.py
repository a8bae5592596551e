"""Who a request may call us: keeps web sites from reading a collector that only its own host can reach.

A site can make its own name point to 127.0.0.1 once the browser has loaded it (DNS rebinding), and is then,
for the browser, the origin of our pages. Its requests still carry its name. A collector that listens beyond
loopback can be reached under names that it does not know, and answers to any.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_REFUSAL = """This collector listens on loopback and answers to localhost, 127.0.0.1 or [::1] only,
so that no web site can read it through a browser. A reverse proxy has to send one of these as Host.
"""


def is_loopback(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@web.middleware
async def _local(request: web.Request, handler: Handler) -> web.StreamResponse:
    said = request.headers.get("Host")  # programs of HTTP/1.0 may send none, browsers always do
    if said is not None and not _names_us(said):
        return web.Response(status=421, text=_REFUSAL)  # RFC 9110 15.5.20
    return await handler(request)


def guards(listening: str) -> list[Middleware]:
    """What to put before the routes of a server that listens on *listening*."""
    return [_local] if is_loopback(listening) else []


def _names_us(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
