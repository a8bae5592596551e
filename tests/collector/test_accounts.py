"""What the books say to a person: the sentence, the order of troubles, and what to do about each."""

import asyncio
from typing import Any

import pytest

from collector.collector_helpers import (
    EPOCH,
    LATER_EPOCH,
    NOW,
    Core,
    assignment,
    batch,
    heartbeat,
    ok,
    presence,
)
from collector.web_helpers import site
from vedette.wire.messages import Gap, Held, SpoolState
from vedette_collector.cell import Moment
from vedette_collector.condition import LINKS, Condition
from vedette_collector.web import accounts

GOOD = SpoolState(state="ok")


def healthy() -> Condition:
    condition = Condition(NOW.wall)
    condition.links = dict.fromkeys(LINKS, True)
    condition.store.is_durable = True
    return condition


def fleet(*names: str) -> Core:
    """Agents that are connected, of which every result is here."""
    core = Core(assignment(agents=names or ("par-01", "fra-01")))
    for name in core.board.agents:
        core.send(presence(name))
        core.send(batch(ok(), ok(), agent=name, offset_us=0))
        core.send(heartbeat(name, next_seq=2, pending=0, spool=GOOD, clock_offset_us=0))
        core.board.agents[name].waiting.look(core.ledger.book(name), NOW.mono)
    return core


def shown(core: Core, condition: Condition | None = None, now: Moment = NOW) -> accounts.Overview:
    return accounts.overview(core.board, condition or healthy(), now)


def test_all_is_well() -> None:
    books = shown(fleet())
    assert books.is_complete
    assert books.sentence == "All 4 results accounted for"
    assert accounts.said(books) == []
    assert [each.live_age for each in books.accounts] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("beat", "code", "text"),
    [
        ({"spool": SpoolState(state="failing")}, "spool_failing", "the spool cannot be written"),
        ({"spool": SpoolState(state="full")}, "spool_full", "the spool is full: the oldest results go"),
        (
            {
                "next_seq": 5,
                "held": [Held(epoch=EPOCH, next_seq=5, floor=2)],
                "gaps": [Gap(epoch=EPOCH, first=2, end=5, reason="no_space")],
            },
            "lost",
            "3 results lost in the last 15 minutes: no_space",
        ),
    ],
)
def test_what_an_agent_says_is_a_problem(beat: dict[str, Any], code: str, text: str) -> None:
    core = fleet()
    core.send(
        heartbeat("fra-01", **({"next_seq": 2, "pending": 0, "clock_offset_us": 0, "spool": GOOD} | beat))
    )
    books = shown(core)
    assert not books.is_complete
    first = books.accounts[0]
    assert (first.state.name, first.problems[0].code, first.problems[0].text) == ("fra-01", code, text)
    assert first.problems[0].advice


def test_an_agent_that_is_away_and_owes_results() -> None:
    core = fleet()
    core.send(heartbeat("fra-01", next_seq=12, pending=10, spool=GOOD, clock_offset_us=0))
    core.board.agents["fra-01"].waiting.look(core.ledger.book("fra-01"), NOW.mono)
    assert shown(core).is_complete, "results that are on their way"
    core.send(heartbeat("par-01", next_seq=2, pending=0), now=Moment(NOW.wall + 120, NOW.mono + 120))
    books = shown(core, now=Moment(NOW.wall + 121, NOW.mono + 121))
    assert books.sentence == "10 results late"
    assert [word.text for word in books.accounts[0].problems] == [
        "not connected",
        "10 results pending for 2 min or longer",
    ]


def test_a_clone_is_worse_than_a_loss() -> None:
    core = fleet("par-01", "fra-01", "nyc-01")
    core.send(heartbeat("fra-01", spool=SpoolState(state="full"), clock_offset_us=0, next_seq=2, pending=0))
    for sent, epoch in ((10, LATER_EPOCH), (11, EPOCH)):
        core.send(heartbeat("nyc-01", sent_us=sent, epoch=epoch, next_seq=3, pending=0, clock_offset_us=0))
    assert [each.state.name for each in shown(core).accounts] == ["nyc-01", "fra-01", "par-01"]


def test_a_residual_is_the_worst_and_two_of_them_do_not_cancel_out() -> None:
    core = fleet()
    core.ledger.book("par-01").counted += 1
    core.ledger.book("fra-01").counted -= 1
    books = shown(core)
    assert books.sentence == "2 results unaccounted for"
    assert books.totals.residual == 2
    assert {each.problems[0].code for each in books.accounts} == {"residual"}


def test_losses_of_long_ago_are_told_and_are_no_problem() -> None:
    core = fleet()
    gap = Gap(epoch=EPOCH, first=2, end=5, reason="crash")
    held = [Held(epoch=EPOCH, next_seq=5, floor=2)]
    core.send(
        heartbeat("par-01", next_seq=5, held=held, gaps=[gap], pending=0, spool=GOOD, clock_offset_us=0)
    )
    agent = core.board.agents["par-01"]
    for minute in range(1, 18):
        agent.waiting.look(core.ledger.book("par-01"), NOW.mono + 60 * minute)
    books = shown(core)
    assert books.is_complete
    assert books.sentence == "All 7 results accounted for, 3 of them as lost"


def test_the_collector_itself() -> None:
    condition = healthy()
    condition.store.trouble = "disk full"
    condition.store.waiting_seconds = 9.0
    condition.store.apply_errors = 1
    books = shown(fleet(), condition)
    assert [word.code for word in books.problems] == ["collector", "behind", "apply"]
    assert books.sentence == "All 4 results accounted for, but something is wrong"
    condition = healthy()
    condition.store.is_durable = False
    condition.store.restored_at = NOW.wall - 7200
    books = shown(fleet(), condition)
    assert books.is_complete
    assert [word.code for word in books.notices] == ["no_store", "restored"]


def test_every_reason_of_a_loss_has_an_advice() -> None:
    from vedette.wire.failure import LOST_REASONS

    assert set(accounts.ADVICE) == LOST_REASONS


def test_the_api_tells_it_with_stable_keys() -> None:
    async def story() -> None:
        core = fleet()
        core.send(heartbeat("fra-01", next_seq=2, pending=0, spool=SpoolState(state="failing")))
        async with site(core) as it:
            it.condition.links = dict.fromkeys(LINKS, True)
            told = await it.json("/api/v1/ledger?limit=1")
            assert set(told) == {
                "agents",
                "complete",
                "notices",
                "problems",
                "sentence",
                "total",
                "totals",
                "version",
            }
            assert told["total"] == 2
            (agent,) = told["agents"]  # type: ignore[misc, attr-defined]
            assert set(agent) == {
                "clock_offset_seconds",
                "clone_suspected",
                "connected",
                "duplicates",
                "last_seen",
                "live_age_seconds",
                "lost_lately",
                "name",
                "notices",
                "pending_seconds",
                "problems",
                "results",
                "spool",
            }
            only = await it.json("/api/v1/ledger?agent=par-01")
            assert [each["name"] for each in only["agents"]] == ["par-01"]  # type: ignore[attr-defined]
            async with it.http.get(it.base + "/api/v1/ledger?limit=0") as answer:
                assert answer.status == 400

    asyncio.run(story())


def test_the_books_are_added_up_twice_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = accounts.overview

    def counted(*args: Any) -> accounts.Overview:
        calls.append(args)
        return real(*args)

    async def story() -> None:
        async with site(fleet()) as it:
            monkeypatch.setattr(accounts, "overview", counted)
            began = asyncio.get_running_loop().time()
            for _ in range(20):
                await it.json("/api/v1/ledger")
            assert len(calls) <= 1 + (asyncio.get_running_loop().time() - began) / 0.5

    asyncio.run(story())
