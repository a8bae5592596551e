"""Between the loop and the thread that writes: decided entries go in, and are applied once they are durable.

When the disk does not keep up, what waits here is bounded: then results stay with their agents, which get no
ack for them and send them again.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from vedette.log import fields
from vedette_collector.cell import Moment
from vedette_collector.condition import StoreCondition
from vedette_collector.store.database import Storage, Writing
from vedette_collector.store.entry import Entry
from vedette_collector.store.writer import Prune, Rows, Writer

log = logging.getLogger("vedette.collector.store")

MAX_BYTES: Final = 64 * 1024 * 1024
BUSY_BYTES: Final = MAX_BYTES // 8
MAX_SECONDS: Final = 5.0  # that the oldest entry waits for the disk
OVERHEAD: Final = 400  # bytes of an entry beside its payload and its results
PER_RESULT: Final = 800  # bytes of a result that was read
TURN: Final = 0.005  # seconds of applying before others have a turn

Apply = Callable[[Entry, Moment], None]


class Keeping(Protocol):
    """Takes what was decided, and applies it in that order once it is durable."""

    def add(self, entry: Entry) -> None: ...

    def is_behind(self, mono: float) -> bool: ...

    def is_busy(self) -> bool: ...


class Applying:
    """Applies entries, whatever comes of it: an error of ours must not stop what follows."""

    def __init__(self, apply: Apply, condition: StoreCondition) -> None:
        self._apply = apply
        self._condition = condition

    def __call__(self, entry: Entry) -> None:
        try:
            self._apply(entry, Moment(time.time(), asyncio.get_running_loop().time()))
        except Exception:
            self._condition.apply_errors += 1
            if self._condition.apply_errors == 1:
                log.exception("an entry could not be applied", extra=fields(agent=entry.agent, id=entry.id))


class Memory:
    """Nothing is stored: what is decided is applied at once."""

    def __init__(self, apply: Applying, applied: Callable[[], None]) -> None:
        self._apply = apply
        self._applied = applied

    def add(self, entry: Entry) -> None:
        self._apply(entry)
        self._applied()

    def is_behind(self, mono: float) -> bool:
        return False

    def is_busy(self) -> bool:
        return False


class Journal:
    """Owns the thread. `run` it while it is fed; `flush` it before the end."""

    def __init__(
        self, storage: Storage, apply: Applying, applied: Callable[[], None], condition: StoreCondition
    ) -> None:
        self.applied_results = 0  # since the start: what a checkpoint saves from being applied again
        self.last_id = 0  # of the newest entry that is applied
        self._apply = apply
        self._applied = applied
        self._condition = condition
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(storage, self._from_thread, self._trouble_in_thread)
        self._waiting: deque[tuple[float, int]] = deque()  # when, and bytes, of what is not on the disk
        self._bytes = 0
        self._durable: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        self._writer.start()

    def add(self, entry: Entry) -> None:
        size = OVERHEAD + len(entry.payload) + PER_RESULT * entry.count
        self._waiting.append((self._loop.time(), size))
        self._bytes += size
        self._idle.clear()
        self._writer.add(entry)

    def is_behind(self, mono: float) -> bool:
        """Whether so much waits for the disk that no more should be taken."""
        return bool(self._waiting) and (self._bytes > MAX_BYTES or mono - self._waiting[0][0] > MAX_SECONDS)

    def is_busy(self) -> bool:
        """Whether what can wait should: the room that is left is for what is live."""
        return self._bytes > BUSY_BYTES

    async def run(self) -> None:
        """Apply what is durable, until cancelled; then it may be run again."""
        self._arrived.set()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            until = self._loop.time() + TURN
            while self._durable:
                self._take(self._durable.popleft())
                if self._loop.time() >= until:
                    self._applied()
                    await asyncio.sleep(0)
                    until = self._loop.time() + TURN
            self._applied()
            if not self._waiting:
                self._idle.set()

    async def write(self, writing: Writing) -> None:
        """Rows of a checkpoint, behind all entries that were added. Raises what could not be stored."""
        done: asyncio.Future[None] = self._loop.create_future()

        def settled(exc: Exception | None) -> None:
            self._loop.call_soon_threadsafe(_settle, done, exc)

        self._writer.add(Rows(writing, settled))
        await done

    def post(self, writing: Writing) -> None:
        """Rows that every entry added from now on needs."""
        self._writer.add(Rows(writing, lambda exc: None))

    async def prune(self, upto: int, before_us: int, max_bytes: int, limit: int) -> int:
        """Drop the oldest entries. Returns how many went."""
        done: asyncio.Future[int] = self._loop.create_future()

        def settled(gone: int) -> None:
            self._loop.call_soon_threadsafe(_settle, done, gone)

        self._writer.add(Prune(upto, before_us, max_bytes, limit, settled))
        return await done

    async def idle(self) -> None:
        """Until everything that was added is applied."""
        await self._idle.wait()

    def stop(self, seconds: float) -> bool:
        """End the thread. Whether all that was added is on the disk."""
        self._writer.stop()
        return self._writer.join(seconds)

    def observe(self) -> None:
        """Bring the condition up to date."""
        now = self._loop.time()
        store, writer = self._condition, self._writer
        store.waiting_bytes = self._bytes
        store.waiting_seconds = now - self._waiting[0][0] if self._waiting else 0.0
        store.transactions, store.transaction_seconds = writer.transactions, writer.seconds
        store.failures, store.parked = writer.failures, writer.parked

    def _take(self, entry: Entry) -> None:
        _, size = self._waiting.popleft()
        self._bytes -= size
        self._apply(entry)
        self.applied_results += entry.count
        self.last_id = max(self.last_id, entry.id)

    def _from_thread(self, entries: list[Entry]) -> None:
        self._loop.call_soon_threadsafe(self._come, entries)

    def _come(self, entries: list[Entry]) -> None:
        self._durable.extend(entries)
        self._arrived.set()

    def _trouble_in_thread(self, reason: str | None) -> None:
        self._loop.call_soon_threadsafe(self._trouble, reason)

    def _trouble(self, reason: str | None) -> None:
        self._condition.trouble = reason


def _settle(done: asyncio.Future[Any], found: object) -> None:
    """*found*: the outcome, or the exception. Whoever waited may be gone."""
    if done.done():
        return
    if isinstance(found, Exception):
        done.set_exception(found)
    else:
        done.set_result(found)
