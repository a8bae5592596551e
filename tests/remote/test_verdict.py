"""What receivers say, and what it means."""

import pytest

from vedette_collector.remote.counters import Failure, Outcome
from vedette_collector.remote.verdict import MAX_PAUSE_SECONDS, Answer, Kind, pause, verdict

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("status", "text", "kind", "outcome"),
    [
        (200, "", Kind.DONE, Outcome.WRITTEN),
        (204, "", Kind.DONE, Outcome.WRITTEN),
        # Prometheus 2.42 and its successors
        (400, "out of order sample", Kind.BAD, Outcome.REFUSED_OUT_OF_ORDER),
        (400, "out of bounds", Kind.BAD, Outcome.REFUSED_OUT_OF_BOUNDS),
        (400, "duplicate sample for timestamp", Kind.BAD, Outcome.REFUSED_DUPLICATE),
        (500, "too old sample", Kind.BAD, Outcome.REFUSED_TOO_OLD),
        (400, "too old sample", Kind.BAD, Outcome.REFUSED_TOO_OLD),
        # others
        (400, "... (err-mimir-sample-out-of-order)", Kind.BAD, Outcome.REFUSED_OUT_OF_ORDER),
        (400, "err-mimir-sample-timestamp-too-old", Kind.BAD, Outcome.REFUSED_TOO_OLD),
        (400, "label name too long", Kind.BAD, Outcome.REFUSED_INVALID),
        (422, "", Kind.BAD, Outcome.REFUSED_INVALID),
        (413, "", Kind.BAD, Outcome.REFUSED_INVALID),
        (500, "no space left on device", Kind.BROKEN, Outcome.REFUSED_ERROR),
        (501, "", Kind.BROKEN, Outcome.REFUSED_ERROR),
        (999, "", Kind.BROKEN, Outcome.REFUSED_ERROR),
        (429, "", Kind.AWAY, Outcome.REFUSED_ERROR),
        (502, "too old sample", Kind.AWAY, Outcome.REFUSED_ERROR),  # not a receiver's word
        (503, "", Kind.AWAY, Outcome.REFUSED_ERROR),
        (504, "", Kind.AWAY, Outcome.REFUSED_ERROR),
        (100, "", Kind.SHUT, Outcome.REFUSED_ERROR),
        (301, "", Kind.SHUT, Outcome.REFUSED_ERROR),
        (401, "", Kind.SHUT, Outcome.REFUSED_ERROR),
        (403, "out of order", Kind.SHUT, Outcome.REFUSED_ERROR),
        (404, "", Kind.SHUT, Outcome.REFUSED_ERROR),
        (405, "", Kind.SHUT, Outcome.REFUSED_ERROR),
    ],
)
def test_every_answer_has_a_meaning(status: int, text: str, kind: Kind, outcome: Outcome) -> None:
    heard = verdict(Answer(status, text), NOW)
    assert (heard.kind, heard.outcome) == (kind, outcome)
    assert (heard.failure is None) == (kind is Kind.DONE)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (301, Failure.REDIRECT),
        (401, Failure.UNAUTHORIZED),
        (403, Failure.UNAUTHORIZED),
        (404, Failure.NOT_FOUND),
        (405, Failure.CLIENT),
        (429, Failure.BUSY),
        (500, Failure.SERVER),
        (503, Failure.SERVER),
        (400, Failure.REJECTED),
    ],
)
def test_failures_have_names(status: int, failure: Failure) -> None:
    assert verdict(Answer(status), NOW).failure is failure


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_receiver_says_how_long(status: int) -> None:
    assert verdict(Answer(status, retry_after="7"), NOW).pause == 7.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0.0),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 08:00:30 -0000", 30.0),
        ("Fri, 15 Jan 2027 07:59:00 GMT", 0.0),
        ("Fri, 15 Jan 2107 08:00:30 GMT", MAX_PAUSE_SECONDS),
        ("9" * 39, MAX_PAUSE_SECONDS),
        ("9" * 41, 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("\u0663", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Fri, 15 Jan 99999 08:00:30 GMT", 0.0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(text: str | None, seconds: float) -> None:
    assert pause(text, NOW) == seconds
