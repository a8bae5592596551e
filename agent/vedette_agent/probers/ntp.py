"""Probes a time server: is it synchronized, to what, and how far is its clock from our own?"""

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from vedette.checks.model import NtpCheck
from vedette.wire.facts import NtpFacts
from vedette.wire.failure import Failure
from vedette_agent.engine.datagram import Datagram, answer_to, datagram
from vedette_agent.engine.record import ByClock, ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.ntp import MAX_BYTES, Answer, NotTime, compared, is_answer, read, request

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io


async def probe_ntp(check: NtpCheck, io: "Io", record: Record) -> None:
    """The server is synchronized and its time as good as the check expects. One request, and no second."""
    address = await io.resolve(check.host, check.family, check.resolver, record)
    record.stage = "ntp"
    nonce = os.urandom(8)
    asked = request(nonce)
    accept = partial(is_answer, nonce=nonce)
    # The nonce is at the end, and all before it is always the same.
    sent = datagram(io, address, check.port, asked, record, accept, MAX_BYTES, proof=len(asked))
    record.note("ntp.request", asked)
    try:
        wire = await answer_to(sent, record)
    except DeadlineExceeded as exc:
        if sent.foreign:
            exc.add_note(f"{sent.foreign} datagrams that are no answer to the request were ignored")
        raise
    finally:
        arrived_ns = time.time_ns()
        sent.close()
        record.ntp = NtpFacts(bogus=sent.foreign)
    record.note("ntp.answer", wire)
    try:
        answer = read(wire)
    except NotTime as exc:
        raise ProbeFailed(Failure.NTP_MALFORMED, f"an answer that is none: {exc}") from exc
    offset = _learn(answer, sent, arrived_ns, record)
    failed = _judged(check, answer, offset)
    if failed is not None:
        raise failed


def _learn(answer: Answer, sent: Datagram, arrived_ns: int, record: Record) -> float | None:
    """Sets the facts. The offset in seconds, None where the server gives no time."""
    offset = delay = None
    if answer.is_synchronized:
        if sent.is_kernel_timed:
            left_ns, arrived_ns = sent.watch.tx, sent.received
        else:  # counted back, so that a step of our clock in between does not count
            left_ns = arrived_ns - round(sent.seconds * 1e9)
        offset, delay = compared(answer, left_ns, arrived_ns)
    record.ntp = NtpFacts(
        version=answer.version,
        leap=answer.leap,
        stratum=answer.stratum,
        reference_id=answer.reference_id,
        root_delay_us=round(answer.root_delay * 1e6),
        root_dispersion_us=round(answer.root_dispersion * 1e6),
        offset_us=None if offset is None else round(offset * 1e6),
        delay_us=None if delay is None else round(delay * 1e6),
        bogus=sent.foreign,
    )
    return offset


def _judged(check: NtpCheck, answer: Answer, offset: float | None) -> ProbeFailed | None:
    if answer.kiss is not None:
        return ProbeFailed(Failure.NTP_KISS, f"the server sends us away: {answer.kiss}")
    if not answer.is_synchronized or offset is None:
        said = f"leap {answer.leap}, stratum {answer.stratum}, reference {answer.reference_id}"
        return ProbeFailed(Failure.NTP_UNSYNCHRONIZED, f"the server has no time to give: {said}")
    if check.max_stratum is not None and answer.stratum > check.max_stratum:
        said = f"stratum {answer.stratum}; expected at most {check.max_stratum}"
        return ProbeFailed(Failure.NTP_STRATUM, said)
    if check.max_root_dispersion is not None and answer.root_dispersion > check.max_root_dispersion:
        said = f"{answer.root_dispersion:.6f} s of root dispersion; "
        return ProbeFailed(Failure.NTP_DISPERSION, f"{said}expected at most {check.max_root_dispersion:g} s")
    if check.max_offset is not None and abs(offset) > check.max_offset:
        said = f"{offset:+.6f} s from the agent's clock; expected at most {check.max_offset:g} s"
        return ByClock(Failure.NTP_OFFSET, said)
    return None
