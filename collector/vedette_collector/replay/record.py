"""What came out of one run: all that scoring sees of the engine. Times: seconds since the outage began."""

from typing import NamedTuple

from msgspec import Struct, field

from vedette_collector.verdicts.component import Component
from vedette_collector.verdicts.evidence import Certainty, Finding, Track
from vedette_collector.verdicts.incident import Severity, State


class Named(NamedTuple):
    """A component that an incident names at some time, the headline's first."""

    component: Component
    track: Track
    certainty: Certainty
    alternatives: tuple[Component, ...]
    rivals: tuple[Component, ...] = ()

    @classmethod
    def by(cls, told: Finding) -> "Named":
        return cls(told.component, told.track, told.certainty, told.alternatives, told.rivals)


class Shown(NamedTuple):
    """One incident that is not closed."""

    id: str
    state: State
    severity: Severity
    named: tuple[Named, ...]


class Event(NamedTuple):
    at: float
    what: str
    incident: str
    headline: str
    component: Component
    severity: Severity
    paged: bool


class Seen(Struct):
    """What a phase did to this fleet."""

    in_scope: int  # probes; agents where they fall silent
    first: float | None = None  # when the first symptom was seen
    when: dict[int, float] = field(default_factory=dict)  # each probe, or agent, showed it first

    def show(self, which: int, at: float) -> None:
        self.when[which] = min(at, self.when.get(which, at))
        self.first = at if self.first is None else min(at, self.first)


class Alarms(Struct):
    """What a majority quorum per target said."""

    first: float | None = None
    targets: set[str] = field(default_factory=set)
    pages: int = 0


class Run(Struct, kw_only=True):
    events: list[Event] = field(default_factory=list)
    screens: list[tuple[float, tuple[Shown, ...]]] = field(
        default_factory=list
    )  # from then on, what is shown
    seen: list[Seen] = field(default_factory=list)  # by phase
    quorum: Alarms = field(default_factory=Alarms)
    end: float = 0.0
    observations: int = 0
    decisions: int = 0
