"""One measured figure, printed as one JSON object a line."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Line(Protocol):
    """What a group of figures yields."""

    def line(self) -> str:
        """One JSON object."""
        ...


@dataclass(frozen=True, kw_only=True)
class Figure:
    """*value* in *unit*; where there is a peer, its value for the same work in the same run."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    runs: int = 1  # value and peer_value are medians over so many runs
    spread: tuple[float, float] | None = None  # lowest and highest run of value
    note: str | None = None

    def line(self) -> str:
        fields: dict[str, object] = {"name": self.name, "value": _rounded(self.value), "unit": self.unit}
        if self.peer is not None and self.peer_value:
            fields |= {"peer": self.peer, "peer_value": _rounded(self.peer_value)}
            fields["ratio"] = _rounded(self.value / self.peer_value)
        fields["runs"] = self.runs
        if self.spread is not None:
            fields["spread"] = [_rounded(v) for v in self.spread]
        if self.note is not None:
            fields["note"] = self.note
        return json.dumps(fields)


def median_figure(
    name: str,
    values: Sequence[float],
    unit: str,
    peer: str | None = None,
    peer_values: Sequence[float] = (),
    note: str | None = None,
) -> Figure:
    return Figure(
        name=name,
        value=statistics.median(values),
        unit=unit,
        peer=peer,
        peer_value=statistics.median(peer_values) if peer_values else None,
        runs=len(values),
        spread=(min(values), max(values)) if len(values) > 1 else None,
        note=note,
    )


def _rounded(value: float) -> float:
    """Four significant digits: more would claim a precision that no run here has."""
    return float(f"{value:.4g}")
