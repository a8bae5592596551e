"""All name servers of one zone: found, asked side by side, and held against each other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vedette.checks.model import AuthorityCheck, Family
from vedette.wire import limits
from vedette.wire.facts import AuthorityFacts, AuthorityServerFacts
from vedette.wire.failure import Failure
from vedette_agent.dns.iterate.compared import Delegation, Fault, Findings, Seen, compared
from vedette_agent.dns.iterate.referral import (
    MAX_GLUE,
    MAX_SERVERS,
    NXDOMAIN,
    Found,
    Nothing,
    Referral,
    meant,
    shown,
)
from vedette_agent.dns.iterate.sections import Sections, is_within
from vedette_agent.dns.iterate.walk import Budget, Cut, Lost, Missed, Server, Walk, of_family
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import Malformed, rcode_text, read
from vedette_agent.dns.records import AAAA, NS, SOA, A
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.outcome import microseconds
from vedette_agent.probers.iterating import Inquiry, Told, Wanted, failure, query, roots

_TYPES: dict[Family, int] = {4: A, 6: AAAA}
# What `_record` makes of an answer without the record.
_NONE: dict[tuple[str, ...] | None, Fault] = {
    (): ("dns.nodata", "that there is no such record"),
    ("NXDOMAIN",): ("dns.nxdomain", "NXDOMAIN"),
}


class _Servers(NamedTuple):
    """Whom to ask."""

    servers: list[Server]  # once for each address
    names: int
    parent: Referral | None = None  # None: the parent was not asked
    faults: Sequence[Fault] = ()  # names that lead nowhere


async def probe_authority(check: AuthorityCheck, io: Io, record: Record) -> None:
    """Phases "resolve" (the servers are found) and "request". Facts are kept also when something is wrong."""
    record.stage = "dns"
    inquiry = Inquiry(io, record, check.port, "resolve")
    found = await _found(check, io, record, inquiry)
    if not found.servers:
        versions = " or ".join(f"IPv{family}" for family in check.families)
        nothing = ("dns.delegation", f"no server of {shown(check.zone)} has an {versions} address")
        raise failure(*(found.faults or [nothing])[0])
    inquiry.phase = "request"
    asked = _Asking(check, inquiry, found)
    await asked.run()
    delegation = None
    if found.parent is not None:
        delegation = Delegation(found.parent, asked.own, check.families)
    findings = compared(check.zone, asked.seen, delegation, check.max_serial_lag)
    record.authority = _facts(found, asked.seen, findings, inquiry)
    faults = [*findings.faults[:1], *found.faults, *findings.faults[1:], *_nowhere(check, asked.seen)]
    if faults:
        raise failure(faults[0][0], "; ".join(text for _, text in faults))


async def _found(check: AuthorityCheck, io: Io, record: Record, inquiry: Inquiry) -> _Servers:
    """Raises ProbeFailed(dns.*) when nobody knows of the zone."""
    if check.servers:
        listed = [Server(one.name, address) for one in check.servers for address in one.addresses]
        return _Servers(listed, len(check.servers))
    if check.resolver is not None:
        through = Inquiry(io, record, check.resolver.port, "resolve")
        found = await _resolved(check, Server(check.resolver.address, check.resolver.address), through)
        inquiry.strangers += through.strangers
        return found
    return await _delegated(check, inquiry)


async def _delegated(check: AuthorityCheck, inquiry: Inquiry) -> _Servers:
    """From the roots down; half of the time is for it."""
    family = check.families[0]
    start = roots(check.roots, family)
    if check.zone == ".":
        every = [server for one in check.families for server in roots(check.roots, one)]
        return _Servers(every, len({server.name for server in every}))
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
) -> _Servers:
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
                walk = Walk(name, _TYPES[family], check.families[0], start, budget=budget, cuts=cuts)
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
    return _Servers(_spread(known), len(named.servers), parent, tuple(dict.fromkeys(faults)))


async def _resolved(check: AuthorityCheck, resolver: Server, inquiry: Inquiry) -> _Servers:
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
            known[name] += told.said.found(name, _TYPES[family])[:MAX_GLUE]
    return _Servers(_spread(known), len(names), None, faults[:1])


def _spread(known: Mapping[str, Sequence[str]]) -> list[Server]:
    """Each name at its addresses, the first of every name before the second of any."""
    most = max(map(len, known.values()), default=0)
    every = [Server(name, of[at]) for at in range(most) for name, of in known.items() if at < len(of)]
    return every[: limits.MAX_SERVERS]


class _Asking:
    """The servers, one question after another, each to all that still answer."""

    def __init__(self, check: AuthorityCheck, inquiry: Inquiry, found: _Servers) -> None:
        self.seen = [Seen(server) for server in found.servers]
        self.own: dict[str, frozenset[str]] = {}  # by name: its addresses as the zone has them
        self._check = check
        self._inquiry = inquiry
        self._glue = {} if found.parent is None else _comparable(found.parent, check.zone)

    async def run(self) -> None:
        check = self._check
        steps = 2 + (check.record_name is not None) + bool(self._glue)
        for at, told in await self._all(query(check.zone, SOA), steps):
            self.seen[at] = _soa(self.seen[at], told, check.zone)
        for at, told in await self._all(query(check.zone, NS), steps - 1):
            self.seen[at] = _ns(self.seen[at], told, check.zone)
        if check.record_name is not None:
            wanted = query(check.record_name, check.record_type)
            for at, told in await self._all(wanted, 1 + bool(self._glue)):
                self.seen[at] = _record(self.seen[at], told, wanted)
        if self._glue:
            await self._ask_for_glue()

    async def _all(self, wanted: Query, shares: int) -> list[tuple[int, Told]]:
        ready = [at for at, one in enumerate(self.seen) if one.code is None]
        told = await self._inquiry.ask([Wanted(self.seen[at].server, wanted) for at in ready], shares)
        return list(zip(ready, told, strict=True))

    async def _ask_for_glue(self) -> None:
        """Each name of one of the servers, in turn: whether they agree is asked of NS and SOA."""
        ready = [one.server for one in self.seen if one.code is None]
        if not ready:
            return
        names = [(name, family) for name in self._glue for family in self._check.families]
        wanted = [
            Wanted(ready[at % len(ready)], query(name, _TYPES[family]))
            for at, (name, family) in enumerate(names)
        ]
        own: dict[str, set[str]] = {name: set() for name in self._glue}
        for (name, family), told in zip(names, await self._inquiry.ask(wanted), strict=True):
            if isinstance(told.said, Missed):
                own.pop(name, None)
                continue
            match meant(told.said, self._check.zone, name, _TYPES[family]):
                case Found(owner, data) if owner == name and name in own:
                    own[name] |= set(data)
                case Nothing(exists=True):
                    pass
                case _:  # delegated further down, or an answer that settles nothing
                    own.pop(name, None)
        self.own = {name: frozenset(addresses) for name, addresses in own.items()}


def _comparable(parent: Referral, zone: str) -> dict[str, tuple[str, ...]]:
    """Glue of names for which the zone itself is the authority."""
    return {name: glue for name, glue in parent.glue.items() if glue and is_within(name, zone)}


def _soa(one: Seen, told: Told, zone: str) -> Seen:
    if isinstance(told.said, Missed):
        return one._replace(code=told.said.code, why=told.said.why)
    said = told.said
    one = one._replace(seconds=told.seconds, rcode=rcode_text(said.rcode), authoritative=said.authoritative)
    why = _lame(said, zone, SOA)
    return one._replace(serial=said.serial) if why is None else one._replace(code="dns.lame", why=why)


def _ns(one: Seen, told: Told, zone: str) -> Seen:
    if isinstance(told.said, Missed):
        return one._replace(code=told.said.code, why=told.said.why)
    why = _lame(told.said, zone, NS)
    if why is not None:
        return one._replace(code="dns.lame", why=why)
    return one._replace(names=told.said.found(zone, NS))


def _lame(said: Sections, zone: str, rdtype: int) -> str | None:
    match meant(said, zone, zone, rdtype):
        case Found(owner) if owner == zone:
            return None
        case Nothing(exists):
            lacks = f"has no {'SOA' if rdtype == SOA else 'NS'} record" if exists else "does not exist"
            return f"is lame: it says that {shown(zone)} {lacks}"
        case Found() | Referral():
            return f"is lame: it takes {shown(zone)} for another"
        case other:
            return f"is lame: {getattr(other, 'why', None) or f'it says that {shown(zone)} is an alias'}"


def _record(one: Seen, told: Told, wanted: Query) -> Seen:
    if isinstance(told.said, Missed):
        return one._replace(code=told.said.code, why=told.said.why)
    try:
        answer = read(told.wire, wanted)
    except Malformed as exc:
        return one._replace(code=Failure.DNS_MALFORMED.value, why=f"sent what cannot be read: {exc}")
    if answer.rcode not in (0, NXDOMAIN):
        why = f"says {rcode_text(answer.rcode)} for {wanted.text} {wanted.rdtype_text}"
        return one._replace(code=Failure.DNS_LAME.value, why=f"is lame: it {why}")
    rcode = () if answer.rcode == 0 else (rcode_text(answer.rcode),)
    return one._replace(record=(*rcode, *answer.chain, *answer.answers))


def _nowhere(check: AuthorityCheck, seen: Sequence[Seen]) -> list[Fault]:
    """The fault of a record about which all servers agree because none of them has it."""
    said = {one.record for one in seen if one.record is not None}
    if len(said) != 1 or not said <= _NONE.keys():
        return []
    code, words = _NONE[said.pop()]
    return [(code, f"no server has {check.record_name} {check.record_type}: all say {words}")]


def _facts(found: _Servers, seen: Sequence[Seen], findings: Findings, inquiry: Inquiry) -> AuthorityFacts:
    took = [one.seconds for one in seen if one.seconds is not None]
    return AuthorityFacts(
        servers=[
            AuthorityServerFacts(
                name=one.server.name,
                address=one.server.address,
                rcode=one.rcode,
                authoritative=one.authoritative,
                serial=one.serial,
                duration_us=None if one.seconds is None else microseconds(one.seconds),
                failure=one.code,
            )
            for one in seen
        ],
        known=found.names,
        answering=sum(one.code is None for one in seen),
        lame=sum(one.code == "dns.lame" for one in seen),
        serials=findings.serials,
        newest_serial=findings.newest,
        slowest_us=microseconds(max(took)) if took else None,
        delegation_differs=findings.delegation_differs,
        servers_differ=findings.servers_differ,
        spoof_suspected=inquiry.strangers,
    )
