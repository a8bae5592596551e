"""One incident: what on-call reads. `incidents` decides about its life, `words` writes its sentences."""

from typing import Literal

from msgspec import Struct

from vedette_collector.verdicts.component import Component
from vedette_collector.verdicts.evidence import Finding

Severity = Literal["page", "ticket"]
State = Literal["open", "quiet", "closed"]  # quiet: nothing fails by now; it is held open


class Incident(Struct, kw_only=True):
    """All times are seconds since the Unix epoch by the corrected clock."""

    id: str  # stable, sortable by begin: YYYYMMDD-HHMM-<8 hexadecimal digits>
    state: State
    severity: Severity  # the highest that it ever had
    component: Component  # of the headline
    findings: dict[str, Finding]  # all that were folded into it, by text of the component; the last of each
    active: list[str]  # of these, which fail now; the one of the headline first
    began: float  # when the first of its failures was seen
    opened: float  # when it was said
    changed: float  # headline, state or severity
    quiet_since: float | None = None
    closed: float | None = None
    lulls: float = 0.0  # seconds of the longest time without failures so far
    reopened: int = 0  # times it went from quiet to open
    merged_into: str | None = None  # the incident that goes on instead: both were one fault
    frozen: bool = False  # our own telemetry is lost: what is said here is from before


class Change(Struct, frozen=True, kw_only=True):
    """What happened to an incident. `paged`: a person is woken by it."""

    what: Literal["opened", "updated", "quieted", "reopened", "closed"]
    incident: str
    at: float
    headline: str
    component: Component
    severity: Severity
    paged: bool = False
