"""An agent's way to the broker, which can be cut without a word to either end."""

import asyncio

from vedette.up.ports import LOOPBACK
from vedette.up.world.listener import Listener
from vedette.up.world.network import Network

_CHUNK_BYTES = 64 * 1024


class Relay:
    """Copies bytes between an agent and the broker while the network of *source* works.

    Cut, it behaves as a dead path does: connections stay open and carry nothing, not even their end, and new
    ones are not answered.
    """

    def __init__(self, network: Network, source: str, broker_port: int) -> None:
        self._network = network
        self._source = source
        self._broker_port = broker_port
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    async def open(self) -> None:
        await self._listener.open()

    async def cut(self) -> None:
        await self._listener.lose(1.0)

    async def close(self) -> None:
        await self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._broker_port)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far_writer), name="relay to broker")
                pumps.create_task(self._pump(far_reader, writer), name="relay to agent")
        finally:
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await self._network.pass_through(self._source)
                writer.write(data)
                await writer.drain()
            await self._network.pass_through(self._source)
        except OSError:
            pass  # one side broke; closing the other side tells it so
        finally:
            writer.close()
