"""From what a probe left behind to the result on the wire. Whatever the target sent, the result is encodable.

Texts from targets are made printable and cut to the contract's limits here and nowhere else, so that a
hostile certificate or header can neither spoil a batch nor reach a terminal as an escape sequence.
"""

from typing import Literal

import msgspec

from vedette.checks.model import Check
from vedette.wire import limits
from vedette.wire.facts import Facts
from vedette.wire.messages import Phase, Result
from vedette_agent.classify import classify
from vedette_agent.engine.record import Record
from vedette_agent.engine.shot import Sent
from vedette_agent.fit import fitted, text


def result(
    check: Check,
    record: Record,
    error: BaseException | None,
    *,
    started_us: int,
    elapsed: float,
    stalled: float,
    known: Facts | None = None,
    is_clock_wrong: bool = False,
) -> Result:
    """The result of one ended run: *error* is what ended it, None for success.

    *elapsed*: monotonic seconds from start to end. *stalled*: seconds of our own stalls that overlap it.
    *known*: facts of an earlier result of the check. Facts seldom change, and those are known to be fit.
    *is_clock_wrong*: so that what our wall clock says of a target means nothing.
    A success lasts as long as its phases, a failure as long as it took; what was not run has no duration.
    """
    outcome: Literal["ok", "fail", "not_run"] = "ok"
    reason = detail = None
    duration: float | None = sum(record.phases.values())
    if error is not None:
        outcome, code, said = classify(
            error, record.stage, check.timeout, stalled, is_clock_wrong=is_clock_wrong
        )
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
        facts=_facts(record.facts(), known),
    )


def success(
    check: Check,
    phase: Phase,
    sent: Sent,
    started_us: int,
    stalled: float,
    facts: Facts,
    known: Facts | None,
) -> Result:
    """As `result`, of a probe that was one exchange and went as expected: *phase* is all its time."""
    took = microseconds(sent.seconds)
    return Result(
        check=check.name,
        outcome="ok",
        started_us=started_us,
        duration_us=took,
        phases_us={phase: took},
        clock="kernel" if sent.is_kernel_timed else "monotonic",
        lag_us=microseconds(stalled) if stalled else 0,
        facts=known if facts is known else _facts(facts, known),
    )


def microseconds(seconds: float) -> int:
    """Whole microseconds within the contract; a negative or unordered number counts as 0."""
    if not seconds > 0.0:
        return 0
    return limits.MAX_DURATION_US if seconds >= limits.MAX_DURATION_US / 1e6 else round(seconds * 1e6)


def _phases(phases: dict[Phase, float]) -> dict[Phase, int]:
    return {name: microseconds(seconds) for name, seconds in phases.items()}


def _facts(facts: Facts, known: Facts | None) -> Facts | None:
    if facts == known:
        return known
    if facts == _NOTHING:
        return None
    return facts if _is_fit(facts) else fitted(facts)


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


_NOTHING = Facts()
_encode = msgspec.json.Encoder().encode
_accept = msgspec.json.Decoder(Facts).decode
