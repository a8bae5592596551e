"""What an engine said about one outage, compared with what was expected. Only here is both known.

- *Time zero* is when the first symptom was seen that this fleet can see: a result, or a silent agent.
- An expected verdict counts when the fleet has what it names, and some visible phase hits it. One with
  `when: fleet has no …` counts when the fleet sees nothing of the scenario; then the others do not.
- It is judged once, at the latest of: its own time; two intervals and SETTLE after the first symptom of the
  newest phase that began by then and hits what it names; for a partial fault, when enough samples can have
  come (`sample_seconds`). It is right when the headline of an open incident names it (`expected` has the
  rules), or of a quiet one while no symptom is on, or none for longer than two intervals and SETTLE.
- No incident at all is right too when fewer than two agents or two probes could see the phase, or when it
  ends before enough samples came; so is then one that names just the probes in scope, in whatever words.
- `none` is right when nobody was paged. `ticket not page` in a qualifier: right as a ticket only.
- What follows from a cause, and is part of its incident, may be listed under the headline that names the
  cause, for as long as that fails itself.
- `right_headline`: all that count are right. `right_beside`: it is not, but of all that are not right what is
  expected stands beside what was named.
- A *surplus component* was in a headline, and no probe through it is hit by any phase.
- A *wrong page* names a component that is not right and shares no entity with an expected verdict of what has
  begun by then; of a compound, none that is probed. A network is the same entity whether it is where agents
  stand or where targets are. One that names just the probes of one phase is not wrong either: that is what
  is broken, if not all of it. In how many that are wrong the right one stands beside is counted apart.
- A *premature close* is one of an incident that had to do with the outage, before the last visible phase
  ended.
- The *wrong share* is of the time from the first opening to the end of the last visible phase: an incident is
  open, and none that is open names the expected verdict of that time, or the one after it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from vedette_collector.replay.expected import Matcher, Situation, entities, is_inside
from vedette_collector.replay.record import Event, Named, Run, Shown
from vedette_collector.replay.scenario import Expected, Scenario
from vedette_collector.replay.visible import Visible, is_partial, visible
from vedette_collector.replay.world import World
from vedette_collector.verdicts.component import Component, Entity, Kind, component
from vedette_collector.verdicts.topology import Stage

SETTLE: Final = 15.0  # seconds: a page settles, a timeout and its repeat take 11 s
_TICKET_ONLY: Final = "ticket not page"


class Judged(NamedTuple):
    expected: Expected
    at: float
    is_right: bool
    is_beside: bool = False


class Scored(NamedTuple):
    counts: list[Judged]
    right: bool
    beside: bool
    headline: str
    first_right: float | None
    surplus: list[str]
    wrong_pages: list[str]
    beside_pages: list[str]  # of these, with the right one beside it
    pages: int
    incidents: int
    premature: int
    wrong_share: float
    zero: float | None
    bound: float | None  # of the first visible phase; None: nothing is visible, or no number of samples does
    is_partial: bool
    quorum_after: float | None
    quorum_right: bool
    quorum_pages: int
    left_out: list[Expected]  # verdicts that have nothing to do with what is visible
    invisible: list[str]  # phases


def score(world: World, scenario: Scenario, run: Run, noise: float) -> Scored:
    return _Scoring(world, scenario, run, noise).scored()


class _Scoring:
    def __init__(self, world: World, scenario: Scenario, run: Run, noise: float) -> None:
        self._world = world
        self._run = run
        self._scenario = scenario
        self._match = Matcher(world)
        self._visible = [one for one in visible(world, scenario, run, noise) if one.scope]
        firsts = [one.first for one in self._visible if one.first is not None]
        self._zero = min(firsts, default=None)
        self._end = max((one.phase.end for one in self._visible), default=run.end)
        self._all = _union(one.scope for one in self._visible)
        self._counting = self._which_count()
        self._times = [at for at, _ in run.screens]
        self._shown_at = [sorted(one.when.values()) for one in self._visible]
        self._memo: dict[tuple[tuple[int, ...], int, tuple[Named, ...]], bool] = {}

    def scored(self) -> Scored:
        judged = [self._judge(one) for one in self._counting]
        run = self._run
        pages = [event for event in run.events if event.paged]
        wrong = [event for event in pages if self._is_wrong_page(event)]
        alarm = run.quorum.first
        first = self._visible[0] if self._visible else None
        return Scored(
            counts=judged,
            right=bool(judged) and all(one.is_right for one in judged),
            beside=self._is_beside_all(judged),
            headline=self._headline(judged),
            first_right=self._first_right(),
            surplus=self._surplus(),
            wrong_pages=[event.headline for event in wrong],
            beside_pages=[event.headline for event in wrong if self._is_page_beside(event)],
            pages=len(pages),
            incidents=sum(event.what == "opened" for event in run.events),
            premature=self._premature(),
            wrong_share=self._wrong_share(),
            zero=self._zero,
            bound=None if first is None or first.bound == float("inf") else first.bound,
            is_partial=first is not None and is_partial(first.phase),
            quorum_after=None if alarm is None or self._zero is None else alarm - self._zero,
            quorum_right=run.quorum.targets == self._blamable(),
            quorum_pages=run.quorum.pages,
            left_out=self._left_out(),
            invisible=[p.name for p in self._scenario.phases if p.name not in self._seen_names()],
        )

    def _seen_names(self) -> set[str]:
        return {one.phase.name for one in self._visible}

    # Which verdicts count

    def _which_count(self) -> list[Expected]:
        is_seen = bool(self._visible)
        found = []
        for one in self._scenario.expected:
            if one.when:
                counts = ("has no" in one.when) != is_seen
            elif one.kind == "none":
                counts = True
            else:
                counts = any(self._hits(visible, one) for visible in self._visible)
            if counts:
                found.append(one)
        if found or (is_seen and self._scenario.expected):
            return found
        return [Expected(at=0.0, kind="none", entities=("not-observable",))]

    def _left_out(self) -> list[Expected]:
        if not self._visible:
            return []
        return [one for one in self._scenario.expected if one not in self._counting and not one.when]

    def _hits(self, visible: Visible, expected: Expected) -> bool:
        """Whether the phase has to do with what is expected."""
        if expected.kind == "telemetry":
            return visible.phase.symptom.is_silence
        if expected.kind == "compound":
            # What a compound lists need not be entities: the phase that goes on at its time is meant.
            return visible.phase.begin <= expected.at + self._world.interval
        return any(
            self._world.extent(Component((part,)), None) & visible.scope
            for part in (*self._match.parts(expected), *self._match.acceptable(expected, visible.scope))
        )

    # Right or not

    def _judge(self, expected: Expected) -> Judged:
        if expected.kind == "none":
            return Judged(expected, expected.at, not any(event.paged for event in self._run.events))
        hitting = [one for one in self._visible if self._hits(one, expected) and one.first is not None]
        begun = [one for one in hitting if one.phase.begin <= expected.at] or hitting[:1]
        if not begun:
            return Judged(expected, expected.at, True)  # in scope, and nothing of it was drawn
        newest = max(begun, key=lambda one: one.phase.begin)
        first = newest.first or 0.0
        at = max(expected.at, first + max(self._granted, newest.bound + SETTLE))
        is_short = first + newest.bound > newest.phase.end
        if at > newest.phase.end:
            at = max(expected.at, newest.phase.end - 1.0)
        shown = self._open(at)
        is_right = any(self._names(expected, each, at) for each in shown)
        if not is_right and (is_short or self._is_hardly_seen(newest)):
            is_right = not shown or any(self._is_exact(each, at) for each in shown)
        if _TICKET_ONLY in expected.qualifier and any(event.paged for event in self._run.events):
            is_right = False
        is_beside = not is_right and any(self._stands_beside(expected, each, at) for each in shown)
        return Judged(expected, at, is_right, is_beside)

    @staticmethod
    def _is_beside_all(judged: list[Judged]) -> bool:
        wrong = [one for one in judged if not one.is_right]
        return bool(wrong) and all(one.is_beside for one in wrong)

    def _stands_beside(self, expected: Expected, shown: Shown, at: float) -> bool:
        return self._match.is_beside(expected, shown.named, self._situation(at))

    @property
    def _granted(self) -> float:
        """Seconds in which a verdict is to be right."""
        return 2 * self._world.interval + SETTLE

    def _open(self, at: float) -> list[Shown]:
        """Incidents that say that something is wrong at *at*; quiet ones while nothing is on for long."""
        place = bisect_right(self._times, at) - 1
        known = self._run.screens[place][1] if place >= 0 else ()
        lasted = (one.phase.since(at) for one in self._visible)
        is_lull = all(each is None or each < self._granted for each in lasted)
        return [each for each in known if each.state == "open" or (is_lull and each.state == "quiet")]

    def _names(self, expected: Expected, shown: Shown, at: float) -> bool:
        era = self._era(at)
        key = (era, id(expected), shown.named)
        if key not in self._memo:
            now = self._situation(at)
            cause = self._cause(expected, at)
            self._memo[key] = self._match.is_named(expected, shown.named, now) or (
                cause is not None
                and self._match.is_named(cause, shown.named, now)
                and self._match.is_listed(expected, shown.named, now)
            )
        return self._memo[key]

    def _cause(self, expected: Expected, at: float) -> Expected | None:
        """What it follows from, while that fails itself: a headline may go on to name it then."""
        place = next(n for n, one in enumerate(self._scenario.expected) if one is expected)
        if not expected.follows or not place:
            return None
        before = self._scenario.expected[place - 1]
        own = [one for one in self._visible if self._hits(one, before) and one.phase.begin <= before.at]
        return before if any(one.phase.is_on(at) for one in own) else None

    def _is_exact(self, shown: Shown, at: float) -> bool:
        now = self._situation(at)
        of_stage = [self._world.stage_masks[stage] for stage in Stage]
        stages = _union(mask for mask in of_stage if mask & now.scope)
        for named in shown.named:
            mine = self._world.extent(named.component, None)
            if is_inside(now.seen, mine) and is_inside(mine & stages, now.scope):
                return True
        return False

    def _is_hardly_seen(self, visible: Visible) -> bool:
        agents = sum(bool(mask & visible.scope) for mask in self._world.agent_masks)
        return agents < 2 or visible.scope.bit_count() < 2

    def _era(self, at: float) -> tuple[int, ...]:
        """Equal at two times of which the situation is the same."""
        counts = [bisect_right(times, at) for times in self._shown_at]
        begun = sum(one.phase.begin <= at for one in self._visible)
        return (begun, sum(one.phase.end <= at for one in self._visible), *counts)

    def _situation(self, at: float) -> Situation:
        now = [one for one in self._visible if one.phase.begin <= at < one.phase.end]
        if not now:
            over = [one for one in self._visible if one.phase.end <= at]
            now = over[-1:]
        seen = 0
        for one in now:
            shown = {which for which, when in one.when.items() if when <= at}
            if one.phase.symptom.is_silence:
                seen |= self._world.mask(p for p, agent in enumerate(self._world.agent_of) if agent in shown)
            else:
                seen |= self._world.mask(shown)
        return Situation(_union(one.scope for one in now), seen)

    def _current(self, at: float) -> list[Expected]:
        """The verdict of that time, and the one after it."""
        real = [one for one in self._counting if one.kind != "none"]
        place = max(sum(one.at <= at for one in real) - 1, 0)
        return real[place : place + 2]

    def _segments(self) -> Iterator[tuple[float, float, tuple[Shown, ...]]]:
        """Times in which neither what is shown nor what is the case changes, from time zero on."""
        if self._zero is None:
            return
        edges = {self._zero, self._end, *(at for at in self._times if self._zero < at < self._end)}
        for one in self._visible:
            phase = one.phase
            # Not all of what a phase hits is seen to fail at once.
            looks = (phase.begin, *(phase.begin + n * self._world.interval for n in (1, 3, 10)), phase.end)
            edges |= {each for each in looks if self._zero < each < self._end}
        edges |= {one.at for one in self._counting if self._zero < one.at < self._end}
        ordered = sorted(edges)
        for begin, end in pairwise(ordered):
            place = bisect_right(self._times, begin) - 1
            shown = self._run.screens[place][1] if place >= 0 else ()
            yield begin, end, tuple(each for each in shown if each.state == "open")

    def _first_right(self) -> float | None:
        for begin, _, shown in self._segments():
            if any(self._names(one, each, begin) for one in self._current(begin) for each in shown):
                return begin - (self._zero or 0.0)
        return None

    def _wrong_share(self) -> float:
        opened = next((begin for begin, _, shown in self._segments() if shown), None)
        if opened is None or opened >= self._end:
            return 0.0
        wrong = 0.0
        for begin, end, shown in self._segments():
            if shown and not any(
                self._names(one, each, begin) for one in self._current(begin) for each in shown
            ):
                wrong += end - begin
        return wrong / (self._end - opened)

    def _headline(self, judged: list[Judged]) -> str:
        """What stood there when the last verdict was judged, else the last that was said."""
        at = judged[-1].at if judged else self._end
        said = [event for event in self._run.events if event.at <= at and event.what != "closed"]
        for one in judged[-1:]:
            shown = {each.id for each in self._open(at) if self._names(one.expected, each, at)}
            said = [event for event in said if event.incident in shown] or said
        return said[-1].headline if said else (self._run.events[0].headline if self._run.events else "")

    # Surplus

    def _surplus(self) -> list[str]:
        named = dict.fromkeys(event.component for event in self._run.events if event.what != "closed")
        return [str(each) for each in named if not self._world.extent(each, None) & self._all]

    def _is_wrong_page(self, event: Event) -> bool:
        expected = [one for one in self._counting if one.kind != "none"]
        if any(_TICKET_ONLY in one.qualifier for one in expected):
            return True
        if not self._counting:  # what was expected, this fleet has not; what it sees may be told
            return not self._world.extent(event.component, None) & self._all
        mine = set(event.component.entities)
        begun = [each for each in self._visible if each.phase.begin <= event.at]
        expected = [one for one in expected if any(self._hits(each, one) for each in begun)]
        if any(mine & entities(one, self._match, self._all) for one in expected):
            return False
        if any(self._is_just(event.component, each) for each in begun):
            return False
        shown = self._shown_by(event)
        return not any(self._names(one, each, event.at) for one in expected for each in shown)

    def _is_page_beside(self, event: Event) -> bool:
        shown = self._shown_by(event)
        return any(self._stands_beside(one, each, event.at) for one in self._counting for each in shown)

    def _shown_by(self, event: Event) -> list[Shown]:
        place = bisect_right(self._times, event.at) - 1
        known = self._run.screens[place][1] if place >= 0 else ()
        return [each for each in known if each.id == event.incident]

    def _is_just(self, component: Component, visible: Visible) -> bool:
        """Whether it names the probes of one phase, no more and no fewer; never so of silent agents, of which
        all stages are."""
        return self._world.extent(component, visible.phase.symptom.stage) == visible.scope

    def _premature(self) -> int:
        related = {
            event.incident
            for event in self._run.events
            if self._world.extent(event.component, None) & self._all
        }
        return sum(
            event.what == "closed" and event.at < self._end and event.incident in related
            for event in self._run.events
        )

    def _blamable(self) -> set[str]:
        """Targets of phases that hit them from everywhere: what a quorum should find."""
        world = self._world
        hit = _union(
            one.scope
            for one in self._visible
            if not one.phase.symptom.is_silence and set(one.phase.scope.groups) <= {"target"}
        )
        return {
            target.name
            for target in world.fleet.targets
            if world.extent(component([Entity(Kind.TARGET, target.name)]), None) & hit
        }


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
