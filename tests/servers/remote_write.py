"""A receiver of remote write that answers with whatever bytes a test wants."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple


class Request(NamedTuple):
    line: str
    headers: dict[str, str]  # names in lower case
    body: bytes


NEVER = object()  # no answer, and the connection stays open
FLOOD = object()  # the piece before it again and again, until the reader goes away
Script = list[object]  # bytes, or one of these


def answer(status: int, text: str = "", **headers: str) -> Script:
    """A proper response; `retry_after` is Retry-After."""
    body = text.encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ["\r\n".join((*lines, "", "")).encode() + body]


class Receiver:
    """What came, in order; `answers` decides by the request and its number, from 0 on."""

    def __init__(self, port: int, answers: Callable[[Request, int], Script], scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}/api/v1/write"
        self.port = port
        self.answers = answers
        self.came: list[Request] = []
        self.open = 0  # connections
        self.most_open = 0
        self._news = asyncio.Event()

    async def until(self, count: int) -> list[Request]:
        """What came, once there are *count* requests."""
        while len(self.came) < count:
            self._news.clear()
            await self._news.wait()
        return self.came

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await _request(reader)
                script = self.answers(request, len(self.came))
                self.came.append(request)
                self._news.set()
                await _play(script, writer, reader)
        self.open -= 1
        writer.close()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.strip().split("\r\n")
    pairs = (each.partition(":") for each in rest)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Request(line, headers, await reader.readexactly(int(headers["content-length"])))


async def _play(script: Script, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
    last = b""
    for piece in script:
        if isinstance(piece, bytes):
            writer.write(piece)
            await writer.drain()
            last = piece
        elif piece is FLOOD:
            while True:
                writer.write(last)
                await writer.drain()
        else:
            await reader.read()  # until the other side gives up
            raise ConnectionResetError


@asynccontextmanager
async def receiver(
    answers: Callable[[Request, int], Script], tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Receiver]:
    """Listening on loopback."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await found.serve(reader, writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    found = Receiver(server.sockets[0].getsockname()[1], answers, "http" if tls is None else "https")
    try:
        yield found
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await server.wait_closed()
