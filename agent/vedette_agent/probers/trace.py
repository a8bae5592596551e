"""One name from the roots down: which level answers, which fails, and how long each takes."""

from typing import Final

from vedette.checks.model import TraceCheck
from vedette.wire import limits
from vedette.wire.facts import TraceFacts, TraceStep
from vedette.wire.failure import Failure
from vedette_agent.dns.iterate.referral import Found, Nothing, shown
from vedette_agent.dns.iterate.walk import Lost, Step, Walk
from vedette_agent.dns.reading import Malformed, read
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.outcome import microseconds
from vedette_agent.probers.iterating import Inquiry, Told, Wanted, failure, query, roots

_SAID: Final = {"nxdomain": "no such name", "nodata": "no such record"}


async def probe_trace(check: TraceCheck, io: Io, record: Record) -> None:
    """Phase "request": all questions of the walk. Facts are kept also when it does not come to its end."""
    record.stage = "dns"
    question = query(check.query_name, check.rdtype)
    walk = Walk(check.query_name, question.rdtype, check.family, roots(check.roots, check.family))
    inquiry = Inquiry(io, record, check.port)
    last: Told | None = None
    try:
        while (asked := walk.question()) is not None:
            wanted = Wanted(asked.server, query(asked.name, asked.rdtype))
            [last] = await inquiry.ask([wanted], asked.tries)
            walk.take(last.said, last.seconds)
    finally:
        record.trace = _facts(walk, inquiry)
    if walk.steps:
        record.address, record.port = walk.steps[-1].question.server.address, check.port
    match walk.end:
        case Found():
            assert last is not None
            answers = _answers(walk, last)
            record.trace = _facts(walk, inquiry, answers)
        case Nothing(exists):
            fate = "nodata" if exists else "nxdomain"
            step = walk.steps[-1]
            where = f"{step.question.server} of {shown(step.question.zone)}"
            raise ProbeFailed(
                Failure(f"dns.{fate}"), f"{where} says: {_SAID[fate]}, {walk.name} {check.rdtype}"
            )
        case Lost(code, why):
            raise failure(code, _story(walk, why))


def _answers(walk: Walk, last: Told) -> list[str]:
    """Raises ProbeFailed(dns.malformed)."""
    step = walk.steps[-1].question
    try:
        return read(last.wire, query(step.name, step.rdtype)).answers
    except Malformed as exc:
        raise ProbeFailed(Failure.DNS_MALFORMED, f"{exc}, from {step.server}") from exc


def _story(walk: Walk, why: str) -> str:
    """What went well above the failure, and the failure."""
    failed = walk.level
    zones = list(dict.fromkeys(shown(step.question.zone) for step in walk.steps if step.level < failed))
    above = f"the servers of {', '.join(zones)} answered; " if zones else ""
    return f"{above}{why}"


def _facts(walk: Walk, inquiry: Inquiry, answers: list[str] | None = None) -> TraceFacts:
    found = answers or []
    return TraceFacts(
        steps=[_step(step) for step in walk.steps[: limits.MAX_STEPS]],
        levels=walk.level + 1,
        failed_level=None if isinstance(walk.end, Found) else walk.level,
        lookups=walk.lookups,
        answers=[text[: limits.MAX_ANSWER_TEXT] for text in found[: limits.MAX_ANSWERS]],
        spoof_suspected=inquiry.strangers,
    )


def _step(step: Step) -> TraceStep:
    asked = step.question
    return TraceStep(
        level=step.level,
        zone=asked.zone,
        servers=step.servers,
        server=asked.server.name,
        address=asked.server.address,
        duration_us=microseconds(step.seconds),
        outcome=step.fate,
        failure=step.code,
    )
