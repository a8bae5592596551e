"""The baseline: an alarm per target when most places see it fail. What many monitoring systems do.

A place is a pair of an agent's network and a resolver (for connections, of the network and nothing): more
than half of its probes failed twice in a row. A target is in alarm while, by name or by connection, more than
half of its places see it fail. Silent agents do not count. Each new alarm is a page.
"""

from vedette_collector.replay.record import Alarms
from vedette_collector.replay.world import World


class Quorum:
    def __init__(self, world: World) -> None:
        self.alarms = Alarms()
        self._world = world
        self._place_of: list[int] = []  # by probe
        self._target_of: list[int] = []  # by place: target and way
        places: dict[tuple[int, bool, str, str | None], int] = {}
        ways: dict[tuple[int, bool], int] = {}
        self._names: list[str] = []  # by target and way
        for agent, check in zip(world.agent_of, world.check_of, strict=True):
            resolver, target = world.check_resolver[check], world.check_target[check]
            tags = world.fleet.agents[agent].tags
            network = tags.get("asn", world.fleet.agents[agent].name)
            place = places.setdefault((target, resolver is None, network, resolver), len(places))
            if place == len(self._target_of):
                way = ways.setdefault((target, resolver is None), len(ways))
                if way == len(self._names):
                    self._names.append(world.fleet.targets[target].name)
                self._target_of.append(way)
            self._place_of.append(place)
        self._total = [0] * len(places)
        for place in self._place_of:
            self._total[place] += 1
        self._failed = [0] * len(places)
        self._places = [0] * len(ways)  # that count
        self._against = [0] * len(ways)  # of these, that see it fail
        for place in range(len(places)):
            self._places[self._target_of[place]] += 1
        self._alarmed: set[int] = set()

    def change(self, probe: int, failed: int, total: int, at: float) -> None:
        """Of the newest results of a place *failed* more fail, and it has *total* more probes."""
        place = self._place_of[probe]
        was_failing = self._failed[place] * 2 > self._total[place]
        was_counted = self._total[place] > 0
        self._failed[place] += failed
        self._total[place] += total
        is_failing = self._failed[place] * 2 > self._total[place]
        is_counted = self._total[place] > 0
        if was_failing == is_failing and was_counted == is_counted:
            return
        way = self._target_of[place]
        self._against[way] += is_failing - was_failing
        self._places[way] += is_counted - was_counted
        self._judge(way, at)

    def _judge(self, way: int, at: float) -> None:
        name = self._names[way]
        if self._against[way] * 2 <= self._places[way]:
            self._alarmed.discard(way)
        elif way not in self._alarmed:
            if not any(self._names[other] == name for other in self._alarmed):
                self.alarms.pages += 1
            self._alarmed.add(way)
            self.alarms.targets.add(name)
            if self.alarms.first is None:
                self.alarms.first = at
