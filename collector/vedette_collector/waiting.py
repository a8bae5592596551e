"""How long results have been pending, at least, and what was lost of late. Pure; looked at now and then.

Nobody knows when a result was produced that never came. But whatever is claimed at one look and not settled
at a later one has been pending for the time between the two.
"""

from collections import deque
from typing import Final

from vedette_collector.dedupe import Epochs
from vedette_collector.ledger import Book

RECENT_SECONDS: Final = 900.0
STEP_SECONDS: Final = 30.0  # between two notes of what was lost


class Waiting:
    """Of one agent."""

    __slots__ = ("_looks", "_lost")

    def __init__(self) -> None:
        self._looks: dict[str, tuple[float, int]] = {}  # by epoch: then, results up to here were claimed
        self._lost: deque[tuple[float, dict[str, int]]] = deque()

    def look(self, book: Book, mono: float) -> None:
        self._epochs(book.epochs, mono)
        lost = self._lost
        if not lost or mono - lost[-1][0] >= STEP_SECONDS:
            lost.append((mono, dict(book.lost)))
            while len(lost) > 1 and lost[1][0] <= mono - RECENT_SECONDS:
                lost.popleft()

    def _epochs(self, epochs: Epochs, mono: float) -> None:
        kept = {}
        for name, epoch in epochs.open.items():
            if epoch.pending:
                look = self._looks.get(name)
                kept[name] = (mono, epoch.end) if look is None or epoch.window.low >= look[1] else look
        self._looks = kept

    def seconds(self, mono: float) -> float:
        """The oldest pending result is at least so old. 0.0 when none is pending."""
        return max((mono - at for at, _ in self._looks.values()), default=0.0)

    def lost_lately(self, book: Book) -> dict[str, int]:
        """What was declared lost in the last 15 minutes, or since the first look, by reason."""
        before = self._lost[0][1] if self._lost else book.lost
        found = {reason: count - before.get(reason, 0) for reason, count in book.lost.items()}
        return {reason: count for reason, count in found.items() if count > 0}
