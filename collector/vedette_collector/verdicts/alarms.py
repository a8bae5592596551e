"""When failures that nobody explains are too many for chance: then a look at everything is worth its work."""

from math import log
from typing import Final

from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.score import Settings, surprise
from vedette_collector.verdicts.tracker import State, Tracker

Noise = dict[Track, tuple[float, float]]  # share that fails without a cause: twice in a row, and once
NONE: Final = (0.0, 0.0)
WAKE: Final = 0.75  # of the threshold: where a single entity comes so far, a conjunction may be clear


class Alarms:
    """How many failures through one entity are too many for chance: then it is worth a look."""

    def __init__(self, index: Index, settings: Settings) -> None:
        self._index = index
        self._settings = settings
        self._bars: dict[tuple[Track, bool, int], dict[int, int]] = {}  # by entity
        self._nats = WAKE * settings.threshold
        self._key: tuple[int, int] = (-1, -1)

    def newest(self, tracker: Tracker, state: State, noise: Noise, now: float) -> bool:
        """Whether too many probes through an entity of *state* fail now, and nobody explains it."""
        track = state.track
        twice = max(self._settings.repeated_noise, noise.get(track, NONE)[0])
        self._renew(tracker.remembered_seconds(now))
        counts = tracker.counts[track]
        bars = self._bars.setdefault((track, True, round(twice * 1000)), {})
        for entity in state.entities:
            bar = bars.get(entity)
            if bar is None:
                total = float(self._index.count(track, ((entity,),)))
                bar = bars[entity] = _least(total, twice, self._nats)
            if counts[entity] >= bar:
                return True
        return False

    def recent(self, tracker: Tracker, state: State, noise: Noise, now: float) -> bool:
        """The same of first attempts in the longer window."""
        track = state.track
        once = max(self._settings.single_noise, noise.get(track, NONE)[1])
        seconds = tracker.remembered_seconds(now)
        self._renew(seconds)
        recent = tracker.recent[track]
        bars = self._bars.setdefault((track, False, round(once * 1000)), {})
        for entity in state.entities:
            bar = bars.get(entity)
            if bar is None:
                total = self._index.exposure(track, ((entity,),)) * seconds
                bar = bars[entity] = _least(total, once, self._nats)
            if recent[entity] >= bar:
                return True
        return False

    def _renew(self, seconds: float) -> None:
        """Begin anew for another topology, or a window of another length."""
        key = (self._index.version, round(10 * log(max(seconds, 1.0))))
        if key != self._key:
            self._key = key
            self._bars.clear()


def _least(total: float, noise: float, nats: float) -> int:
    """The smallest number of failures that is so much more than *noise* makes likely; never below 2."""
    low, high = 2, max(int(total), 2)
    while low < high:
        middle = (low + high) // 2
        if surprise(middle, total, noise) >= nats:
            high = middle
        else:
            low = middle + 1
    return low
