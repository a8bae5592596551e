"""From a host name to the one address that a probe uses, and the server that said so.

The order is that of every host: a literal is itself, localhost is the loopback (RFC 6761 6.3), then the
hosts file, then DNS. A given resolver is asked alone. The host's own are asked in turn, as resolv.conf(5)
has it: the next when one does not answer within its share of the time, refuses, or fails.
"""

from typing import TYPE_CHECKING

from vedette.checks.model import Endpoint, Family
from vedette.wire.failure import Failure, NotRun
from vedette_agent.dns import reading
from vedette_agent.dns.judge import RCODES
from vedette_agent.dns.query import Query, query
from vedette_agent.engine.hostfiles import OwnServer, literal
from vedette_agent.engine.question import ask
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.udp import Unanswered

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

_LOOPBACK: dict[Family, str] = {4: "127.0.0.1", 6: "::1"}
_TYPES: dict[Family, str] = {4: "A", 6: "AAAA"}
# Failures of one server, behind which another may know better; NXDOMAIN and no data are everybody's answer.
_ANOTHER_MAY_KNOW = frozenset(
    {Failure.DNS_SERVFAIL, Failure.DNS_REFUSED, Failure.DNS_RCODE, Failure.DNS_MALFORMED,
     Failure.DNS_TRUNCATED, Failure.NET_REFUSED, Failure.NET_UNREACHABLE}
)  # fmt: skip


async def address_of(io: "Io", host: str, family: Family, resolver: Endpoint | None, record: Record) -> str:
    """See `Io.resolve`."""
    known = literal(host, family)
    if known is not None:
        return known
    name = host.lower().removesuffix(".")
    if literal(name, 6 if family == 4 else 4) is not None:
        raise ProbeFailed(Failure.DNS_NODATA, f"{host} is an address, and not one of IPv{family}")
    if name == "localhost" or name.endswith(".localhost"):
        return _LOOPBACK[family]
    if record.pinned is not None and record.pinned[0] == name:
        return record.pinned[1]
    known = io.files.address(name, family)
    if known is not None:
        return known
    try:
        question = query(name, _TYPES[family])
    except ValueError as exc:
        raise ProbeFailed(Failure.DNS_NXDOMAIN, f"{host} cannot be a domain name: {exc}") from exc
    record.stage = "resolve"
    if resolver is not None:
        return await _ask(io, resolver, name, question, record, 1)
    return await _ask_in_turn(io, name, question, record)


def own_server(io: "Io", family: Family) -> OwnServer:
    """The host's first name server of *family*: one is asked, and it is named in the result."""
    for server in io.files.servers():
        if (6 if ":" in server.address else 4) == family:
            return server
    raise ProbeSpoiled(NotRun.NO_RESOLVER, f"no IPv{family} name server is configured on this host")


async def _ask_in_turn(io: "Io", name: str, question: Query, record: Record) -> str:
    servers = io.files.servers()
    if not servers:
        raise ProbeSpoiled(NotRun.NO_RESOLVER, f"no name server is configured on this host to ask for {name}")
    for number, server in enumerate(servers[:-1]):
        try:
            return await _ask(io, server, name, question, record, len(servers) - number)
        except Unanswered:
            pass
        except ProbeFailed as exc:
            if exc.failure not in _ANOTHER_MAY_KNOW:
                raise
    return await _ask(io, servers[-1], name, question, record, 1)


async def _ask(io: "Io", server: Endpoint, name: str, question: Query, record: Record, shares: int) -> str:
    record.resolver = str(server)
    started = io.engine.now()
    own = Record()  # the connection of a query over TCP is not the one that the probe is about
    own.notes = record.notes
    try:
        asked = await ask(io, server, question, own, shares)
    except BaseException:
        record.add_phase("resolve", io.engine.now() - started)
        record.timed(False)
        raise
    record.add_phase("resolve", asked.seconds + own.phases.get("connect", 0.0))
    record.timed(own.clock == "kernel")
    try:
        answer = reading.read(asked.wire, question)
    except reading.Malformed as exc:
        raise ProbeFailed(Failure.DNS_MALFORMED, f"{exc}, from {server}") from exc
    what = f"{question.rdtype_text} records for {name}, from {server}"
    if answer.rcode != 0:
        rcode = reading.rcode_text(answer.rcode)
        raise ProbeFailed(RCODES.get(rcode, Failure.DNS_RCODE), f"{rcode} instead of {what}")
    if not answer.answers:
        if answer.chain:
            raise ProbeFailed(
                Failure.DNS_CNAME_DANGLING, f"NOERROR with 0 {what}, by way of {' → '.join(answer.chain)}"
            )
        raise ProbeFailed(Failure.DNS_NODATA, f"NOERROR with 0 {what}")
    address = answer.answers[0]
    if record.looked_up is None:
        record.looked_up = name, address
    return address
