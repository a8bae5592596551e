"""The replay leaves out what changes nothing and builds observations itself. Here nothing is left out.

Every result, also each success of a probe that is fine, becomes a message as agents send it, and goes through
codec, ingest, effects and cell to the engine. The same must be said at the same times.
"""

from pathlib import Path
from typing import Any

import pytest

from collector.collector_helpers import Core
from replay.replay_helpers import scenario, world
from vedette.wire.messages import Batch, Result
from vedette_collector.asks import Asks
from vedette_collector.cell import Moment
from vedette_collector.replay.record import Run
from vedette_collector.replay.scenario import Phase
from vedette_collector.replay.simulate import EPOCH, Simulation
from vedette_collector.replay.world import World
from vedette_collector.verdict_feed import Feed
from vedette_collector.verdicts.evidence import Bypass, Question

AFTER_ALL = 10  # rank of a success: behind a failure of the same place in the interval


class Wired(Simulation):
    """Its agents send messages."""

    def __init__(self, of: World, phases: tuple[Phase, ...], noise: float, seed: str, until: float) -> None:
        super().__init__(of, phases, noise, seed, until)
        self.core = Core(of.assignment)
        self.asks = Asks(self.core.board)
        self.feed = self.core.effects.feed = Feed(self.engine, self.core.board, self.asks)
        self.messages = 0
        self.kinds: set[str] = set()
        self._seqs = dict.fromkeys(self.core.board.cells, 0)
        for probe, offset in enumerate(self._offsets):
            self._push(self._begin + offset, AFTER_ALL, self._succeed, probe)

    def _succeed(self, at: float, probe: int) -> None:
        """A probe that was fine is due; it is fine again, unless a failure came first."""
        self._push(at + self._world.interval, AFTER_ALL, self._succeed, probe)
        turn = round((at - self._offsets[probe]) / self._world.interval)
        if self._turn[probe] != turn and not self._red[probe]:
            self._send(
                at,
                probe,
                Result(check=self._names[probe][1], outcome="ok", started_us=_us(at), duration_us=0),
            )

    def _answer(self, at: float, question: Question) -> None:
        assert self.asks.messages([question], Moment(EPOCH + at, at + 1e6))
        index, agent = self.engine.tracker.index, question.agent
        waiting = {probe for probe, _ in self.engine.tracker.answers.waiting()}
        assert {(index.check_number[each], index.agent_number[agent]) for each in question.checks} <= waiting
        super()._answer(at, question)

    def _hear(self, at: float, probe: int, code: str, attempt: int, asked: bool, way: Bypass | None) -> None:
        self._result.observations += 1
        self.kinds |= {f"attempt {attempt}", "asked" if asked else "", f"by {way}"}
        fields: dict[str, Any] = {"attempt": attempt, "asked": asked, "bypass": way}
        took = self._timeout if code.endswith(".timeout") else 0.0
        result = Result(
            check=self._names[probe][1],
            outcome="fail" if code else "ok",
            started_us=_us(at - took),
            duration_us=round(took * 1e6),
            reason=code or None,
            **fields,
        )
        self._send(at, probe, result)
        self._wake(at)

    def _send(self, at: float, probe: int, result: Result) -> None:
        agent = self._names[probe][0]
        first = self._seqs[agent]
        self._seqs[agent] += 1
        self.messages += 1
        message = Batch(
            v=1,
            agent=agent,
            epoch="0" * 31 + "1",
            first_seq=first,
            acked=first,
            offset_us=0,
            results=[result],
        )
        self.core.send(message, now=Moment(EPOCH + at, at + 1e6))


def _us(at: float) -> int:
    return round((EPOCH + at) * 1e6)


def said(run: Run) -> list[tuple[Any, ...]]:
    return [(round(each.at, 3), each.what, each.component, each.severity, each.paged) for each in run.events]


@pytest.mark.parametrize(
    "phase",
    [
        "scope: {target: {product: cdn}}, symptom: {layer: tcp, code: timeout}, fraction: 0.6",
        "scope: {target: {zone: chat.example}}, symptom: {layer: dns, code: servfail_bogus}, fraction: 0.9",
    ],
)
def test_messages_lead_to_the_same_verdicts(tmp_path: Path, phase: str) -> None:
    place = world(tmp_path)
    one = scenario(
        tmp_path,
        f"  phases: [{{t_offset_min: 0, duration_min: 8, {phase}}}]\n"
        "  expected_verdict: [{at_min: 2, kind: none, entity: none}]\n",
        place,
    )
    quick = Simulation(place, one.phases, 0.01, "7", 0.0)
    wired = Wired(place, one.phases, 0.01, "7", 0.0)
    run, other = quick.run(), wired.run()
    assert wired.core.rejected == {}
    assert wired.feed.error is None
    assert wired.messages > 10 * run.observations
    assert {"attempt 2", "asked"} < wired.kinds
    assert wired.kinds & {"by family", "by no_validation"}
    assert other.observations == run.observations
    assert [each.what for each in run.events][:1] == ["opened"]
    assert said(other) == said(run)
