"""`http.expect:` to what the model holds."""

from collections.abc import Iterable
from typing import get_args

from vedette.checks import formats, model
from vedette.checks.model.http import HeaderExpect, HttpPhase, JsonExpect
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Report
from vedette.checks.schema import http as written


def expected(expect: written.HttpExpect, limit: int, path: Path, report: Report) -> model.HttpExpect:
    """*limit*: the largest body that is read."""
    distinct(expect.headers, (*path, "headers"), report)
    body = expect.body or written.BodyExpect()
    low = None if body.min is None else formats.size(body.min)
    high = None if body.max is None else formats.size(body.max)
    if low is not None and high is not None and low > high:
        report.about((*path, "body", "max"), f"max {body.max} is less than min {body.min}; raise it")
    if max(low or 0, high or 0) > limit:
        key = "max" if (high or 0) > limit else "min"
        report.about((*path, "body", key), "more than is read of a body; raise max_body_bytes")
    phases = expect.phases or written.PhaseExpect()
    limits = {name: getattr(phases, name) for name in get_args(HttpPhase)}
    return model.HttpExpect(
        statuses=_statuses(expect.status),
        versions=tuple(dict.fromkeys(expect.version or ())),
        headers=tuple(
            _header(name, rule, (*path, "headers", name), report) for name, rule in expect.headers.items()
        ),
        body_matches=_patterns(body.match),
        body_lacks=_patterns(body.lack),
        min_body_bytes=low,
        max_body_bytes=high,
        json=tuple(_json(at, rule, (*path, "json", at), report) for at, rule in expect.json.items()),
        phases={name: formats.short_time(text) for name, text in limits.items() if text is not None},
        modified_within=None if expect.modified_within is None else formats.duration(expect.modified_within),
        tls=expect.tls,
    )


def distinct(headers: Iterable[str], path: Path, report: Report) -> None:
    seen: set[str] = set()
    for name in headers:
        if name.lower() in seen:
            report.about(
                (*path, name), f"header {quoted(name)} is here twice; case makes no difference, remove one"
            )
        seen.add(name.lower())


def _header(name: str, rule: str | written.HeaderExpect, path: Path, report: Report) -> HeaderExpect:
    if isinstance(rule, str):
        return HeaderExpect(name=name.lower(), matches=(rule,))
    says_nothing = rule.match is None and rule.lack is None and rule.required is None
    if says_nothing and not report.is_amiss(path):
        report.about(path, "says nothing; write match, lack or required")
    return HeaderExpect(
        name=name.lower(),
        matches=_patterns(rule.match),
        lacks=_patterns(rule.lack),
        required=rule.match is not None if rule.required is None else rule.required,
    )


def _json(at: str, rule: written.JsonScalar | written.JsonExpect, path: Path, report: Report) -> JsonExpect:
    if not isinstance(rule, written.JsonExpect):
        return JsonExpect(path=at, equals=(rule,))
    has_rule = any(one is not None for one in (rule.equals, rule.match, rule.lack, rule.min, rule.max))
    if has_rule and not rule.exists:
        report.about((*path, "exists"), "where nothing is, nothing can be compared; remove this or the rest")
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        report.about((*path, "max"), f"max {rule.max:g} is less than min {rule.min:g}; raise it")
    equals = rule.equals if isinstance(rule.equals, list) else [] if rule.equals is None else [rule.equals]
    return JsonExpect(
        path=at,
        exists=rule.exists,
        equals=tuple(equals),
        matches=_patterns(rule.match),
        lacks=_patterns(rule.lack),
        min=rule.min,
        max=rule.max,
    )


def _patterns(said: str | list[str] | None) -> tuple[str, ...]:
    return () if said is None else (said,) if isinstance(said, str) else tuple(said)


def _statuses(said: list[int | str] | None) -> tuple[tuple[int, int], ...]:
    if said is None:
        return model.HttpExpect().statuses
    return tuple((one, one) if isinstance(one, int) else formats.statuses(one) for one in said)
