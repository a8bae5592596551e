"""Keys and values of the command line to checks, by the schema and the rules of the configuration file."""

from collections.abc import Sequence as Seq
from typing import Any, Final

from vedette.checks import compile as compiling
from vedette.checks import schema, walk
from vedette.checks.model import Check
from vedette.checks.problems import Mark, Problem, dotted, quoted
from vedette.checks.report import Bad, Report
from vedette.checks.tree import Mapping, Node, Scalar, Sequence

# The key that a kind cannot do without: what it probes.
TARGETS: Final = {
    "dns": "name",
    "authority": "zone",
    "trace": "name",
    "dnssec": "name",
    "http": "url",
    "websocket": "url",
    "tcp": "address",
    "tls": "address",
    "grpc": "address",
    "icmp": "host",
    "path": "host",
    "udp": "address",
    "ntp": "host",
}
_NOWHERE: Final = Mark(0, 0)


class Unusable(ValueError):
    """What was asked for makes no check. *told* has a line for each problem."""

    def __init__(self, told: list[str]) -> None:
        super().__init__("; ".join(told))
        self.told = told


def checks_from(
    kind: str, section: dict[str, Any], fragments: Seq[str], common: dict[str, Any]
) -> list[Check]:
    """The check of *kind*, whose keys are those of *section* and of *fragments* (YAML); all its variants.

    Raises Unusable.
    """
    own = _node(section)
    assert isinstance(own, Mapping)
    for text in fragments:
        _merge(own, _fragment(text), text, ())
    root = _node({"name": kind, **common})
    assert isinstance(root, Mapping)
    root.pairs.append((_scalar(kind), own))
    report = Report(root)
    one = walk.read(root, schema.Check, report)
    checks = [] if isinstance(one, Bad) else compiling.alone(one, report)
    if report.problems:
        raise Unusable([_line(problem, kind) for problem in report.problems])
    return checks


def _fragment(text: str) -> Mapping:
    from vedette.checks.nodes import Unreadable, compose  # brings YAML in

    try:
        node = compose(text)
    except Unreadable as exc:
        raise Unusable([f"--with {quoted(text)}: {exc.problem.text}"]) from exc
    if not isinstance(node, Mapping):
        raise Unusable([f"--with {quoted(text)}: is no key with a value; write --with 'key: value'"])
    return node


def _merge(into: Mapping, more: Mapping, text: str, path: tuple[str, ...]) -> None:
    """Mappings are joined at every depth; anything else is said once."""
    known = {key.text: value for key, value in into.pairs}
    for key, value in more.pairs:
        before = known.get(key.text)
        if before is None:
            into.pairs.append((key, value))
        elif isinstance(before, Mapping) and isinstance(value, Mapping):
            _merge(before, value, text, (*path, key.text))
        else:
            where = dotted((*path, key.text))
            raise Unusable([f"--with {quoted(text)}: {where} is given already; say it once"])


def _line(problem: Problem, kind: str) -> str:
    path, text = problem.path, problem.text
    if path[:1] == ("families",):
        for family in "46":
            text = text.replace(f"remove ipv{family} or the address", f"remove -{family}")
        return text
    if path in ((kind, TARGETS[kind]), ("timeout",)):
        return text
    return f"{dotted(path)}: {text}" if path else text


def _node(value: Any) -> Node:
    match value:
        case dict():
            return Mapping(_NOWHERE, [(_scalar(key), _node(inner)) for key, inner in value.items()])
        case list():
            return Sequence(_NOWHERE, [_node(inner) for inner in value])
        case _:
            return _scalar(value)


def _scalar(value: str | int | bool) -> Scalar:
    return Scalar(_NOWHERE, value, str(value).lower() if isinstance(value, bool) else str(value))
