"""A difference is only ever sent from facts that the collector has acknowledged."""

import msgspec

from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.facts.diff import patched
from vedette.wire.messages import Result
from vedette_agent.delivery.bases import Bases


def facts(ttl: int, answers: int = 9) -> Facts:
    return Facts(dns=DnsFacts(rcode="NOERROR", answers=["192.0.2.1"] * answers, ttl_seconds=ttl))


def result(said: Facts | None, check: str = "web") -> Result:
    return Result(check=check, outcome="ok", started_us=1, facts=said)


class Known:
    """What the collector acknowledged."""

    def __init__(self) -> None:
        self.seqs: set[int] = set()
        self.bases = Bases(self.seqs.__contains__)


def test_facts_are_said_whole_until_some_are_acknowledged() -> None:
    known = Known()
    for seq in range(5):
        assert known.bases.shaped(result(facts(60)), seq).facts == facts(60)
    known.seqs.add(0)
    shaped = known.bases.shaped(result(facts(60)), 5)
    assert (shaped.facts, shaped.diff) == (None, {})
    shaped = known.bases.shaped(result(facts(59)), 6)
    assert shaped.facts is None
    assert shaped.diff is not None
    assert patched(facts(60), shaped.diff) == facts(59)


def test_other_facts_before_the_ack_make_another_base() -> None:
    """The ack of what was said first says nothing of what is said now."""
    known = Known()
    known.bases.shaped(result(facts(60)), 0)
    known.bases.shaped(result(facts(59)), 1)
    known.seqs.add(0)
    assert known.bases.shaped(result(facts(59)), 2).facts == facts(59)
    known.seqs.add(1)
    assert known.bases.shaped(result(facts(59)), 3).diff == {}


def test_a_large_difference_is_said_whole_and_is_the_next_base() -> None:
    known = Known()
    known.bases.shaped(result(facts(60)), 0)
    known.seqs.add(0)
    other = Facts(dns=DnsFacts(rcode="NXDOMAIN", answers=["198.51.100.7"] * 9))
    assert known.bases.shaped(result(other), 1).facts == other
    assert known.bases.shaped(result(other), 2).facts == other
    known.seqs.add(1)
    assert known.bases.shaped(result(other), 3).diff == {}


def test_what_is_lost_is_no_base_though_its_seq_is_settled() -> None:
    known = Known()
    known.bases.shaped(result(facts(60)), 0)
    known.seqs.add(0)
    known.bases.lost(0, 1)
    assert known.bases.shaped(result(facts(60)), 1).facts == facts(60)


def test_after_forgetting_all_is_said_whole() -> None:
    known = Known()
    known.bases.shaped(result(facts(60)), 0)
    known.seqs.add(0)
    known.bases.forget()
    assert known.bases.shaped(result(facts(60)), 1).facts == facts(60)


def test_checks_have_bases_of_their_own_and_no_facts_are_no_difference() -> None:
    known = Known()
    known.seqs.update(range(9))
    known.bases.shaped(result(facts(60)), 0)
    assert known.bases.shaped(result(facts(60), "other"), 1).facts == facts(60)
    shaped = known.bases.shaped(result(None), 2)
    assert (shaped.facts, shaped.diff) == (None, None)


def test_another_way_is_said_whole_and_is_no_base() -> None:
    known = Known()
    known.bases.shaped(result(facts(60)), 0)
    known.seqs.update(range(4))
    other = msgspec.structs.replace(result(facts(5, answers=1)), bypass="authority")
    for seq in (1, 2):
        assert known.bases.shaped(other, seq) is other
    assert known.bases.shaped(result(facts(60)), 3).diff == {}
