"""Paths into JSON: a strict part of RFC 9535, and `length()`.

    $.status    $['a key']    $.items[0].name    $.items[-1]    $.items[*].state    $.items.length()

No filters, slices, unions or descent: what a path can select is bounded by the document, and so is the work.
"""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from vedette.checks.problems import quoted

MAX_PATH: Final = 500
_STEP: Final = re.compile(
    r"""\.(?P<length>length\(\))\Z
      | (?P<all>\.\*|\[\*\])
      | \.(?P<name>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff-]*)
      | \[(?P<index>0|-?[1-9][0-9]{0,8})\]
      | \['(?P<single>[^'\\]*)'\]
      | \["(?P<double>[^"\\]*)"\]""",
    re.VERBOSE,
)


class Member(NamedTuple):
    name: str


class Index(NamedTuple):
    at: int  # below 0: from the end


class Every(NamedTuple):
    """All elements of a list, all values of an object."""


class Length(NamedTuple):
    """Of a list, an object or a text. Last of a path."""


Step = Member | Index | Every | Length


@lru_cache(maxsize=4096)
def parsed(text: str) -> tuple[Step, ...]:
    """Raises ValueError: what is wrong, and after a semicolon what to do."""
    if len(text) > MAX_PATH:
        raise ValueError(f"a path of {len(text)} characters; {MAX_PATH} are allowed")
    if not text.startswith("$"):
        raise ValueError(f"{quoted(text)} is not a JSON path; begin with $, such as $.status")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(
                f"{quoted(text[at:])} is not a step of a JSON path; "
                "write .name, ['a name'], [0], [*], or .length() at the end"
            )
        steps.append(_step(found))
        at = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    said = found.group
    if said("length"):
        return Length()
    if said("all"):
        return Every()
    if said("index") is not None:
        return Index(int(said("index")))
    name = next(text for text in (said("name"), said("single"), said("double")) if text is not None)
    return Member(name)


def selected(document: Any, path: tuple[Step, ...]) -> list[Any]:
    """What *path* selects in a decoded *document*; empty when nothing is there (RFC 9535 2.1.2)."""
    nodes = [document]
    for step in path:
        nodes = [inner for node in nodes for inner in _inner(node, step)]
    return nodes


def _inner(node: Any, step: Step) -> list[Any]:
    match step:
        case Member(name):
            return [node[name]] if isinstance(node, dict) and name in node else []
        case Index(at):
            return [node[at]] if isinstance(node, list) and -len(node) <= at < len(node) else []
        case Every():
            return node if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
        case Length():
            return [len(node)] if isinstance(node, list | dict | str) else []
