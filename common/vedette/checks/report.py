"""What is wrong with a file so far, and where in it: one run tells everything."""

from typing import Final

from vedette.checks.problems import Mark, Path, Problem
from vedette.checks.tree import Mapping, Node, Sequence


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
