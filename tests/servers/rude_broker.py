"""A broker that answers CONNECT and SUBSCRIBE and then does what a real one never does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CONNACK = bytes([0x20, 3, 0, 0, 0])


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + number(len(body)) + body


def number(value: int) -> bytes:
    """A variable byte integer. MQTT 5 section 1.5.5."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def publish(
    mid: int, payload: bytes = b"x", topic: bytes = b"t", qos: int = 1, properties: bytes = b""
) -> bytes:
    """MQTT 5 section 3.3."""
    ident = mid.to_bytes(2, "big") if qos else b""
    head = len(topic).to_bytes(2, "big") + topic + ident + number(len(properties)) + properties
    return packet(0x30 | qos << 1, head + payload)


@asynccontextmanager
async def rude_broker(
    after: bytes, connack: bytes = CONNACK, granted: int = 1, codes: bytes | None = None
) -> AsyncIterator[str]:
    """The URL of a broker that sends *connack*, after SUBSCRIBE a SUBACK and *after*, then nothing.

    *codes*: the reason codes of the SUBACK; by default one, *granted*.
    """
    answers = bytes([granted]) if codes is None else codes

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _packet(reader)
            writer.write(connack)
            subscribe = await _packet(reader)
            writer.write(bytes([0x90, 3 + len(answers)]) + subscribe[:2] + b"\0" + answers + after)
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
