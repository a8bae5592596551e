"""A node tree read against the schema: struct instances out, every misfit reported with its place.

A value that does not fit is reported and left out, and the walk goes on, so that one run tells everything.
"""

import math
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec import inspect as kinds

from vedette.checks.problems import Mark, Path, Problem, quoted
from vedette.checks.tree import Mapping, Node, Scalar, Sequence

S = TypeVar("S", bound=Struct)


_FLAGS: Final = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_KEYS: Final = 6  # of a mapping, that a message names
_HOW: Final = {
    "a mapping": "write `key: value` lines under it",
    "a list": "begin each entry with `- `",
    "text": "write one value",
    "a whole number": "write digits only",
    "a number": "write digits only",
}


# What people call the kinds of checks elsewhere.
_ELSEWHERE: Final = {
    "ping": "icmp",
    "traceroute": "path",
    "tracepath": "path",
    "mtr": "path",
    "ws": "websocket",
}
_PRIVATE: Final = frozenset(("headers", "secret_headers", "auth", "bearer", "basic", "password"))


class Bad:
    """Stands where a value was not usable and has been reported."""


BAD: Final = Bad()


class Report:
    """The problems found so far, and where things stand in the file."""

    def __init__(self, root: Node) -> None:
        self.problems: list[Problem] = []
        self.required: set[Path] = {()}  # what stands there and cannot be left out
        self._root = root
        self._paths: set[Path] = set()

    def add(self, mark: Mark, path: Path, text: str) -> None:
        self._paths.add(path)
        self.problems.append(Problem(mark, path, text))

    def about(self, path: Path, text: str) -> None:
        """Report on what stands at *path*, unless its own form is wrong: that is told already."""
        if path not in self._paths:
            self.add(self._mark(path), path, text)

    def has(self, path: Path) -> bool:
        """Whether the file says something at *path*."""
        return self._find(path)[1]

    def is_amiss(self, path: Path) -> bool:
        """Whether something at *path* or below was found wrong already; it then counts as not written."""
        return any(problem.path[: len(path)] == path for problem in self.problems)

    def _mark(self, path: Path) -> Mark:
        return self._find(path)[0].mark

    def _find(self, path: Path) -> tuple[Node, bool]:
        """The node at *path*, or the nearest one around it and False."""
        node = self._root
        for step in path:
            inner: Node | None = None
            if isinstance(node, Mapping):
                inner = next((value for key, value in node.pairs if key.text == step), None)
            elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
                inner = node.items[step]
            if inner is None:
                return node, False
            node = inner
        return node, True


def read(node: Node, schema: type[S], report: Report) -> S | Bad:
    """*node* as *schema*. A required value that is missing or bad makes the struct around it BAD."""
    value: S | Bad = _value(node, _info(schema), (), report)
    return value


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """What to write instead of *wrong*: the nearest of *known*, or all of them."""
    choices = list(known)
    if _ELSEWHERE.get(wrong) in choices:
        return f"did you mean {quoted(_ELSEWHERE[wrong])}?"
    folded = {choice.casefold(): choice for choice in reversed(choices)}
    near = get_close_matches(wrong.casefold(), folded, n=1)
    if near:
        return f"did you mean {quoted(folded[near[0]])}?"
    listed = ", ".join(sorted(choices)[:20]) + (", …" if len(choices) > 20 else "")
    return f"known: {listed}"


def _place_of(key: str, fields: dict[str, kinds.Field]) -> str:
    """Where an unknown *key* belongs: one level further in, if exactly this key is known there."""
    places = []
    for name, field in fields.items():
        inner, is_list = _struct_in(field.type)
        if inner is not None and any(one.encode_name == key for one in inner.fields):
            places.append(f"an entry of {name}" if is_list else name)
    return f"it belongs under {' or '.join(places[:3])}" if places else suggestion(key, fields)


def _struct_in(info: kinds.Type) -> tuple[kinds.StructType | None, bool]:
    """The mapping that a field takes, or that each entry of its list is."""
    info = _bare(info)
    if isinstance(info, kinds.UnionType):
        found = (_struct_in(one) for one in info.types)
        return next((one for one in found if one[0] is not None), (None, False))
    if isinstance(info, kinds.ListType):
        return _struct_in(info.item_type)[0], True
    return (info, False) if isinstance(info, kinds.StructType) else (None, False)


def _keys_of(fields: dict[str, kinds.Field]) -> str:
    """What a mapping is made of, those that it needs first."""
    names = sorted(fields, key=lambda name: not fields[name].required)
    listed = ", ".join(names[:_KEYS]) + (", …" if len(names) > _KEYS else "")
    return f"write its keys under it: {listed}"


def _value(node: Node, info: kinds.Type, path: Path, report: Report) -> Any:
    match info:
        case kinds.Metadata():
            return _checked(node, info, path, report)
        case kinds.UnionType():
            return _one_of(node, info, path, report)
        case kinds.StructType():
            return _struct(node, info, path, report)
        case kinds.DictType():
            return _dict(node, info, path, report)
        case kinds.ListType():
            return _list(node, info, path, report)
        case kinds.LiteralType():
            return _literal(node, info, path, report)
        case kinds.BoolType() | kinds.IntType() | kinds.FloatType() | kinds.StrType():
            return _scalar(node, info, path, report)
        case _:
            raise AssertionError(f"the schema uses {info}, which this walk does not know")


def _checked(node: Node, info: kinds.Metadata, path: Path, report: Report) -> Any:
    read_text: Callable[[str], object] | None = (info.extra or {}).get("read")
    # `interval: 30` is a number to YAML. What is wrong with it is the missing unit, not missing quotes.
    number = node.text if isinstance(node, Scalar) and _is_number(node) else None
    value = _value(node, info.type, path, report) if read_text is None or number is None else number
    if value is BAD or read_text is None:
        return value
    try:
        read_text(value)
        if number is not None:
            raise ValueError(f"expected text, found {_found(node)}; put it in quotes")
    except ValueError as exc:
        report.add(node.mark, path, str(exc))
        return BAD
    return value


def _one_of(node: Node, info: kinds.UnionType, path: Path, report: Report) -> Any:
    types = [one for one in info.types if not isinstance(one, kinds.NoneType)]
    fitting = [one for one in types if _takes(_bare(one), node)] if len(types) > 1 else types
    if fitting:
        return _value(node, fitting[0], path, report)
    return _misfit(node, " or ".join(_noun(_bare(one)) for one in types), path, report)


def _struct(node: Node, info: kinds.StructType, path: Path, report: Report) -> Any:
    fields = {field.encode_name: field for field in info.fields}
    if not isinstance(node, Mapping):
        return _misfit(node, "a mapping", path, report, _keys_of(fields))
    values: dict[str, Any] = {}
    for key, inner in _unique(node, path, report):
        field = fields.get(key.text)
        if field is None:
            report.add(key.mark, path, f"unknown key {quoted(key.text)}; {_place_of(key.text, fields)}")
        else:
            if field.required:
                report.required.add((*path, field.name))
            values[field.name] = _value(inner, field.type, (*path, field.name), report)
    usable = True
    for name, field in fields.items():
        if not field.required:
            if values.get(name) is BAD:
                del values[name]
        elif name not in values:
            report.add(node.mark, path, f"{name} is missing; add it")
            usable = False
        elif values[name] is BAD:
            usable = False
    return info.cls(**values) if usable else BAD


def _dict(node: Node, info: kinds.DictType, path: Path, report: Report) -> Any:
    if not isinstance(node, Mapping):
        return _misfit(node, "a mapping", path, report)
    _bounded(len(node.pairs), "entries", info.min_length, info.max_length, node, path, report)
    values: dict[str, Any] = {}
    for key, inner in _unique(node, path, report):
        name = _value(key, info.key_type, (*path, key.text), report)
        value = _value(inner, info.value_type, (*path, key.text), report)
        if name is not BAD and value is not BAD:
            values[name] = value
    return values


def _list(node: Node, info: kinds.ListType, path: Path, report: Report) -> Any:
    if not isinstance(node, Sequence):
        return _misfit(node, "a list", path, report)
    if not _bounded(len(node.items), "entries", info.min_length, info.max_length, node, path, report):
        return BAD
    values = [_value(item, info.item_type, (*path, at), report) for at, item in enumerate(node.items)]
    # A list of agents or checks keeps its BAD ones, so that item 3 stays at index 3 for whoever reads on.
    return values if isinstance(_bare(info.item_type), kinds.StructType) or BAD not in values else BAD


def _literal(node: Node, info: kinds.LiteralType, path: Path, report: Report) -> Any:
    if isinstance(node, Scalar) and node.value in info.values:
        return node.value
    names = [str(value) for value in info.values]
    if isinstance(node, Scalar) and isinstance(node.value, str):
        report.add(node.mark, path, f"{quoted(node.text)} is not known here; {suggestion(node.text, names)}")
        return BAD
    return _misfit(node, f"one of {', '.join(names)}", path, report)


def _scalar(
    node: Node,
    info: kinds.BoolType | kinds.IntType | kinds.FloatType | kinds.StrType,
    path: Path,
    report: Report,
) -> Any:
    if not (isinstance(node, Scalar) and _takes(info, node)):
        return _misfit(node, _noun(info), path, report)
    value = node.value
    if isinstance(info, kinds.StrType):
        fits = _bounded(len(node.text), "characters", info.min_length, info.max_length, node, path, report)
        return value if fits else BAD
    if isinstance(info, kinds.IntType | kinds.FloatType) and isinstance(value, int | float):
        low, high = info.ge, info.le
        if (low is not None and value < low) or (high is not None and value > high):
            report.add(
                node.mark, path, f"{node.text} is out of bounds; use {_number(low)} to {_number(high)}"
            )
            return BAD
        return float(value) if isinstance(info, kinds.FloatType) else value
    return value


def _unique(node: Mapping, path: Path, report: Report) -> list[tuple[Scalar, Node]]:
    """The pairs of *node* with the first of each key; the others are reported."""
    first: dict[str, Scalar] = {}
    pairs = []
    for key, value in node.pairs:
        if key.text in first:
            line = first[key.text].mark.line + 1
            report.add(
                key.mark, path, f"key {quoted(key.text)} is here twice, first in line {line}; remove one"
            )
        else:
            first[key.text] = key
            pairs.append((key, value))
    return pairs


def _bounded(
    count: int, what: str, low: int | None, high: int | None, node: Node, path: Path, report: Report
) -> bool:
    if low is not None and count < low:
        # Every lower bound in the schema is one.
        report.add(node.mark, path, f"is empty; fill it{_or_remove(path, report)}")
        return False
    if high is not None and count > high:
        report.add(node.mark, path, f"{count} {what}; {high} are allowed")
        return False
    return True


def _misfit(node: Node, expected: str, path: Path, report: Report, remedy: str = "") -> Bad:
    if isinstance(node, Scalar) and node.value is None:
        text = f"is empty; write {expected}{_or_remove(path, report)}"
    else:
        hint = f"; {remedy}" if remedy else _hint(node, expected)
        # A header written as one line, a secret in place of its source: for nobody's log or page.
        is_private = not _PRIVATE.isdisjoint(path[-2:]) and isinstance(node, Scalar)
        found = "text" if is_private else _found(node)
        text = f"expected {expected}, found {found}{hint}"
    report.add(node.mark, path, text)
    return BAD


def _or_remove(path: Path, report: Report) -> str:
    """The other remedy for an empty value. Of no use where the key must stand, or where there is none."""
    return "" if path in report.required else " or remove the key"


def _hint(node: Node, expected: str) -> str:
    match node, expected:
        case Scalar(value=str()), "true or false" if node.text.lower() in _FLAGS:
            return f"; write {_FLAGS[node.text.lower()]} without quotes"
        case Scalar(), "text":
            return "; put it in quotes"
        case Scalar(), "a list":
            return f"; write [{node.text[:40]}]"
        case _:
            return f"; {_HOW.get(expected, f'write {expected}')}"


def _found(node: Node) -> str:
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=bool()):
            return node.text
        case Scalar(value=int() | float()):
            return f"the number {node.text[:40]}"
        case _:
            return quoted(node.text)


def _is_flag(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, bool)


def _is_number(node: Node) -> bool:
    # bool is an int to Python.
    return isinstance(node, Scalar) and isinstance(node.value, int | float) and not _is_flag(node)


def _takes(info: kinds.Type, node: Node) -> bool:
    """Whether the shape of *node* is the one that *info* reads."""
    match info:
        case kinds.StructType() | kinds.DictType():
            return isinstance(node, Mapping)
        case kinds.ListType():
            return isinstance(node, Sequence)
        case _ if not isinstance(node, Scalar):
            return False
        case kinds.BoolType():
            return _is_flag(node)
        case kinds.IntType():
            return _is_number(node) and isinstance(node.value, int)
        case kinds.FloatType():
            return isinstance(node.value, int | float) and _is_number(node) and math.isfinite(node.value)
        case _:
            return isinstance(node.value, str)


def _noun(info: kinds.Type) -> str:
    match info:
        case kinds.StructType() | kinds.DictType():
            return "a mapping"
        case kinds.ListType():
            return "a list"
        case kinds.BoolType():
            return "true or false"
        case kinds.IntType():
            return "a whole number"
        case kinds.FloatType():
            return "a number"
        case _:
            return "text"


def _bare(info: kinds.Type) -> kinds.Type:
    while isinstance(info, kinds.Metadata):
        info = info.type
    return info


def _number(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}" if isinstance(bound, float) else str(bound)


@cache
def _info(schema: type[Struct]) -> kinds.Type:
    return msgspec.inspect.type_info(schema)
