"""Decides which results travel together, what is sent next, and what is given up. Knows the time as a number.

Every result gets the next seq and from then on is in exactly one place: pending (in the open group or in a
packed batch), acked by the collector, or declared lost with a reason. At all times

    produced = acked + pending + lost

A batch is kept until the collector says that it was applied. The broker's PUBACK only starts the wait for
that: a broker that restarts, or finds no subscriber, has acknowledged all the same.

Fresh batches go first. One that is older than the live lane allows goes by the replay lane, oldest first,
at a rate that grows while the collector keeps up and is halved when it does not. When the buffer is full
the oldest batches go; one whose ack was still under way may have been applied all the same, so loss may be
counted too high and never too low.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum, auto
from typing import Literal, cast

import msgspec

from vedette.errors import WireError
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, EpochMark, Result

Lost = Literal["queue_full", "refused"]

MAX_BYTES = 8 * 1024 * 1024  # packed, not yet acked
LIVE_IN_FLIGHT = 8  # batches without PUBACK
REPLAY_IN_FLIGHT = 2
ACK_SECONDS = 10.0  # after PUBACK; doubled for every further attempt,
ACK_SECONDS_MAX = 60.0  # up to this
REFUSED_SECONDS = 30.0  # until a batch that the broker refused is tried again
FIRST_SECONDS = 0.2  # age of the very first group: whoever starts an agent looks for its first results
URGENT_GAP = 0.05  # seconds between two flushes for changes of state: a mass outage must not undo batching
REPLAY_RATE = 500.0  # results a second, at first
REPLAY_RATE_MAX = 3000.0
REPLAY_RATE_MIN = 50.0
_PACKET_TOO_LARGE = 0x95  # MQTT 5 section 3.4.2.1

_encode = msgspec.json.Encoder().encode


class _State(Enum):
    WAITING = auto()  # to be sent
    IN_FLIGHT = auto()  # no PUBACK yet
    SENT = auto()  # no ack yet
    HELD = auto()  # refused by the broker, for a while
    GONE = auto()  # acked or lost


class Parcel:
    """A packed batch."""

    __slots__ = ("attempts", "born", "content_type", "count", "first", "is_replay", "payload", "state")

    def __init__(self, first: int, count: int, payload: bytes, content_type: str, born: float) -> None:
        self.first = first
        self.count = count
        self.payload = payload
        self.content_type = content_type
        self.born = born  # when its first result was produced
        self.is_replay = False  # as it was sent last
        self.attempts = 0
        self.state = _State.WAITING

    @property
    def end(self) -> int:
        return self.first + self.count


class Outbox:
    def __init__(self, agent: str, epoch: str, *, max_bytes: int = MAX_BYTES) -> None:
        self.agent = agent
        self.epoch = epoch
        self.next_seq = 0  # = results produced
        self.acked_count = 0
        self.lost: dict[str, int] = {"queue_full": 0, "refused": 0}
        self._max_bytes = max_bytes
        self._bytes = 0
        self._open: list[msgspec.Raw] = []  # each is encoded once: for its size, and for its batch
        self._open_bytes = 0
        self._open_since = 0.0
        self._flush_at = float("inf")
        self._flushed_urgently = float("-inf")
        self._last: dict[str, tuple[str, str | None]] = {}
        self._parcels: OrderedDict[int, Parcel] = OrderedDict()  # by first seq, ascending
        self._live: list[tuple[int, Parcel]] = []  # heaps; an entry counts while its parcel is WAITING
        self._replay: list[tuple[int, Parcel]] = []
        self._timers: list[tuple[float, int, int, Parcel]] = []  # at, first, attempts
        self._in_flight = {False: 0, True: 0}  # by is_replay
        self._rate = REPLAY_RATE
        self._tokens = 0.0
        self._tokens_at = float("-inf")

    @property
    def pending(self) -> int:
        return self.next_seq - self.acked_count - sum(self.lost.values())

    @property
    def floor(self) -> int:
        """Every seq below it is settled: acked or declared lost."""
        for first in self._parcels:
            return first
        return self.next_seq - len(self._open)

    @property
    def is_settled(self) -> bool:
        """Whether the broker has everything that was produced."""
        states = (_State.SENT, _State.HELD)
        return not self._open and all(parcel.state in states for parcel in self._parcels.values())

    @property
    def buffered_bytes(self) -> int:
        return self._bytes

    def add(self, result: Result, now: float) -> bool:
        """Take *result* in. A change of state of its check makes the group due at once.

        False: nothing is due earlier for it.
        """
        encoded = _encode(result)
        size = len(encoded) + 1
        before = self._flush_at
        if self._open and self._open_bytes + size > limits.BATCH_BYTES:
            self._pack()
        if not self._open:
            self._open_since = now
            self._flush_at = now + (limits.BATCH_SECONDS if self.next_seq else FIRST_SECONDS)
        self._open.append(msgspec.Raw(encoded))
        self._open_bytes += size
        self.next_seq += 1
        if self._is_change(result):
            self._flush_at = min(self._flush_at, max(now, self._flushed_urgently + URGENT_GAP))
        if len(self._open) >= limits.BATCH_RESULTS or self._open_bytes >= limits.BATCH_BYTES:
            self._pack()
        return self._flush_at != before

    def keep(self, checks: Iterable[str]) -> None:
        """Forget the last state of every check but these."""
        names = set(checks)
        self._last = {name: state for name, state in self._last.items() if name in names}

    def flush(self) -> None:
        """Close the open group whatever its age: the agent stops."""
        if self._open:
            self._pack()

    def take(self, now: float) -> Parcel | None:
        """What to send now; it counts as in flight until `delivered`, `refused` or `undelivered`."""
        self._advance(now)
        return self._take_live(now) or self._take_replay(now)

    def expiry(self, parcel: Parcel, now: float) -> int:
        """Seconds after which the broker may drop it: we will send it again."""
        if parcel.is_replay:
            return limits.LIVE_EXPIRY_SECONDS
        return max(1, int(limits.LIVE_EXPIRY_SECONDS - (now - parcel.born)))

    def next_due(self, now: float) -> float:
        """When `take` may have something; infinity when only another call can change that."""
        if self._has_waiting(self._live) and self._in_flight[False] < LIVE_IN_FLIGHT:
            return now
        due = min(self._flush_at, self._timers[0][0] if self._timers else float("inf"))
        if self._has_waiting(self._replay) and self._in_flight[True] < REPLAY_IN_FLIGHT:
            missing = min(self._replay[0][1].count, self._burst) - self._tokens
            due = min(due, now + max(missing / self._rate, 0.001))
        return due

    def delivered(self, parcel: Parcel, now: float) -> None:
        """The broker has it; now the collector is waited for."""
        if self._leave_flight(parcel):
            parcel.state = _State.SENT
            doublings = min(parcel.attempts - 1, 10)  # 2**1024 is no float: an attempt a minute gets there
            self._arm(parcel, now + min(ACK_SECONDS * 2**doublings, ACK_SECONDS_MAX))

    def refused(self, parcel: Parcel, code: int, now: float) -> None:
        """The broker does not want it. Rights can be mended, so it is tried again; its size cannot."""
        if self._leave_flight(parcel):
            if code == _PACKET_TOO_LARGE:
                self._drop(parcel, "refused")
            else:
                parcel.state = _State.HELD
                self._arm(parcel, now + REFUSED_SECONDS)

    def undelivered(self, parcel: Parcel, now: float) -> None:
        """The connection was lost before PUBACK."""
        if self._leave_flight(parcel):
            self._requeue(parcel, now)

    def forgotten(self, now: float) -> None:
        """The broker or the collector may have lost what it held: send again what waits for an ack."""
        for parcel in self._parcels.values():
            if parcel.state is _State.SENT:
                self._requeue(parcel, now)

    def acked(self, marks: Iterable[EpochMark]) -> bool:
        """Settle what the collector has applied. False when no mark was one for us."""
        known = False
        packed = self.next_seq - len(self._open)
        for mark in marks:
            if mark.epoch != self.epoch or mark.low > packed:
                continue  # of an earlier process, or about results that were never sent
            known = True
            while self._parcels:
                parcel = next(iter(self._parcels.values()))
                if parcel.end > mark.low:
                    break
                if parcel.is_replay:
                    self._rate = min(self._rate * (1 + 0.1 * parcel.count / self._rate), REPLAY_RATE_MAX)
                self.acked_count += parcel.count
                self._remove(parcel)
        return known

    def _is_change(self, result: Result) -> bool:
        """The first state of a check is none: a start must not flush once per check."""
        if result.outcome == "not_run":
            return False
        state = (result.outcome, result.reason)
        before = self._last.get(result.check)
        self._last[result.check] = state
        return before is not None and before != state

    def _pack(self) -> None:
        results, self._open = self._open, []
        self._open_bytes = 0
        self._flush_at = float("inf")
        first = self.next_seq - len(results)
        batch = Batch(
            v=limits.VERSION,
            agent=self.agent,
            epoch=self.epoch,
            first_seq=first,
            acked=min(self.floor, first),
            results=cast(list[Result], results),  # the encoder writes a Raw as it is
        )
        try:
            payload, content_type = codec.encode(batch)
        except WireError:
            # Only a single result can be so large: groups are closed far below the limit.
            self.lost["refused"] += len(results)
            return
        parcel = Parcel(first, len(results), payload, content_type, self._open_since)
        self._parcels[first] = parcel
        self._bytes += len(payload)
        heapq.heappush(self._live, (first, parcel))
        while self._bytes > self._max_bytes:
            # The network has those in flight, so dropping them would save nothing that is bounded already.
            oldest = next((p for p in self._parcels.values() if p.state is not _State.IN_FLIGHT), None)
            if oldest is None:
                break
            self._drop(oldest, "queue_full")

    def _advance(self, now: float) -> None:
        if self._open and now >= self._flush_at:
            if now < self._open_since + limits.BATCH_SECONDS:
                self._flushed_urgently = now
            self._pack()
        while self._timers and self._timers[0][0] <= now:
            _, _, attempts, parcel = heapq.heappop(self._timers)
            if parcel.attempts == attempts and parcel.state in (_State.SENT, _State.HELD):
                if parcel.state is _State.SENT and parcel.is_replay:
                    self._rate = max(self._rate / 2, REPLAY_RATE_MIN)
                self._requeue(parcel, now)

    def _take_live(self, now: float) -> Parcel | None:
        while self._has_waiting(self._live):
            parcel = self._live[0][1]
            if now - parcel.born >= limits.LIVE_EXPIRY_SECONDS:
                heapq.heappop(self._live)
                heapq.heappush(self._replay, (parcel.first, parcel))
            elif self._in_flight[False] >= LIVE_IN_FLIGHT:
                return None
            else:
                heapq.heappop(self._live)
                return self._depart(parcel, is_replay=False)
        return None

    def _take_replay(self, now: float) -> Parcel | None:
        if self._tokens_at == float("-inf"):
            self._tokens_at = now
        self._tokens = min(self._tokens + (now - self._tokens_at) * self._rate, self._burst)
        self._tokens_at = now
        if not self._has_waiting(self._replay) or self._in_flight[True] >= REPLAY_IN_FLIGHT:
            return None
        parcel = self._replay[0][1]
        if self._tokens < min(parcel.count, self._burst):
            return None
        heapq.heappop(self._replay)
        self._tokens -= parcel.count
        return self._depart(parcel, is_replay=True)

    @property
    def _burst(self) -> float:
        return max(self._rate / 2, 1.0)

    def _depart(self, parcel: Parcel, *, is_replay: bool) -> Parcel:
        parcel.state = _State.IN_FLIGHT
        parcel.is_replay = is_replay
        parcel.attempts += 1
        self._in_flight[is_replay] += 1
        return parcel

    def _leave_flight(self, parcel: Parcel) -> bool:
        """False when the parcel was acked while it was in flight."""
        self._in_flight[parcel.is_replay] -= 1
        return parcel.state is _State.IN_FLIGHT

    def _requeue(self, parcel: Parcel, now: float) -> None:
        parcel.state = _State.WAITING
        is_live = now - parcel.born < limits.LIVE_EXPIRY_SECONDS
        heapq.heappush(self._live if is_live else self._replay, (parcel.first, parcel))

    def _arm(self, parcel: Parcel, at: float) -> None:
        heapq.heappush(self._timers, (at, parcel.first, parcel.attempts, parcel))

    def _drop(self, parcel: Parcel, why: Lost) -> None:
        self.lost[why] += parcel.count
        self._remove(parcel)

    def _remove(self, parcel: Parcel) -> None:
        parcel.state = _State.GONE
        del self._parcels[parcel.first]
        self._bytes -= len(parcel.payload)
        parcel.payload = b""  # a timer may still hold the parcel

    @staticmethod
    def _has_waiting(queue: list[tuple[int, Parcel]]) -> bool:
        """Whether a parcel waits there; entries of parcels that went another way are taken out."""
        while queue and queue[0][1].state is not _State.WAITING:
            heapq.heappop(queue)
        return bool(queue)
