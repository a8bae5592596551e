"""One DNS question to one server, and whether the answer is the expected one."""

from functools import partial

from msgspec.structs import replace

from vedette.checks.model import DnsCheck, Endpoint
from vedette.wire import limits
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.facts.dns import ExtendedErrorFact
from vedette.wire.failure import Failure
from vedette.wire.messages import Phase
from vedette_agent.dns import options
from vedette_agent.dns.answer import RA, Answer
from vedette_agent.dns.judge import Verdict, judge, steps
from vedette_agent.dns.query import Query, query
from vedette_agent.dns.reading import Malformed, is_truncated, rcode_text, read
from vedette_agent.engine.hostfiles import literal
from vedette_agent.engine.io import Io
from vedette_agent.engine.question import Asked, ask, ask_tcp
from vedette_agent.engine.quicneeded import need_quic
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.resolve import own_server
from vedette_agent.engine.shot import Shot
from vedette_agent.engine.udp import Exchange


async def probe_dns(check: DnsCheck, io: Io, record: Record, sent: Exchange | None = None) -> None:
    """Phases "request", and "connect" where TCP is used, "tls" where it is encrypted.

    Facts are kept also when the answer is wrong. *sent*: the question, where it was asked over UDP already.
    """
    record.stage = "dns"
    # Which server is the host's own may have changed since the question was sent.
    server = sent.server if sent is not None else check.server or own_server(io, check.family)
    record.resolver = str(server)
    record.address, record.port = server
    question = query(check.query_name, check.rdtype, check.recursion_desired, check.options)
    if check.transport == "udp":
        asked = await ask(io, server, question, record, sent=sent)
    elif check.transport == "tcp":
        asked = Asked(*await ask_tcp(io, server, question, record), "tcp", 0)
    else:
        asked = await _ask_encrypted(check, io, server, question, record)
    record.add_phase("request", asked.seconds)
    was_truncated = check.transport == "udp" and asked.transport == "tcp"
    expect = check.expect
    try:
        answer = read(asked.wire, question, with_sections=expect.sections is not None)
    except Malformed as exc:
        record.dns = DnsFacts(
            transport=asked.transport, truncated=was_truncated, spoof_suspected=asked.strangers
        )
        raise ProbeFailed(Failure.DNS_MALFORMED, str(exc)) from exc
    if expect.patterns is None and expect.sections is None and expect.nsid is None:
        record.dns, verdict = _told(answer, asked, question, check, was_truncated)
    else:
        from vedette_agent.engine.searches import Searches

        told = partial(_told, answer, asked, question, check, was_truncated)
        record.dns, verdict = await Searches(io).made(steps(answer, expect), told)
    if verdict is not None:
        raise ProbeFailed(*verdict)
    if record.tls is not None:
        _hold_certificate(check, record)


def aim(check: DnsCheck, io: Io) -> "DnsAim | None":
    """None where it takes a connection, or patterns that may have to be searched beside the loop."""
    expect = check.expect
    if check.transport != "udp" or expect.patterns or expect.sections or expect.nsid is not None:
        return None
    return DnsAim(check, io)


class DnsAim:
    """A question over UDP, and what is held against its answer without any search."""

    phase: Phase = "request"

    def __init__(self, check: DnsCheck, io: Io) -> None:
        self._check = check
        self._io = io
        self._exchange: Exchange | None = None  # one that went as expected, and may go again
        self._base = Facts()
        self._last = Facts()

    def send(self, shot: Shot) -> Exchange:
        server = self._check.server or own_server(self._io, self._check.family)
        exchange, self._exchange = self._exchange, None
        if exchange is None or server is not exchange.server:
            check = self._check
            question = query(check.query_name, check.rdtype, check.recursion_desired, check.options)
            exchange = self._io.udp.exchange(server, question)
            self._base = self._last = Facts(address=server.address, port=server.port, resolver=str(server))
        exchange.send(shot)
        return exchange

    def facts(self, sent: Exchange) -> Facts | None:
        """None for an answer that the prober refuses, or asks again for over TCP."""
        wire = sent.wire
        if is_truncated(wire):
            return None
        asked = Asked(wire, sent.seconds, "udp", 0)
        found, verdict = _told(read(wire, sent.query), asked, sent.query, self._check, was_truncated=False)
        if verdict is not None:
            return None
        self._exchange = sent
        if self._last.dns is not found:
            self._last = replace(self._base, dns=found)
        return self._last


async def _ask_encrypted(check: DnsCheck, io: Io, server: Endpoint, question: Query, record: Record) -> Asked:
    from vedette_agent.probers.dnsencrypted import PORT_TLS, ask_https, ask_tls

    if check.server is None:
        server = server._replace(port=PORT_TLS)
    elif literal(server.address, 6 if ":" in server.address else 4) is None:
        record.address = None
        server = Endpoint(await io.resolve(server.address, check.family, None, record), server.port)
    record.resolver = str(server) if check.doh is None else check.doh.url
    if check.transport == "quic":
        need_quic()
        from vedette_agent.probers.dnsquic import ask_quic

        return Asked(*await ask_quic(io, server, check, question, record), "quic", 0)
    if check.doh is None:
        return Asked(*await ask_tls(io, server, check, question, record), "tls", 0)
    return Asked(*await ask_https(io, server, check, check.doh, question, record), "https", 0)


def _hold_certificate(check: DnsCheck, record: Record) -> None:
    from vedette_agent.engine.tls import expires_soon

    expiring = expires_soon(record.tls, check.tls)
    if expiring is not None:
        raise expiring


def _told(
    answer: Answer, asked: Asked, question: Query, check: DnsCheck, was_truncated: bool
) -> tuple[DnsFacts, Verdict]:
    """Made once for an answer that `read` remembers and those who expect the same of it."""
    is_plain = not (was_truncated or asked.strangers)
    told = question.told
    if told is not None and is_plain and told[0] is answer:
        _, expect, transport, facts, verdict = told
        if transport == asked.transport and (expect is check.expect or expect == check.expect):
            return facts, verdict
    facts = facts_of(answer, asked, was_truncated)
    verdict = judge(answer, check, was_truncated=was_truncated)
    if is_plain and question.last is not None and question.last[1] is answer:
        question.told = answer, check.expect, asked.transport, facts, verdict
    return facts, verdict


def facts_of(answer: Answer, asked: Asked, was_truncated: bool) -> DnsFacts:
    answers, chain, said = answer.answers, answer.chain, answer.options
    return DnsFacts(
        rcode=rcode_text(answer.rcode),
        transport=asked.transport,
        answers=[text[: limits.MAX_ANSWER_TEXT] for text in answers[: limits.MAX_ANSWERS]],
        answer_hash=answer.digest,
        cname_chain=chain,
        answer_rrs=answer.answer_rrs,
        authority_rrs=answer.authority_rrs,
        additional_rrs=answer.additional_rrs,
        ttl_seconds=answer.ttl,
        serial=answer.serial,
        authoritative=answer.authoritative,
        authenticated=answer.authenticated,
        recursion_available=bool(answer.flags & RA),
        truncated=was_truncated,
        nsid=options.nsid(said) if said else None,
        extended_errors=_extended_errors(said) if said else [],
        spoof_suspected=asked.strangers,
    )


def _extended_errors(said: bytes) -> list[ExtendedErrorFact]:
    return [ExtendedErrorFact(code=error.code, text=error.text) for error in options.extended_errors(said)]
