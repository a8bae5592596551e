"""The life of incidents: one for each fault, from the first certain finding until it stays quiet.

- A finding joins an incident to which it is related (`related`), open or quiet; else it begins a case of its
  own, which becomes an incident when its headline has settled. `insufficient` findings do neither.
- The incident is *open* while a finding is active, then *quiet*, and *closed* when it stayed quiet for three
  times the time that it had lasted (at least 15 minutes, at most 12 hours): Dyn's waves of 2016 were 150
  minutes apart after 130, and 180 after 70, those of AWS in 2025 were 170 apart after 172. A related finding
  reopens it, under its id.
- It wakes somebody once, once more if it rises from ticket to page, and again if it returns after its alert
  had ended. The alert fires while a finding of its severity is active, and then for 15 minutes or three times
  the longest lull so far, at most an hour: flapping every few minutes is one alert, and nothing is muted.
- When a finding explains two incidents, the younger is closed and points to the other. One that paged
  survives one that did not, whatever their age, so that nobody is woken twice.
- While our own telemetry is lost, every other incident stands still: what cannot be seen neither opens nor
  ends.
- Wall clocks step back; durations here are of a clock that does not.
"""

from collections.abc import Iterable, Sequence

from vedette_collector.verdicts.case import Case, Moment, Settings, Thread
from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.evidence import Finding
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.folding import home, unions
from vedette_collector.verdicts.incident import Change, Incident
from vedette_collector.verdicts.life import merge, step
from vedette_collector.verdicts.severity import severity
from vedette_collector.verdicts.topology import Topology
from vedette_collector.verdicts.words import Report, report


class Incidents:
    """Deterministic: the order of findings does not matter, and ids come from what is known of the fault."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.all: dict[str, Incident] = {}
        self.next_at: float | None = None  # wall time at which time alone changes something
        self._settings = settings or Settings()
        self._cases: list[Case] = []
        self._topology: Topology | None = None
        self._extents: Extents | None = None
        self._skew = 0.0  # from the wall clock to the steady one
        self._steady: float | None = None
        self._frozen_since: float | None = None  # steady
        self._restored: list[Incident] = []

    @property
    def is_frozen(self) -> bool:
        return self._frozen_since is not None

    def open(self) -> list[Incident]:
        """Open and quiet ones: open first, pages first, then the newest."""
        found = [incident for incident in self.all.values() if incident.state != "closed"]
        return sorted(found, key=lambda each: (each.state, each.severity, -each.began, each.id))

    def is_alerting(self, incident: Incident, now: float) -> bool:
        """The value of its metric."""
        case = next((each for each in self._cases if each.incident is incident), None)
        if case is None:  # closed, or restored a moment ago
            since = incident.quiet_since if incident.quiet_since is not None else now
            return incident.state != "closed" and now - since <= self._settings.shortest_lull
        return case.is_acute or self._at(now) - case.acute <= case.lull(self._settings)

    def report(self, incident: Incident, now: float) -> Report:
        """All that is to be said of it."""
        case = next((each for each in self._cases if each.incident is incident), None)
        ends = None
        if case is not None and case.quiet_at is not None:
            ends = case.ends(self._settings) - self._skew
        return report(incident, now, self._extents, ends)

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Go on with what a store kept, before the first update. What was open stays so for a while."""
        for incident in sorted(incidents, key=lambda each: each.id):
            self.all[incident.id] = incident
            if incident.state != "closed":
                self._restored.append(incident)

    def update(self, findings: Sequence[Finding], now: float, topology: Topology) -> list[Change]:
        """Take what is found now, which may be nothing, and let time pass."""
        at = self._advance(now)
        if self._extents is None or topology is not self._topology:
            self._topology, self._extents = topology, Extents(topology)
        self._take_restored(at, now, self._extents)
        present = self._telling(findings)
        self._freeze(present, at)
        if self.is_frozen:
            present = [each for each in present if each.component.part(Kind.TELEMETRY) is not None]
        changes = self._decide(present, Moment(at, now, self._extents, self._settings))
        self._forget(now)
        self.next_at = self._next(at)
        return changes

    def _decide(self, present: list[Finding], now: Moment) -> list[Change]:
        found: dict[Case, set[str]] = {}
        joined: set[Case] = set()
        for finding in present:
            case = home(finding, self._cases, now)
            if case is None:
                if len(self._cases) >= self._room(finding, now):
                    continue
                case = Case(now.at, min(finding.began, now.wall))
                self._cases.append(case)
            found.setdefault(case, set()).add(str(finding.component))
            if case.see(finding, now.at, now.extents, self._settings):
                joined.add(case)
        moving = [case for case in self._cases if not self.is_frozen or case.is_telemetry(now.at)]
        for case in moving:
            case.miss(found.get(case, ()), now.at, now.extents)
        changes: list[Change | None] = []
        for first, other in unions(moving, now):
            changes.append(merge(first, other, now))
            moving.remove(other)
            self._cases.remove(other)
            joined.add(first)
        for case in moving:
            changes.append(step(case, now, has_joined=case in joined))
            case.prune(now.at, self._settings)
            if case.incident is not None:
                self.all[case.incident.id] = case.incident
        self._cases = [case for case in self._cases if not case.is_over(now.at)]
        return [each for each in changes if each is not None]

    def _room(self, finding: Finding, now: Moment) -> int:
        """Many tickets must not keep a page from being told."""
        is_page = severity(finding, now.extents) == "page"
        return self._settings.most_cases * (2 if is_page else 1)

    # Time

    def _at(self, now: float) -> float:
        return max(now + self._skew, self._steady if self._steady is not None else now + self._skew)

    def _advance(self, now: float) -> float:
        """The steady time: it goes with the wall clock, and stands still when that steps back."""
        if self._steady is not None and now + self._skew < self._steady:
            self._skew = self._steady - now
        self._steady = now + self._skew
        return self._steady

    def _next(self, at: float) -> float | None:
        settings = self._settings
        times: list[float] = []
        for case in self._cases:
            if self.is_frozen and not case.is_telemetry(at):
                continue
            times.extend(each for each in case.due(at, settings) if each > at)
            if case.incident is None:
                continue
            resolved = case.acute + case.lull(settings)
            if not case.is_acute and resolved > at:
                times.append(resolved)
            if case.quiet_at is not None:
                times.append(case.ends(settings))
        return min(times) - self._skew + 0.001 if times else None

    @staticmethod
    def _telling(findings: Sequence[Finding]) -> list[Finding]:
        """One for each component, the strongest first."""
        found: dict[str, Finding] = {}
        order = sorted(
            (each for each in findings if each.certainty != "insufficient"),
            key=lambda each: (each.track == "slow", -each.score, str(each.component), each.track),
        )
        for finding in order:
            found.setdefault(str(finding.component), finding)
        return list(found.values())

    # Our own telemetry

    def _freeze(self, present: list[Finding], at: float) -> None:
        """Stop or go on with everything else."""
        is_lost = any(each.component.part(Kind.TELEMETRY) is not None for each in present) or any(
            case.is_telemetry(at) for case in self._cases
        )
        if is_lost and self._frozen_since is None:
            self._frozen_since = at
        elif not is_lost and self._frozen_since is not None:
            for case in self._cases:
                if not any(thread.is_telemetry for thread in case.threads.values()):
                    case.resume(at, self._frozen_since)
            self._frozen_since = None
        for case in self._cases:
            if case.incident is not None:
                case.incident.frozen = self.is_frozen and not case.is_telemetry(at)

    # After a restart

    def _take_restored(self, at: float, now: float, extents: Extents) -> None:
        settings = self._settings
        for incident in self._restored:
            case = Case(at, incident.began)
            case.incident = incident
            for key, finding in incident.findings.items():
                thread = case.threads[key] = Thread(finding, at)
                thread.is_urgent = severity(finding, extents) == "page"
                thread.is_sure = not finding.rivals
                thread.grace = thread.grace_of(extents, settings)
                relearning = max(settings.relearn, 2.5 * thread.grace)
                case.not_before = max(case.not_before, at + relearning)
                # Nothing of it is known to be over before everything was probed again.
                thread.seen = (
                    at + relearning - thread.grace if key in incident.active else at - thread.grace - 1
                )
                if key == str(incident.component):
                    case.head = thread
            if incident.quiet_since is not None:
                case.quiet_at = at - max(now - incident.quiet_since, 0.0)
                case.acute = case.quiet_at
            else:
                case.is_acute = True
            self._cases.append(case)
        self._restored = []

    # Books

    def _forget(self, now: float) -> None:
        """Of closed ones keep the newest: their history is in the store."""
        closed = [each for each in self.all.values() if each.closed is not None and each.state == "closed"]
        closed.sort(key=lambda each: (-(each.closed or 0.0), each.id))
        for place, incident in enumerate(closed):
            is_old = now - (incident.closed or 0.0) > self._settings.kept_closed_seconds
            if is_old or place >= self._settings.kept_closed:
                del self.all[incident.id]
