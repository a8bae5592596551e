"""Facts that come as a difference are whole on the page, or absent: never those of another moment."""

from typing import Any

import pytest

from collector.collector_helpers import EPOCH, LATER_EPOCH, Core, batch, failed, ok
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.messages import Ack
from vedette.wire.topics import Kind


def facts(serial: int = 1, ttl: int = 300) -> Facts:
    return Facts(address="192.0.2.1", dns=DnsFacts(rcode="NOERROR", serial=serial, ttl_seconds=ttl))


def ttl(seconds: int) -> dict[str, Any]:
    return {"dns": {"ttl_seconds": seconds}}


def shown(core: Core) -> Facts | None:
    last = core.board.cells["par-01"]["api-dns"].last
    assert last is not None
    assert last.result.diff is None or last.result.facts is None
    return last.result.facts


def asks_again(core: Core) -> bool:
    acks: list[Ack] = core.acks.take(0)
    return any(ack.refresh for ack in acks)


def test_a_difference_is_from_the_last_whole_facts_and_not_from_another_difference() -> None:
    core = Core()
    core.send(batch(ok(facts=facts()), ok(diff=ttl(200)), ok(diff={})))
    assert shown(core) == facts()
    core.send(batch(ok(diff=ttl(7)), first=3))
    assert shown(core) == facts(ttl=7)
    core.send(batch(ok(facts=facts(serial=2)), ok(diff=ttl(8)), first=4))
    assert shown(core) == facts(serial=2, ttl=8)
    assert not asks_again(core)


def test_without_a_base_the_result_counts_and_whole_facts_are_asked_for() -> None:
    core = Core()
    core.send(batch(ok(diff=ttl(7))))
    assert (core.applied(), shown(core), asks_again(core)) == (1, None, True)
    core.send(batch(ok(facts=facts()), first=1))
    core.send(batch(ok(facts=facts(), check="web"), ok(diff=ttl(7)), epoch=LATER_EPOCH))
    assert (shown(core), asks_again(core)) == (None, True)


def test_whole_facts_that_came_late_are_a_base() -> None:
    """They were sent first, did not arrive, and came again through the replay lane."""
    core = Core()
    core.send(batch(ok(), first=9))
    core.send(batch(ok(facts=facts()), first=4), kind=Kind.REPLAY)
    core.send(batch(ok(diff=ttl(7)), first=10))
    assert (shown(core), asks_again(core)) == (facts(ttl=7), False)


def test_a_late_difference_is_left_alone() -> None:
    core = Core()
    core.send(batch(ok(facts=facts())))
    core.send(batch(failed(diff=ttl(7)), first=1), kind=Kind.REPLAY)
    assert (core.applied(), shown(core), asks_again(core)) == (2, facts(), False)


def test_an_agent_with_acks_that_we_do_not_know_of_may_mean_another_base() -> None:
    """We forgot what it was acknowledged: its difference may be from facts that we never had."""
    core = Core()
    core.send(batch(ok(facts=facts())))
    core.send(batch(ok(diff=ttl(7)), first=5, acked=5))
    assert (core.applied(), shown(core), asks_again(core)) == (2, None, True)


def test_a_difference_that_was_overtaken_by_whole_facts_is_from_older_ones() -> None:
    core = Core()
    core.send(batch(ok(facts=facts(serial=1))))
    core.send(batch(ok(facts=facts(serial=2)), first=2))
    core.send(batch(ok(diff=ttl(7)), first=1))
    assert (core.applied(), shown(core), asks_again(core)) == (3, facts(serial=2), False)


@pytest.mark.parametrize("diff", [{"dns": 5}, {"dns": {"rcode": 7}}, {"dns": {"answers": ["x"] * 999}}])
def test_a_difference_that_breaks_the_bounds_of_facts_is_dropped(diff: dict[str, Any]) -> None:
    core = Core()
    core.send(batch(ok(facts=facts()), ok(diff=diff)))
    assert (core.applied(), shown(core), asks_again(core)) == (2, None, True)
    assert core.mark(epoch=EPOCH) == 2
