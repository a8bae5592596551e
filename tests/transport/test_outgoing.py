"""Packets go out together, in their order, and none that somebody waits for is hidden in another."""

import asyncio
from collections import deque
from typing import Any

from servers.mosquitto import Mosquitto
from transport.link_helpers import link, run, until
from vedette.mqtt import Subscription
from vedette.mqtt.dial import Wire
from vedette.mqtt.outgoing import MOST_BYTES, join

PUBACK, PUBLISH, DISCONNECT = 0x40, 0x32, 0xE0


def packet(data: bytes, command: int = PUBACK, qos: int = 0, pos: int = 0) -> dict[str, Any]:
    return {
        "command": command, "mid": 1, "qos": qos, "pos": pos, "to_process": len(data) - pos, "packet": data,
        "info": None,
    }  # fmt: skip


def sent(queue: deque[Any]) -> list[bytes]:
    return [bytes(each["packet"][each["pos"] :]) for each in queue]


def test_what_waits_becomes_one_packet_in_its_order() -> None:
    queue = deque([packet(b"rest of it", pos=5), packet(b"ack"), packet(b"batch", PUBLISH, qos=1)])
    join(queue)
    assert sent(queue) == [b"of itackbatch"]
    assert (queue[0]["to_process"], queue[0]["pos"]) == (13, 0)


def test_packets_that_the_library_watches_stay_alone() -> None:
    queue = deque([packet(b"a"), packet(b"b"), packet(b"c", PUBLISH, qos=0), packet(b"d")])
    join(queue)
    assert sent(queue) == [b"ab", b"c", b"d"]
    queue = deque([packet(b"bye", DISCONNECT), packet(b"a")])
    join(queue)
    assert sent(queue) == [b"bye", b"a"]


def test_no_more_than_goes_in_one_call_is_joined() -> None:
    queue = deque(packet(b"x" * 1000) for _ in range(200))
    join(queue)
    assert MOST_BYTES <= len(queue[0]["packet"]) < MOST_BYTES + 1000
    assert sum(map(len, sent(queue))) == 200_000


def test_acks_of_one_turn_are_one_call(monkeypatch: Any) -> None:
    """A hundred messages that are settled together cost a few calls of the kernel, and all are settled."""
    calls: list[int] = []
    send = Wire.send

    def counted(wire: Wire, data: bytes) -> int:
        calls.append(len(data))
        return send(wire, data)

    async def test() -> None:
        with Mosquitto() as broker:
            reader = link(broker.url, "reader", subscriptions=(Subscription("t"),), inbox_limit=200)
            writer = link(broker.url, "writer")
            async with reader.running(), writer.running():
                await reader.until(True)
                await writer.until(True)
                async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                    for number in range(100):
                        group.create_task(writer.publish("t", b"%d" % number))
                came = []
                async with asyncio.timeout(30):
                    async for message in reader.messages():
                        came.append(message)
                        if len(came) == 100:
                            break
                monkeypatch.setattr(Wire, "send", counted)
                for message in came:
                    message.done()
                await until(lambda: sum(calls) >= 400)  # four bytes an ack: MQTT 5 section 3.4
                assert sum(calls) == 400
                assert len(calls) <= 5
        assert [int(message.payload) for message in came] == list(range(100))

    run(test)
