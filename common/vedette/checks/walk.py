"""A node tree read against the schema: struct instances out, every misfit reported with its place.

A value that does not fit is reported and left out, and the walk goes on, so that one run tells everything.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec import inspect as kinds

from vedette.checks.problems import Path, quoted
from vedette.checks.report import BAD, Bad, Report
from vedette.checks.shapes import bare, is_number, takes
from vedette.checks.tree import Mapping, Node, Scalar, Sequence
from vedette.checks.wording import found, hint, keys_of, noun, number_text, place_of, suggestion

S = TypeVar("S", bound=Struct)

_PRIVATE: Final = frozenset(("headers", "secret_headers", "auth", "bearer", "basic", "password"))


def read(node: Node, schema: type[S], report: Report) -> S | Bad:
    """*node* as *schema*. A required value that is missing or bad makes the struct around it BAD."""
    value: S | Bad = _value(node, _info(schema), (), report)
    return value


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
    number = node.text if isinstance(node, Scalar) and is_number(node) else None
    value = _value(node, info.type, path, report) if read_text is None or number is None else number
    if value is BAD or read_text is None:
        return value
    try:
        read_text(value)
        if number is not None:
            raise ValueError(f"expected text, found {found(node)}; put it in quotes")
    except ValueError as exc:
        report.add(node.mark, path, str(exc))
        return BAD
    return value


def _one_of(node: Node, info: kinds.UnionType, path: Path, report: Report) -> Any:
    types = [one for one in info.types if not isinstance(one, kinds.NoneType)]
    fitting = [one for one in types if takes(bare(one), node)] if len(types) > 1 else types
    if fitting:
        return _value(node, fitting[0], path, report)
    if is_number(node):  # for a number of the wrong form the small language of a text has the better words
        read_texts = [one for one in types if isinstance(one, kinds.Metadata) and "read" in (one.extra or {})]
        if read_texts:
            return _checked(node, read_texts[0], path, report)
    return _misfit(node, " or ".join(noun(bare(one)) for one in types), path, report)


def _struct(node: Node, info: kinds.StructType, path: Path, report: Report) -> Any:
    fields = {field.encode_name: field for field in info.fields}
    if not isinstance(node, Mapping):
        return _misfit(node, "a mapping", path, report, keys_of(fields))
    values: dict[str, Any] = {}
    for key, inner in _unique(node, path, report):
        field = fields.get(key.text)
        if field is None:
            report.add(key.mark, path, f"unknown key {quoted(key.text)}; {place_of(key.text, fields)}")
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
    return values if isinstance(bare(info.item_type), kinds.StructType) or BAD not in values else BAD


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
    if not (isinstance(node, Scalar) and takes(info, node)):
        return _misfit(node, noun(info), path, report)
    value = node.value
    if isinstance(info, kinds.StrType):
        fits = _bounded(len(node.text), "characters", info.min_length, info.max_length, node, path, report)
        return value if fits else BAD
    if isinstance(info, kinds.IntType | kinds.FloatType) and isinstance(value, int | float):
        low, high = info.ge, info.le
        if (low is not None and value < low) or (high is not None and value > high):
            report.add(
                node.mark,
                path,
                f"{node.text} is out of bounds; use {number_text(low)} to {number_text(high)}",
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
        remedy_text = f"; {remedy}" if remedy else hint(node, expected)
        # A header written as one line, a secret in place of its source: for nobody's log or page.
        is_private = not _PRIVATE.isdisjoint(path[-2:]) and isinstance(node, Scalar)
        shown = "text" if is_private else found(node)
        text = f"expected {expected}, found {shown}{remedy_text}"
    report.add(node.mark, path, text)
    return BAD


def _or_remove(path: Path, report: Report) -> str:
    """The other remedy for an empty value. Of no use where the key must stand, or where there is none."""
    return "" if path in report.required else " or remove the key"


@cache
def _info(schema: type[Struct]) -> kinds.Type:
    return msgspec.inspect.type_info(schema)
