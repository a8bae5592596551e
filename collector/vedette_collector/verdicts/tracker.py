"""What each probe said last, as far as it was not ok, and the failures of the last intervals.

A probe is *suspect* after one failure and *failing* after two in a row: the repeat that its agent makes at
once, or the next interval. Two windows are kept. The newest result of each probe says what is broken now;
first attempts over some intervals say what fails now and then, which no newest result shows.
"""

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain, islice
from statistics import harmonic_mean
from typing import Final

from vedette_collector.verdicts.answers import Answer, Answers, Around
from vedette_collector.verdicts.evidence import Bypass, Observation, Track
from vedette_collector.verdicts.failures import Failures, Results, Through
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.members import Parts, Path, Probe
from vedette_collector.verdicts.tracks import TRACKS

TURN: Final = 0.5  # intervals that are at least between two turns of one probe, whatever its agent says
MOST_EVENTS: Final = 100_000  # in the longer window, some 30 MB: beyond, the oldest are forgotten sooner


class State:
    """Of a probe whose newest result is not ok."""

    __slots__ = (
        "bypasses",
        "code",
        "entities",
        "is_asked",
        "is_counted",
        "is_failing",
        "last",
        "path",
        "probe",
        "since",
        "track",
    )

    def __init__(
        self, at: float, probe: Probe, track: Track, code: str, path: Path, *, is_asked: bool
    ) -> None:
        self.probe = probe
        self.since = at
        self.last = at
        self.code = code
        self.track = track
        self.path = path
        self.entities = _flat(path)
        self.is_asked = is_asked  # it did not fail in its own turn yet
        self.is_failing = False
        self.is_counted = False  # among the failing ones that nobody explains
        self.bypasses: dict[Bypass, bool] = {}  # whether that way worked


class Event:
    """A first attempt that failed, in its own turn."""

    __slots__ = ("code", "entities", "is_counted", "is_settled", "path", "probe", "since", "track")
    is_asked = False

    def __init__(
        self, at: float, probe: Probe, track: Track, code: str, path: Path, entities: tuple[int, ...]
    ) -> None:
        self.since = at
        self.probe = probe
        self.track = track
        self.code = code
        self.path = path
        self.entities = entities  # those of its path: the same object for many events
        self.is_counted = False  # among those that nobody explains
        self.is_settled = False  # of a fault that the newest results told: it says nothing about another one


def track_of(code: str) -> Track:
    layer, _, cause = code.partition(".")
    if cause == "slow":
        return "slow"
    return "dns" if layer == "dns" else "connection"


class Tracker:
    def __init__(self, index: Index, memory: float, most: int = MOST_EVENTS) -> None:
        """*memory*: intervals that are remembered, but not more than *most* first attempts."""
        self.index = index
        self._memory = memory
        self._most = most
        self.states: dict[Probe, State] = {}
        self.suspects: set[Probe] = set()  # those of them that are not failing
        self.failing: dict[Track, dict[Probe, State]] = {track: {} for track in TRACKS}
        self.events: deque[Event] = deque()
        self._turns: dict[Probe, float] = {}  # when the newest event of a probe was
        # By entity, what nobody explains: probes that fail, and events.
        self.counts: dict[Track, Counter[int]] = {track: Counter() for track in TRACKS}
        self.recent: dict[Track, Counter[int]] = {track: Counter() for track in TRACKS}
        self.blamed: list[tuple[Track, Parts]] = []  # by the last decision
        self._explained: dict[Track, Through] = {track: Through() for track in TRACKS}
        self._settled: dict[Track, Through] = {track: Through() for track in TRACKS}
        self.answers = Answers()
        self.interval = _usual(index.intervals)
        self.memory_seconds = memory * self.interval
        self.heard_since: float | None = None
        self.forgotten_until = float("-inf")  # of the newest event that was dropped

    def observe(self, probe: Probe, seen: Observation) -> bool:
        """Take *seen* in. True when a probe began to fail, failed in another way, or recovered."""
        if self.heard_since is None:
            self.heard_since = seen.at
        if seen.bypass is not None:
            state = self.states.get(probe)
            if state is not None:
                state.bypasses[seen.bypass] = seen.ok
            return False
        if seen.asked:
            self.answers.give(probe, seen.at, is_ok=seen.ok)
        if seen.ok:
            return self.forget(probe)
        return self._failed(probe, seen)

    def _failed(self, probe: Probe, seen: Observation) -> bool:
        track = track_of(seen.code)
        state = self.states.get(probe)
        if state is not None and not seen.asked and seen.attempt == 1:
            state.is_asked = False  # the repeat of what was asked for is no turn of its own
        if state is not None and state.code == seen.code:
            state.last = max(state.last, seen.at)
        else:
            path = self.index.through(probe, track, seen.code)
            if state is None:
                state = self.states[probe] = State(
                    seen.at, probe, track, seen.code, path, is_asked=seen.asked
                )
                self.suspects.add(probe)
                self._remember(probe, state, seen)
                return False
            if state.is_failing:
                self._uncount(probe, state)
            state.last, state.code = max(state.last, seen.at), seen.code
            if (state.track, state.path) != (track, path):
                state.track, state.path, state.entities = track, path, _flat(path)
            if state.is_failing:
                self._count(probe, state)
        self._remember(probe, state, seen)
        if state.is_failing:
            return False
        state.is_failing = True
        self.suspects.discard(probe)
        self._count(probe, state)
        return True

    def _remember(self, probe: Probe, state: State, seen: Observation) -> None:
        # What was asked for, and what was repeated, was chosen because of other failures: it is no sample.
        if seen.attempt > 1 or seen.asked:
            return
        turn = self._turns.get(probe)
        if turn is not None and seen.at < turn + TURN * self.index.intervals[probe[0]]:
            return
        self._turns[probe] = seen.at
        event = Event(seen.at, probe, state.track, state.code, state.path, state.entities)
        if self.events and event.since < self.events[-1].since:
            insort(self.events, event, key=_since)  # agents are late by as much as they like
        else:
            self.events.append(event)
        event.is_settled = self._settled[event.track](event.entities)
        if not self.is_explained(event):
            event.is_counted = True
            _add(self.recent[event.track], event.entities, 1)
        if len(self.events) > self._most:
            self._forget([self.events.popleft()])

    def _count(self, probe: Probe, state: State) -> None:
        self.failing[state.track][probe] = state
        if not self.is_explained(state):
            state.is_counted = True
            _add(self.counts[state.track], state.entities, 1)

    def _uncount(self, probe: Probe, state: State) -> None:
        del self.failing[state.track][probe]
        if state.is_counted:
            state.is_counted = False
            _add(self.counts[state.track], state.entities, -1)

    def explain(
        self, explained: Sequence[tuple[Track, Parts]], plain: Sequence[tuple[Track, Parts]] = ()
    ) -> None:
        """Whose failures these are is known: they are not counted among those that nobody explains.

        Those of them that are *plain* are clear from the newest results, so that the longer windows need not
        look for them, neither now nor when it is over.
        """
        new = [each for each in explained if each not in self.blamed]
        self.blamed = list(explained)
        self._explained = {
            track: Through(parts for other, parts in explained if other == track) for track in TRACKS
        }
        self._settled = {
            track: Through(parts for other, parts in plain if other == track) for track in TRACKS
        }
        for track, counts in self.counts.items():
            counts.clear()
            is_explained = self._explained[track]
            for state in self.failing[track].values():
                state.is_counted = not is_explained(state.entities)
                if state.is_counted:
                    _add(counts, state.entities, 1)
        if new:  # events of the others were told apart when they came
            self._explain_events()

    def _explain_events(self) -> None:
        explained, settled = self._explained, self._settled
        counted = []
        for event in self.events:
            if (event.is_settled and not event.is_counted) or not explained[event.track](event.entities):
                continue
            if event.is_counted:
                event.is_counted = False
                counted.append(event)
            event.is_settled = event.is_settled or settled[event.track](event.entities)
        self._uncount_events(counted)

    def is_explained(self, each: State | Event) -> bool:
        return self._explained[each.track](each.entities)

    def forget(self, probe: Probe) -> bool:
        """It is ok, or nothing is known of it. True when it was failing."""
        state = self.states.pop(probe, None)
        if state is None:
            return False
        if not state.is_failing:
            self.suspects.discard(probe)
            return False
        self._uncount(probe, state)
        return True

    def forget_agents(self, agents: Container[int]) -> None:
        for probe in [each for each in self.states if each[1] in agents]:
            self.forget(probe)
        self._uncount_events(event for event in self.events if event.probe[1] in agents and event.is_counted)
        self.events = deque(event for event in self.events if event.probe[1] not in agents)
        self._turns = {probe: at for probe, at in self._turns.items() if probe[1] not in agents}

    def expire(self, now: float) -> None:
        """Drop what is older than the memory."""
        until = now - self.memory_seconds
        old = []
        while self.events and self.events[0].since < until:
            old.append(self.events.popleft())
        if old:
            self._forget(old)
        self.answers.expire(self.index, now)

    def _forget(self, old: Sequence[Event]) -> None:
        self.forgotten_until = max(self.forgotten_until, old[-1].since)
        for event in old:
            if self._turns.get(event.probe, event.since) <= event.since:
                self._turns.pop(event.probe, None)
        self._uncount_events(event for event in old if event.is_counted)

    def _uncount_events(self, events: Iterable[Event]) -> None:
        """They are not among those that nobody explains, or not any more."""
        by_track: dict[Track, list[tuple[int, ...]]] = {track: [] for track in TRACKS}
        for event in events:
            by_track[event.track].append(event.entities)
        for track, recent in self.recent.items():
            for entity, number in Counter(chain.from_iterable(by_track[track])).items():
                recent[entity] -= number

    def remembered_seconds(self, now: float) -> float:
        """The length of the longer window: shorter than the memory soon after the start, and when very much
        fails."""
        if self.heard_since is None:
            return 0.0
        since = max(self.heard_since, self.forgotten_until)
        return min(self.memory_seconds, max(now - since, 0.0))

    def newest(self, track: Track) -> Failures[State]:
        """The shorter window: probes that fail now."""
        return Failures(self.failing[track].values())

    def around(self, track: Track, now: float) -> Around:
        """What of the newest results is neither a failure nor a success like others."""
        states = self.states
        suspects = [states[probe] for probe in self.suspects if states[probe].track == track]
        return Around(
            now,
            Results(self._answers(track, self.answers.worked())),
            Results(
                [*self._answers(track, self.answers.waiting()), *(each for each in suspects if each.is_asked)]
            ),
            Results(each for each in suspects if not each.is_asked),
        )

    def _answers(self, track: Track, probes: Iterable[tuple[Probe, float]]) -> Iterator[Answer]:
        index = self.index
        for probe, at in probes:
            if probe not in self.states and index.is_on(track, probe):
                yield Answer(index.through(probe, track), at)

    def remembered(self, track: Track, since: float) -> Failures[Event]:
        """A longer window: first attempts that failed since then."""
        events = islice(self.events, bisect_left(self.events, since, key=_since), None)
        return Failures(event for event in events if event.track == track and not event.is_settled)

    def carry(self, index: Index) -> "Tracker":
        """The same knowledge in another topology; what is not in it is forgotten."""
        new = Tracker(index, self._memory, self._most)
        new.heard_since, new.forgotten_until = self.heard_since, self.forgotten_until
        moved: dict[Probe, Probe | None] = {}

        def place(probe: Probe) -> Probe | None:
            if probe not in moved:
                check, agent = probe
                moved[probe] = index.probe(self.index.agents[agent], self.index.checks[check])
            return moved[probe]

        for probe, state in self.states.items():
            there = place(probe)
            if there is None:
                continue
            copy = State(
                state.since,
                there,
                state.track,
                state.code,
                index.through(there, state.track, state.code),
                is_asked=state.is_asked,
            )
            copy.last, copy.bypasses = state.last, state.bypasses
            new.states[there] = copy
            if state.is_failing:
                copy.is_failing = True
                new._count(there, copy)
            else:
                new.suspects.add(there)
        new.answers = self.answers.carry(place)
        for event in self.events:
            there = place(event.probe)
            if there is not None:
                path = index.through(there, event.track, event.code)
                moved_event = Event(event.since, there, event.track, event.code, path, _flat(path))
                moved_event.is_counted, moved_event.is_settled = event.is_counted, event.is_settled
                new.events.append(moved_event)
                new._turns[there] = event.since
                if event.is_counted:
                    _add(new.recent[event.track], moved_event.entities, 1)
        return new


def _flat(path: Path) -> tuple[int, ...]:
    return tuple(chain.from_iterable(path))


def _add(counts: Counter[int], entities: tuple[int, ...], number: int) -> None:
    for entity in entities:
        counts[entity] += number


def _since(event: Event) -> float:
    return event.since


def _usual(intervals: list[float]) -> float:
    """Seconds from one result of a check to the next, over all of them: many that are run once an hour do
    not make the memory of those that are run every ten seconds a day long."""
    return round(harmonic_mean(intervals), 3) if intervals else 30.0
