"""Asks the collector's page whether it is ready and which agents it sees."""

import asyncio
from typing import Final

from msgspec import DecodeError, Struct, ValidationError, json

from vedette.up.ports import LOOPBACK

_SECONDS: Final = 2.0
_MOST_BYTES: Final = 8 * 1024 * 1024
_AGENTS: Final = "/api/v1/agents?limit=10000"


class _Agent(Struct, frozen=True):
    name: str
    connected: bool


class _Agents(Struct, frozen=True):
    agents: list[_Agent]


async def is_ready(port: int) -> bool:
    return await get(port, "/-/ready") is not None


async def connected_agents(port: int) -> set[str]:
    """The agents that the collector sees now; empty while it gives no answer."""
    body = await get(port, _AGENTS)
    if body is None:
        return set()
    try:
        listed = json.decode(body, type=_Agents)
    except (DecodeError, ValidationError):
        return set()
    return {agent.name for agent in listed.agents if agent.connected}


async def get(port: int, path: str) -> bytes | None:
    """The body of a page on loopback; None unless it comes whole, in time and with status 200."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                # HTTP/1.0: the end of the connection is the end of the body.
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}:{port}\r\n\r\n".encode())
                answer = await _all(reader)
            finally:
                writer.close()
    except OSError:  # TimeoutError is one
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return body if head.split(b" ", 2)[1:2] == [b"200"] else None


async def _all(reader: asyncio.StreamReader) -> bytes:
    chunks = bytearray()
    while chunk := await reader.read(64 * 1024):
        chunks += chunk
        if len(chunks) > _MOST_BYTES:
            break
    return bytes(chunks)
