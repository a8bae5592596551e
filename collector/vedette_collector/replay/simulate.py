"""Virtual time: probes run, symptoms hit some of them, and the engine hears what a collector would hear.

What is simulated, and how:

- Each probe has its place in the interval, fixed for a run, and starts there with up to 60 ms of jitter. A
  timeout takes 5 s (the interval, where that is shorter), everything else 20 to 80 ms.
- In scope of a phase that is on, a probe fails with the phase's `fraction`, each time drawn anew. Of two
  symptoms that of the lower layer counts. Beside that every probe fails with the probability `noise`.
- A first failure is repeated within a second, once; it is drawn anew. When that fails too, other ways are
  tried within another second: a second resolver and the other family as their own probes would do, the name
  servers directly (works unless target and vantage alone decide who is hit), without validation (works for
  bogus answers), the last good address (as the probe itself).
- Questions of the engine are answered after 0.3 to 1 s, drawn anew. No repeat follows.
- A silent agent goes on probing and is not heard. It was heard of last up to 10 s before (a heartbeat); 35 s
  later it counts as gone. It comes back within 10 s after the end; what it kept comes late and is not live.
  With a fraction below one, whether it is silent is drawn for every 10 minutes.
- The engine looks when it wants to, at most five times a second.

Only what can change something is made: an ok of a probe that is ok is left out, as the engine allows.
"""

import math
from heapq import heapify, heappop, heappush
from random import Random
from typing import Final

from vedette_collector.replay import configuration
from vedette_collector.replay.draw import Failures
from vedette_collector.replay.quorum import Quorum
from vedette_collector.replay.record import Event, Named, Run, Seen, Shown
from vedette_collector.replay.scenario import Phase
from vedette_collector.replay.world import World
from vedette_collector.verdicts.engine import Engine
from vedette_collector.verdicts.evidence import Bypass, Observation, Question
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.topology import Stage

EPOCH: Final = 1_900_000_000.0  # of the begin of every outage: the engine learns nothing from the date
WARM_UP: Final = 20  # intervals of noise alone before it
AFTER: Final = 1800.0  # seconds that are watched after the last symptom
GAP: Final = 0.2  # seconds between two looks, at least
HEARTBEAT: Final = 10.0
GONE_AFTER: Final = 35.0
REDRAW: Final = 600.0

_NOISE: Final = {
    Stage.DNS: ("dns.timeout", "dns.timeout", "dns.servfail"),
    Stage.CONNECTION: (
        "tcp.timeout",
        "tcp.timeout",
        "tcp.reset",
        "tls.timeout",
        "http.timeout",
        "http.status",
    ),
}
_NOISE_RANK: Final = 8
_RECHECK_RANK: Final = 9

_STREAM, _RECHECK, _RESULT, _REPEAT, _ASKED, _WAY, _SILENCE, _GONE, _BACK = range(9)

_Entry = tuple[float, int, int, int, object]


class _Hit:
    """A visible phase, as far as probes go."""

    __slots__ = ("code", "fraction", "is_bogus", "is_of_resolvers", "members", "phase", "seen")

    def __init__(self, phase: Phase, probes: list[int], count: int, seen: Seen) -> None:
        self.phase = phase
        self.fraction = phase.fraction
        self.code = phase.symptom.failure.value if phase.symptom.failure is not None else ""
        self.is_bogus = phase.symptom.code == "servfail_bogus"
        self.is_of_resolvers = bool(phase.scope.groups.get("resolver"))
        self.members = bytearray(count)
        for probe in probes:
            self.members[probe] = 1
        self.seen = seen


class Simulation:
    """One outage, seen by one fleet. `run` is called once."""

    def __init__(
        self, world: World, phases: tuple[Phase, ...], noise: float, seed: str, until: float = 0.0
    ) -> None:
        """*until*: seconds after the begin that are played in any case."""
        self.engine = Engine(world.topology)
        self.result = Run()
        self._world = world
        self._noise = noise
        self._random = Random(seed)
        self._quorum = Quorum(world)
        self.result.quorum = self._quorum.alarms
        self._names = [
            (world.fleet.agents[agent].name, world.checks[check])
            for agent, check in zip(world.agent_of, world.check_of, strict=True)
        ]
        self._stages = [world.stage_of(check) for check in world.check_of]
        count = len(world)
        self._red = bytearray(count)  # newest result of the agent itself is a failure
        self._heard_red = bytearray(count)  # newest that was heard
        self._is_rechecked = bytearray(count)
        self._turn = [-(1 << 40)] * count  # of the last scheduled failure
        self._silent: list[set[int]] = [set() for _ in world.fleet.agents]  # phases that silence it
        self._gone = [False] * len(world.fleet.agents)
        self._heap: list[_Entry] = []
        self._number = 0
        self._due = math.inf
        self._looked = -math.inf
        self._timeout = min(configuration.TIMEOUT, world.interval)
        self._begin = -WARM_UP * world.interval
        ends = [phase.end for phase in phases if phase.symptom.is_visible]
        self._end = max([until, *(end + AFTER for end in ends)])
        self._screen: tuple[object, ...] = ()
        self._hits: list[_Hit] = []
        self._schedule(phases)

    def _schedule(self, phases: tuple[Phase, ...]) -> None:
        world, random = self._world, self._random
        offsets = [random.random() * world.interval for _ in range(len(world))]
        order = sorted(range(len(world)), key=offsets.__getitem__)
        self._offsets = offsets
        self._stream(
            Failures(
                order,
                [offsets[probe] for probe in order],
                self._noise,
                world.interval,
                self._begin,
                self._end,
                random,
            ),
            None,
            _NOISE_RANK,
        )
        for number, phase in enumerate(phases):
            symptom = phase.symptom
            seen = Seen(in_scope=0)
            self.result.seen.append(seen)
            if not symptom.is_visible:
                continue
            if symptom.is_silence:
                agents = world.agents(phase.scope)
                seen.in_scope = len(agents)
                for agent in agents:
                    self._push(phase.begin, 0, _SILENCE, (phase, number, agent))
                continue
            probes = world.probes(phase.scope, symptom.stage)
            seen.in_scope = len(probes)
            probes.sort(key=offsets.__getitem__)
            hit = _Hit(phase, probes, len(world), seen)
            self._hits.append(hit)
            stream = Failures(
                probes,
                [offsets[probe] for probe in probes],
                phase.fraction,
                world.interval,
                phase.begin,
                phase.end,
                random,
            )
            self._stream(stream, hit, symptom.rank)
        self._hits.sort(key=lambda hit: hit.phase.symptom.rank)

    def _stream(self, stream: Failures, hit: _Hit | None, rank: int) -> None:
        if stream.at < math.inf:
            self._push(stream.at, rank, _STREAM, (stream, hit, rank))

    def _push(self, at: float, rank: int, what: int, data: object) -> None:
        self._number += 1
        heappush(self._heap, (at, rank, self._number, what, data))

    def run(self) -> Run:
        heapify(self._heap)
        for agent in self._world.fleet.agents:
            self.engine.back(agent.name, EPOCH + self._begin)
        heap = self._heap
        while heap and heap[0][0] < self._end:
            at, _, _, what, data = heappop(heap)
            while self._due <= at:
                self._look(self._due)
            if what == _STREAM:
                self._fail(at, data)
            elif what == _RESULT:
                self._arrive(at, *data)  # type: ignore[misc]
            elif what == _REPEAT:
                self._try_again(at, data)  # type: ignore[arg-type]
            elif what == _RECHECK:
                self._recheck(at, data)  # type: ignore[arg-type]
            elif what == _ASKED:
                self._answer(at, data)  # type: ignore[arg-type]
            elif what == _WAY:
                self._way(at, *data)  # type: ignore[misc]
            elif what == _SILENCE:
                self._silence(at, *data)  # type: ignore[misc]
            elif what == _GONE:
                self._leave(at, *data)  # type: ignore[misc]
            else:
                self._return(at, *data)  # type: ignore[misc]
        while self._due < self._end:
            self._look(self._due)
        self.result.end = self._end
        return self.result

    # results

    def _fail(self, at: float, data: object) -> None:
        stream, hit, rank = data  # type: ignore[misc]
        probe = stream.probe
        stream.advance()
        if stream.at < math.inf:
            self._number += 1
            heappush(self._heap, (stream.at, rank, self._number, _STREAM, data))
        if hit is not None and not hit.phase.is_on(at):
            return
        turn = round((at - self._offsets[probe]) / self._world.interval)
        if self._turn[probe] == turn:
            return
        self._turn[probe] = turn
        if hit is None:
            self._later(at, probe, self._random.choice(_NOISE[self._stages[probe]]), 1)
            return
        self._later(at, probe, hit.code, 1)
        if probe not in hit.seen.probes and not self._silent[self._world.agent_of[probe]]:
            self._see(hit.seen, probe, at)

    def _see(self, seen: Seen, which: int, at: float) -> None:
        seen.probes[which] = at
        if seen.first is None:
            seen.first = at

    def _later(
        self,
        at: float,
        probe: int,
        code: str,
        attempt: int,
        *,
        asked: bool = False,
        way: Bypass | None = None,
    ) -> None:
        """The result of a probe that starts at *at*; *code* is empty when it succeeds."""
        took = self._timeout if code.endswith(".timeout") else 0.02 + 0.06 * self._random.random()
        self._push(at + took + 0.06 * self._random.random(), 0, _RESULT, (probe, code, attempt, asked, way))

    def _arrive(
        self, at: float, probe: int, code: str, attempt: int, asked: bool, way: Bypass | None
    ) -> None:
        if way is None:
            self._take(at, probe, code, attempt, asked)
        agent = self._world.agent_of[probe]
        if self._silent[agent]:
            return
        name, check = self._names[probe]
        self.result.observations += 1
        self.engine.observe(
            Observation(
                agent=name,
                check=check,
                at=EPOCH + at,
                ok=not code,
                code=code,
                attempt=attempt,
                asked=asked,
                bypass=way,
            )
        )
        if way is None and bool(code) != self._heard_red[probe]:
            self._heard_red[probe] ^= 1
            self._quorum.change(probe, 1 if code else -1, 0, at)
        self._wake(at)

    def _take(self, at: float, probe: int, code: str, attempt: int, asked: bool) -> None:
        """What the agent does about a result of its own."""
        if not code:
            self._red[probe] = 0
            return
        if not self._red[probe]:
            self._red[probe] = 1
            if attempt == 1 and not asked:
                self._push(at + 0.2 + 0.7 * self._random.random(), 0, _REPEAT, probe)
                return
        elif attempt == 2:
            for way in self._ways(probe):
                self._push(at + 0.1 + 0.9 * self._random.random(), 0, _WAY, (probe, way))
        self._recheck_soon(at, probe)

    def _try_again(self, at: float, probe: int) -> None:
        self._later(at, probe, self._drawn(probe, at), 2)

    def _recheck_soon(self, at: float, probe: int) -> None:
        """At its next place in the interval a probe that fails by now may succeed, and that is worth telling."""
        if not self._is_rechecked[probe]:
            self._is_rechecked[probe] = 1
            offset, interval = self._offsets[probe], self._world.interval
            turn = math.floor((at - offset) / interval) + 1
            self._push(turn * interval + offset, _RECHECK_RANK, _RECHECK, probe)

    def _recheck(self, at: float, probe: int) -> None:
        self._is_rechecked[probe] = 0
        if not self._red[probe]:
            return
        turn = round((at - self._offsets[probe]) / self._world.interval)
        if self._turn[probe] == turn:
            self._recheck_soon(at + self._world.interval / 2, probe)
        else:
            self._later(at, probe, "", 1)

    def _drawn(self, probe: int, at: float, *, way: Bypass | None = None) -> str:
        """The code with which *probe* fails when it starts at *at* by *way*; empty when it does not."""
        for hit in self._hits:
            if hit.members[probe] and hit.phase.is_on(at):
                if way == "no_validation" and hit.is_bogus:
                    continue
                if way == "authority" and (hit.is_bogus or hit.is_of_resolvers):
                    continue
                if self._random.random() < hit.fraction:
                    return hit.code
        if self._random.random() < self._noise:
            return self._random.choice(_NOISE[self._stages[probe]])
        return ""

    # other ways, and questions

    def _ways(self, probe: int) -> tuple[Bypass, ...]:
        if self._stages[probe] is Stage.DNS:
            return ("resolver", "authority", "no_validation")
        return ("last_good", "family")

    def _way(self, at: float, probe: int, way: Bypass) -> None:
        other = self._beside(probe) if way in ("resolver", "family") else probe
        if other is not None:
            self._later(at, probe, self._drawn(other, at, way=way), 1, way=way)

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
            if probe is not None and not self._silent[self._world.agent_of[probe]]:
                self._later(at, probe, self._drawn(probe, at), 1, asked=True)

    # silence

    def _silence(self, at: float, phase: Phase, number: int, agent: int) -> None:
        """Draw whether *agent* is silent from now on, until it is drawn again or the phase ends."""
        is_silent = at < phase.end and phase.is_on(at) and self._random.random() < phase.fraction
        causes = self._silent[agent]
        if is_silent and number not in causes:
            causes.add(number)
            seen = self.result.seen[number]
            if agent not in seen.probes:
                self._see(seen, agent, at)
            if len(causes) == 1 and not self._gone[agent]:
                heard = at - HEARTBEAT * self._random.random()
                self._push(max(heard + GONE_AFTER, at), 0, _GONE, (agent, heard))
        elif not is_silent and number in causes:
            self._push(at + HEARTBEAT * self._random.random(), 0, _BACK, (agent, number))
        if at < phase.end:
            step = phase.period / 2 if phase.period is not None else REDRAW
            until = phase.end if phase.fraction >= 1 and phase.period is None else min(at + step, phase.end)
            self._push(until, 0, _SILENCE, (phase, number, agent))

    def _leave(self, at: float, agent: int, heard: float) -> None:
        if not self._silent[agent] or self._gone[agent]:
            return
        self._gone[agent] = True
        self.engine.gone(self._world.fleet.agents[agent].name, EPOCH + heard)
        self._count(agent, -1, at)
        self._wake(at)

    def _return(self, at: float, agent: int, number: int) -> None:
        self._silent[agent].discard(number)
        if self._silent[agent] or not self._gone[agent]:
            return
        self._gone[agent] = False
        self.engine.back(self._world.fleet.agents[agent].name, EPOCH + at)
        self._count(agent, 1, at)
        self._wake(at)

    def _count(self, agent: int, total: int, at: float) -> None:
        for probe, owner in enumerate(self._world.agent_of):
            if owner == agent:
                self._quorum.change(probe, -self._heard_red[probe], total, at)
                self._heard_red[probe] = 0

    # the engine

    def _wake(self, at: float) -> None:
        wanted = self.engine.next_at
        self._due = math.inf if wanted is None else max(wanted - EPOCH, self._looked + GAP, at)

    def _look(self, at: float) -> None:
        self._looked = at
        self.result.decisions += 1
        decision = self.engine.decide(EPOCH + at)
        for question in decision.questions:
            self._push(at + 0.3 + 0.7 * self._random.random(), 0, _ASKED, question)
        for change in decision.changes:
            self.result.events.append(
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
            self.result.screens.append((at, tuple(_shown(each) for each in known)))


def _shown(incident: Incident) -> Shown:
    keys = incident.active or [str(incident.component)]
    found = [incident.findings[key] for key in keys if key in incident.findings]
    named = tuple(Named(each.component, each.track, each.certainty, each.alternatives) for each in found)
    return Shown(incident.id, incident.state, incident.severity, named)
