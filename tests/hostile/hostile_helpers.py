"""Measures how long a loop was held: the CPU time of its thread between two waits, so that a busy machine
counts for nothing."""

import asyncio
import gc
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Held(selectors.DefaultSelector):
    """`worst`: seconds of CPU of the longest turn since it was last set to 0."""

    worst = 0.0
    _woken = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._woken:
            self.worst = max(self.worst, time.thread_time() - self._woken)
        ready = super().select(timeout)
        self._woken = time.thread_time()
        return ready


def run_held(main: Coroutine[Any, Any, T], held: Held) -> T:
    """*main* on a loop of its own that *held* watches."""
    gc.collect()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(held)) as runner:
        return runner.run(main)
