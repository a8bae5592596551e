"""What of the results the verdicts hear."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from collector.collector_helpers import DNS, EPOCH, NOW, WEB, Core, assignment, batch, failed, ok, spoiled
from vedette.wire.facts import Facts
from vedette.wire.facts.http import HttpFacts
from vedette.wire.messages import Result
from vedette.wire.topics import Kind
from vedette_collector.asks import Asks
from vedette_collector.cell import Moment
from vedette_collector.store import rows
from vedette_collector.verdict_feed import OLDEST_SECONDS, Feed, last_words, remembered
from vedette_collector.verdicts.evidence import Observation, Question


class Heard:
    """Writes down what an engine would be told."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def observe(self, seen: Observation, /) -> None:
        self.said.append(("observed", seen))

    def asked(self, agent: str, checks: Iterable[str], at: float, /) -> None:
        self.said.append(("asked", agent, list(checks), at))

    def unknown(self, agent: str, check: str, /) -> None:
        self.said.append(("unknown", agent, check))

    def gone(self, agent: str, at: float, /) -> None:
        self.said.append(("gone", agent, at))

    def stopped(self, agent: str, /) -> None:
        self.said.append(("stopped", agent))

    def back(self, agent: str, at: float, /) -> None:
        self.said.append(("back", agent, at))

    def observed(self) -> list[Observation]:
        return [each[1] for each in self.said if each[0] == "observed"]


class Fed:
    """A collector's core with a feed."""

    def __init__(self) -> None:
        self.core = Core(assignment((DNS,), ("par-01", "fra-01")))
        self.heard = Heard()
        self.asks = Asks(self.core.board)
        self.feed = self.core.effects.feed = Feed(self.heard, self.core.board, self.asks)
        self._seq = 0

    def send(self, *results: Result, now: Moment = NOW, kind: Kind | None = None, **more: Any) -> None:
        self.core.send(batch(*results, first=self._seq, **more), now=now, kind=kind)
        self._seq += len(results)


@pytest.fixture
def fed() -> Fed:
    return Fed()


def test_success_is_told_once_and_each_failure(fed: Fed) -> None:
    fed.send(ok(), ok(), failed(), failed(attempt=2), ok(), ok())
    assert [(each.ok, each.code, each.attempt) for each in fed.heard.observed()] == [
        (True, "", 1),
        (False, "dns.nodata", 1),
        (False, "dns.nodata", 2),
        (True, "", 1),
    ]


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("http.status", 403, "http.denied"),
        ("http.status", 429, "http.denied"),
        ("http.status", 503, "http.status"),
        ("http.status", 404, "http.status"),
        ("http.status", None, "http.status"),
        ("http.body", 403, "http.body"),
    ],
)
def test_a_server_that_does_not_serve_us_is_no_broken_one(
    fed: Fed, reason: str, status: int | None, code: str
) -> None:
    facts = Facts(http=HttpFacts(status=status)) if status is not None else None
    fed.send(failed(reason=reason, facts=facts))
    assert [each.code for each in fed.heard.observed()] == [code]


def test_an_answer_is_told_even_if_nothing_changed(fed: Fed) -> None:
    fed.send(ok())
    fed.asks.messages([Question(agent="par-01", checks=("api-dns",))], NOW)
    fed.send(ok(asked=True))
    assert [each.asked for each in fed.heard.observed()] == [False, True]


def test_an_agent_cannot_make_up_that_it_was_asked(fed: Fed) -> None:
    """What is ok when it was asked for speaks for what it goes through; a failure comes however late."""
    fed.send(ok())
    fed.asks.messages([Question(agent="par-01", checks=("api-dns",))], NOW)
    fed.send(ok(asked=True), ok(asked=True), failed(asked=True))
    assert [(each.ok, each.asked) for each in fed.heard.observed()[1:]] == [
        (True, True),
        (True, False),
        (False, True),
    ]


def test_nobody_asks_for_another_way(fed: Fed) -> None:
    fed.send(ok(), ok(bypass="family", asked=True))
    assert [each.asked for each in fed.heard.observed()] == [False, False]


def test_what_is_asked_for_is_told(fed: Fed) -> None:
    fed.feed.asked("par-01", ["api-dns"], NOW.wall)
    assert fed.heard.said == [("asked", "par-01", ["api-dns"], NOW.wall)]


def test_late_results_are_not_told(fed: Fed) -> None:
    fed.send(failed(), kind=Kind.REPLAY)
    fed.send(failed(bypass="family"), kind=Kind.REPLAY)
    assert fed.heard.said == []


def test_an_overtaken_result_is_not_told(fed: Fed) -> None:
    fed.core.send(batch(failed(), first=5))
    fed.core.send(batch(failed("api-dns", "dns.timeout"), first=4))
    assert [each.code for each in fed.heard.observed()] == ["dns.nodata"]
    assert fed.core.board.cells["par-01"]["api-dns"].attempts == 2


def test_what_was_not_run_is_unknown_and_the_next_success_is_told(fed: Fed) -> None:
    fed.send(ok(), spoiled(), ok())
    assert [each[0] for each in fed.heard.said] == ["observed", "unknown", "observed"]


def test_another_way_is_told_and_changes_nothing_of_the_check(fed: Fed) -> None:
    fed.send(ok(), failed(bypass="resolver"), ok())
    assert [(each.ok, each.bypass) for each in fed.heard.observed()] == [(True, None), (False, "resolver")]
    cell = fed.core.board.cells["par-01"]["api-dns"]
    assert (cell.attempts, cell.failures, len(cell.bars), len(cell.episodes)) == (2, {}, 2, 0)
    assert cell.state(NOW.mono) == "ok"
    way = (cell.ways or {})["resolver"]
    assert (way.attempts, way.failures) == (1, {"dns.nodata": 1})
    assert cell.total == 3 == fed.core.board.ledger.book("par-01").counted


@pytest.mark.parametrize(
    ("started", "offset_us", "at"),
    [
        (-5.0, 0, -3.0),  # it took two seconds
        (-5.0, 1_000_000, -2.0),
        (-5.0, None, 0.0),  # nobody knows how far its clock is: when it came
        (60.0, 0, 0.0),  # nothing ends after it came,
        (-4000.0, 0, -OLDEST_SECONDS),  # nor is anything fresh that ended long ago
    ],
)
def test_the_time_is_when_it_ended_by_our_clock(
    fed: Fed, started: float, offset_us: int | None, at: float
) -> None:
    started_us = round((NOW.wall + started) * 1e6)
    fed.send(failed(started_us=started_us, duration_us=2_000_000), offset_us=offset_us)
    assert fed.heard.observed()[0].at == pytest.approx(NOW.wall + at)


def test_what_becomes_too_old_is_unknown_once(fed: Fed) -> None:
    fed.send(ok())
    (par,) = fed.core.board.cells["par-01"].values()
    list(fed.feed.expire(NOW.mono + par.keep_seconds))
    assert fed.heard.said[1:] == [("unknown", "fra-01", "api-dns")]
    for _ in range(2):
        list(fed.feed.expire(NOW.mono + par.keep_seconds + 1))
    assert fed.heard.said[2:] == [("unknown", "par-01", "api-dns")]
    later = Moment(NOW.wall + 100, NOW.mono + 100)
    fed.send(ok(), now=later)
    assert fed.heard.said[-1][0] == "observed"


def test_what_comes_while_a_decision_runs_is_told_afterwards(fed: Fed) -> None:
    fed.feed.hold()
    assert not fed.feed.is_new
    fed.send(failed(), failed(attempt=2))
    assert fed.heard.said == []
    assert fed.feed.is_new
    fed.feed.release()
    assert [each.attempt for each in fed.heard.observed()] == [1, 2]
    assert fed.feed.failing == {("par-01", "api-dns")}


def test_what_comes_of_a_new_configuration_waits_until_the_engine_knows_it(fed: Fed) -> None:
    fed.feed.hold()
    fed.core.board.configure(assignment((DNS, WEB), ("par-01", "fra-01")))
    fed.send(failed(check=WEB.name))
    fed.feed.release()
    fed.send(failed(check=WEB.name))
    assert not fed.heard.said
    fed.feed.arranged()
    assert [each.check for each in fed.heard.observed()] == [WEB.name] * 2
    fed.send(failed(check=WEB.name))
    assert len(fed.heard.said) == 3


def test_an_agent_that_is_gone_has_no_failing_probes(fed: Fed) -> None:
    fed.send(failed())
    fed.feed.gone("par-01", 5.0, has_stopped=False)
    fed.feed.gone("fra-01", 6.0, has_stopped=True)
    fed.feed.back("fra-01", 7.0)
    assert fed.feed.failing == set()
    assert fed.heard.said[1:] == [("gone", "par-01", 5.0), ("stopped", "fra-01"), ("back", "fra-01", 7.0)]


def test_what_the_configuration_has_no_more_fails_no_more(fed: Fed) -> None:
    fed.send(failed())
    fed.core.board.configure(assignment((WEB,), ("par-01",)))
    fed.feed.arranged()
    assert fed.feed.failing == set()
    assert fed.feed.is_new


def test_after_a_restart_the_history_of_failures_is_told_in_order(fed: Fed) -> None:
    for step, result in enumerate((ok(), ok(), failed(), failed(attempt=2), ok(), failed())):
        fed.send(result, now=Moment(NOW.wall + step, NOW.mono + step))
    fed.core.send(batch(ok(), agent="fra-01"), now=Moment(NOW.wall + 5, NOW.mono + 5))
    again = Fed()
    now = Moment(NOW.wall + 8, 3.0)  # another process: another monotonic clock
    for agent in ("par-01", "fra-01"):
        cell = fed.core.board.cells[agent]["api-dns"]
        rows.resume(again.core.board.cells[agent]["api-dns"], rows.state(cell), now)
    assert last_words(again.core.board) == {"par-01": NOW.wall + 5, "fra-01": NOW.wall + 5}
    again.feed.resume(now)
    assert sorted(each[1] for each in again.heard.said if each[0] == "back") == ["fra-01", "par-01"]
    told = [(each.agent, each.at - NOW.wall, each.ok, each.attempt) for each in again.heard.observed()]
    assert told == [
        ("par-01", 2, False, 1),
        ("par-01", 3, False, 2),
        ("par-01", 4, True, 1),
        ("par-01", 5, False, 1),
    ]
    assert again.feed.failing == {("par-01", "api-dns")}
    assert again.core.board.cells["fra-01"]["api-dns"].told_ok
    own = again.core.board.cells["par-01"]["api-dns"]
    assert remembered(own)[-1].code == "dns.nodata"


def test_what_is_too_old_after_a_restart_is_not_told(fed: Fed) -> None:
    fed.send(failed())
    again = Fed()
    now = Moment(NOW.wall + 500, 3.0)
    cell = fed.core.board.cells["par-01"]["api-dns"]
    rows.resume(again.core.board.cells["par-01"]["api-dns"], rows.state(cell), now)
    again.feed.resume(now)
    assert again.heard.said == []


def test_counters_of_repeats_and_ways_are_stored(fed: Fed) -> None:
    way = msgspec.structs.replace(spoiled(), bypass="family")
    fed.send(failed(), failed(attempt=2), failed(), ok(attempt=2), failed(bypass="family"), way)
    fed.send(ok(bypass="family"), kind=Kind.REPLAY)
    cell = fed.core.board.cells["par-01"]["api-dns"]
    again = Core(assignment((DNS,), ("par-01",))).board.cells["par-01"]["api-dns"]
    rows.resume(again, rows.state(cell), NOW)
    rows.count_on(again, rows.counters(cell))
    assert (again.repeats, again.repeats_failed) == (2, 1)
    family = (again.ways or {})["family"]
    assert (family.attempts, family.failures, family.not_run, family.late) == (1, {"dns.nodata": 1}, 1, 1)
    assert family.last is not None
    assert again.total == cell.total == 7
    assert fed.core.board.ledger.book("par-01").figures().residual == 0
    assert EPOCH in fed.core.board.ledger.book("par-01").epochs.open
