"""YAML text to a tree of nodes that know their places.

Only the events of PyYAML are used, from libyaml where it is built in; what a scalar means is decided here,
by the core schema of YAML 1.2: `no`, `on` and `12:30` are text.

Caps hold while the tree grows, so a file of aliases to aliases, or one bracket a thousand times, costs no
more than any other file of its size.
"""

import re
from dataclasses import dataclass
from typing import Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from vedette.checks.problems import Mark, Problem, quoted
from vedette.checks.tree import Mapping, Node, Scalar, Sequence

MAX_NODES: Final = 2_000_000  # of the tree as it is read: an alias counts as all that it stands for
MAX_DEPTH: Final = 32

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MISALIGNED: Final = ("expected <block end>", "expected '-' indicator", "expected key")
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,30}|0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TEXT_TAG: Final = "tag:yaml.org,2002:str"


class Unreadable(Exception):
    """The text is not YAML that this module reads."""

    def __init__(self, mark: Mark | None, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(mark, (), text)


def compose(text: str) -> Node | None:
    """The root node of the one document in *text*; None when there is none. Raises Unreadable."""
    composer = _Composer()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.MarkedYAMLError as exc:
        raise _explained(exc, text) from exc
    except ReaderError as exc:
        # libyaml counts bytes, the Python reader characters: only the character itself is sure.
        before = text[: text.index(chr(exc.character))]
        mark = Mark(before.count("\n"), len(before) - before.rfind("\n") - 1)
        what = f"character U+{exc.character:04X} is not allowed in YAML"
        raise Unreadable(mark, f"{what}; remove it, or write an escape in double quotes") from exc
    return composer.root


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    node: Sequence | Mapping
    anchor: str | None
    key: Scalar | None = None
    size: int = 1


class _Composer:
    """Events in, tree out. No recursion: depth is a number here, not a stack of calls."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._documents = 0
        self._nodes = 0

    def take(self, event: Event) -> None:
        mark = _mark(event.start_mark)
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise Unreadable(mark, "a second document begins here; one file holds one configuration")
            case AliasEvent():
                if event.anchor not in self._anchors:
                    raise Unreadable(
                        mark, f"no anchor &{event.anchor} stands before this alias; define it first"
                    )
                node, size = self._anchors[event.anchor]
                self._place(node, size, mark)
            case ScalarEvent():
                self._refuse_tag(event, mark)
                scalar = Scalar(mark, _value(event), event.value)
                self._place(scalar, 1, mark)
                self._name(event.anchor, scalar, 1)
            case SequenceStartEvent() | MappingStartEvent():
                self._refuse_tag(event, mark)
                if len(self._open) >= MAX_DEPTH:
                    raise Unreadable(mark, f"nested deeper than {MAX_DEPTH} levels; no setting needs that")
                node = Sequence(mark, []) if isinstance(event, SequenceStartEvent) else Mapping(mark, [])
                self._open.append(_Open(node, event.anchor))
            case CollectionEndEvent():
                done = self._open.pop()
                self._place(done.node, done.size, mark)
                self._name(done.anchor, done.node, done.size)
            case _:
                pass

    def _place(self, node: Node, size: int, mark: Mark) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += size
        # The size of what is open is the sum over all levels: inner collections are added when they close.
        if sum(level.size for level in self._open) > MAX_NODES:
            raise Unreadable(
                mark, f"more than {MAX_NODES} values, aliases counted as what they stand for; split the file"
            )
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
        elif parent.key is not None:
            parent.node.pairs.append((parent.key, node))
            parent.key = None
        elif isinstance(node, Scalar):
            parent.key = node
        else:
            raise Unreadable(mark, "a key must be plain text; a list or a mapping cannot be one")

    def _name(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)

    @staticmethod
    def _refuse_tag(event: ScalarEvent | CollectionStartEvent, mark: Mark) -> None:
        if event.tag is not None and event.tag != _TEXT_TAG:
            raise Unreadable(mark, f"the YAML tag {quoted(str(event.tag))} has no meaning here; remove it")


def _value(event: ScalarEvent) -> str | int | float | bool | None:
    text: str = event.value
    if not event.implicit[0]:  # quoted, block, or tagged as text
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _mark(mark: object) -> Mark:
    return Mark(getattr(mark, "line", 0), getattr(mark, "column", 0))


def _explained(exc: yaml.MarkedYAMLError, text: str) -> Unreadable:
    """The parser's own words, and for the usual slips what to do about them."""
    problem = str(exc.problem)
    opened = _mark(exc.context_mark)
    mark = _mark(exc.problem_mark)
    if "unexpected end of stream" in problem:
        return Unreadable(opened, "a quote that never closes; close it")
    if "cannot start any token" in problem:
        character = text.splitlines()[mark.line][mark.column]
        if character == "\t":
            what = "a tab where YAML wants spaces; indent with spaces"
        else:
            what = f"a value cannot begin with {character!r}; put it in quotes"
    elif "mapping values are not allowed" in problem:
        what = "a second `: ` in one plain value; put the value in quotes"
    elif "could not find expected ':'" in problem:
        what = "a key without its colon; write `key: value`"
    elif any(words in problem for words in _MISALIGNED):
        what = "the indentation does not fit the lines above; align it with its siblings"
    elif "expected ',' or" in problem:
        what = f"the bracket of line {opened.line + 1} is still open; close it, or add the missing comma"
    elif "unknown escape character" in problem:
        what = "no escape of YAML's double quotes; write two backslashes, or put the value in single quotes"
    else:
        what = f"{problem}; mend the YAML here"
    return Unreadable(mark, what)
