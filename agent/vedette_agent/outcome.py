"""From what a probe left behind to the result on the wire. Whatever the target sent, the result is encodable.

Texts from targets are made printable and cut to the contract's limits here and nowhere else, so that a
hostile certificate or header can neither spoil a batch nor reach a terminal as an escape sequence.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from vedette.checks.model import Check
from vedette.wire import limits
from vedette.wire.facts import DnsFacts, Facts, HttpFacts, IcmpFacts, TlsFacts
from vedette.wire.messages import Phase, Result
from vedette_agent.classify import classify
from vedette_agent.engine.record import Record


def result(
    check: Check,
    record: Record,
    error: BaseException | None,
    *,
    started_us: int,
    elapsed: float,
    stalled: float,
) -> Result:
    """The result of one ended run: *error* is what ended it, None for success.

    *elapsed*: monotonic seconds from start to end. *stalled*: seconds of our own stalls that overlap it.
    A success lasts as long as its phases, a failure as long as it took; what was not run has no duration.
    """
    outcome: Literal["ok", "fail", "not_run"] = "ok"
    reason = detail = None
    duration: float | None = sum(record.phases.values())
    if error is not None:
        outcome, code, said = classify(error, record.stage, check.timeout, stalled)
        reason, detail = code.value, text(said, limits.MAX_TEXT)
        duration = elapsed if outcome == "fail" else None
    return Result(
        check=check.name,
        outcome=outcome,
        started_us=min(max(started_us, 0), limits.MAX_TIME_US),
        duration_us=None if duration is None else microseconds(duration),
        reason=reason,
        detail=detail,
        phases_us=_phases(record.phases),
        clock=record.clock,
        lag_us=microseconds(stalled),
        facts=_facts(record.facts()),
    )


def microseconds(seconds: float) -> int:
    """Whole microseconds within the contract; a negative or unordered number counts as 0."""
    if not seconds > 0.0:
        return 0
    return limits.MAX_DURATION_US if seconds >= limits.MAX_DURATION_US / 1e6 else round(seconds * 1e6)


def text(value: str, most: int) -> str:
    """*value*, printable and at most *most* characters long; an ellipsis shows that something was cut."""
    # Cut first: what is escaped may grow sixfold, and what comes in may be a megabyte.
    if len(value) > most:
        value = value[:most] + "…"
    if not value.isprintable():
        value = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
    return value if len(value) <= most else value[: most - 1] + "…"


def _phases(phases: dict[Phase, float]) -> dict[Phase, int]:
    return {name: microseconds(seconds) for name, seconds in phases.items()}


def _facts(facts: Facts) -> Facts | None:
    if facts == _NOTHING:
        return None
    return facts if _is_fit(facts) else _fitted(facts)


def _is_fit(facts: Facts) -> bool:
    """Whether the contract's own reader takes *facts* as they are, and all their texts are plain ASCII.

    Nearly all are, and to ask costs a third of looking at every field.
    """
    try:
        encoded = _encode(facts)
        _accept(encoded)
    except (msgspec.MsgspecError, UnicodeError, OverflowError):
        return False
    # In JSON an escape stands for what is not printable, for a quote and for itself.
    return encoded.isascii() and b"\\" not in encoded and b"\x7f" not in encoded


def _fitted(facts: Facts) -> Facts:
    return msgspec.structs.replace(
        facts,
        address=_short(facts.address),
        resolver=_short(facts.resolver),
        dns=None if facts.dns is None else _dns(facts.dns),
        http=None if facts.http is None else _http(facts.http),
        tls=None if facts.tls is None else _tls(facts.tls),
        icmp=None if facts.icmp is None else _icmp(facts.icmp),
    )


_NOTHING = Facts()
_encode = msgspec.json.Encoder().encode
_accept = msgspec.json.Decoder(Facts).decode


def _dns(facts: DnsFacts) -> DnsFacts:
    return msgspec.structs.replace(
        facts,
        rcode=_short(facts.rcode),
        answers=_texts(facts.answers, limits.MAX_ANSWER_TEXT),
        answer_hash=_short(facts.answer_hash),
        cname_chain=_texts(facts.cname_chain, limits.MAX_ANSWER_TEXT),
        answer_rrs=_count(facts.answer_rrs),
        authority_rrs=_count(facts.authority_rrs),
        additional_rrs=_count(facts.additional_rrs),
        ttl_seconds=None if facts.ttl_seconds is None else _count(facts.ttl_seconds),
        serial=None if facts.serial is None else _count(facts.serial),
        spoof_suspected=_count(facts.spoof_suspected),
    )


def _http(facts: HttpFacts) -> HttpFacts:
    length = facts.content_length
    return msgspec.structs.replace(
        facts,
        status=min(max(facts.status, 0), 999),
        version=_short(facts.version),
        redirects=_count(facts.redirects),
        content_length=None if length is None else _count(length),
        body_bytes=_count(facts.body_bytes),
        last_modified_us=_time(facts.last_modified_us),
    )


def _tls(facts: TlsFacts) -> TlsFacts:
    return msgspec.structs.replace(
        facts,
        version=_short(facts.version),
        cipher=_short(facts.cipher),
        subject=_short(facts.subject),
        issuer=_short(facts.issuer),
        alternative_names=_texts(facts.alternative_names, limits.MAX_TEXT),
        serial_number=_short(facts.serial_number),
        fingerprint_sha256=_short(facts.fingerprint_sha256),
        not_before_us=_time(facts.not_before_us),
        not_after_us=_time(facts.not_after_us),
        earliest_not_after_us=_time(facts.earliest_not_after_us),
    )


def _icmp(facts: IcmpFacts) -> IcmpFacts:
    return msgspec.structs.replace(
        facts,
        sent=_count(facts.sent),
        received=_count(facts.received),
        hop_limit=None if facts.hop_limit is None else _count(facts.hop_limit),
    )


def _short(value: str | None) -> str | None:
    return None if value is None else text(value, limits.MAX_TEXT)


def _texts(values: Iterable[str], most: int) -> list[str]:
    return [text(value, most) for value, _ in zip(values, range(limits.MAX_ANSWERS), strict=False)]


def _count(value: int) -> int:
    return min(max(value, 0), limits.MAX_SEQ)


def _time(value: int | None) -> int | None:
    """A time before 1970 counts as 1970: it is past all the same."""
    return None if value is None else min(max(value, 0), limits.MAX_TIME_US)
