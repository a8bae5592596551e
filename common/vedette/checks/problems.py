"""What is wrong with a configuration file: every problem with its place, collected and told at once."""

import re
from typing import NamedTuple

from vedette.errors import ConfigError

Path = tuple[str | int, ...]

MAX_TOLD = 100  # problems that are written out; the rest is a number

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Mark(NamedTuple):
    """A place in the text, counted from zero."""

    line: int
    column: int


class Problem(NamedTuple):
    """One thing to mend. *mark* is None where the trouble is the file as a whole."""

    mark: Mark | None
    path: Path
    text: str  # what is wrong; what to do

    def located(self, file: str) -> str:
        place = f"{file}:{self.mark.line + 1}:{self.mark.column + 1}" if self.mark else file
        return f"{place}: {dotted(self.path)}: {self.text}" if self.path else f"{place}: {self.text}"


class BadConfig(ConfigError):
    """A configuration with problems, in the order of the file. The message has one line for each."""

    def __init__(self, file: str, problems: list[Problem], text: str = "") -> None:
        self.file = file
        self.problems = sorted(problems, key=lambda problem: problem.mark or Mark(-1, -1))
        self.lines = text.split("\n")
        super().__init__("\n".join(self._told(with_source=False)))

    def shown(self) -> str:
        """The message with the line of the file under each problem and a caret under the place."""
        return "\n".join(self._told(with_source=True))

    def _told(self, *, with_source: bool) -> list[str]:
        told: list[str] = []
        for problem in self.problems[:MAX_TOLD]:
            told.append(problem.located(self.file))
            if with_source and problem.mark and problem.mark.line < len(self.lines):
                told += _excerpt(self.lines[problem.mark.line], problem.mark.column)
        more = len(self.problems) - MAX_TOLD
        if more > 0:
            told.append(f"{self.file}: and {more} more problems; mend these first")
        return told


def dotted(path: Path) -> str:
    """`checks[0].dns.name`"""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{quoted(step)}]"
    return text


def quoted(value: str) -> str:
    """*value* for a message: printable, in double quotes, at most 60 characters of it."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value[:60])
    return f'"{shown}…"' if len(value) > 60 else f'"{shown}"'


def _excerpt(line: str, column: int, width: int = 100) -> list[str]:
    start = max(0, column - width // 2)
    piece = "".join(c if c.isprintable() else " " for c in line[start : start + width])
    return [f"    {piece}", f"    {' ' * (column - start)}^"]
