"""Decides when an ack is of a collector that may have missed what waits for it. Knows the time as a number.

A collector takes a new id at its start, and whenever it has come back to topics that it was away from: what
the broker took for it meanwhile went to nobody. Its first ack under an id is the sign to send again.
"""

from collections import OrderedDict

REPEAT_SECONDS = 10.0  # between two repeats: ids can be invented, by whoever may write our acks
_REMEMBERED = 16  # ids; those in use are the last to be forgotten


class Collectors:
    """The ids that were seen. False before the first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._repeated_at = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._known)

    def is_new(self, collector: str, now: float) -> bool:
        """Whether to send again now, because of an ack under this id.

        A stranger that comes too soon after another is not remembered: a later ack of its own has its turn.
        A repeat goes to all, so it serves whoever waits for one, whichever id brought it about.
        """
        if collector in self._known:
            self._known.move_to_end(collector)
            return False
        if now - self._repeated_at < REPEAT_SECONDS:
            return False
        self._repeated_at = now
        self._known[collector] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True
