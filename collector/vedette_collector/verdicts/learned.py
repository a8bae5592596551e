"""What results show of the entities that probes go through, beyond what the configuration says.

The name servers of a zone say who runs it, the end of an alias chain which product serves a name, a
certificate which chain it has, an address which network it is in. Tags win over all of it. Only results that
are ok teach: in an outage an alias may be gone, and that must not change what is blamed for it.

What targets say is hostile: names are cut, cleaned and bounded in number (`naming`, `tally`), one agent alone
cannot name anything for others, and a new topology is made every 30 s at most.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from vedette.checks import formats
from vedette.checks.model import Assignment, AuthorityCheck, Check, DnsCheck, Endpoint, HttpCheck
from vedette.wire.facts import Facts
from vedette.wire.messages import Bypass
from vedette_collector.verdicts import naming
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.resolvers import Resolvers
from vedette_collector.verdicts.tally import Tally
from vedette_collector.verdicts.topology import Stage, Topology
from vedette_collector.verdicts.traits import place_of
from vedette_collector.verdicts.what import asks_own, host_of, stages_of

SPACING_SECONDS: Final = 30.0  # between two topologies
MAX_PAIRS: Final = 100_000  # probes with an entity of their own: where agents see different things
MAX_ORIGINS: Final = 20_000  # addresses whose network is remembered
MAX_TRANSIT: Final = 4  # networks of one path
_STEPS: Final = 20_000  # agents looked at in one call of `renewed`: some 10 ms
_TEXTS: Final = 32  # names of one thing; targets choose them
_PLACES: Final = 4096  # of resolvers and paths, which are made of addresses

# Of these every agent may see another one; of a zone and its operator there is one.
_EACH: Final = frozenset({Kind.PRODUCT, Kind.CA_CHAIN, Kind.PROVIDER_NETWORK, Kind.PREFIX_SET})
_APART: Final = frozenset({Kind.RESOLVER, Kind.TRANSIT})  # never the same for all
_FOUND: Final = frozenset({"answer", "alias", "nodata", "nxdomain"})


class Origin(NamedTuple):
    """Who announces an address."""

    network: str  # such as AS3356
    prefix: str  # such as 192.0.2.0/24


Origins = Callable[[str], Origin | None]  # by address; None: not known, or no address
Subject = tuple[Kind, str]


class Learned:
    """Of one assignment. `arranged` takes what is known along to the next."""

    def __init__(self, assignment: Assignment, origins: Origins | None = None) -> None:
        self._resolvers = Resolvers(assignment.resolvers)
        self._agents = {vantage.name: number for number, vantage in enumerate(assignment.agents)}
        self._checks = {check.name: check for check in assignment.checks}
        self._hosts = {check.name: host_of(check) for check in assignment.checks}
        self._sole = _sole(assignment, self._hosts)
        self._asks_own = {check.name for check in assignment.checks if asks_own(check)}
        self._connects = {c.name for c in assignment.checks if Stage.CONNECTION in stages_of(c)}
        self._tallies: dict[Subject, Tally] = {}
        self._waiting: dict[Subject, None] = {}  # in the order of their turn
        self._origins = origins
        self._remembered: dict[str, Origin | None] = {}
        self._is_new = False
        self._next = 0.0

    def arranged(self, assignment: Assignment) -> "Learned":
        """The same for another assignment. What no check of it is about is forgotten."""
        made = Learned(assignment, self._origins)
        made._remembered, made._is_new, made._next = self._remembered, True, self._next
        origin = [self._agents.get(name, -1) for name in made._agents]
        subjects = {subject for check in assignment.checks for subject in made._subjects(check)}
        for subject, tally in self._tallies.items():
            if subject in subjects:
                copy = tally.copied(origin, least=made._least(subject))
                made._tallies[subject] = copy
                if copy.waiting:
                    made._waiting[subject] = None
        return made

    def use(self, origins: Origins | None) -> None:
        """Another database. It is asked about facts from now on: tell the last ones of all probes again."""
        self._origins = origins
        self._remembered = {}

    def observe(self, agent: str, check: str, facts: Facts, at: float, bypass: Bypass | None = None) -> bool:
        """Hear *facts* of a result that is ok. Whether it said something new, which may count later.

        Facts that did not change since the last result of this agent and check need not be told again.
        """
        number, what = self._agents.get(agent), self._checks.get(check)
        if number is None or what is None:
            return False
        is_new = False
        for kind, subject, name in self._said(what, facts, agent, bypass):
            tally = self._tallies.get((kind, subject))
            if tally is None:
                tally = self._tallies[kind, subject] = Tally(
                    len(self._agents),
                    _PLACES if kind in _APART else _TEXTS,
                    least=self._least((kind, subject)),
                    is_each=kind in _APART,
                )
            if tally.say(number, name, at):
                is_new = True
                self._waiting[kind, subject] = None
        return is_new

    def renewed(self, base: Topology, now: float) -> Topology | None:
        """A new topology when something new counts; call it every second or so. None: none is due."""
        left = _STEPS
        for subject in list(self._waiting):
            if left <= 0:
                break
            tally = self._tallies[subject]
            left -= 1 + len(tally.waiting)
            self._is_new |= tally.settle(now)
            del self._waiting[subject]
            if tally.waiting:
                self._waiting[subject] = None  # at the end of the queue
        if not self._is_new or now < self._next:
            return None
        self._is_new = False
        self._next = now + SPACING_SECONDS
        return self.topology(base)

    def topology(self, base: Topology) -> Topology:
        """*base*, which the configuration alone gives, and what counts by now."""
        names = list(self._agents)
        pairs = dict(base.pairs)
        checks = dict(base.checks)
        left = MAX_PAIRS
        for check, traits in base.checks.items():
            known = {entity.kind for entity in traits.entities}
            found, apart = self._of_check(check, known, base)
            if found:
                checks[check] = replace(traits, entities=traits.entities + tuple(found))
            assigned = set(base.assigned.get(check, ())) if apart else set()
            for number, entity in apart:
                if names[number] in assigned and left > 0:
                    pair = names[number], check
                    if pair not in pairs:
                        left -= 1
                    pairs[pair] = (*pairs.get(pair, ()), entity)
        return replace(base, checks=checks, pairs=pairs, own_resolvers=self._own_resolvers(base))

    def _of_check(
        self, check: str, known: set[Kind], base: Topology
    ) -> tuple[list[Entity], list[tuple[int, Entity]]]:
        """What all its probes go through besides, and what those of single agents do."""
        host = self._hosts.get(check)
        if host is None:
            return [], []
        zone = next((e.name for e in base.checks[check].entities if e.kind == Kind.ZONE), None)
        found: list[Entity] = []
        apart: list[tuple[int, Entity]] = []
        if zone is None:
            tally = self._tallies.get((Kind.ZONE, host))
            zone = None if tally is None else tally.shared
            if zone is not None:
                found.append(Entity(Kind.ZONE, zone))
        if Kind.AUTHORITY not in known:
            for subject in (zone, host):
                tally = None if subject is None else self._tallies.get((Kind.AUTHORITY, subject))
                if tally is not None and tally.shared is not None:
                    found.append(Entity(Kind.AUTHORITY, tally.shared))
                    break
        for kind in sorted(_EACH - known):
            tally = self._tallies.get((kind, host if kind == Kind.PRODUCT else check))
            if tally is not None:
                if tally.shared is not None:
                    found.append(Entity(kind, tally.shared))
                apart += [(number, Entity(kind, name)) for number, name in tally.apart()]
        if check in self._connects and Kind.TRANSIT not in known:
            tally = self._tallies.get((Kind.TRANSIT, host))
            if tally is not None:
                apart += [
                    (number, Entity(Kind.TRANSIT, network))
                    for number, name in tally.each()
                    for network in name.split()
                ]
        return found, apart

    def _least(self, subject: Subject) -> int:
        """One agent is believed for all where no other is to see the thing."""
        return 1 if subject[1] in self._sole else 2

    def _own_resolvers(self, base: Topology) -> dict[str, tuple[Entity, ...]]:
        tally = self._tallies.get((Kind.RESOLVER, ""))
        if tally is None:
            return base.own_resolvers
        names = list(self._agents)
        found = {}
        for number, text in tally.each():
            agent, server = names[number], _endpoint(text)
            if agent in base.agents and server is not None:
                found[agent] = self._resolvers.entities(server, place_of(base.agents[agent]))
        return {**found, **base.own_resolvers}

    def _subjects(self, check: Check) -> Iterator[Subject]:
        host = self._hosts[check.name]
        yield Kind.RESOLVER, ""
        for kind in (Kind.PRODUCT, Kind.ZONE, Kind.TRANSIT):
            yield kind, host
        for kind in (Kind.CA_CHAIN, Kind.PROVIDER_NETWORK, Kind.PREFIX_SET):
            yield kind, check.name
        name = host
        while name:
            yield Kind.AUTHORITY, name
            name = name.partition(".")[2]

    def _said(
        self, check: Check, facts: Facts, agent: str, bypass: Bypass | None
    ) -> Iterator[tuple[Kind, str, str | None]]:
        host = self._hosts[check.name]
        if facts.authority is not None and bypass in (None, "authority"):
            is_one_server = isinstance(check, AuthorityCheck) and len(check.servers) == 1
            # Where an alias leads into another zone, the servers of that one are among them.
            is_led_on = facts.dns is not None and bool(facts.dns.cname_chain)
            if facts.authority.servers and not (is_one_server or is_led_on):
                yield Kind.AUTHORITY, host, naming.operator(s.name for s in facts.authority.servers)
        if bypass is not None:
            return  # on another way are other entities
        if isinstance(check, DnsCheck) and facts.dns is not None:
            yield Kind.PRODUCT, host, _product(host, facts.dns.cname_chain)
        zone = _zone(host, facts)
        if zone is not None:
            yield Kind.ZONE, host, zone
        if facts.tls is not None and facts.tls.verified and facts.tls.issuer != facts.tls.subject:
            # Without verification anybody can name any issuer.
            yield Kind.CA_CHAIN, check.name, naming.clean(facts.tls.issuer or "")
        if facts.resolver is not None and check.name in self._asks_own and _endpoint(facts.resolver):
            yield Kind.RESOLVER, "", facts.resolver
        if self._origins is not None and check.name in self._connects:
            is_direct = not (isinstance(check, HttpCheck) and check.proxy is not None)
            if facts.address is not None and is_direct:
                origin = self._origin(facts.address)
                yield Kind.PROVIDER_NETWORK, check.name, None if origin is None else origin.network
                yield Kind.PREFIX_SET, check.name, None if origin is None else origin.prefix
            if facts.path is not None:
                hops = (hop.address for hop in facts.path.hops if hop.address is not None)
                yield Kind.TRANSIT, host, self._transit(hops, facts.address)

    def _transit(self, hops: Iterable[str], target: str | None) -> str | None:
        """The networks between the first one on the path, which is the agent's, and that of the target."""
        found = [origin.network for hop in hops if (origin := self._origin(hop)) is not None]
        at_end = None if target is None else self._origin(target)
        ends = {*found[:1], *(() if at_end is None else (at_end.network,))}
        between = [network for network in dict.fromkeys(found) if network not in ends]
        return " ".join(between[:MAX_TRANSIT]) or None

    def _origin(self, address: str) -> Origin | None:
        if self._origins is None:
            return None
        try:
            return self._remembered[address]
        except KeyError:
            pass
        if len(self._remembered) >= MAX_ORIGINS:
            del self._remembered[next(iter(self._remembered))]
        found = self._remembered[address] = self._origins(address)
        return found


def _sole(assignment: Assignment, hosts: dict[str, str]) -> set[str]:
    """Names of checks, and their hosts, that one agent alone probes."""
    first: dict[str, str] = {}
    several: set[str] = set()
    for agent, names in assignment.by_agent.items():
        for name in names:
            for what in (name, hosts[name]):
                if first.setdefault(what, agent) != agent:
                    several.add(what)
    return first.keys() - several


def _product(host: str, chain: list[str]) -> str | None:
    """Whose name the chain of aliases ends in, where it leaves what was registered with *host*."""
    end = naming.registrable(naming.host(chain[-1])) if chain else None
    return None if end is None or end == naming.registrable(host) else naming.clean(end)


def _zone(host: str, facts: Facts) -> str | None:
    """The zone that *host* is in, by a walk from the roots or by a chain of trust. No top-level domain."""
    zones: list[str] = []
    if facts.trace is not None:  # an alias leads on to other zones
        zones = [step.zone for step in facts.trace.steps if step.outcome in _FOUND][:1]
    elif facts.dnssec is not None and facts.dnssec.status == "secure":
        zones = [zone.zone for zone in facts.dnssec.zones]
    inside = [zone for zone in map(naming.host, zones) if host == zone or host.endswith(f".{zone}")]
    longest = max(inside, key=len, default="")
    return naming.clean(longest) if "." in longest and longest != "." else None


@lru_cache(maxsize=_PLACES)
def _endpoint(text: str) -> Endpoint | None:
    try:
        return formats.endpoint(text)
    except ValueError:
        return None
