"""Work whose time a target has a say in goes to a thread, so that the loop and its other probes go on.

Only for what gives Python's lock away while it works, as RE2 does. One thread for an agent: probes that
need it wait for each other, and their deadlines for nothing.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from vedette.wire.failure import NotRun
from vedette_agent.engine.record import ProbeSpoiled
from vedette_agent.engine.run import DeadlineExceeded, Disarm, Run, suspend

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

T = TypeVar("T")


async def aside(io: "Io", work: Callable[[], T]) -> T:
    """What *work* returns or raises. Past the deadline nobody waits for it, nor does it begin.

    Raises ProbeSpoiled(loop_lag) when time was up before it could: other probes had the thread.
    """
    if io.worker is None:
        io.worker = ThreadPoolExecutor(1, "vedette-aside")
    worker = io.worker
    has_begun = False

    def begun() -> T:
        nonlocal has_begun
        has_begun = True
        return work()

    def arm(run: Run) -> Disarm:
        future = worker.submit(begun)
        is_awaited = True

        def tell(done: "Future[Any]") -> None:
            if not is_awaited:
                return
            error = done.exception()
            if isinstance(error, Exception):
                run.throw(error)
            else:
                run.resume(done.result())

        def ended(done: "Future[Any]") -> None:
            if not done.cancelled():
                try:
                    io.loop.call_soon_threadsafe(tell, done)
                except RuntimeError:
                    pass  # the loop was closed meanwhile: nobody waits

        def disarm() -> None:
            nonlocal is_awaited
            is_awaited = False
            future.cancel()

        future.add_done_callback(ended)
        return disarm

    try:
        result: T = await suspend(arm)
    except DeadlineExceeded as exc:
        if has_begun:
            raise
        said = "time was up before the answer could be looked at: that of other probes took too long"
        raise ProbeSpoiled(NotRun.LOOP_LAG, said) from exc
    return result
