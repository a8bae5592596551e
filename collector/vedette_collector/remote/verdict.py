"""What an answer to a remote write means. Pure.

The text of a refusal decides, because receivers do not agree on the status: Prometheus 2.42 says 500 for a
sample that is too old, and 400 since 2.50; others put the same words into codes such as
`sample-out-of-order`.
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Final, NamedTuple

from vedette_collector.remote.counters import Failure, Outcome

MAX_PAUSE_SECONDS: Final = 300.0  # that a receiver may ask for
_MAX_HEADER: Final = 40

_WORDS: Final[Mapping[str, Outcome]] = {
    "too old": Outcome.REFUSED_TOO_OLD,
    "out of order": Outcome.REFUSED_OUT_OF_ORDER,
    "out of bounds": Outcome.REFUSED_OUT_OF_BOUNDS,
    "duplicate": Outcome.REFUSED_DUPLICATE,
}


class Kind(Enum):
    DONE = auto()
    BAD = auto()  # a sample in it will never be accepted
    BROKEN = auto()  # the receiver failed: for its own reasons, or over a sample
    AWAY = auto()  # later, perhaps
    SHUT = auto()  # not before somebody changes something


class Answer(NamedTuple):
    status: int
    text: str = ""  # the beginning of the body
    retry_after: str | None = None


class Verdict(NamedTuple):
    kind: Kind
    outcome: Outcome  # of a sample that this ends
    failure: Failure | None = None
    pause: float = 0.0  # seconds that the receiver asks for


WRITTEN: Final = Verdict(Kind.DONE, Outcome.WRITTEN)


def away(failure: Failure) -> Verdict:
    """No answer, for that reason."""
    return Verdict(Kind.AWAY, Outcome.REFUSED_ERROR, failure)


def verdict(answer: Answer, now: float) -> Verdict:
    """Total: every answer has one. *now* is Unix time, for a date in Retry-After."""
    match answer.status:
        case status if 200 <= status < 300:
            return WRITTEN
        case 400 | 413 | 422:
            return Verdict(Kind.BAD, _said(answer.text) or Outcome.REFUSED_INVALID, Failure.REJECTED)
        case 401 | 403:
            return Verdict(Kind.SHUT, Outcome.REFUSED_ERROR, Failure.UNAUTHORIZED)
        case 404:
            return Verdict(Kind.SHUT, Outcome.REFUSED_ERROR, Failure.NOT_FOUND)
        case 429:
            return Verdict(Kind.AWAY, Outcome.REFUSED_ERROR, Failure.BUSY, pause(answer.retry_after, now))
        case 502 | 503 | 504:  # also what stands before a receiver says when there is none
            return Verdict(Kind.AWAY, Outcome.REFUSED_ERROR, Failure.SERVER, pause(answer.retry_after, now))
        case status if status >= 500:
            said = _said(answer.text)
            if said is not None:
                return Verdict(Kind.BAD, said, Failure.REJECTED)
            asked = pause(answer.retry_after, now)
            return Verdict(Kind.BROKEN, Outcome.REFUSED_ERROR, Failure.SERVER, asked)
        case status if 300 <= status < 400:
            return Verdict(Kind.SHUT, Outcome.REFUSED_ERROR, Failure.REDIRECT)
        case _:
            return Verdict(Kind.SHUT, Outcome.REFUSED_ERROR, Failure.CLIENT)


def _said(text: str) -> Outcome | None:
    plain = text.lower().replace("-", " ").replace("_", " ")
    return next((outcome for words, outcome in _WORDS.items() if words in plain), None)


def pause(retry_after: str | None, now: float) -> float:
    """Seconds of a Retry-After, 0 where there is none that can be read. RFC 9110 10.2.3."""
    if retry_after is None or len(retry_after) > _MAX_HEADER:
        return 0.0
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return 0.0
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    return min(max(seconds, 0.0), MAX_PAUSE_SECONDS)
