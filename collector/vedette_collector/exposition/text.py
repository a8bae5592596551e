"""The Prometheus text format: how names, labels and numbers are written.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
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
