"""The demo's web servers: enough of HTTP/1.1 (RFC 9112) for a probe, one request a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple

from vedette.up.world.listener import Serve, source_of
from vedette.up.world.network import Network

_HEAD_SECONDS = 10.0


class Page(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: str


def web_server(network: Network, host: str, page: Callable[[], Awaitable[Page]]) -> Serve:
    """Serve *page*, as it is at that moment, to requests for *host*; 404 for another host."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        await network.pass_through(source_of(writer))
        method, asked = _request(head)
        if method is None:
            answer = Page(HTTPStatus.BAD_REQUEST, "text/plain", "This is no HTTP request.\n")
        elif asked != host:
            answer = Page(HTTPStatus.NOT_FOUND, "text/plain", f"{host} is served here.\n")
        else:
            answer = await page()
        writer.write(_encoded(answer, with_body=method != "HEAD"))
        await writer.drain()

    return serve


def _request(head: bytes) -> tuple[str | None, str]:
    """The method, None when there is none, and the host without its port."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None, ""
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "host":
            return words[0], value.strip().rsplit(":", 1)[0].lower()
    return words[0], ""


def _encoded(page: Page, *, with_body: bool) -> bytes:
    body = page.body.encode()
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
        f"Content-Type: {page.content_type}; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
