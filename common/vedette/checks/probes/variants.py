"""The probes that one written check stands for: one for each server in its list, say."""

from typing import Generic, NamedTuple, TypeVar

from vedette.checks.problems import Path

P = TypeVar("P", covariant=True)


class Variant(NamedTuple, Generic[P]):
    """One of them: it runs as `NAME:SUFFIX`, or as `NAME` where the suffix is empty.

    A suffix is unique within its check, and of the form that `formats.suffix` takes.
    """

    suffix: str
    probe: P  # as written, changed so that it stands for this one alone
    path: Path  # where the file says it
