"""Puts the collector together and runs it until it is told to stop."""

import asyncio
import gc
import logging
import secrets
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

import vedette
from vedette.checks import read
from vedette.errors import ConfigError
from vedette.log import fields
from vedette.mqtt import Broker
from vedette.systemd import notify, watchdog_seconds
from vedette_collector.acks import Acks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.effects import Effects
from vedette_collector.ingest import Ingest
from vedette_collector.judging import Judging
from vedette_collector.oversight import Oversight
from vedette_collector.remote.counters import RemoteCounters
from vedette_collector.remote.samples import targets
from vedette_collector.remote.settings import Settings
from vedette_collector.remote.source import Recent, Source
from vedette_collector.remote.stored import Stored
from vedette_collector.remote.writer import Writer
from vedette_collector.store.database import Loaded
from vedette_collector.store.journal import Applying, Journal, Memory
from vedette_collector.store.keeper import Keeper
from vedette_collector.subscribe import Courier
from vedette_collector.web.events import Hub
from vedette_collector.web.server import Listen, Routes, serving

if TYPE_CHECKING:
    from vedette_collector.origins import Database

log = logging.getLogger("vedette.collector")


class Options(Struct, frozen=True, kw_only=True):
    config: Path
    broker: Broker
    listen: Listen
    state: Path | None  # directory of what is kept over a restart; None: nothing is
    remote_write: Settings | None = None  # where late results are written to
    asn_database: Path | None = None  # who announces which addresses
    asks: bool = True  # whether agents are asked for probes that would make a verdict surer


class Collector:
    """One collector. What it knows is in memory, and goes to its store before anybody sees it."""

    def __init__(self, options: Options) -> None:
        """Raises ConfigError for a configuration or a credential file that cannot be used."""
        self._options = options
        self.condition = Condition(time.time())
        self.board = Board(read.load(options.config))
        acks = Acks(secrets.token_hex(16), self.board.ledger)
        self._ingest = Ingest(self.board, acks)
        self._effects = Effects(self.board, acks)
        self._acks = acks
        acks.replay_rates = self._oversight = Oversight(self.board, self.condition)
        self._courier = Courier(options.broker, self._ingest, acks, self.board, self.condition)
        self._keeper: Keeper | None = None
        self._journal: Journal | None = None
        self._origins = _origins(options.asn_database, None)
        self._judging = Judging(self.board, self.condition, asks=options.asks, origins=self._origins)
        self._hub = Hub(self.board, self.condition)
        self._reload_wanted = asyncio.Event()
        self._reload_waiting: asyncio.Future[ConfigError | None] | None = None
        self.listening: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()

    async def run(self, stop: asyncio.Event) -> None:
        """Until *stop* is set. Raises VedetteError when store or address cannot be used."""
        if self._options.state is None:
            recent = Recent()
            apply = self._effects.apply
            kept = apply if self._options.remote_write is None else recent.after(apply)
            applying = Applying(kept, self.condition.store)
            self._courier.journal = Memory(applying, self._courier.applied)
            self._judge(None)
            await self._serve(stop, recent)
            return
        applying = Applying(self._effects.apply, self.condition.store)
        self._keeper = keeper = Keeper(self._options.state, self.board, self._ingest, self.condition)
        try:
            self._judge(keeper.recover(applying))
        except BaseException:
            keeper.release()
            raise
        self._courier.journal = self._journal = keeper.journal(applying, self._courier.applied)
        try:
            await self._serve(stop, Stored(keeper.database.path, self._journal))
        finally:
            self._journal.post(self._judging.cases.writing())
            await keeper.close(self._journal)

    def _judge(self, loaded: Loaded | None) -> None:
        """From now on what results say goes to the verdicts."""
        self._judging.resume(loaded, Moment(time.time(), asyncio.get_running_loop().time()))
        self._effects.feed = self._judging.feed

    async def _serve(self, stop: asyncio.Event, late: Source) -> None:
        remote = self._remote_writer(late)
        _set_aside()
        store = None if self._keeper is None else self._keeper.database.path
        routes = Routes(self.board, self.condition, self._hub, self.reload, store)
        async with serving(routes.application(), self._options.listen) as address:
            self.listening.set_result(address)
            log.info(
                "listening",
                extra=fields(
                    address=address,
                    broker=self._options.broker,
                    checks=len(self.board.checks),
                    agents=len(self.board.agents),
                    version=vedette.__version__,
                ),
            )
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._courier.run(), name="courier"),
                    group.create_task(self._hub.run(), name="events"),
                    group.create_task(
                        self._oversight.run(self._acks, self._courier.applied), name="oversight"
                    ),
                    group.create_task(self._judging.run(self._courier.ask, self._journal), name="verdicts"),
                    group.create_task(self._reloads(), name="reloads"),
                    group.create_task(_watchdog(), name="watchdog"),
                ]
                if self._keeper is not None and self._journal is not None:
                    tasks.append(group.create_task(self._journal.run(), name="journal"))
                    tasks.append(group.create_task(self._keeper.run(self._journal), name="checkpoints"))
                if remote is not None:
                    tasks.append(group.create_task(remote.run(), name="remote write"))
                notify("READY=1")
                await stop.wait()
                notify("STOPPING=1")
                for task in tasks:
                    task.cancel()
                await self._hub.close()
        log.info("stopped")

    def _remote_writer(self, late: Source) -> Writer | None:
        settings = self._options.remote_write
        if settings is None:
            return None
        self.condition.remote_write = counters = RemoteCounters()
        return Writer(settings, late, targets(self.board), counters)

    def hang_up(self) -> None:
        """Ask for a reload from a signal handler."""
        self._reload_wanted.set()

    async def reload(self) -> None:
        """Read the configuration again. Raises ConfigError, and then the one before still runs.

        All who ask before it begins share one reading, which therefore sees what any of them had written.
        """
        if self._reload_waiting is None:
            self._reload_waiting = asyncio.get_running_loop().create_future()
            self._reload_wanted.set()
        error = await asyncio.shield(self._reload_waiting)
        if error is not None:
            raise error

    async def _reloads(self) -> None:
        """One after another, and never more than half of the time: anybody may ask, in a loop."""
        loop = asyncio.get_running_loop()
        waiting = None
        try:
            while True:
                await self._reload_wanted.wait()
                self._reload_wanted.clear()
                waiting, self._reload_waiting = self._reload_waiting, None
                began = loop.time()
                error = await self._reload()
                if waiting is not None:
                    waiting.set_result(error)
                await asyncio.sleep(loop.time() - began)
        finally:
            for each in (waiting, self._reload_waiting):
                if each is not None:
                    each.cancel()

    async def _reload(self) -> ConfigError | None:
        try:
            # In a thread: a large file takes longer than a scrape should wait.
            assignment = await asyncio.to_thread(read.load, self._options.config)
            origins = await asyncio.to_thread(_origins, self._options.asn_database, self._origins)
        except ConfigError as exc:
            self.condition.reload_error = str(exc)
            self.board.version += 1
            log.error("configuration not reloaded, the one before still runs", extra=fields(reason=exc))
            return exc
        self.board.configure(assignment, time.time_ns() // 1000)
        if origins is not None and origins is not self._origins:
            self._origins = origins
            self._judging.use(origins)
        if self._keeper is not None and self._journal is not None:
            self._keeper.configured(self._journal)
        _set_aside()
        self.condition.reload_error = None
        self.condition.reloaded_at = time.time()
        log.info(
            "configuration reloaded",
            extra=fields(checks=len(self.board.checks), agents=len(self.board.agents)),
        )
        return None


def _origins(path: Path | None, before: "Database | None") -> "Database | None":
    """What the file at *path* says; *before* while it is the same file. Raises ConfigError."""
    if path is None:
        return None
    from vedette_collector.origins import Database

    return before if before is not None and before.is_current() else Database(path)


def _set_aside() -> None:
    """Take what there is by now out of the garbage collector's sight, without the garbage in it.

    Full collections would walk over it for nothing, and hold the loop: 86 ms for 20,000 cells, 27 ms so.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def _watchdog() -> None:
    """Tells systemd that the loop still turns: one that stands still starves the watchdog."""
    every = watchdog_seconds()
    while every is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every)


async def main(options: Options) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. Raises VedetteError at start-up only."""
    collector = Collector(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, collector.hang_up)
    await collector.run(stop)
