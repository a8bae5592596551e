"""Which case a finding belongs to, and which cases turn out to be one."""

from vedette_collector.verdicts.case import Case, Moment
from vedette_collector.verdicts.evidence import Finding
from vedette_collector.verdicts.related import GROWING_SECONDS, Strength, is_inside, related


def home(finding: Finding, cases: list[Case], now: Moment) -> Case | None:
    """The case that has its component, else the one that it is related to most, of these the oldest."""
    key = str(finding.component)
    for case in cases:
        if key in case.threads:
            return case
    best, strength = None, Strength.NONE
    for case in sorted(cases, key=precedence):
        found = _relation(finding, case, now)
        if found > strength:
            best, strength = case, found
    return best


def unions(cases: list[Case], now: Moment) -> list[tuple[Case, Case]]:
    """Pairs that are one by now: the first goes on, the other is taken into it."""
    found: list[tuple[Case, Case]] = []
    gone: set[Case] = set()
    order = sorted(cases, key=precedence)
    for place, first in enumerate(order):
        if first in gone:
            continue
        for other in order[place + 1 :]:
            if other not in gone and _are_one(first, other, now):
                found.append((first, other))
                gone.add(other)
    return found


def precedence(case: Case) -> tuple[bool, bool, float, str]:
    """Who goes on when two become one: what was said, then what woke somebody, then the older."""
    incident = case.incident
    if incident is None:
        return (True, True, case.first_began, min(case.threads, default=""))
    return (False, incident.severity != "page", incident.began, incident.id)


def _relation(finding: Finding, case: Case, now: Moment) -> Strength:
    age = max(now.wall - case.began, 0.0) if case.incident is not None else now.at - case.born
    return max(
        (related(finding, thread.finding, age, now.extents) for thread in case.threads.values()),
        default=Strength.NONE,
    )


def _are_one(first: Case, other: Case, now: Moment) -> bool:
    if other.incident is None:
        return any(
            thread.is_present and _relation(thread.finding, first, now) for thread in other.threads.values()
        )
    return _explains(first, other, now) or _explains(other, first, now)


def _explains(broad: Case, narrow: Case, now: Moment) -> bool:
    """A finding of the one is there now, and all of the headline of the other goes through it."""
    head = narrow.head
    if head is None or now.wall - narrow.began > GROWING_SECONDS:
        return False
    return any(
        thread.is_present and is_inside(head.finding, thread.finding, now.extents)
        for thread in broad.threads.values()
    )
