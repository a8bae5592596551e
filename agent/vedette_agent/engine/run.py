"""Drives probers: resumes each when its socket has something, and ends it at its deadline.

A prober waits by `await suspend(arm)`. The driver calls `arm(run)` once: it registers a callback that
will call `run.resume(value)` or `run.throw(error)` later (never before `arm` returns) and gives back a
function that takes the callback away.

Every deadline of every probe is held here and nowhere else: runs are kept in buckets of one tick, so a
deadline costs no timer, and a run that has ended is let go of at once. The engine ticks while a run is in
flight, and otherwise only when asked to: an idle wake-up costs as much as a probe.
"""

import asyncio
import math
import time
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol

from vedette.wire.failure import Failure
from vedette_agent.engine.record import Record

TICK = 0.02  # seconds; due probes leave and deadlines are swept on it
LAG = 0.02  # seconds of delay of a tick that count as a stall of ours
MARGIN = 2 * TICK  # before its deadline a run that counts what came ends itself, so that it can tell
SUSPENDED = 1.0  # seconds by which the boot clock may outrun the monotonic one

Disarm = Callable[[], None]
Arm = Callable[["Run"], Disarm]
Prober = Coroutine[Arm, Any, None]
Done = Callable[["Run", BaseException | None], None]


class DeadlineExceeded(Exception):
    """The probe's timeout has passed. Its notes (PEP 678) are for people."""

    failure: Failure | None = None  # set by a prober that knows more than its stage says


class HostSuspended(Exception):
    """The host slept while the probe ran."""


class AgentStopped(Exception):
    """The agent stops; the probe is given up."""


@types.coroutine
def suspend(arm: Arm) -> Generator[Arm, Any, Any]:
    """Wait until the callback that *arm* registers resumes the run; gives back what it was resumed with."""
    return (yield arm)


class Flight(Protocol):
    """What has a deadline. `Engine.enter` sets the times: seconds of the loop's clock."""

    started: float
    deadline: float
    stalled_at_start: float

    def throw(self, error: BaseException) -> None:
        """Raise *error* where it waits. One that is over ignores it."""


class Run:
    """One probe in flight."""

    __slots__ = ("_coro", "_disarm", "_done", "_engine", "deadline", "record", "stalled_at_start", "started")

    def __init__(self, engine: "Engine", coro: Prober, record: Record, done: Done) -> None:
        self._engine = engine
        self._coro: Prober | None = coro
        self._disarm: Disarm | None = None
        self._done = done
        self.record = record
        self.started = 0.0
        self.deadline = 0.0
        self.stalled_at_start = 0.0

    @property
    def stalled(self) -> float:
        """Seconds of our own stalls that overlap this run."""
        return self._engine.stalled_at(self._engine.now()) - self.stalled_at_start

    @property
    def is_over(self) -> bool:
        return self._coro is None

    def resume(self, value: object = None) -> None:
        """Give *value* to the waiting prober. A run that is over ignores it."""
        if self._coro is not None:
            self._step(self._coro.send, value)

    def throw(self, error: BaseException) -> None:
        """Raise *error* where the prober waits. A run that is over ignores it."""
        if self._coro is not None:
            self._step(self._coro.throw, error)

    def _step(self, step: Callable[[Any], Arm], value: object) -> None:
        if self._disarm is not None:
            disarm, self._disarm = self._disarm, None
            disarm()
        try:
            arm = step(value)
        except StopIteration:
            self._end(None)
        except Exception as exc:
            self._end(exc)
        else:
            try:
                self._disarm = arm(self)
            except Exception as exc:  # arming opens sockets and sends: its errors are the prober's to see
                self.throw(exc)

    def _end(self, error: BaseException | None) -> None:
        self._coro = None
        self._engine.forget(self)
        self._done(self, error)
        self._engine.rest()


def _seconds_suspended() -> float:
    """Seconds that the host has spent suspended since boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


class Engine:
    """Starts probers, sweeps their deadlines, and notices when it was itself too late."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, asleep: Callable[[], float] = _seconds_suspended
    ) -> None:
        """*asleep* tells how many seconds the host has spent suspended."""
        self.loop = loop
        # Where it is the loop's own, without the method around it, which costs as much again.
        is_plain = type(loop).time is asyncio.BaseEventLoop.time
        self.now: Callable[[], float] = time.monotonic if is_plain else loop.time
        self.stalled = 0.0  # seconds, ever growing: the sum of our stalls above LAG
        self.worst_lag = 0.0  # seconds; whoever reports it sets it back
        self._count = 0
        self._buckets: dict[int, dict[Flight, None]] = {}  # by deadline in ticks; in the order of their start
        self._timer: asyncio.TimerHandle | None = None
        self._is_ticking = False
        self._expected = 0.0
        self._swept = int(loop.time() / TICK)
        self._seconds_asleep = asleep
        self._asleep = asleep()
        # Called with the time, before deadlines are swept.
        self.on_tick: Callable[[float], None] | None = None
        self._wanted_at = math.inf

    def __len__(self) -> int:
        return self._count

    def start(self, coro: Prober, record: Record, timeout: float, done: Done) -> Run:
        """Run *coro* until it returns, raises, or *timeout* seconds have passed; then call *done* once.

        *done* may be called before `start` returns.
        """
        run = Run(self, coro, record, done)
        self.enter(run, timeout)
        run.resume()
        return run

    def enter(self, flight: Flight, timeout: float) -> None:
        """Throw DeadlineExceeded into *flight* unless it is forgotten within *timeout* seconds from now."""
        now = self.now()
        if not self._count:  # idle till now: what the host slept meanwhile is nobody's
            self._asleep = self._seconds_asleep()
        flight.started = now
        overdue = 0.0 if self._timer is None else now - self._expected
        flight.stalled_at_start = self.stalled + overdue if overdue > LAG else self.stalled
        flight.deadline = deadline = now + timeout
        number = int(deadline / TICK) + 1
        bucket = self._buckets.get(number)
        if bucket is None:
            self._buckets[number] = {flight: None}
        else:
            bucket[flight] = None
        self._count += 1
        if self._timer is None or self._expected - now > TICK:
            self._arm()

    def take_over(self, flight: Flight, coro: Prober, record: Record, done: Done) -> Run:
        """A run of *coro* that goes on in the place of *flight*, with its times."""
        run = Run(self, coro, record, done)
        run.started, run.deadline = flight.started, flight.deadline
        run.stalled_at_start = flight.stalled_at_start
        bucket = self._buckets.get(_bucket(flight.deadline))
        if bucket is not None:  # not while that one is swept
            bucket.pop(flight, None)
            bucket[run] = None
        run.resume()
        return run

    def stalled_at(self, now: float) -> float:
        """`stalled`, and what the overdue tick is yet to notice: sockets may be served before it."""
        overdue = 0.0 if self._timer is None else now - self._expected
        return self.stalled + overdue if overdue > LAG else self.stalled

    def forget(self, flight: Flight) -> None:
        """To be called once, when *flight* is over; `rest` after what is done about it."""
        self._count -= 1
        bucket = self._buckets.get(int(flight.deadline / TICK) + 1)
        if bucket is not None:  # not while that one is swept
            bucket.pop(flight, None)

    def stop(self) -> None:
        """End every probe in flight with AgentStopped and never tick again."""
        self.on_tick = None
        self._wanted_at = math.inf
        self._end_all(AgentStopped)
        self._arm()

    def want(self, at: float) -> None:
        """Tick at the first whole TICK from *at* on (once), whether or not a probe is in flight then."""
        self._wanted_at = at
        if not self._count and not self._is_ticking:
            self._arm()

    def rest(self) -> None:
        """With no probe in flight the wanted tick is left; but an overdue one has a stall to notice."""
        if not self._count and not self._is_ticking and self.now() <= self._expected:
            self._arm()

    def _arm(self) -> None:
        """Set the timer for the next tick that somebody needs, if any."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self.now()
        number = int(now / TICK) + 1
        if number * TICK <= now:  # by rounding: this is the tick that was just made
            number += 1
        if not self._count:
            if self._wanted_at == math.inf:
                return
            number = max(number, math.ceil(self._wanted_at / TICK))
        self._expected = number * TICK
        self._timer = self.loop.call_at(self._expected, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._is_ticking = True
        now = self.now()
        lag = now - self._expected
        if lag > LAG:
            self.stalled += lag
        self.worst_lag = max(self.worst_lag, lag)
        asleep = self._seconds_asleep()
        if asleep - self._asleep > SUSPENDED:
            self._end_all(HostSuspended)
        self._asleep = asleep
        if now >= self._wanted_at:
            self._wanted_at = math.inf
        if self.on_tick is not None:
            self.on_tick(now)
        self._sweep(now)
        self._is_ticking = False
        if self._timer is None:
            self._arm()
        else:  # set by the first run that was started here: a tick that takes long makes that one late
            self.rest()

    def _sweep(self, now: float) -> None:
        last = int(now / TICK)
        if last - self._swept > len(self._buckets):
            due = sorted(n for n in self._buckets if n <= last)
        else:
            due = [n for n in range(self._swept + 1, last + 1) if n in self._buckets]
        self._swept = last
        for number in due:
            for run in self._buckets.pop(number):
                run.throw(DeadlineExceeded())

    def _end_all(self, why: type[Exception]) -> None:
        for run in [run for bucket in self._buckets.values() for run in bucket]:
            run.throw(why())


def _bucket(deadline: float) -> int:
    return int(deadline / TICK) + 1
