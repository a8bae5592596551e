"""One incident as it is followed: findings through time, and which of them makes the headline.

A finding that is gone for a moment is not over: it stays active for an interval of its checks. A better
headline must stay the better one for some seconds before it is said. What looks like a cause at first sight
waits two seconds, because answers of other vantages are on their way; silent agents wait longer, because if
all are silent it is us, and they are missed one after another. So do targets of a network whose agents say
nothing of them: it may be dark as a whole. What was said without a doubt stays so.
"""

from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from vedette_collector.verdicts.component import Component, Kind
from vedette_collector.verdicts.evidence import Certainty, Finding
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.related import may_be_dark, outranks
from vedette_collector.verdicts.severity import severity

SOON: Final = 0.001  # seconds: it ends no earlier than in a moment


class Settings(Struct, frozen=True, kw_only=True):
    """Times in seconds."""

    page_settle: float = 2.0
    ticket_settle: float = 5.0
    silence_settle: float = 15.0
    dark_settle: float = 40.0  # agents that fell silent are missed after at most 35
    longest_settle: float = 10.0  # whatever the headline does: then the best so far is said
    headline_hold: float = 5.0
    headline_margin: float = 1.25  # of the score: a challenger that is hardly better changes nothing
    shortest_grace: float = 30.0
    longest_grace: float = 300.0
    shortest_lull: float = 900.0  # that the alert outlasts
    longest_lull: float = 3600.0  # an alert that nothing backs for an hour is no news of now
    shortest_hold: float = 900.0  # that a quiet incident can be reopened
    longest_hold: float = 12 * 3600.0
    relearn: float = 120.0  # after a restart: nothing of before is over that fast
    kept_closed: int = 200
    kept_closed_seconds: float = 24 * 3600.0
    most_cases: int = 300  # beyond, up to twice as many of what pages
    most_findings: int = 100  # of one incident


class Moment(NamedTuple):
    """What a decision is made by."""

    at: float  # by the steady clock
    wall: float
    extents: Extents
    settings: Settings


class Thread:
    """One component of a case through time. Times are of the steady clock of `Incidents`."""

    def __init__(self, finding: Finding, at: float) -> None:
        self.finding = finding
        self.key = str(finding.component)
        self.seen = at
        self.is_present = False
        self.is_superseded = False  # another finding explains what it explained
        self.is_urgent = False
        self.is_sure = False  # it was said when for a while it had had no rival
        self.clear_held = 0.0  # seconds in which it was there and had none
        self.may_be_dark = False
        self.held = 0.0  # seconds in which it was there, since it was last gone
        self.urgent_held = 0.0
        self.grace = 0.0
        self._advanced = at

    @property
    def is_telemetry(self) -> bool:
        return self.finding.component.part(Kind.TELEMETRY) is not None

    def see(self, finding: Finding, at: float, extents: Extents, settings: Settings) -> None:
        is_gone = at - self.seen > self.grace
        if is_gone:
            self.held = self.urgent_held = 0.0
        if is_gone or finding.track != self.finding.track:  # other failures may leave other doubts
            self.is_sure = False
        was_present, was_urgent, was_clear = self.is_present, self.is_urgent, not self.finding.rivals
        is_clear = not finding.rivals
        if self.is_sure and not is_clear:  # chance must not raise doubts again
            is_open = finding.alternatives or not finding.outside.total
            certainty: Certainty = "ambiguous" if is_open else "certain"
            finding = replace(finding, certainty=certainty, rivals=())
        self.finding, self.is_present, self.is_superseded = finding, True, False
        self.is_urgent = severity(finding, extents) == "page"
        self.may_be_dark = may_be_dark(finding, extents)
        passed = at - self._advanced if was_present else 0.0
        self.held += passed
        self.clear_held = self.clear_held + passed if is_clear and was_clear else 0.0
        self.urgent_held = self.urgent_held + passed if self.is_urgent and was_urgent else 0.0
        self.seen = self._advanced = at
        self.grace = self.grace_of(extents, settings)

    def tell(self, settings: Settings) -> None:
        """It is shown as it is."""
        if not self.finding.rivals and self.clear_held >= self.settle(settings):
            self.is_sure = True

    def miss(self, at: float) -> None:
        self.is_present = False
        self._advanced = at

    def grace_of(self, extents: Extents, settings: Settings) -> float:
        interval = extents.interval(self.finding.component) or 0.0
        return min(max(interval, settings.shortest_grace), settings.longest_grace)

    def is_active(self, at: float) -> bool:
        return self.is_present or (not self.is_superseded and at - self.seen <= self.grace)

    def settle(self, settings: Settings) -> float:
        if self.finding.track == "silence" and not self.is_telemetry:
            return settings.silence_settle
        if self.may_be_dark:
            return settings.dark_settle
        return settings.page_settle if self.is_urgent else settings.ticket_settle

    def resume(self, at: float) -> None:
        """After a time in which nothing could be seen: what was active still is."""
        self.seen = self._advanced = at

    def rank(self) -> tuple[bool, bool, bool, bool, float]:
        hard = self.finding.track != "slow"
        return (self.is_telemetry, self.is_present, self.is_urgent, hard, self.finding.score)


class Case:
    """Before it is settled it has no incident yet."""

    def __init__(self, at: float, began: float) -> None:
        self.incident: Incident | None = None
        self.threads: dict[str, Thread] = {}
        self.born = at
        self.first_began = began
        self.head: Thread | None = None
        self.acute = at  # when a finding of the severity of the incident was last active
        self.is_acute = False
        self.quiet_at: float | None = None
        self.not_before = -inf  # what ends by time ends later than this
        self._held = 0.0  # seconds in which any finding was there
        self._head_held_from = at
        self._challenger: tuple[str, float] | None = None
        self._advanced = at

    @property
    def began(self) -> float:
        return self.first_began if self.incident is None else self.incident.began

    def is_telemetry(self, at: float) -> bool:
        return any(thread.is_telemetry and thread.is_active(at) for thread in self.threads.values())

    def see(self, finding: Finding, at: float, extents: Extents, settings: Settings) -> bool:
        """Whether the component is new here."""
        key = str(finding.component)
        thread = self.threads.get(key)
        is_new = thread is None
        if thread is None:
            thread = self.threads[key] = Thread(finding, at)
        thread.see(finding, at, extents, settings)
        return is_new

    def miss(self, present: Iterable[str], at: float, extents: Extents) -> None:
        """Take note of what is no longer found. What a finding explains now is over at once."""
        here = set(present)
        found = [self.threads[key] for key in self.threads if key in here]
        for key, thread in self.threads.items():
            if key in here:
                continue
            thread.miss(at)
            if thread.is_active(at) and any(
                other.finding.track == thread.finding.track
                and extents.inside(thread.finding.component, other.finding.component)
                for other in found
            ):
                thread.is_superseded = True
        if self.threads and any(thread.is_present for thread in self.threads.values()):
            self._held += at - self._advanced
        self._advanced = at

    def active(self, at: float) -> list[Thread]:
        """The headline first, then by what they weigh."""
        found = [thread for thread in self.threads.values() if thread.is_active(at)]
        return sorted(found, key=lambda each: (each is not self.head, *_descending(each)))

    def is_settled(self, at: float, settings: Settings) -> bool:
        head = self.head
        if head is None or not head.is_present:
            return False
        needed = head.settle(settings)
        if min(head.held, at - self._head_held_from) >= needed:
            return True
        return self._held >= max(settings.longest_settle, needed) and head.held > 0

    def choose(self, at: float, extents: Extents, settings: Settings, *, at_once: bool) -> bool:
        """Find the headline. Whether it changed."""
        best = self._best(at, extents)
        if best is None or best is self.head:
            self._challenger = None
            return False
        head = self.head
        if head is None or not head.is_active(at) or at_once:
            return self._crown(best, at)
        if (
            best.rank()[:4] == head.rank()[:4]
            and best.finding.score < head.finding.score * settings.headline_margin
            and not outranks(best.finding, head.finding, extents)
        ):
            self._challenger = None
            return False
        if self._challenger is None or self._challenger[0] != best.key:
            self._challenger = (best.key, at)
        if at - self._challenger[1] >= settings.headline_hold:
            return self._crown(best, at)
        return False

    def _best(self, at: float, extents: Extents) -> Thread | None:
        active = self.active(at)
        if not active:
            return None
        best = min(active, key=_descending)
        for other in sorted(active, key=_descending):
            same = other.rank()[:3] == best.rank()[:3]
            if same and outranks(other.finding, best.finding, extents):
                best = other
        return best

    def _crown(self, thread: Thread, at: float) -> bool:
        self.head, self._head_held_from, self._challenger = thread, at, None
        return True

    def due(self, at: float, settings: Settings) -> list[float]:
        """Steady times at which something is to be decided, whatever is found."""
        times: list[float] = []
        waits = self.incident is None or self.quiet_at is not None
        for thread in self.threads.values():
            if thread.is_present:
                if waits:
                    times.append(at + max(thread.settle(settings) - thread.held, 0.0))
                elif thread.is_urgent and self.incident is not None and self.incident.severity == "ticket":
                    times.append(at + max(thread.settle(settings) - thread.urgent_held, 0.0))
            elif thread.is_active(at):
                times.append(max(thread.seen + thread.grace, at + SOON))
        if self._challenger is not None:
            times.append(self._challenger[1] + settings.headline_hold)
        return times

    @property
    def component(self) -> Component:
        assert self.head is not None
        return self.head.finding.component

    def resume(self, at: float, since: float) -> None:
        """Go on after nothing could be seen from *since* until *at*."""
        blind = at - since
        for thread in self.threads.values():
            if thread.is_active(since):
                thread.resume(at)
        self.acute += blind
        if self.quiet_at is not None:
            self.quiet_at += blind
        if self._challenger is not None:
            self._challenger = None
        self._advanced = at

    def lull(self, settings: Settings) -> float:
        """Seconds without failures that the alert outlasts."""
        longest = self.incident.lulls if self.incident is not None else 0.0
        return min(max(settings.shortest_lull, 3 * longest), settings.longest_lull)

    def hold(self, settings: Settings) -> float:
        """Seconds without failures after which it is closed."""
        incident = self.incident
        if incident is None or incident.quiet_since is None:
            return settings.longest_hold
        lasted = 3 * (incident.quiet_since - incident.began)
        return max(min(max(lasted, settings.shortest_hold), settings.longest_hold), self.lull(settings))

    def ends(self, settings: Settings) -> float:
        """Steady time at which a quiet one is closed."""
        since = inf if self.quiet_at is None else self.quiet_at
        return max(since + self.hold(settings), self.not_before)

    def is_over(self, at: float) -> bool:
        if self.incident is not None:
            return self.incident.state == "closed"
        return not self.active(at)

    def prune(self, at: float, settings: Settings) -> None:
        """Forget the findings that are over for longest, if there are too many."""
        if len(self.threads) <= settings.most_findings:
            return
        idle = [each for each in self.threads.values() if not each.is_active(at) and each is not self.head]
        for thread in sorted(idle, key=lambda each: (each.seen, each.key))[
            : len(self.threads) - settings.most_findings
        ]:
            del self.threads[thread.key]


def _descending(thread: Thread) -> tuple[float | str, ...]:
    """Sorts the strongest first, and equals by name."""
    return (*(-value for value in thread.rank()), thread.key)
