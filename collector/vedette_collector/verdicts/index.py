"""Counts the probes that go through components, without a table of probes: counting them is counting bits."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, NamedTuple

from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.kept import Kept
from vedette_collector.verdicts.members import Group, Members, Parts, Probe
from vedette_collector.verdicts.topology import Topology
from vedette_collector.verdicts.tracks import KINDS, STAGE, TRACKS

MOST_SUMS: Final = 50_000  # counts that are kept, some 15 MB, as long as nobody comes or goes
MOST_PREPARED: Final = 256


class _Reach(NamedTuple):
    """Of a group on one track: the checks that it is limited to, and whether it holds the same agents for all
    checks with, and for all without, a resolver of their own."""

    checks: Sequence[int] | None
    is_uniform: bool


class Index(Members):
    """Of one topology. Only which agents are present and which probes have no result changes."""

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology)
        self._reaches: dict[tuple[Track, Group], _Reach] = {}
        self.intervals = [topology.checks[name].interval for name in self.checks]
        self.track_checks: dict[Track, list[int]] = {
            track: [n for n, name in enumerate(self.checks) if STAGE[track] in topology.checks[name].stages]
            for track in TRACKS
        }
        masks: dict[tuple[str, ...], int] = {}
        for agents in topology.assigned.values():
            if agents not in masks:
                masks[agents] = self._mask(agents)
        self._on_track = {track: frozenset(checks) for track, checks in self.track_checks.items()}
        self.assigned = [masks.get(topology.assigned.get(name, ()), 0) for name in self.checks]
        self.present = 0
        self.unseen: dict[int, int] = {}  # by check: mask of agents without a result
        self.sizes: dict[Track, dict[Kind, int]] = {track: self._sizes(track) for track in KINDS}
        self.version = 0
        self._live: list[int] = []
        self._vantages = [entity for entity in range(len(self.kinds)) if self._by_agents[entity]]
        self._swept: set[tuple[Track, Parts]] = set()
        self._classes: dict[Track, dict[tuple[int, bool], tuple[int, float]]] = {}
        self._sums: Kept[tuple[Track, Parts, tuple[Parts, ...]], tuple[int, float]] = Kept(MOST_SUMS)
        self._prepared: Kept[tuple[Track, Parts], dict[tuple[int, bool], tuple[int, float]]] = Kept(
            MOST_PREPARED
        )
        self._renew()

    def _mask(self, agents: Iterable[str]) -> int:
        mask = 0
        for name in agents:
            if name in self.agent_number:
                mask |= 1 << self.agent_number[name]
        return mask

    def _sizes(self, track: Track) -> dict[Kind, int]:
        """How many entities of each kind a failure of this track can be blamed on."""
        sizes: dict[Kind, int] = {}
        for kind in self.kinds:
            if kind in KINDS[track]:
                sizes[kind] = sizes.get(kind, 0) + 1
        return sizes

    def set_present(self, agent: int, *, is_present: bool) -> None:
        bit = 1 << agent
        if bool(self.present & bit) != is_present:
            self.present ^= bit
            self._renew()

    def set_seen(self, probe: Probe, *, is_seen: bool) -> None:
        check, agent = probe
        mask = self.unseen.get(check, 0)
        bit = 1 << agent
        if bool(mask & bit) == is_seen:
            self.unseen[check] = mask ^ bit
            if not self.unseen[check]:
                del self.unseen[check]
            self._renew()

    def _renew(self) -> None:
        self.version += 1
        self._live = []
        self._classes.clear()
        self._sums.clear()
        self._prepared.clear()
        self._swept.clear()

    @property
    def live(self) -> list[int]:
        """By check: the agents whose probes count."""
        if not self._live:
            unseen, present = self.unseen, self.present
            self._live = [mask & present & ~unseen.get(check, 0) for check, mask in enumerate(self.assigned)]
        return self._live

    def is_live(self, probe: Probe) -> bool:
        return bool(self.live[probe[0]] >> probe[1] & 1)

    def probe(self, agent: str, check: str) -> Probe | None:
        """By numbers. None: nobody assigned that check to that agent."""
        check_number, agent_number = self.check_number.get(check), self.agent_number.get(agent)
        if check_number is None or agent_number is None:
            return None
        return (check_number, agent_number) if self.assigned[check_number] >> agent_number & 1 else None

    def is_on(self, track: Track, probe: Probe) -> bool:
        """Whether it counts on this track."""
        return probe[0] in self._on_track[track] and self.is_live(probe)

    def count(self, track: Track, parts: Parts = (), without: tuple[Parts, ...] = ()) -> int:
        """Probes of *track* that go through all of *parts*, and not through any of *without*."""
        return self._sum(track, parts, without)[0]

    def exposure(self, track: Track, parts: Parts = (), without: tuple[Parts, ...] = ()) -> float:
        """How many results a second these probes have."""
        return self._sum(track, parts, without)[1]

    def _sum(self, track: Track, parts: Parts, without: tuple[Parts, ...] = ()) -> tuple[int, float]:
        key = (track, parts, without)
        found = self._sums.get(key)
        if found is None:
            if without:
                whole, inside = self._sum(track, parts), self._overlap(track, parts, without)
                found = (whole[0] - inside[0], whole[1] - inside[1])
            else:
                checks = self._candidates(track, parts)
                found = self._sum_classes(track, parts) if checks is None else self._sum_checks(checks, parts)
            self._sums[key] = found
        return found

    def prepare(self, track: Track, parts: Parts, entities: Iterable[int], tail: Parts = ()) -> None:
        """Count what goes through *parts*, each of *entities* and *tail* in one go, for calls that follow.

        Checks whose probes are run by the same agents count once: there are few such sets.
        """
        masks = self._masks(track, parts + tail)
        for entity in entities:
            if self._by_checks[entity] or self._by_pair[entity]:
                continue
            total, per_second = 0, 0.0
            for (mask, is_own), (number, rate) in masks.items():
                of_entity = self._by_agents[entity]
                if is_own:
                    of_entity |= self._by_own[entity]
                count = (mask & of_entity).bit_count()
                total += count * number
                per_second += count * rate
            self._sums[track, (*parts, (entity,), *tail), ()] = (total, per_second)

    def prepare_vantages(self, track: Track, tail: Parts) -> None:
        """The same for all that agents are part of. Once will do while nobody comes or goes: what is not kept
        any more is counted when it is asked for."""
        if (track, tail) not in self._swept:
            self._swept.add((track, tail))
            self.prepare(track, (), self._vantages, tail)

    def _masks(self, track: Track, parts: Parts) -> dict[tuple[int, bool], tuple[int, float]]:
        """By the agents whose probes go through *parts*, and whether by their own resolvers: how many checks,
        and how many results of one agent a second."""
        key = (track, parts)
        found = self._prepared.get(key)
        if found is not None:
            return found
        found = self._prepared[key] = {}
        checks = self._candidates(track, parts)
        live, intervals, own = self.live, self.intervals, self._own_checks
        for check in self.track_checks[track] if checks is None else checks:
            mask = live[check]
            for group in parts:
                mask &= self._group_mask(group, check)
            if mask:
                of = (mask, check in own)
                number, rate = found.get(of, (0, 0.0))
                found[of] = (number + 1, rate + 1 / intervals[check])
        return found

    def _sum_checks(self, checks: Iterable[int], parts: Parts) -> tuple[int, float]:
        live, intervals = self.live, self.intervals
        total, rate = 0, 0.0
        for check in checks:
            mask = live[check]
            for group in parts:
                mask &= self._group_mask(group, check)
            if mask:
                count = mask.bit_count()
                total += count
                rate += count / intervals[check]
        return total, rate

    def _overlap(self, track: Track, parts: Parts, without: tuple[Parts, ...]) -> tuple[int, float]:
        """Of the probes through *parts* those that go through any of *without*: each once."""
        if len(without) == 1:
            return self._sum(track, parts + without[0])
        live, intervals = self.live, self.intervals
        candidates = [self._candidates(track, parts + other) for other in without]
        checks: Iterable[int] = (
            self.track_checks[track]
            if any(each is None for each in candidates)
            else {check for each in candidates if each is not None for check in each}
        )
        total, rate = 0, 0.0
        for check in checks:
            mask = live[check]
            for group in parts:
                mask &= self._group_mask(group, check)
            if not mask:
                continue
            union = 0
            for other in without:
                of_other = mask
                for group in other:
                    of_other &= self._group_mask(group, check)
                union |= of_other
            if union:
                count = union.bit_count()
                total += count
                rate += count / intervals[check]
        return total, rate

    def _candidates(self, track: Track, parts: Parts) -> Sequence[int] | None:
        """The checks that can matter. None: all of the track, and a count by classes of them will do."""
        best: Sequence[int] | None = None
        is_uniform = True
        for group in parts:
            reach = self._reaches.get((track, group)) or self._reach(track, group)
            is_uniform = is_uniform and reach.is_uniform
            if reach.checks is not None and (best is None or len(reach.checks) < len(best)):
                best = reach.checks
        if best is None:
            return None if is_uniform else self.track_checks[track]
        return best

    def _reach(self, track: Track, group: Group) -> "_Reach":
        checks: list[int] | None = None
        if not any(self._by_agents[entity] or self._by_own[entity] for entity in group):
            through = chain.from_iterable((*self._by_checks[e], *self._by_pair[e]) for e in group)
            checks = sorted(self._on_track[track].intersection(through))
        is_uniform = not any(self._by_checks[entity] or self._by_pair[entity] for entity in group)
        found = self._reaches[track, group] = _Reach(checks, is_uniform)
        return found

    def _sum_classes(self, track: Track, parts: Parts) -> tuple[int, float]:
        classes = self._classes.get(track)
        if classes is None:
            classes = {}
            live = self.live
            for check in self.track_checks[track]:
                key = (live[check], check in self._own_checks)
                number, rate = classes.get(key, (0, 0.0))
                classes[key] = (number + 1, rate + 1 / self.intervals[check])
            self._classes[track] = classes
        total, rate = 0, 0.0
        for (agents, is_own), (number, per_second) in classes.items():
            mask = agents
            for group in parts:
                of_group = 0
                for entity in group:
                    of_group |= self._by_agents[entity]
                    if is_own:
                        of_group |= self._by_own[entity]
                mask &= of_group
            count = mask.bit_count()
            total += count * number
            rate += count * per_second
        return total, rate

    def _group_mask(self, group: Group, check: int) -> int:
        mask = 0
        for entity in group:
            if check in self._by_checks[entity]:
                return -1
            mask |= self._by_agents[entity]
            if check in self._own_checks:
                mask |= self._by_own[entity]
            pair = self._by_pair[entity]
            if pair:
                mask |= pair.get(check, 0)
        return mask

    def networks(self, track: Track, parts: Parts) -> int:
        """How many vantage networks have a probe through all of *parts*: an agent without one is its own."""
        mask = 0
        checks = self._candidates(track, parts)
        for check in self.track_checks[track] if checks is None else checks:
            found = self.live[check]
            for group in parts:
                found &= self._group_mask(group, check)
            mask |= found
        found, alone = 0, mask
        for entity, kind in enumerate(self.kinds):
            if kind is Kind.NETWORK and self._by_agents[entity] & mask:
                found += 1
                alone &= ~self._by_agents[entity]
        return found + alone.bit_count()
