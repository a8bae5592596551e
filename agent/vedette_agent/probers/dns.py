"""One DNS question to one server, and whether the answer is the expected one."""

from vedette.checks.model import DnsCheck, Endpoint
from vedette.wire import limits
from vedette.wire.facts import DnsFacts
from vedette.wire.failure import Failure, NotRun
from vedette_agent.dns.answer import Answer
from vedette_agent.dns.judge import judge
from vedette_agent.dns.query import query
from vedette_agent.dns.reading import Malformed, rcode_text, read
from vedette_agent.engine.io import Io
from vedette_agent.engine.question import Asked, ask, ask_tcp
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record


async def probe_dns(check: DnsCheck, io: Io, record: Record) -> None:
    """Phases "request", and "connect" where TCP is used. Facts are kept also when the answer is wrong."""
    record.stage = "dns"
    server = check.server or _own_server(check, io)
    record.resolver = str(server)
    record.address, record.port = server
    question = query(check.query_name, check.rdtype, check.recursion_desired)
    if check.transport == "tcp":
        asked = Asked(*await ask_tcp(io, server, question, record), "tcp", 0)
    else:
        asked = await ask(io, server, question, record)
    record.add_phase("request", asked.seconds)
    try:
        answer = read(asked.wire, question)
    except Malformed as exc:
        record.dns = DnsFacts(transport=asked.transport, spoof_suspected=asked.strangers)
        raise ProbeFailed(Failure.DNS_MALFORMED, str(exc)) from exc
    record.dns = _facts(answer, asked)
    verdict = judge(answer, check)
    if verdict is not None:
        raise ProbeFailed(*verdict)


def _own_server(check: DnsCheck, io: Io) -> Endpoint:
    """The host's first name server of the check's family: one is asked, and it is named in the result."""
    for server in io.files.servers():
        if (6 if ":" in server.address else 4) == check.family:
            return server
    raise ProbeSpoiled(NotRun.NO_RESOLVER, f"no IPv{check.family} name server is configured on this host")


def _facts(answer: Answer, asked: Asked) -> DnsFacts:
    answers, chain = answer.answers, answer.chain
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
        spoof_suspected=asked.strangers,
    )
