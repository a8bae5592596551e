"""YAML files of scenarios and fleets, read strictly. Every problem is told at once, with its place."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeVar

from vedette.checks.nodes import Unreadable, compose
from vedette.checks.problems import BadConfig, Mark, Problem, quoted
from vedette.checks.problems import Path as Place
from vedette.checks.tree import Mapping, Node, Scalar, Sequence
from vedette.checks.wording import found, suggestion
from vedette.errors import ConfigError

MAX_BYTES: Final = 4 << 20

T = TypeVar("T")
Value = str | int | float | bool | None


class Reading:
    """One file: its root, and what is wrong with it so far."""

    def __init__(self, path: Path) -> None:
        self.file = str(path)
        self.problems: list[Problem] = []
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except OSError as exc:
            raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check the path") from exc
        if len(raw) > MAX_BYTES:
            raise ConfigError(f"{path}: more than {MAX_BYTES >> 20} MiB; split it")
        try:
            self._text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise ConfigError(f"{path}: byte {exc.start} is not UTF-8; save the file as UTF-8") from exc
        try:
            self.root = compose(self._text)
        except Unreadable as exc:
            raise BadConfig(self.file, [exc.problem], self._text) from exc

    def amiss(self, mark: Mark | None, place: Place, text: str) -> None:
        self.problems.append(Problem(mark, place, text))

    def finish(self) -> None:
        """Raises BadConfig with every problem that was found."""
        if self.problems:
            raise BadConfig(self.file, self.problems, self._text)

    def mapping(self, node: Node | None, place: Place) -> dict[str, tuple[Scalar, Node]]:
        """Key and value by key; empty, and told, when it is no mapping."""
        if not isinstance(node, Mapping):
            self._misfit(node, place, "a mapping", "write `key: value` lines under it")
            return {}
        pairs: dict[str, tuple[Scalar, Node]] = {}
        for key, value in node.pairs:
            if key.text in pairs:
                self.amiss(key.mark, place, f"key {quoted(key.text)} is here twice; remove one")
            pairs[key.text] = (key, value)
        return pairs

    def entries(self, node: Node | None, place: Place) -> Iterator[tuple[Node, Place]]:
        if not isinstance(node, Sequence):
            self._misfit(node, place, "a list", "begin each entry with `- `")
            return
        for at, item in enumerate(node.items):
            yield item, (*place, at)

    def keys(
        self,
        pairs: dict[str, tuple[Scalar, Node]],
        place: Place,
        *,
        needed: frozenset[str],
        known: frozenset[str],
        mark: Mark,
        is_open: bool = False,
    ) -> bool:
        """Whether all *needed* are there. *is_open*: others are descriptions, unless they look mistyped."""
        for name, (key, _) in pairs.items():
            if name in known or name in needed:
                continue
            near = get_close_matches(
                name, [one for one in known | needed if one not in pairs], n=1, cutoff=0.75
            )
            if near or not is_open:
                self.amiss(
                    key.mark, place, f"unknown key {quoted(name)}; {suggestion(name, sorted(known | needed))}"
                )
        missing = sorted(needed - pairs.keys())
        for name in missing:
            self.amiss(mark, place, f"{name} is missing; add it")
        return not missing

    def text(self, node: Node, place: Place) -> str:
        """A scalar as it was written: `code: 503` and `code: '503'` are the same."""
        if isinstance(node, Scalar) and node.value is not None:
            return node.text
        self._misfit(node, place, "text", "write one value")
        return ""

    def name(self, node: Node, place: Place) -> str:
        """A text of one line that can be shown, and is not empty."""
        text = self.text(node, place)
        if isinstance(node, Scalar) and node.value is not None and not (text and text.isprintable()):
            self.amiss(
                node.mark, place, f"{quoted(text)} is no name; use one line of letters, digits and signs"
            )
        return text

    def names(self, node: Node, place: Place) -> tuple[str, ...]:
        """One name or several, at least one."""
        found = self._all(self.name, node, place)
        if not found:
            self.amiss(node.mark, place, "is empty; list at least one")
        return found

    def texts(self, node: Node, place: Place) -> tuple[str, ...]:
        """One text or several."""
        return self._all(self.text, node, place)

    def number(self, node: Node, place: Place, low: float, high: float) -> float:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._misfit(node, place, "a number", "write digits without quotes")
            return low
        if not low <= value <= high:
            self.amiss(node.mark, place, f"{value:g} is out of bounds; use {low:g} to {high:g}")
            return low
        return float(value)

    def value(self, node: Node, place: Place) -> Value:
        if isinstance(node, Scalar):
            return node.value
        self._misfit(node, place, "one value", "write text, a number, true or false")
        return None

    def values(self, node: Node, place: Place) -> tuple[Value, ...]:
        return self._all(self.value, node, place)

    @staticmethod
    def _all(one: Callable[[Node, Place], T], node: Node, place: Place) -> tuple[T, ...]:
        if isinstance(node, Sequence):
            return tuple(one(item, (*place, at)) for at, item in enumerate(node.items))
        return (one(node, place),)

    def _misfit(self, node: Node | None, place: Place, expected: str, remedy: str) -> None:
        mark = node.mark if node is not None else None
        what = found(node) if node is not None else "nothing"
        self.amiss(mark, place, f"expected {expected}, found {what}; {remedy}")


def plain(value: Value) -> str:
    """How a tag's value is compared and shown: `true` and `6` are texts there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
