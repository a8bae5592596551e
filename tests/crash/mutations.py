"""Guards of the product that a test takes away, to see that a story then ends badly.

Each is applied inside the process it belongs to, before the product's own entry runs.
"""

import secrets
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

Story = Literal["agent dies offline", "nobody listens", "collector dies mid-commit", "acks get lost"]


class Mutation(NamedTuple):
    """*story*: the scenario that must notice it."""

    where: Literal["agent", "collector"]
    story: Story
    take_away: Callable[[], None]


def epoch_is_reused() -> None:
    """Every process of an agent numbers its results from 0 under the same epoch."""
    secrets.token_hex = lambda nbytes=None: "5" * 32


def spool_is_not_read() -> None:
    """What earlier processes left on disk stays there."""
    from vedette_agent.spool.events import Held
    from vedette_agent.spool.opening import Opening

    held: Any = Opening.held

    def nothing(self: Any, *given: Any) -> Held:
        held(self, *given)
        return Held([], [], [], 0, 0, None)

    Opening.held = nothing  # type: ignore[method-assign]


def tail_is_not_declared() -> None:
    """What a killed process had not written is not spoken of."""
    from vedette_agent.spool.books import Book

    def conclude(self: Any, *given: Any, **named: Any) -> None:
        self.reserved_to = self.reach

    Book.conclude = conclude  # type: ignore[method-assign]


def puback_counts_as_ack() -> None:
    """The broker's word is enough."""
    from vedette.wire.messages import EpochMark
    from vedette_agent.delivery.outbox import Outbox

    delivered: Any = Outbox.delivered

    def settled(self: Any, parcel: Any, now: float) -> None:
        delivered(self, parcel, now)
        run = (parcel.first, parcel.first + parcel.count)
        self.acked([EpochMark(epoch=parcel.book.epoch, low=0, runs=[run])], now)

    Outbox.delivered = settled  # type: ignore[method-assign]


def nothing_is_sent_again() -> None:
    """What waits for an ack waits for ever."""
    from vedette_agent.delivery import parcels
    from vedette_agent.delivery.outbox import Outbox

    parcels.ACK_SECONDS = parcels.ACK_SECONDS_MAX = 1e9  # type: ignore[misc]
    Outbox.resend = lambda self, now: None  # type: ignore[assignment,method-assign]


def ack_before_commit() -> None:
    """What is decided is applied and acknowledged, and then it goes to the disk."""
    from vedette_collector.store.journal import Journal

    add: Any = Journal.add
    take: Any = Journal._take

    def hastily(self: Any, entry: Any) -> None:
        self._apply(entry)
        self._applied()
        add(self, entry)

    def belatedly(self: Any, entry: Any) -> None:
        apply, self._apply = self._apply, lambda each: None
        take(self, entry)
        self._apply = apply

    Journal.add = hastily  # type: ignore[method-assign]
    Journal._take = belatedly  # type: ignore[method-assign]


def dedupe_is_not_restored() -> None:
    """A collector that starts takes what is handed in for new, whatever its books say."""
    from vedette_collector.dedupe import Window
    from vedette_collector.ledger import Ledger

    resume: Any = Ledger.resume

    def forgetful(self: Any) -> None:
        resume(self)
        for book in self.books.values():
            for epoch in book.reserved.open.values():
                epoch.window = Window()

    Ledger.resume = forgetful  # type: ignore[method-assign]


def journal_is_not_applied() -> None:
    """A collector that starts has the last checkpoint and nothing newer."""
    from vedette_collector.store.database import Database

    Database.entries = lambda self, after, limit: []  # type: ignore[assignment,method-assign]


def copies_count() -> None:
    """Results that come again are counted again."""
    from vedette_collector.dedupe import Window

    Window.missing = lambda self, first, end: [(first, end)]  # type: ignore[assignment,method-assign]


MUTATIONS: Final = {
    "epoch_is_reused": Mutation("agent", "agent dies offline", epoch_is_reused),
    "spool_is_not_read": Mutation("agent", "agent dies offline", spool_is_not_read),
    "tail_is_not_declared": Mutation("agent", "agent dies offline", tail_is_not_declared),
    "puback_counts_as_ack": Mutation("agent", "nobody listens", puback_counts_as_ack),
    "nothing_is_sent_again": Mutation("agent", "nobody listens", nothing_is_sent_again),
    "ack_before_commit": Mutation("collector", "collector dies mid-commit", ack_before_commit),
    "dedupe_is_not_restored": Mutation("collector", "acks get lost", dedupe_is_not_restored),
    "journal_is_not_applied": Mutation("collector", "acks get lost", journal_is_not_applied),
    "copies_count": Mutation("collector", "acks get lost", copies_count),
}
