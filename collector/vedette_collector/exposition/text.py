"""The Prometheus text format: how names, labels and numbers are written.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from vedette.wire.messages import Phase, Result

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PAIR: Final = ("check", "agent", "target")  # labels of every series of a cell
_UNSAFE_VERSION: Final = re.compile(r"[^0-9A-Za-z.+_-]")
_VERSION_LENGTH: Final = 32


class Family(NamedTuple):
    """One metric name. `labels` and `note` are for the reference; `help` goes out with every scrape."""

    name: str
    kind: str  # gauge, counter, histogram
    help: str
    labels: tuple[str, ...] = ()
    note: str = ""

    @property
    def head(self) -> str:
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.kind}\n"


def escape(value: str) -> str:
    """A label value: backslash, quote and line feed are escaped, everything else stands for itself."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def labels(pairs: Iterable[tuple[str, str]]) -> str:
    """`a="x",b="y"`: what stands between the braces."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in pairs)


def safe_version(text: str) -> str:
    """A version as an agent names it, cut to what a version looks like: it becomes a label value."""
    return _UNSAFE_VERSION.sub("", text)[:_VERSION_LENGTH]


def seconds(us: int | None) -> float | None:
    return None if us is None else us / 1e6


class Series:
    """Collects the lines of one cell by family. Labels are from closed sets or the configuration."""

    __slots__ = ("blocks", "own")

    def __init__(self, own: str) -> None:
        self.own = own  # the labels of the cell, as `labels` writes them
        self.blocks: dict[str, str] = {}

    def gauge(self, name: str, value: float | None) -> None:
        """One series, or none where *value* is unknown."""
        if value is not None:
            self.blocks[name] = f"{name}{{{self.own}}} {value!r}\n"

    def info(self, name: str, label: str, value: str) -> None:
        """A series of value 1 whose *label* says it."""
        self.blocks[name] = f'{name}{{{self.own},{label}="{escape(value)}"}} 1\n'

    def spread(self, name: str, label: str, values: Iterable[tuple[str, float]]) -> None:
        """One series for each value of *label*."""
        lines = [f'{name}{{{self.own},{label}="{escape(of)}"}} {value!r}\n' for of, value in values]
        if lines:
            self.blocks[name] = "".join(lines)

    def phases(self, name: str, result: Result, phases: Iterable[Phase]) -> None:
        """The *phases* that *result* has, in seconds."""
        known = result.phases_us
        self.spread(name, "phase", [(phase, known[phase] / 1e6) for phase in phases if phase in known])
