"""What people are told about a value that does not fit: what it is, what was expected, what to write."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from msgspec import inspect as kinds

from vedette.checks.problems import quoted
from vedette.checks.shapes import struct_in
from vedette.checks.tree import Mapping, Node, Scalar, Sequence

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


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """What to write instead of *wrong*: the nearest of *known*, or all of them."""
    choices = list(known)
    if _ELSEWHERE.get(wrong) in choices:
        return f"did you mean {quoted(_ELSEWHERE[wrong])}?"
    folded = {choice.casefold(): choice for choice in reversed(choices)}
    near = get_close_matches(wrong.casefold(), folded, n=1)
    if near:
        return f"did you mean {quoted(folded[near[0]])}?"
    listed = ", ".join(sorted(choices)[:24]) + (", …" if len(choices) > 24 else "")
    return f"known: {listed}"


def place_of(key: str, fields: dict[str, kinds.Field]) -> str:
    """Where an unknown *key* belongs: one level further in, if exactly this key is known there."""
    places = []
    for name, field in fields.items():
        inner, is_list = struct_in(field.type)
        if inner is not None and any(one.encode_name == key for one in inner.fields):
            places.append(f"an entry of {name}" if is_list else name)
    return f"it belongs under {' or '.join(places[:3])}" if places else suggestion(key, fields)


def keys_of(fields: dict[str, kinds.Field]) -> str:
    """What a mapping is made of, those that it needs first."""
    names = sorted(fields, key=lambda name: not fields[name].required)
    listed = ", ".join(names[:_KEYS]) + (", …" if len(names) > _KEYS else "")
    return f"write its keys under it: {listed}"


def hint(node: Node, expected: str) -> str:
    match node, expected:
        case Scalar(value=str()), "true or false" if node.text.lower() in _FLAGS:
            return f"; write {_FLAGS[node.text.lower()]} without quotes"
        case Scalar(), "text":
            return "; put it in quotes"
        case Scalar(), "a list":
            return f"; write [{node.text[:40]}]"
        case _:
            return f"; {_HOW.get(expected, f'write {expected}')}"


def found(node: Node) -> str:
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


def noun(info: kinds.Type) -> str:
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


def number_text(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}" if isinstance(bound, float) else str(bound)
