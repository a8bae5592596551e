"""How sure a finding is, since when, and by which evidence."""

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.words import headline
from verdicts.fleet_helpers import Play, fleet


def test_a_target_that_one_of_several_networks_looks_at_is_insufficient() -> None:
    base = fleet(per_network=4)
    alone = tuple(name for name in base.agents if name.startswith("a0"))
    assigned = {name: alone if name.startswith("t4:") else agents for name, agents in base.assigned.items()}
    play = Play(replace(base, assigned=assigned))
    play.fail(play.probes("t4:ipv"))
    assert {each.certainty for each in play.look().findings} == {"insufficient"}
    assert not play.engine.incidents.open()


def test_what_one_network_sees_of_a_provider_is_told_with_the_network_and_wakes_nobody() -> None:
    """Nobody else stands there, so nobody else could look."""
    play = Play(fleet())
    play.fail([probe for number in (3, 4, 5) for probe in play.probes(f"t{number}:ipv", "a1")])
    assert play.finding("provider:p1 & vantage_network:net-1").certainty == "certain"
    play.look(10.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["ticket"]


def test_an_old_failure_does_not_date_a_new_fault() -> None:
    """One probe fails since yesterday; nor is it among the first failures of what fails now."""
    play = Play(fleet())
    for _ in range(240):
        play.fail([("a0-0", "t4:ipv6")], times=1)
        play.look(30.0)
    begin = play.now
    play.fail(play.probes("t4:ipv"))
    found = play.finding("target:t4")
    assert found.inside.failed == 20
    assert found.began == begin
    assert ("a0-0", "t4:ipv6") not in {(each.agent, each.check) for each in found.firsts}
    assert len(found.firsts) == 5


def test_a_fault_of_seldom_checks_dates_from_the_first_of_them() -> None:
    """Each of its probes has its turn in ten minutes."""
    play = Play(fleet(interval=600.0))
    begin = play.now
    for probe in play.probes("t4:ipv"):
        play.fail([probe])
        play.look(30.0)
    found = play.finding("target:t4")
    assert (found.began, found.firsts[0].at) == (begin, begin)


def test_where_the_whole_fleet_stands_in_one_network_its_word_is_taken() -> None:
    play = Play(fleet(networks=1, per_network=4))
    play.fail(play.probes("t4:ipv"))
    assert play.finding("target:t4").certainty == "certain"
    play.look(5.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["page"]


def test_the_only_agent_of_a_network_is_ambiguous_with_it() -> None:
    play = Play(fleet(networks=6, per_network=1))
    play.fail([probe for probe in play.probes(agent="a2") if ":ipv" in probe[1]])
    found = play.finding("agent:a2-0")
    assert found.certainty == "ambiguous"
    assert "vantage_network:net-2" in map(str, found.alternatives)


@pytest.mark.parametrize("networks", [1, 5])
def test_the_only_target_of_a_provider_is_ambiguous_with_it_and_pages(networks: int) -> None:
    """Whichever of the two it is, others feel it."""
    play = Play(fleet(networks=networks, per_network=4, targets=13))
    play.fail(play.probes("t12:ipv"))
    found = play.finding("target:t12")
    assert (found.certainty, [str(each) for each in found.alternatives]) == ("ambiguous", ["provider:p4"])
    play.look(5.0)
    (incident,) = play.engine.incidents.open()
    assert (incident.severity, headline(incident)[:26]) == ("page", "Target t12 or provider p4:")


def test_what_everything_goes_through_is_never_certain() -> None:
    """Nothing avoids it: when all fails it may be the name servers of all, or the agents themselves."""
    play = Play(fleet())
    play.look(60)
    play.fail([each for each in play.probes() if ":dns" in each[1]], "dns.servfail")
    found = play.finding("tld:com")
    assert (found.certainty, found.outside.total, found.of_attempts) == ("ambiguous", 0, False)
    assert not found.rivals + found.alternatives


def test_the_evidence_says_who_saw_it_first_and_how_it_was_confirmed() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv4", "a0-0"), "tcp.refused")
    play.now += 2.0
    play.fail([probe for probe in play.probes("t4:ipv") if probe[0] != "a0-0"], "tcp.refused")
    for agent, check in play.probes("t4:ipv", "a3"):
        play.say(agent, check, "tcp.refused", asked=True)
        play.say(agent, check, "tcp.refused", bypass="family")
    found = play.finding("target:t4")
    assert (found.firsts[0].agent, found.firsts[0].check, found.firsts[0].code) == (
        "a0-0", "t4:ipv4", "tcp.refused",
    )  # fmt: skip
    assert len(found.firsts) == 5
    assert found.began == found.firsts[0].at
    assert found.asked.failed == found.asked.total == 4
    assert dict(found.bypasses)["family"].failed == 4
    assert found.codes == (("tcp.refused", 19),)
    assert found.confirmed == 19


def test_what_is_blamed_is_not_exonerated() -> None:
    play = Play(fleet())
    play.fail(play.probes("t4:ipv4"))
    found = play.finding("target:t4 & address_family:ipv4")
    assert found.exonerated
    assert not {each.entity for each in found.exonerated} & set(found.component.entities)
