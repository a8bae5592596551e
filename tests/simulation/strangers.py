"""An agent that has credentials and lies."""

from collections.abc import Sequence

from simulation.network import Broker, Message
from simulation.world import World
from vedette.checks.model import Check
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, Gap, Heartbeat, Held, Result
from vedette.wire.topics import Kind, topic


class Stranger:
    def __init__(self, name: str, world: World, broker: Broker, checks: Sequence[Check]) -> None:
        self._name = name
        self._world = world
        self._broker = broker
        self._checks = checks
        self._epochs = [f"{world.rng.getrandbits(128):032x}" for _ in range(3)]

    def lie(self) -> None:
        rng = self._world.rng
        self._world.seen["lie"] += 1
        if rng.random() < 0.1:
            self._say(Kind.LIVE, rng.randbytes(40), codec.JSON)
        elif rng.random() < 0.5:
            self._beat()
        else:
            self._results()

    def _number(self) -> int:
        return self._world.rng.choice((0, 1, 50, 10_000, 10**9, limits.MAX_SEQ))

    def _beat(self) -> None:
        rng = self._world.rng
        epoch = rng.choice(self._epochs)
        numbers = sorted(self._number() for _ in range(2))
        gaps = [
            Gap(epoch=rng.choice(self._epochs), first=min(a, b), end=max(a, b), reason="queue_full")
            for a, b in ((self._number(), self._number()) for _ in range(rng.randrange(5)))
        ]
        held = [
            Held(epoch=rng.choice(self._epochs), next_seq=self._number(), floor=self._number())
            for _ in range(rng.randrange(4))
        ]
        heartbeat = Heartbeat(
            v=limits.VERSION, agent=self._name, epoch=epoch, sent_us=self._world.true_us,
            next_seq=numbers[1], acked=numbers[0], pending=0, lost={}, skipped_slots=0, overlapping_slots=0,
            running=0, loop_lag_us=0, publish_refused=0, held=held, gaps=gaps,
            held_complete=rng.random() < 0.5,
        )  # fmt: skip
        self._say(Kind.HEARTBEAT, *codec.encode(heartbeat))

    def _results(self) -> None:
        rng = self._world.rng
        check = rng.choice([*(check.name for check in self._checks), "unknown"])
        result = Result(
            check=check, outcome=rng.choice(("ok", "fail", "not_run")), started_us=self._world.true_us
        )
        batch = Batch(
            v=limits.VERSION, agent=self._name, epoch=rng.choice(self._epochs), first_seq=self._number() // 2,
            acked=self._number(), results=[result] * rng.randrange(1, 20),
        )  # fmt: skip
        self._say(rng.choice((Kind.LIVE, Kind.REPLAY)), *codec.encode(batch))

    def _say(self, kind: Kind, payload: bytes, content_type: str) -> None:
        self._broker.route(Message(topic(self._name, kind), payload, content_type), 60.0)
