"""Validates the chain of trust for a name and type with the help of one server, and holds it to the check."""

import time
from typing import TYPE_CHECKING

from vedette.checks.model import DnssecCheck, Endpoint
from vedette.wire import limits
from vedette.wire.facts import DnssecFacts, DnssecZone
from vedette.wire.failure import Failure, NotRun
from vedette_agent.dns.query import Query
from vedette_agent.engine.io import Io
from vedette_agent.engine.question import ask
from vedette_agent.engine.record import ByClock, ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.resolve import own_server
from vedette_agent.engine.run import DeadlineExceeded, suspend

if TYPE_CHECKING:
    from vedette_agent.dnssec.chain import Chain
    from vedette_agent.dnssec.reply import Reply
    from vedette_agent.dnssec.verdict import Question, Verdict

MISSING = "dnssec checks need the Python package cryptography: pip install 'vedette[dnssec]' on this agent"


async def probe_dnssec(check: DnssecCheck, io: Io, record: Record) -> None:
    """Phase "request": of all questions together, one after the other; "connect" where TCP was needed."""
    record.stage = "dns"
    chain = prepared(check)
    server = check.server or own_server(io, check.family)
    record.resolver = str(server)
    record.address, record.port = server
    verdict = await _validated(chain, io, server, record)
    record.dnssec = _facts(verdict, check)
    failed = judged(verdict, check)
    if failed is not None:
        raise failed


def prepared(check: DnssecCheck) -> "Chain":
    """A validation that starts now. Raises ProbeSpoiled where cryptography is not installed."""
    try:
        import dns.name
        import dns.rdatatype

        from vedette_agent.dnssec.anchors import anchors_of
        from vedette_agent.dnssec.chain import Chain
    except ImportError as exc:
        raise ProbeSpoiled(NotRun.CONFIGURATION, MISSING) from exc
    name = dns.name.from_text(check.query_name)
    return Chain(name, dns.rdatatype.from_text(check.rdtype), anchors_of(check.anchors), time.time())


async def _validated(chain: "Chain", io: Io, server: Endpoint, record: Record) -> "Verdict":
    from vedette_agent.dnssec.verdict import Unusable

    steps = chain.verdict()
    try:
        wanted = next(steps)
        while True:
            # The end of a turn is sent what nobody reads; a question is sent its reply.
            wanted = steps.send(await _step(wanted, io, server, record))
    except StopIteration as stop:
        verdict: Verdict = stop.value
        return verdict
    except Unusable as exc:
        raise ProbeFailed(exc.failure, f"{exc.detail}, from {server}") from exc


async def _step(wanted: "Question | None", io: Io, server: Endpoint, record: Record) -> "Reply | None":
    from vedette_agent.dnssec.reply import Unreadable, read, shown

    if wanted is None:
        await suspend(lambda run: io.loop.call_soon(run.resume).cancel)  # others have their turn
        return None
    question = Query(wanted.name.to_text(), wanted.rdtype, validates=True)
    what = f"{shown(wanted.name)} {wanted.rdtype}"
    try:
        asked = await ask(io, server, question, record)
    except DeadlineExceeded as exc:
        exc.add_note(f"the question was {what}")
        raise
    record.dns = None  # what `ask` keeps of an answer that was cut
    record.add_phase("request", asked.seconds)
    try:
        return read(asked.wire, question.end)
    except Unreadable as exc:
        raise ProbeFailed(Failure.DNS_MALFORMED, f"{what}: {exc}, from {server}") from exc


def judged(verdict: "Verdict", check: DnssecCheck) -> ProbeFailed | None:
    """What is wrong with *verdict*; None when it is as expected, and lasts as long as expected."""
    what = f"{check.query_name} {check.rdtype}"
    if verdict.status != check.expect:
        because = f": {verdict.why}" if verdict.why else ""
        said = f"{what} is {verdict.status}; expected {check.expect}{because}"
        if verdict.status == "bogus":
            return ByClock(Failure.DNS_BOGUS, said if check.expect != "secure" else verdict.why)
        if check.expect != "secure":
            return ProbeFailed(Failure.DNS_WRONG_ANSWER, said)
        if verdict.is_ds_missing:
            return ProbeFailed(Failure.DNS_MISSING_DS, f"{verdict.why}, though it is signed")
        return ProbeFailed(Failure.DNS_INSECURE, verdict.why)
    least = check.min_signature_left
    if verdict.status == "secure" and least is not None and verdict.expires is not None:
        left = verdict.expires - time.time()
        if left < least:
            detail = f"the RRSIG of {verdict.expiring} expires in {_hours(left)}"
            return ByClock(Failure.DNS_EXPIRES_SOON, f"{detail}; expected at least {_hours(least)}")
    return None


def _facts(verdict: "Verdict", check: DnssecCheck) -> DnssecFacts:
    from vedette_agent.dnssec.reply import shown
    from vedette_agent.dnssec.signatures import ALGORITHMS

    zones = [
        DnssecZone(zone=shown(link.zone), algorithm=ALGORITHMS[link.algorithm], key_tag=link.key_tag)
        for link in verdict.chain
    ]
    return DnssecFacts(
        status=verdict.status,
        answer=verdict.answer,
        anchor=zones[0].zone if zones else None,
        zones=zones[: limits.MAX_ZONES],
        chain_zones=len(zones),
        earliest_expiration_us=None if verdict.expires is None else round(verdict.expires * 1e6),
        expiring=verdict.expiring or None,
    )


def _hours(seconds: float) -> str:
    return f"{seconds / 86400:.1f} days" if seconds >= 2 * 86400 else f"{seconds / 3600:.1f} hours"
