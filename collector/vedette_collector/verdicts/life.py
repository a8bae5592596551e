"""One step in the life of a case: settle, go on, go quiet, come back, end."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from vedette_collector.verdicts.case import Case, Moment, Thread
from vedette_collector.verdicts.component import Component
from vedette_collector.verdicts.evidence import Finding
from vedette_collector.verdicts.incident import Change, Incident
from vedette_collector.verdicts.words import headline


def step(case: Case, now: Moment, *, has_joined: bool) -> Change | None:
    """What changed. *has_joined*: a component was found that the case did not know."""
    incident = case.incident
    if incident is None:
        case.choose(now.at, now.extents, now.settings, at_once=True)
        return _open(case, now) if case.is_settled(now.at, now.settings) else None
    if incident.state == "open":
        return _go_on(case, incident, now, has_joined=has_joined)
    return _wait(case, incident, now)


def merge(first: Case, other: Case, now: Moment) -> Change | None:
    """Take *other* into *first*. What changed, if it had been said."""
    for key, thread in other.threads.items():
        first.threads.setdefault(key, thread)
    first.first_began = min(first.first_began, other.first_began)
    mine, theirs = first.incident, other.incident
    if theirs is None or mine is None:
        return None
    mine.began = min(mine.began, theirs.began)
    theirs.state, theirs.closed, theirs.changed = "closed", now.wall, now.wall
    theirs.active, theirs.merged_into, theirs.frozen = [], mine.id, False
    return _change("closed", theirs, now)


def _open(case: Case, now: Moment) -> Change:
    active = case.active(now.at)
    began = min(case.first_began, *(min(thread.finding.began, now.wall) for thread in active))
    is_urgent = any(thread is case.head for thread in active if thread.is_urgent) or _is_urgent(active, now)
    incident = case.incident = Incident(
        id=_id(case, began, now),
        state="open",
        severity="page" if is_urgent else "ticket",
        component=case.component,
        findings={},
        active=[],
        began=began,
        opened=now.wall,
        changed=now.wall,
    )
    _show(case, incident, now)
    return _change("opened", incident, now, paged=incident.severity == "page")


def _go_on(case: Case, incident: Incident, now: Moment, *, has_joined: bool) -> Change | None:
    active = case.active(now.at)
    if not active:
        return _go_quiet(case, incident, now)
    before = incident.findings.get(str(incident.component))
    is_other = case.choose(now.at, now.extents, now.settings, at_once=False)
    is_risen = _rise(incident, active, now)
    _show(case, incident, now)
    after = incident.findings[str(incident.component)]
    is_surer = before is not None and _doubts(before) != _doubts(after)
    if is_other or is_risen or is_surer:
        incident.changed = now.wall
    if is_other or is_risen or is_surer or has_joined:
        return _change("updated", incident, now, paged=is_risen)
    return None


def _doubts(finding: Finding) -> frozenset[Component]:
    return frozenset((*finding.rivals, *finding.alternatives))


def _go_quiet(case: Case, incident: Incident, now: Moment) -> Change:
    last = max(thread.seen for thread in case.threads.values())
    incident.state, incident.changed, incident.active = "quiet", now.wall, []
    incident.quiet_since = min(max(now.wall - (now.at - last), incident.opened), now.wall)
    case.quiet_at, case.is_acute = last, False
    return _change("quieted", incident, now)


def _wait(case: Case, incident: Incident, now: Moment) -> Change | None:
    assert case.quiet_at is not None
    back = [
        each for each in case.threads.values() if each.is_present and each.held >= each.settle(now.settings)
    ]
    if back:
        # An alert that had ended fires again for it, and somebody is woken again.
        has_ended = now.at - case.acute > case.lull(now.settings)
        incident.lulls = max(incident.lulls, now.at - case.quiet_at)
        incident.state, incident.quiet_since, incident.changed = "open", None, now.wall
        incident.reopened += 1
        case.quiet_at = None
        case.choose(now.at, now.extents, now.settings, at_once=True)
        is_risen = _rise(incident, back, now)
        _show(case, incident, now)
        is_again = has_ended and incident.severity == "page" and _is_urgent(back, now)
        return _change("reopened", incident, now, paged=is_risen or is_again)
    if now.at >= case.ends(now.settings):
        incident.state, incident.closed, incident.changed = "closed", now.wall, now.wall
        return _change("closed", incident, now)
    return None


def _rise(incident: Incident, active: list[Thread], now: Moment) -> bool:
    """A ticket becomes a page once. It never falls back: who was woken wants to see it through."""
    if incident.severity == "page" or not _is_urgent(active, now):
        return False
    incident.severity = "page"
    return True


def _is_urgent(active: list[Thread], now: Moment) -> bool:
    return any(each.is_urgent and each.urgent_held >= each.settle(now.settings) for each in active)


def _show(case: Case, incident: Incident, now: Moment) -> None:
    """Copy what the case came to into the incident."""
    active = case.active(now.at)
    incident.component = case.component
    for thread in case.threads.values():
        incident.findings[thread.key] = thread.finding
        thread.tell(now.settings)
    for key in [key for key in incident.findings if key not in case.threads]:
        del incident.findings[key]
    incident.active = [thread.key for thread in active]
    case.is_acute = any(thread.is_urgent or incident.severity == "ticket" for thread in active)
    if case.is_acute:
        case.acute = now.at


def _id(case: Case, began: float, now: Moment) -> str:
    """From what is known of the fault: the same life has the same ids."""
    stamp = datetime.fromtimestamp(began, UTC).strftime("%Y%m%d-%H%M")
    known = f"{case.component}|{began:.3f}|{now.wall:.3f}|{now.at:.3f}"
    return f"{stamp}-{sha256(known.encode()).hexdigest()[:8]}"


def _change(
    what: Literal["opened", "updated", "quieted", "reopened", "closed"],
    incident: Incident,
    now: Moment,
    *,
    paged: bool = False,
) -> Change:
    return Change(
        what=what,
        incident=incident.id,
        at=now.wall,
        headline=headline(incident),
        component=incident.component,
        severity=incident.severity,
        paged=paged,
    )
