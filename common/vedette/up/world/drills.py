"""The drills by name: small ones, which break one thing until they are stopped, and days that were."""

from difflib import get_close_matches
from typing import Final

from msgspec import structs

from vedette.errors import VedetteError
from vedette.up.world import names
from vedette.up.world.breaks import Break, Dark, Degraded, Drops, Errors, Expired, Fault, Names
from vedette.up.world.drill import PACE_INTERVAL, Drill, Phase
from vedette.up.world.fleet import AGENTS, DARK_AGENT
from vedette.up.world.outages import OUTAGES
from vedette.wire.failure import Failure


def _broken(
    name: str, summary: str, failure: Failure, checks: tuple[str, ...], service: str, one: Break
) -> Drill:
    """A small drill: every agent sees *checks* fail with *failure*."""
    verb = "fails" if len(checks) == 1 else "fail"
    phase = Phase(name=name, what=summary, breaks=(one,), components=(f"target:{service}",))
    return Drill(
        name=name,
        summary=summary,
        expect=f"{' and '.join(checks)} {verb} with {failure} from every agent",
        failure=failure,
        checks=checks,
        phases=(phase,),
    )


_DARK = next(agent for agent in AGENTS if agent.name == DARK_AGENT)
_SMALL: Final = (
    _broken(
        "dynamodb-dns",
        "the name of a regional database endpoint answers NOERROR with no records",
        Failure.DNS_NODATA,
        ("dynamodb-dns", "dynamodb-isp-dns"),
        "dynamodb.us-east-1",
        Names(names=(names.TABLE,), fault=Fault.NODATA),
    ),
    _broken(
        "login-nxdomain",
        "a name vanishes from its zone",
        Failure.DNS_NXDOMAIN,
        ("login-dns",),
        "login",
        Names(names=(names.LOGIN,), fault=Fault.NXDOMAIN),
    ),
    _broken(
        "video-servfail",
        "the name server cannot answer for one name",
        Failure.DNS_SERVFAIL,
        ("video-dns",),
        "video",
        Names(names=(names.VIDEO,), fault=Fault.SERVFAIL),
    ),
    _broken(
        "edge-502",
        "the edge in front of the shop answers 502 Bad Gateway",
        Failure.HTTP_STATUS,
        ("shop-page",),
        "shop",
        Errors(checks=("shop-page",), status=502),
    ),
    _broken(
        "api-degraded",
        "the API answers 200 and says in the body that it is degraded",
        Failure.HTTP_BODY,
        ("api-health",),
        "api",
        Degraded(checks=("api-health",)),
    ),
    _broken(
        "tcp-blackhole",
        "packets to the cache are dropped: no refusal, no answer",
        Failure.TCP_TIMEOUT,
        ("cache-ping",),
        "cache",
        Drops(checks=("cache-ping",)),
    ),
    _broken(
        "cert-expired",
        "the certificate of the payment service is past its end",
        Failure.TLS_EXPIRED,
        ("pay-certificate",),
        "pay",
        Expired(),
    ),
    Drill(
        name="vantage-dark",
        summary=f"{DARK_AGENT} loses its network: to its targets and to the broker",
        expect=f"{DARK_AGENT} is not connected and its series end; every check stays green elsewhere",
        agents=(DARK_AGENT,),
        phases=(
            Phase(
                name="vantage-dark",
                what=f"{DARK_AGENT} loses its network",
                breaks=(Dark(agents=(DARK_AGENT,)),),
                # Nobody else stands in its network or region: which of them is dark cannot be told.
                components=(
                    f"agent:{_DARK.name}",
                    f"vantage_network:{_DARK.network}",
                    f"vantage_region:{_DARK.region}",
                ),
            ),
        ),
    ),
)

DRILLS: Final = {drill.name: drill for drill in (*_SMALL, *OUTAGES)}


def drill(name: str) -> Drill:
    """The drill called *name*. Raises VedetteError with the nearest name."""
    if name in DRILLS:
        return DRILLS[name]
    near = get_close_matches(name, DRILLS, n=1, cutoff=0.4)
    hint = f'did you mean "{near[0]}"?' if near else "`vedette drill list` shows them all"
    raise VedetteError(f'there is no drill "{name}"; {hint}')


def paced(one: Drill, interval: float) -> Drill:
    """*one* for a world that probes every *interval* seconds.

    A drill in which agents fall silent is not hurried: that they are gone is told by their heartbeats and by
    the broker, which know no interval of checks.
    """
    pace = interval / PACE_INTERVAL
    if one.agents:
        pace = max(pace, 1.0)
    return structs.replace(one, phases=tuple(_stretched(phase, pace) for phase in one.phases))


def _stretched(phase: Phase, pace: float) -> Phase:
    def times(seconds: float | None) -> float | None:
        return None if seconds is None else seconds * pace

    return structs.replace(
        phase,
        after_seconds=phase.after_seconds * pace,
        lasts_seconds=times(phase.lasts_seconds),
        period_seconds=times(phase.period_seconds),
    )
