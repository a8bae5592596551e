"""Six days that were, shortened: what broke in which order, for how long then, and for how long here.

Order, kinds of failure and shares are those of the published reports, as far as these tell; the outage
library that `vedette replay` uses has the same phases with their sources.
"""

from typing import Final

from vedette.up.world import names
from vedette.up.world.breaks import Cold, Dark, Drops, Errors, Fault, Lossy, Names, Slow
from vedette.up.world.drill import Drill, Phase
from vedette.up.world.fleet import agents_in
from vedette.up.world.sites import SITES, checks_with

_TABLE_CHECKS: Final = ("dynamodb-dns", "dynamodb-isp-dns")
_DEPENDANTS: Final = checks_with(depends_on="dynamodb")
_BALANCERS: Final = checks_with(product="aws-nlb", region="us-east-1")
_EDGE: Final = checks_with(product="azure-front-door")
_EDGE_NAMES: Final = tuple(site.host for site in SITES if site.check in _EDGE)
_WINDOWS: Final = checks_with(host_class="windows")
_CONTROL: Final = checks_with(region="us-east-1", plane="control")
_VODAFONE: Final = agents_in("AS5378", "AS25135")
_IN_VODAFONE: Final = checks_with(asn="AS5378")
_MOBILE: Final = agents_in("AS20057")

_AWS_2025: Final = Drill(
    name="aws-2025-10-20",
    summary="20 October 2025: a database's record empties, its dependants fail; later load balancers do",
    expect="one incident: the name, then what depends on it, and after a lull the region's balancers",
    checks=(*_TABLE_CHECKS, *_DEPENDANTS, *_BALANCERS),
    phases=(
        Phase(
            name="endpoint-nodata",
            what="the record is empty: NOERROR without an answer, from every resolver",
            breaks=(Names(names=(names.TABLE,), fault=Fault.NODATA),),
            lasts_seconds=40,
            real_after_minutes=0,
            real_minutes=157,
            components=("target:dynamodb.us-east-1",),
        ),
        Phase(
            name="dependents-5xx",
            what="seven requests in ten to services on it need its name, and get 503",
            breaks=(Cold(checks=_DEPENDANTS, share=0.7),),
            after_seconds=2,
            lasts_seconds=43,
            real_after_minutes=1,
            real_minutes=171,
            components=("dependency:dynamodb", "provider_region:aws/us-east-1"),
        ),
        Phase(
            name="cache-drain",
            what="the record is back; four answers in ten are still empty",
            breaks=(Names(names=(names.TABLE,), fault=Fault.NODATA, share=0.4),),
            after_seconds=40,
            lasts_seconds=5,
            real_after_minutes=157,
            real_minutes=15,
        ),
        Phase(
            name="nlb-flap",
            what="after a lull, a third of the connections to load balancers is lost, on and off",
            breaks=(Drops(checks=_BALANCERS, share=0.35),),
            after_seconds=95,
            lasts_seconds=50,
            period_seconds=20,
            real_after_minutes=342,
            real_minutes=246,
            components=("product:aws-nlb",),
        ),
        Phase(
            name="nlb-tail",
            what="one connection in twenty is lost",
            breaks=(Drops(checks=_BALANCERS, share=0.05),),
            after_seconds=145,
            lasts_seconds=15,
            real_after_minutes=588,
            real_minutes=273,
        ),
    ),
)

_AZURE_2025: Final = Drill(
    name="azure-2025-10-29",
    summary="29 October 2025: an edge in front of many services fails in part",
    expect="one incident: the edge, not one for each service behind it, and no region",
    checks=_EDGE,
    phases=(
        Phase(
            name="ramp",
            what="nearly half of the connections is lost",
            breaks=(Drops(checks=_EDGE, share=0.45),),
            lasts_seconds=20,
            real_after_minutes=0,
            real_minutes=34,
            components=("product:azure-front-door",),
        ),
        Phase(
            name="edge-dns",
            what="one question in seven for its names gets SERVFAIL",
            breaks=(Names(names=_EDGE_NAMES, fault=Fault.SERVFAIL, share=0.15),),
            after_seconds=6,
            lasts_seconds=54,
            real_after_minutes=10,
            real_minutes=159,
        ),
        Phase(
            name="plateau",
            what="six requests in ten get 504",
            breaks=(Errors(checks=_EDGE, status=504, share=0.6),),
            after_seconds=20,
            lasts_seconds=40,
            real_after_minutes=34,
            real_minutes=135,
        ),
        Phase(
            name="gradual-recovery",
            what="a quarter of the requests is slow",
            breaks=(Slow(checks=_EDGE, seconds=1.75, share=0.25),),
            after_seconds=60,
            lasts_seconds=20,
            real_after_minutes=169,
            real_minutes=335,
        ),
    ),
)

_VODAFONE_2025: Final = Drill(
    name="vodafone-2025-10-13",
    summary="13 October 2025: two networks of one operator go dark, with everything inside",
    expect="one incident: the two networks, not the country; some 45 s of silence tell it",
    checks=_IN_VODAFONE,
    agents=_VODAFONE,
    phases=(
        Phase(
            name="agents-inside-dark",
            what="agents in both networks reach nothing and nobody",
            breaks=(Dark(agents=_VODAFONE),),
            lasts_seconds=75,
            real_after_minutes=0,
            real_minutes=120,
            components=("vantage_network:AS25135+AS5378",),
        ),
        Phase(
            name="targets-inside-unreachable",
            what="nobody outside reaches what is inside",
            breaks=(Drops(checks=_IN_VODAFONE),),
            lasts_seconds=75,
            real_after_minutes=0,
            real_minutes=120,
        ),
        Phase(
            name="tail",
            what="one question in ten from inside is lost",
            breaks=(Lossy(agents=_VODAFONE, share=0.1),),
            after_seconds=75,
            lasts_seconds=15,
            real_after_minutes=120,
            real_minutes=120,
        ),
    ),
)

_CROWDSTRIKE_2024: Final = Drill(
    name="crowdstrike-2024-07-19",
    summary="19 July 2024: hosts of one system crash at every provider",
    expect="one incident: the system, not a provider, a region or a network",
    checks=_WINDOWS,
    phases=(
        Phase(
            name="crash-wave",
            what="half of the connections to Windows hosts is lost: they crash, start and crash",
            breaks=(Drops(checks=_WINDOWS, share=0.5),),
            lasts_seconds=45,
            real_after_minutes=0,
            real_minutes=78,
            components=("host_class:windows",),
        ),
        Phase(
            name="manual-recovery",
            what="three in ten: somebody walks to each of them",
            breaks=(Drops(checks=_WINDOWS, share=0.3),),
            after_seconds=45,
            lasts_seconds=30,
            real_after_minutes=78,
            real_minutes=1440,
        ),
    ),
)

_ATT_2024: Final = Drill(
    name="att-2024-02-22",
    summary="22 February 2024: a mobile network disconnects everybody",
    expect="one incident: the mobile network, seen by the silence of the agents that stand in it",
    agents=_MOBILE,
    phases=(
        Phase(
            name="mobile-dark",
            what="every mobile agent of the network is cut off",
            breaks=(Dark(agents=_MOBILE),),
            lasts_seconds=75,
            real_after_minutes=0,
            real_minutes=135,
            components=("vantage_network:AS20057",),
        ),
        Phase(
            name="registration-storm",
            what="one of the two does not get back in",
            breaks=(Dark(agents=_MOBILE[-1:]),),
            after_seconds=75,
            lasts_seconds=30,
            real_after_minutes=135,
            real_minutes=585,
        ),
    ),
)

_AWS_2021: Final = Drill(
    name="aws-2021-12-07",
    summary="7 December 2021: what manages a region is slow and refuses, what runs there runs on",
    expect="one incident: the control plane of the region; its web servers and balancers stay green",
    checks=_CONTROL,
    phases=(
        Phase(
            name="sites-degrade",
            what="six requests in ten to the control plane are slow",
            breaks=(Slow(checks=_CONTROL, seconds=1.75, share=0.6),),
            lasts_seconds=30,
            real_after_minutes=2,
            real_minutes=78,
        ),
        Phase(
            name="api-errors",
            what="half of the requests gets 503",
            breaks=(Errors(checks=_CONTROL, status=503, share=0.5),),
            after_seconds=2,
            lasts_seconds=58,
            real_after_minutes=3,
            real_minutes=361,
            components=("provider_region:aws/us-east-1",),
        ),
        Phase(
            name="tail",
            what="one request in seven gets no answer in time",
            breaks=(Slow(checks=_CONTROL, seconds=10, share=0.15),),
            after_seconds=60,
            lasts_seconds=15,
            real_after_minutes=364,
            real_minutes=190,
        ),
    ),
)

OUTAGES: Final = (_AWS_2025, _AZURE_2025, _VODAFONE_2025, _CROWDSTRIKE_2024, _ATT_2024, _AWS_2021)
