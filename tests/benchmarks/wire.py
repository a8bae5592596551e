"""Bytes on the wire for each result, MQTT included, in batches of 100.

The agent's own publisher sends the results of a mixed fleet through Mosquitto to a real collector, which
acknowledges them. A relay between agent and broker counts the bytes of each PUBLISH with results: fixed
header, topic, properties and payload. An hour of each check at an interval of 30 s, the facts that come whole
at its beginning included.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator

from benchmarks import mixed
from benchmarks.figure import Figure, median_figure
from benchmarks.settings import Settings
from benchmarks.site import Site
from vedette.mqtt import Broker
from vedette.wire import limits
from vedette_agent.delivery.publish import Publisher
from vedette_agent.delivery.talk import Vitals

CHECKS = limits.BATCH_RESULTS
ROUNDS = 120
INTERVAL_US = 30_000_000
_PUBLISH = 0x30


def figures(settings: Settings) -> Iterator[Figure]:
    weights, later, acks = zip(
        *(_round(settings, ROUNDS, seed) for seed in range(settings.runs)), strict=True
    )
    note = f"batches of {CHECKS}, MQTT included, {ROUNDS} runs of each check"
    yield median_figure("wire_bytes_per_result", weights, "B", note=note)
    yield median_figure(
        "wire_bytes_per_result_later", later, "B", note=f"{note}; without the first three of them"
    )
    yield median_figure(
        "wire_bytes_of_acks_per_result", acks, "B", note="from the collector, as the agent gets them"
    )


def _round(settings: Settings, rounds: int, seed: int) -> tuple[float, float, float]:
    # The interval is what the collector allows the agent by: an hour goes in seconds here.
    with Site(settings.scratch, mixed.config(1, CHECKS, interval=1.0)) as site:
        return asyncio.run(_send(site.broker_port, rounds, seed))


class Relay:
    """Between one client and the broker; counts the bytes of PUBLISH packets by their direction and lane."""

    def __init__(self, port: int) -> None:
        self.sizes: Counter[str] = Counter()
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_broker = await asyncio.open_connection("127.0.0.1", self._port)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, to_broker))
            group.create_task(self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                packet = await _packet(reader)
                if packet[0] & 0xF0 == _PUBLISH:
                    self.sizes[_topic(packet).rpartition("/")[2]] += len(packet)
                writer.write(packet)
        writer.close()


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """One whole packet. MQTT 5 sections 2.1.1 and 1.5.5."""
    head = await reader.readexactly(1)
    length = shift = 0
    while True:
        byte = await reader.readexactly(1)
        head += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return head + await reader.readexactly(length)


def _topic(packet: bytes) -> str:
    at = next(place for place in range(1, 5) if packet[place] < 0x80) + 1
    size = int.from_bytes(packet[at : at + 2], "big")
    return packet[at + 2 : at + 2 + size].decode()


async def _send(port: int, rounds: int, seed: int) -> tuple[float, float, float]:
    relay = Relay(port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    broker = Broker(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    [agent] = mixed.agent_names(1)
    publisher = Publisher(broker, agent, f"{seed + 1:032x}", {}, lambda: Vitals(0, 0, 0, 0.0))
    source, checks, jitter = mixed.Source(seed), mixed.check_names(CHECKS), random.Random(seed)
    began_us = time.time_ns() // 1000 - rounds * INTERVAL_US
    early = 0
    running = asyncio.create_task(publisher.run())
    try:
        async with asyncio.timeout(120):
            while not publisher.link.is_connected:
                await asyncio.sleep(0.01)
            for number in range(rounds):
                at_us = began_us + number * INTERVAL_US
                for place, check in enumerate(checks):
                    late = jitter.randrange(20_000)  # µs; probes wait for a tick of the engine
                    publisher.add(source.result(check, at_us + place * INTERVAL_US // CHECKS + late))
                while publisher.outbox.pending:
                    await asyncio.sleep(0.005)
                if number == 2:
                    early = relay.sizes["live"]
    finally:
        running.cancel()
        await asyncio.wait([running])
        server.close()
    live, count = relay.sizes["live"], rounds * CHECKS
    return live / count, (live - early) / (count - 3 * CHECKS), relay.sizes["ack"] / count
