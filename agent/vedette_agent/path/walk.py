"""A walk along a path, hop limit by hop limit. Knows no socket, and the time only as a number.

Whoever drives it sends what `due` gives, tells `heard` what came back, and asks again. Several packets are in
flight at once, so the first ones may well be on the hops behind the target: the target is the lowest hop
limit at which it answered, and what lies behind is left out.

A router may quote so little of a packet that it is not known which one it answers (RFC 792: 64 bits, no
more). As soon as that happens with several in flight, what is in flight is let run out, and from there on one
packet is in flight at a time.

Who guesses the port can forge such an answer. So it stands only if no better one comes until the wait for the
packet is over; the walk goes on meanwhile. And it is the end of the path only if nothing sure comes from the
hops behind it: the walk goes on as if this one were silent.
"""

import math
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

MAX_PACKETS: Final = 100
WINDOW: Final = 6  # packets in flight

What = Literal["exceeded", "reached", "unreachable"]


class Packet(NamedTuple):
    number: int
    ttl: int


class Heard(NamedTuple):
    """An answer to packet *number*; None: it does not say to which."""

    number: int | None
    address: str
    what: What
    seconds: float
    icmp: tuple[int, int] | None = None  # type and code
    is_kernel_timed: bool = False


class Hop(NamedTuple):
    ttl: int
    sent: int
    answers: tuple[Heard, ...]

    @property
    def address(self) -> str | None:
        return self.answers[0].address if self.answers else None

    @property
    def place(self) -> str | None:
        """The address, if this hop limit is surely where it is: who refuses does so at any."""
        return self.address if self.answers and self.answers[0].what != "unreachable" else None

    @property
    def seconds(self) -> float | None:
        return min((heard.seconds for heard in self.answers), default=None)


class Walk:
    """*tries* packets a hop, each awaited for *wait* seconds; *silence* hops without an answer end it."""

    def __init__(
        self, first: int, last: int, tries: int, wait: float, silence: int, window: int = WINDOW
    ) -> None:
        self._first = first
        self._last = last
        self._tries = tries
        self._wait = wait
        self._silence = silence
        self._window = window
        self._flying: dict[int, tuple[Packet, float]] = {}  # by number; until when
        self._doubted: dict[int, tuple[Packet, float, Heard]] = {}  # with an answer that may be forged
        self._maybe_ends: list[tuple[int, Heard]] = []  # by hop limit; the same, and no better one came
        self._sent: dict[int, int] = {}  # by hop limit
        self._answers: dict[int, list[Heard]] = {}
        self._numbers = 0
        self._end: int | None = None  # the lowest hop limit behind which nothing is
        self._is_draining = False

    @property
    def packets(self) -> int:
        return self._numbers

    @property
    def is_over(self) -> bool:
        return not self._flying and not self._doubted and self._next() is None

    @property
    def is_reached(self) -> bool:
        return any(heard.what == "reached" for heard in self._at_end())

    @property
    def refusal(self) -> Heard | None:
        """The router's word that it goes no further, when the walk ended at one."""
        return next((heard for heard in self._at_end() if heard.what == "unreachable"), None)

    @property
    def expires(self) -> float | None:
        """When the wait for the next packet is over."""
        waits = [one[1] for waiting in (self._flying, self._doubted) for one in waiting.values()]
        return min(waits, default=None)

    def due(self, now: float) -> Packet | None:
        """A packet to be sent now."""
        self._expire(now)
        if len(self._flying) >= self._window or self._is_draining:
            return None
        ttl = self._next()
        if ttl is None:
            return None
        packet = Packet(self._numbers, ttl)
        self._numbers += 1
        self._sent[ttl] = self._sent.get(ttl, 0) + 1
        self._flying[packet.number] = packet, now + self._wait
        return packet

    def heard(self, heard: Heard, now: float) -> None:
        """Take an answer. What answers nothing that is in flight is ignored."""
        self._expire(now)
        number = heard.number
        if number is None:
            if self._is_draining or not self._flying:
                return
            if len(self._flying) > 1:
                self._is_draining = True
                self._window = 1
                return
            number, (packet, until) = self._flying.popitem()
            self._doubted[number] = packet, until, heard
            return
        found = self._flying.pop(number, None) or self._doubted.pop(number, None)
        if found is not None:
            self._believe(heard, found[0].ttl)

    def time_is_up(self) -> None:
        """Nothing more is awaited: what is doubted stands."""
        self._settle_doubts(math.inf)
        self._settle_end()

    def hops(self) -> list[Hop]:
        """From the first to the last that answered, but none behind the end; silent ones have no answer."""
        last = max(self._answers, default=0) if self._end is None else self._end
        return [
            Hop(ttl, self._sent.get(ttl, 0), tuple(self._told(ttl))) for ttl in range(self._first, last + 1)
        ]

    def _at_end(self) -> list[Heard]:
        return [] if self._end is None else self._told(self._end)

    def _told(self, ttl: int) -> list[Heard]:
        """The answers at this hop limit; of sure ones and others the sure ones alone."""
        answers = self._answers.get(ttl, [])
        return [heard for heard in answers if heard.number is not None] or answers

    def _believe(self, heard: Heard, ttl: int) -> None:
        self._answers.setdefault(ttl, []).append(heard)
        if heard.what != "exceeded" and (self._end is None or ttl < self._end):
            self._end = ttl
            self._flying = {key: one for key, one in self._flying.items() if one[0].ttl <= ttl}
            self._doubted = {key: one for key, one in self._doubted.items() if one[0].ttl <= ttl}

    def _settle_doubts(self, now: float) -> None:
        for number, (packet, until, heard) in tuple(self._doubted.items()):
            if until <= now:
                del self._doubted[number]
                if heard.what == "exceeded":
                    self._believe(heard, packet.ttl)
                else:
                    self._maybe_ends.append((packet.ttl, heard))
        if self._maybe_ends and self.is_over:
            self._settle_end()

    def _settle_end(self) -> None:
        sure = max((ttl for ttl in self._answers if self._told(ttl)[0].number is not None), default=0)
        ends = [(ttl, heard) for ttl, heard in self._maybe_ends if ttl > sure]
        self._maybe_ends.clear()
        lowest = min((ttl for ttl, _ in ends), default=0)
        for ttl, heard in ends:
            if ttl == lowest and self._end in (None, ttl):
                self._believe(heard, ttl)

    def _expire(self, now: float) -> None:
        over = [number for number, (_, until) in self._flying.items() if until <= now]
        for number in over:
            packet, _ = self._flying.pop(number)
            if self._is_draining:  # its answer may have been one of those that did not say so
                self._sent[packet.ttl] -= 1
        if not self._flying:
            self._is_draining = False
        self._settle_doubts(now)

    def _next(self) -> int | None:
        """The hop limit of the next packet; None when none is to be sent."""
        if self._numbers >= MAX_PACKETS:
            return None
        return next((ttl for ttl in self._wanted() if self._sent.get(ttl, 0) < self._tries), None)

    def _wanted(self) -> Iterator[int]:
        waiting = {packet.ttl for packet, _ in self._flying.values()}
        waiting.update(one.ttl for one, _, heard in self._doubted.values() if heard.what == "exceeded")
        silent = 0
        for ttl in range(self._first, (self._last if self._end is None else self._end) + 1):
            yield ttl
            is_done = self._sent.get(ttl, 0) >= self._tries and ttl not in waiting
            silent = silent + 1 if is_done and ttl not in self._answers else 0
            if silent >= self._silence and max(self._answers, default=0) < ttl:
                return
