"""A model broker and the wires to it: MQTT 5 with QoS 1, clean sessions, everything in memory.

A broker that crashes forgets what it acknowledged. One without a subscriber acknowledges all the same. Nobody
is told of a wire that swallows everything until the keepalive has passed.
"""

from collections.abc import Callable
from typing import NamedTuple

from simulation.world import World

KEEPALIVE = 30.0  # seconds until a dead wire is noticed


class Message(NamedTuple):
    topic: str
    payload: bytes
    content_type: str | None
    retain: bool = False


class Wire:
    """One connection of one client."""

    def __init__(
        self,
        broker: "Broker",
        client: str,
        kinds: frozenset[str],
        receive: Callable[[Message], None],
        lost: Callable[[], None],
    ) -> None:
        self.client = client
        self.kinds = kinds  # last levels of topics that it wants; of an agent, of its own name
        self.receive = receive
        self.is_open = True
        self.is_dead = False  # swallows everything
        self.will: Message | None = None
        self._broker = broker
        self._lost = lost

    def publish(self, message: Message, expiry: float, done: Callable[[], None]) -> None:
        """*done* is called at PUBACK, and never when the connection ends before it."""
        self._broker.world.after(self._broker.lag(), self._arrive, message, expiry, done)

    def _arrive(self, message: Message, expiry: float, done: Callable[[], None]) -> None:
        broker = self._broker
        if not self.is_open or self.is_dead:
            return
        if broker.world.now < broker.stalled_until:
            broker.world.at(broker.stalled_until, self._arrive, message, expiry, done)
            return
        broker.route(message, expiry)
        broker.world.after(broker.lag(), self._acknowledged, done)

    def _acknowledged(self, done: Callable[[], None]) -> None:
        if self.is_open and not self.is_dead:
            done()

    def close(self) -> None:
        """It ends, and the client notices."""
        if self.is_open:
            self.is_open = False
            if self._broker.wires.get(self.client) is self:
                del self._broker.wires[self.client]
                if self.will is not None and self._broker.is_up:
                    self._broker.route(self.will, 1e9)
            self._lost()

    def die(self) -> None:
        if not self.is_dead:
            self.is_dead = True
            self._broker.world.after(KEEPALIVE, self.close)


class Broker:
    def __init__(self, world: World) -> None:
        self.world = world
        self.is_up = True
        self.cut: set[str] = set()  # clients that cannot reach it
        self.wires: dict[str, Wire] = {}
        self.latency = 0.005
        self.jitter = 0.02
        self.duplicates = 0.0  # share of deliveries that come twice
        self.delays = 0.0  # share of deliveries that come up to 20 s later, behind others
        self.stalled_until = 0.0
        self.taken: list[tuple[Message, float]] = []  # by somebody who listens, for later
        self._retained: dict[str, Message] = {}
        self._lives = 0

    def lag(self) -> float:
        return self.latency + self.world.rng.random() * self.jitter

    def connect(
        self,
        client: str,
        kinds: frozenset[str],
        receive: Callable[[Message], None],
        lost: Callable[[], None],
    ) -> Wire | None:
        """None when there is no way, or nobody at its end."""
        if not self.is_up or client in self.cut:
            return None
        if client in self.wires:
            self.wires[client].close()  # MQTT 5 section 3.1.4: an identity is one connection
        wire = self.wires[client] = Wire(self, client, kinds, receive, lost)
        for message in self._retained.values():
            if _is_for(message, wire):
                self._carry(wire, message._replace(retain=True), 1e9)
        return wire

    def route(self, message: Message, expiry: float) -> None:
        if message.retain:
            self._retained[message.topic] = message
            message = message._replace(retain=False)
        self.taken.append((message, self.world.now))
        for wire in [wire for wire in self.wires.values() if _is_for(message, wire)]:
            self._carry(wire, message, expiry)
            if self.duplicates and self.world.chance(self.duplicates):
                self.world.seen["duplicate"] += 1
                self._carry(wire, message, expiry)

    def _carry(self, wire: Wire, message: Message, expiry: float) -> None:
        leaves = max(self.world.now, self.stalled_until)
        if leaves - self.world.now > expiry:
            self.world.seen["expired"] += 1
            return
        if self.delays and self.world.chance(self.delays):
            leaves += self.world.rng.uniform(0, 20)
        self.world.at(leaves + self.lag(), self._deliver, wire, message)

    def _deliver(self, wire: Wire, message: Message) -> None:
        if wire.is_open and not wire.is_dead:
            wire.receive(message)

    def crash(self) -> None:
        self.world.tell("broker_crash")
        self.is_up = False
        self._retained.clear()
        for wire in list(self.wires.values()):
            wire.will = None
            wire.close()

    def start(self) -> None:
        self.is_up = True

    def part(self, client: str) -> None:
        """Nothing gets through from now on, and nobody is told."""
        self.world.tell(f"partition {client}")
        self.cut.add(client)
        if client in self.wires:
            self.wires[client].die()

    def heal(self) -> None:
        self.cut.clear()
        self.stalled_until = 0.0


def _is_for(message: Message, wire: Wire) -> bool:
    agent, kind = message.topic.split("/")[3:5]
    return kind in wire.kinds and (kind != "ack" or agent == wire.client)
