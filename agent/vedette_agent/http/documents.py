"""Holds a JSON body against what the check expects of paths into it."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from vedette.checks.jsonpath import parsed, selected
from vedette.checks.model.http import JsonExpect
from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http.secrets import Secrets
from vedette_agent.pattern import compiled

# Lists of empty lists take 25 times their bytes in memory and 50 ns a byte to read.
MAX_JSON_BYTES: Final = 256 * 1024
MAX_NODES: Final = 4096  # that all rules of a check select: to hold one against a pattern takes 3 µs
_EACH: Final = 50  # steps that last as long as one search in next to nothing
_SHOWN: Final = 60


def steps(rules: tuple[JsonExpect, ...], body: int) -> int:
    """That their patterns take at most in *body* bytes: engine/searches.py."""
    patterns = [compiled(one) for rule in rules for one in rule.matches + rule.lacks]
    nodes = min(body // 2, MAX_NODES)
    return sum(one.size * body + nodes * _EACH for one in patterns)


def judge_json(rules: tuple[JsonExpect, ...], body: bytearray, secrets: Callable[[], Secrets]) -> None:
    """Raises ProbeFailed(http.body)."""
    if len(body) > MAX_JSON_BYTES:
        raise _unlike(f"JSON of {len(body)} bytes, {MAX_JSON_BYTES} are read")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        start = secrets().hide(body[:200].decode("utf-8", "replace"), end=_SHOWN)
        raise _unlike(f"the body is not JSON ({exc}); it begins {start!r}") from exc
    left = MAX_NODES
    for rule in rules:
        nodes = selected(document, parsed(rule.path))
        left -= len(nodes)
        if left < 0:
            raise _unlike(f"{rule.path} selects {len(nodes)} values; {MAX_NODES} of one document are read")
        if bool(nodes) is not rule.exists:
            raise _unlike(f"nothing at {rule.path}" if rule.exists else f"something at {rule.path}")
        for node in nodes if rule.exists else ():
            fault = _fault(rule, node)
            if fault is not None:
                raise _unlike(f"{rule.path} is {secrets().hide(_text(node), end=_SHOWN)!r}, {fault}")


def _fault(rule: JsonExpect, node: Any) -> str | None:
    if rule.equals and not any(_is_equal(node, one) for one in rule.equals):
        return f"expected {' or '.join(repr(one) for one in rule.equals[:8])}"
    if rule.min is not None or rule.max is not None:
        if isinstance(node, bool) or not isinstance(node, int | float):
            return "expected a number"
        if rule.min is not None and node < rule.min:
            return f"expected {rule.min:g} or more"
        if rule.max is not None and node > rule.max:
            return f"expected {rule.max:g} or less"
    if rule.matches or rule.lacks:
        text = _text(node)
        for pattern in rule.matches:
            if not compiled(pattern).search(text):
                return f"expected {pattern[:80]!r}"
        for pattern in rule.lacks:
            if compiled(pattern).search(text):
                return f"expected no {pattern[:80]!r}"
    return None


def _is_equal(node: Any, one: str | bool | int | float) -> bool:
    # true is no 1 in JSON.
    return isinstance(node, bool) is isinstance(one, bool) and node == one


def _text(node: Any) -> str:
    return node if isinstance(node, str) else msgspec.json.encode(node).decode()


def _unlike(said: str) -> ProbeFailed:
    return ProbeFailed(Failure.HTTP_BODY, said)
