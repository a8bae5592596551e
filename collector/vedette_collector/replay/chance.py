"""What a probe that starts now sees: symptoms of the phases that are on, and noise."""

from collections.abc import Iterable
from random import Random
from typing import Final

from vedette_collector.replay.record import Seen
from vedette_collector.replay.scenario import Phase
from vedette_collector.verdicts.evidence import Bypass
from vedette_collector.verdicts.topology import Stage

NOISE: Final = {
    Stage.DNS: ("dns.timeout", "dns.timeout", "dns.servfail"),
    Stage.CONNECTION: (
        *("tcp.timeout", "tcp.timeout", "tcp.reset"),
        *("tls.timeout", "http.timeout", "http.status"),
    ),
}


class Hit:
    """A phase whose symptom checks see, and the probes that it hits."""

    __slots__ = ("code", "fraction", "is_bogus", "is_of_resolvers", "members", "phase", "seen")

    def __init__(self, phase: Phase, probes: Iterable[int], count: int, seen: Seen) -> None:
        assert phase.symptom.failure is not None
        self.phase = phase
        self.fraction = phase.fraction
        self.code = phase.symptom.told
        self.is_bogus = phase.symptom.code == "servfail_bogus"
        self.is_of_resolvers = bool(phase.scope.groups.get("resolver"))
        self.members = bytearray(count)
        for probe in probes:
            self.members[probe] = 1
        self.seen = seen


class Chance:
    def __init__(self, stages: list[Stage], noise: float, random: Random) -> None:
        """*stages*: by probe."""
        self._stages = stages
        self._noise = noise
        self._random = random
        self._hits: list[Hit] = []

    def add(self, hit: Hit) -> None:
        self._hits.append(hit)
        self._hits.sort(key=lambda each: each.phase.symptom.rank)

    def noise(self, probe: int) -> str:
        """The code of a failure without a cause."""
        codes = NOISE[self._stages[probe]]
        return codes[int(self._random.random() * len(codes))]

    def drawn(self, probe: int, at: float, *, way: Bypass | None = None) -> str:
        """The code with which *probe* fails when it starts at *at* by *way*; empty when it does not."""
        for hit in self._hits:
            if not hit.members[probe] or not hit.phase.is_on(at):
                continue
            if hit.is_bogus and way in ("no_validation", "authority"):
                continue
            if hit.is_of_resolvers and way == "authority":
                continue
            if self._random.random() < hit.fraction:
                return hit.code
        return self.noise(probe) if self._random.random() < self._noise else ""
