"""The life of incidents: one for each fault, from the first certain finding until it stays quiet.

- A finding joins an incident to which it is related (`related`), open or quiet; else it begins a case of its
  own, which becomes an incident when its headline has settled. `insufficient` findings do neither.
- The incident is *open* while a finding is active, then *quiet*, and *closed* when it stayed quiet for twice
  the time that it had lasted (at least 15 minutes, at most 12 hours): Dyn's waves of 2016 were 150 minutes
  apart after 130, those of AWS in 2025 were 170 apart after 172. A related finding reopens it, under its id.
- It wakes somebody once, and once more if it rises from ticket to page. Its alert fires while a finding of
  its severity is active, and then for 15 minutes or three times the longest lull so far, at most an hour:
  flapping every few minutes is one alert. A second wave after that fires it again: nothing is muted.
- When a finding explains two incidents, the younger is closed and points to the other. One that paged
  survives one that did not, whatever their age, so that nobody is woken twice.
- While our own telemetry is lost, every other incident stands still: what cannot be seen neither opens nor
  ends.
- Wall clocks step back; durations here are of a clock that does not.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from vedette_collector.verdicts.case import Case, Settings, Thread
from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.evidence import Finding
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.incident import Change, Incident
from vedette_collector.verdicts.related import GROWING_SECONDS, Strength, is_inside, related
from vedette_collector.verdicts.severity import severity
from vedette_collector.verdicts.topology import Topology
from vedette_collector.verdicts.words import Report, headline, report

What = Literal["opened", "updated", "quieted", "reopened", "closed"]


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
            ends = max(case.quiet_at + case.hold(self._settings), case.not_before) - self._skew
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
        return self._decide(present, at, now, self._extents)

    def _decide(self, present: list[Finding], at: float, now: float, extents: Extents) -> list[Change]:
        changes: list[Change] = []
        keys: dict[Case, set[str]] = {}
        joined: set[Case] = set()
        for finding in present:
            case = self._home(finding, at, now, extents)
            if case is None:
                continue
            keys.setdefault(case, set()).add(str(finding.component))
            if case.see(finding, at, extents, self._settings):
                joined.add(case)
        moving = [case for case in self._cases if not self.is_frozen or case.is_telemetry(at)]
        for case in moving:
            case.miss(keys.get(case, ()), at, extents)
        for case in self._merged(moving, at, now, extents, changes):
            moving.remove(case)
        for case in moving:
            self._step(case, at, now, extents, changes, has_joined=case in joined)
        self._cases = [case for case in self._cases if not self._is_over(case, at)]
        self._forget(now)
        self.next_at = self._next(at)
        return changes

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
                times.append(max(case.quiet_at + case.hold(settings), case.not_before))
        return min(times) - self._skew + 0.001 if times else None

    # Which case

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

    def _home(self, finding: Finding, at: float, now: float, extents: Extents) -> Case | None:
        key = str(finding.component)
        for case in self._cases:
            if key in case.threads:
                return case
        best, strength = None, Strength.NONE
        for case in self._cases:
            found = self._relation(finding, case, at, now, extents)
            if found > strength or (
                found and found == strength and best is not None and _comes_first(case, best)
            ):
                best, strength = case, found
        if best is None and len(self._cases) < self._settings.most_cases:
            best = Case(at, min(finding.began, now))
            self._cases.append(best)
        return best

    @staticmethod
    def _relation(finding: Finding, case: Case, at: float, now: float, extents: Extents) -> Strength:
        age = max(now - case.began, 0.0) if case.incident is not None else at - case.born
        return max(
            (related(finding, thread.finding, age, extents) for thread in case.threads.values()),
            default=Strength.NONE,
        )

    def _merged(
        self, moving: list[Case], at: float, now: float, extents: Extents, changes: list[Change]
    ) -> list[Case]:
        """Join the cases that are one by now. Returns those that are gone."""
        gone: list[Case] = []
        order = sorted(moving, key=_precedence)
        for place, first in enumerate(order):
            if first in gone:
                continue
            for other in order[place + 1 :]:
                if other not in gone and self._are_one(first, other, at, now, extents):
                    self._absorb(first, other, at, now, changes)
                    gone.append(other)
        self._cases = [case for case in self._cases if case not in gone]
        return gone

    def _are_one(self, first: Case, other: Case, at: float, now: float, extents: Extents) -> bool:
        if other.incident is None:
            return any(
                thread.is_present and self._relation(thread.finding, first, at, now, extents)
                for thread in other.threads.values()
            )
        return self._explains(first, other, now, extents) or self._explains(other, first, now, extents)

    @staticmethod
    def _explains(broad: Case, narrow: Case, now: float, extents: Extents) -> bool:
        """A finding of the one is there now, and all of the headline of the other goes through it."""
        head = narrow.head
        if head is None or now - narrow.began > GROWING_SECONDS:
            return False
        return any(
            thread.is_present and is_inside(head.finding, thread.finding, extents)
            for thread in broad.threads.values()
        )

    def _absorb(self, first: Case, other: Case, at: float, now: float, changes: list[Change]) -> None:
        for key, thread in other.threads.items():
            if key not in first.threads:
                first.threads[key] = thread
        first.first_began = min(first.first_began, other.first_began)
        mine, theirs = first.incident, other.incident
        if theirs is None or mine is None:
            return
        mine.began = min(mine.began, theirs.began)
        theirs.state, theirs.closed, theirs.changed = "closed", now, now
        theirs.active, theirs.merged_into, theirs.frozen = [], mine.id, False
        changes.append(_change("closed", theirs, now))

    # Life

    def _step(
        self,
        case: Case,
        at: float,
        now: float,
        extents: Extents,
        changes: list[Change],
        *,
        has_joined: bool,
    ) -> None:
        incident = case.incident
        if incident is None:
            case.choose(at, extents, self._settings, at_once=True)
            if case.is_settled(at, self._settings):
                changes.append(self._open(case, at, now))
        elif incident.state == "open":
            self._go_on(case, incident, at, now, extents, changes, has_joined=has_joined)
        elif incident.state == "quiet":
            self._wait(case, incident, at, now, extents, changes)
        case.prune(at, self._settings)

    def _open(self, case: Case, at: float, now: float) -> Change:
        active = case.active(at)
        began = min(case.first_began, *(min(thread.finding.began, now) for thread in active))
        is_urgent = any(thread.is_urgent for thread in active if thread is case.head) or any(
            thread.urgent_held >= thread.settle(self._settings) for thread in active if thread.is_urgent
        )
        incident = case.incident = Incident(
            id=self._new_id(case, began, now),
            state="open",
            severity="page" if is_urgent else "ticket",
            component=case.component,
            findings={},
            active=[],
            began=began,
            opened=now,
            changed=now,
        )
        self._show(case, incident, at)
        self.all[incident.id] = incident
        return _change("opened", incident, now, paged=incident.severity == "page")

    def _go_on(
        self,
        case: Case,
        incident: Incident,
        at: float,
        now: float,
        extents: Extents,
        changes: list[Change],
        *,
        has_joined: bool,
    ) -> None:
        active = case.active(at)
        if not active:
            last = max(thread.seen for thread in case.threads.values())
            incident.state, incident.changed = "quiet", now
            incident.quiet_since = min(max(now - (at - last), incident.opened), now)
            case.quiet_at, case.is_acute = last, False
            incident.active = []
            changes.append(_change("quieted", incident, now))
            return
        before = incident.findings.get(str(incident.component))
        is_other = case.choose(at, extents, self._settings, at_once=False)
        is_risen = self._rise(case, incident, active)
        self._show(case, incident, at)
        after = incident.findings[str(incident.component)]
        is_surer = before is not None and before.certainty != after.certainty
        if is_other or is_risen or is_surer:
            incident.changed = now
        if is_other or is_risen or is_surer or has_joined:
            changes.append(_change("updated", incident, now, paged=is_risen))

    def _rise(self, case: Case, incident: Incident, active: list[Thread]) -> bool:
        if incident.severity == "page":
            return False
        if not any(each.is_urgent and each.urgent_held >= each.settle(self._settings) for each in active):
            return False
        incident.severity = "page"
        return True

    def _wait(
        self,
        case: Case,
        incident: Incident,
        at: float,
        now: float,
        extents: Extents,
        changes: list[Change],
    ) -> None:
        assert case.quiet_at is not None
        back = [
            each
            for each in case.threads.values()
            if each.is_present and each.held >= each.settle(self._settings)
        ]
        if back:
            incident.lulls = max(incident.lulls, at - case.quiet_at)
            incident.state, incident.quiet_since, incident.changed = "open", None, now
            incident.reopened += 1
            case.quiet_at = None
            case.choose(at, extents, self._settings, at_once=True)
            is_risen = self._rise(case, incident, back)
            self._show(case, incident, at)
            changes.append(_change("reopened", incident, now, paged=is_risen))
        elif at >= max(case.quiet_at + case.hold(self._settings), case.not_before):
            incident.state, incident.closed, incident.changed = "closed", now, now
            changes.append(_change("closed", incident, now))

    def _show(self, case: Case, incident: Incident, at: float) -> None:
        """Copy what the case came to into the incident."""
        active = case.active(at)
        incident.component = case.component
        for thread in case.threads.values():
            incident.findings[thread.key] = thread.finding
        for key in [key for key in incident.findings if key not in case.threads]:
            del incident.findings[key]
        incident.active = [thread.key for thread in active]
        case.is_acute = any(thread.is_urgent or incident.severity == "ticket" for thread in active)
        if case.is_acute:
            case.acute = at

    def _is_over(self, case: Case, at: float) -> bool:
        if case.incident is not None:
            return case.incident.state == "closed"
        return not case.active(at)

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

    def _new_id(self, case: Case, began: float, now: float) -> str:
        stamp = datetime.fromtimestamp(began, UTC).strftime("%Y%m%d-%H%M")
        salt = 0
        while True:
            text = f"{case.component}|{began:.3f}|{now:.3f}|{salt}"
            name = f"{stamp}-{sha256(text.encode()).hexdigest()[:8]}"
            if name not in self.all:
                return name
            salt += 1

    def _forget(self, now: float) -> None:
        """Of closed ones keep the newest: their history is in the store."""
        closed = [each for each in self.all.values() if each.closed is not None and each.state == "closed"]
        closed.sort(key=lambda each: (-(each.closed or 0.0), each.id))
        for place, incident in enumerate(closed):
            is_old = now - (incident.closed or 0.0) > self._settings.kept_closed_seconds
            if is_old or place >= self._settings.kept_closed:
                del self.all[incident.id]


def _change(what: What, incident: Incident, now: float, *, paged: bool = False) -> Change:
    return Change(
        what=what,
        incident=incident.id,
        at=now,
        headline=headline(incident),
        component=incident.component,
        severity=incident.severity,
        paged=paged,
    )


def _precedence(case: Case) -> tuple[bool, bool, float, str]:
    """Who goes on when two become one: what was said, then what woke somebody, then the older."""
    incident = case.incident
    if incident is None:
        return (True, True, case.first_began, min(case.threads, default=""))
    return (False, incident.severity != "page", incident.began, incident.id)


def _comes_first(one: Case, other: Case) -> bool:
    return _precedence(one) < _precedence(other)
