"""How far the other side's clock is from ours, from four timestamps. RFC 5905 section 8. Knows no clock.

The estimate of an exchange is off by at most half its delay, whatever the path did: so of the last
exchanges the one with the smallest delay is believed (the clock filter of RFC 5905 section 10, with its
eight stages), and two exchanges whose error bounds do not meet mean that a clock was set in between.
"""

from collections import deque
from typing import NamedTuple

STAGES = 8


class Exchange(NamedTuple):
    """Microseconds. `sent` and `returned` are by our clock, `received` and `replied` by theirs."""

    sent: int
    received: int
    replied: int
    returned: int

    @property
    def offset(self) -> int:
        """Theirs minus ours."""
        return ((self.received - self.sent) + (self.replied - self.returned)) // 2

    @property
    def delay(self) -> int:
        """Of the path alone, both ways; their time to answer is taken out."""
        return (self.returned - self.sent) - (self.replied - self.received)


class ClockEstimate:
    """The best of the last eight exchanges."""

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=STAGES)

    def add(self, exchange: Exchange) -> bool:
        """False for an exchange that no pair of running clocks can produce; it is not used."""
        if exchange.delay < 0 or exchange.replied < exchange.received or exchange.returned < exchange.sent:
            return False
        best = self.best
        if best is not None and abs(exchange.offset - best.offset) > (exchange.delay + best.delay) // 2 + 1:
            self._exchanges.clear()  # a clock was set: what came before was about another one
        self._exchanges.append(exchange)
        return True

    @property
    def best(self) -> Exchange | None:
        return min(self._exchanges, key=lambda each: each.delay, default=None)
