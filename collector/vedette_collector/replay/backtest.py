"""What the verdicts would have said about results that a collector kept: the same engine, at their own times.

The history has results and no presence: an agent counts as gone when it was not heard for three of its
shortest intervals, at least as long as a collector waits. A time in which nobody was heard is one in which
the collector did not run, or could not: then nobody counts as gone.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from msgspec import Struct, field

from vedette.checks.model import Assignment
from vedette_collector.board import SILENT_SECONDS
from vedette_collector.store.past import Told
from vedette_collector.verdict_feed import code_of
from vedette_collector.verdicts import traits
from vedette_collector.verdicts.engine import Engine
from vedette_collector.verdicts.evidence import Observation
from vedette_collector.verdicts.incident import Change
from vedette_collector.verdicts.learned import Learned

APART: Final = 0.5  # seconds between two decisions, as in a collector
LOOK: Final = 1.0  # between two looks at who is gone
NOBODY: Final = 30.0  # without a word of anybody: the collector itself was away
AFTER: Final = 60.0  # that are decided on after the last result


class Said(NamedTuple):
    """One change of an incident; seconds since the Unix epoch."""

    at: float
    change: Change


class Backtest(Struct):
    """What came out."""

    assignment: Assignment
    said: list[Said] = field(default_factory=list)
    results: int = 0
    skipped: int = 0  # late ones, and those of agents or checks that the configuration does not have
    first: float | None = None  # when the first came
    last: float | None = None
    gaps: int = 0  # times in which nobody was heard


class _Player:
    def __init__(self, test: Backtest) -> None:
        self._test = test
        self._base = traits.topology(test.assignment)
        self._learned = Learned(test.assignment)
        self._engine = Engine(self._base)
        interval = {check.name: check.interval for check in test.assignment.checks}
        self._patience = {
            agent: max(SILENT_SECONDS, 3 * min((interval[name] for name in names), default=0.0))
            for agent, names in test.assignment.by_agent.items()
        }
        self._known = {(agent, name) for agent, names in test.assignment.by_agent.items() for name in names}
        self._fine: set[tuple[str, str]] = set()  # probes whose newest result is ok, as the engine knows
        self._heard: dict[str, float] = {}  # agents that are there, and when each was heard last
        self._decided = self._looked = self._now = float("-inf")

    def take(self, told: Told) -> None:
        test, came = self._test, told.received_us / 1e6
        key = told.agent, told.result.check
        test.results += 1
        if told.late or key not in self._known:
            test.skipped += 1
            return
        if test.first is None:
            test.first = self._now = came
        self._pass(came)
        test.last = came
        if told.agent not in self._heard:
            self._engine.back(told.agent, came)
        self._heard[told.agent] = came
        self._observe(told, key, came)

    def _observe(self, told: Told, key: tuple[str, str], came: float) -> None:
        result = told.result
        if result.outcome == "not_run":
            if result.bypass is None:
                self._fine.discard(key)
                self._engine.unknown(*key)
            return
        is_ok = result.outcome == "ok"
        ended = min((told.started_us + (result.duration_us or 0)) / 1e6, came) if told.is_synced else came
        if is_ok and result.facts is not None:
            self._learned.observe(*key, result.facts, ended, result.bypass)
        if result.bypass is None:
            if is_ok and key in self._fine and not result.asked:
                return
            self._fine.add(key) if is_ok else self._fine.discard(key)
        self._engine.observe(
            Observation(
                agent=key[0],
                check=key[1],
                at=ended,
                ok=is_ok,
                code="" if is_ok else code_of(result),
                attempt=result.attempt,
                asked=result.asked,
                bypass=result.bypass,
            )
        )

    def _pass(self, until: float) -> None:
        """Let the time until then pass: who falls silent, and what there is to say."""
        last = self._test.last
        if last is not None and until - last > NOBODY:
            self._test.gaps += 1
            self._until(last + APART)
            self._heard = {agent: at + until - last for agent, at in self._heard.items()}
            return
        self._until(until)

    def _until(self, until: float) -> None:
        while True:
            look = max(self._looked + LOOK, self._now) if self._heard else float("inf")
            wanted = self._engine.next_at
            decide = float("inf") if wanted is None else max(wanted, self._decided + APART, self._now)
            if min(look, decide) > until:
                break
            self._now = min(look, decide)
            if look <= decide:
                self._look(look)
            else:
                self._decide(decide)
        self._now = max(self._now, until)

    def _look(self, at: float) -> None:
        self._looked = at
        for agent, heard in list(self._heard.items()):
            if at - heard > self._patience[agent]:
                del self._heard[agent]
                self._fine = {key for key in self._fine if key[0] != agent}
                self._engine.gone(agent, heard)
        renewed = self._learned.renewed(self._base, at)
        if renewed is not None:
            self._engine.arrange(renewed)

    def _decide(self, at: float) -> None:
        self._decided = at
        self._test.said += [Said(at, change) for change in self._engine.decide(at).changes]

    def finish(self) -> None:
        if self._test.last is not None:
            self._until(self._test.last + min(AFTER, NOBODY))


def played(assignment: Assignment, results: Iterable[Told], progress: Callable[[int], None]) -> Backtest:
    """*results* in the order of their arrival. *progress* is told how many there were, now and then."""
    test = Backtest(assignment)
    player = _Player(test)
    for told in results:
        player.take(told)
        if test.results % 100_000 == 0:
            progress(test.results)
    player.finish()
    return test
