"""Takes one request's worth of samples to their end: written, or dropped and counted. Pure.

A receiver that refuses one sample refuses its whole request, so a refused piece is halved until the bad
sample stands alone. Nothing is tried for ever: halving has a limit, and what waits for a receiver that is
away ends when it becomes too old for the window.
"""

from typing import Final

from vedette_collector.remote.counters import RemoteCounters
from vedette_collector.remote.encode import Sample
from vedette_collector.remote.verdict import Kind, Verdict

MAX_SAMPLES: Final = 500  # of one request
MAX_HALVINGS: Final = 60
PATIENCE: Final = 8  # failures of the receiver over one request, before a sample in it is suspected
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0


class Delivery:
    """Ask for the `piece` to send, say what the receiver thought of it, until there is none."""

    def __init__(self, samples: list[Sample], counters: RemoteCounters) -> None:
        self._pieces = [samples]  # the next one is the last
        self._counters = counters
        self._halvings = 0
        self._broken = 0

    def piece(self, oldest_ms: int) -> list[Sample] | None:
        """What to send next, without what became older than *oldest_ms*. None: all is settled."""
        while self._pieces:
            before = self._pieces[-1]
            piece = [sample for sample in before if sample.at_ms >= oldest_ms]
            self._counters.drop_old(len(before) - len(piece))
            if piece:
                self._pieces[-1] = piece
                return piece
            self._pieces.pop()
        return None

    def heard(self, verdict: Verdict) -> bool:
        """Of the last piece. False when it is to be sent again, after a pause."""
        match verdict.kind:
            case Kind.DONE:
                self._settle(verdict)
            case Kind.BAD:
                self._halve(verdict)
            case Kind.BROKEN:
                self._broken += 1
                if self._broken <= PATIENCE:
                    return False
                self._halve(verdict)
                return False  # it may be no sample's fault
            case Kind.AWAY | Kind.SHUT:
                return False
        return True

    def _halve(self, verdict: Verdict) -> None:
        piece = self._pieces[-1]
        if len(piece) == 1 or self._halvings == MAX_HALVINGS:
            self._settle(verdict)
            return
        self._halvings += 1
        middle = len(piece) // 2
        self._pieces[-1:] = [piece[middle:], piece[:middle]]

    def _settle(self, verdict: Verdict) -> None:
        self._counters.samples[verdict.outcome] += len(self._pieces.pop())


class Pace:
    """Pauses with full jitter: anywhere up to a limit that doubles with each failure in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, asked: float, chance: float) -> float:
        """Seconds to wait: not less than the receiver *asked* for. *chance* is from 0 to 1."""
        limit = min(FIRST_PAUSE * (1 << min(self._failures, 10)), LONGEST_PAUSE)
        self._failures += 1
        return asked + limit * chance
