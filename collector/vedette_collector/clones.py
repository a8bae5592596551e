"""Notices two processes that speak as one agent. Pure.

Every process begins an epoch of its own. Once a later process has spoken, the earlier one is silent, unless
both run: a copied machine, or a configuration that was copied with its name. What the earlier one had sent
before may still come after, so a heartbeat counts only when it goes on from the last one of its epoch.
"""

from typing import Final

from vedette.wire.messages import Heartbeat

SUSPECTED_SECONDS: Final = 600.0
REMEMBERED: Final = 8  # epochs


class Clones:
    __slots__ = ("_heard", "_until")

    def __init__(self) -> None:
        self._heard: dict[
            str, tuple[int, int]
        ] = {}  # when sent, and seq, by epoch; the last begun at the end
        self._until = float("-inf")

    def heard(self, heartbeat: Heartbeat, mono: float) -> None:
        epoch, said = heartbeat.epoch, (heartbeat.sent_us, heartbeat.next_seq)
        before = self._heard.get(epoch)
        if before is None:
            self._heard[epoch] = said
            if len(self._heard) > REMEMBERED:
                del self._heard[next(iter(self._heard))]
            return
        if said[0] > before[0] and said[1] > before[1]:
            self._heard[epoch] = said
            if epoch != next(reversed(self._heard)):
                self._until = mono + SUSPECTED_SECONDS

    def is_suspected(self, mono: float) -> bool:
        return mono < self._until
