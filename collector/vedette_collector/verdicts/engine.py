"""Verdicts as one thing: observations in, findings, incidents and questions out. Knows no clock.

Nothing is counted twice: a failure that goes through a component that is blamed already is that component's,
and a look at everything is taken only when failures that nobody explains become too many for chance.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from vedette_collector.verdicts.alarms import Alarms
from vedette_collector.verdicts.answers import WAITING_SECONDS
from vedette_collector.verdicts.asking import Asking, to_agents
from vedette_collector.verdicts.evidence import Finding, Observation, Question, Track
from vedette_collector.verdicts.incident import Change, Incident
from vedette_collector.verdicts.incidents import Incidents
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.localize import localize
from vedette_collector.verdicts.members import Parts, Probe
from vedette_collector.verdicts.related import GROWING_SECONDS
from vedette_collector.verdicts.score import DEFAULTS, Settings
from vedette_collector.verdicts.silence import Silence, deaf, told_apart
from vedette_collector.verdicts.topology import Topology
from vedette_collector.verdicts.tracker import State, Tracker
from vedette_collector.verdicts.tracks import TRACKS

SOON: Final = 0.5  # seconds between two looks while something unexplained grows,
CALM: Final = 10.0  # while what fails is explained,
STEADY: Final = 30.0  # and while that has been so for STEADY_AFTER
STEADY_AFTER: Final = 600.0
MOST_NAMED: Final = 16  # incidents whose components are looked at first
NOISE_SECONDS: Final = 30.0  # between two measurements of what fails without a cause
NOISE_WEIGHT: Final = 0.1  # of the newest of them


class Decision(NamedTuple):
    findings: list[Finding]
    changes: list[Change]
    questions: list[Question]


class Engine:
    """`observe`, `gone` and `back` take in what happened; `decide`, when `next_at` is reached, what it means.

    `watched` are the probes (agent, check) of which also an ok matters; of all others it may be left out.
    Those of an agent that is gone are among them until the next decision.
    """

    def __init__(
        self, topology: Topology, settings: Settings = DEFAULTS, incidents: Incidents | None = None
    ) -> None:
        self.incidents = incidents or Incidents()
        self.watched: set[tuple[str, str]] = set()
        self._settings = settings
        self._index = Index(topology)
        self.tracker = Tracker(self._index, settings.memory)
        self._silence = Silence()
        self._deaf_since: float | None = None
        self._asking = Asking()
        self._fresh: list[Probe] = []
        self._left: set[int] = set()  # agents that are gone, and whose failures are not forgotten yet
        self._findings: list[Finding] = []
        self._looking_back: set[Track] = set()
        self._noise: dict[Track, tuple[float, float]] = {}
        self._noise_at = -1e18
        self._alarms = Alarms(self._index, settings)
        self._wanted: float | None = None
        self._is_look_due = False
        self._looked_at = -1e18
        self._same_since = -1e18

    @property
    def topology(self) -> Topology:
        return self._index.topology

    @property
    def next_at(self) -> float | None:
        """When `decide` has something to do, as far as known now. None: not before something happens."""
        times = [each for each in (self._wanted, self.incidents.next_at) if each is not None]
        return min(times, default=None)

    @property
    def named(self) -> list[Incident]:
        """Incidents that are not closed, MOST_NAMED of them: what they name fails, or may come back."""
        return self.incidents.open()[:MOST_NAMED]

    def arrange(self, topology: Topology) -> None:
        """Go on with another topology. What is known of probes that stay is kept."""
        self._forget_left()
        old = self._index
        self._index = index = Index(topology)
        for number, name in enumerate(old.agents):
            if old.present >> number & 1 and name in index.agent_number:
                index.set_present(index.agent_number[name], is_present=True)
        for check, mask in old.unseen.items():
            for agent in range(mask.bit_length()):
                if mask >> agent & 1:
                    probe = self._index.probe(old.agents[agent], old.checks[check])
                    if probe is not None:
                        index.set_seen(probe, is_seen=False)
        self.tracker = self.tracker.carry(index)
        self._asking.carry(old, index)
        self._silence.since = {
            name: at for name, at in self._silence.since.items() if name in index.agent_number
        }
        self._alarms = Alarms(index, self._settings)
        self._fresh, self._looking_back = [], set(TRACKS)
        self.watched = {self._names(probe) for probe in self.tracker.states}
        for check, mask in index.unseen.items():
            for agent in range(mask.bit_length()):
                if mask >> agent & 1:
                    self.watched.add(self._names((check, agent)))
        self._look(self._looked_at)

    def observe(self, seen: Observation) -> None:
        """Of an agent or check that is not in the topology: nothing."""
        probe = self._index.probe(seen.agent, seen.check)
        if probe is None:
            return
        if not self._index.present >> probe[1] & 1:
            self.back(seen.agent, seen.at)
        if seen.bypass is None and self._index.unseen.get(probe[0], 0) >> probe[1] & 1:
            self._index.set_seen(probe, is_seen=True)
        before = self.tracker.states.get(probe)
        was_failing = before is not None and before.is_failing
        changed = self.tracker.observe(probe, seen)
        state = self.tracker.states.get(probe)
        if state is None:
            self.watched.discard((seen.agent, seen.check))
            if was_failing:
                self._want(max(seen.at, self._looked_at + self._pace(seen.at)))
            if seen.asked and seen.at - self._looked_at <= WAITING_SECONDS:
                self._look(max(seen.at, self._looked_at + CALM))  # it may have been waited for
            return
        self.watched.add((seen.agent, seen.check))
        if not seen.ok and seen.bypass is None:
            self._failed(probe, state, seen, changed=changed)

    def _failed(self, probe: Probe, state: State, seen: Observation, *, changed: bool) -> None:
        if self.tracker.is_explained(state):
            if changed:
                self._want(max(seen.at, self._looked_at + self._pace(seen.at)))
            return
        if changed:
            self._fresh.append(probe)
            self._want(seen.at)
        if changed and self._alarms.newest(self.tracker, state, self._noise, seen.at):
            self._look(max(seen.at, self._looked_at + SOON))
        if self._alarms.recent(self.tracker, state, self._noise, seen.at):
            self._looking_back.add(state.track)
            self._look(max(seen.at, self._looked_at + self._pace(seen.at)))

    def asked(self, agent: str, checks: Iterable[str], at: float) -> None:
        """The question was put at *at*: an answer may come."""
        for check in checks:
            probe = self._index.probe(agent, check)
            if probe is not None:
                self.tracker.answers.ask(probe, at)

    def unknown(self, agent: str, check: str) -> None:
        """It has no result any more: it counts neither way until it has one again."""
        probe = self._index.probe(agent, check)
        if probe is None:
            return
        if probe[1] in self._left:
            self._forget_left()
        if self.tracker.forget(probe):
            self._want(self._looked_at + CALM)
        self._index.set_seen(probe, is_seen=False)
        self.watched.add((agent, check))

    def gone(self, agent: str, at: float) -> None:
        """It fell silent: *at* is when it was heard of last. Not for one that said that it stops."""
        self._leave(agent)
        if agent in self._index.agent_number:
            self._silence.since.setdefault(agent, at)
            self._look(self._looked_at + SOON)

    def stopped(self, agent: str) -> None:
        """It said goodbye: it is not there, and that is no sign of anything."""
        self._leave(agent)
        if self._silence.since.pop(agent, None) is not None:
            self._look(self._looked_at + SOON)

    def _leave(self, agent: str) -> None:
        number = self._index.agent_number.get(agent)
        if number is None:
            return
        self._left.add(number)
        self._index.set_present(number, is_present=False)
        for check, mask in list(self._index.unseen.items()):
            if mask >> number & 1:
                self._index.set_seen((check, number), is_seen=True)

    def _forget_left(self) -> None:
        """At once for all of them: hundreds fall silent in one moment."""
        if self._left:
            self.tracker.forget_agents(self._left)
            names = {self._index.agents[number] for number in self._left}
            self.watched = {each for each in self.watched if each[0] not in names}
            self._left.clear()

    def back(self, agent: str, at: float) -> None:
        """It is there, for the first time or again."""
        number = self._index.agent_number.get(agent)
        if number is None:
            return
        if number in self._left:
            self._forget_left()
        self._index.set_present(number, is_present=True)
        if self._silence.since.pop(agent, None) is not None:
            self._look(max(at, self._looked_at + SOON))

    def deaf(self, since: float | None) -> None:
        """Our own link to the agents is down since then; None: it stands again."""
        if (since is None) != (self._deaf_since is None):
            self._look(self._looked_at + SOON)
        self._deaf_since = since

    def decide(self, now: float) -> Decision:
        """What there is to say at *now*."""
        self._forget_left()
        due = self._wanted is not None and now >= self._wanted
        if due:
            self._wanted = None
            self.tracker.expire(now)
            if self._is_look_due or (self._findings and now >= self._looked_at + self._pace(now)):
                self._look_at_everything(now)
            self._measure(now)
        fresh, self._fresh = self._fresh, []
        fresh = [probe for probe in fresh if probe in self.tracker.states]
        asked = self._asking.probes(self._index, fresh, now) if fresh else []
        changes = self.incidents.update(self._findings, now, self._index.topology)
        if self._findings:
            self._want(self._looked_at + self._pace(now))
        return Decision(self._findings, changes, to_agents(self._index, asked))

    def _look_at_everything(self, now: float) -> None:
        self._is_look_due = False
        self._looked_at = now
        before = {str(each.component) for each in self._findings}
        if self._deaf_since is None:
            silent = self._silence.findings(self._index, now)
        else:
            silent = [deaf(self._index, self._deaf_since, now)]
        if any(each.component.kind == "telemetry" for each in silent):
            self._findings = silent
            self.tracker.explain(())
        else:
            known, settled = self._known(now)
            found = localize(
                self.tracker, now, self._noise, self._settings, self._looking_back, known, settled
            )
            self._looking_back = found.looked_back
            self.tracker.explain(found.parts, found.plain)
            self._findings = [*_merged(found.findings), *told_apart(silent, found.findings)]
            if found.findings and now - self._noise_at >= NOISE_SECONDS:
                # Not before a quiet time: what a fault leaves unexplained is no measure for a start.
                for track in found.noise.keys() & self._noise.keys():
                    self._smooth(track, found.noise[track])
                self._noise_at = now
        if {str(each.component) for each in self._findings} != before:
            self._same_since = now

    def _known(self, now: float) -> tuple[list[Parts], list[Parts]]:
        """What incidents name, and of this what growth beyond would be another incident.

        What fails when the alert has long ended is no failure of the old one.
        """
        known: list[Parts] = []
        settled: list[Parts] = []
        for incident in self.named:
            parts = self._index.parts(incident.component)
            if parts is not None:
                known.append(parts)
                if now - incident.began > GROWING_SECONDS and self.incidents.is_alerting(incident, now):
                    settled.append(parts)
        return known, settled

    def _measure(self, now: float) -> None:
        """Learn from quiet times how much fails without a cause."""
        if self._findings or now - self._noise_at < NOISE_SECONDS:
            return
        seconds = self.tracker.remembered_seconds(now)
        if seconds < self.tracker.memory_seconds / 2:
            return
        self._noise_at = now
        events: dict[Track, int] = dict.fromkeys(TRACKS, 0)
        for event in self.tracker.events:
            events[event.track] += event.is_counted  # what a fault explained is no measure of a quiet time
        for track in TRACKS:
            total = self._index.count(track)
            if total:
                expected = self._index.exposure(track) * seconds
                self._smooth(track, (len(self.tracker.failing[track]) / total, events[track] / expected))

    def _smooth(self, track: Track, measured: tuple[float, float]) -> None:
        before = self._noise.get(track, measured)
        self._noise[track] = (
            before[0] + NOISE_WEIGHT * (measured[0] - before[0]),
            before[1] + NOISE_WEIGHT * (measured[1] - before[1]),
        )

    def _pace(self, now: float) -> float:
        """Seconds between two looks: the longer nothing new was found, the longer."""
        same = now - self._same_since
        return min(max(SOON, same / 2), CALM) if same < STEADY_AFTER else STEADY

    def _look(self, at: float) -> None:
        self._is_look_due = True
        self._want(at)

    def _want(self, at: float) -> None:
        if self._wanted is None or at < self._wanted:
            self._wanted = at

    def _names(self, probe: Probe) -> tuple[str, str]:
        return self._index.agents[probe[1]], self._index.checks[probe[0]]


def _merged(findings: Sequence[Finding]) -> list[Finding]:
    """One for each component: the strongest, with the failure codes of all its tracks."""
    by_component: dict[str, list[Finding]] = {}
    for each in findings:
        by_component.setdefault(str(each.component), []).append(each)
    return [_together(same) for same in by_component.values()]


def _together(same: Iterable[Finding]) -> Finding:
    first, *others = sorted(same, key=lambda each: (each.track == "slow", -each.score))
    codes = dict(first.codes)
    for each in others:
        for code, count in each.codes:
            codes[code] = codes.get(code, 0) + count
    if not others:
        return first
    return replace(
        first,
        codes=tuple(sorted(codes.items(), key=lambda each: (-each[1], each[0]))),
        began=min(first.began, *(each.began for each in others)),
        last=max(first.last, *(each.last for each in others)),
        targets=tuple(sorted({*first.targets, *(name for each in others for name in each.targets)})),
    )
