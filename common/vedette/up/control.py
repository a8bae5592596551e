"""How `vedette drill` talks to a running world: a JSON line each way over a Unix socket in its directory.

Who may open the data directory may run drills; it is private to the user.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, Literal

from msgspec import DecodeError, Struct, ValidationError, json

from vedette.errors import VedetteError
from vedette.up.world.drill import Drill

_NAME: Final = "control.sock"
_LINE_BYTES: Final = 256 * 1024
_REPLY_SECONDS: Final = 10.0


class Request(Struct, frozen=True, kw_only=True):
    do: Literal["list", "start", "stop"]
    name: str | None = None


class DrillState(Drill, frozen=True, kw_only=True):
    active: bool
    since: float | None = None  # seconds since the Unix epoch, of one that is active


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    drills: list[DrillState] = []
    changed: list[str] = []  # what this request started or stopped
    page_port: int = 0  # where the collector of this world tells its incidents
    error: str | None = None


Handler = Callable[[Request], Awaitable[Reply]]


@contextlib.asynccontextmanager
async def serving(directory: Path, handle: Handler) -> AsyncIterator[None]:
    """Answer requests while the context lasts. *handle* may raise VedetteError: the client gets its words."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                reply = await _replied(await reader.readline(), handle)
                writer.write(json.encode(reply) + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # the client went away, or sent a line beyond the limit
        finally:
            writer.close()

    with _short(directory) as path:  # open until the end: Python 3.13 removes the socket by that path
        (directory / _NAME).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(serve, path, limit=_LINE_BYTES)
        try:
            yield
        finally:
            server.close()
            (directory / _NAME).unlink(missing_ok=True)


async def _replied(line: bytes, handle: Handler) -> Reply:
    try:
        return await handle(json.decode(line, type=Request))
    except (DecodeError, ValidationError) as exc:
        return Reply(error=f"not a request: {exc}")
    except VedetteError as exc:
        return Reply(error=str(exc))


def ask(directory: Path, request: Request) -> Reply:
    """Send *request* to the world in *directory*. Raises VedetteError when none answers, or it refuses."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, _short(directory) as path:
            connection.settimeout(_REPLY_SECONDS)
            connection.connect(path)
            connection.sendall(json.encode(request) + b"\n")
            with connection.makefile("rb") as answer:
                line = answer.readline(_LINE_BYTES)
        reply = json.decode(line, type=Reply)
    except (OSError, DecodeError) as exc:
        raise VedetteError(f"no demo world runs in {directory}; start one with: vedette up") from exc
    if reply.error is not None:
        raise VedetteError(reply.error)
    return reply


@contextlib.contextmanager
def _short(directory: Path) -> Iterator[str]:
    """A path to the socket that fits sun_path (unix(7), 108 bytes), however deep *directory* lies."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{_NAME}"
    finally:
        os.close(opened)
