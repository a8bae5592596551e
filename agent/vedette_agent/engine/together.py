"""Several conversations of one run at once: a zone's servers are asked together, not one after the other.

A run waits for one thing. Here that one thing is a set of branches, each a coroutine that waits as a prober
does and may use whatever a prober may. The run goes on when all have ended or their time is over. Nothing of
this is on the way of a prober that does not use it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vedette_agent.engine.run import AgentStopped, Arm, DeadlineExceeded, Disarm, Run, suspend

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

MAX_BRANCHES: Final = 32

T = TypeVar("T")


async def together(
    io: "Io", branches: Sequence[Coroutine[Arm, Any, T]], shares: int = 1
) -> list[T | Exception]:
    """What each of *branches* returned or raised, in their order.

    All get the same time: what is left of the run's, divided by *shares*. Who has not ended by then sees
    DeadlineExceeded, and so does a branch when the run is ended from outside; it must then end.
    """
    if len(branches) > MAX_BRANCHES:
        for branch in branches:
            branch.close()
        raise ValueError(f"{len(branches)} branches at once; {MAX_BRANCHES} are allowed")
    if not branches:
        return []
    group = _Group(io.loop, branches, shares)
    try:
        await suspend(group.arm)
    except BaseException:
        group.end(AgentStopped)
        raise
    return group.results


class _Group:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, branches: Sequence[Coroutine[Arm, Any, Any]], shares: int
    ) -> None:
        self.loop = loop
        self.results: list[Any] = [None] * len(branches)
        self._waiting = list(branches)
        self._shares = shares
        self._open: dict[_Branch, None] = {}
        self._run: Run | None = None
        self._timer: asyncio.Handle | None = None

    def arm(self, run: Run) -> Disarm:
        """Start every branch. The run is resumed when the last has ended."""
        now = self.loop.time()
        # A run is swept on the tick after its deadline, so its branches end first, and what they were told
        # is not lost with them.
        until = now + max(run.deadline - now, 0.0) / self._shares
        made = [_Branch(self, coro, at, until, run) for at, coro in enumerate(self._waiting)]
        self._open = dict.fromkeys(made)
        for branch in made:
            branch.resume()
        self._run = run  # from here on: an arm must not resume its run
        if self._open:
            self._timer = self.loop.call_at(until, self.end, DeadlineExceeded)
        else:
            self._timer = self.loop.call_soon(run.resume)
        return self._disarm

    def _disarm(self) -> None:
        self._run = None
        if self._timer is not None:
            self._timer.cancel()

    def ended(self, branch: "_Branch", error: BaseException | None) -> None:
        if error is not None:
            self.results[branch.number] = error
        del self._open[branch]
        if not self._open and self._run is not None:
            self._run.resume()

    def end(self, why: type[Exception]) -> None:
        """Raise *why* in every branch that has not ended."""
        for branch in list(self._open):
            branch.throw(why())


class _Branch(Run):
    """Looks like the run to what its coroutine waits for."""

    __slots__ = ("_group", "number")

    def __init__(
        self, group: _Group, coro: Coroutine[Arm, Any, Any], number: int, until: float, parent: Run
    ) -> None:
        self._group = group
        self.number = number
        self._coro = self._kept(coro)
        self._disarm = None
        self.record = parent.record
        self.started = parent.started
        self.deadline = until

    async def _kept(self, coro: Coroutine[Arm, Any, Any]) -> None:
        self._group.results[self.number] = await coro

    def _end(self, error: BaseException | None) -> None:
        self._coro = None
        self._group.ended(self, error)
