"""Asks the servers of a zone, one question after another, each all that still answer."""

from collections.abc import Sequence

from vedette.checks.model import AuthorityCheck
from vedette.wire.failure import Failure
from vedette_agent.dns.iterate.compared import Seen, Stated
from vedette_agent.dns.iterate.referral import NXDOMAIN, Found, Nothing, Referral, meant, shown
from vedette_agent.dns.iterate.sections import Sections, is_within
from vedette_agent.dns.iterate.walk import Missed
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import Malformed, rcode_text, read
from vedette_agent.dns.records import NS, SOA
from vedette_agent.probers.delegated import TYPES, Servers
from vedette_agent.probers.iterating import Inquiry, Told, Wanted, query


class Asking:
    """The questions of one probe. What was seen is in `seen`; of a server that failed, why."""

    def __init__(self, check: AuthorityCheck, inquiry: Inquiry, found: Servers) -> None:
        self.seen = [Seen(server) for server in found.servers]
        self.own: dict[str, frozenset[str]] = {}  # by name: its addresses as the zone has them
        self._check = check
        self._inquiry = inquiry
        self._glue = _comparable(found.stated, check.zone)

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
            Wanted(ready[at % len(ready)], query(name, TYPES[family]))
            for at, (name, family) in enumerate(names)
        ]
        own: dict[str, set[str]] = {name: set() for name in self._glue}
        for (name, family), told in zip(names, await self._inquiry.ask(wanted), strict=True):
            if isinstance(told.said, Missed):
                own.pop(name, None)
                continue
            match meant(told.said, self._check.zone, name, TYPES[family]):
                case Found(owner, data) if owner == name and name in own:
                    own[name] |= set(data)
                case Nothing(exists=True):
                    pass
                case _:  # delegated further down, or an answer that settles nothing
                    own.pop(name, None)
        self.own = {name: frozenset(addresses) for name, addresses in own.items()}


def _comparable(stated: Sequence[Stated], zone: str) -> list[str]:
    """Names with glue for which the zone itself is the authority; each once."""
    names = [name for one in stated for name, glue in one.referral.glue.items() if glue]
    return [name for name in dict.fromkeys(names) if is_within(name, zone)]


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
