"""Asks the name servers of the zone that a name is in what the check asks its resolver.

Where a zone is cut and who serves it, a resolver tells while it works. That is remembered, so that the
servers can be asked when nothing is resolved any more. They are asked side by side, and it is enough that one
of them gives what the check expects: whom a resolver would have asked is not known. Where an alias leads into
another zone, the servers of that one are asked next.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from vedette.checks.model import DnsCheck, DnsExpect, Endpoint
from vedette.checks.model.dns import QueryOptions
from vedette.wire import limits
from vedette.wire.facts import AuthorityFacts, AuthorityServerFacts
from vedette.wire.failure import NOT_RUN_REASONS, Failure
from vedette_agent.dns.answer import Answer
from vedette_agent.dns.iterate.referral import MAX_GLUE, Alias, Lame, Referral, meant, shown
from vedette_agent.dns.iterate.sections import is_within
from vedette_agent.dns.iterate.walk import Missed, Server
from vedette_agent.dns.judge import Verdict, judge, steps
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import Malformed, rcode_text, read
from vedette_agent.dns.records import AAAA, NS, A
from vedette_agent.engine.question import Asked
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.resolve import own_server
from vedette_agent.engine.searches import Searches
from vedette_agent.outcome import microseconds
from vedette_agent.probers.dns import facts_of
from vedette_agent.probers.iterating import Inquiry, Told, Wanted, failure, query

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

MAX_ZONES: Final = 4  # through which the aliases of one name lead
MAX_SERVERS: Final = 8  # of one zone that are asked, each at one address before a second of any
MAX_CUTS: Final = 8  # names above a name that may be its zone
# Also the zone whose signatures are broken has servers.
_UNCHECKED: Final = QueryOptions(checking_disabled=True)
_RCODES: Final = (0, 3)  # NXDOMAIN is what a resolver may say of a name below the cut


class Zone(NamedTuple):
    name: str
    servers: tuple[Server, ...]


Known = dict[str, Zone]  # by the name that is asked for, and where its aliases lead


class _Said(NamedTuple):
    """What came of one server."""

    server: Server
    told: Told
    answer: Answer | None = None
    alias: str | None = None
    code: str | None = None  # why it is not what is expected
    why: str = ""


async def probe_authority(
    check: DnsCheck, io: "Io", known: Known, record: Record, *, is_learning: bool
) -> None:
    """Phases "resolve" while it learns, and "request". Facts are kept also when it fails.

    *known* is what was learned before, and is renewed when the probe succeeds. *is_learning*: find out first
    what may have changed.
    """
    record.stage = "dns"
    found: Known = {}
    seen: list[tuple[Zone, _Said]] = []
    name = check.query_name
    inquiry = Inquiry(io, record, check.bypass.authority_port)
    while True:
        if name in found or len(found) == MAX_ZONES:
            wound = "lead back" if name in found else f"lead through more than {MAX_ZONES} zones"
            raise ProbeFailed(Failure.DNS_CNAME_DANGLING, f"the aliases of {check.query_name} {wound}")
        near = [*known.values(), *found.values()] if name not in known else [known[name]]
        zone = await _zone(check, name, io, near, record, is_learning=is_learning)
        found[name] = zone
        said = await _asked(check, name, zone, inquiry, io, shares=1 + len(known.keys() - found.keys()))
        seen += [(zone, one) for one in said]
        record.authority = _facts(seen, inquiry)
        good = next((one for one in said if one.code is None and one.answer is not None), None)
        alias = next((one.alias for one in said if one.alias is not None), None)
        if good is not None or alias is None:
            break
        name = alias
    told = good or next((one for one in said if one.answer is not None), None)
    if told is not None:
        assert told.answer is not None
        record.address, record.port = told.server.address, check.bypass.authority_port
        asked = Asked(told.told.wire, told.told.seconds, "udp", inquiry.strangers)
        record.dns = facts_of(told.answer, asked, was_truncated=False)
    if good is None:
        raise _failure(zone, said)
    known.clear()
    known.update(found)


async def _zone(
    check: DnsCheck, name: str, io: "Io", near: Sequence[Zone], record: Record, *, is_learning: bool
) -> Zone:
    """The zone of *name* as it is now, or else the closest of *near*.

    Raises ProbeFailed when neither is known, and ProbeSpoiled where the host has no name server to tell.
    """
    holding = [zone for zone in near if is_within(name, zone.name)]
    closest = max(holding, key=lambda zone: len(zone.name), default=None)
    if closest is not None and not is_learning:
        return closest
    try:
        return await _learned(check, name, io, record)
    except (ProbeFailed, ProbeSpoiled):
        if closest is not None:
            return closest
        raise


async def _learned(check: DnsCheck, name: str, io: "Io", record: Record) -> Zone:
    is_plain = check.server is not None and check.transport in ("udp", "tcp")
    endpoint: Endpoint = check.server if is_plain and check.server else own_server(io, check.family)
    resolver = Server(endpoint.address, endpoint.address)
    inquiry = Inquiry(io, record, endpoint.port, "resolve", only=endpoint)
    labels = name.split(".")
    for cut in (".".join(labels[at:]) for at in range(min(len(labels), MAX_CUTS))):
        [told] = await inquiry.ask([Wanted(resolver, Query(cut, "NS", options=_UNCHECKED))], 4)
        if isinstance(told.said, Missed):
            raise failure(told.said.code, f"the resolver {resolver} {told.said.why}")
        if told.said.rcode not in _RCODES:
            said = f"{rcode_text(told.said.rcode)} for the NS records of {shown(cut)}"
            raise ProbeFailed(Failure.DNS_DELEGATION, f"the resolver {resolver} says {said}")
        names = told.said.found(cut, NS)
        if names:
            return Zone(cut, await _addresses(names[:MAX_SERVERS], cut, check, resolver, inquiry))
    raise ProbeFailed(Failure.DNS_DELEGATION, f"the resolver {resolver} knows no zone of {name}")


async def _addresses(
    names: Sequence[str], zone: str, check: DnsCheck, resolver: Server, inquiry: Inquiry
) -> tuple[Server, ...]:
    rdtype, wanted = (A, "A") if check.family == 4 else (AAAA, "AAAA")
    told = await inquiry.ask([Wanted(resolver, Query(one, wanted, options=_UNCHECKED)) for one in names], 3)
    known = [
        () if isinstance(one.said, Missed) else one.said.found(name, rdtype)[:MAX_GLUE]
        for name, one in zip(names, told, strict=True)
    ]
    spread = [
        Server(name, of[at])
        for at in range(max(map(len, known)))
        for name, of in zip(names, known, strict=True)
        if at < len(of)
    ]
    if not spread:
        said = f"no server of {shown(zone)} has an IPv{check.family} address, says {resolver}"
        raise ProbeFailed(Failure.DNS_DELEGATION, said)
    return tuple(spread[:MAX_SERVERS])


async def _asked(
    check: DnsCheck, name: str, zone: Zone, inquiry: Inquiry, io: "Io", shares: int
) -> list[_Said]:
    """All servers of *zone*, and what each says of *name*."""
    wanted = query(name, check.rdtype)
    told = await inquiry.ask([Wanted(server, wanted) for server in zone.servers], shares)
    expecting = replace(check, query_name=name, expect=_expectable(check.expect))
    searches = Searches(io)
    said: list[_Said] = []
    for server, one in zip(zone.servers, told, strict=True):
        meaning = _meaning(one, zone, wanted)
        if meaning is not None:
            said.append(_Said(server, one, alias=meaning[0], code=meaning[1], why=meaning[2]))
            continue
        try:
            answer = read(one.wire, wanted)
        except Malformed as exc:
            said.append(
                _Said(server, one, code=Failure.DNS_MALFORMED, why=f"sent what cannot be read: {exc}")
            )
            continue
        verdict: Verdict = await searches.made(
            steps(answer, expecting.expect), partial(judge, answer, expecting)
        )
        code, why = (None, "") if verdict is None else (verdict[0].value, f"says {verdict[1]}")
        said.append(_Said(server, one, answer, None, code, why))
    return said


def _meaning(told: Told, zone: Zone, wanted: Query) -> tuple[str | None, str | None, str] | None:
    """Alias, failure code and text of what is no answer to hold against the check; None for an answer."""
    if isinstance(told.said, Missed):
        return None, told.said.code, told.said.why
    match meant(told.said, zone.name, wanted.text, wanted.rdtype):
        case Lame(why):
            return None, Failure.DNS_LAME.value, f"is lame: {why}"
        case Referral(cut):
            return None, Failure.DNS_DELEGATION.value, f"refers to {shown(cut)}"
        case Alias(target):
            return target, None, ""
        case _:
            return None


def _expectable(expect: DnsExpect) -> DnsExpect:
    """Without what is about the resolver: its flags, its cache, its name, what stands beside the answer."""
    return replace(
        expect,
        flags={},
        min_ttl=None,
        max_ttl=None,
        sections=None,
        nsid=None,
        extended_errors=None,
    )


def _failure(zone: Zone, said: Sequence[_Said]) -> ProbeFailed | ProbeSpoiled:
    """An answer says more than silence, and whatever came from a server more than what our own side lacks."""
    first = min(
        said,
        key=lambda one: (
            one.answer is None,
            isinstance(one.told.said, Missed),
            one.code in NOT_RUN_REASONS,
        ),
    )
    assert first.code is not None
    texts = "; ".join(f"{one.server} {one.why}" for one in said)
    return failure(first.code, f"none of {len(said)} servers of {shown(zone.name)} helps: {texts}")


def _facts(seen: Sequence[tuple[Zone, _Said]], inquiry: Inquiry) -> AuthorityFacts:
    heard = [one for _, one in seen if not isinstance(one.told.said, Missed)]
    return AuthorityFacts(
        servers=[_server(one) for _, one in seen[: limits.MAX_SERVERS]],
        known=len({(zone.name, one.server.name) for zone, one in seen}),
        answering=sum(one.code is None for _, one in seen),
        lame=sum(one.code == Failure.DNS_LAME for _, one in seen),
        slowest_us=microseconds(max(one.told.seconds for one in heard)) if heard else None,
        spoof_suspected=inquiry.strangers,
    )


def _server(one: _Said) -> AuthorityServerFacts:
    told = one.told
    if isinstance(told.said, Missed):
        return AuthorityServerFacts(name=one.server.name, address=one.server.address, failure=one.code)
    return AuthorityServerFacts(
        name=one.server.name,
        address=one.server.address,
        rcode=rcode_text(told.said.rcode),
        authoritative=told.said.authoritative,
        duration_us=microseconds(told.seconds),
        failure=one.code,
    )
