"""The loop that lets the engine decide: in virtual time, and when something of ours is broken."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from collector.collector_helpers import NOW, batch, failed, ok
from collector.running_helpers import collecting, ready, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette.checks import read
from vedette.wire import codec
from vedette.wire.topics import Kind, topic
from vedette_collector import judging
from vedette_collector.acks import Acks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.effects import Effects
from vedette_collector.ingest import Ingest
from vedette_collector.judging import APART_SECONDS, Judging
from vedette_collector.verdicts.engine import Engine
from vedette_collector.verdicts.evidence import Observation
from verdicts.living_helpers import AGENTS, CHECKS, CONFIG, fail, fleet, greet, one_incident

US = 1_000_000


class Court:
    """A collector without broker, store and clock."""

    def __init__(self) -> None:
        self.board = Board(read.loads(CONFIG.encode(), "vedette.yaml"))
        self.condition = Condition(NOW.wall)
        self.condition.links["live"] = True
        self.judging = Judging(self.board, self.condition, asks=True, origins=None)
        acks = Acks("f" * 32, self.board.ledger)
        self.ingest, self.effects = Ingest(self.board, acks), Effects(self.board, acks)
        self.effects.feed = self.judging.feed
        self.now = NOW
        self._seq = 0
        self.judging.resume(None, self.now)

    def hear(self, *, broken: str = "") -> None:
        """Every agent says how every check went, twice where one is *broken*."""
        at: dict[str, Any] = {"started_us": round((self.now.wall - 0.1) * US)}
        results = [(failed if name == broken else ok)(name, **at) for name in CHECKS]
        results += [failed(broken, attempt=2, **at)] if broken else []
        for agent in AGENTS:
            message = batch(*results, agent=agent, first=self._seq, offset_us=0)
            payload, content_type = codec.encode(message)
            entry = self.ingest.message(topic(agent, Kind.LIVE), payload, content_type, False, self.now)
            assert entry is not None
            self.effects.apply(entry, self.now)
        self._seq += len(results)

    async def wait(self, seconds: float, *, step: float = 0.5, back: float = 0.0) -> None:
        """*back*: the wall clock is set back at once."""
        self.now = Moment(self.now.wall - back, self.now.mono)
        for _ in range(round(seconds / step)):
            self.now = Moment(self.now.wall + step, self.now.mono + step)
            await self.judging.turn(self.now)

    @property
    def held(self) -> list[tuple[str, str]]:
        return [(str(each.component), each.state) for each in self.condition.docket.held]


def in_court(story: Callable[[Court], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Court())

    asyncio.run(run())


def test_an_incident_within_seconds() -> None:
    async def story(court: Court) -> None:
        court.hear()
        await court.wait(5)
        court.hear(broken="api")
        await court.wait(4)
        assert court.held == [("target:www.api.test", "open")]

    in_court(story)


def test_two_decisions_are_half_a_second_apart() -> None:
    async def story(court: Court) -> None:
        court.hear()
        await court.wait(5)
        decided = sum(court.condition.docket.decisions)
        for _ in range(10):
            court.hear(broken="api")
            await court.wait(APART_SECONDS / 10, step=APART_SECONDS / 10)
        assert sum(court.condition.docket.decisions) - decided <= 2

    in_court(story)


def test_a_clock_that_is_set_back_does_not_hold_up_a_verdict() -> None:
    """What was due by the old time would not be for an hour."""

    async def story(court: Court) -> None:
        court.hear()
        await court.wait(5)
        court.hear(broken="api")
        await court.wait(4)
        await court.wait(2, back=3600.0)
        assert court.held == [("target:www.api.test", "open")]
        for _ in range(30):
            court.hear()
            await court.wait(10)
        assert court.held == [("target:www.api.test", "quiet")]

    in_court(story)


@pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
def test_an_error_of_the_engine_costs_no_result_and_not_the_next_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "vedette.yaml"
    config.write_text(CONFIG)
    monkeypatch.setattr(judging, "PAUSE_SECONDS", 0.1)
    observe, failures = Engine.observe, iter(range(3))

    def failing(self: Engine, seen: Observation) -> None:
        if not seen.ok and next(failures, None) is not None:
            raise ZeroDivisionError
        observe(self, seen)

    monkeypatch.setattr(Engine, "observe", failing)

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config) as running, fleet(broker) as agents:
                await ready(running)
                await greet(agents)
                await fail(agents.values(), "api")
                board, docket = running.collector.board, running.collector.condition.docket
                await until(lambda: docket.decision_errors > 0)
                assert (await one_incident(running))["component"] == "target:www.api.test"
                assert [board.cells[name]["api"].attempts for name in AGENTS] == [3] * len(AGENTS)
                assert running.collector.condition.store.apply_errors == 0

    asyncio.run(story())
