"""Results that were given up, until the collector has taken note.

Neighbours of one reason are one gap when nothing between them is pending.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from vedette.wire import limits
from vedette.wire.failure import Lost
from vedette.wire.messages import Gap
from vedette_agent.delivery.runs import Runs


class Gaps:
    """Declared and not yet confirmed, oldest first; and the count of all that was declared."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # results, by reason; of this process
        self._open: list[Gap] = []

    def __len__(self) -> int:
        return len(self._open)

    def declare(self, epoch: str, first: int, end: int, reason: Lost, settled: Runs) -> None:
        """*settled*: of *epoch*. A gap may span what is in it: the collector counts no result twice."""
        self.counts[reason.value] += end - first
        if self._open:
            last = self._open[-1]
            is_like = (last.epoch, last.reason) == (epoch, reason.value)
            if is_like and last.end <= first and settled.covers(last.end, first):
                self._open[-1] = Gap(epoch=epoch, first=last.first, end=end, reason=reason.value)
                return
        self._open.append(Gap(epoch=epoch, first=first, end=end, reason=reason.value))

    def adopt(self, gaps: Iterable[Gap]) -> None:
        """Take over what an earlier process declared and the collector did not confirm."""
        self._open[:0] = gaps

    def shown(self) -> Sequence[Gap]:
        """Those that the next heartbeat says."""
        return self._open[: limits.MAX_GAPS]

    def hidden(self, epoch: str) -> int | None:
        """The first seq of *epoch* in a gap that `shown` leaves out."""
        return _first(self._open[limits.MAX_GAPS :], epoch) if len(self._open) > limits.MAX_GAPS else None

    def first(self, epoch: str) -> int | None:
        """The first seq of *epoch* in any gap."""
        return _first(self._open, epoch) if self._open else None

    def confirmed(self, gaps: Iterable[Gap]) -> None:
        """The collector has these. One that grew meanwhile is said again: settling twice does no harm."""
        known = set(gaps)
        self._open = [gap for gap in self._open if gap not in known]


def _first(gaps: Iterable[Gap], epoch: str) -> int | None:
    return min((gap.first for gap in gaps if gap.epoch == epoch), default=None)
