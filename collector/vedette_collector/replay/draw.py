"""Which probes fail of themselves and when, drawn without looking at those that do not.

With probability p a probe of a round fails. The number of probes that pass until the next failure is
geometrically distributed, so one draw jumps over all of them.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import Final

NEVER: Final = 1e-12  # a rate below which nothing fails in the life of a fleet


class Failures:
    """Which of *probes* fail, each with probability *rate* in each round, between *begin* and *end*.

    The probes come in the order of *offsets*, their seconds within a round.

    `at` and `probe` are the next one; at is infinite when there is none before *end*.
    """

    __slots__ = (
        "_count",
        "_end",
        "_interval",
        "_log",
        "_offsets",
        "_place",
        "_probes",
        "_random",
        "at",
        "probe",
    )

    def __init__(
        self,
        probes: Sequence[int],
        offsets: Sequence[float],
        rate: float,
        interval: float,
        begin: float,
        end: float,
        random: Random,
    ) -> None:
        self._probes = probes
        self._offsets = offsets
        self._count = len(probes)
        self._interval = interval
        self._end = end
        self._random = random.random
        self._log = -math.inf if rate >= 1 else math.log1p(-rate)
        self.at = math.inf
        self.probe = -1
        if self._count and rate > NEVER:
            self._place = int(begin // interval) * self._count - 1
            while self.at == math.inf or self.at < begin:
                self.advance()
                if self.at == math.inf:
                    return

    def advance(self) -> None:
        if self._log == -math.inf:
            self._place += 1
        else:
            self._place += 1 + int(math.log(1.0 - self._random()) / self._log)
        turn, which = divmod(self._place, self._count)
        self.at = turn * self._interval + self._offsets[which]
        self.probe = self._probes[which]
        if self.at >= self._end:
            self.at = math.inf
