"""A probe that is one datagram and its answer, for as long as nothing unusual happens.

Nearly all such probes succeed and learn what the one before had learned. A coroutine, a record and a run
would be most of what they cost, so they have none: the same shot is fired again for every slot of its check.

Whatever else comes of it (an answer that is not as expected, a stranger's datagram, an ICMP error, the
deadline) hands the exchange over, as it stands, to the check's prober, which goes on as if it had sent it.
So what a failure is called, and what is kept as its evidence, is decided in one place.
"""

from collections.abc import Callable
from typing import Any, Protocol

from vedette.wire.facts import Facts
from vedette.wire.messages import Phase
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Done, Engine, Prober, Run


class Sent(Protocol):
    """What was sent, then what came."""

    seconds: float  # that it took
    is_kernel_timed: bool

    def disarm(self) -> None:
        """Wait no longer."""


class Aim(Protocol):
    """How a check that is one exchange is probed; made once for all its runs."""

    phase: Phase  # what the time of the exchange is called

    def send(self, shot: "Shot") -> Sent:
        """Send; *shot* is resumed with what is given back, or sees an error.

        Raises what the prober would raise: it is asked then.
        """

    def facts(self, sent: Any) -> Facts | None:
        """What the answer says if all is as expected, the same object for the same; None: ask the prober."""


Hit = Callable[["Shot", Sent, Facts], None]


class Shot:
    """At most one exchange at a time is in flight. Looks like a run to what it waits for."""

    __slots__ = ("_aim", "_done", "_engine", "_hit", "_prober", "_sent", "_timeout",
                 "deadline", "stalled_at_start", "started")  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        aim: Aim,
        prober: Callable[[Record, Any], Prober],
        timeout: float,
        hit: Hit,
        done: Done,
    ) -> None:
        """*hit* is called when all went as expected, else *done*. *prober* takes over what *aim* has sent."""
        self._engine = engine
        self._aim = aim
        self._prober = prober
        self._timeout = timeout
        self._hit = hit
        self._done = done
        self._sent: Sent | None = None
        self.started = 0.0
        self.deadline = 0.0
        self.stalled_at_start = 0.0

    def fire(self) -> None:
        """Its end may be told before this returns."""
        self._engine.enter(self, self._timeout)
        try:
            self._sent = self._aim.send(self)
        except Exception:  # the prober will run into the same, and knows what it means
            self._hand_over()

    @property
    def phase(self) -> Phase:
        return self._aim.phase

    @property
    def stalled(self) -> float:
        """Seconds of our own stalls that overlap this run."""
        engine = self._engine
        return engine.stalled_at(engine.now()) - self.stalled_at_start

    @property
    def record(self) -> Record:
        """Whoever has something to write down: from here on it is the prober's."""
        return self._hand_over().record

    def resume(self, sent: Sent) -> None:
        """The answer has come."""
        try:
            facts = self._aim.facts(sent)
        except Exception:  # as in `fire`
            facts = None
        if facts is None:
            self._hand_over().resume(sent)
            return
        sent.disarm()
        self._sent = None
        engine = self._engine
        engine.forget(self)
        self._hit(self, sent, facts)
        engine.rest()

    def throw(self, error: BaseException) -> None:
        """Raise *error* where the prober would wait."""
        if self._sent is not None:
            self._hand_over().throw(error)

    def _hand_over(self) -> Run:
        sent, self._sent = self._sent, None
        record = Record()
        run = self._engine.take_over(self, self._prober(record, sent), record, self._done)
        if sent is not None and run.is_over:  # before it came to wait for what was sent
            sent.disarm()
        return run
