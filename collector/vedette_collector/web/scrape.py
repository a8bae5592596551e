"""Serves /metrics: drives the generator of the page, and lets the loop serve others between two pieces."""

import asyncio
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

from aiohttp import web

from vedette_collector.board import Board
from vedette_collector.condition import Condition
from vedette_collector.exposition.page import pieces
from vedette_collector.exposition.text import CONTENT_TYPE

SEND_SECONDS: Final = 60.0  # a reader that takes longer is cut off: its page is held in memory meanwhile
GZIP_LEVEL: Final = 1  # label text compresses twentyfold at any level; this one costs least
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS  # zlib's way to ask for the gzip format


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


async def metrics(request: web.Request, board: Board, condition: Condition) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE, "Vary": "Accept-Encoding"})
    packer = None
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        response.headers["Content-Encoding"] = "gzip"
    text = pieces(board, condition, asyncio.get_running_loop().time())
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await response.prepare(request)
            if request.method != "HEAD":
                await _send(response, text, packer)
    except ConnectionResetError:
        pass  # the reader went away
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # an orderly end would look like a whole page
    return response


async def _send(response: web.StreamResponse, text: Iterator[str], packer: _Packer | None) -> None:
    for piece in text:
        data = piece.encode()
        if packer is not None:
            data = packer.compress(data)
        if data:
            await response.write(data)
        await asyncio.sleep(0)
    if packer is not None:
        await response.write(packer.flush())
    await response.write_eof()


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header names gzip without refusing it. RFC 9110 section 12.5.3."""
    for item in header.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
