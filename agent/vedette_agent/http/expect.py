"""Holds a response against what the check expects. Raises at the first thing that is not so."""

from collections.abc import Callable
from typing import Final

from vedette.checks.model import HttpCheck, HttpExpect
from vedette.checks.model.http import HeaderExpect
from vedette.wire.failure import Failure
from vedette_agent.engine.record import ByClock, NotInTime, ProbeFailed, Record
from vedette_agent.http.dates import last_modified
from vedette_agent.http.incoming import Incoming
from vedette_agent.http.secrets import Secrets
from vedette_agent.pattern import compiled

_LONGEST: Final = 3  # bytes that a pattern meets for one of the body that is no UTF-8
_SHOWN: Final = 60  # characters of a body or header that a detail shows


def wants_body(expect: HttpExpect) -> bool:
    return bool(expect.body_matches or expect.body_lacks or expect.json)


def steps(expect: HttpExpect, response: Incoming) -> int:
    """That all patterns take at most in *response*: engine/searches.py."""
    taken, body = 0, response.body
    if expect.body_matches or expect.body_lacks:
        size = sum(compiled(one).size for one in expect.body_matches + expect.body_lacks)
        taken = size * len(body) * (1 if body.isascii() else _LONGEST)
    if expect.json:
        from vedette_agent.http.documents import steps as json_steps

        taken += json_steps(expect.json, len(body))
    for header in expect.headers:
        value = response.headers.get(header.name)
        if value is not None:
            taken += sum(compiled(one).steps(value) for one in header.matches + header.lacks)
    return taken


def judge(
    check: HttpCheck,
    response: Incoming,
    secrets: Callable[[], Secrets],
    record: Record,
    now: float,
    *,
    has_tls: bool,
) -> None:
    """Status, then version, headers, size, body, times: the first tells most about the rest.

    *secrets* were sent and are not to be shown. *now*: seconds since the epoch.
    *has_tls*: whether the response came over TLS.
    """
    expect = check.expect
    if not any(low <= response.status <= high for low, high in expect.statuses):
        expected = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in expect.statuses)
        raise ProbeFailed(Failure.HTTP_STATUS, f"{response.status}, expected {expected}")
    if expect.versions and f"HTTP/{response.version}" not in expect.versions:
        said = f"HTTP/{response.version}, expected {' or '.join(expect.versions)}"
        raise ProbeFailed(Failure.HTTP_VERSION, said)
    if expect.tls is not None and expect.tls is not has_tls:
        said = "the response came over TLS" if has_tls else "the response did not come over TLS"
        raise ProbeFailed(Failure.HTTP_TLS, said)
    for rule in expect.headers:
        _judge_header(rule, response.headers.get(rule.name), secrets)
    if expect.modified_within is not None:
        _judge_age(expect.modified_within, response.headers, now)
    if response.is_too_large:
        raise ProbeFailed(Failure.HTTP_TOO_LARGE, f"the body has more than {check.max_body_bytes} bytes")
    _judge_size(expect, response.body_bytes)
    if wants_body(expect):
        _judge_body(expect, response.body, secrets)
    for phase, most in expect.phases.items():
        took = record.phases.get(phase, 0.0)
        if took > most:
            raise NotInTime(Failure.HTTP_SLOW, f"{phase} took {took:.3f} s, at most {most:g} s are allowed")


def _judge_header(rule: HeaderExpect, value: str | None, secrets: Callable[[], Secrets]) -> None:
    if value is None:
        if rule.required:
            wanted = f", expected {rule.matches[0]!r}" if rule.matches else ""
            raise ProbeFailed(Failure.HTTP_HEADER, f"no header {rule.name!r}{wanted}")
        return
    values = value.split("\n")  # Set-Cookie alone has several
    for pattern in rule.matches:
        if not any(compiled(pattern).search(one) for one in values):
            shown = secrets().hide(value, end=_SHOWN)
            raise ProbeFailed(Failure.HTTP_HEADER, f"{rule.name}: {shown!r}, expected {pattern!r}")
    for pattern in rule.lacks:
        for one in values:
            if found := compiled(pattern).search(one):
                shown = secrets().hide(one, found.start(), min(found.end(), found.start() + _SHOWN))
                said = f"{rule.name}: {shown!r} matches {pattern[:80]!r}, which must not be there"
                raise ProbeFailed(Failure.HTTP_HEADER, said)


def _judge_age(most: float, headers: dict[str, str], now: float) -> None:
    changed_us = last_modified(headers)
    if changed_us is None:
        raise ProbeFailed(Failure.HTTP_HEADER, "no date in a header 'last-modified'")
    age = now - changed_us / 1e6
    if age > most:
        said = f"last-modified was {age:.0f} s ago, at most {most:g} s are allowed"
        raise ByClock(Failure.HTTP_HEADER, said)


def _judge_size(expect: HttpExpect, size: int) -> None:
    low, high = expect.min_body_bytes, expect.max_body_bytes
    if low is not None and size < low:
        raise ProbeFailed(Failure.HTTP_SIZE, f"a body of {size} bytes, expected {low} or more")
    if high is not None and size > high:
        raise ProbeFailed(Failure.HTTP_SIZE, f"a body of {size} bytes, expected {high} or fewer")


def _judge_body(expect: HttpExpect, body: bytearray, secrets: Callable[[], Secrets]) -> None:
    if expect.json:
        from vedette_agent.http.documents import judge_json

        judge_json(expect.json, body, secrets)
    if not (expect.body_matches or expect.body_lacks):
        return
    text = body.decode("utf-8", "replace")
    for pattern in expect.body_matches:
        if not compiled(pattern).search(text):
            seen = f"the body of {len(text)} characters begins {secrets().hide(text, end=_SHOWN)!r}"
            raise ProbeFailed(Failure.HTTP_BODY, f"no match for {pattern[:80]!r}; {seen}")
    for pattern in expect.body_lacks:
        if found := compiled(pattern).search(text):
            shown = secrets().hide(text, found.start(), min(found.end(), found.start() + _SHOWN))
            said = f"{shown!r} matches {pattern[:80]!r}, which must not be there"
            raise ProbeFailed(Failure.HTTP_BODY, said)
