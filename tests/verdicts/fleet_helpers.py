"""A small fleet for verdicts: agents by network, targets by provider, two resolvers, two families."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.engine import Decision, Engine
from vedette_collector.verdicts.evidence import Finding, Observation, Track
from vedette_collector.verdicts.sample import Sample
from vedette_collector.verdicts.topology import CheckTraits, Stage, Topology
from vedette_collector.verdicts.tracker import State

BEGIN = 1_700_000_000.0
RESOLVERS = ("res-1", "res-2")


def fleet(
    networks: int = 5,
    per_network: int = 2,
    targets: int = 12,
    *,
    interval: float = 30.0,
    more: Callable[[int], Iterable[Entity]] = lambda number: (),
    pairs: dict[tuple[str, str], tuple[Entity, ...]] | None = None,
) -> Topology:
    """Agents `a<network>-<n>`; targets `t<n>`, three to a provider; checks `t<n>:dns:<resolver>`,
    `t<n>:dns:own`, `t<n>:ipv4`, `t<n>:ipv6`. *more*: further entities of a target."""
    agents: dict[str, tuple[Entity, ...]] = {
        f"a{network}-{n}": (
            Entity(Kind.AGENT, f"a{network}-{n}"),
            Entity(Kind.NETWORK, f"net-{network}"),
            Entity(Kind.REGION, "east" if network % 2 else "west"),
        )
        for network in range(networks)
        for n in range(per_network)
    }
    checks: dict[str, CheckTraits] = {}
    for number in range(targets):
        of_target = (
            Entity(Kind.TARGET, f"t{number}"),
            Entity(Kind.PROVIDER, f"p{number // 3}"),
            Entity(Kind.AUTHORITY, f"auth-{number // 2}"),
            Entity(Kind.TLD, "com"),
            *more(number),
        )
        dns, connection = frozenset({Stage.DNS}), frozenset({Stage.CONNECTION})
        for resolver in RESOLVERS:
            checks[f"t{number}:dns:{resolver}"] = CheckTraits(
                entities=(*of_target, Entity(Kind.RESOLVER, resolver)), stages=dns, interval=interval
            )
        checks[f"t{number}:dns:own"] = CheckTraits(
            entities=of_target, stages=dns, interval=interval, own_resolver=True
        )
        for family in ("ipv4", "ipv6"):
            checks[f"t{number}:{family}"] = CheckTraits(
                entities=(*of_target, Entity(Kind.FAMILY, family)), stages=connection, interval=interval
            )
    return Topology(
        agents=agents,
        own_resolvers={name: (Entity(Kind.RESOLVER, f"own-{name[1:].split('-')[0]}"),) for name in agents},
        checks=checks,
        assigned=dict.fromkeys(checks, tuple(agents)),
        pairs=pairs or {},
    )


class Play:
    """An engine, a clock, and agents that say what they are told to say."""

    def __init__(self, topology: Topology, **settings: Any) -> None:
        self.topology = topology
        self.engine = Engine(topology, **settings)
        self.now = BEGIN
        for agent in topology.agents:
            self.engine.back(agent, self.now)

    def probes(self, check: str = "", agent: str = "") -> list[tuple[str, str]]:
        """(agent, check) of the checks and agents whose names begin so."""
        return [
            (a, c)
            for c in self.topology.checks
            if c.startswith(check)
            for a in self.topology.assigned[c]
            if a.startswith(agent)
        ]

    def fail(self, probes: Iterable[tuple[str, str]], code: str = "tcp.timeout", *, times: int = 2) -> None:
        for agent, check in probes:
            for attempt in range(1, times + 1):
                self.say(agent, check, code, attempt=attempt)

    def flake(self, probes: Iterable[tuple[str, str]], code: str = "tcp.timeout") -> None:
        """Fail once, and succeed when it is repeated."""
        for agent, check in probes:
            self.say(agent, check, code)
            self.say(agent, check, "", attempt=2)

    def recover(self, probes: Iterable[tuple[str, str]]) -> None:
        for agent, check in probes:
            self.say(agent, check, "")

    def say(self, agent: str, check: str, code: str, *, at: float | None = None, **more: Any) -> None:
        when = self.now if at is None else at
        self.engine.observe(Observation(agent=agent, check=check, at=when, ok=not code, code=code, **more))

    def look(self, seconds: float = 1.0) -> Decision:
        """Let time pass, and decide whenever that is due."""
        end = self.now + seconds
        while (due := self.engine.next_at) is not None and due <= end:
            self.now = max(due, self.now)
            self.engine.decide(self.now)
            if self.engine.next_at is not None and self.engine.next_at <= self.now:
                self.now += 0.001
        self.now = max(end, self.now)
        return self.engine.decide(self.now)

    def sample(self, track: Track = "connection") -> Sample[State]:
        """What fails now, as a decision sees it."""
        tracker = self.engine.tracker
        tracker.expire(self.now)
        return Sample(
            tracker.index,
            track,
            tracker.newest(track),
            lambda parts, without: float(tracker.index.count(track, parts, without)),
            around=partial(tracker.around, track, self.now),
        )

    def found(self, seconds: float = 1.0) -> list[str]:
        """The components that are blamed, as text."""
        return sorted(str(each.component) for each in self.look(seconds).findings)

    def finding(self, component: str) -> Finding:
        return next(each for each in self.look().findings if str(each.component) == component)
