"""The spool as the event loop sees it: nothing here waits for a disk.

One thread owns the files. It commits rows when they come, which have waited for each other already, and not
more often than every `COMMIT_SECONDS`, unless a lot has come together. What only makes room waits longer: it
goes with the next rows.
"""

import asyncio
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vedette.errors import ConfigError
from vedette.log import fields
from vedette.wire.failure import Lost
from vedette.wire.messages import Gap
from vedette_agent.spool.database import Disk
from vedette_agent.spool.events import Event, Held, SpoolError
from vedette_agent.spool.files import Files
from vedette_agent.spool.keeper import Keeper
from vedette_agent.spool.opening import Opening
from vedette_agent.spool.policy import Caps
from vedette_agent.spool.rows import Row
from vedette_agent.spool.tail import Tail, boot_id, left
from vedette_agent.spool.work import Work

QUEUE_BYTES: Final = 4 * 1024 * 1024  # of rows that are not on disk yet
COMMIT_BYTES: Final = 64 * 1024
COMMIT_SECONDS: Final = 0.1
LINGER_SECONDS: Final = 0.3
IDLE_SECONDS: Final = 10.0  # age and free space are looked at so often at least
RETRY_SECONDS: Final = 0.25  # after an error; doubled,
RETRY_SECONDS_MAX: Final = 5.0  # up to this
CLOSE_SECONDS: Final = 5.0  # a disk that hangs must not keep the agent from ending

log = logging.getLogger("vedette.spool")

_Read = tuple[tuple[str, int, int, int, int], "asyncio.Future[list[Row]]"]


class Spool:
    """Made by `open`. All methods are for the event loop's thread."""

    def __init__(
        self, directory: Path, epoch: str, caps: Caps, tell: Callable[[Event], None], disk: Disk
    ) -> None:
        self._directory = directory
        self._epoch = epoch
        self._caps = caps
        self._tell = tell
        self._disk = disk
        self._loop = asyncio.get_running_loop()
        self._tail = Tail(epoch, boot_id())
        self._page = directory / "tail"
        self._fresh = directory / "tail-new"  # the page, until the first commit
        self._is_in_place = False
        self.note = self._tail.note  # results below this seq were produced
        self._changed = threading.Condition()  # guards what follows
        self._work = Work()
        self._reads: list[_Read] = []
        self._queued_bytes = 0
        self._due = time.monotonic() + IDLE_SECONDS
        self._committed = 0.0
        self._retry = 0.0  # seconds; 0 while the disk does what it should
        self._is_closing = False
        self._opened: asyncio.Future[Held] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(
        cls,
        directory: Path,
        epoch: str,
        caps: Caps | None = None,
        *,
        tell: Callable[[Event], None],
        disk: Disk | None = None,
        begin: Callable[[Callable[[int], None]], None] = lambda note: None,
    ) -> tuple["Spool", Held]:
        """The spool in *directory*, and what earlier epochs left in it.

        *epoch* is new. *tell* is called in the loop; *begin* at once, with `note`. Raises ConfigError when
        another process has the directory, and SpoolError when it cannot be used.
        """
        spool = cls(directory, epoch, caps or Caps(), tell, disk or Disk())
        begin(spool.note)
        threading.Thread(target=spool._run, name="spool", daemon=True).start()
        return spool, await spool._opened

    @property
    def queued_share(self) -> float:
        return self._queued_bytes / QUEUE_BYTES

    def put(self, row: Row) -> bool:
        """Have *row* written soon. False when too much waits already."""
        size = len(row.payload)
        with self._changed:
            if self._is_closing or self._queued_bytes + size > QUEUE_BYTES:
                return False
            self._queued_bytes += size
            self._work.rows.append(row)
            self._arm(0.0)
        return True

    def settle(self, epoch: str, first: int, end: int) -> None:
        """Results `first` … `end` - 1 are acknowledged, or given up: they need no place on disk."""
        with self._changed:
            self._queued_bytes -= self._work.settle(epoch, first, end)
            self._arm()

    def declare(self, gap: Gap) -> None:
        """Keep *gap* until it is confirmed. Its results need no place on disk."""
        with self._changed:
            self._work.declare(gap.epoch, gap.first, gap.end, Lost(gap.reason))
            self._arm()

    def confirmed(self, gap: Gap) -> None:
        """The collector knows of *gap*."""
        with self._changed:
            self._work.confirm(gap.epoch, gap.first, gap.end)
            self._arm()

    async def read(self, epoch: str, first: int, end: int, most_results: int, most_bytes: int) -> list[Row]:
        """Written rows that overlap `first` … `end` - 1, ascending: one, and more within the bounds.

        What should be there and is not comes as `Dropped`.
        """
        future: asyncio.Future[list[Row]] = self._loop.create_future()
        with self._changed:
            if self._is_closing:
                return []
            self._reads.append(((epoch, first, end, most_results, most_bytes), future))
            self._changed.notify()
        return await future

    async def close(self) -> None:
        """Write what is queued, and note that the epoch ended in order."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.shield(self._closed)
        except TimeoutError:
            log.error("the disk hangs", extra=fields(path=self._directory))

    def _arm(self, linger: float = LINGER_SECONDS) -> None:
        """Have the thread commit in time."""
        if self._retry:
            return
        now = time.monotonic()
        due = max(now + linger, self._committed + COMMIT_SECONDS)
        if self._queued_bytes >= COMMIT_BYTES:
            due = now
        if due < self._due:
            self._due = due
            self._changed.notify()

    def _run(self) -> None:
        """The thread."""
        lock = -1
        try:
            try:
                lock = _locked(self._directory)
                keeper, held = self._begin()
            except Exception as exc:
                wrapped = exc if isinstance(exc, ConfigError) else SpoolError(f"{self._directory}: {exc}")
                self._post(_fail, self._opened, wrapped)
                return
            self._post(_answer, self._opened, held)
            while self._cycle(keeper):
                pass
        finally:
            if lock >= 0:
                os.close(lock)
            self._post(_answer, self._closed, None)

    def _begin(self) -> tuple[Keeper, Held]:
        files = Files(self._directory, self._disk)
        found = left(self._page), left(self._fresh)
        if found[1] is None:
            # The page of the process before stays until its end is on record, and ours counts from now on.
            try:
                self._tail.attach(self._fresh)
            except OSError:
                pass  # it is tried again with the first commit
        opening = Opening(files, boot_id(), *found)
        held = opening.held(time.time_ns() // 1000)
        opening.add(self._epoch)
        keeper = Keeper(files, opening, self._caps, self._tail)
        self._commit(keeper, Work())
        return keeper, held

    def _cycle(self, keeper: Keeper) -> bool:
        """Wait for something to do and do it. False when that was the last."""
        with self._changed:
            while not self._reads and not self._is_closing and (wait := self._due - time.monotonic()) > 0:
                self._changed.wait(wait)
            reads, self._reads = self._reads, []
            is_closing = self._is_closing
            work = Work()
            if is_closing or self._due <= time.monotonic():
                work, self._work = self._work, work
                self._due = 0.0
            is_due = self._due == 0.0
        for asked, future in reads:
            rows: list[Row] = []
            try:
                rows = keeper.read(*asked)
            except Exception:
                log.exception("reading the spool failed")
            self._post(_answer, future, rows)
        if is_due or keeper.has_losses:
            self._commit(keeper, work)
        if is_closing:
            keeper.finish()
        self._post(self._deliver, keeper.events)
        keeper.events = []
        return not is_closing

    def _commit(self, keeper: Keeper, work: Work) -> None:
        is_done = False
        try:
            is_done = keeper.commit(work)
            if not self._is_in_place and keeper.is_on_record:
                self._place()
        except Exception:
            log.exception("writing the spool failed")
        now = time.monotonic()
        with self._changed:
            self._queued_bytes -= keeper.freed_bytes
            keeper.freed_bytes = 0
            self._committed = now
            if is_done:
                self._retry = 0.0
                self._due = now + IDLE_SECONDS
                if self._work:
                    self._arm(0.0 if self._work.rows else LINGER_SECONDS)
            elif keeper.state == "ok":
                self._due = now  # there is more than goes into one commit
            else:
                self._retry = min(max(self._retry * 2, RETRY_SECONDS), RETRY_SECONDS_MAX)
                self._due = now + self._retry

    def _place(self) -> None:
        """Our page takes the place of those of processes whose ends are on record. Raises OSError."""
        if self._tail.is_attached:
            self._fresh.replace(self._page)
        else:
            self._tail.attach(self._page)
            self._fresh.unlink(missing_ok=True)
        self._is_in_place = True

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            self._tell(event)

    def _post(self, call: Callable[..., None], *values: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *values)
        except RuntimeError:
            pass  # the loop has ended; nobody waits any more


def _answer(future: "asyncio.Future[object]", value: object) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[object]", exc: Exception) -> None:
    if not future.done():
        future.set_exception(exc)


def _locked(directory: Path) -> int:
    """The lock on *directory*, which is made if need be. Raises OSError and ConfigError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise ConfigError(
            f"{directory}: another agent uses this directory (process {holder}); "
            "stop it, or start this one with another --state-dir"
        ) from exc
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
