"""What is known of incidents at one moment, for everybody who shows it: metrics, API, page. Plain facts.

The engine may be at work in another thread: readers have copies, made between two decisions.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from vedette_collector.asks import Asks
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.incident import Change, Incident, Severity
from vedette_collector.verdicts.topology import Topology

DECISIONS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)  # seconds, of the histogram
KEPT_CLOSED: Final = 500  # incidents
SEVERITIES: Final[tuple[Severity, ...]] = ("page", "ticket")


class Docket:
    """Written by the loop that decides."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}  # by id, the newest first
        self.alerting: frozenset[str] = frozenset()
        self.explained_checks: dict[str, str] = {}  # check to incident
        self.explained_agents: dict[str, str] = {}
        self.topology: Topology | None = None  # that of the last decision
        self.asks: Asks | None = None
        self.reached: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)  # incidents, since the store began
        self.decisions = [0] * (len(DECISIONS) + 1)  # by time of the processor; not cumulative
        self.decision_seconds = 0.0
        self.decision_errors = 0
        self.observed = 0
        self.decided_at: float | None = None  # wall
        self.due_since: float | None = None  # monotonic; None: nothing waits to be decided
        self._extents: tuple[Topology, Extents] | None = None

    @property
    def held(self) -> list[Incident]:
        """Open ones and those that are held for a return, the newest first."""
        return [each for each in self.incidents.values() if each.state != "closed"]

    @property
    def extents(self) -> Extents | None:
        """Of the topology."""
        if self.topology is None:
            return None
        if self._extents is None or self._extents[0] is not self.topology:
            self._extents = self.topology, Extents(self.topology)
        return self._extents[1]

    def take(self, known: Mapping[str, Incident]) -> bool:
        """Copy what the engine knows; what it forgot stays, up to a number. Whether anything is new."""
        before, found, closed = self.incidents, dict[str, Incident](), 0
        for name in sorted({*before, *known}, reverse=True):
            old, new = before.get(name), known.get(name)
            each = old if new is None or new == old else _copy(new)
            assert each is not None
            closed += each.state == "closed"
            if each.state != "closed" or closed <= KEPT_CLOSED:
                found[name] = each
        changed = found != before
        self.incidents = found
        return changed

    def count(self, change: Change) -> None:
        if change.what == "opened" or change.paged:
            self.reached[change.severity] += 1

    def decided(self, seconds: float, at: float) -> None:
        self.decisions[bisect_left(DECISIONS, seconds)] += 1
        self.decision_seconds += seconds
        self.decided_at = at
        self.due_since = None


def _copy(incident: Incident) -> Incident:
    """With what is in its findings: those are never changed."""
    return replace(incident, findings=dict(incident.findings), active=list(incident.active))
