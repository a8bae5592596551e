"""Decides what to acknowledge to whom. Knows no clock and no connection.

Applying a batch only notes its agent; marks are read when the ack is built, so any number of batches between
two acks costs one ack, and the last word is always the newest.
"""

from vedette.wire import limits
from vedette.wire.messages import Ack, EpochMark, HeartbeatEcho
from vedette_collector.dedupe import Dedupe


class Acks:
    """Acks that are due.

    `collector` is new at every start and whenever messages may have passed us by: an agent that sees another
    one sends again what waits for an ack.
    """

    def __init__(self, collector: str, dedupe: Dedupe) -> None:
        self.collector = collector
        self._dedupe = dedupe
        self._due: dict[str, HeartbeatEcho | None] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def is_urgent(self) -> bool:
        """Whether a heartbeat waits for its echo: its sender measures the time."""
        return any(echo is not None for echo in self._due.values())

    def note(self, agent: str) -> None:
        """Something of *agent* was settled."""
        self._due.setdefault(agent, None)

    def echo(self, agent: str, echo: HeartbeatEcho) -> None:
        """A heartbeat came. Its answer carries the marks too, which repairs a lost ack within one beat."""
        self._due[agent] = echo

    def take(self, sent_us: int) -> list[Ack]:
        """All acks that are due; none is due afterwards."""
        due, self._due = self._due, {}
        return [
            Ack(
                v=limits.VERSION,
                agent=agent,
                collector=self.collector,
                sent_us=sent_us,
                marks=[EpochMark(epoch=epoch, low=low) for epoch, low in self._dedupe.marks(agent)],
                heartbeat=echo,
            )
            for agent, echo in due.items()
        ]
