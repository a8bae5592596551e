"""Writes late results to a remote write receiver, oldest first, one request at a time.

What came while a request was under way shares the next one. The place in the history is kept only when all
before it was written, or dropped and counted: after a crash some of it is sent again, which changes nothing.
"""

import asyncio
import logging
import random
import time
from typing import Final

from vedette.errors import ConfigError
from vedette.log import fields
from vedette_collector.remote import encode
from vedette_collector.remote.client import Client, Unanswered
from vedette_collector.remote.counters import Failure, Outcome, RemoteCounters, Skipped
from vedette_collector.remote.delivery import MAX_SAMPLES, Delivery, Pace
from vedette_collector.remote.encode import Sample
from vedette_collector.remote.samples import History, TargetOf, ordered
from vedette_collector.remote.settings import Settings
from vedette_collector.remote.source import Passage, Source
from vedette_collector.remote.verdict import Kind, Verdict, away, verdict

log = logging.getLogger("vedette.collector.remote")

RESULTS: Final = 250  # that are worth reading together: two samples each, mostly


class Writer:
    """Raises nothing while it runs: what goes wrong here is counted and hurts nothing else."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        target_of: TargetOf,
        counters: RemoteCounters,
        client: Client | None = None,
    ) -> None:
        """Raises ConfigError for a file that cannot be used."""
        self._settings = settings
        self._source = source
        self._counters = counters
        self._history = History(settings.labels, target_of, counters)
        self._client = Client(settings) if client is None else client
        self._pace = Pace()
        self._trouble: Failure | None = None  # as it was said
        self._refused: set[Outcome] = set()  # that were said

    async def run(self) -> None:
        """Until cancelled."""
        async with self._client:
            position: int | None = None
            while True:
                try:
                    if position is None:
                        position = await self._source.position()
                    passage = await self._source.late(position, RESULTS)
                except Exception as exc:
                    await self._wait(Failure.STORE, str(exc))
                    continue
                await self._write(passage)
                position = passage.end
                await self._keep(position)
                self._counters.oldest = None

    async def _write(self, passage: Passage) -> None:
        self._counters.skipped[Skipped.PRUNED] += passage.pruned
        if passage.entries:
            age = time.time() - passage.entries[0].received_us / 1e6
            self._counters.oldest = asyncio.get_running_loop().time() - max(age, 0.0)
        try:
            samples: list[Sample] = []
            for entry in passage.entries:
                now_us = time.time_ns() // 1000
                samples += self._history.samples(entry, now_us, now_us - self._window_us)
                await asyncio.sleep(0)
            samples = ordered(samples, self._counters)
            for first in range(0, len(samples), MAX_SAMPLES):
                await self._deliver(Delivery(samples[first : first + MAX_SAMPLES], self._counters))
        except Exception:
            # Tried again it would end the same way, and nothing after it would ever be written.
            self._counters.failures[Failure.INTERNAL] += 1
            self._counters.skipped[Skipped.INTERNAL] += len(passage.entries)
            log.exception("late results are not written")
            await self._pause()

    async def _keep(self, position: int) -> None:
        try:
            await self._source.settled(position)
        except Exception as exc:
            # The next one says it again; until then a crash makes us send more of it twice.
            await self._wait(Failure.STORE, str(exc))

    @property
    def _window_us(self) -> int:
        return round(self._settings.window_seconds * 1e6)

    async def _deliver(self, delivery: Delivery) -> None:
        while True:
            oldest_ms = (time.time_ns() // 1000 - self._window_us) // 1000
            piece = delivery.piece(oldest_ms)
            if piece is None:
                return
            heard, detail = await self._sent(piece)
            goes_on = delivery.heard(heard)
            if heard.kind is Kind.DONE:
                self._succeeded()
            elif goes_on:
                self._counters.failures[Failure.REJECTED] += 1
                self._say_refused(heard.outcome, detail)
            else:
                assert heard.failure is not None
                await self._wait(heard.failure, detail, heard.pause)

    async def _sent(self, piece: list[Sample]) -> tuple[Verdict, str]:
        """What became of *piece*, and what is to be said of it."""
        try:
            answer = await self._client.post(encode.request(piece))
        except Unanswered as exc:
            return away(exc.failure), str(exc)
        except ConfigError as exc:
            return away(Failure.CREDENTIALS), str(exc)
        return verdict(answer, time.time()), f"{answer.status} {answer.text[:200].strip()}".rstrip()

    async def _wait(self, failure: Failure, detail: str, asked: float = 0.0) -> None:
        self._counters.failures[failure] += 1
        self._say(failure, detail)
        await self._pause(asked)

    async def _pause(self, asked: float = 0.0) -> None:
        await asyncio.sleep(self._pace.failed(asked, random.random()))  # noqa: S311  # no secret

    def _say(self, failure: Failure, detail: str) -> None:
        """Once for each change of what is wrong."""
        if failure is not self._trouble:
            self._trouble = failure
            log.error(
                "late results are not written",
                extra=fields(url=self._settings.url, why=failure, detail=detail),
            )

    def _say_refused(self, outcome: Outcome, detail: str) -> None:
        """Once: a receiver that is not set up for it refuses thousands."""
        if outcome not in self._refused:
            self._refused.add(outcome)
            log.warning(
                "late samples are refused and dropped, this is said once",
                extra=fields(url=self._settings.url, why=outcome, detail=detail),
            )

    def _succeeded(self) -> None:
        self._pace.succeeded()
        if self._trouble is not None:
            self._trouble = None
            log.info("late results are written again", extra=fields(url=self._settings.url))
