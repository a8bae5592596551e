"""Whether a path is as its check expects."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

from vedette.checks.model import PathCheck
from vedette.wire.failure import Failure
from vedette_agent.engine.record import NotInTime, ProbeFailed
from vedette_agent.path.routes import Seen
from vedette_agent.path.walk import Hop, Walk


def judge(check: PathCheck, walk: Walk, seen: Seen) -> None:
    """Raises ProbeFailed(path.*)."""
    hops = walk.hops()
    if check.must_reach and not walk.is_reached:
        raise _not_reached(check, walk, hops)
    known = {heard.address for hop in hops for heard in hop.answers}
    if check.max_hops is not None and walk.is_reached and hops[-1].ttl > check.max_hops:
        said = f"{check.host} is {hops[-1].ttl} hops away, {check.max_hops} are allowed"
        raise ProbeFailed(Failure.PATH_EXPECT, said)
    for network in check.avoids:
        within = _within(known, network)
        if within:
            raise ProbeFailed(Failure.PATH_EXPECT, f"the path goes through {within[0]} in {network}")
    for network in check.through:
        if not _within(known, network):
            silent = sum(not hop.answers for hop in hops)
            unknown = f"; {silent} hops are silent" if silent else ""
            raise ProbeFailed(Failure.PATH_EXPECT, f"no hop of the path is in {network}{unknown}")
    if check.must_be_stable and seen.is_changed:
        raise ProbeFailed(Failure.PATH_CHANGED, f"another route than before: {route_text(hops)}")


def route_text(hops: Iterable[Hop]) -> str:
    return " ".join(hop.address or "*" for hop in hops)


def _not_reached(check: PathCheck, walk: Walk, hops: Sequence[Hop]) -> ProbeFailed:
    last = f"; the last that answers is {hops[-1].address}, hop {hops[-1].ttl}" if hops else ""
    if walk.refusal is not None:
        kind, code = walk.refusal.icmp or (0, 0)
        said = f"{walk.refusal.address}, hop {hops[-1].ttl}, says unreachable (ICMP type {kind} code {code})"
        return ProbeFailed(Failure.PATH_UNREACHABLE, said)
    if hops and hops[-1].ttl == check.max_ttl:
        return ProbeFailed(
            Failure.PATH_UNREACHABLE, f"{check.max_ttl} hops do not lead to {check.host}{last}"
        )
    return NotInTime(Failure.PATH_TIMEOUT, f"{check.host} does not answer{last}")


def _within(addresses: Iterable[str], network: str) -> list[str]:
    inside = ip_network(network)
    return sorted(address for address in addresses if ip_address(address.partition("%")[0]) in inside)
