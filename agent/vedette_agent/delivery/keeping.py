"""Between the outbox and its disk: rows and what is settled go there, what became of them comes back."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vedette.log import fields
from vedette.wire import limits
from vedette.wire.messages import Gap, SpoolState
from vedette_agent.delivery.ledger import Backlog
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.replay import Fetch
from vedette_agent.spool.events import Changed, Dropped, Event, Held, SpoolError, Unwritten, Written
from vedette_agent.spool.rows import Row

if TYPE_CHECKING:
    from vedette_agent.spool.writer import Spool

WAITING_BYTES: Final = 4 * 1024 * 1024  # of rows, while the spool is being opened

log = logging.getLogger("vedette.spool")


class Keeping:
    """The spool in *directory*, from before it is open until it is closed.

    *wake*: there may be something to do earlier than thought.
    """

    def __init__(self, directory: Path, outbox: Outbox, wake: Callable[[], None]) -> None:
        self.state: SpoolState | None = None  # None: not known yet
        self.note: Callable[[int], None] = _nowhere  # results below this seq were produced
        self._directory = directory
        self._outbox = outbox
        self._wake = wake
        self._spool: Spool | None = None
        self._epoch = ""  # that the spool takes rows of
        self._reopening = asyncio.Lock()
        self._waiting: list[Row] = []
        self._waiting_bytes = 0
        self._early: list[Event] = []  # told before what was found was taken over
        self.has_adopted = False  # what earlier processes left is known
        self._is_settled = asyncio.Event()  # open, or known not to be

    @property
    def queued_share(self) -> float:
        """Of what may wait for the disk, what does."""
        if self._spool is None:
            return self._waiting_bytes / WAITING_BYTES
        return self._spool.queued_share

    async def open(self) -> None:
        """Take over what is there. What cannot be opened is told, and results stay in memory then.

        Raises ConfigError when another agent that runs has the directory.
        """
        try:
            await self._open()
        finally:
            self._is_settled.set()
        await self.reopen()

    async def _open(self) -> None:
        epoch = self._outbox.epoch
        try:
            # SQLite costs memory that an agent without a spool does not have to spare.
            from vedette_agent.spool.writer import Spool

            spool, held = await Spool.open(self._directory, epoch, tell=self._tell, begin=self._begin)
        except (SpoolError, OSError, ImportError) as exc:
            self.note = _nowhere
            self._give_up(exc)
            return
        if not self.has_adopted:
            self._adopt(held)
        self._spool, self._epoch = spool, epoch
        if epoch == self._outbox.epoch:
            spool.note(self._outbox.next_seq)
            self.note = spool.note
        early, self._early = self._early, []
        for event in early:
            self._took(event)
        self._wake()

    def _begin(self, note: Callable[[int], None]) -> None:
        """What is produced while the spool is being opened counts too."""
        note(self._outbox.next_seq)
        self.note = note

    def leave(self) -> None:
        """Results are of another epoch from now on: `reopen` follows."""
        self.note = _nowhere

    async def reopen(self) -> None:
        """The outbox may have begun another epoch: then the one before is written, and one of the past."""
        async with self._reopening:
            while self._spool is not None and self._epoch != self._outbox.epoch:
                self._is_settled.clear()
                try:
                    await self._close(self._spool)
                    await self._open()
                finally:
                    self._is_settled.set()

    async def close(self, now: float, within: float) -> None:
        """Write what there is. *within*: seconds that a spool may still take to open."""
        self.move(now)
        try:
            async with asyncio.timeout(within):
                await self._is_settled.wait()
        except TimeoutError:
            pass
        if self._spool is not None:
            await self._close(self._spool)

    async def _close(self, spool: "Spool") -> None:
        self._hand_over(spool)
        self._spool, self.note = None, _nowhere
        await spool.close()

    def move(self, now: float) -> None:
        """Hand over what is to be written and what is settled."""
        if not self._outbox.is_spooled:
            return
        for row in self._outbox.rows(now):
            if self._waiting_bytes + len(row.payload) > WAITING_BYTES:
                self._outbox.disk.untaken(row)
            else:
                self._waiting.append(row)
                self._waiting_bytes += len(row.payload)
        if self._spool is not None:
            self._hand_over(self._spool)

    async def read(self, fetch: Fetch) -> list[Row] | None:
        """The rows; None when there is no disk at present."""
        if self._spool is None:
            return None
        return await self._spool.read(fetch.epoch, fetch.first, fetch.end, fetch.most, limits.BATCH_BYTES)

    def confirmed(self, gaps: Iterable[Gap]) -> None:
        """The collector has taken note of *gaps*."""
        if self._spool is not None:
            for gap in gaps:
                self._spool.confirmed(gap)

    def _hand_over(self, spool: "Spool") -> None:
        rows, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for row in rows:
            if row.epoch != self._epoch and row.epoch == self._outbox.epoch:
                self._waiting.append(row)  # its spool is being opened
                self._waiting_bytes += len(row.payload)
            elif not spool.put(row):
                self._outbox.disk.untaken(row)
        for epoch, (first, end) in self._outbox.ledger.settled():
            spool.settle(epoch, first, end)
        for gap in self._outbox.ledger.declared():
            spool.declare(gap)

    def _adopt(self, held: Held) -> None:
        self.has_adopted = True
        backlogs = [
            Backlog(old.epoch, old.next_seq, old.is_same_boot, tuple(old.runs)) for old in held.epochs
        ]
        self._outbox.ledger.adopt(backlogs, held.settled, held.gaps)
        self.state = SpoolState(
            state="ok", results=held.results, size_bytes=held.size_bytes, oldest_us=held.oldest_us
        )
        lost = sum(gap.end - gap.first for gap in held.gaps)
        log.info("spool", extra=fields(path=self._directory, results=held.results, lost=lost))

    def _give_up(self, exc: Exception) -> None:
        self.state = SpoolState(state="failing")
        self._waiting, self._waiting_bytes = [], 0
        self._outbox.disk.unspooled()
        log.error(
            "no spool: results stay in memory, and what is not acknowledged ends with the process",
            extra=fields(path=self._directory, reason=exc),
        )

    def _tell(self, event: Event) -> None:
        if self.has_adopted:
            self._took(event)
        else:
            self._early.append(event)

    def _took(self, event: Event) -> None:
        outbox = self._outbox
        match event:
            case Written(epoch, first, end):
                outbox.disk.written(epoch, first, end)
            case Unwritten(epoch, first, end):
                outbox.disk.unwritten(epoch, first, end)
                self._wake()
            case Dropped(gap):
                outbox.disk.dropped(gap)
            case Changed():
                self.state = SpoolState(
                    state=event.state,
                    results=event.results,
                    size_bytes=event.size_bytes,
                    oldest_us=event.oldest_us,
                )
                if event.state == "ok" and outbox.disk.offer():
                    self._wake()


def _nowhere(next_seq: int) -> None:
    """There is no page to note it in."""
