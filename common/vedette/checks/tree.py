"""What YAML text is read into: nodes that know their places. Whoever only reads them needs no YAML."""

from dataclasses import dataclass

from vedette.checks.problems import Mark


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    mark: Mark
    value: str | int | float | bool | None
    text: str  # as it was written, without quotes


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    mark: Mark
    items: "list[Node]"


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """Pairs as they were written: a key may occur twice here, and the reader says so."""

    mark: Mark
    pairs: "list[tuple[Scalar, Node]]"


Node = Scalar | Sequence | Mapping
