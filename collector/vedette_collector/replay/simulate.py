"""Virtual time: probes run, symptoms hit some of them, and the engine hears what a collector would hear.

What is simulated, and how:

- Each probe has its place in the interval, fixed for a run. A timeout takes 5 s (the interval, where that is
  shorter), everything else no time.
- In scope of a phase that is on, a probe fails with the phase's `fraction`, each time drawn anew. Of two
  symptoms that of the lower layer counts. Beside that every probe fails with the probability `noise`.
- A first failure is repeated 0.2 to 0.5 s later, drawn anew, unless the answer to a question says before
  whether it lasts. After a second one in a row other ways are tried within a second: a second resolver and
  the other family as their own probes would do, the name servers directly (works for bogus answers, and where
  the resolver has a say in who is hit), without validation (works for bogus answers), the last good address
  (as the probe itself).
- Questions of the engine are answered after 0.3 to 1 s, drawn anew. Agents have budgets for answers and for
  repeats.
- A silent agent goes on probing and is not heard. It was heard of last up to 10 s before (a heartbeat); 35 s
  later it counts as gone. It comes back within 10 s after the end; what it kept comes late and is not live.
- The engine looks when it wants to, at most twice a second.

Only what can change something is made: an ok of a probe that is ok is left out, as the engine allows.
"""

import math
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from vedette.wire.failure import FAILURE_CODES
from vedette_collector.bucket import Bucket
from vedette_collector.replay import configuration
from vedette_collector.replay.chance import Chance, Hit
from vedette_collector.replay.draw import Failures
from vedette_collector.replay.quorum import Quorum
from vedette_collector.replay.record import Event, Named, Run, Seen, Shown
from vedette_collector.replay.scenario import Phase
from vedette_collector.replay.silence import spells, turns
from vedette_collector.replay.world import World
from vedette_collector.verdicts.engine import Engine
from vedette_collector.verdicts.evidence import Bypass, Observation, Question
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.topology import Stage

EPOCH: Final = 1_900_000_000.0  # of the begin of every outage: the engine learns nothing from the date
WARM_UP: Final = 20  # intervals of noise alone before it
AFTER: Final = 1800.0  # seconds that are watched after the last symptom
# As agents have them: seconds from a failure to its repeat, at least, and by which repeats are apart; repeats
# and answers a second, and at once.
DELAY: Final = 0.2
SPREAD: Final = 0.3
REPEATS: Final = (20.0, 100.0)
ANSWERS: Final = (2.0, 64.0)
GAP: Final = 0.5  # seconds between two looks, at least: as the collector has it

_SLOWLY: Final = frozenset(code for code in FAILURE_CODES if code.endswith(".timeout"))
_NOISE_RANK: Final = 8  # symptoms of phases come first, by layer
_RECHECK_RANK: Final = 9

_Entry = tuple[float, int, int, Callable[..., None], tuple[Any, ...]]


class Simulation:
    """One outage, seen by one fleet. `run` is called once."""

    def __init__(
        self, world: World, phases: tuple[Phase, ...], noise: float, seed: str, until: float = 0.0
    ) -> None:
        """*until*: seconds after the begin that are played in any case."""
        self.engine = Engine(world.topology)
        self._world = world
        self._random = Random(seed)  # noqa: S311 - the same seed must give the same run
        self._quorum = Quorum(world)
        self._result = Run(quorum=self._quorum.alarms)
        self._names = [
            (world.fleet.agents[agent].name, world.checks[check])
            for agent, check in zip(world.agent_of, world.check_of, strict=True)
        ]
        self._stages = [world.stage_of(check) for check in world.check_of]
        self._chance = Chance(self._stages, noise, self._random)
        count = len(world)
        self._red = bytearray(count)  # failures in a row, as the agent knows, at most two
        self._is_awaited = bytearray(count)  # a repeat
        self._heard = bytearray(count)  # failures in a row that were heard, at most two
        self._is_rechecked = bytearray(count)
        self._turn = [-(1 << 40)] * count  # of the last failure that was due
        self._is_mute = bytearray(len(world.fleet.agents))
        self._repeats = [Bucket(*REPEATS) for _ in world.fleet.agents]
        self._answers = [Bucket(*ANSWERS) for _ in world.fleet.agents]
        self._heap: list[_Entry] = []
        self._number = 0
        self._due = math.inf
        self._looked = -math.inf
        self._timeout = min(configuration.TIMEOUT, world.interval)
        self._begin = -WARM_UP * world.interval
        self._end = max([until, *(phase.end + AFTER for phase in phases if phase.symptom.is_visible)])
        self._screen: tuple[object, ...] = ()
        self._offsets = [self._random.random() * world.interval for _ in range(count)]
        self._schedule_noise(noise)
        self._schedule(phases)

    def _schedule_noise(self, noise: float) -> None:
        order = sorted(range(len(self._world)), key=self._offsets.__getitem__)
        self._stream(self._failures(order, noise, self._begin, self._end), None, _NOISE_RANK)

    def _schedule(self, phases: tuple[Phase, ...]) -> None:
        silent: dict[int, list[tuple[float, float]]] = {}
        for phase in phases:
            seen = Seen(in_scope=0)
            self._result.seen.append(seen)
            if phase.symptom.is_silence:
                self._silence(phase, seen, silent)
            elif phase.symptom.is_visible:
                self._hit(phase, seen)
        for agent, of_agent in silent.items():
            for turn in turns(agent, of_agent, self._random):
                self._push(turn.at, 0, self._change_voice, turn.agent, turn.what, turn.heard)

    def _silence(self, phase: Phase, seen: Seen, silent: dict[int, list[tuple[float, float]]]) -> None:
        agents = self._world.agents(phase.scope)
        seen.in_scope = len(agents)
        for agent in agents:
            found = spells(phase, self._random)
            silent.setdefault(agent, []).extend(found)
            if found:
                seen.show(agent, found[0][0])

    def _hit(self, phase: Phase, seen: Seen) -> None:
        probes = self._world.probes(phase.scope, phase.symptom.stage)
        seen.in_scope = len(probes)
        probes.sort(key=self._offsets.__getitem__)
        hit = Hit(phase, probes, len(self._world), seen)
        self._chance.add(hit)
        failures = self._failures(probes, phase.fraction, phase.begin, phase.end)
        self._stream(failures, hit, phase.symptom.rank)

    def _failures(self, probes: list[int], rate: float, begin: float, end: float) -> Failures:
        offsets = [self._offsets[probe] for probe in probes]
        return Failures(probes, offsets, rate, self._world.interval, begin, end, self._random)

    def _stream(self, failures: Failures, hit: Hit | None, rank: int) -> None:
        if failures.at < math.inf:
            self._push(failures.at, rank, self._fail, failures, hit, rank)

    def _push(self, at: float, rank: int, act: Callable[..., None], *data: Any) -> None:
        self._number += 1
        heappush(self._heap, (at, rank, self._number, act, data))

    def run(self) -> Run:
        for agent in self._world.fleet.agents:
            self.engine.back(agent.name, EPOCH + self._begin)
        heap, end = self._heap, self._end
        while heap and heap[0][0] < end:
            if self._due <= heap[0][0]:
                self._look(self._due)  # its questions may be answered before what comes next
                continue
            at, _, _, act, data = heappop(heap)
            act(at, *data)
        while self._due < end:
            self._look(self._due)
        self._result.end = end
        return self._result

    # What agents do

    def _fail(self, at: float, failures: Failures, hit: Hit | None, rank: int) -> None:
        """A probe that is due fails."""
        probe = failures.probe
        failures.advance()
        if failures.at < math.inf:
            self._number += 1
            heappush(self._heap, (failures.at, rank, self._number, self._fail, (failures, hit, rank)))
        if hit is not None and not hit.phase.is_on(at):
            return
        turn = round((at - self._offsets[probe]) / self._world.interval)
        if self._turn[probe] == turn:  # a lower layer failed already
            return
        self._turn[probe] = turn
        if hit is None:
            self._start(at, probe, self._chance.noise(probe), 1)
            return
        ends = self._start(at, probe, hit.code, 1)
        if probe not in hit.seen.when and not self._is_mute[self._world.agent_of[probe]]:
            hit.seen.show(probe, ends)

    def _start(
        self,
        at: float,
        probe: int,
        code: str,
        attempt: int,
        *,
        asked: bool = False,
        way: Bypass | None = None,
    ) -> float:
        """When the probe that starts at *at* ends. *code* is empty when it succeeds."""
        if code not in _SLOWLY:
            self._finish(at, probe, code, attempt, asked, way)
            return at
        self._push(at + self._timeout, 0, self._finish, probe, code, attempt, asked, way)
        return at + self._timeout

    def _finish(
        self, at: float, probe: int, code: str, attempt: int, asked: bool, way: Bypass | None
    ) -> None:
        if way is None:
            self._react(at, probe, code)
        if not self._is_mute[self._world.agent_of[probe]]:
            self._hear(at, probe, code, attempt, asked, way)

    def _react(self, at: float, probe: int, code: str) -> None:
        """What the agent does about a result of its own."""
        before = self._red[probe]
        self._is_awaited[probe] = 0
        if not code:
            self._red[probe] = 0
            return
        self._red[probe] = min(before + 1, 2)
        if before == 0 and _is_allowed(self._repeats[self._world.agent_of[probe]], at):
            self._is_awaited[probe] = 1
            place = self._offsets[probe] / self._world.interval
            self._push(at + DELAY + SPREAD * place, 0, self._repeat, probe)
            return
        if before == 1:
            for way in self._ways(probe):
                self._push(at + 0.1 + 0.9 * self._random.random(), 0, self._go_around, probe, way)
        self._recheck_next(at, probe)

    def _repeat(self, at: float, probe: int) -> None:
        if self._is_awaited[probe]:
            self._is_awaited[probe] = 0
            self._start(at, probe, self._chance.drawn(probe, at), 2)

    def _recheck_next(self, at: float, probe: int) -> None:
        """At its next place in the interval a probe that fails by now may succeed, which is worth telling."""
        if not self._is_rechecked[probe]:
            self._is_rechecked[probe] = 1
            offset, interval = self._offsets[probe], self._world.interval
            turn = math.floor((at - offset) / interval) + 1
            self._push(turn * interval + offset, _RECHECK_RANK, self._recheck, probe)

    def _recheck(self, at: float, probe: int) -> None:
        self._is_rechecked[probe] = 0
        if not self._red[probe]:
            return
        turn = round((at - self._offsets[probe]) / self._world.interval)
        if self._turn[probe] == turn:  # it fails again
            self._recheck_next(at + self._world.interval / 2, probe)
        else:
            self._start(at, probe, "", 1)

    def _ways(self, probe: int) -> tuple[Bypass, ...]:
        if self._stages[probe] is Stage.DNS:
            return ("resolver", "authority", "no_validation")
        return ("last_good", "family")

    def _go_around(self, at: float, probe: int, way: Bypass) -> None:
        other = self._beside(probe) if way in ("resolver", "family") else probe
        if other is not None:
            self._start(at, probe, self._chance.drawn(other, at, way=way), 1, way=way)

    def _beside(self, probe: int) -> int | None:
        """The probe of the same agent and target through its next resolver, or over the other family."""
        world = self._world
        agent = world.fleet.agents[world.agent_of[probe]]
        check = world.check_of[probe]
        target, resolver = world.fleet.targets[world.check_target[check]], world.check_resolver[check]
        if resolver is None:
            family = next(one for one in configuration.FAMILIES if one != world.check_family[check])
            return world.numbers[agent.name, configuration.web_name(target, family)]
        if len(agent.resolvers) < 2:
            return None
        place = agent.resolvers.index(resolver)
        other = agent.resolvers[(place + 1) % len(agent.resolvers)]
        return world.numbers[agent.name, configuration.dns_name(target, other)]

    def _answer(self, at: float, question: Question) -> None:
        for check in question.checks:
            probe = self._world.numbers.get((question.agent, check))
            if probe is None or self._is_mute[self._world.agent_of[probe]]:
                continue
            if _is_allowed(self._answers[self._world.agent_of[probe]], at):
                self._start(at, probe, self._chance.drawn(probe, at), 1, asked=True)

    # What is heard

    def _hear(self, at: float, probe: int, code: str, attempt: int, asked: bool, way: Bypass | None) -> None:
        agent, check = self._names[probe]
        self._result.observations += 1
        self.engine.observe(
            Observation(
                agent=agent,
                check=check,
                at=EPOCH + at,
                ok=not code,
                code=code,
                attempt=attempt,
                asked=asked,
                bypass=way,
            )
        )
        if way is None:
            self._poll(at, probe, is_ok=not code)
        self._wake(at)

    def _poll(self, at: float, probe: int, *, is_ok: bool) -> None:
        """Tell the quorum: a probe that failed twice in a row is against the target."""
        before = self._heard[probe]
        self._heard[probe] = after = 0 if is_ok else min(before + 1, 2)
        if (after == 2) != (before == 2):
            self._quorum.change(probe, 1 if after == 2 else -1, 0, at)

    def _change_voice(self, at: float, agent: int, what: str, heard: float) -> None:
        name = self._world.fleet.agents[agent].name
        if what == "mute":
            self._is_mute[agent] = 1
        elif what == "gone":
            self._count(agent, -1, at)
            self.engine.gone(name, EPOCH + heard)
        else:
            self._is_mute[agent] = 0
            self._count(agent, 1, at)
            self.engine.back(name, EPOCH + at)
        self._wake(at)

    def _count(self, agent: int, present: int, at: float) -> None:
        """Let the quorum forget *agent*, or count it again."""
        for probe, owner in enumerate(self._world.agent_of):
            if owner == agent:
                self._quorum.change(probe, -1 if self._heard[probe] == 2 else 0, present, at)
                self._heard[probe] = 0

    # What the engine does

    def _wake(self, at: float) -> None:
        wanted = self.engine.next_at
        self._due = math.inf if wanted is None else max(wanted - EPOCH, self._looked + GAP, at)

    def _look(self, at: float) -> None:
        self._looked = at
        self._result.decisions += 1
        decision = self.engine.decide(EPOCH + at)
        for question in decision.questions:
            self.engine.asked(question.agent, question.checks, EPOCH + at)
            self._push(at + 0.3 + 0.7 * self._random.random(), 0, self._answer, question)
        for change in decision.changes:
            self._result.events.append(
                Event(
                    at,
                    change.what,
                    change.incident,
                    change.headline,
                    change.component,
                    change.severity,
                    change.paged,
                )
            )
        self._show(at)
        self._wake(at)

    def _show(self, at: float) -> None:
        known = [each for each in self.engine.incidents.all.values() if each.state != "closed"]
        screen = tuple((each.id, each.state, each.severity, tuple(each.active)) for each in known)
        if screen != self._screen:
            self._screen = screen
            self._result.screens.append((at, tuple(_shown(each) for each in known)))


def _is_allowed(bucket: Bucket, at: float) -> bool:
    if not bucket.admits(at):
        return False
    bucket.charge(1.0)
    return True


def _shown(incident: Incident) -> Shown:
    keys = dict.fromkeys((str(incident.component), *incident.active))  # the headline's first
    found = [incident.findings[key] for key in keys if key in incident.findings]
    named = tuple(map(Named.by, found))
    return Shown(incident.id, incident.state, incident.severity, named)
