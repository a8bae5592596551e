"""Verdicts over 1,000 agents with 500 checks: CPU of a failure that comes in, and of decisions.

The fleet has 100 networks, 250 sites, 125 targets of 10 providers and 40 authorities, 6 resolvers. One
probe in a hundred fails for no reason, for ten intervals; then one product fails, a share of it each second.
"""

import random
import statistics
import time
from collections.abc import Iterator

from benchmarks.figure import Figure, median_figure
from benchmarks.settings import Settings
from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.engine import Engine
from vedette_collector.verdicts.evidence import Observation
from vedette_collector.verdicts.topology import CheckTraits, Stage, Topology

AGENTS = 1000
CHECKS = 500
INTERVAL = 30.0  # seconds
NOISE = 0.01
BROKEN = Entity(Kind.PRODUCT, "product-3")
STEP = 0.5  # seconds between two looks at whether a decision is due
FAULT_STEPS = 60


def figures(settings: Settings) -> Iterator[Figure]:
    inputs, increments, ramps, fulls = [], [], [], []
    for run in range(settings.runs):
        bench = _Run(run)
        inputs.append(bench.quiet())
        ramps.append(bench.fault())
        increments.append(bench.increment())
        fulls.append(bench.full())
    note = f"{AGENTS} agents, {CHECKS} checks, {NOISE:.0%} noise"
    yield median_figure("verdict_failure_in", inputs, "us", note=f"{note}: one failed result, taken in")
    yield median_figure(
        "verdict_increment", increments, "ms", note=f"{note}, a product failing: one more failure, decided"
    )
    yield median_figure(
        "verdict_ramp", ramps, "ms", note=f"{note}: the slowest decision while the fault grows"
    )
    yield median_figure(
        "verdict_full", fulls, "ms", note=f"{note}, a product failing: all windows of all tracks, cold"
    )


class _Run:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._topology = _topology()
        self._engine = Engine(self._topology)
        self._now = 1_700_000_000.0
        self._agents = list(self._topology.agents)
        self._checks = list(self._topology.checks)
        for agent in self._agents:
            self._engine.back(agent, self._now)

    def quiet(self) -> float:
        """Ten intervals of noise. Microseconds a failed result and its repeat, decisions left out."""
        per_step = int(AGENTS * CHECKS * NOISE * STEP / INTERVAL)
        spent, failed = 0.0, 0
        for _ in range(int(10 * INTERVAL / STEP)):
            probes = [self._any_probe() for _ in range(per_step)]
            began = time.process_time()
            for agent, check in probes:
                self._fail(agent, check, repeat_ok=True)
            spent += time.process_time() - began
            failed += len(probes)
            self._step()
        return spent / failed * 1e6

    def fault(self) -> float:
        """Milliseconds of the slowest decision."""
        probes = [
            (agent, check)
            for check, traits in self._topology.checks.items()
            if BROKEN in traits.entities and Stage.CONNECTION in traits.stages
            for agent in self._agents
        ]
        self._random.shuffle(probes)
        slowest = 0.0
        for step in range(FAULT_STEPS):
            for agent, check in probes[step * len(probes) // FAULT_STEPS :][: len(probes) // FAULT_STEPS]:
                self._fail(agent, check, repeat_ok=False)
            slowest = max(slowest, self._step())
        if not any(BROKEN in each.component.entities for each in self._engine.incidents.open()):
            raise RuntimeError("the fault was not found")
        return slowest * 1e3

    def increment(self) -> float:
        """Milliseconds from one more failure, twice, to its decision; the median of 200."""
        times = []
        for _ in range(200):
            agent, check = self._any_probe()
            began = time.process_time()
            self._fail(agent, check, repeat_ok=False)
            self._engine.decide(self._now)
            times.append(time.process_time() - began)
            self._now += 0.01
        return statistics.median(times) * 1e3

    def full(self) -> float:
        """Milliseconds of the first decision over another topology: nothing of the last one helps."""
        self._engine.arrange(self._topology)
        self._now += 60.0
        began = time.process_time()
        self._engine.decide(self._now)
        return (time.process_time() - began) * 1e3

    def _any_probe(self) -> tuple[str, str]:
        return self._random.choice(self._agents), self._random.choice(self._checks)

    def _fail(self, agent: str, check: str, *, repeat_ok: bool) -> None:
        is_dns = Stage.DNS in self._topology.checks[check].stages
        code = "dns.timeout" if is_dns else "tcp.timeout"
        for attempt, ok in ((1, False), (2, repeat_ok)):
            self._engine.observe(
                Observation(
                    agent=agent,
                    check=check,
                    at=self._now,
                    ok=ok,
                    code="" if ok else code,
                    attempt=attempt,
                )
            )

    def _step(self) -> float:
        """Seconds of CPU that a decision took, if one was due."""
        self._now += STEP
        due = self._engine.next_at
        if due is None or due > self._now:
            return 0.0
        began = time.process_time()
        self._engine.decide(self._now)
        return time.process_time() - began


def _topology() -> Topology:
    agents: dict[str, tuple[Entity, ...]] = {
        f"agent-{n:04d}": (
            Entity(Kind.AGENT, f"agent-{n:04d}"),
            Entity(Kind.NETWORK, f"AS{n % 100}"),
            Entity(Kind.REGION, f"region-{n % 12}"),
            Entity(Kind.SITE, f"site-{n % 250}"),
        )
        for n in range(AGENTS)
    }
    checks = {f"check-{n:03d}": _traits(n) for n in range(CHECKS)}
    return Topology(agents=agents, checks=checks, assigned=dict.fromkeys(checks, tuple(agents)))


def _traits(n: int) -> CheckTraits:
    target = n // 4
    entities = [
        Entity(Kind.TARGET, f"target-{target}"),
        Entity(Kind.PROVIDER, f"provider-{target % 10}"),
        Entity(Kind.PROVIDER_REGION, f"provider-{target % 10}/{target % 3}"),
        Entity(Kind.PRODUCT, f"product-{target % 30}"),
        Entity(Kind.AUTHORITY, f"authority-{target % 40}"),
        Entity(Kind.PROVIDER_NETWORK, f"AS65{target % 20:03d}"),
    ]
    if n % 2:
        entities.append(Entity(Kind.FAMILY, f"ipv{4 + n // 2 % 2 * 2}"))
        stage = Stage.CONNECTION
    else:
        entities.append(Entity(Kind.RESOLVER, f"resolver-{n % 6}"))
        stage = Stage.DNS
    return CheckTraits(entities=tuple(entities), stages=frozenset({stage}), interval=INTERVAL)
