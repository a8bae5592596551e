"""Who is woken where only one network looks, and something is left open."""

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.component import Component, Entity, Kind
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.severity import severity
from vedette_collector.verdicts.topology import Topology
from verdicts.fleet_helpers import Play, fleet
from verdicts.life_helpers import parts


def _two_sites() -> Topology:
    base = fleet(networks=1, per_network=4)
    sites = ("north", "north", "south", "south")
    return replace(
        base,
        agents={
            name: (*entities, Entity(Kind.SITE, site))
            for (name, entities), site in zip(base.agents.items(), sites, strict=True)
        },
    )


@pytest.mark.parametrize(
    ("alternatives", "rivals", "told"),
    [
        ((), (), "page"),
        ((parts("authority_dns:auth-2"),), (), "page"),
        ((), (parts("provider:p1"),), "page"),
        ((parts("target:t4 & vantage_network:net-0"),), (), "page"),
        ((parts("vantage_site:north"),), (), "ticket"),
        ((parts("target:t4 & vantage_site:north"),), (), "ticket"),
        ((), (parts("vantage_site:north"),), "ticket"),
    ],
)
def test_one_network_alone_is_believed_but_not_about_itself(
    alternatives: tuple[Component, ...], rivals: tuple[Component, ...], told: str
) -> None:
    play = Play(_two_sites())
    play.fail(play.probes("t4:ipv"))
    found = replace(play.finding("target:t4"), alternatives=alternatives, rivals=rivals)
    assert severity(found, Extents(play.topology)) == told


def test_what_is_seen_from_one_of_its_sites_is_believed_as_well() -> None:
    play = Play(_two_sites())
    play.fail(play.probes("t4:ipv"))
    found = replace(play.finding("target:t4"), component=parts("target:t4 & vantage_site:north"))
    assert severity(found, Extents(play.topology)) == "page"


@pytest.mark.parametrize("siblings", [0, 2, 4])
def test_a_target_that_is_down_pages_whatever_fails_beside_it(siblings: int) -> None:
    play = Play(fleet(networks=1, per_network=3))
    play.fail(play.probes("t5:ipv")[:siblings])
    play.fail(play.probes("t4:ipv"))
    play.look(5.0)
    assert [each.severity for each in play.engine.incidents.open()] == ["page"]


@pytest.mark.parametrize("agents", [3, 4, 6])
def test_two_targets_of_a_provider_page_in_one_network_too(agents: int) -> None:
    play = Play(fleet(networks=1, per_network=agents, targets=20))
    play.fail(play.probes("t4:ipv") + play.probes("t5:ipv"))
    play.look(5.0)
    assert {each.severity for each in play.engine.incidents.open()} == {"page"}


@pytest.mark.parametrize(("code", "told"), [("http.denied", "ticket"), ("http.status", "page")])
def test_who_is_denied_somewhere_may_be_blocked_and_an_error_is_one(code: str, told: str) -> None:
    """A service that answers 503 to one region is broken there."""
    play = Play(fleet())
    play.fail([each for agent in ("a0", "a2", "a4") for each in play.probes("t4:ipv", agent)], code)
    play.look(10.0)
    (incident,) = play.engine.incidents.open()
    assert (str(incident.component), incident.severity) == ("target:t4 & vantage_region:west", told)
