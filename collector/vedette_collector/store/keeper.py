"""The collector's store as a whole: opened and read at the start, written while it runs, whole at the end."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from vedette.log import fields
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.ingest import Ingest
from vedette_collector.store import checkpoint, recovery, rows
from vedette_collector.store.database import Database, Loaded, Writing
from vedette_collector.store.directory import Directory
from vedette_collector.store.journal import Applying, Journal

log = logging.getLogger("vedette.collector.store")

CHECKPOINT_SECONDS: Final = 60.0
CHECKPOINT_RESULTS: Final = 100_000  # applied again in some two seconds after a crash
POLL_SECONDS: Final = 0.5
READ: Final = 1000  # entries of the journal at a time
HISTORY_BYTES: Final = 1024 * 1024 * 1024
HISTORY_SECONDS: Final = 7 * 86400.0
PRUNED: Final = 1000  # entries that are dropped in one transaction
CLOSE_SECONDS: Final = 8.0  # for what is not on the disk when we are told to end


class Keeper:
    """Owns directory, database and journal."""

    def __init__(self, state: Path, board: Board, ingest: Ingest, condition: Condition) -> None:
        """Raises StoreError for a directory or a file that cannot be used."""
        self.directory = Directory(state)
        try:
            self.database = Database(self.directory.database)
        except BaseException:
            self.directory.release()
            raise
        self._board = board
        self._ingest = ingest
        self._condition = condition
        self._generation = 0  # the newest that is stored

    def recover(self, apply: Applying) -> Loaded:
        """Make the board what it was; returns what is stored. Raises StoreError if rows cannot be read."""
        began = time.monotonic()
        now = Moment(time.time(), asyncio.get_running_loop().time())
        loaded = self.database.load()
        at = recovery.resume(self._board, self._ingest, loaded, now)
        count = 0
        while entries := self.database.entries(at, READ):
            for entry in entries:
                apply(entry)
            count += len(entries)
            at = entries[-1].id
        last_id = max(loaded.last_id, at)
        if recovery.finish(self._board, self._ingest, last_id, self.directory.furthest(), now):
            log.error(
                "the store is older than what it had said: a backup? Counters begin at 0",
                extra=fields(path=self.database.path),
            )
            self._condition.store.restored_at = now.wall
        elif self._ingest.restored_us is not None:
            self._condition.store.restored_at = self._ingest.restored_us / 1e6
        self._condition.store.is_durable = True
        for writing in self._slices(self._ingest.last_id, whole=False):
            self.database.write(writing)
        self.directory.note_furthest(self._ingest.last_id)
        if loaded.facts:
            took = round(time.monotonic() - began, 3)
            log.info("store read", extra=fields(path=self.database.path, applied_again=count, seconds=took))
        return loaded

    def journal(self, apply: Applying, applied: Callable[[], None]) -> Journal:
        journal = Journal(self.database, apply, applied, self._condition.store)
        journal.last_id = self._ingest.last_id
        journal.start()
        return journal

    def configured(self, journal: Journal) -> None:
        """The configuration changed: entries from now on refer to it."""
        journal.post(Writing(generations=self._generations()))

    async def run(self, journal: Journal) -> None:
        """Checkpoints, and room for new entries, until cancelled."""
        loop = asyncio.get_running_loop()
        saved, at = journal.applied_results, loop.time()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            journal.observe()
            is_due = loop.time() - at >= CHECKPOINT_SECONDS
            if is_due or journal.applied_results - saved >= CHECKPOINT_RESULTS:
                saved, at = journal.applied_results, loop.time()
                if await self.checkpoint(journal):
                    await self._prune(journal)

    async def checkpoint(self, journal: Journal, *, whole: bool = False) -> bool:
        """Whether it is on the disk."""
        floor = journal.last_id
        try:
            for writing in self._slices(floor, whole=whole):
                # One at a time: neither the loop nor the results that wait for the disk wait for long.
                await journal.write(writing)
            self.directory.note_furthest(floor)
        except Exception as exc:
            log.warning("checkpoint not finished", extra=fields(reason=exc))
            checkpoint.again(self._board)
            return False
        self._condition.store.checkpointed_at = time.time()
        return True

    async def close(self, journal: Journal) -> None:
        """Everything that was taken in is stored and applied, and nothing has to be applied again."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS), asyncio.TaskGroup() as group:
                applying = group.create_task(journal.run(), name="journal")
                await journal.idle()
                await self.checkpoint(journal, whole=True)
                applying.cancel()
        except TimeoutError:
            log.error("not all is stored: the agents will send it again")
        await asyncio.to_thread(journal.stop, CLOSE_SECONDS)
        self.release()

    def release(self) -> None:
        self.database.close()
        self.directory.release()

    def _slices(self, floor: int, *, whole: bool) -> Iterator[Writing]:
        if self._generation != self._board.generation:
            yield Writing(generations=self._generations())
        restored_us = self._ingest.restored_us
        yield from checkpoint.slices(
            self._board, time.time(), floor=floor, restored_us=restored_us, whole=whole
        )

    def _generations(self) -> list[tuple[int, bytes]]:
        self._generation = self._board.generation
        return [(self._generation, rows.identities(self._board.identities))]

    async def _prune(self, journal: Journal) -> None:
        floor, gone = journal.last_id, PRUNED
        while gone:
            before_us = round((time.time() - HISTORY_SECONDS) * 1e6)
            gone = await journal.prune(floor, before_us, HISTORY_BYTES, PRUNED)
