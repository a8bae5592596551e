"""What can be broken in the demo world, and what one should then see. Facts only; `world` acts on them."""

from difflib import get_close_matches
from typing import Final

from msgspec import Struct

from vedette.errors import VedetteError
from vedette.up.world.config import DARK_AGENT
from vedette.wire.failure import Failure


class Drill(Struct, frozen=True, kw_only=True):
    """One thing that goes wrong. Stable keys: `vedette drill list --json` prints them."""

    name: str
    summary: str
    expect: str
    failure: Failure | None = None  # the failure code that every agent then reports
    checks: tuple[str, ...] = ()  # the checks that fail; every other one stays green
    agents: tuple[str, ...] = ()  # the agents that fall silent


DRILLS: Final = {
    drill.name: drill
    for drill in (
        Drill(
            name="dynamodb-dns",
            summary="the name of a regional database endpoint answers NOERROR with no records",
            expect="dynamodb-dns fails with dns.nodata from every agent",
            failure=Failure.DNS_NODATA,
            checks=("dynamodb-dns",),
        ),
        Drill(
            name="login-nxdomain",
            summary="a name vanishes from its zone",
            expect="login-dns fails with dns.nxdomain from every agent",
            failure=Failure.DNS_NXDOMAIN,
            checks=("login-dns",),
        ),
        Drill(
            name="video-servfail",
            summary="the name server cannot answer for one name",
            expect="video-dns fails with dns.servfail from every agent",
            failure=Failure.DNS_SERVFAIL,
            checks=("video-dns",),
        ),
        Drill(
            name="edge-502",
            summary="the edge in front of the shop answers 502 Bad Gateway",
            expect="shop-page fails with http.status from every agent",
            failure=Failure.HTTP_STATUS,
            checks=("shop-page",),
        ),
        Drill(
            name="api-degraded",
            summary="the API answers 200 and says in the body that it is degraded",
            expect="api-health fails with http.body from every agent",
            failure=Failure.HTTP_BODY,
            checks=("api-health",),
        ),
        Drill(
            name="tcp-blackhole",
            summary="packets to the cache are dropped: no refusal, no answer",
            expect="cache-ping fails with tcp.timeout from every agent",
            failure=Failure.TCP_TIMEOUT,
            checks=("cache-ping",),
        ),
        Drill(
            name="cert-expired",
            summary="the certificate of the payment service is past its end",
            expect="pay-certificate fails with tls.expired from every agent",
            failure=Failure.TLS_EXPIRED,
            checks=("pay-certificate",),
        ),
        Drill(
            name="vantage-dark",
            summary=f"{DARK_AGENT} loses its network: to its targets and to the broker",
            expect=f"{DARK_AGENT} is not connected and its series end; every check stays green elsewhere",
            agents=(DARK_AGENT,),
        ),
    )
}


def drill(name: str) -> Drill:
    """The drill called *name*. Raises VedetteError with the nearest name."""
    if name in DRILLS:
        return DRILLS[name]
    near = get_close_matches(name, DRILLS, n=1, cutoff=0.4)
    hint = f'did you mean "{near[0]}"?' if near else "`vedette drill list` shows them all"
    raise VedetteError(f'there is no drill "{name}"; {hint}')
