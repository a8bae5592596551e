"""The way to a target, hop by hop, and whether it is another one than before."""

from typing import Final

from vedette.checks.model import PathCheck
from vedette.wire.facts import PathFacts, PathHop
from vedette_agent.engine.io import Io
from vedette_agent.engine.paths import Carrier, TcpCarrier, Trace, UdpCarrier
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import suspend
from vedette_agent.outcome import microseconds
from vedette_agent.path.judge import judge, route_text
from vedette_agent.path.routes import Routes, Seen
from vedette_agent.path.walk import Hop, Walk

REMEMBERED: Final = 4096  # checks whose routes are kept
_CARRIERS: Final[dict[str, type[Carrier]]] = {"udp": UdpCarrier, "tcp": TcpCarrier}


async def probe_path(check: PathCheck, io: Io, record: Record) -> None:
    """Phase "request": all of the walk. The hops that answered are told also when the target did not."""
    address = await io.resolve(check.host, check.family, check.resolver, record)
    record.stage = "path"
    record.address, record.port = address, check.port
    carrier = _CARRIERS[check.protocol](io.loop, io.policy, io.source, address, check.port)
    walk = Walk(check.first_ttl, check.max_ttl, check.probes, check.wait, check.max_silent, carrier.window)
    started = io.engine.now()
    try:
        await suspend(Trace(carrier, walk).arm)
    finally:
        record.add_phase("request", io.engine.now() - started)
        hops = walk.hops()
        seen = _routes(check, io, address).take([hop.place for hop in hops], is_whole=walk.is_reached)
        record.path = _facts(check, walk, hops, seen)
        record.note("path.route", route_text(hops))
    for heard in (heard for hop in hops for heard in hop.answers):
        record.timed(heard.is_kernel_timed)
    judge(check, walk, seen)


def _routes(check: PathCheck, io: Io, address: str) -> Routes:
    """The routes of *check* so far. Another target or another flow has routes of its own."""
    about = (address, check.protocol, check.port, check.first_ttl)
    routes = io.routes.pop(check.name, None)
    if routes is None or routes.about != about:
        routes = Routes(about)
    io.routes[check.name] = routes
    if len(io.routes) > REMEMBERED:
        del io.routes[next(iter(io.routes))]
    return routes


def _facts(check: PathCheck, walk: Walk, hops: list[Hop], seen: Seen) -> PathFacts:
    return PathFacts(
        protocol=check.protocol,
        reached=walk.is_reached,
        hops=[_hop(hop) for hop in hops],
        packets=walk.packets,
        route=seen.name,
        changed=seen.is_changed,
        changes=seen.changes,
    )


def _hop(hop: Hop) -> PathHop:
    first = hop.answers[0] if hop.answers else None
    kind, code = (None, None) if first is None or first.icmp is None else first.icmp
    others = dict.fromkeys(heard.address for heard in hop.answers if heard.address != hop.address)
    return PathHop(
        ttl=hop.ttl,
        address=hop.address,
        others=list(others)[:2],
        sent=hop.sent,
        answered=len(hop.answers),
        rtt_us=None if hop.seconds is None else microseconds(hop.seconds),
        icmp_type=kind,
        icmp_code=code,
    )
