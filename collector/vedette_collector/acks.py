"""Decides what to acknowledge to whom. Knows no clock and no connection.

Applying a batch only notes its agent; marks are read when the ack is built, so any number of batches between
two acks costs one ack, and the last word is always the newest.
"""

from typing import Protocol

from vedette.wire import limits
from vedette.wire.messages import Ack, HeartbeatEcho
from vedette_collector.ledger import Ledger
from vedette_collector.store.entry import Entry


class Rates(Protocol):
    """Results per second that an agent may replay; None: nothing is said of it."""

    def get(self, agent: str, /) -> int | None: ...


class _Due:
    """What one agent waits for."""

    __slots__ = ("echo", "epochs", "refresh")

    def __init__(self) -> None:
        self.echo: HeartbeatEcho | None = None
        self.epochs: dict[str, None] = {}
        self.refresh = False


class Acks:
    """Acks that are due. They say what is durable, and nothing that is only decided.

    `collector` is new at every start and whenever messages may have passed us by: an agent that sees another
    one sends again what waits for an ack.
    """

    def __init__(self, collector: str, ledger: Ledger) -> None:
        self.collector = collector
        self.replay_rates: Rates = dict[str, int]()
        self._ledger = ledger
        self._due: dict[str, _Due] = {}
        self._echoes = 0

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def is_urgent(self) -> bool:
        """Whether a heartbeat waits for its echo: its sender measures the time."""
        return self._echoes > 0

    def answer(self, entry: Entry) -> None:
        """What *entry* says is durable. Duplicates too: that they came means that an ack was lost."""
        self.note(entry.agent, entry.epoch)
        if entry.echo is not None:
            self.echo(entry.agent, entry.echo)

    def note(self, agent: str, epoch: str | None = None) -> None:
        """Something of *agent* was settled, or came again though it was."""
        due = self._of(agent)
        if epoch is not None:
            due.epochs[epoch] = None

    def refresh(self, agent: str) -> None:
        """A result of *agent* came as the difference from something that is not here."""
        self._of(agent).refresh = True

    def echo(self, agent: str, echo: HeartbeatEcho) -> None:
        """A heartbeat came. Its answer carries the marks too, which repairs a lost ack within one beat."""
        due = self._of(agent)
        if due.echo is None:
            self._echoes += 1
        due.echo = echo

    def take(self, sent_us: int) -> list[Ack]:
        """All acks that are due; none is due afterwards."""
        due, self._due, self._echoes = self._due, {}, 0
        return [
            Ack(
                v=limits.VERSION,
                agent=agent,
                collector=self.collector,
                sent_us=sent_us,
                marks=self._ledger.book(agent).marks(each.epochs),
                heartbeat=each.echo,
                replay_rate=self.replay_rates.get(agent),
                refresh=each.refresh,
            )
            for agent, each in due.items()
        ]

    def _of(self, agent: str) -> _Due:
        due = self._due.get(agent)
        if due is None:
            due = self._due[agent] = _Due()
        return due
