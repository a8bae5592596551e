"""Who is woken where only one network looks, and something is left open."""

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.component import Component
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.severity import severity
from verdicts.fleet_helpers import Play, fleet
from verdicts.life_helpers import parts

SITE = parts("vantage_region:west")


@pytest.mark.parametrize(
    ("alternatives", "rivals", "told"),
    [
        ((), (), "page"),
        ((parts("authority_dns:auth-2"),), (), "page"),
        ((SITE,), (), "ticket"),
        ((parts("target:t4 & vantage_region:west"),), (), "ticket"),
        ((), (parts("provider:p1"),), "ticket"),
    ],
)
def test_one_network_alone_is_believed_but_not_about_itself(
    alternatives: tuple[Component, ...], rivals: tuple[Component, ...], told: str
) -> None:
    play = Play(fleet(networks=1, per_network=4))
    play.fail(play.probes("t4:ipv"))
    found = replace(play.finding("target:t4"), alternatives=alternatives, rivals=rivals)
    assert severity(found, Extents(play.topology)) == told
