"""Holds a response against what the check expects. Raises at the first thing that is not so."""

from typing import Final

from vedette.checks.model import HttpCheck, HttpExpect
from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http.response import Response
from vedette_agent.http.secrets import Secrets, sent
from vedette_agent.pattern import compiled

_SHOWN: Final = 60  # characters of a body or header that a detail shows


def wants_body(expect: HttpExpect) -> bool:
    return expect.body_matches is not None or expect.body_lacks is not None


def judge(check: HttpCheck, response: Response) -> None:
    """Status, then headers, then size, then body: the first tells most about the rest."""
    expect = check.expect
    if not any(low <= response.status <= high for low, high in expect.statuses):
        expected = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in expect.statuses)
        raise ProbeFailed(Failure.HTTP_STATUS, f"{response.status}, expected {expected}")
    for name, pattern in expect.headers.items():
        value = response.headers.get(name)
        if value is None:
            raise ProbeFailed(Failure.HTTP_HEADER, f"no header {name!r}, expected {pattern!r}")
        if not compiled(pattern).search(value):
            said = f"{name}: {_secrets(check).hide(value, end=_SHOWN)!r}, expected {pattern!r}"
            raise ProbeFailed(Failure.HTTP_HEADER, said)
    if response.is_too_large:
        raise ProbeFailed(Failure.HTTP_TOO_LARGE, f"the body has more than {check.max_body_bytes} bytes")
    if wants_body(expect):
        _judge_body(check, response.body.decode("utf-8", "replace"))


def _judge_body(check: HttpCheck, text: str) -> None:
    expect = check.expect
    if expect.body_matches is not None and not compiled(expect.body_matches).search(text):
        seen = f"the body of {len(text)} characters begins {_secrets(check).hide(text, end=_SHOWN)!r}"
        raise ProbeFailed(Failure.HTTP_BODY, f"no match for {expect.body_matches[:80]!r}; {seen}")
    if expect.body_lacks is not None and (found := compiled(expect.body_lacks).search(text)):
        shown = _secrets(check).hide(text, found.start(), min(found.end(), found.start() + _SHOWN))
        said = f"{shown!r} matches {expect.body_lacks[:80]!r}, which must not be there"
        raise ProbeFailed(Failure.HTTP_BODY, said)


def _secrets(check: HttpCheck) -> Secrets:
    return sent(check.headers, check.body)
