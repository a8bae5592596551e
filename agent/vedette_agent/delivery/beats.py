"""What a heartbeat says of the results, and what its echo confirms. Knows no clock and no connection."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

from vedette.wire import limits
from vedette.wire.messages import Gap, Held
from vedette_agent.delivery.outbox import Outbox

UNANSWERED: Final = 8  # heartbeats whose echo is still of use


class Beats:
    def __init__(self) -> None:
        self._sent: deque[tuple[int, Sequence[Gap]]] = deque(maxlen=UNANSWERED)
        self._done: deque[Held] = deque()  # to be said, as far as there is room

    def mention(self, done: Iterable[Held]) -> None:
        """Say from the next heartbeat on which epochs are settled: a collector may have forgotten it."""
        self._done = deque(done)

    def said(self, outbox: Outbox, sent_us: int, *, is_all_known: bool = True) -> dict[str, Any]:
        """The fields of the heartbeat of *sent_us* that are about results.

        *is_all_known*: False while there may be more on disk than was found yet.
        """
        held, is_complete = outbox.ledger.held()
        gaps = list(outbox.ledger.gaps.shown())
        self._sent.append((sent_us, gaps))
        while self._done and len(held) < limits.MAX_EPOCHS:
            done = self._done.popleft()
            if all(done.epoch != each.epoch for each in held):
                held.insert(0, done)
        return {
            "epoch": outbox.epoch,
            "next_seq": outbox.next_seq,
            "acked": outbox.floor,
            "pending": outbox.pending,
            "lost": {"queue_full": 0, "refused": 0, **outbox.ledger.gaps.counts},
            "held": held,
            "held_complete": is_complete and is_all_known,
            "gaps": gaps,
        }

    def echoed(self, sent_us: int) -> Sequence[Gap] | None:
        """The gaps that the heartbeat of *sent_us* said; None when it is not one that waits for its echo."""
        for each in self._sent:
            if each[0] == sent_us:
                self._sent.remove(each)
                return each[1]
        return None
