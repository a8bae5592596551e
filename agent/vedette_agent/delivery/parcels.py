"""The packed batches in memory: which wait for what, how many are under way, and which leaves next."""

import heapq
from collections.abc import Iterator
from typing import Final

from vedette_agent.delivery.parcel import Book, Parcel, State

LIVE_IN_FLIGHT: Final = 8  # batches without PUBACK
REPLAY_IN_FLIGHT: Final = 2
ACK_SECONDS: Final = 10.0  # after PUBACK; doubled for every further attempt,
ACK_SECONDS_MAX: Final = 60.0  # up to this
REFUSED_SECONDS: Final = 30.0  # until a batch that the broker refused is tried again

OVERHEAD: Final = 600  # bytes that a parcel needs beside its payload

_Key = tuple[int, int, int]
_Queue = list[tuple[_Key, Parcel]]  # a heap; an entry counts while its parcel is WAITING in that lane


class Parcels:
    def __init__(self) -> None:
        self.size = 0  # bytes
        self.ack_seconds = ACK_SECONDS
        self._all: dict[_Key, Parcel] = {}
        self._kept = 0
        self._live: _Queue = []
        self._replay: _Queue = []
        self._timers: list[tuple[float, _Key, int, Parcel]] = []  # at, key, attempts
        self._in_flight = {False: 0, True: 0}  # by is_replay

    def __iter__(self) -> Iterator[Parcel]:
        return iter(list(self._all.values()))

    def of(self, book: Book) -> list[Parcel]:
        return [parcel for parcel in self._all.values() if parcel.book is book]

    @property
    def has_replay_room(self) -> bool:
        return self._in_flight[True] < REPLAY_IN_FLIGHT

    @property
    def next_timer(self) -> float:
        return self._timers[0][0] if self._timers else float("inf")

    def live(self) -> Parcel | None:
        """The oldest that waits for the live lane."""
        return _waiting(self._live, is_replay=False)

    def can_send_live(self) -> bool:
        return self._in_flight[False] < LIVE_IN_FLIGHT and self.live() is not None

    def late(self) -> Parcel | None:
        """The oldest that waits for the replay lane."""
        return _waiting(self._replay, is_replay=True)

    def oldest_at_rest(self) -> Parcel | None:
        """The oldest that is not on the network; first those that cost nothing to give up."""
        resting = (each for each in self._all.values() if each.state is not State.IN_FLIGHT)
        return min(resting, key=lambda each: (not each.is_safe, each.key), default=None)

    def keep(self, parcel: Parcel) -> None:
        self._kept += 1
        parcel.serial = self._kept  # results may be in two at once: in a batch, and in a row that came back
        self._all[parcel.key] = parcel
        self.size += len(parcel.payload) + OVERHEAD

    def queue(self, parcel: Parcel, *, is_replay: bool) -> None:
        parcel.state = State.WAITING
        parcel.is_replay = is_replay
        heapq.heappush(self._replay if is_replay else self._live, (parcel.key, parcel))

    def depart(self, parcel: Parcel, now: float, *, is_replay: bool) -> Parcel:
        parcel.state = State.IN_FLIGHT
        parcel.is_replay = is_replay
        parcel.sent = now
        parcel.attempts += 1
        self._in_flight[is_replay] += 1
        return parcel

    def arrived(self, parcel: Parcel) -> bool:
        """It is not under way any more. False when it was settled meanwhile."""
        self._in_flight[parcel.is_replay] -= 1
        return parcel.state is State.IN_FLIGHT

    def await_ack(self, parcel: Parcel, now: float) -> None:
        parcel.state = State.SENT
        doublings = min(parcel.attempts - 1, 10)  # 2**1024 is no float: an attempt a minute gets there
        self._arm(parcel, now + min(self.ack_seconds * 2**doublings, ACK_SECONDS_MAX))

    def took(self, age: float) -> None:
        """An ack came *age* seconds after its batch: a collector that is slow is not asked again sooner."""
        self.ack_seconds = min(max(ACK_SECONDS, self.ack_seconds * 0.9, 3 * age), ACK_SECONDS_MAX)

    def hold(self, parcel: Parcel, now: float) -> None:
        """The broker refused it."""
        parcel.state = State.HELD
        self._arm(parcel, now + REFUSED_SECONDS)

    def due(self, now: float) -> Iterator[Parcel]:
        """Those whose time to wait is over."""
        while self._timers and self._timers[0][0] <= now:
            _, _, attempts, parcel = heapq.heappop(self._timers)
            if parcel.attempts == attempts and parcel.state in (State.SENT, State.HELD):
                yield parcel

    def remove(self, parcel: Parcel) -> None:
        parcel.state = State.GONE
        del self._all[parcel.key]
        self.size -= len(parcel.payload) + OVERHEAD
        parcel.payload = b""  # a timer may still hold the parcel

    def _arm(self, parcel: Parcel, at: float) -> None:
        heapq.heappush(self._timers, (at, parcel.key, parcel.attempts, parcel))


def _waiting(queue: _Queue, *, is_replay: bool) -> Parcel | None:
    """The first that waits there; entries of parcels that went another way are taken out."""
    while queue:
        parcel = queue[0][1]
        if parcel.state is State.WAITING and parcel.is_replay is is_replay:
            break
        heapq.heappop(queue)
    return queue[0][1] if queue else None
