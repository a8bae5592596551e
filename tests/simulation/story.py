"""A story happens: agents, a broker and a collector, and what goes wrong with them; then all is healed.

It ends when all is quiet, and the oracle is asked.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from simulation.collecting import Collector
from simulation.hosts import Host
from simulation.network import Broker
from simulation.oracle import Oracle
from simulation.spooling import virtual_time
from simulation.store import ModelStore
from simulation.world import Violation, World
from vedette.checks.model import Assignment, Check, DnsCheck, Vantage

QUIET_SECONDS = 1500.0  # until which all must have settled
STEP = 10.0


class Plan(NamedTuple):
    """What a seed stands for, so that a failing one can be told with fewer faults."""

    seed: int
    seconds: float
    agents: int
    faults: tuple[str, ...]


class Story:
    def __init__(self, drawn: Plan, misfortunes: "Sequence[Misfortune]") -> None:
        self.plan = drawn
        self.misfortunes = misfortunes
        self.world = world = World(drawn.seed)
        self.rng = rng = world.rng
        self.oracle = Oracle(world)
        self.broker = Broker(world)
        self.broker.jitter = rng.choice((0.002, 0.02, 0.1))
        names = [f"agent-{number}" for number in range(drawn.agents)]
        self.tick = drawn.seconds / rng.uniform(18, 36)
        count = rng.randrange(1, 5)
        self.checks = [self._check(number, "example.com") for number in range(count)]
        self.assignment = self.configured(names, self.checks)
        self.collector = Collector(world, self.broker, self.oracle, self.assignment)
        self.hosts = [self._host(name) for name in names]
        self.backups: list[ModelStore] = []

    def _check(self, number: int, target: str) -> Check:
        return DnsCheck(
            name=f"check-{number}", target=target, interval=self.tick, timeout=1.0, query_name=target
        )

    def configured(self, names: list[str], checks: list[Check]) -> Assignment:
        return Assignment(
            agents=tuple(Vantage(name=name, tags={}) for name in names),
            checks=tuple(checks),
            by_agent={name: tuple(check.name for check in checks) for name in names},
            config_hash="c" * 64,
        )

    def _host(self, name: str) -> Host:
        host = Host(name, self.world, self.broker, self.oracle)
        host.checks = self.checks
        host.tick = self.tick * self.rng.uniform(0.8, 1.2)
        host.failing = self.rng.choice((0.0, 0.1, 0.5))
        host.clock.step(self.rng.choice((0.0, 0.0, 0.3, 7200.0, -7200.0)))
        self.oracle.hosts[name] = host
        return host

    @property
    def end(self) -> float:
        return self.plan.seconds

    def moment(self) -> float:
        return self.rng.uniform(0.02, 0.95) * self.end

    def at(self, when: float, call: Callable[..., None], *values: object) -> None:
        """Unless the story is over by then: then all is healed."""
        if when < self.end:
            self.world.at(when, call, *values)

    def host(self) -> Host:
        return self.rng.choice(self.hosts)

    def allow(self, host: Host, *reasons: str) -> None:
        self.oracle.allowed.setdefault(host.name, set()).update(reasons)

    def run(self) -> World:
        with virtual_time():
            self._run()
        return self.world

    def _run(self) -> None:
        for misfortune in self.misfortunes:
            misfortune(self)
        self.world.at(self.rng.uniform(0, 3), self.collector.start)
        for host in self.hosts:
            self.world.at(self.rng.uniform(0, 3), host.start)
        self.world.run(self.end)
        self._heal()
        until = self.world.now + 3 * self.tick + 15
        self.world.run(until)
        for host in self.hosts:
            host.is_probing = False
        deadline = self.world.now + QUIET_SECONDS
        while not self.is_quiet():
            if self.world.now >= deadline:
                raise Violation(f"not quiet after {QUIET_SECONDS:.0f} s: {self.unrest()}")
            self.world.run(self.world.now + STEP)
        assert self.collector.process is not None
        self.oracle.final(self.collector.process)

    def _heal(self) -> None:
        self.world.tell("healed")
        self.broker.heal()
        self.broker.start()
        self.collector.store.is_failing = False
        self.collector.commit_seconds = 0.004
        self.collector.start()
        for host in self.hosts:
            host.disk.trouble = ""
            host.disk.free = host.disk.total // 2
            host.start()

    def is_quiet(self) -> bool:
        return not self.unrest()

    def unrest(self) -> list[str]:
        process = self.collector.process
        assert process is not None
        found = []
        for host in self.hosts:
            agent = host.process
            if agent is None or host.is_asleep:
                found.append(f"{host.name} is away")
                continue
            if agent.outbox.pending or agent.outbox.ledger.gaps:
                found.append(
                    f"{host.name} holds {agent.outbox.pending}, gaps {len(agent.outbox.ledger.gaps)}"
                )
            if host.is_spooled and agent.spool is None:
                found.append(f"{host.name} opens its spool")
            figures = process.board.figures(process.board.agents[host.name])
            if figures.pending:
                found.append(f"{host.name}: {figures.pending} pending at the collector")
            if figures.produced < 1:
                found.append(f"{host.name} was not heard")
            if figures.disagreement and host.name not in self.oracle.cloned:
                found.append(f"{host.name}: disagreement {figures.disagreement}")
        return found


Misfortune = Callable[[Story], None]
