"""A broker that answers CONNECT and SUBSCRIBE and then does what a real one never does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CONNACK = bytes([0x20, 3, 0, 0, 0])


def publish(mid: int, payload: bytes = b"x", topic: bytes = b"t", qos: int = 1) -> bytes:
    """MQTT 5 section 3.3, payload shorter than 100 bytes."""
    ident = mid.to_bytes(2, "big") if qos else b""
    body = len(topic).to_bytes(2, "big") + topic + ident + b"\0" + payload
    return bytes([0x30 | qos << 1, len(body)]) + body


@asynccontextmanager
async def rude_broker(after: bytes, connack: bytes = CONNACK, granted: int = 1) -> AsyncIterator[str]:
    """The URL of a broker that sends *connack*, after SUBSCRIBE a SUBACK and *after*, then nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _packet(reader)
            writer.write(connack)
            subscribe = await _packet(reader)
            writer.write(b"\x90\x04" + subscribe[:2] + bytes([0, granted]) + after)
            while await reader.read(1024):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _packet(reader: asyncio.StreamReader) -> bytes:
    await reader.readexactly(1)
    length = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return await reader.readexactly(length)
