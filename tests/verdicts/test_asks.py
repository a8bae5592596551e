"""Which questions become asks, and what is counted of them."""

import pytest

from collector.collector_helpers import DNS, NOW, SSH, WEB, Core, assignment, presence
from vedette.wire import limits
from vedette.wire.messages import Ask
from vedette_collector.asks import AGENT_BURST, AGENT_RATE, EXPIRY_SECONDS, FLEET_BURST, Asks
from vedette_collector.cell import Moment
from vedette_collector.verdicts.evidence import Question


def later(seconds: float) -> Moment:
    return Moment(NOW.wall + seconds, NOW.mono + seconds)


@pytest.fixture
def core() -> Core:
    core = Core(assignment((DNS, WEB, SSH), only={"par-01": ("api-dns", "web")}))
    core.send(presence())
    return core


def many(count: int, agents: int = 1) -> Core:
    names = tuple(f"agent-{number:02d}" for number in range(agents))
    checks = tuple(
        type(DNS)(name=f"c{number}", target="t", interval=10.0, timeout=1.0, query_name="t")
        for number in range(count)
    )
    core = Core(assignment(checks, names))
    for name in names:
        core.send(presence(name))
    return core


def question(*checks: str, agent: str = "par-01") -> Question:
    return Question(agent=agent, checks=checks)


def test_an_ask_names_its_checks_and_when_it_expires(core: Core) -> None:
    asks = Asks(core.board)
    sent_us = round(NOW.wall * 1e6)
    expected = Ask(
        v=1, agent="par-01", sent_us=sent_us, expires_us=sent_us + 10_000_000, checks=["api-dns", "web"]
    )
    assert asks.messages([question("api-dns", "web")], NOW) == [expected]


def test_only_those_that_are_there_are_asked_and_only_for_their_own_checks(core: Core) -> None:
    asks = Asks(core.board)
    questions = [question("ssh", "web"), question("web", agent="fra-01"), question("web", agent="nobody")]
    assert [(ask.agent, ask.checks) for ask in asks.messages(questions, NOW)] == [("par-01", ["web"])]
    assert asks.withheld == {"unassigned": 1, "absent": 2}


def test_one_agent_is_asked_so_much_and_no_more() -> None:
    core = many(60)
    names = tuple(core.board.checks)
    asks = Asks(core.board)
    made = asks.messages([question(*names, agent="agent-00")], NOW)
    assert sum(len(ask.checks) for ask in made) == AGENT_BURST
    assert asks.withheld == {"rate": 60 - AGENT_BURST}
    again = asks.messages([question(*names[30:], agent="agent-00")], later(5))
    assert sum(len(ask.checks) for ask in again) == 5 * AGENT_RATE


def test_the_fleet_is_asked_so_much_and_no_more() -> None:
    core = many(20, agents=20)
    asks = Asks(core.board)
    questions = [question(*core.board.checks, agent=name) for name in core.board.agents]
    made = asks.messages(questions, NOW)
    assert sum(len(ask.checks) for ask in made) == FLEET_BURST


def test_an_ask_holds_as_many_checks_as_the_contract_lets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ASKED", 6)
    core = many(20)
    made = Asks(core.board).messages([question(*core.board.checks, agent="agent-00")], NOW)
    assert [len(ask.checks) for ask in made] == [6, 6, 6, 2]


def test_what_is_waited_for_is_not_asked_twice(core: Core) -> None:
    asks = Asks(core.board)
    (ask,) = asks.messages([question("web", "web")], NOW)
    assert ask.checks == ["web"]
    assert asks.messages([question("web")], later(1)) == []


def test_each_ask_is_answered_or_expires(core: Core) -> None:
    asks = Asks(core.board)
    (ask,) = asks.messages([question("web", "api-dns")], NOW)
    asks.sent(ask)
    assert asks.answer("par-01", "web")
    assert not asks.answer("par-01", "web")
    assert not asks.answer("par-01", "ssh")
    asks.expire(NOW.mono + EXPIRY_SECONDS - 1)
    assert (asks.asked, asks.answered, asks.expired) == (2, 1, 0)
    asks.expire(NOW.mono + EXPIRY_SECONDS + 1)
    assert (asks.asked, asks.answered, asks.expired) == (2, 1, 1)


def test_what_the_broker_refuses_is_not_waited_for(core: Core) -> None:
    asks = Asks(core.board)
    (ask,) = asks.messages([question("web")], NOW)
    asks.refused(ask)
    asks.expire(NOW.mono + 60)
    assert (asks.asked, asks.expired, asks.withheld["refused"]) == (0, 0, 1)


def test_nothing_is_asked_where_asks_are_off(core: Core) -> None:
    assert Asks(core.board, is_on=False).messages([question("web")], NOW) == []
