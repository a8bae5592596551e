"""Whom to ask about a zone, and what others say of its servers: the configuration, the parent, a resolver.

The delegation is what stands outside the zone: what the configuration lists, what the given servers of the
parent refer to, what the walk from the roots down comes by. A resolver tells what it remembers, of the zone
or of the parent: that finds servers, and is held against nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vedette.checks.model import AuthorityCheck, Family
from vedette.wire import limits
from vedette.wire.failure import Failure
from vedette_agent.dns.iterate.compared import Fault, Stated
from vedette_agent.dns.iterate.referral import (
    MAX_GLUE,
    MAX_SERVERS,
    Found,
    Lame,
    Nothing,
    Referral,
    meant,
    shown,
)
from vedette_agent.dns.iterate.sections import is_within
from vedette_agent.dns.iterate.walk import Budget, Cut, Lost, Missed, Server, Walk, of_family
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import rcode_text
from vedette_agent.dns.records import AAAA, NS, A
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.probers.iterating import Inquiry, Told, Wanted, failure, query, roots

TYPES: dict[Family, int] = {4: A, 6: AAAA}


class Servers(NamedTuple):
    """Whom to ask."""

    servers: list[Server]  # once for each address
    names: int
    stated: Sequence[Stated] = ()  # what is held against the zone
    faults: Sequence[Fault] = ()  # names that lead nowhere, parents that do not delegate


async def delegated(check: AuthorityCheck, io: Io, record: Record, inquiry: Inquiry) -> Servers:
    """The servers of the zone. Raises ProbeFailed(dns.*) when nobody knows of it."""
    stated, faults = await _parents(check, inquiry)
    if check.servers:
        listed = [Server(one.name, address) for one in check.servers for address in one.addresses]
        if check.delegation:
            written = Stated(Referral(check.zone, check.delegation, {}), "in the configuration")
            stated = [written, *stated]
        return Servers(listed, len(check.servers), stated, faults)
    if check.resolver is not None:
        through = Inquiry(io, record, check.resolver.port, "resolve")
        resolver = Server(check.resolver.address, check.resolver.address)
        found = await _resolved(check, resolver, through)
        inquiry.strangers += through.strangers
        return found._replace(stated=stated, faults=[*found.faults, *faults])
    return await _walked(check, inquiry)


async def _parents(check: AuthorityCheck, inquiry: Inquiry) -> tuple[list[Stated], list[Fault]]:
    """What each of the given servers of the parent refers to, alike ones once; and which do not."""
    parents = [Server(address, address) for address in check.parents]
    # Where a zone is cut is not known from its name: the server may speak for any zone above.
    above = check.zone.partition(".")[2] or "."
    stated: dict[object, Stated] = {}
    faults: list[Fault] = []
    told = await inquiry.ask([Wanted(one, query(check.zone, NS)) for one in parents], 4)
    for server, one in zip(parents, told, strict=True):
        referral, fault = _referred(one, above, check.zone)
        if fault is not None:
            faults.append((fault[0], f"{server}, a server of the parent, {fault[1]}"))
        elif referral is not None:
            alike = frozenset(referral.servers), frozenset(_sorted(referral.glue).items())
            stated.setdefault(alike, Stated(referral, f"at the parent {server}"))
    return list(stated.values()), faults


def _referred(told: Told, above: str, zone: str) -> tuple[Referral | None, Fault | None]:
    """Neither where the server serves the zone too: then it does not say what the parent has."""
    if isinstance(told.said, Missed):
        return None, (told.said.code, told.said.why)
    match meant(told.said, above, zone, NS):
        case Referral() as referral:  # of the zone: there is no other name between it and the one above
            return referral, None
        case Found(owner) if owner == zone:
            return None, None
        case Nothing(exists):
            lacks = "is not delegated" if exists else "does not exist"
            return None, ("dns.delegation", f"says that {shown(zone)} {lacks}")
        case Lame(why):
            return None, ("dns.lame", f"is lame: {why}")
        case _:
            return None, ("dns.delegation", f"says that {shown(zone)} is an alias")


def _sorted(glue: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(addresses)) for name, addresses in glue.items()}


async def _walked(check: AuthorityCheck, inquiry: Inquiry) -> Servers:
    """From the roots down; half of the time is for it."""
    family = check.families[0]
    start = roots(check.roots, family)
    if check.zone == ".":
        every = [server for one in check.families for server in roots(check.roots, one)]
        return Servers(every, len({server.name for server in every}))
    budget, cuts = Budget(), dict[str, Cut]()
    walk = Walk(check.zone, NS, family, start, budget=budget, cuts=cuts, to_cut=True)
    await inquiry.walk([walk], shares=2)
    match walk.end:
        case Referral():
            return await _addresses(check, walk.end, walk.end, start, budget, cuts, inquiry)
        case Found(_, names):  # one server for the parent and the zone: what the parent says is not seen
            same = Referral(check.zone, names[:MAX_SERVERS], {})
            return await _addresses(check, same, None, start, budget, cuts, inquiry)
        case Lost(code, why):
            raise failure(code, f"the delegation of {shown(check.zone)} is not found: {why}")
        case _:
            exists = isinstance(walk.end, Nothing) and walk.end.exists
            said = f"{shown(check.zone)} {'has no NS record' if exists else 'does not exist'}"
            step = walk.steps[-1].question
            raise ProbeFailed(Failure.DNS_DELEGATION, f"{said}, says {step.server} of {shown(step.zone)}")


async def _addresses(
    check: AuthorityCheck,
    named: Referral,
    parent: Referral | None,
    start: Sequence[Server],
    budget: Budget,
    cuts: dict[str, Cut],
    inquiry: Inquiry,
) -> Servers:
    """Those of the glue, and of names elsewhere by walks of their own, side by side."""
    known: dict[str, list[str]] = {}
    walks: dict[tuple[str, Family], Walk] = {}
    for name in named.servers:
        known[name] = []
        for family in check.families:
            glue = of_family(named.glue.get(name, ()), family)
            known[name] += glue
            # Below its own zone a name is found by glue alone, unless the parent's servers serve the zone.
            if not glue and (parent is None or not is_within(name, check.zone)):
                walk = Walk(name, TYPES[family], check.families[0], start, budget=budget, cuts=cuts)
                walks[name, family] = walk
    await inquiry.walk(list(walks.values()), shares=2)
    faults: list[Fault] = []
    for (name, _), walk in walks.items():
        if isinstance(walk.end, Found):
            known[name] += walk.end.data[:MAX_GLUE]
        elif isinstance(walk.end, Lost):
            faults.append((walk.end.code, f"the address of {name} is not found: {walk.end.why}"))
    every = len(check.families) == 2  # of one family alone a name may lack an address
    for name in named.servers:
        ends = [walk.end for (of, _), walk in walks.items() if of == name]
        if any(end == Nothing(exists=False) for end in ends):
            faults.append(("dns.delegation", f"{name}, a name server of {shown(check.zone)}, does not exist"))
        elif (
            not known[name]
            and (every or not (ends or named.glue.get(name)))
            and not any(isinstance(end, Lost) for end in ends)
        ):
            faults.append(("dns.delegation", f"{name}, a name server of {shown(check.zone)}, has no address"))
    stated = [] if parent is None else [Stated(parent, "at the parent")]
    return Servers(_spread(known), len(named.servers), stated, tuple(dict.fromkeys(faults)))


async def _resolved(check: AuthorityCheck, resolver: Server, inquiry: Inquiry) -> Servers:
    """As the resolver knows them."""
    [told] = await inquiry.ask([Wanted(resolver, Query(check.zone, "NS"))], 3)
    if isinstance(told.said, Missed):
        raise failure(told.said.code, f"the resolver {resolver} {told.said.why}")
    names = told.said.found(check.zone, NS)[:MAX_SERVERS]
    if not names:
        rcode = rcode_text(told.said.rcode)
        raise ProbeFailed(
            Failure.DNS_DELEGATION, f"no NS records of {shown(check.zone)}, says {resolver} ({rcode})"
        )
    wanted = [(name, family) for name in names for family in check.families]
    every = await inquiry.ask(
        [Wanted(resolver, Query(name, "A" if family == 4 else "AAAA")) for name, family in wanted], 2
    )
    known: dict[str, list[str]] = {name: [] for name in names}
    faults: list[Fault] = []
    for (name, family), told in zip(wanted, every, strict=True):
        if isinstance(told.said, Missed):
            faults.append((told.said.code, f"asked for {name}, the resolver {resolver} {told.said.why}"))
        else:
            known[name] += told.said.found(name, TYPES[family])[:MAX_GLUE]
    return Servers(_spread(known), len(names), (), faults[:1])


def _spread(known: Mapping[str, Sequence[str]]) -> list[Server]:
    """Each name at its addresses, the first of every name before the second of any."""
    most = max(map(len, known.values()), default=0)
    every = [Server(name, of[at]) for at in range(most) for name, of in known.items() if at < len(of)]
    return every[: limits.MAX_SERVERS]
